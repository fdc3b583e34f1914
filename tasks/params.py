"""What params.yaml says, as it stands: its sections, and which of them are chosen."""

import re
from pathlib import Path
from typing import Any

import yaml

from rtl_core.errors import SettingsError
from tasks import paths


def read_params() -> dict[str, Any]:
    """params.yaml as it stands, checked only for being a mapping with a list of problems.

    Raises:
        SettingsError: the file is missing, is no YAML, or names a problem that has no section.
    """
    try:
        found = yaml.safe_load(paths.PARAMS.read_text())
    except FileNotFoundError:
        raise SettingsError(f"{paths.PARAMS}: not found in {Path.cwd()}; run from the project's root") from None
    except yaml.YAMLError as problem:
        raise SettingsError(f"{paths.PARAMS}: not valid YAML: {' '.join(str(problem).split())}") from problem
    chosen = found.get("problems") if isinstance(found, dict) else None
    if not isinstance(chosen, list) or not chosen or not all(isinstance(name, str) for name in chosen):
        raise SettingsError(f"{paths.PARAMS}: problems: found {chosen!r}; allowed: a list of sections of this file")
    for name in chosen:
        section(found, name)
    return found


def section(params: dict[str, Any], name: str) -> Any:
    """The section of one problem, unchecked.

    Raises:
        SettingsError: there is none.
    """
    known = sorted(str(key) for key in params if key != "problems")
    if name not in known:
        raise SettingsError(f"unknown problem {name!r}; {paths.PARAMS} has: {', '.join(known)}")
    if not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
        raise SettingsError(f"{paths.PARAMS}: {name!r}: allowed in a problem's name: letters, digits, '_' and '-'")
    return params[name]
