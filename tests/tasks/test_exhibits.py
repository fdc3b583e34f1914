"""The figure of pictures: which are shown, under what score, and in their own shape however wide a page is."""

import base64

import pytest
from example_instances import job_tables
from example_tables import LEVELS, METHODS

from tasks.figures.catalogue import FIGURES, spec


@pytest.fixture(scope="module")
def tables():
    return job_tables(seeds=(0, 1))


def panels(tables):
    """Title and rows of every panel."""
    written = spec(FIGURES["exhibits"].draw(tables))
    return [(panel["title"], written["datasets"][panel["data"]["name"]]) for panel in written["concat"]]


def test_references_come_first_and_then_four_levels_of_each_exhibit(tables):
    (title, references), *made = panels(tables)
    assert title == "" and [row["above"] for row in references] == ["target", "regions"]
    shown = [LEVELS[0], LEVELS[1], LEVELS[3], LEVELS[4]]
    assert [title for title, _ in made] == [
        f"{exhibit}, {100 * level:g} % sparsity" for exhibit in ("reconstruction", "error × 4") for level in shown
    ]
    assert all([row["place"] for row in rows] == [*range(len(METHODS))] for _, rows in made)


def test_pictures_are_those_of_the_table_with_the_first_metric_of_the_same_seed(tables):
    exhibits, results = tables["exhibits"], tables["results"]
    _, rows = panels(tables)[1]
    for method, row in zip(METHODS, rows, strict=True):
        place = f"method == '{method}' and seed == 0 and sparsity == {LEVELS[0]}"
        [png] = exhibits.query(f"{place} and exhibit == 'reconstruction'").png
        [value] = results.query(f"{place} and metric == 'psnr'").value
        assert base64.b64decode(row["url"].removeprefix("data:image/png;base64,")) == png
        assert row["below"] == f"PSNR {value:.2f} dB"


def test_a_method_keeps_its_column_where_another_has_no_picture(tables):
    exhibits = tables["exhibits"]
    gap = (exhibits.method == METHODS[1]) & (exhibits.sparsity == LEVELS[0])
    gap |= (exhibits.exhibit == "error × 4") & (exhibits.sparsity == LEVELS[3])
    _, (_, rows), *others = panels(tables | {"exhibits": exhibits[~gap]})
    assert [row["place"] for row in rows] == [0, 2]
    assert len(others) == 6


def test_without_references_or_scores_there_are_pictures_all_the_same(tables):
    made = tables["exhibits"].dropna(subset="sparsity")
    of_another = tables["results"].assign(method="another")
    shown = panels({"results": of_another, "scoring": tables["scoring"], "exhibits": made})
    assert len(shown) == 8 and all(row["below"] == "" for _, rows in shown for row in rows)
