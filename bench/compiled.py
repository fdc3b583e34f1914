"""What a training step compiled ahead of time (AOTInductor) gives on this CPU: a JSON line; `python bench/compiled.py`.

It takes minutes and a C++ compiler. The step is forward and backward of CIFAR-10's network on random images in float32.
"""

import json
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch._inductor.package import load_package
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from rtl_core.networks.constructors import constructor_of
from tasks.process.cores import cores

IMAGES, STEPS, TURNS = 320, 8, 3


def main() -> None:
    """Images per second of CPU time in one thread, and of wall time in as many as there are cores: eager, compiled."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = constructor_of("ghostnet", {})(3, 10).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(IMAGES, 3, 32, 32).to(memory_format=torch.channels_last)
    targets = torch.rand(IMAGES).round()
    parameters = [value.detach().clone() for value in network.parameters()]
    buffers = [value.detach().clone() for value in network.buffers()]
    step = _step_of(network)
    given = (*parameters, *buffers, images, targets)
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        compiled = _compiled(step, given, Path(folder, "step.pt2"))
        seconds = time.perf_counter() - start
        ways: dict[str, Callable[[], Any]] = {"eager": lambda: step(*given), "compiled": lambda: compiled(*given)}
        rates: dict[str, dict[str, list[float]]] = {
            name: {"one_thread_per_cpu_s": [], "all_cores_per_s": []} for name in ways
        }
        for _ in range(TURNS):
            for name, work in ways.items():
                rates[name]["one_thread_per_cpu_s"].append(_alone(work))
                rates[name]["all_cores_per_s"].append(_on_all(work))
    found = {
        name: {what: sorted(values)[TURNS // 2] for what, values in kinds.items()} for name, kinds in rates.items()
    }
    ratios = {what: found["compiled"][what] / found["eager"][what] for what in found["eager"]}
    print(json.dumps({"torch": torch.__version__, "cores": cores(), "compile_s": seconds, **found, "ratio": ratios}))


def _step_of(network: nn.Module) -> Callable[..., tuple[Tensor, ...]]:
    names, kept = [name for name, _ in network.named_parameters()], [name for name, _ in network.named_buffers()]

    def step(*given: Tensor) -> tuple[Tensor, ...]:
        weights = [value.detach().requires_grad_() for value in given[: len(names)]]
        buffers = [value.clone() for value in given[len(names) : -2]]
        state = dict(zip((*names, *kept), (*weights, *buffers), strict=True))
        outputs = functional_call(network, state, (given[-2],))
        loss = F.binary_cross_entropy_with_logits(outputs[:, 0], given[-1])
        return (loss.detach(), *torch.autograd.grad(loss, weights, materialize_grads=True), *buffers)

    return step


def _compiled(step: Callable[..., Any], given: tuple[Tensor, ...], path: Path) -> Callable[..., Any]:
    graph = make_fx(step, tracing_mode="fake")(*given)

    class Step(nn.Module):
        def forward(self, *given: Tensor) -> Any:
            return graph(*given)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(Step(), given, strict=False)
        package = torch._inductor.aoti_compile_and_package(exported, package_path=str(path))
    loaded: Callable[..., Any] = load_package(package, num_runners=cores())  # one alone would serve thread after thread
    return torch.no_grad()(loaded)


def _alone(work: Callable[[], Any]) -> float:
    work()
    start = time.process_time()
    for _ in range(STEPS):
        work()
    return STEPS * IMAGES / (time.process_time() - start)


def _on_all(work: Callable[[], Any]) -> float:
    with ThreadPoolExecutor(cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(lambda _: work(), range(cores())))
        start = time.perf_counter()
        list(pool.map(lambda _: work(), range(cores() * STEPS)))
        return cores() * STEPS * IMAGES / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
