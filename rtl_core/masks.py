"""Which weights each ticket owns: K boolean masks over the prunable weights of one network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rtl_core.weights import Layout


@dataclass(frozen=True)
class Masks:
    """K masks m_k over d prunable weights (paper section 3), ``values`` bool [K, d]."""

    layout: Layout
    values: Tensor

    def __post_init__(self) -> None:
        if self.values.dtype != torch.bool or self.values.ndim != 2:
            raise ValueError(f"masks are bool [K, d]; found {self.values.dtype} {list(self.values.shape)}")
        if self.values.shape[1] != self.layout.size:
            raise ValueError(f"{self.values.shape[1]} mask values for {self.layout.size} prunable weights")

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, subset: int) -> Tensor:
        """The mask of one subset, bool [d]."""
        return self.values[subset]

    def select(self, subsets: Sequence[int]) -> "Masks":
        """The masks of some subsets, in the order given."""
        return Masks(self.layout, self.values[list(subsets)])

    def layers(self) -> dict[str, Tensor]:
        """All K masks by layer, each bool [K, n] with the layer's weights in a row."""
        return dict(zip(self.layout.names, self.values.split(self.layout.lengths, dim=1), strict=True))

    def active(self) -> Tensor:
        """Number of weights each ticket owns, int [K]."""
        return self.values.sum(dim=1)

    def union(self) -> Tensor:
        """The weights owned by at least one ticket, bool [d]; their number is RTL's parameter count."""
        return self.values.any(dim=0)

    def united(self) -> "Masks":
        """The union as one mask, bool [1, d], so that one network may use all that RTL keeps."""
        return Masks(self.layout, self.union().unsqueeze(0))
