"""The tables of similarity: every pair in every layer, means by depth, and each mask's with the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rtl_core.similarity import ALL, DEPTHS
from tasks.artefacts.similarity_file import similarity_from_bytes
from tasks.artefacts.store import STORE
from tasks.tables.names import MEAN

PLACE = ["masks", "seed", "sparsity"]
VALUES = ["jaccard", "chance", "excess", "departure"]
Measured = Sequence[dict[str, Any]]
"""One set of masks each: ``masks`` (whose), ``seed``, ``sparsity`` and what ``measure_similarity`` found."""


def pairs_table(measured: Measured) -> pd.DataFrame:
    """pairs.parquet: each pair of masks, in each layer, at each depth and over all weights.

    Columns: masks, seed, sparsity, layer, subset_a, subset_b; Jaccard similarity, what chance gives, the excess over
    it, and the Jaccard similarity of the departures from θ₀'s mask.
    """
    parts = []
    for row in measured:
        similar, names = similarity_from_bytes(STORE.get(row["pairs"]["sha256"]))
        departures, _ = similarity_from_bytes(STORE.get(row["departures"]["sha256"]))
        values = {name: getattr(similar, name) for name in VALUES[:-1]} | {"departure": departures.jaccard}
        a, b = np.asarray(similar.pairs).T
        groups = len(similar.groups)
        text = {
            "masks": pd.Categorical([row["masks"]] * len(a) * groups),
            "layer": pd.Categorical.from_codes(np.tile(np.arange(groups), len(a)), similar.groups),
            "subset_a": pd.Categorical.from_codes(a.repeat(groups), names),
            "subset_b": pd.Categorical.from_codes(b.repeat(groups), names),
        }
        numbers = {name: value.numpy().ravel().astype(np.float32) for name, value in values.items()}
        parts.append(pd.DataFrame({**text, **numbers, "seed": np.int32(row["seed"]), "sparsity": row["sparsity"]}))
    table = pd.concat(parts, ignore_index=True)
    text_columns = ["layer", "subset_a", "subset_b"]  # these lose their category where parts have other names
    table = table.astype(dict.fromkeys(["masks", *text_columns], "category"))
    return table[[*PLACE, *text_columns, *VALUES]]


def similarity_table(pairs: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """similarity.csv: means over pairs at each depth, with the size of the union of the masks.

    The rows of ``initial_magnitude`` are RTL's masks against that of θ₀'s largest weights.
    """
    keys = [*PLACE, "layer"]
    means = by_depth(pairs).astype({"masks": str, "layer": str}).groupby(keys, sort=False)[VALUES].mean().reset_index()
    unions = pd.DataFrame([{key: row[key] for key in [*PLACE, "union"]} for row in measured])
    initial = [row for of_rtl in measured if of_rtl["masks"] == "rtl" for row in _initial_means(of_rtl)]
    return pd.concat([means.merge(unions, on=PLACE), pd.DataFrame(initial)], ignore_index=True)


def overlap_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """overlap.csv: mean similarity of each mask to the others of its kind over all weights, and the mean of all."""
    pairs = pairs[pairs.layer == ALL].astype({"masks": str})
    ends = [pairs.assign(subset=pairs[end].astype(str)) for end in ("subset_a", "subset_b")]
    everything = pd.concat([*ends, pairs.assign(subset=MEAN)])
    means = everything.groupby([*PLACE, "subset"], sort=False)[["jaccard", "excess", "departure"]].mean()
    return means.astype(float).reset_index()


def by_depth(pairs: pd.DataFrame) -> pd.DataFrame:
    """The rows over all weights and by depth, without those of single layers."""
    return pairs[pairs.layer.isin([ALL, *DEPTHS])]


def _initial_means(row: dict[str, Any]) -> list[dict[str, Any]]:
    similar, _ = similarity_from_bytes(STORE.get(row["initial"]["sha256"]))
    place = {"masks": "initial_magnitude", "seed": row["seed"], "sparsity": row["sparsity"]}
    means = {name: getattr(similar, name).mean(0).tolist() for name in VALUES[:-1]}
    return [
        {**place, "layer": layer, **{name: values[number] for name, values in means.items()}}
        for number, layer in enumerate(similar.groups)
        if layer in (ALL, *DEPTHS)
    ]
