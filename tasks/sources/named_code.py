"""Which code a problem consists of: its own module's, and that which its settings name by import path."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from tasks.artefacts.digests import digest_of
from tasks.sources.source_digest import is_installed, source_digest, source_of

IMPORT_PATH = re.compile(r"([^\W\d]\w*(?:\.\w+)*):[\w.]+")


def code_digest(import_path: str, settings: Mapping[str, Any]) -> str:
    """A digest of the source behind a problem, and behind what its settings name by import path (``mine:MyNet``).

    Of what was installed, it is the version of its packages. Sources are taken once in a process, as modules are
    imported once.

    Raises:
        SettingsError: there is no such problem.
    """
    own = source_digest(import_path.partition(":")[0])
    named = [source_digest(module) for module in named_modules(settings)]
    installed = named_versions(settings)
    return digest_of([own, *named, *installed]) if named or installed else own


def named_modules(settings: Mapping[str, Any]) -> list[str]:
    """The modules, of those not installed, that settings name by import path."""
    return [module for module, file in _named(settings) if not is_installed(file)]


def named_versions(settings: Mapping[str, Any]) -> list[str]:
    """The packages, of those installed, that settings name by import path, each with its version."""
    tops = {module.partition(".")[0] for module, file in _named(settings) if is_installed(file)}
    return sorted(f"{name} {version(name)}" for top in tops for name in _packages().get(top, []))


def texts_in(values: list[Any]) -> Iterator[str]:
    """The texts among settings, however deep."""
    for value in values:
        if isinstance(value, list | dict):
            yield from texts_in(list(value.values()) if isinstance(value, dict) else value)
        elif isinstance(value, str):
            yield value


def _named(settings: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """The modules that settings name, with the file of each."""
    matches = (IMPORT_PATH.fullmatch(text) for text in texts_in(list(settings.values())))
    modules = dict.fromkeys(match[1] for match in matches if match)
    return [(module, file) for module in modules if (file := source_of(module))]


@cache
def _packages() -> Mapping[str, list[str]]:
    return packages_distributions()
