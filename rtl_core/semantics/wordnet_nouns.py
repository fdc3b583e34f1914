"""What a noun can mean, and what each meaning is a kind of, from the files of WordNet 3.

They are read as wndb(5WN) describes them: NLTK takes seconds to load and wants files that Debian leaves out.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from rtl_core.errors import DataError

ENDINGS = {"s": "", "ses": "s", "xes": "x", "zes": "z", "ches": "ch", "shes": "sh", "men": "man", "ies": "y"}
"""Endings of regular plurals, and of their singulars, from morphy(7WN)."""


FILES = ("index.noun", "data.noun")


class WordNetNouns:
    """The nouns of a folder with WordNet's ``index.noun`` and ``data.noun``. A meaning is a place in the latter.

    Raises:
        DataError: a file is missing or not WordNet's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            index, self._data = ((folder / name).read_bytes() for name in FILES)
        except OSError as problem:
            raise DataError(
                f"{folder}: no readable index.noun and data.noun ({problem.strerror}); allowed: WordNet 3's "
                "files in /usr/share/wordnet, after 'apt-get install wordnet-base' or where $WNSEARCHDIR says"
            ) from None
        self._lines = {line.split(b" ", 1)[0].decode(): line for line in index.splitlines() if line[:1] != b" "}

    def meanings(self, name: str) -> list[int]:
        """The meanings of a noun, the most common first; none, if it is not in WordNet.

        Several words that are no noun together mean what the last ones do: an aquarium fish is a fish.
        """
        words = re.split(r"[\s_]+", name.strip().lower())
        for start in range(len(words)):
            for noun in _singulars("_".join(words[start:])):
                if noun in self._lines:
                    return self._places(noun)
        return []

    def kinds(self, meaning: int) -> dict[int, int]:
        """A meaning and everything that it is a kind of: its hypernyms, theirs, and so on, each with the edges of the
        shortest way there.
        """
        edges = {meaning: 0}
        waiting = [meaning]
        for kind in waiting:  # grows meanwhile, the nearest first
            further = [hypernym for hypernym in self._hypernyms(kind) if hypernym not in edges]
            edges |= dict.fromkeys(further, edges[kind] + 1)
            waiting += further
        return edges

    def edges(self, one: int, other: int) -> int:
        """How many edges the shortest way between two meanings has, up to something that both are a kind of."""
        upwards, downwards = self.kinds(one), self.kinds(other)
        return min(upwards[kind] + downwards[kind] for kind in upwards.keys() & downwards.keys())

    def gloss(self, meaning: int) -> str:
        """What WordNet says that a meaning is."""
        return self._line(meaning).partition(b" | ")[2].decode().strip()

    def _places(self, noun: str) -> list[int]:
        fields = self._lines[noun].split()
        try:
            return [int(place) for place in fields[-int(fields[2]) :]]
        except (ValueError, IndexError):
            raise DataError(f"{self.folder / 'index.noun'}: no line of WordNet's for {noun!r}") from None

    def _hypernyms(self, meaning: int) -> list[int]:
        fields = self._line(meaning).split(b" | ")[0].split()
        try:
            if int(fields[0]) != meaning:
                raise ValueError
            first = 4 + 2 * int(fields[3], 16)
            pointers = fields[first + 1 : first + 1 + 4 * int(fields[first])]
            return [int(p) for sign, p in zip(pointers[::4], pointers[1::4], strict=True) if sign in (b"@", b"@i")]
        except (ValueError, IndexError):
            raise DataError(f"{self.folder / 'data.noun'}: no line of WordNet's at byte {meaning}") from None

    def _line(self, meaning: int) -> bytes:
        return self._data[meaning : self._data.find(b"\n", meaning)]


def _singulars(noun: str) -> Iterator[str]:
    yield noun
    for ending, singular in ENDINGS.items():
        if noun.endswith(ending):
            yield noun.removesuffix(ending) + singular
