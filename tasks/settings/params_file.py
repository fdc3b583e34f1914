"""What params.yaml says, as it stands: its sections, and which of them are chosen.

The file may come from anyone: what it can make a reader do, allocate or print is bounded before it is understood.
"""

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rtl_core.errors import SettingsError
from tasks.artefacts import paths

MOST_BYTES = 1 << 18
"""Most that the file may hold."""
MOST_DIGITS, MOST_LETTERS, MOST_SHOWN = 40, 80, 200
"""Most digits of a number, letters of a key, and letters that a message shows of a value."""
TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")}
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
WRITTEN_OUT = "settings written out in each section (`dvc exp run -S` cannot change shared ones, or not in one alone)"
KINDS: dict[type[Any], str] = {MappingNode: "mapping", SequenceNode: "list", ScalarNode: "long text"}


def read_params() -> dict[str, Any]:
    """params.yaml as it stands, checked only for being a mapping with a list of problems.

    Raises:
        SettingsError: the file is missing, is no YAML or more than plain settings, or names a problem that has no
            section.
    """
    params: dict[str, Any] = _read_yaml()
    chosen = params.get("problems") if isinstance(params, dict) else None
    if not isinstance(chosen, list) or not chosen or not all(isinstance(name, str) for name in chosen):
        raise SettingsError(
            f"{paths.PARAMS}: problems: found {shown(chosen)}; allowed: a list of sections of this file"
        )
    for name in chosen:
        section(params, name)
    return params


def sections(params: dict[str, Any]) -> list[str]:
    """The names of all sections of problems, in the order of letters."""
    return sorted(key for key in params if key != "problems")


def section(params: dict[str, Any], name: str) -> Any:
    """The section of one problem, unchecked.

    Raises:
        SettingsError: there is none.
    """
    known = sections(params)
    if name not in known:
        raise SettingsError(f"unknown problem {shown(name)}; {paths.PARAMS} has: {', '.join(known)}")
    if not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
        raise SettingsError(f"{paths.PARAMS}: {name!r}: allowed in a problem's name: letters, digits, '_' and '-'")
    return params[name]


def shown(value: Any) -> str:
    """A value as messages show it, on one line and not beyond measure."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _read_yaml() -> Any:
    try:
        with paths.PARAMS.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise SettingsError(f"{paths.PARAMS}: not found in {Path.cwd()}; run from the project's root") from None
    except OSError as problem:
        raise SettingsError(f"{paths.PARAMS}: not readable ({problem.strerror})") from None
    if len(content) > MOST_BYTES:
        raise SettingsError(f"{paths.PARAMS}: found more than {MOST_BYTES} bytes; allowed: up to {MOST_BYTES}")
    return deepcopy(_parsed(content))


@lru_cache(maxsize=1)  # a stage reads the file some times over
def _parsed(content: bytes) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.Composer = _Composer
    try:
        constructor, _ = reader.get_constructor_parser(content.decode())
        node = reader.composer.get_single_node()
        if node is None:
            return None
        _check(node)
        return constructor.construct_document(node)
    except SettingsError:
        raise
    except RecursionError:
        raise SettingsError(f"{paths.PARAMS}: nested too deeply") from None
    except Exception as problem:  # a number or an escape that is none makes Python raise whatever it may
        reason = " ".join(str(problem).split())[:MOST_SHOWN]
        raise SettingsError(f"{paths.PARAMS}: not valid YAML: {reason}") from problem


class _Composer(Composer):
    """Refuses an alias of more than one short value: no setting is shared, nothing holds itself, and what is read is
    hardly larger than the file.
    """

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        alias = self.parser.peek_event() if self.parser.check_event(AliasEvent) else None
        node: Node | None = super().compose_node(parent, index)
        if alias and not (isinstance(node, ScalarNode) and len(node.value) <= MOST_LETTERS):
            raise _error(alias, f"the alias {shown(alias.anchor)} of a {KINDS[type(node)]}", WRITTEN_OUT)
        return node


def _check(node: Node) -> None:
    """Check that a node and all below it are plain settings.

    Raises:
        SettingsError: one is not.
    """
    if node.tag not in TAGS:
        raise _error(node, f"the type {shown(node.tag)}", "text, numbers, true, false, null, lists and mappings")
    if isinstance(node, ScalarNode) and node.tag != TEXT and len(node.value) > MOST_DIGITS:
        raise _error(node, f"a number of {len(node.value)} digits", f"up to {MOST_DIGITS}")
    below: list[Node] = []
    if isinstance(node, MappingNode):
        _check_keys(node)
        below = [value for _, value in node.value]
    elif isinstance(node, SequenceNode):
        below = node.value
    for value in below:
        _check(value)


def _check_keys(node: MappingNode) -> None:
    keys = set()
    for key, _ in node.value:
        if isinstance(key, ScalarNode) and key.tag == MERGE:
            raise _error(key, f"the merge key {shown(key.value)}", WRITTEN_OUT)
        if key.tag != TEXT or not isinstance(key, ScalarNode):
            raise _error(key, f"the key {shown(key.value)}", "keys that are text")
        if not key.value.isprintable() or len(key.value) > MOST_LETTERS:
            raise _error(key, f"the key {shown(key.value)}", f"up to {MOST_LETTERS} printable letters")
        if key.value in keys:
            raise _error(key, f"the key {shown(key.value)} again", "each key once")
        keys.add(key.value)


def _error(place: Node | AliasEvent, what: str, allowed: str) -> SettingsError:
    return SettingsError(f"{paths.PARAMS}: line {place.start_mark.line + 1}: found {what}; allowed: {allowed}")
