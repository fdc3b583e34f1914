"""Which code a ticket file may name: ours and two libraries', and what the user names beside them."""

from collections.abc import Collection

from rtl_core.description.architecture import Architecture, Classifier, ImportedNetwork
from rtl_core.errors import TicketFileError
from rtl_core.networks import CLASSIFIERS
from rtl_core.networks.constructors import DOWNLOADS

TORCHVISION, TIMM = "torchvision.models", "timm"


def import_path_in(architecture: Architecture | None) -> str | None:
    """The import path of a network's code, ``module:name``; None where it is ours."""
    if isinstance(architecture, Classifier):
        return None if architecture.name in CLASSIFIERS else architecture.name
    return architecture.path if isinstance(architecture, ImportedNetwork) else None


def check_allowed(architecture: Architecture | None, allow: Collection[str], name: str) -> None:
    """Refuse a file whose network is made by code that it may not name; nothing is imported to find out.

    Args:
        architecture: what the file says of its network.
        allow: import paths, ``module:name``, that the user trusts.
        name: what messages call the file.

    Raises:
        TicketFileError: its network has another import path, or asks for weights from elsewhere.
    """
    path = import_path_in(architecture)
    if path is None or path in allow:
        return
    assert isinstance(architecture, Classifier | ImportedNetwork)
    module, _, attribute = path.partition(":")
    if isinstance(architecture, Classifier):
        is_known = module in (TIMM, TORCHVISION) and attribute != ""
    else:
        is_known = module == TORCHVISION and not architecture.positional
    if is_known and (asked := [key for key in DOWNLOADS if architecture.arguments.get(key)]):
        raise TicketFileError(f"{name}: its network {path} asks for {asked[0]}; allowed: weights of the file alone")
    if not is_known:
        raise TicketFileError(
            f"{name}: its network is {path[:80]!r}, code that is not ours; allowed: {', '.join(CLASSIFIERS)}, "
            f"{TIMM}:NAME, {TORCHVISION}:NAME, or what you trust and name (load(…, allow=[…]), --allow)"
        )


def check_listed(path: str, allow: Collection[str], name: str) -> None:
    """Refuse what torchvision's module of networks holds beside networks.

    Raises:
        TicketFileError: it has no network of that name.
    """
    module, _, attribute = path.partition(":")
    if module == TORCHVISION and path not in allow:
        from torchvision.models import list_models  # takes seconds to import

        if attribute not in list_models():
            raise TicketFileError(f"{name}: found the network {path[:80]!r}; allowed: a name that list_models() has")
