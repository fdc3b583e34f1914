"""Speech as users bring it: two folders, one run, a page to listen to, and a recording enhanced with its tickets."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml
from small_project import Project
from typer.testing import CliRunner

from flows.command_line.app import app
from flows.command_line.each_instance import each_instance
from rtl_core.networks.speech_unet import RATE
from rtl_core.problems.speech.synthetic_speech import write_synthetic
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.randomness import Stream
from rtl_core.ticket_file import tickets_from_bytes
from rtl_core.training import batches_of
from rtl_core.valid_problem import check_problem
from tasks.figures.catalogue import FIGURES, spec
from tasks.settings.problem_settings import problem_settings
from tasks.tables.names import caption_text
from tasks.tables.published import read_tables

SCENES = [f"synthetic {kind}" for kind in ("indoor", "outdoor", "transportation")]
SETTINGS = {
    "sparsities": [0.5],
    "partition": {"clean": "mine/clean", "noise": "mine/noise", "seconds": 1.0, "mixtures": [6, 1, 3]},
    "training": {"batch_size": 3, "precision": "float32", "perceptual": ["stoi"], "device": "cpu"},
    "extract": {"duration": "2it", "weights_per_round": 0.5, "rewind_every": 1},
    "retrain": {"duration": "3it", "update": ["synchronous"]},
    "baselines": {"methods": ["imp_single", "imp_multiple"]},
}


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """A finished run over recordings of which one cannot be read."""
    project = Project.new(repository, tmp_path_factory.mktemp("speech"))
    write_synthetic(project.folder / "mine")
    (project.folder / "mine/clean/s9-1.wav").write_bytes(b"RIFF, they say")
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["speech_scenes"] |= SETTINGS
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.run("rtl", "run", "pipeline", "speech_scenes")
    assert done.returncode == 0, done.stdout + done.stderr
    project.told = done.stderr
    return project


def test_what_cannot_be_read_is_told_in_a_line(project):
    (line,) = (line for line in project.told.splitlines() if line.startswith("warning: clean/"))
    assert line.startswith("warning: clean/s9-1.wav: not readable as audio")
    facts = json.loads(project.succeed("rtl", "info", "speech_scenes", "--json"))
    assert (facts["prunable_weights"], facts["num_subsets"], facts["subsets"]) == (37_368, 3, SCENES)


def test_every_method_is_scored_on_every_mixture(project):
    folder = project.folder / "artifacts/speech_scenes"
    results, examples = pd.read_csv(folder / "tables/results.csv"), pd.read_parquet(folder / "tables/examples.parquet")
    methods = {"rtl", "imp_single", "imp_multiple"}
    assert set(results.method) == methods and set(results.metric) == {"si_snri", "sdri", "stoi"}
    assert set(results.subset) == {"mean", *SCENES}
    assert set(pd.read_csv(folder / "tables/summary.csv").protocol) == {"enhancement of synthetic sounds"}
    assert "enhancement of synthetic sounds protocol" in (folder / "report.html").read_text()
    assert (examples.groupby(["method", "metric", "subset"]).size() == 3).all()
    means = examples.groupby(["method", "metric", "subset"]).value.mean()
    table = results.set_index(["method", "metric", "subset"]).value
    assert all(table[place] == pytest.approx(value) for place, value in means.items())
    function = pd.read_csv(folder / "tables/function.csv")
    assert len(function) == 3 * 3 and set(function.metric) == {"si_snri"}
    own = function[function.ticket == function.subset]
    assert own.value.tolist() == pytest.approx([table["rtl", "si_snri", scene] for scene in own.subset], abs=1e-4)


def test_margins_and_sounds_are_published(project):
    folder = project.folder / "artifacts/speech_scenes"
    margins = pd.read_csv(folder / "tables/margins.csv").query("metric == 'si_snri' and against == 'imp_single'")
    assert set(margins.method) == {"rtl", "imp_multiple"} and set(margins.subset) == {"mean", *SCENES}
    page = (folder / "report.html").read_text()
    references, made = 2 * 3, 3 * 3
    assert page.count("<audio ") == references + made
    logged = [*project.folder.glob("mlartifacts/speech_scenes/*/artifacts/**/*.flac")]
    assert len(logged) == references + made + made  # the comparison has all, each method its own


def test_the_number_beside_a_sound_is_that_sounds_own(project):
    tables = read_tables(project.folder / "artifacts/speech_scenes/tables")
    shown, examples = tables["exhibits"], tables["examples"]
    assert set(shown.example) == {f"{scene} 0" for scene in SCENES}
    page = (project.folder / "artifacts/speech_scenes/report.html").read_text()
    figure = json.dumps(spec(FIGURES["exhibits"].draw(tables)), ensure_ascii=False)
    made = shown[shown.sparsity.notna()]
    assert len(made) == 3 * 3
    for row in made.itertuples():
        (own,) = examples[
            (examples.method == row.method) & (examples.metric == "si_snri") & (examples.example == row.example)
        ].value
        assert f"<small>{caption_text('si_snri', own)}</small>" in page
        assert f'"below": "{caption_text("si_snri", own)}"' in figure
    assert page.count("<small>") == len(made)


@pytest.mark.parametrize("method", ["rtl", "imp_single", "imp_multiple"])
def test_a_ticket_of_any_method_enhances_as_it_was_scored(project, method, monkeypatch, tmp_path):
    monkeypatch.chdir(project.folder)
    artifacts = project.folder / "artifacts/speech_scenes"
    (path,) = {
        "rtl": artifacts.glob("tickets/rtl/seed-0/*"),
        "imp_single": artifacts.glob("baselines/imp_single/seed-0/*/*"),
        "imp_multiple": artifacts.glob("baselines/imp_multiple/seed-0/*/network-001*"),
    }[method]
    problem = SpeechScenes(project.folder / "data/speech_scenes", **SETTINGS["training"])
    noisy, _ = problem.scored[1][[0]]
    tickets = tickets_from_bytes(path.read_bytes(), path.name)
    network = tickets.network(1 if method == "rtl" else 0, problem.network(Stream(0).generator()))
    soundfile.write(tmp_path / "in.wav", noisy[0].numpy(), RATE, "FLOAT")
    out = tmp_path / "out.wav"
    done = CliRunner().invoke(app, ["enhance", str(path), str(tmp_path / "in.wav"), str(out), "--scene", SCENES[1]])
    assert done.exit_code == 0 and "1.0 s at 16000 Hz, 1 channel, 32 bit float; real-time factor" in done.output
    with torch.inference_mode():
        expected = network(noisy)[0].numpy()
    assert np.allclose(soundfile.read(out)[0], expected, atol=1e-4)


def test_data_partitioned_for_this_once_are_there_while_they_are_used(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    with each_instance("speech_scenes", problem_settings("speech_scenes")) as each:
        _, problem = next(each)
        noisy, clean = problem.scored[0][[0]]
    assert noisy.shape == clean.shape == (1, 2 * RATE) and not any(tmp_path.glob("*/*"))


def test_what_a_score_is_not_defined_for_does_not_count(project, monkeypatch):
    problem = SpeechScenes(project.folder / "data/speech_scenes", **SETTINGS["training"])
    given = {"sdri": [1.0, float("nan"), 3.0], "stoi": [float("nan")] * 3}
    monkeypatch.setattr(problem, "_improvements", lambda network, mixtures: given)
    scores = problem.score_single(problem.network(Stream(0).generator()))
    assert {(score.metric, score.higher_is_better, score.chance) for score in scores} == {("sdri", True, 0.0)}
    assert {s.subset: s.value for s in scores if not s.example} == dict.fromkeys([*SCENES, "mean"], 2.0)
    assert sorted(s.example for s in scores if s.subset == SCENES[0] and s.example) == [
        f"{SCENES[0]} {n}" for n in (0, 2)
    ]


def test_mixtures_random_partition_are_the_same_ones(project):
    problem = SpeechScenes(project.folder / "data/speech_scenes", **SETTINGS["training"])
    dealt = problem.random_partition(torch.Generator().manual_seed(0))
    check_problem(dealt)
    own, others = (sorted(r for part in each.training for r in part.table.index) for each in (problem, dealt))
    assert own == others and [len(p) for p in dealt.training] == [6, 6, 6]
    assert any(set(a.table.index) != set(b.table.index) for a, b in zip(problem.training, dealt.training, strict=True))


@pytest.mark.skipif("RTL_DATA" not in os.environ, reason="RTL_DATA names no folder of real data")
def test_an_unpruned_network_improves_real_speech_by_three_decibels(tmp_path):
    speech = {"clean": "$RTL_DATA/speech/clean", "noise": "$RTL_DATA/speech/noise"}
    SpeechScenes.partition(tmp_path, **speech, seconds=1.0, mixtures=[0, 1, 8])
    problem = SpeechScenes(tmp_path, batch_size=4, precision="bfloat16", perceptual=[], device="cpu")
    assert problem.subsets == ("indoor", "outdoor", "transportation")
    network, objective = problem.network(Stream(0).generator()).train(), problem.single_objective
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _, batch in zip(range(100), batches_of(objective, (Stream(e) for e in range(9))), strict=False):
        optimizer.zero_grad()
        objective.loss(network, batch).backward()
        optimizer.step()
    scores = {(s.metric, s.subset): s.value for s in problem.score_single(network.eval()) if not s.example}
    assert scores["si_snri", "mean"] > 3
