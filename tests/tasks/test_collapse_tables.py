"""The tables of the collapse analysis, from masks and scores whose answers are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from example_tables import scoring_of

from rtl_core.errors import DataError
from rtl_core.masks import Masks
from rtl_core.similarity import departures, every_pair, similarity
from rtl_core.weights import Layout
from tasks.artefacts.similarity_file import similarity_from_bytes, similarity_to_bytes
from tasks.artefacts.store import STORE
from tasks.tables.collapse import alignment_table, collapse_table, knees_table
from tasks.tables.similarity import overlap_table, pairs_table, similarity_table

NAMES = ("a", "b", "c", "d")
LAYOUT = Layout(("first", "second", "third"), ((40,), (40,), (40,)))
QUIET = {"0": None}
SCORING = scoring_of(pd.DataFrame({"protocol": "any", "metric": ["auroc", "psnr"]}))
ROUNDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Four masks a round, that keep the largest of slightly different weights, as the pipeline measures them."""
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    initial = torch.randn(LAYOUT.size, generator=generator)
    trained = initial + 0.3 * torch.randn(4, LAYOUT.size, generator=generator)
    rows, masks = [], {}
    for sparsity in ROUNDS:
        kept = torch.zeros(4, LAYOUT.size, dtype=torch.bool)
        kept.scatter_(1, trained.abs().topk(round((1 - sparsity) * LAYOUT.size)).indices, True)
        found = masks[sparsity] = Masks(LAYOUT, kept)
        origin = Masks(LAYOUT, torch.cat([kept, (departures(found, initial).values ^ kept)[:1]]))
        kinds = {
            "pairs": similarity(found, every_pair(4)),
            "departures": similarity(departures(found, initial), every_pair(4)),
            "initial": similarity(origin, [(k, 4) for k in range(4)]),
        }
        files = {name: {"sha256": STORE.put(similarity_to_bytes(kind, (*NAMES, "θ₀")))} for name, kind in kinds.items()}
        rows.append(
            {"masks": "rtl", "seed": 0, "sparsity": sparsity, "union": int(found.union().sum())} | files
        )  # fmt: skip
    return rows, masks


def test_every_pair_and_layer_is_in_the_table_and_means_are_means(measured):
    rows, masks = measured
    pairs = pairs_table(rows)
    assert len(pairs) == len(ROUNDS) * 6 * (4 + 3)
    one = pairs[(pairs.sparsity == 0.5) & (pairs.layer == "second") & (pairs.subset_a == "b") & (pairs.subset_b == "d")]
    b, d = masks[0.5].layers()["second"][[1, 3]]
    assert one.jaccard.item() == pytest.approx(((b & d).sum() / (b | d).sum()).item())
    means = similarity_table(pairs, rows).set_index(["masks", "sparsity", "layer"])
    assert set(means.index.get_level_values("layer")) == {"all", "shallow", "middle", "deep"}
    deep = pairs[(pairs.sparsity == 0.3) & (pairs.layer == "deep")]
    assert means.loc[("rtl", 0.3, "deep"), "departure"] == pytest.approx(deep.departure.mean())
    assert means.loc[("rtl", 0.3, "deep"), "union"] == int(masks[0.3].union().sum())
    assert 0 < means.loc[("initial_magnitude", 0.3, "all"), "excess"] < 1


def test_each_mask_is_held_against_the_others(measured):
    overlap = overlap_table(pairs_table(measured[0]))
    now = overlap[overlap.sparsity == 0.5].set_index("subset")
    of_b = similarity(measured[1][0.5], [(0, 1), (1, 2), (1, 3)]).jaccard[:, 0].mean().item()
    assert now.loc["b", "jaccard"] == pytest.approx(of_b, abs=1e-6)
    assert now.loc["mean", "jaccard"] == pytest.approx(now.loc[list(NAMES), "jaccard"].mean(), abs=1e-6)


def test_a_known_fall_of_the_metric_is_found_and_a_rise_is_none(measured):
    overlap = overlap_table(pairs_table(measured[0]))
    noise = np.random.default_rng(0)
    worth = {name: 0.8 - 2 * np.maximum(0, np.array(ROUNDS) - 0.55) for name in NAMES}
    worth = {name: values + 0.002 * noise.standard_normal(len(ROUNDS)) for name, values in worth.items()}
    worth["mean"] = np.mean(list(worth.values()), axis=0)
    results = pd.DataFrame(
        {"method": "rtl", "seed": 0, "sparsity": sparsity, "protocol": protocol, "metric": "auroc", "subset": name,
         "value": sign * value}
        for protocol, sign in (("paper", -1), ("matched", 1))
        for name, values in worth.items()
        for sparsity, value in zip(ROUNDS, values, strict=True)
    )  # fmt: skip
    collapse = collapse_table(results, overlap, "matched.auroc")
    assert len(collapse) == 5 * len(ROUNDS) and collapse.value.min() > 0
    knees = knees_table(collapse, overlap, ROUNDS, QUIET, SCORING).set_index(["curve", "subset"])
    fall = knees.loc[("metric", "mean")]
    assert fall.low <= 0.55 <= fall.high and fall.side == "fall" and 5 < fall["round"] < 6
    assert knees.loc["alarm", "sparsity"].isna().all() and knees.loc["alarm", "lead"].isna().all()
    rang = {"0": {"knee": 3, "rung": 4, "side": "rise", "sparsity": 0.3}}
    heard = knees_table(collapse, overlap, ROUNDS, rang, SCORING).set_index("curve").loc["alarm"]
    assert (heard["round"], heard.rung, heard.sparsity) == (3, 4, 0.3)
    assert heard.lead == pytest.approx(fall["round"] - 4)
    with pytest.raises(DataError, match=r"collapse.metric: found 'matched.aurok'; allowed: paper.auroc, matched.auroc"):
        collapse_table(results, overlap, "matched.aurok")
    rising = knees_table(collapse_table(results, overlap, None), overlap, ROUNDS, QUIET, SCORING)
    assert rising[rising.curve == "metric"].sparsity.isna().all()


def test_an_error_that_rises_collapses_where_its_negative_falls(measured):
    overlap = overlap_table(pairs_table(measured[0]))
    noise = np.random.default_rng(0)
    results = pd.DataFrame(
        {"method": "rtl", "seed": 0, "sparsity": sparsity, "protocol": "any", "metric": "auroc", "subset": name,
         "value": 0.8 - 2 * max(0, sparsity - 0.55) + 0.002 * noise.standard_normal()}
        for name in (*NAMES, "mean")
        for sparsity in ROUNDS
    )  # fmt: skip
    falling = collapse_table(results, overlap, None)
    rising, lower = falling.assign(value=-falling.value), SCORING.assign(higher_is_better=False)
    rang = {"0": {"knee": 3, "rung": 4, "side": "rise", "sparsity": 0.3}}
    expected = knees_table(falling, overlap, ROUNDS, rang, SCORING)
    found = knees_table(rising, overlap, ROUNDS, rang, lower)
    own = ["side", "slope_before", "slope_after"]
    pd.testing.assert_frame_equal(found.drop(columns=own), expected.drop(columns=own))
    fall, rise = (table[table.curve == "metric"] for table in (expected, found))
    assert set(fall.side) == {"fall"} and set(rise.side) == {"rise"} and fall.sparsity.notna().all()
    assert (rise[own[1:]] == -fall[own[1:]]).all(axis=None) and (rise.slope_after > 1).all()
    for collapse, scoring in ((falling, lower), (rising, SCORING)):
        knees = knees_table(collapse, overlap, ROUNDS, rang, scoring)
        assert knees[knees.curve == "metric"].sparsity.isna().all()


def test_a_metric_of_all_tickets_together_falls_where_it_falls(measured):
    overlap = overlap_table(pairs_table(measured[0]))
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(ROUNDS))
    worth = 30 - 40 * np.maximum(0, np.array(ROUNDS) - 0.55) + noise
    results = pd.DataFrame(
        {"method": "rtl", "seed": 0, "sparsity": ROUNDS, "protocol": "any", "metric": "psnr", "subset": "mean",
         "value": worth}
    )  # fmt: skip
    collapse = collapse_table(results, overlap, None)
    assert len(collapse) == len(ROUNDS) and set(collapse.subset) == {"mean"}
    knees = knees_table(collapse, overlap, ROUNDS, QUIET, SCORING)
    (fall,) = knees[knees.curve == "metric"].to_dict("records")
    assert fall["subset"] == "mean" and fall["side"] == "fall" and abs(fall["sparsity"] - 0.55) < 0.01


def test_masks_alike_as_their_meanings_are_aligned(measured):
    rows, masks = measured
    pairs = pairs_table(rows)
    by_depth = pairs[pairs.layer.isin(["all", "deep"])]
    meaning = torch.eye(4, dtype=torch.float64)
    found = similarity(masks[0.5], every_pair(4))
    for (a, b), value in zip(found.pairs, found.jaccard[:, 0], strict=True):
        meaning[a, b] = meaning[b, a] = value
    table = alignment_table(by_depth, by_depth[:0], meaning, NAMES)
    assert len(table) == 2 * len(ROUNDS) and set(table.over) == {"sparsity"}
    same = table[(table["at"] == 0.5) & (table.depth == "all")]
    assert same.rho.item() == pytest.approx(1)
    assert alignment_table(by_depth, by_depth[:0], None, NAMES).empty


def test_similarities_come_back_from_the_store_as_they_were(measured):
    rows, masks = measured
    found, names = similarity_from_bytes(STORE.get(rows[0]["pairs"]["sha256"]))
    expected = similarity(masks[0.1], every_pair(4))
    assert names == (*NAMES, "θ₀") and found.groups == expected.groups and found.pairs == expected.pairs
    assert torch.equal(found.jaccard, expected.jaccard) and torch.equal(found.chance, expected.chance)
