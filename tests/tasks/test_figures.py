"""The figures: valid, left out where there is nothing to draw, the same bytes from the same tables."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import altair as alt
import pandas as pd
import pytest
import vl_convert
from example_instances import job_tables, run_tables
from example_tables import CLASSES, example_tables
from hypothesis import given
from hypothesis import strategies as st

from tasks.figures import heatmaps
from tasks.figures.catalogue import FIGURES, VEGA_LITE, figures, png, spec, specs
from tasks.figures.fonts import FAMILY
from tasks.figures.heatmaps import NUMBER
from tasks.figures.scores_by_weights import weight_ticks

OF_JOB = [name for name, figure in FIGURES.items() if figure.holds_for != "run"]
OF_RUN = [name for name, figure in FIGURES.items() if figure.holds_for != "job"]


@pytest.fixture(scope="module")
def published():
    return example_tables(CLASSES[:3], seeds=(0, 1))


@pytest.fixture(scope="module")
def job(published):
    return {**published, "exhibits": job_tables()["exhibits"]}


@pytest.fixture(scope="module")
def run():
    return run_tables()


@pytest.fixture(scope="module")
def charts(job, run):
    return {"job": figures(job), "run": figures(run)}


@pytest.fixture(scope="module")
def written(charts):
    """The Vega-Lite of a figure, validated: conftest.py."""
    return cache(lambda scope, name: spec(charts[scope][name]))


@pytest.fixture(scope="module")
def picture(written):
    return cache(lambda scope, name: png(written(scope, name)))


def test_every_figure_is_drawn_from_full_tables(charts):
    assert list(charts["job"]) == OF_JOB
    assert list(charts["run"]) == OF_RUN
    assert {*OF_JOB, *OF_RUN} == {*FIGURES}


@pytest.mark.parametrize(("scope", "name"), [*(("job", name) for name in OF_JOB), *(("run", name) for name in OF_RUN)])
def test_a_figure_is_valid(scope, name, picture):
    drawn = picture(scope, name)
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n") and len(drawn) > 10_000


@pytest.mark.parametrize(("scope", "name"), [("job", "collapse"), ("job", "function"), ("run", "instances")])
def test_every_text_is_in_the_brought_font_and_its_weights(scope, name, written):
    svg = vl_convert.vegalite_to_svg(written(scope, name), vl_version=VEGA_LITE)
    texts = re.findall("<text [^>]*>", svg)
    assert texts and all(f'font-family="{FAMILY}, ' in text and "font-style" not in text for text in texts)
    assert set(re.findall('font-weight="([^"]*)"', svg)) == {"normal", "600"}


@pytest.fixture
def unvalidated(monkeypatch):
    """Charts become Vega-Lite as in a run: that what they become is valid, others test."""
    monkeypatch.delattr(alt.ConcatChart, "to_dict")


@pytest.fixture
def hasty_threads():
    """Threads that take turns a hundred times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
def test_figures_drawn_in_threads_at_once_are_those_drawn_alone(hasty_threads, unvalidated):
    jobs = [job_tables(number) for number in range(2)]
    one = "sparsity == 0.5 and method == 'rtl'"
    tables = [{"collapse": job["collapse"].query(one), "scoring": job["scoring"]} for job in jobs]
    alone = [specs(some) for some in tables]
    pictures = [png(drawn["worth"]) for drawn in alone]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(specs, tables * 4)) == alone * 4
        assert list(pool.map(png, [drawn["worth"] for drawn in alone * 2])) == pictures * 2


def test_the_same_tables_give_the_same_figures_and_the_same_picture(job, written, picture):
    again = specs({name: table.copy() for name, table in job.items()})
    assert again == {name: written("job", name) for name in OF_JOB}
    assert png(again["kept"]) == picture("job", "kept")


def test_a_figure_without_its_table_or_with_an_empty_one_is_left_out(job):
    assert figures({}) == figures({name: table[:0] for name, table in job.items()}) == {}
    assert figures(dict.fromkeys(job, pd.DataFrame())) == {}
    for figure in (FIGURES[name] for name in OF_JOB):
        needed = {table: job[table] for table in figure.tables}
        assert list(figures(needed)) == [name for name in OF_JOB if {*FIGURES[name].tables} <= {*needed}]
        for table in needed:
            assert not any(table in FIGURES[name].tables for name in figures(needed | {table: pd.DataFrame()}))


@pytest.mark.parametrize("name", ["similarity", "collapse", "function"])
def test_a_figure_draws_without_the_tables_that_it_can_do_without(name, published):
    figure = FIGURES[name]
    assert png(spec(figure.draw({table: published[table] for table in figure.tables})))


@pytest.mark.slow
def test_one_seed_and_one_level_are_enough(job):
    level = job["results"].sparsity.max()
    few = {name: table[table.seed == 0] if "seed" in table else table for name, table in job.items()}
    few = {name: table[table.sparsity == level] if "sparsity" in table else table for name, table in few.items()}
    few["summary"] = few["summary"].assign(low=float("nan"), high=float("nan"), seeds=1)
    drawn = figures(few)
    assert list(drawn) == OF_JOB
    assert all(png(spec(chart)) for chart in drawn.values())


@given(st.floats(1, 1e9), st.floats(1.1, 1e4))
def test_an_axis_of_weights_has_numbers_however_short_it_is(low, factor):
    ticks = weight_ticks(low, low * factor)
    assert len(ticks) > 1 and all(low <= tick <= low * factor for tick in ticks)


def test_a_caption_says_what_agreement_is_and_numbers_in_cells_are_written_as_in_tables():
    assert "correlation" in FIGURES["function"].reading and "answer alike" not in FIGURES["function"].reading
    svg = vl_convert.vegalite_to_svg(
        {
            "data": {"values": [{"value": value} for value in (-0.182, 0.397, 1.0, 25.31)]},
            "transform": [{"calculate": NUMBER, "as": "text"}],
            "mark": "text",
            "encoding": {"text": {"field": "text"}},
        }
    )
    found = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert found == ["−.18", ".40", "1.00", "25.3"]


def test_many_subsets_are_thinned_to_what_a_page_can_hold(monkeypatch):
    monkeypatch.setattr(heatmaps, "MOST_ROWS", most := 1_600)
    tables = example_tables([f"class {k}" for k in range(16)], seeds=[0])
    for name in ("heatmaps", "function"):
        written = spec(FIGURES[name].draw(tables))
        assert 0 < sum(len(rows) for rows in written["datasets"].values()) <= most
        assert "75 % sparsity" in written["title"]["text"]["expr"]
    assert png(spec(FIGURES["collapse"].draw(tables)))
