"""Which ticket set of RTL is taken to be the best."""

import pandas as pd
import pytest
from example_tables import example_tables, mirrored, scoring_of

from rtl_core.methods import METHODS
from tasks.tables.best_tickets import best_tickets


def of_rtl(results):
    return results[(results.subset == "mean") & results.method.map(lambda name: METHODS[name].kind == "rtl")]


@pytest.mark.parametrize("read", [dict, mirrored])
def test_the_best_is_that_of_the_first_metric_whichever_way_it_is_read(read):
    tables = read(example_tables())
    (best,) = best_tickets(tables["results"], tables["scoring"])
    rows = of_rtl(tables["results"]).query("protocol == 'paper' and metric == 'balanced_accuracy'")
    top = rows.loc[rows.value.abs().idxmax()]
    assert best == ("", top.method, top.seed, top.sparsity, "paper", "balanced_accuracy", len(rows))


def test_scores_on_validation_data_come_first_and_each_instance_has_its_own():
    rows = [
        ("a", "rtl", 0.2, "matched", 0.9),
        ("a", "rtl", 0.4, "matched", 0.1),
        ("a", "rtl", 0.2, "validation", 0.1),
        ("a", "rtl", 0.4, "validation", 0.9),
        ("a", "imp_single", 0.2, "validation", 1.0),
        ("b", "rtl", 0.2, "validation", 0.9),
        ("b", "rtl", 0.4, "validation", None),
    ]
    results = pd.DataFrame(rows, columns=["instance", "method", "sparsity", "protocol", "value"]).assign(
        metric="accuracy", subset="mean", seed=0
    )
    bests = best_tickets(results, scoring_of(results))
    assert [(best.instance, best.method, best.sparsity, best.protocol) for best in bests] == [
        ("a", "rtl", 0.4, "validation"),
        ("b", "rtl", 0.2, "validation"),
    ]
    assert best_tickets(results.query("method == 'imp_single'"), scoring_of(results)) == []
