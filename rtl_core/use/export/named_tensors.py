"""Tensors under the names that a network has for them, as parts of a module, so that a graph has these names too."""

from torch import Tensor, nn


def named_tensors(tensors: dict[str, Tensor]) -> nn.Module:
    """A module with these buffers; dots in names become modules in it, as they were in the network."""
    root = nn.Module()
    for name, value in tensors.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if part not in module._modules:
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        module.register_buffer(last, value.detach().clone())
    return root


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """The same tensors by name."""
    return dict(module.named_buffers(remove_duplicate=False))
