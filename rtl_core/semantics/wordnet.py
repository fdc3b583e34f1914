"""Generate cifar10.csv: the WordNet path similarity of the CIFAR-10 class names (paper section 6).

Path similarity is 1 / (1 + edges on the shortest way between two meanings through their hypernyms). Source: WordNet
3.0, copyright 2006 by Princeton University. Run ``python -m rtl_core.semantics.wordnet``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rtl_core.errors import DataError
from rtl_core.semantics.wordnet_nouns import WordNetNouns

TABLE = Path(__file__).with_name("cifar10.csv")
DEBIAN = Path("/usr/share/wordnet")

SENSES = {
    "airplane": ("airplane", "an aircraft that has a fixed wing"),  # its only noun sense
    "automobile": ("car", "a motor vehicle with four wheels"),  # its only noun sense, filed under car
    "bird": ("bird", "warm-blooded egg-laying vertebrates"),  # not the meat, the woman, the hiss, the shuttlecock
    "cat": ("cat", "feline mammal"),  # includes house cats; big_cat does not; the others are no felines
    "deer": ("deer", "distinguished from Bovidae"),  # its only noun sense, the family Cervidae
    "dog": ("dog", "a member of the genus Canis"),  # not the people, the sausage, the catch, the andiron
    "frog": ("frog", "any of various tailless stout-bodied amphibians"),  # not the Frenchman, the loop of braid
    "horse": ("horse", "solid-hoofed herbivorous quadruped"),  # not gymnastics, cavalry, the sawhorse, chess
    "ship": ("ship", "a vessel that carries passengers or freight"),  # its only noun sense
    "truck": ("truck", "an automotive vehicle suitable for hauling"),  # not hand_truck, a handcart
}
"""Class → the WordNet 3.0 noun whose first sense it is, and how its gloss begins; beside it, why this sense."""


def table(folder: Path) -> str:
    """The similarities of the classes as CSV text, from a folder of WordNet 3.0's database files.

    Raises:
        DataError: a file is missing, or the files are not those of WordNet 3.0.
    """
    nouns = WordNetNouns(folder)
    meanings = [_meaning(nouns, noun, gloss) for noun, gloss in SENSES.values()]
    rows = [[f"{1 / (1 + nouns.edges(one, other)):.6f}" for other in meanings] for one in meanings]
    lines = [["", *SENSES], *([name, *row] for name, row in zip(SENSES, rows, strict=True))]
    return "".join(",".join(line) + "\n" for line in lines)


def _meaning(nouns: WordNetNouns, noun: str, gloss: str) -> int:
    """The first sense of a noun, if its gloss begins as it should."""
    senses = nouns.meanings(noun)
    if not senses:
        raise DataError(f"{nouns.folder}: no noun {noun!r}; allowed: WordNet 3.0's files")
    if not (text := nouns.gloss(senses[0])).startswith(gloss):
        raise DataError(f"{nouns.folder}: {noun} is {text!r}; allowed: WordNet 3.0's {gloss!r}")
    return senses[0]


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
