"""What a comparison says in sentences: a winner, a tie, lower scores that are better, one seed, instances, controls."""

import pandas as pd
import pytest
from example_tables import CLASSES, example_tables
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
        "No winner at 75 % sparsity: IMP multiple scores best, PSNR 31.50 [31.30, 31.70] dB, and RTL 31.20 "
        "[31.00, 31.40] dB cannot be told from it; IMP single is behind."
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


@pytest.mark.parametrize(("seeds", "told"), [(1, "one seed"), (2, "2 seeds")])
def test_few_seeds_give_no_verdict(seeds, told):
    first, rivals = verdict(tables_of({method: values[:seeds] for method, values in WINNER.items()}))
    assert first.startswith(f"No verdict on {told}: at 75 % sparsity RTL scores best, PSNR 31.")
    assert rivals.startswith("RTL scores ") and "better than IMP single" in rivals and "ahead" not in rivals


def test_instances_are_compared_each_with_itself_and_few_give_no_verdict():
    far_apart = {name: [20.0 + 10 * place] for place, name in enumerate("abcde")}
    better = {name: [value + 0.5] for name, (value,) in far_apart.items()}
    first, *_ = verdict(tables_of({"imp_single": far_apart, "rtl": better}))
    assert first.startswith("RTL is ahead at 75 % sparsity, by .50 [.50, .50]: PSNR 40.50 [20.50, 60.50] dB")
    few = [{name: of[name] for name in "abcd"} for of in (far_apart, better)]
    first, *_ = verdict(tables_of({"imp_single": few[0], "rtl": few[1]}))
    assert first.startswith("No verdict on 4 instances: at 75 % sparsity RTL scores best")
    better["b"] = [29.9]
    assert verdict(tables_of({"imp_single": far_apart, "rtl": better}))[0].startswith("No winner")


def test_an_update_of_rtl_is_ahead_of_nobody_that_it_cannot_be_told_from():
    scores = {"rtl": [0.95, 0.96, 0.97], "imp_multiple": [0.91, 0.92, 0.945], "imp_single": [0.8, 0.81, 0.82]}
    first, *_ = verdict(tables_of(scores | {"rtl_sequential": [0.90, 0.93, 0.955]}, metric="auroc"))
    assert first.startswith("RTL is ahead at 75 % sparsity") and first.endswith(
        "RTL sequential cannot be told from it."
    )
    first, *_ = verdict(tables_of(scores | {"rtl_sequential": [0.948, 0.949, 0.955]}, metric="auroc"))
    assert first.startswith("RTL and RTL sequential are ahead at 75 % sparsity")


def test_who_lacks_a_score_is_named_and_no_level_is_told_of_on_which_nothing_can_be_compared():
    tables = tables_of(WINNER)
    results = tables["results"]
    results.loc[(results.method == "rtl") & (results.seed == 2), "value"] = float("nan")
    *_, last = verdict(tables)
    assert last == "Not compared: RTL, whose score is not defined everywhere."
    for seed, method in enumerate(WINNER):
        results.loc[(results.method == method) & (results.seed == seed), "value"] = float("nan")
    assert verdict(tables) == []


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
    tables = example_tables(CLASSES[:2], seeds=(0, 1))
    results = tables["results"].dropna(subset="value")
    for (level, protocol, metric, subset), rows in results.groupby(["sparsity", "protocol", "metric", "subset"]):
        found = standings(tables, level, (protocol, metric), subset)
        assert {row.method for row in found} <= set(rows.method) and found[0].leads
        assert all(row.of_single == 1 for row in found if row.method == "imp_single")
    assert not any(METHODS[method].kind.endswith("control") for method in contenders(results))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1 / 6, "at a sixth of its weights"), (0.157, "at about a sixth of its weights"),
        (0.39, "at 39 % of its weights"), (0.02, "at 2 % of its weights"), (0.004, "at 0.4 % of its weights"),
        (1.0, "with as many weights"), (1.83, "at 1.8 times its weights"),
    ],
)  # fmt: skip
def test_shares_of_weights_read_as_people_say_them(share, text):
    assert share_text(share) == text
