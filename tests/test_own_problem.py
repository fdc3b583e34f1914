"""A user's own problem is one file and one section of params.yaml: another loss, another network, other scores."""

import sys

import pandas as pd
import yaml
from test_pipeline import Project

MINE = '''
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from rtl_core.networks.initialisation import initialise
from rtl_core.problem import Objective, Problem, Score


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

    def _told(self, k):
        return torch.cat([self.x, torch.full_like(self.x, float(k))], dim=1)

    def _objective(self, name, x, y):
        return Objective(name, lambda generator: [(x, y)], 1, lambda network, batch: F.mse_loss(network(x), y))

    def _scores(self, outputs):
        found = [-10 * (out - y).square().mean().log10().item() for out, y in zip(outputs, self.y)]
        named = [Score("paper", "psnr", name, value) for name, value in zip(self.subsets, found)]
        return [*named, Score("paper", "psnr", "mean", sum(found) / 2)]
'''


def test_the_pipeline_runs_it(repository, tmp_path):
    project = Project(repository, tmp_path)
    (tmp_path / "waves.py").write_text(MINE)
    (tmp_path / "points.txt").write_text("32")
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["My_waves"] = params["digits"] | {
        "problem": "waves:Waves",
        "partition": {"source": "points.txt"},
        "training": {"width": 8},
        "seeds": [3],
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    project.succeed(sys.executable, "-m", "flows.pipeline", "My_waves")
    results = pd.read_csv(tmp_path / "artifacts/My_waves/results.csv")
    assert set(results.metric) == {"psnr"}
    assert set(results.subset) == {"sine", "cosine", "mean"}
    parameters = pd.read_csv(tmp_path / "artifacts/My_waves/parameters.csv").set_index("method")
    assert (parameters.loc["rtl"].prunable == 16).all()
    assert (parameters.loc["imp_single"].prunable == 24).all()
    shown = project.succeed("rtl", "results", "My_waves")
    assert "PSNR, dB" in shown and "IMP single" in shown

    (tmp_path / "points.txt").write_text("48")
    project.succeed(sys.executable, "-m", "flows.partition", "My_waves")
    assert (tmp_path / "data/My_waves/points.txt").read_text() == "48"

    params["My_waves"]["training"] = {"width": 0.5}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.run("rtl", "info", "My_waves")
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: My_waves.training.width: found 0.5; allowed: ")
