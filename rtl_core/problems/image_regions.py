"""Photographs as coordinate networks: one network an image, one ticket a region (paper section 3)."""

from collections.abc import Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rtl_core.description.about import Usage
from rtl_core.description.architecture import CoordinateNetwork
from rtl_core.description.decision import Colours
from rtl_core.description.preprocessing import Places
from rtl_core.device import DeviceName, device_of
from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_in
from rtl_core.left_out import write_left_out
from rtl_core.memory import Memory
from rtl_core.networks.coordinate_mlp import coordinate_mlp, fourier_features
from rtl_core.problem import AcrossSubsets, Exhibit, Objective, Problem, Score
from rtl_core.problems.regions.colour_error import error, error_with_region, one_batch
from rtl_core.problems.regions.folders import folder_files, read_folders, sample_photographs
from rtl_core.problems.regions.lab import colours_apart
from rtl_core.problems.regions.painting import LEAST_FREQUENCY, LEAST_SIDE, MOST_FREQUENCY, MOST_SIDE, bytes_of
from rtl_core.problems.regions.region_image import FILE, load, save, size_of
from rtl_core.problems.regions.training_memory import training_memory
from rtl_core.problems.share_of import share_of
from rtl_core.scoring import MEAN

PROTOCOL = "reconstruction"
MOST_DB = 58.92
"""PSNR of an image that is right but for the rounding of 8 bits, 10 log₁₀(12 · 255²): no figure goes beyond it."""
ERROR_SCALE = 4
FEWEST = 5
"""Images that a share holds at least."""


class ImageRegions(Problem):
    """One image. K = its regions; ticket k learns the colours of region k's pixels, all of them in every batch.

    IMP single learns all pixels, and is told the region of each by an embedding.
    """

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        folders: Annotated[
            list[str], Field(description="folders with images/ and regions/; none: scikit-learn's two photographs")
        ] = [],  # noqa: B006
        longest_side: Annotated[int, Field(ge=16, le=MOST_SIDE, description="pixels an image is scaled down to")] = 96,
        smallest_region: Annotated[
            float, Field(ge=0, lt=0.5, description="share of the pixels below which a fragment joins a neighbour")
        ] = 0.005,
        num_regions: Annotated[
            int, Field(ge=2, le=50, description="regions to look for by colour and place, where there is no map")
        ] = 6,
        share: Annotated[
            float, Field(gt=0, le=1, description="share of the images that is used, evenly spread; five at least")
        ] = 1.0,
        seed: Annotated[int, Field(ge=0, description="seed of that search")] = 0,
    ) -> None:
        """Write each image into a folder of its own, and say which could not be used.

        Raises:
            DataError: a folder has no image, or not one image can be used.
        """
        how = (longest_side, smallest_region, num_regions, seed)
        images, left_out = read_folders(folders, *how) if folders else (sample_photographs(*how), [])
        for image in share_of(images, share, FEWEST):
            if min(image.regions.shape) >= LEAST_SIDE:
                save(folder / image.name, image)
            else:
                size = "×".join(map(str, image.regions.shape[::-1]))
                left_out.append(f"{image.name}: found {size} pixels when scaled; allowed: {LEAST_SIDE} a side and more")
        if not cls.instances(folder):
            raise DataError(left_out[0])
        write_left_out(folder, left_out)

    @classmethod
    def instances(cls, folder: Path) -> Sequence[str]:
        """The images, by name."""
        return [path.name for path in entries_in(folder) if (path / FILE).is_file()]

    @classmethod
    def source_files(cls, *, folders: Sequence[str] = (), **_: object) -> list[Path]:
        """Every image and map."""
        return folder_files(folders)

    @classmethod
    def memory_of_training(
        cls, folder: Path, *, precision: str = "float32", device: DeviceName = "auto", **_: object
    ) -> Memory | None:
        """It grows with the image's pixels, and with its regions where they are many."""
        return training_memory(*size_of(folder), precision) if device_of(device).type == "cpu" else None

    def __init__(
        self,
        folder: Path,
        *,
        activation: Annotated[Literal["relu", "sine"], Field(description="sine: SIREN")] = "relu",
        sine_frequency: Annotated[
            float, Field(ge=LEAST_FREQUENCY, le=MOST_FREQUENCY, description="ω of sin(ω x)")
        ] = 30.0,
        precision: Annotated[
            Literal["float32", "bfloat16"], Field(description="of matrix products in training")
        ] = "float32",
        device: DeviceName = "auto",
    ) -> None:
        image = load(folder)
        self.device = device_of(device)
        self.sine_frequency = sine_frequency if activation == "sine" else 0.0
        self.precision: Literal["float32", "bfloat16"] = precision
        self.map = image.regions
        self.height, self.width = image.regions.shape
        self.features = fourier_features(self.height, self.width).to(self.device)
        self.colours = (image.pixels.float() / 255).reshape(-1, 3).to(self.device)
        self.region = image.regions.reshape(-1).long().to(self.device)
        self.subsets = tuple(f"region {k + 1}" for k in range(int(self.region.max()) + 1))
        self._divide(self.region)

    def _divide(self, part: Tensor) -> None:
        self.members = [(part == k).nonzero().squeeze(1) for k in range(len(self.subsets))]
        self.batches = [(self.features[index], self.colours[index]) for index in self.members]

    def random_partition(self, generator: torch.Generator) -> "ImageRegions":
        """Pixels in K parts of equal size wherever they lie."""
        dealt = copy(self)
        dealt._divide((torch.randperm(len(self.region), generator=generator) % len(self.subsets)).to(self.device))
        return dealt

    def network(self, generator: torch.Generator) -> nn.Module:
        return self._network(generator, embedded=False)

    def single_network(self, generator: torch.Generator) -> nn.Module:
        """The tickets' network, its weights the same, and an embedding of the region at its input."""
        return self._network(generator, embedded=True)

    def _network(self, generator: torch.Generator, embedded: bool) -> nn.Module:
        return coordinate_mlp(self.precision, self.map, self.sine_frequency, generator, embedded).to(self.device)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        """The weights of the five layers: 53,888."""
        return [name for name, _ in network.named_parameters() if name.startswith("layers.") and "weight" in name]

    def usage(self, one_network: bool = False) -> Usage:
        return Usage(CoordinateNetwork(precision=self.precision, embedded=one_network), Places(), Colours())

    @property
    def objectives(self) -> Sequence[Objective]:
        """Squared error, each region's in proportion to its pixels: added up, every pixel of the image counts the same.

        To an Adam of a ticket's own, as in the sequential update, a loss has no scale.
        """
        share = len(self.subsets) / len(self.region)
        return [
            Objective(name, partial(one_batch, batch), 1, partial(error, share * len(batch[0])))
            for name, batch in zip(self.subsets, self.batches, strict=True)
        ]

    @property
    def single_objective(self) -> Objective:
        return Objective("all", partial(one_batch, (self.features, self.colours, self.region)), 1, error_with_region)

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """PSNR over all pixels (the paper's figure), SSIM, and PSNR of each region."""
        return self._score(self._painted(tickets))

    def score_single(self, network: nn.Module) -> list[Score]:
        return self._score(self._painted_single(network))

    def _score(self, painted: Tensor) -> list[Score]:
        from torchmetrics.functional.image import structural_similarity_index_measure  # takes seconds to import

        picture, target = (
            flat.reshape(1, self.height, self.width, 3).permute(0, 3, 1, 2) for flat in (painted, self.colours.cpu())
        )
        ssim = structural_similarity_index_measure(picture, target, data_range=1.0)
        regions = self._region_psnr(painted)
        return [
            Score(PROTOCOL, metric, subset, value, higher_is_better=True)
            for metric, subset, value in (
                ("psnr", MEAN, _psnr(painted, self.colours.cpu())),
                ("ssim", MEAN, float(ssim)),  # type: ignore[arg-type]
                *(("region_psnr", name, value) for name, value in zip(self.subsets, regions, strict=True)),
                ("region_psnr", MEAN, sum(regions) / len(regions)),
            )
        ]

    def across_subsets(self, network: nn.Module) -> AcrossSubsets:
        """PSNR of the one ticket on every region, and its colours of all pixels, float [H · W, 3]."""
        painted = self._painted([network] * len(self.subsets))
        return AcrossSubsets("region_psnr", tuple(self._region_psnr(painted)), painted)

    def _region_psnr(self, painted: Tensor) -> list[float]:
        return [
            _psnr(painted[index.cpu()], colours.cpu())
            for index, (_, colours) in zip(self.members, self.batches, strict=True)
        ]

    @property
    def references(self) -> Sequence[Exhibit]:
        """The photograph and its regions, each in a colour of its own."""
        coloured = torch.from_numpy(colours_apart(len(self.subsets)))[self.map.long()]
        return [Exhibit("target", self._pixels(self.colours.cpu())), Exhibit("regions", coloured)]

    def exhibit(self, tickets: Sequence[nn.Module]) -> Sequence[Exhibit]:
        """What the tickets paint, and how far off it is (mean over channels, four times as bright)."""
        return self._exhibit(self._painted(tickets))

    def exhibit_single(self, network: nn.Module) -> Sequence[Exhibit]:
        return self._exhibit(self._painted_single(network))

    def _exhibit(self, painted: Tensor) -> Sequence[Exhibit]:
        off = (painted - self.colours.cpu()).abs().mean(1, keepdim=True).expand(-1, 3)
        return [
            Exhibit("reconstruction", self._pixels(painted)),
            Exhibit(f"error × {ERROR_SCALE}", self._pixels(ERROR_SCALE * off)),
        ]

    def _pixels(self, colours: Tensor) -> Tensor:
        return bytes_of(colours).reshape(self.height, self.width, 3)

    @torch.inference_mode()
    def _painted(self, networks: Sequence[nn.Module]) -> Tensor:
        """Colours float [H · W, 3] within 0 to 1, each region painted by its own network; on the CPU."""
        painted = torch.empty_like(self.colours)
        for network, index in zip(networks, self.members, strict=True):
            painted[index] = network(self.features[index])
        return painted.clamp(0, 1).cpu()

    @torch.inference_mode()
    def _painted_single(self, network: nn.Module) -> Tensor:
        painted: Tensor = network(self.features, self.region)
        return painted.clamp(0, 1).cpu()


def _psnr(painted: Tensor, colours: Tensor) -> float:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return min(float(peak_signal_noise_ratio(painted, colours, data_range=1.0)), MOST_DB)
