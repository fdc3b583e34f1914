"""Which source code a step depends on: a module and all that it imports from this project."""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from rtl_core.errors import SettingsError

METHOD = "rtl_core"

_parsing = Lock()
"""Of CPython before 3.11.9: parsing in several threads at once may fail (its issue 106905)."""


@cache
def source_digest(module_name: str) -> str:
    """SHA-256 over the source of a module and, transitively, of the modules it imports that lie beside its own
    top-level package or the method's.

    Raises:
        SettingsError: there is no such module, or it has no Python source.
    """
    ours = {_root(module_name), _root(METHOD)}
    sources: dict[str, str] = {}
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        origin = _origin(name)
        if origin is None:
            if name == module_name:
                raise SettingsError(f"{name}: no such Python module")
            continue
        content = origin.read_bytes()
        sources[name] = hashlib.sha256(content).hexdigest()
        package = name if origin.name == "__init__.py" else name.rpartition(".")[0]
        with _parsing:
            waiting += [found for found in _imports(content, package) if _root(found) in ours]
    listing = "\n".join(f"{name} {sources[name]}" for name in sorted(sources))
    return hashlib.sha256(listing.encode()).hexdigest()


def source_digests(module_names: Iterable[str]) -> dict[str, str]:
    """The digest of each module, by name."""
    return {name: source_digest(name) for name in module_names}


def _origin(name: str) -> Path | None:
    top, *rest = name.split(".")
    loaded = sys.modules.get(top)
    spec = loaded.__spec__ if loaded is not None else find_spec(top)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*rest) if spec.submodule_search_locations else Path(spec.origin)
    candidates = (path, path.with_name(f"{path.name}.py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file() and file.suffix == ".py"), None)


@cache
def _root(name: str) -> Path | str | None:
    """The folder of a module's top-level package; for one that was installed, the package alone."""
    top = name.partition(".")[0]
    origin = _origin(top)
    if origin is None or "site-packages" in origin.parts:
        return origin and top
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


def _imports(content: bytes, package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
