"""A problem of several instances: each is a job of its own, and one run works on all of them."""

import hashlib
import io
import json
import shutil
from copy import deepcopy

import altair as alt
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from ruamel.yaml import YAML
from small_project import Project
from typer.testing import CliRunner

from flows.command_line.app import app
from rtl_core.errors import DataError
from rtl_core.problem import Problem
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.artefacts.store import Store
from tasks.figures.catalogue import png, specs
from tasks.jobs.job import name_of
from tasks.jobs.making import jobs_of
from tasks.report.description import tables_digest
from tasks.report.shown_pages import are_shown
from tasks.settings.problem_settings import problem_settings
from tasks.tables.by_level import score_tables
from tasks.tables.published import instances_in, of_instance, read_tables
from tasks.tables.scores import summary_table

PARTS = '''
import json

import torch
from sklearn.datasets import load_digits

from rtl_core.left_out import LEFT_OUT
from rtl_core.problem import Exhibit, Score
from rtl_core.problems.images.labelled_images import LabelledImages, hold_out
from rtl_core.problems.images.one_vs_rest import OneVsRest
from rtl_core.problems.images.stored_images import FILE, save_images
from rtl_core.randomness import Stream

CLASSES = {"000000000139": [0, 1, 2], "few": [3, 4]}


class Parts(OneVsRest):
    """Some of the digits, by name; the first figure is one of all tickets together."""

    @classmethod
    def partition(cls, folder, *, names: list[str]):
        source = load_digits()
        for name in names:
            label = torch.tensor(CLASSES[name])
            chosen = torch.isin(torch.from_numpy(source.target), label)
            images = torch.from_numpy(source.images)[chosen].to(torch.uint8).unsqueeze(1)
            labels = torch.searchsorted(label, torch.from_numpy(source.target)[chosen].long())
            rest, test = hold_out(LabelledImages(images, labels), 0.3, Stream(0).at(split="test"))
            train, validation = hold_out(rest, 0.2, Stream(0).at(split="validation"))
            splits = {"train": train, "validation": validation, "test": test}
            save_images(folder / name, splits, [f"digit {k}" for k in CLASSES[name]])
        (folder / LEFT_OUT).write_text(json.dumps([f"{9 - len(names)} digits are left out"]))

    @classmethod
    def instances(cls, folder):
        return sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))

    def _score(self, *arguments):
        found = super()._score(*arguments)
        return [Score("paper", "whole", "mean", float(len(self.subsets)), higher_is_better=True), *found]

    @property
    def references(self):
        return [Exhibit("target", self._shade(200))]

    def exhibit(self, tickets):
        return [Exhibit("seen", self._shade(len(tickets)))]

    def exhibit_single(self, network):
        return [Exhibit("seen", self._shade(100))]

    def _shade(self, value):
        return torch.arange(5 * 7 * 3).reshape(5, 7, 3).add(value).to(torch.uint8)
'''
SETTINGS = {
    "problem": "parts:Parts",
    "seeds": [0],
    "sparsities": [0.4],
    "retrain": {"duration": "3it", "update": ["sequential"]},
    "baselines": {"methods": ["imp_single"]},
}
FIRST, SECOND = "few", "000000000139"
FIGURES = "artifacts/parts/figures"
UNSEEN = ("<audio ", "margins in")
FULL = ("parameters", "similarity", "overlap", "collapse", "knees", "function", "agreement")


class PartsProject(Project):
    """A project with one more section, ``parts``, of the instances named."""

    def hold(self, *names: str) -> None:
        (self.folder / "parts.py").write_text(PARTS)
        params = yaml.safe_load((self.folder / "params.yaml").read_text())
        params["parts"] = deepcopy(params["digits"]) | SETTINGS | {"partition": {"names": list(names)}}
        YAML(typ="safe", pure=True).dump(params, self.folder / "params.yaml")  # quotes 000000000139

    def stage(self, name: str) -> str:
        done = self.run("rtl", "run", name, "parts")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    def of(self, instance: str) -> dict[str, bytes]:
        """What is published of one instance alone: masks and tickets."""
        own = tuple(f"artifacts/parts/{kind}/{instance}/" for kind in ("masks", "tickets"))
        return {name: data for name, data in self.published().items() if name.startswith(own)}


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """Masks and tickets of one instance, then a whole run over it and another; what it told and executed in between."""
    project = PartsProject.new(repository, tmp_path_factory.mktemp("instances"))
    project.hold(FIRST)
    project.told = project.stage("partition")
    for stage in ("extract", "retrain"):
        project.stage(stage)
    project.alone, project.done_alone = project.of(FIRST), project.executed()
    project.hold(FIRST, SECOND)
    project.stage("pipeline")
    return project


@pytest.fixture(scope="module")
def tables(project):
    return read_tables(project.folder / "artifacts/parts/tables")


def test_an_instance_beside_another_runs_nothing_again_and_gives_the_bytes_it_gives_alone(project):
    later = project.executed()[len(project.done_alone) :]
    of_first = [name for name in project.done_alone if name.startswith(f"{FIRST}: ")]
    assert f"{FIRST}: rtl, seed 0, digit 3, round 1" in of_first
    assert f"{SECOND}: rtl, seed 0, digit 0, round 1" in later
    assert set(project.done_alone) & set(later) == {"partition parts"}
    masks, levels_file, tickets = 1, 1, 1
    assert len(project.alone) == masks + levels_file + tickets
    shutil.rmtree(project.folder / ".rtl/records")
    for stage in ("extract", "retrain"):
        project.stage(stage)
    assert project.of(FIRST) == project.alone
    assert len(project.of(SECOND)) == len(project.alone)


def test_what_was_left_out_is_told_and_stands_on_the_page(project):
    assert "warning: 8 digits are left out\n" in project.told
    page = (project.folder / "artifacts/parts/report.html").read_text()
    assert "<li>7 digits are left out</li>" in page


def test_tables_name_the_instance_and_summaries_are_over_all(project, tables):
    folder = project.folder / "artifacts/parts"
    for name in (*FULL, "alignment", "routing"):
        assert (folder / f"tables/{name}.csv").read_text().startswith("instance,"), name
    assert (folder / "tables/results.csv").read_text().startswith("problem,instance,method,seed,")
    assert tables["pairs"].columns[0] == "instance"
    for name in (*FULL, "results", "pairs"):
        assert set(tables[name].instance) == {FIRST, SECOND}, name
    assert set(tables["results"].problem) == {"parts"}
    summary = tables["summary"]
    assert (summary.instances == 2).all() and (summary.seeds == 1).all() and summary.low.notna().all()
    assert summary[summary.metric == "whole"]["mean"].tolist() == [2.5, 2.5]
    subsets = tables["function"].groupby("instance").subset.unique().map(list).to_dict()
    assert subsets == {FIRST: ["digit 3", "digit 4"], SECOND: ["digit 0", "digit 1", "digit 2"]}
    assert json.loads((folder / "metrics.json").read_text())["rtl_sequential"]["40"]["paper"]["whole"] == 2.5


def test_the_tables_of_one_instance_are_those_of_the_one_job(tables):
    assert instances_in(tables) == [SECOND, FIRST]
    own = of_instance(tables, FIRST)
    assert set(own) == set(tables) - {"examples", "margins"} and not any("instance" in table for table in own.values())
    assert own["summary"].equals(summary_table(own["results"])) and "instances" not in own["summary"]
    assert set(own["overlap"].subset) == {"digit 3", "digit 4", "mean"}


def test_a_mean_over_instances_is_called_one(tables):
    mean_of = "mean of 2 instances [range over instances]"
    assert [table.title for table in score_tables(tables["summary"], tables["scoring"])] == [
        f"{protocol} protocol, {mean_of}" for protocol in ("paper", "matched", "routed")
    ]
    several = tables["summary"].assign(seeds=3)
    expected = "mean of 2 instances and 3 seeds [range over instances and seeds]"
    assert score_tables(several, tables["scoring"])[0].title == f"paper protocol, {expected}"


def test_pictures_are_published_as_they_are(project):
    exhibits = pd.read_parquet(project.folder / "artifacts/parts/tables/exhibits.parquet")
    assert list(exhibits) == ["instance", "method", "seed", "sparsity", "exhibit", "png"]
    shades = {
        (instance, method): np.asarray(Image.open(io.BytesIO(png)))[0, 0, 0]
        for instance, method, png in zip(exhibits.instance, exhibits.method, exhibits.png, strict=True)
    }
    assert shades == {
        (SECOND, ""): 200, (SECOND, "rtl_sequential"): 3, (SECOND, "imp_single"): 100,
        (FIRST, ""): 200, (FIRST, "rtl_sequential"): 2, (FIRST, "imp_single"): 100,
    }  # fmt: skip
    expected = torch.arange(5 * 7 * 3).reshape(5, 7, 3).add(200).to(torch.uint8).numpy()
    references = exhibits[exhibits.method == ""]
    assert references.sparsity.isna().all() and set(references.exhibit) == {"target"}
    assert all((np.asarray(Image.open(io.BytesIO(png))) == expected).all() for png in references.png)


def test_what_has_no_examples_and_no_sounds_has_tables_without_rows_and_a_page_without_players(project, tables):
    assert tables["examples"].empty and tables["margins"].empty
    assert not list(project.folder.glob("artifacts/parts/figures/**/sounds"))
    assert not any(text in page.read_text() for page in project.folder.glob("artifacts/**/*.html") for text in UNSEEN)


def test_each_instance_has_figures_and_a_page_of_its_own(project):
    artifacts = project.folder / "artifacts/parts"
    for instance in (FIRST, SECOND):
        assert {"metrics.png", "heatmaps.png"} <= {path.name for path in (artifacts / "figures" / instance).iterdir()}
        page = (artifacts / f"report/{instance}.html").read_text()
        assert f"<h1>parts/{instance}</h1>" in page and 'href="../report.html"' in page
        assert f'href="report/{instance}.html"' in (artifacts / "report.html").read_text()
    (page,) = project.folder.glob(f"mlartifacts/parts/*/artifacts/report/{SECOND}.html")
    logged = page.parent.parent
    assert {path.name for path in page.parent.iterdir()} == {f"{FIRST}.html", f"{SECOND}.html"}
    assert (logged / "report.html").is_file() and (logged / f"figures/{FIRST}/metrics.png").is_file()


def test_every_published_figure_is_the_one_drawn_alone(project, tables):
    store = Store(str(project.folder / ".rtl/objects"))
    published = {
        instance: {path.stem: path.read_bytes() for path in (project.folder / FIGURES / instance).glob("*.png")}
        for instance in ("", FIRST, SECOND)
    }
    for instance, of in (("", tables), (FIRST, of_instance(tables, FIRST))):
        drawn, pictures = specs(of), published[instance]
        assert set(pictures) == set(drawn)
        assert all(pictures[name] == png(drawn[name]) for name in ("metrics", "parameters"))
        assert all(store.holds(hashlib.sha256(json.dumps(one).encode()).hexdigest()) for one in drawn.values())
    assert set(published[SECOND]) == set(published[FIRST])
    every = [picture for pictures in published.values() for picture in pictures.values()]
    assert len(set(every)) == len(every)  # none has the place of another


def test_rtl_report_writes_all_pages_and_removes_those_of_instances_that_are_gone(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(alt.ConcatChart, "to_dict")  # which validates
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"problems": ["parts"], "parts": {}}))
    folder = paths.artifacts("parts")
    (folder / "report").mkdir(parents=True)
    paths.tables("parts").mkdir()
    (folder / "report/gone.html").touch()
    for name in ("results", "summary", "scoring", "parameters"):
        tables[name].to_csv(paths.tables("parts") / f"{name}.csv", index=False)
    done = CliRunner().invoke(app, ["report", "parts"], catch_exceptions=False)
    written = [folder / "report.html", *(folder / f"report/{name}.html" for name in (SECOND, FIRST))]
    assert done.output.splitlines() == [str(path) for path in written]
    assert sorted(folder.rglob("*.html")) == sorted(written)

    digest = tables_digest("parts")
    assert are_shown("parts", tables, digest) and not are_shown("parts", tables, "0" * 64)
    for page in written[1:]:
        whole = page.read_bytes()
        page.write_bytes(whole.replace(digest.encode(), b"0" * 64))
        assert not are_shown("parts", tables, digest)
        page.write_bytes(whole)
    (folder / "report/gone.html").touch()
    assert not are_shown("parts", tables, digest)


def test_info_tells_of_the_first_and_lists_all(project):
    found = json.loads(project.succeed("rtl", "info", "parts", "--json"))
    assert (found["problem"], found["instance"], found["num_subsets"]) == ("parts", SECOND, 3)
    assert found["instances"][FIRST] == {"num_subsets": 2, "subsets": ["digit 3", "digit 4"]}
    assert list(found["instances"]) == [SECOND, FIRST]


NO_NAMES = [["a", "a"], ["é", "e\u0301"], [".."], ["."], [".a"], ["a/b"], ["a\\b"], ["a?"], [""], ["CON"], ["nul.x"]]
NO_NAMES += [[" a"], ["a."], ["é" * 76]]


@pytest.mark.parametrize("names", NO_NAMES)
def test_instances_that_no_path_can_hold_apart_are_one_line(repository, tmp_path, monkeypatch, names):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    paths.data(JobName("digits")).mkdir(parents=True)
    settings = problem_settings("digits")

    class Named:
        instances = staticmethod(lambda folder: names)

    monkeypatch.setattr("tasks.jobs.making.problem_class", lambda path: Named)
    with pytest.raises(DataError, match=r"^data/digits: instance .*; allowed: names that differ"):
        jobs_of("digits", settings)


def test_instances_have_names_of_any_script_and_hidden_files_are_no_data(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    names = ["räder", "фото 1", "写真", "हिन्दी", "a-b_c.d"]
    for name in names:
        paths.data(JobName("digits", name)).mkdir(parents=True)
        (paths.data(JobName("digits", name)) / "x").write_text(name)

    class Named(Problem):
        @classmethod
        def instances(cls, folder):
            return names

    monkeypatch.setattr("tasks.jobs.making.problem_class", lambda path: Named)
    jobs = jobs_of("digits", problem_settings("digits"))
    assert [name_of(job) for job in jobs] == [JobName("digits", name) for name in names]
    (paths.data(JobName("digits", "räder")) / ".DS_Store").write_text("where icons lie")
    (paths.data(JobName("digits", "räder")) / ".ipynb_checkpoints").mkdir()
    (paths.data(JobName("digits", "räder")) / ".ipynb_checkpoints/x-checkpoint").write_text("x")
    assert jobs_of("digits", problem_settings("digits")) == jobs
