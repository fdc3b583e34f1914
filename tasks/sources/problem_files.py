"""Which files a problem reads beside its published data, and whether it names all of them."""

import importlib
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, TypeVar

from rtl_core.errors import DataError
from rtl_core.problem import Problem
from tasks.artefacts.digests import file_digest
from tasks.sources.named_code import texts_in
from tasks.sources.opened_files import opened_files
from tasks.sources.source_digest import is_installed, own_sources

Made = TypeVar("Made")
SYSTEM = ("bin", "dev", "etc", "lib", "lib64", "proc", "run", "sys", "usr", "var", "Library", "System")
NO_INPUTS = (*(Path("/", name) for name in SYSTEM), *map(Path, (sys.prefix, sys.base_prefix, tempfile.gettempdir())))
METADATA = (".egg-info", ".dist-info")
"""Endings of the folders that say of a package what was installed; libraries look through all of them for plugins."""
OURS = ("flows", "tasks", "rtl_core")
PLACES = (os.path.abspath, os.path.realpath)

_read_by_import: dict[str, set[Path]] = {}


def partition_sources(cls: type[Problem], settings: Mapping[str, Any]) -> list[Path]:
    """The files that ``partition`` would read with these settings."""
    return _named(cls.source_files, settings)


def training_sources(cls: type[Problem], settings: Mapping[str, Any]) -> list[Path]:
    """The files that constructor and network would read with these settings: those named, and those that settings are.

    Raises:
        DataError: one that is named is not there.
    """
    named = _named(cls.training_files, settings)
    for path in named:
        if not path.is_file():
            raise DataError(f"{path}: no such file; {cls.__module__}:{cls.__name__} names it in training_files()")
    return [*dict.fromkeys([*named, *_files_in(list(settings.values()))])]


def digests_of(files: Iterable[Path]) -> list[list[str]]:
    """Each file, as people call it here, with its SHA-256."""
    return [[path_here(path), file_digest(path)] for path in files]


def path_here(path: Path) -> str:
    """A file below the project's root by its path from there; another by its name, wherever a machine has it."""
    absolute = Path(os.path.abspath(path))
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else path.name


def import_watched(module: str) -> Any:
    """Import a module; what it reads meanwhile counts as read by each problem in it."""
    if module in sys.modules:
        return sys.modules[module]
    with opened_files() as opened:
        imported = importlib.import_module(module)
    _read_by_import[module] = opened.here
    return imported


def made_of_named_files(
    make: Callable[[], Made],
    import_path: str,
    hook: str,
    named: Callable[[], Iterable[Path]],
    own: Path,
    named_modules: Sequence[str] = (),
) -> Made:
    """What a function makes that may read its own folder, and no file elsewhere but those named.

    A file that was not opened here may have been opened by another program: the function then runs once more, to see
    whether the file is opened again.

    Args:
        make: it.
        import_path: of the problem that it loads.
        hook: in which the problem names files.
        named: these, once the function has run.
        own: the folder.
        named_modules: those beside the problem's own that settings name.

    Raises:
        DataError: it read another file.
    """
    with opened_files() as opened:
        made = make()
    modules = [import_path.partition(":")[0], *named_modules]
    code = [file for module in modules for file in own_sources(module).values()]
    known = {Path(how(path)) for path in (*named(), *code) for how in PLACES}
    allowed = [Path(how(own)) for how in PLACES]

    def unnamed(files: Iterable[Path]) -> set[Path]:
        others = (file for file in files if not known & {file, file.resolve()} and is_input(file))
        return {file for file in others if not any(file.is_relative_to(folder) for folder in allowed)}

    missing = unnamed(opened.here.union(*(_read_by_import.get(module, set()) for module in modules)))
    if not missing and (suspected := unnamed(opened.elsewhere)):
        with opened_files() as again:
            make()
        missing = suspected & again.elsewhere
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DataError(
            f"{import_path} reads {path_here(min(missing))}{more} and does not name it in {hook}(): when it changed, "
            "nothing would be computed anew; name it there"
        )
    return made


def _named(hook: Callable[..., list[Path]], settings: Mapping[str, Any]) -> list[Path]:
    parameters = inspect.signature(hook).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return [Path(path) for path in hook(**{n: v for n, v in settings.items() if takes_all or n in parameters})]


def _files_in(values: list[Any]) -> list[Path]:
    """The files whose paths stand among settings, $NAME read from the environment."""
    paths = [Path(os.path.expandvars(os.path.expanduser(text))) for text in texts_in(values) if "\0" not in text]
    return [path for path in paths if os.path.isfile(path)]


def is_input(file: Path) -> bool:
    """Whether results may depend on a file: not on the system's, on what was installed, or on what is hidden."""
    root = Path.cwd()
    inside = file.is_relative_to(root)
    parts = (file.relative_to(root) if inside else file).parts
    if is_installed(file) or file.name.endswith((".so", *EXTENSION_SUFFIXES)):
        return False
    if any(part.startswith(".") or part == "__pycache__" or part.endswith(METADATA) for part in parts):
        return False
    if file.suffix == ".py" and parts[0] in OURS and inside:
        return False
    return not any(file.is_relative_to(folder) for folder in NO_INPUTS if not root.is_relative_to(folder))
