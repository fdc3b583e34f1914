"""The embedded default: 1,797 scanned handwritten digits of 8×8 pixels that scikit-learn carries."""

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from rtl_core.problems.images.labelled_images import LabelledImages, hold_out
from rtl_core.problems.images.one_vs_rest import OneVsRest
from rtl_core.problems.images.stored_images import save_images
from rtl_core.randomness import Stream


class Digits(OneVsRest):
    """Ten subsets, one a digit."""

    white = 16

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        test_share: Annotated[float, Field(gt=0, lt=1, description="share of each class kept for testing")] = 0.3,
        validation_share: Annotated[
            float, Field(gt=0, lt=1, description="share of the rest kept for choosing thresholds")
        ] = 0.2,
        seed: Annotated[int, Field(ge=0, description="seed of the split")] = 0,
    ) -> None:
        from sklearn.datasets import load_digits  # takes a second to import, and only this step needs it

        source = load_digits()
        images = torch.from_numpy(source.images).to(torch.uint8).unsqueeze(1)
        everything = LabelledImages(images, torch.from_numpy(source.target).long())
        stream = Stream(seed).at(problem="digits")
        rest, test = hold_out(everything, test_share, stream.at(split="test"))
        train, validation = hold_out(rest, validation_share, stream.at(split="validation"))
        splits = {"train": train, "validation": validation, "test": test}
        save_images(folder, splits, [f"digit {k}" for k in range(10)])
