"""Which source code a step depends on: a module and all that it imports from this project."""

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, resolve_name
from pathlib import Path
from threading import Lock

from rtl_core import OFFERED
from rtl_core.errors import SettingsError
from tasks.sources.project_modules import OURS

METHOD = "rtl_core"

PLUMBING = (
    "tasks.artefacts.digests",
    "tasks.artefacts.folder_lock",
    "tasks.artefacts.paths",
    "tasks.artefacts.publishing",
    "tasks.artefacts.store",
    "tasks.artefacts.whole_file",
    "tasks.caching",
    "tasks.prefect_environment",
    "tasks.process",
    "tasks.settings",
    "tasks.sources",
)
"""What steps reach that decides where artefacts lie and when they are made, and nothing of what they hold."""
INSTALLED = {"site-packages", "dist-packages"}
STANDARD = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})

_parsing = Lock()
"""CPython before 3.11.9 may fail when several threads parse at once (its issue 106905)."""


@cache
def source_digest(module_name: str) -> str:
    """SHA-256 over the source of a module and of the modules that it reaches (see ``own_sources``).

    It is taken once in a process, as Python imports a module once.

    Raises:
        SettingsError: there is no such module, or it has no source.
    """
    return _digest_of(own_sources(module_name))


@cache
def step_digest(module_name: str) -> str:
    """The same of the module of a cached step, without what carries artefacts and does not make them.

    Raises:
        SettingsError: there is no such module, or it has no source.
    """
    return _digest_of(own_sources(module_name, PLUMBING))


def _digest_of(files: Mapping[str, Path]) -> str:
    listing = "\n".join(f"{name} {hashlib.sha256(files[name].read_bytes()).hexdigest()}" for name in sorted(files))
    return hashlib.sha256(listing.encode()).hexdigest()


@cache
def own_sources(module_name: str, without: tuple[str, ...] = ()) -> dict[str, Path]:
    """The files of a module and, transitively, of the modules it imports, by name; not of modules and packages named in
    ``without``, nor of what only these import.

    Those count that lie below the project's root, beside the module's own top-level package or in one of ours: not
    what else was installed, nor Python's own. An import counts wherever it stands, and so does ``import_module`` of a
    literal; a name that is put together while the program runs cannot be followed.

    Raises:
        SettingsError: there is no such module, or it has no source.
    """
    tops = {module_name.partition(".")[0], *OURS}
    roots = {Path.cwd(), *(root for top in tops if (root := _root(top)))}
    barred = tuple(f"{name}." for name in without)
    files: dict[str, Path] = {}
    waiting, seen = [module_name], {""}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting.append(name.rpartition(".")[0])
        if f"{name}.".startswith(barred) or (file := source_of(name)) is None:
            continue
        if name.partition(".")[0] in tops or _is_below(file, roots):
            files[name] = file
            waiting += _imports(file, name)
    if module_name not in files:
        raise SettingsError(f"{module_name}: no such Python module")
    return files


@cache
def is_installed(file: Path) -> bool:
    """Whether a file is of Python itself, or of what was installed for it."""
    return bool(INSTALLED & {*file.parts}) or any(file.is_relative_to(folder) for folder in STANDARD)


def _is_below(file: Path, roots: Iterable[Path]) -> bool:
    return not is_installed(file) and any(file.is_relative_to(root) for root in roots)


@cache
def source_of(name: str) -> Path | None:
    """The file of a module; of a package, its ``__init__``."""
    top, *rest = name.split(".")
    loaded = getattr(sys.modules.get(top), "__spec__", None)
    try:
        spec = loaded or find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        places = [Path(spec.origin)] if spec.origin and not rest else []
    else:
        bases = [Path(folder, *rest) for folder in spec.submodule_search_locations]
        suffixes = [".py", *EXTENSION_SUFFIXES]
        packages = [base / f"__init__{suffix}" for base in bases for suffix in suffixes]
        modules = [base.with_name(f"{base.name}{suffix}") for base in bases if rest for suffix in suffixes]
        places = packages + modules
    return next((Path(os.path.abspath(file)) for file in places if file.is_file()), None)


def _root(top: str) -> Path | None:
    """The folder in which a top-level module or package lies; None where it was installed."""
    spec = getattr(sys.modules.get(top), "__spec__", None) or find_spec(top)
    if spec is None:
        return None
    places = spec.submodule_search_locations
    folder = Path(os.path.abspath(next(iter(places)) if places else spec.origin or "")).parent
    return None if is_installed(folder) else folder


@cache
def _imports(file: Path, name: str) -> tuple[str, ...]:
    return tuple(_imported(file, name))


def _imported(file: Path, name: str) -> Iterator[str]:
    if file.suffix != ".py":
        return
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    try:
        with _parsing:
            nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError):  # importing it will tell, if that is ever done
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
            if base == METHOD:
                yield from (f"{METHOD}.{OFFERED[alias.name]}" for alias in node.names if alias.name in OFFERED)
        elif isinstance(node, ast.Attribute) and node.attr in OFFERED:
            if isinstance(node.value, ast.Name) and node.value.id == METHOD:
                yield f"{METHOD}.{OFFERED[node.attr]}"
        elif isinstance(node, ast.Call) and (literal := _imported_by_call(node)):
            try:
                yield resolve_name(literal, package)
            except ImportError:
                continue


def _imported_by_call(call: ast.Call) -> str | None:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    first = call.args[0] if call.args else None
    is_literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return first.value if called in ("import_module", "__import__") and is_literal else None  # type: ignore[union-attr]
