"""What things are called where not every character may stand, so that what differs stays apart."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple

DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{place}" for port in ("COM", "LPT") for place in "0123456789¹²³")}
"""What Windows opens in place of a file of this name, whatever its suffix."""
DIGITS = (8, 16, 32, 64)
"""Hexadecimal digits of SHA-256 that tell names apart; more of them only where fewer do not."""


class NameRule(NamedTuple):
    """What one kind of name may be.

    Attributes:
        mended: makes any text in Unicode's form NFC such a name; one that is such a name stays as it is.
        size: of a name, where there is a limit to it.
        most: that limit.
        alike: names for which this is the same cannot stand beside each other.
    """

    mended: Callable[[str], str]
    size: Callable[[str], int]
    most: int
    alike: Callable[[str], str]


def distinct_names(names: Iterable[str], rule: NameRule) -> dict[str, str]:
    """A name that the rule allows for each of ``names``, no two of them alike, whatever their order.

    One that is allowed as it is keeps its name beside others. Of those that would meet, and of those that are cut
    off, each has some digits of its own SHA-256 at its end. Texts that differ in how Unicode composes letters alone,
    as a file's name does on macOS and Linux, are one name.
    """
    texts = {name: unicodedata.normalize("NFC", name) for name in names}
    mended = {text: rule.mended(text) for text in texts.values()}
    everyone = Counter(rule.alike(name) for name in mended.values())
    unchanged = Counter(rule.alike(name) for text, name in mended.items() if text == name)

    def is_free(text: str, name: str) -> bool:
        rivals = unchanged if text == name else everyone
        return rule.size(name) <= rule.most and rivals[rule.alike(name)] == 1

    for digits in DIGITS:
        told_apart = {
            text: name if is_free(text, name) else _told_apart(text, name, digits, rule)
            for text, name in mended.items()
        }
        if len({rule.alike(name) for name in told_apart.values()}) == len(told_apart):
            break
    return {name: told_apart[text] for name, text in texts.items()}


def _told_apart(text: str, name: str, digits: int, rule: NameRule) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    kept = name[: rule.most - digits - 1]
    while rule.size(f"{kept}-{digest}") > rule.most:
        kept = kept[:-1]
    return f"{kept}-{digest}"


def _filled(text: str, allowed: Callable[[str], bool], filler: str) -> str:
    """The text with ``filler`` in place of every run of other characters."""
    return "".join("".join(run) if good else filler for good, run in groupby(text, allowed))


def _of_files(character: str) -> bool:
    return character.isalnum() or character in "_.-" or unicodedata.category(character).startswith("M")


def _of_metrics(character: str) -> bool:
    return character.isalnum() or character in "_- "


def _of_keys(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "-")


def _as_file(text: str) -> str:
    name = _filled(text, _of_files, "_") or "_"
    if name[0] in ".-":
        name = f"_{name[1:]}"
    if name[-1] == ".":
        name = f"{name[:-1]}_"
    return f"_{name}" if name.partition(".")[0].upper() in DEVICES else name


FILES = NameRule(_as_file, lambda name: len(name.encode()), 150, str.casefold)
"""Files and folders on Linux, macOS and Windows: letters with their marks and digits of any script, '_', '-' and '.';
not hidden, and short enough for what is put before and behind it."""
METRICS = NameRule(lambda text: _filled(text, _of_metrics, "_") or "_", len, 60, str)
"""Parts of the names of MLflow's metrics, which slashes join, and of its tags: letters and digits of any script, '_',
'-' and spaces; four of them are within MLflow's 250 characters."""
KEYS = NameRule(lambda text: _filled(text.lower(), _of_keys, "-") or "-", len, 60, str)
"""Keys of Prefect's artifacts: a to z, digits and '-'."""
