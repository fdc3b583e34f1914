"""How far methods are ahead of others: what holds of any scores of examples."""

import itertools

import numpy as np
import pandas as pd
import pytest
from example_tables import scoring_of

from rtl_core.intervals import spread, stratified_interval
from tasks.tables.by_level import margin_tables
from tasks.tables.examples import examples_file, joined_examples
from tasks.tables.margins import margins_table
from tasks.tables.names import margin_text
from tasks.tables.published import of_instance

METHODS = ("rtl", "imp_single", "imp_multiple", "imp_single_union")
SIZES = {"indoor": 9, "outdoor": 30}
SCORING = scoring_of(pd.DataFrame({"protocol": "enhancement", "metric": ["si_snri", "stoi"]}))


def scores_of(value, seeds=(0, 1), sizes=SIZES, methods=METHODS) -> pd.DataFrame:
    """Scores of examples; ``value`` makes one of method, seed, subset and number of the example."""
    rows = [
        {
            "method": method, "seed": seed, "sparsity": 0.5, "protocol": "enhancement", "metric": "si_snri",
            "subset": subset, "example": f"clip {number}", "value": value(method, seed, subset, number),
        }
        for method, seed, (subset, size) in itertools.product(methods, seeds, sizes.items())
        for number in range(size)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def margins_of(examples: pd.DataFrame, scoring: pd.DataFrame = SCORING) -> pd.DataFrame:
    return margins_table(examples, scoring)


def drawn(method, seed, subset, number) -> float:
    return float(np.random.default_rng([METHODS.index(method), seed, len(subset), number]).normal())


def pair(margins: pd.DataFrame, method: str, against: str) -> pd.DataFrame:
    return margins[(margins.method == method) & (margins.against == against)].set_index("subset")


def test_margins_the_other_way_round_are_their_negatives():
    examples = scores_of(drawn)
    names = {"rtl": "imp_single", "imp_single": "rtl"}
    there = pair(margins_of(examples), "rtl", "imp_single")
    back = pair(margins_of(examples.replace({"method": names})), "rtl", "imp_single")
    np.testing.assert_allclose(there.difference, -back.difference)
    np.testing.assert_allclose(there.ahead, 1 - back.ahead)
    np.testing.assert_allclose(there[["low", "high"]], -back[["high", "low"]].to_numpy(), rtol=0, atol=0.1)
    assert (there.low < there.difference).all() and (there.difference < there.high).all()


def test_a_constant_lead_is_told_exactly_and_no_lead_is_none():
    margins = margins_of(scores_of(lambda method, *place: len(place[1]) + 0.5 * (method == "rtl")))
    columns = ["difference", "low", "high", "ahead"]
    assert (pair(margins, "rtl", "imp_single")[columns] == [0.5, 0.5, 0.5, 1]).all(axis=None)
    assert (pair(margins, "imp_multiple", "imp_single")[columns] == 0).all(axis=None)


def test_who_has_the_lower_error_is_ahead_where_lower_is_better():
    """Of a hundred examples the method errs less on 38, and more on average: .540 against .512."""
    errors = {"rtl": lambda number: 0.412 if number < 38 else 0.540 + 0.128 * 38 / 62, "imp_single": lambda _: 0.512}
    examples = scores_of(lambda method, seed, subset, number: errors[method](number), (0,), {"all": 100}, [*errors])
    scoring = SCORING.assign(higher_is_better=False)
    found = pair(margins_of(examples, scoring), "rtl", "imp_single").loc["mean"]
    assert found.difference == pytest.approx(-0.028) and found.low < found.difference < found.high < 0
    assert found.ahead == pytest.approx(0.38)
    (table,) = margin_tables(
        margins_of(examples.assign(metric="mse"), renamed := scoring.assign(metric="mse")), renamed
    )
    assert table.title.startswith("margins in MSE (lower is better; + means lower), enhancement protocol, mean over")
    (text,) = table.sections["over IMP single"]["RTL"]
    assert text.startswith("−.028 [") and text.endswith(",\nahead in 38 %")


def test_margins_of_negatives_of_which_lower_is_better_are_the_same():
    examples = scores_of(lambda *place: round(drawn(*place)))
    negated = examples.assign(value=-examples.value)
    found = margins_of(examples)
    assert (found.ahead % 1 > 0).any()
    pd.testing.assert_frame_equal(margins_of(negated, SCORING.assign(higher_is_better=False)), found)
    pd.testing.assert_frame_equal(margins_of(negated).difference.to_frame(), -found.difference.to_frame())


def test_pairing_takes_out_what_is_common_to_an_example():
    hard = margins_of(scores_of(lambda method, *place: drawn(METHODS[0], *place) * 1000 + drawn(method, *place)))
    easy = margins_of(scores_of(drawn))
    held = pair(hard, "imp_multiple", "imp_single")
    np.testing.assert_allclose(held.difference, pair(easy, "imp_multiple", "imp_single").difference)
    np.testing.assert_allclose(held.high, pair(easy, "imp_multiple", "imp_single").high)


def test_the_mean_weighs_subsets_the_same_and_counts_seeds_before_examples():
    found = pair(margins_of(scores_of(drawn)), "rtl", "imp_single")
    assert found.examples.to_dict() == {**SIZES, "mean": sum(SIZES.values())}
    for column in ("difference", "ahead"):
        assert found[column]["mean"] == pytest.approx(found[column][list(SIZES)].mean())
    one = scores_of(lambda method, seed, subset, number: (3.0, -1.0)[seed] * (method == "rtl"))
    assert pair(margins_of(one), "rtl", "imp_single").ahead.tolist() == [1, 1, 1]
    assert (pair(margins_of(one), "rtl", "imp_single").difference == 1).all()


def test_everything_is_held_against_one_mask_and_rtl_against_the_others_too():
    methods = ("rtl", "rtl_sequential", "imp_single", "imp_multiple", "random_masks")
    found = margins_of(scores_of(lambda *place: 0.0, methods=methods))[["method", "against"]].drop_duplicates()
    assert found.values.tolist() == [
        *([method, "imp_single"] for method in methods if method != "imp_single"),
        ["rtl", "imp_multiple"],
        ["rtl_sequential", "imp_multiple"],
    ]
    assert margins_of(scores_of(drawn, methods=["rtl"])).empty


def test_an_example_that_one_method_has_no_score_of_is_left_out_of_that_pair_alone():
    examples = scores_of(drawn)
    gone = (examples.method == "imp_multiple") & (examples.example == "clip 3")
    margins = margins_of(examples.assign(value=examples.value.mask(gone)))
    assert pair(margins, "imp_multiple", "imp_single").examples["mean"] == sum(SIZES.values()) - len(SIZES)
    whole = pair(margins_of(examples), "rtl", "imp_single")
    pd.testing.assert_frame_equal(pair(margins, "rtl", "imp_single"), whole)


def test_instances_weigh_the_same_and_each_has_margins_of_its_own():
    parts = [scores_of(drawn, sizes={"indoor": size}).assign(instance=name) for name, size in (("a", 4), ("b", 40))]
    run = pd.concat([part.assign(value=part.value + len(part) * (part.method == "rtl")) for part in parts])
    found = pair(margins_of(run), "rtl", "imp_single")
    results = run.assign(subset="mean").drop(columns="example")
    own = [of_instance({"results": results, "examples": run, "scoring": SCORING}, name)["margins"] for name in "ab"]
    differences = [pair(margins, "rtl", "imp_single").difference["mean"] for margins in own]
    assert found.difference["mean"] == found.difference["indoor"] == pytest.approx(np.mean(differences))
    assert differences[1] - differences[0] > 100


def test_a_stratified_interval_of_one_group_is_the_plain_one_and_knows_spread_within_alone():
    values = np.random.default_rng(0).normal(size=20)
    assert stratified_interval([values]) == spread(values)
    assert stratified_interval([[1.0, 1.0], [9.0, 9.0, 9.0]]) == (5, 5)
    low, high = stratified_interval([values, values + 100])
    assert 49 < low < 50 + values.mean() < high < 51
    assert all(map(np.isnan, stratified_interval([values, [1.0]])))


def test_files_of_examples_are_joined_as_they_are_and_without_any_there_is_a_table_all_the_same(tmp_path):
    examples = scores_of(drawn)
    parts = [examples_file(rows.to_dict("records")) for _, rows in examples.groupby("method", sort=False)]
    path = tmp_path / "examples.parquet"
    path.write_bytes(joined_examples(parts))
    pd.testing.assert_frame_equal(pd.read_parquet(path), examples)
    path.write_bytes(joined_examples([examples_file(examples.assign(instance="a").to_dict("records"))]))
    assert list(pd.read_parquet(path)) == ["instance", *examples]
    path.write_bytes(joined_examples([]))
    none = pd.read_parquet(path)
    assert none.empty and list(none) == list(examples)
    assert margins_of(none).empty and margin_tables(margins_of(none), SCORING) == []


def test_people_read_means_of_the_first_metric_by_rival_and_level():
    examples = scores_of(lambda method, *place: 0.5 * (method == "rtl"))
    more = pd.concat([examples, examples.assign(sparsity=0.75), examples.assign(metric="stoi", value=0)])
    (table,) = margin_tables(margins_of(more), SCORING)
    assert table.title.startswith("margins in SI-SNR improvement, dB, enhancement protocol, mean over examples [95 %")
    assert table.levels == ["50 %", "75 %"]
    assert list(table.sections) == ["over IMP single", "over IMP single, RTL's union", "over IMP multiple"]
    assert table.sections["over IMP multiple"] == {"RTL": ["+.50 [+.50, +.50],\nahead in 100 %"] * 2}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.612, 0.42, 0.8, 0.713), "+.61 [+.42, +.80],\nahead in 71 %"),
        ((-0.004, -0.02, 0.01, 0.3), "−.004 [−.020, +.010],\nahead in 30 %"),
        ((10.304, 9.2, 11, 1), "+10.30 [+9.20, +11.00],\nahead in 100 %"),
        ((-0.0001, np.nan, np.nan, 0), "+.000,\nahead in 0 %"),
    ],
)
def test_margins_are_written_with_signs_and_as_many_decimals_as_they_need(values, text):
    assert margin_text(*values) == text
