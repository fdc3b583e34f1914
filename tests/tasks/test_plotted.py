"""What DVC shows: a small file a method, and lines that look as in every figure."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest
import vl_convert
from example_tables import example_tables

from tasks.artefacts.store import STORE
from tasks.figures.catalogue import VEGA_LITE
from tasks.figures.plotted import plotted_tables
from tasks.figures.styles import METHOD_STYLES
from tasks.tables.method_metrics import method_metrics
from tasks.tables.names import method_name
from tasks.tables.scores import to_csv

SEEDS, ROUNDS = (0, 1), 7


@pytest.fixture
def tables(tmp_path, monkeypatch) -> dict[str, pd.DataFrame]:
    monkeypatch.chdir(tmp_path)
    return example_tables(subsets=("cat", "dog"), seeds=SEEDS, rounds=ROUNDS)


@pytest.fixture
def files(tables):
    return {f"{name}.csv": {"sha256": STORE.put(to_csv(table))} for name, table in tables.items()}


def drawn(repository: Path, content: bytes, x: str, y: str) -> ElementTree.Element:
    """The picture that DVC's template makes of a table, with the cells as text, as DVC gives them."""
    (path,) = (repository / ".dvc/plots").glob("*.json")
    rows = [{"rev": "workspace", **row} for row in csv.DictReader(content.decode().splitlines())]
    text = path.read_text().replace('"<DVC_METRIC_DATA>"', json.dumps(rows))
    for anchor, value in {"X": x, "Y": y, "X_LABEL": x, "Y_LABEL": y, "TITLE": "title"}.items():
        text = text.replace(f"<DVC_METRIC_{anchor}>", value)
    return ElementTree.fromstring(vl_convert.vegalite_to_svg(json.loads(text), vl_version=VEGA_LITE))


def lines_of(picture: ElementTree.Element) -> list[dict[str, str]]:
    return [path.attrib for path in picture.findall(".//{*}path") if path.get("aria-roledescription") == "line mark"]


def test_a_method_has_its_name_colour_and_dash_and_methods_their_order(repository, tables, files):
    content = STORE.get(plotted_tables(files)["summary.csv"]["sha256"])
    picture = drawn(repository, content, "sparsity", "mean")
    methods = list(tables["summary"].method.unique())
    panels = len(tables["summary"].groupby(["protocol", "metric"]))
    lines = lines_of(picture)
    assert len(lines) == panels * len(methods)
    assert {line["stroke"] for line in lines} == {METHOD_STYLES[method].colour for method in methods}
    texts = ["".join(text.itertext()) for text in picture.findall(".//{*}text")]
    assert [text for text in texts if text in {method_name(method) for method in METHOD_STYLES}] == [
        method_name(method) for method in METHOD_STYLES if method in methods
    ]


def test_every_seed_is_a_line_of_its_own(repository, tables, files):
    content = STORE.get(plotted_tables(files)["similarity.csv"]["sha256"])
    kinds = tables["similarity"].groupby(["masks", "layer"]).ngroups
    lines = lines_of(drawn(repository, content, "sparsity", "excess"))
    assert len(lines) == kinds * len(SEEDS)
    assert {line["d"].count("L") + 1 for line in lines} == {tables["similarity"].sparsity.nunique()}


def test_a_published_table_keeps_its_columns_in_front(tables, files):
    for name, reference in plotted_tables(files).items():
        columns = STORE.get(reference["sha256"]).decode().splitlines()[0].split(",")
        before = list(tables[name.removesuffix(".csv")])
        assert columns[: len(before)] == before
        assert columns[len(before) :] == ["panel", "name", "order", "colour", "shape", "dash"]


def test_a_method_has_a_small_file_with_its_score_at_every_sparsity(tables, files):
    results = tables["results"].query("protocol == 'matched' and metric == 'auroc' and subset == 'mean'")
    made = {name: json.loads(STORE.get(reference["sha256"])) for name, reference in method_metrics(files).items()}
    assert made.keys() == {f"{method}.json" for method in results.method}
    for name, scores in made.items():
        means = results[results.method == name.removesuffix(".json")].groupby("sparsity").value.mean()
        assert scores.pop("score") == "AUROC, matched"
        assert scores == pytest.approx({f"{100 * level:g} %": value for level, value in means.items()}, abs=1e-5)
