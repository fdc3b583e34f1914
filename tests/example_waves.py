"""A problem as users write one: another loss, another network, other scores, sounds and pictures."""

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
