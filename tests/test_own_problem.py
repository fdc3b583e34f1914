"""A user's own problem is one file and one section of params.yaml: another loss, another network, other scores."""

import sys
from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
import soundfile
import yaml
from test_pipeline import Project

MINE = '''
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from rtl_core.networks.initialisation import initialise
from rtl_core.problem import Exhibit, Objective, Problem, Score, Sound


class Waves(Problem):
    """Two waves over one line, one ticket each; the single network is also told which wave is meant."""

    subsets = ("sine", "cosine")

    @classmethod
    def partition(cls, folder, *, source: str):
        (folder / "points.txt").write_text(Path(source).read_text())

    @classmethod
    def source_files(cls, *, source):
        return [Path(source)]

    def __init__(self, folder, *, width: int = 16):
        self.x = torch.linspace(0, 6, int((folder / "points.txt").read_text())).unsqueeze(1)
        self.y = (self.x.sin(), self.x.cos())
        self.width = width

    def network(self, generator, inputs=1):
        return initialise(nn.Sequential(nn.Linear(inputs, self.width), nn.ReLU(), nn.Linear(self.width, 1)), generator)

    def single_network(self, generator):
        return self.network(generator, inputs=2)

    def prunable(self, network):
        return ["0.weight", "2.weight"]

    @property
    def objectives(self):
        return [self._objective(name, self.x, y) for name, y in zip(self.subsets, self.y)]

    @property
    def single_objective(self):
        return self._objective("both", torch.cat([self._told(k) for k in range(2)]), torch.cat(self.y))

    def score(self, tickets):
        return self._scores([ticket(self.x) for ticket in tickets])

    def score_single(self, network):
        return self._scores([network(self._told(k)) for k in range(2)])

    @property
    def references(self):
        return [self._exhibit(f"{name}, as it is", y) for name, y in zip(self.subsets, self.y)]

    def exhibit(self, tickets):
        return [self._exhibit(name, ticket(self.x)) for name, ticket in zip(self.subsets, tickets)]

    def exhibit_single(self, network):
        return [self._exhibit(name, network(self._told(k))) for k, name in enumerate(self.subsets)]

    def _exhibit(self, name, wave):
        return Exhibit(name, (100 + 50 * wave.expand(-1, 3)[None]).to(torch.uint8), Sound(wave.flatten() / 2, 8000))

    def _told(self, k):
        return torch.cat([self.x, torch.full_like(self.x, float(k))], dim=1)

    def _objective(self, name, x, y):
        return Objective(name, lambda generator: [(x, y)], 1, lambda network, batch: F.mse_loss(network(x), y))

    def _scores(self, outputs):
        scores = []
        for metric, of_error in (("mse", float), ("psnr", lambda error: -10 * math.log10(error))):
            found = [of_error((out - y).square().mean().item()) for out, y in zip(outputs, self.y)]
            points = [
                Score("paper", metric, name, of_error(part.square().mean().item()), f"part {number}")
                for name, out, y in zip(self.subsets, outputs, self.y)
                for number, part in enumerate((out - y).chunk(4))
            ]
            named = [Score("paper", metric, name, value) for name, value in zip(self.subsets, found)]
            scores += [*named, Score("paper", metric, "mean", sum(found) / 2), *points]
        return scores
'''


def test_the_pipeline_runs_it(repository, tmp_path, tmp_path_factory):
    project = Project(repository, tmp_path)
    (tmp_path / "waves.py").write_text(MINE)
    points = tmp_path_factory.mktemp("source") / "points.txt"
    points.write_text("32")
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["My_waves"] = deepcopy(params["digits"]) | {
        "problem": "waves:Waves",
        "partition": {"source": str(points)},
        "training": {"width": 8},
        "seeds": [3],
        "sparsities": [0.4],
        "baselines": {"methods": ["imp_single", "imp_multiple"]},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    project.succeed(sys.executable, "-m", "flows.pipeline", "My_waves")
    results = pd.read_csv(tmp_path / "artifacts/My_waves/results.csv")
    assert set(results.metric) == {"mse", "psnr"}
    assert set(results.subset) == {"sine", "cosine", "mean"}
    parameters = pd.read_csv(tmp_path / "artifacts/My_waves/parameters.csv").set_index("method")
    assert (parameters.loc["rtl"].prunable == 16).all()
    assert (parameters.loc["imp_single"].prunable == 24).all()
    shown = " ".join(project.succeed("rtl", "results", "My_waves").split())  # titles are as wide as their tables
    assert "PSNR, dB" in shown and "IMP single" in shown and "over IMP single" in shown and "ahead in" in shown
    assert "MSE (lower is better)" in shown and "margins in MSE (lower is better; + means lower), paper" in shown
    assert "changed since" not in shown
    check_margins(tmp_path / "artifacts/My_waves")
    check_sounds(tmp_path / "artifacts/My_waves", tmp_path / "mlartifacts/My_waves")

    again = "`python -m flows.pipeline My_waves` takes it up\n"
    points.write_text("48")
    said = "My_waves: points.txt changed since these tables were made; "
    assert f"{said}`dvc repro -f partition@My_waves` or {again}" in project.succeed("rtl", "results", "My_waves")
    project.succeed(sys.executable, "-m", "flows.partition", "My_waves")
    assert (tmp_path / "data/My_waves/points.txt").read_text() == "48"
    (tmp_path / "waves.py").write_text(f"{MINE}\n# another\n")
    said = f"My_waves: waves.py changed since these tables were made; `dvc repro` or {again}"
    assert said in project.succeed("rtl", "results", "My_waves")

    params["My_waves"]["training"] = {"width": 0.5}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.run("rtl", "info", "My_waves")
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: My_waves.training.width: found 0.5; allowed: ")


def check_margins(folder: Path) -> None:
    """Scores of single examples are published apart, and methods are compared on them."""
    examples, margins = pd.read_parquet(folder / "examples.parquet"), pd.read_csv(folder / "margins.csv")
    results = pd.read_csv(folder / "results.csv")
    columns = ["method", "seed", "sparsity", "protocol", "metric", "subset", "example", "value"]
    assert list(examples) == columns and "example" not in results
    assert len(examples) == 4 * (results.subset != "mean").sum()
    assert (folder / "scoring.csv").read_text().splitlines()[1:] == ["paper,mse,False,", "paper,psnr,True,"]
    check_direction(examples, margins)
    assert set(margins.against) == {"imp_single", "imp_multiple"}
    assert margins[margins.subset == "mean"].examples.tolist() == [8] * (margins.subset == "mean").sum()


def check_direction(examples: pd.DataFrame, margins: pd.DataFrame) -> None:
    """An error and its logarithm, which is read the other way, agree on who is ahead; and where that is, it is less."""
    by_metric = margins.set_index([*["method", "against", "sparsity", "subset"]]).groupby("metric", sort=False)
    mse, psnr = (rows for _, rows in by_metric)
    assert list(by_metric.groups) == ["mse", "psnr"] and mse.ahead.equals(psnr.ahead) and len(mse.ahead.unique()) > 1
    errors = examples[examples.metric == "mse"].groupby(["method", "subset"]).value.mean()
    of_subsets = margins[(margins.metric == "mse") & (margins.subset != "mean")]
    assert of_subsets.difference.tolist() == pytest.approx(
        [errors[row.against, row.subset] - errors[row.method, row.subset] for row in of_subsets.itertuples()]
    )


def check_sounds(folder: Path, logged: Path) -> None:
    """Every sound is in the table, a file, an artefact of MLflow and a player of the page."""
    exhibits = pd.read_parquet(folder / "exhibits.parquet")
    files = {path.name for path in (folder / "figures/sounds").iterdir()}
    assert exhibits.flac.notna().all() and len(files) == len(exhibits)
    assert {"sine_as_it_is.flac", "cosine-rtl-sparsity-40.flac"} < files
    wave, rate = soundfile.read(folder / "figures/sounds/sine_as_it_is.flac")
    assert rate == 8000 and abs(wave).max() < 0.51 and len(wave) == 32
    assert {path.name for path in logged.glob("*/artifacts/figures/sounds/*")} == files
    assert (folder / "report.html").read_text().count("<audio ") == len(files)
