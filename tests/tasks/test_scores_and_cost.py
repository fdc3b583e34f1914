"""The figures of scores against weights kept, at every instance, and against likeness: they show what tables hold."""

import numpy as np
import pandas as pd
import pytest
from example_instances import INSTANCES, job_tables, run_tables
from example_tables import CLASSES

from tasks.figures.catalogue import FIGURES, png, spec
from tasks.figures.lines import LABEL_HEIGHT
from tasks.figures.scores_by_place import leaders
from tasks.figures.scores_by_weights import HEIGHT, kept_rows
from tasks.tables.boards import boards
from tasks.tables.collapse import correlation
from tasks.tables.names import metric_text, score_text


@pytest.fixture(scope="module")
def run():
    return run_tables(seeds=(0, 1))


def drawn_rows(chart) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(rows) for rows in spec(chart)["datasets"].values()])


def subtitles(chart) -> list[str]:
    return [panel["title"]["subtitle"] for panel in spec(chart)["concat"]]


@pytest.mark.parametrize("scope", ["job", "run"])
def test_a_score_stands_at_the_weights_that_its_method_keeps(scope, request):
    tables = request.getfixturevalue("run") if scope == "run" else job_tables(seeds=(0, 1))
    rows = kept_rows(boards(tables), tables["parameters"])
    means = rows[rows.subset == "mean"]
    results = tables["results"][tables["results"].subset == "mean"]
    scores = results.groupby(["method", "sparsity", "metric"]).value.mean()
    weights = tables["parameters"].groupby(["method", "sparsity"])["union"].mean()
    for row in means.itertuples():
        assert row.mean == pytest.approx(scores[row.method, row.sparsity, row.metric], abs=1e-6)
        assert row.kept == pytest.approx(weights[row.method, row.sparsity])
    assert len(means) == len(scores)
    assert set(means.metric) == {"psnr", "ssim", "region_psnr"}
    shown = means[means.metric == "psnr"].sort_values("mean")
    drawn = drawn_rows(FIGURES["kept"].draw(tables)).sort_values("mean")
    np.testing.assert_allclose(drawn[["kept", "mean"]], shown[["kept", "mean"]], rtol=1e-4)


def test_names_beside_lines_stand_apart_and_within_the_axis(run):
    rows = kept_rows(boards(run), run["parameters"]).dropna(subset="place")
    for _, ends in rows.groupby(["protocol", "metric", "subset"]):
        (lowest,), (highest,) = ends.lowest.unique(), ends.highest.unique()
        places = ends.sort_values("place").place
        assert list(ends.sort_values("mean").method) == list(ends.loc[places.index].method)
        assert places.min() >= lowest - 1e-6 and places.max() <= highest + 1e-6
        assert (places.diff().dropna() >= 0.99 * LABEL_HEIGHT * (highest - lowest) / HEIGHT).all()


def test_similarity_of_a_run_is_the_mean_over_instances_between_its_extremes(run):
    table = run["similarity"]
    one = table[(table.masks == "rtl") & (table.layer == "all") & (table.sparsity == 0.5) & (table.seed == 0)]
    spread = one.assign(jaccard=[0.2, 0.3, 0.7])
    rows = drawn_rows(FIGURES["similarity"].draw({"results": run["results"], "similarity": spread}))
    drawn = rows[(rows.name == "RTL") & np.isclose(rows["mean"], 0.4)]
    assert drawn[["low", "high"]].values.tolist() == [[0.2, 0.7]]


def test_every_instance_has_a_mark_of_every_method_and_leaders_are_counted(run):
    rows = drawn_rows(FIGURES["instances"].draw(run))
    assert len(rows) == 4 * len(INSTANCES) * run["results"].method.nunique()
    level = pd.DataFrame({"instance": [*"aabbcc"], "name": ["X", "Y"] * 3, "value": [3, 1, 30, 31, 5, 4.9]})
    assert leaders(level, "instance", True) == ["X leads at 2 of 3", "Y leads at 1 of 3"]


def test_every_subset_has_a_mark_of_every_method_and_means_alone_have_no_figure(published):
    rows = drawn_rows(FIGURES["subsets"].draw(published))
    assert len(rows) == 4 * len(CLASSES) * published["results"].method.nunique()
    means = published["results"].query("subset == 'mean'")
    assert FIGURES["subsets"].draw(published | {"results": means}) is None


def points(values, similar, sparsity, **place) -> pd.DataFrame:
    return pd.DataFrame({"value": values, "jaccard": similar, "sparsity": sparsity, "seed": 0, **place})


def test_what_pruning_does_to_both_is_told_from_what_likeness_does():
    rows = pd.concat([points([9, 8, 7], [0.7, 0.8, 0.9], 0.5), points([3, 2, 1], [0.1, 0.2, 0.3], 0.9)])
    assert correlation(rows, "jaccard", True) == "ρ = .54 over all, −1.00 within a level"
    of_two = pd.concat([points([1, 2, 3], [0.1, 0.2, 0.3], 0.5, instance=name) for name in "ab"])
    assert correlation(of_two, "jaccard", True) == "ρ = 1.00 over all, 1.00 within a level"


def test_levels_of_two_tickets_and_masks_all_alike_say_nothing():
    two = pd.concat([points([9, 8], [0.7, 0.8], 0.5), points([3, 2], [0.1, 0.2], 0.9)])
    assert correlation(two, "jaccard", True) == "ρ = .60 over all"
    assert correlation(points([1, 2, 3], [1, 1, 1], 0.5), "jaccard", True) == ""


def test_worth_shows_each_ticket_once_a_level_and_means_where_tickets_have_no_score(run):
    collapse = run["collapse"]
    tickets = collapse[collapse.subset != "mean"]
    chart = FIGURES["worth"].draw({"results": run["results"], "collapse": collapse, "scoring": run["scoring"]})
    assert len(subtitles(chart)) == 3 * collapse.method.nunique()
    assert all("over all" in text and "within a level" in text for text in subtitles(chart))
    assert len(drawn_rows(chart)) == len(tickets)
    alone = collapse[collapse.subset == "mean"].drop(columns="departure")
    means = FIGURES["worth"].draw({"collapse": alone, "scoring": run["scoring"]})
    assert len(drawn_rows(means)) == len(collapse) - len(tickets)
    assert png(spec(means))


def test_scores_in_decibels_have_two_decimals_and_their_unit():
    nothing = float("nan")
    assert score_text(31.4159, nothing, nothing) == "31.42"
    assert score_text(31.4159, 30, 32.004) == "31.42 [30.00, 32.00]"
    assert score_text(0.9712, 0.97, 1) == ".971 [.970, 1.00]"
    assert score_text(1.347, nothing, nothing) == "1.35"
    assert score_text(-0.182, -0.4, 0.0001) == "−.182 [−.400, .000]"
    assert score_text(-0.00001, nothing, nothing) == ".000"
    assert score_text(-31.4159, nothing, nothing) == "−31.42"
    assert metric_text("psnr", 31.4159) == "PSNR 31.42 dB"
    assert metric_text("balanced_accuracy", 0.8) == "balanced accuracy .800"
