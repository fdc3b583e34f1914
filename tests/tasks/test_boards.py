"""All standings at once: what each of them says by itself."""

import pandas as pd
import pytest
from example_instances import run_tables
from example_tables import example_tables, mirrored

from tasks.report.answer import answer
from tasks.report.description import Time
from tasks.tables.boards import PLACE, boards
from tasks.tables.selection import headline
from tasks.tables.standings import standings
from tasks.tables.verdict import contenders


@pytest.fixture(scope="module", params=["job", "one seed", "lower is better", "ten seeds", "run", "a gap"])
def tables(request):
    """Results of two levels, as each is read by itself."""
    tables = tables_of(request.param)
    return tables | {"results": tables["results"].query("sparsity in (0.5, 0.95)")}


def tables_of(case):
    subsets = ("a", "b")
    if case == "lower is better":
        return mirrored(example_tables(subsets, rounds=6))
    if case == "run":
        return run_tables(seeds=(0, 1))
    if case == "ten seeds":
        tables = example_tables(subsets, seeds=range(10), rounds=6)
        return tables | {"results": tables["results"].query("metric == 'auroc'")}
    tables = example_tables(subsets, seeds=[0] if case == "one seed" else (0, 1, 2), rounds=6)
    renamed = {"method": {"rtl_sequential": "layer_shuffled_masks"}}
    results, parameters = (tables[name].replace(renamed) for name in ("results", "parameters"))
    if case == "a gap":
        results.loc[(results.method == "rtl") & (results.seed == 1) & (results.metric == "auroc"), "value"] = None
    return tables | {"results": results, "parameters": parameters}


def test_a_board_is_the_standings_of_its_place(tables):
    found = boards(tables)
    results = tables["results"]
    among = contenders(results)
    asked = results[results.subset == "mean"] if "instance" in results else results
    assert len(found.drop_duplicates(PLACE)) == len(asked.drop_duplicates(PLACE))
    for (protocol, metric, subset, level), board in found.groupby(PLACE):
        alone = standings(tables, level, (protocol, metric), subset, among)
        own = board[board.method.isin(among)]
        assert list(own.method) == [row.method for row in alone]
        assert list(own.leads) == [row.leads for row in alone]
        shown = pd.DataFrame(alone)[["mean", "low", "high"]]
        pd.testing.assert_frame_equal(own[["mean", "low", "high"]].reset_index(drop=True), shown)
        assert not board.leads[~board.method.isin(among)].any()


def test_of_many_subsets_those_of_the_headline_alone_are_embedded(monkeypatch):
    tables = example_tables(("a", "b"), seeds=[0], rounds=6)
    whole = answer(tables, [])["scores"]
    assert {len(score["parts"]) for score in whole} == {3}
    monkeypatch.setattr("tasks.report.answer.MOST_ROWS", 140)
    first, *others = answer(tables, [])["scores"]
    assert (first["protocol"], first["key"]) == headline(tables["results"]) and first == whole[0]
    assert [score["parts"] for score in others] == [score["parts"][:1] for score in whole[1:]]


def test_times_are_shown_where_they_are_known_and_why_they_are_not():
    tables = example_tables(("a", "b"), seeds=[0], rounds=6)
    without = tables | {"parameters": tables["parameters"].drop(columns="steps")}
    shown = answer(without, [Time("", "rtl", 0.75, 61.0)])
    place, level = [method["name"] for method in shown["methods"]].index("RTL"), shown["first"]
    assert (shown["levels"][level]["text"], shown["costs"][place][level]["time"]) == ("75 %", "1 min 1 s")
    unknown = shown["costs"][place][level - 1]
    assert unknown["time"] == unknown["steps"] == "–"
    assert unknown["why_no_time"].startswith("not known: ") and unknown["why_no_steps"].startswith("not known: ")
