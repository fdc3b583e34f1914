"""Short tables of a comparison: who is ahead, with three decimals and a row a method."""

import pytest
from example_tables import example_tables, mirrored

from tasks.tables.answer_tables import leaderboard, scores, similarity, weights
from tasks.tables.names import method_name
from tasks.tables.standings import standings
from tasks.tables.verdict import verdict


@pytest.fixture(scope="module")
def tables():
    return example_tables(subsets=("cat", "dog"), seeds=(0, 1, 2), rounds=7)


def test_the_leaderboard_marks_those_that_lead(tables):
    title, table = leaderboard(tables)
    expected = [f"{method_name(row.method)}{' ★' * row.leads}" for row in standings(tables, 0.75)]
    assert table.method.tolist() == expected and "★" in expected[0] and "75 % sparsity" in title


def test_where_lower_is_better_the_title_says_so_and_the_order_is_the_same(tables):
    title, table = leaderboard(mirrored(tables))
    assert "lower is better" in title and table.method.tolist() == leaderboard(tables)[1].method.tolist()


def test_other_tables_have_a_row_a_method_and_a_column_a_sparsity(tables):
    levels = [f"{100 * level:g} %" for level in sorted(tables["results"].sparsity.unique())]
    for _, table in (scores(tables), weights(tables), similarity(tables)):
        assert list(table)[1:] == levels and len(table) <= 20
    means = tables["results"].query("protocol == 'matched' and metric == 'auroc' and subset == 'mean'")
    value = means.query("method == 'rtl' and sparsity == 0.5").value.mean()
    assert scores(tables)[1].set_index("method").loc["RTL", "50 %"] == f"{value:.3f}"


def test_a_metric_that_is_not_defined_has_no_leader_and_no_verdict(tables):
    results = tables["results"]
    undefined = tables | {"results": results.assign(value=results.value.where(results.metric != "auroc"))}
    assert leaderboard(undefined)[1].empty and verdict(undefined) == []
    assert (scores(undefined)[1].drop(columns="method") == "").all(axis=None)
