"""Reading an image file, whatever its format, as 8-bit RGB."""

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from rtl_core.errors import DataError
from rtl_core.left_out import several


def open_image(path: Path) -> Image.Image:
    """An image as its EXIF turns it.

    Raises:
        DataError: as for ``open_turned``.
    """
    return open_turned(path)[0]


def open_turned(path: Path) -> tuple[Image.Image, int | None]:
    """An image as its EXIF turns it, and the orientation, 1 to 8, that its EXIF gives; None where it gives none.

    Raises:
        DataError: the file cannot be read, is no image, or has more pixels than Pillow takes without a warning.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as picture:
                orientation = picture.getexif().get(ExifTags.Base.Orientation)
                return ImageOps.exif_transpose(picture), orientation if orientation in range(1, 9) else None
    except Exception as problem:  # whatever Pillow makes of bytes that are not an image's
        reason = " ".join(str(problem).split())
        raise DataError(f"{path}: not readable as an image ({reason})") from problem


def first_frames(names: Mapping[Path, str]) -> list[str]:
    """A line for those of some readable images that hold several frames, as a GIF may: the first is taken.

    Args:
        names: what the line calls each file.
    """
    moving = [name for path, name in names.items() if _is_animated(path)]
    return [f"{several(moving)}: found several frames; the first is taken"] if moving else []


def _is_animated(path: Path) -> bool:
    with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_formats()) as picture:
        try:
            # a camera's JPEG holds previews of itself as frames
            return picture.format != "MPO" and getattr(picture, "is_animated", False)
        except Exception:  # whatever Pillow makes of a damaged second frame; the first was read
            return False


def turn(picture: Image.Image, orientation: int) -> Image.Image:
    """An image turned as an EXIF orientation, 1 to 8, says."""
    picture.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(picture)


@cache
def _formats() -> list[str]:
    """All that Pillow reads but EPS, a program, which it would have Ghostscript run."""
    Image.init()
    return [name for name in Image.ID if name != "EPS"]


def rgb_of(picture: Image.Image, path: Path) -> Image.Image:
    """The image in 8 bits a channel: alpha is laid on white, grey becomes equal red, green and blue.

    Raises:
        DataError: its mode has no such reading.
    """
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F", "LAB"):
        raise DataError(f"{path}: found mode {picture.mode}; allowed: grey, palette or RGB of 8 or 16 bits a channel")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")
