"""Generate cifar10.csv: the WordNet path similarity of the CIFAR-10 class names (paper section 6).

Path similarity is 1 / (1 + edges on the shortest way between two meanings through their hypernyms), as NLTK computes
it. Source: WordNet 3.0, copyright 2006 by Princeton University. Run ``python -m rtl_core.semantics.wordnet``.
"""

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rtl_core.errors import DataError

TABLE = Path(__file__).with_name("cifar10.csv")
DEBIAN = Path("/usr/share/wordnet")
FILES = [f"{kind}.{part}" for kind in ("index", "data") for part in ("noun", "verb", "adj", "adv")]
FILES += [f"{part}.exc" for part in ("noun", "verb", "adj", "adv")]

SENSES = {
    "airplane": ("airplane.n.01", "an aircraft that has a fixed wing"),  # its only noun sense
    "automobile": ("car.n.01", "a motor vehicle with four wheels"),  # its only noun sense, filed under car
    "bird": ("bird.n.01", "warm-blooded egg-laying vertebrates"),  # not the meat, the woman, the hiss, the shuttlecock
    "cat": ("cat.n.01", "feline mammal"),  # includes house cats; big_cat.n.01 does not; the others are no felines
    "deer": ("deer.n.01", "distinguished from Bovidae"),  # its only noun sense, the family Cervidae
    "dog": ("dog.n.01", "a member of the genus Canis"),  # not the people, the sausage, the catch, the andiron
    "frog": ("frog.n.01", "any of various tailless stout-bodied amphibians"),  # not the Frenchman, the loop of braid
    "horse": ("horse.n.01", "solid-hoofed herbivorous quadruped"),  # not gymnastics, cavalry, the sawhorse, chess
    "ship": ("ship.n.01", "a vessel that carries passengers or freight"),  # its only noun sense
    "truck": ("truck.n.01", "an automotive vehicle suitable for hauling"),  # not hand_truck.n.01, a handcart
}
"""Class → the WordNet 3.0 noun that means it, and how its gloss begins; beside it, why this sense."""


def table(folder: Path) -> str:
    """The similarities of the classes as CSV text, from a folder of WordNet 3.0's database files.

    Raises:
        DataError: NLTK or a file is missing, or the files are not those of WordNet 3.0.
    """
    meanings = _meanings(folder)
    rows = [[f"{one.path_similarity(other):.6f}" for other in meanings] for one in meanings]
    lines = [["", *SENSES], *([name, *row] for name, row in zip(SENSES, rows, strict=True))]
    return "".join(",".join(line) + "\n" for line in lines)


def _meanings(folder: Path) -> list[Any]:
    if missing := [name for name in FILES if not os.path.isfile(folder / name)]:
        raise DataError(
            f"{folder}: {missing[0]} not found; allowed: a folder of WordNet 3.0's files ({', '.join(FILES)}), "
            f"{DEBIAN} after 'apt-get install wordnet-base'"
        )
    try:
        import nltk  # type: ignore[import-untyped]  # needed to generate the table, not to use it
        from nltk.corpus.reader.wordnet import WordNetCorpusReader, WordNetError  # type: ignore[import-untyped]
    except ModuleNotFoundError as problem:
        raise DataError(f"{problem.name} is not installed; it comes with pip install --editable '.[dev]'") from None

    class Nouns(WordNetCorpusReader):  # type: ignore[misc]
        """Reads the files that Debian ships: NLTK wants two more, for what is not asked of it here."""

        def open(self, file: str) -> Any:
            if file == "lexnames":  # the names of the 45 files that lexicographers edit; their numbers will do
                return io.StringIO("".join(f"{number:02} {number:02} 0\n" for number in range(45)))
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """Other languages go through this map, made from index.sense."""

    root = str(folder.resolve())
    nltk.data.path.append(root)  # NLTK opens files only below the folders listed here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that other languages are not there
            nouns = Nouns(root, omw_reader=None)
            found = {name: nouns.synset(sense) for name, (sense, _) in SENSES.items()}
    except (OSError, ValueError, AttributeError, WordNetError) as problem:  # AttributeError: a file cut short
        raise DataError(f"{folder}: not readable as WordNet ({problem}); allowed: WordNet 3.0's files") from problem
    for name, (sense, gloss) in SENSES.items():
        if not found[name].definition().startswith(gloss):
            raise DataError(f"{folder}: {sense} is {found[name].definition()!r}; allowed: WordNet 3.0's {gloss!r}")
    return list(found.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table whole or not at all; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rtl_core.semantics.wordnet", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEBIAN, help=f"WordNet 3.0's files [{DEBIAN}]")
    parser.add_argument("--out", type=Path, default=TABLE, help="the file to write [cifar10.csv beside this script]")
    given = parser.parse_args(arguments)
    part = given.out.with_name(f".{given.out.name}.part")
    try:
        part.write_text(table(given.folder), encoding="utf-8", newline="")
        part.replace(given.out)
    except DataError as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(
            f"{given.out}: not writable ({problem.strerror}); allowed: a file in a folder that exists", file=sys.stderr
        )
        return 1
    finally:
        part.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
