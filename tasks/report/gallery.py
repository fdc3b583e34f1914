"""What a page lets people see and hear: what each method made, beside what it is to be held against."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from tasks.figures.axes import even_places
from tasks.tables.exhibits import scored
from tasks.tables.names import level_text, method_name
from tasks.tables.standings import shown_first

MOST_BYTES = 24 << 20
"""Of pictures and sounds that a page embeds; beyond, some of the levels are left out."""


class Card(NamedTuple):
    """One exhibit: whose it is, its score as text, and picture and sound as data URLs; empty without."""

    name: str
    score: str
    picture: str
    sound: str


class Level(NamedTuple):
    """A sparsity in percent, how it is written, and what the methods made at it."""

    percent: float
    text: str
    cards: list[Card]


@dataclass(frozen=True)
class Shelf:
    """An exhibit: what it is to be held against, and what was made at each level."""

    title: str
    references: list[Card]
    levels: list[Level]


def gallery(tables: Mapping[str, pd.DataFrame]) -> list[Shelf]:
    """Shelves of the first seed, one for each exhibit.

    A reference belongs to the exhibit whose name comes before the last comma in its own; of all others, the first
    stands with the first exhibit, the second with the second, and the rest with the last.

    Args:
        tables: the published tables of one job; a run over several has no gallery of its own.
    """
    table = tables.get("exhibits", pd.DataFrame())
    if table.empty or "instance" in tables["results"]:
        return []
    made = table[table.sparsity.notna()]
    made = scored(made[made.seed == made.seed.min()], tables)
    made = made[made.sparsity.isin(_levels(made, shown_first(tables["results"])))]
    references = table[table.sparsity.isna()].drop_duplicates("exhibit")
    exhibits = list(made.exhibit.unique())
    parts = references.exhibit.str.rpartition(", ")
    is_own = parts[0].isin(exhibits) & (parts[2] != "")
    others = dict.fromkeys(exhibits, references[:0])
    for place, index in enumerate(references.index[~is_own]):
        exhibit = exhibits[min(place, len(exhibits) - 1)]
        others[exhibit] = pd.concat([others[exhibit], references.loc[[index]]])
    shelves = []
    for exhibit, group in made.groupby("exhibit", sort=False):
        own = references[is_own & (parts[0] == exhibit)]
        shelves.append(
            Shelf(
                str(exhibit),
                _cards(own, parts[2]) + _cards(others[str(exhibit)], references.exhibit),
                [
                    Level(round(100 * float(level), 4), level_text(float(level)), _cards(rows, _names(rows)))
                    for level, rows in group.groupby("sparsity")
                ],
            )
        )
    return shelves


def _levels(made: pd.DataFrame, first: float) -> Sequence[float]:
    """The levels that may be embedded, at equal distances, the one shown first among them."""
    levels = sorted(made.sparsity.unique())
    taken = sum(made[kind].dropna().map(len).sum() for kind in made.columns.intersection(["png", "flac"]))
    most = len(levels) if taken <= MOST_BYTES else max(1, int(len(levels) * MOST_BYTES / taken))
    kept = {levels[place] for place in even_places(len(levels), most)} if most > 1 else set()
    return sorted(kept | {min(levels, key=lambda level: abs(level - first))})


def _names(rows: pd.DataFrame) -> pd.Series:
    return rows.method.map(method_name)


def _cards(rows: pd.DataFrame, names: pd.Series) -> list[Card]:
    """``names``: how each is called, by the index of its row."""
    scores = rows.get("below", pd.Series("", index=rows.index))
    urls = {
        kind: [_url(content, of) for content in rows[kind]] if kind in rows else [""] * len(rows)
        for kind, of in (("png", "image/png"), ("flac", "audio/flac"))
    }
    return [Card(*card) for card in zip(names[rows.index], scores, urls["png"], urls["flac"], strict=True)]


def _url(content: object, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if isinstance(content, bytes) else ""
