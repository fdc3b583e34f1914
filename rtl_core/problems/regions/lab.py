"""Colours as far apart as people see them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


def lab_of(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIE L*, a* and b* of sRGB, uint8 [H, W, 3], rounded as Pillow does: float [H, W, 3]."""
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(Image.fromarray(pixels), to_lab)
    stored = np.asarray(converted)
    light, colour = stored[..., :1] * (100 / 255), stored[..., 1:].astype(np.int8)
    return np.concatenate([light, colour], axis=-1, dtype=np.float64)


def colours_apart(count: int) -> NDArray[np.uint8]:
    """So many sRGB colours that no two are alike, uint8 [count, 3]: a blue, then always the one farthest from those
    before it, neither black nor white.
    """
    steps = np.linspace(0, 255, 12).round().astype(np.uint8)
    candidates = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    places = lab_of(candidates[None])[0]
    shown = (places[:, 0] > 25) & (places[:, 0] < 95)
    candidates, places = candidates[shown], places[shown]
    blue = lab_of(np.array([[[77, 128, 230]]], np.uint8))[0, 0]
    chosen = [int(np.linalg.norm(places - blue, axis=1).argmin())]
    nearest = np.full(len(places), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
        chosen.append(int(nearest.argmax()))
    colours: NDArray[np.uint8] = candidates[chosen]
    return colours
