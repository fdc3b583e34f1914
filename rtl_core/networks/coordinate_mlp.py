"""A coordinate network (implicit neural representation): from a place in an image to its colour (paper section 3)."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OCTAVES = 8
FEATURES = 2 + 4 * OCTAVES
WIDTHS = (FEATURES, 128, 128, 128, 128, 3)
BLOCK = 512
"""Places at a time in evaluation."""
EMBEDDING = 16
"""Values that tell a network which serves every region where it is."""


def fourier_features(height: int, width: int, rows: range | None = None) -> Tensor:
    """What the network is told of every pixel of an image, or of some of its rows, row by row: float [N, 34].

    Its place (x, y), from -1 to 1 along each side, then sine and cosine of both at eight frequencies, the lowest half
    a period a side, each twice the one before.
    """
    of_rows, of_columns = (torch.tensor(rows or range(height)), height), (torch.arange(width), width)
    y, x = torch.meshgrid(*((places + 0.5).double() / n * 2 - 1 for places, n in (of_rows, of_columns)), indexing="ij")
    return features_of(torch.stack([x, y], dim=-1).reshape(-1, 2))


def features_of(places: Tensor) -> Tensor:
    """The same of any places (x, y), double [N, 2]: float [N, 34]."""
    angles = (places[:, :, None] * (math.pi / 2 * 2.0 ** torch.arange(OCTAVES))).flatten(1)
    return torch.cat([places, angles.sin(), angles.cos()], dim=1).float()


class CoordinateMLP(nn.Module):
    """34 → 128 → 128 → 128 → 128 → 3, with the map of the regions that its tickets paint.

    Args:
        regions: the region of every pixel, uint8 [H, W].
        sine_frequency: 0 for ReLU; otherwise ω of sin(ω x) (SIREN, Sitzmann et al. 2020).
        generator: θ₀ is drawn from it alone, the layers that all methods share first: uniform within 1 / √inputs, as
            torch draws it; for a sine within 1 / inputs, then √(6 / inputs) / ω.
        embedded: whether each region has an embedding of 16 values, so that one network serves all (IMP single). Its
            columns of the first layer are a layer of their own: what masks cover is the same for every method.
    """

    regions: Tensor
    sine_frequency: Tensor

    def __init__(self, regions: Tensor, sine_frequency: float, generator: torch.Generator, embedded: bool) -> None:
        super().__init__()
        self.register_buffer("regions", regions)
        self.register_buffer("sine_frequency", torch.tensor(float(sine_frequency)))
        self._frequency = float(sine_frequency)
        layers = [nn.Linear(a, b) for a, b in pairwise(WIDTHS)]
        for number, layer in enumerate(layers):
            bound = 1 / math.sqrt(WIDTHS[number])
            within = bound if not sine_frequency else bound**2 if not number else math.sqrt(6) * bound / sine_frequency
            nn.init.uniform_(layer.weight, -within, within, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        self.layers = nn.ModuleList(layers)
        if embedded:
            count = int(regions.max()) + 1
            bound = 1 / (FEATURES + EMBEDDING) if sine_frequency else 1 / math.sqrt(FEATURES + EMBEDDING)
            self.embedding = nn.Parameter(torch.randn(count, EMBEDDING, generator=generator))
            self.embedded = nn.Parameter(torch.empty(WIDTHS[1], EMBEDDING))
            nn.init.uniform_(self.embedded, -bound, bound, generator=generator)

    def forward(self, features: Tensor, region: Tensor | None = None) -> Tensor:
        """Colours float [N, 3], about 0 to 1, at places with the features float [N, 34].

        A network with embeddings also needs the ``region`` of each place, int [N].
        """
        first, *middle, last = self.layers
        x: Tensor = first(features)
        if region is not None:
            columns = F.linear(self.embedding, self.embedded).float()  # thousands of gradients are added up behind it
            x = x + F.embedding(region, columns)
        for layer in middle:
            x = layer(self._activation(x))
        colours: Tensor = last(self._activation(x))
        return colours

    def _activation(self, x: Tensor) -> Tensor:
        return (self._frequency * x).sin() if self._frequency else x.relu()


class BlockwiseMLP(CoordinateMLP):
    """The same network, which in evaluation takes so many places at a time that a core's cache holds their activations.

    The plain reference of the benchmark takes all of them at once.
    """

    published = CoordinateMLP

    def forward(self, features: Tensor, region: Tensor | None = None) -> Tensor:
        """As the network that it speeds up."""
        if self.training or torch.compiler.is_exporting():
            return super().forward(features, region)
        count = max(1, -(-len(features) // BLOCK))
        regions = [None] * count if region is None else region.tensor_split(count)
        parts = zip(features.tensor_split(count), regions, strict=True)
        return torch.cat([super(BlockwiseMLP, self).forward(*part) for part in parts])


class HalfPrecisionMLP(BlockwiseMLP):
    """The same network, which trains with its matrix products in bfloat16 (weights, sums and scores are float32).

    The plain reference of the benchmark is the network in float32.
    """

    def forward(self, features: Tensor, region: Tensor | None = None) -> Tensor:
        """As the network that it speeds up."""
        with torch.autocast(features.device.type, torch.bfloat16, enabled=self.training):
            return super().forward(features, region).float()


def coordinate_mlp(precision: str, *args: Any) -> CoordinateMLP:
    """A coordinate network that trains in ``float32`` or ``bfloat16``."""
    return {"float32": BlockwiseMLP, "bfloat16": HalfPrecisionMLP}[precision](*args)
