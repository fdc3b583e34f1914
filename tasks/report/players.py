"""What a page lets people listen to: what came out, beside what it is to be held against."""

import base64
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from tasks.tables.exhibits import lower_note, scored
from tasks.tables.names import method_name

REFERENCES = "references"


class Player(NamedTuple):
    """One sound: whose it is, its score as text (empty without one), and all of it as a data URL."""

    name: str
    score: str
    url: str


def listening(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, list[Player]]]:
    """Players of the first seed by exhibit and row: what it is to be held against, then one row a level.

    A reference belongs to the exhibit whose name comes before the last comma in its own; all others stand together,
    first.

    Args:
        tables: the published tables of one job; without sounds, and for a run over several, there is no player.
    """
    table = tables.get("exhibits", pd.DataFrame())
    if "flac" not in table or "instance" in tables["results"]:
        return {}
    table = table[table.flac.notna()]
    made = table[table.sparsity.notna()]
    made = scored(made[made.seed == made.seed.min()], tables)
    lower = lower_note(tables)
    references = table[table.sparsity.isna()].drop_duplicates("exhibit")
    parts = references.exhibit.str.rpartition(", ")
    is_own = parts[0].isin(made.exhibit) & (parts[2] != "")
    players = {REFERENCES: {"": _players(references[~is_own], references.exhibit)}} if not is_own.all() else {}
    for exhibit, group in made.groupby("exhibit", sort=False):
        own = references[is_own & (parts[0] == exhibit)]
        levels = {f"{100 * level:g} % sparsity{lower}": rows for level, rows in group.groupby("sparsity")}
        players[str(exhibit)] = ({"": _players(own, parts[2])} if len(own) else {}) | {
            title: _players(rows, rows.method.map(method_name)) for title, rows in levels.items()
        }
    return players


def _players(rows: pd.DataFrame, names: pd.Series) -> list[Player]:
    """``names``: how each is called, by the index of its row."""
    scores = rows.get("below", pd.Series("", index=rows.index))
    urls = [f"data:audio/flac;base64,{base64.b64encode(sound).decode()}" for sound in rows.flac]
    return [Player(*player) for player in zip(names[rows.index], scores, urls, strict=True)]
