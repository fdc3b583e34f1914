"""What a comparison says in sentences: a winner, a tie, lower scores that are better, one seed, instances, controls."""

import pandas as pd
import pytest
from example_tables import example_tables
from example_verdicts import TIE, WINNER, negated, tables_of

from rtl_core.methods import METHODS
from tasks.tables.standings import shown_first, standings
from tasks.tables.verdict import contenders, share_text, verdict


def test_a_winner_is_named_with_its_lead_and_the_weights_of_both():
    first, rivals = verdict(tables_of(WINNER))
    assert first == (
        "RTL is ahead at 75 % sparsity, by .40 [.10, .70]: PSNR 31.20 [31.00, 31.40] dB against 30.80 [30.70, 30.90] "
        "dB of IMP multiple, the next best, with 600 prunable weights against 3,600."
    )
    assert rivals == "RTL is 2.03 [1.90, 2.20] ahead of IMP single at 1.5 times its weights."


def test_where_ranges_overlap_there_is_no_winner_and_the_smaller_is_told_to_be():
    first, rivals = verdict(tables_of(TIE))
    assert first == (
        "No winner at 75 % sparsity: in PSNR IMP multiple 31.50 [31.30, 31.70] dB and RTL 31.20 [31.00, 31.40] dB "
        "cannot be told apart; IMP single is behind."
    )
    assert rivals == (
        "RTL is 2.03 [1.90, 2.20] ahead of IMP single at 1.5 times its weights, and level with IMP multiple at a sixth "
        "of its weights."
    )


@pytest.mark.parametrize("scores", [WINNER, TIE])
def test_where_lower_is_better_the_same_is_said_of_negated_scores(scores):
    plain, mirrored = tables_of(scores), tables_of(negated(scores), higher=False)
    for one, other in zip(standings(plain, 0.75), standings(mirrored, 0.75), strict=True):
        assert (one.method, one.leads, one.mean) == (other.method, other.leads, -other.mean)
    said, mirrored_said = verdict(plain), verdict(mirrored)
    assert said[1:] == mirrored_said[1:] and said[0].partition(":")[0] == mirrored_said[0].partition(":")[0]
    assert "(lower is better)" in mirrored_said[0] and "lower" not in said[0]


def test_one_seed_gives_no_verdict():
    (only,) = verdict(tables_of({method: values[:1] for method, values in WINNER.items()}))
    assert only.startswith("One seed, no verdict: at 75 % sparsity RTL scores best, PSNR 31.00 dB, before IMP multiple")


def test_instances_are_compared_each_with_itself():
    far_apart = {"a": [20.0], "b": [40.0], "c": [30.0]}
    better = {name: [value + 0.5] for name, (value,) in far_apart.items()}
    first, *_ = verdict(tables_of({"imp_single": far_apart, "rtl": better}))
    assert first.startswith("RTL is ahead at 75 % sparsity, by .50 [.50, .50]: PSNR 30.50 [20.50, 40.50] dB")
    better["b"] = [39.9]
    assert verdict(tables_of({"imp_single": far_apart, "rtl": better}))[0].startswith("No winner")


def test_a_control_that_does_as_well_is_told_and_leads_nowhere():
    level = {"layer_shuffled_masks": [31.1, 31.3, 31.2]}
    *_, said = verdict(tables_of(WINNER | level))
    assert said == "RTL does as well with layer-shuffled masks."
    *_, said = verdict(tables_of(WINNER | {"layer_shuffled_masks": [33.0, 34.0, 35.0]}))
    assert said == "RTL does better with layer-shuffled masks."
    assert verdict(tables_of(WINNER | {"layer_shuffled_masks": [3.0, 4.0, 5.0]})) == verdict(tables_of(WINNER))


def test_the_same_at_another_sparsity_is_said_in_a_word():
    tables = tables_of(WINNER)
    tables = {
        name: table if name == "scoring" else pd.concat([table, table.assign(sparsity=0.9)])
        for name, table in tables.items()
    }
    assert shown_first(tables["results"]) == 0.75
    assert "At 90 % it is the same." in verdict(tables)
    tables["results"].loc[(tables["results"].sparsity == 0.9) & (tables["results"].method == "rtl"), "value"] = 1.0
    assert "At 90 % IMP multiple is ahead." in verdict(tables)


def test_a_method_without_a_score_is_left_out():
    tables = tables_of(WINNER)
    tables["results"].loc[tables["results"].method == "rtl", "value"] = float("nan")
    assert [row.method for row in standings(tables, 0.75)] == ["imp_multiple", "imp_single"]


def test_every_subset_and_metric_of_a_comparison_has_its_standings():
    tables = example_tables()
    results = tables["results"].dropna(subset="value")
    for (level, protocol, metric, subset), rows in results.groupby(["sparsity", "protocol", "metric", "subset"]):
        found = standings(tables, level, (protocol, metric), subset)
        assert {row.method for row in found} <= set(rows.method) and found[0].leads
        assert all(row.of_single == 1 for row in found if row.method == "imp_single")
    assert not any(METHODS[method].kind.endswith("control") for method in contenders(results))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1 / 6, "at a sixth of its weights"), (0.157, "at a sixth of its weights"), (0.39, "at 39 % of its weights"),
        (1.0, "with as many weights"), (1.83, "at 1.8 times its weights"), (0.02, "at 2 % of its weights"),
    ],
)  # fmt: skip
def test_shares_of_weights_read_as_people_say_them(share, text):
    assert share_text(share) == text
