"""What a network's input is made from, exactly as in training and scoring."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rtl_core.description.statement import Statement

Side = Annotated[int, Field(ge=1, le=1 << 16)]
Positive = Annotated[float, Field(gt=0)]


class Images(Statement):
    """Images, uint8 [N, channels, height, width], of values from 0 (black) to ``white``.

    A network takes (value − mean) / deviation in float32, one pair for each of the channels that it has: three where an
    image of one is given to each. ``fitted`` images were scaled to cover the size and cut about their centre; others
    have it. One channel means that all images were grey.
    """

    kind: Literal["images"] = "images"
    channels: Annotated[int, Field(ge=1, le=4096)]
    height: Side
    width: Side
    white: Annotated[int, Field(ge=1, le=255)]
    fitted: bool
    mean: tuple[float, ...]
    deviation: tuple[Positive, ...]

    @model_validator(mode="after")
    def _of_channels(self) -> "Images":
        of_network = len(self.mean)
        if len(self.deviation) != of_network or of_network not in (self.channels, 3 if self.channels == 1 else 0):
            raise ValueError("mean and deviation have a number for each channel of the network")
        return self


class Arrays(Statement):
    """One array an example, ``[N, *shape]``, as it is: of float32, or of whole numbers."""

    kind: Literal["arrays"] = "arrays"
    shape: Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 30)], ...], Field(max_length=8)]
    dtype: Literal["float32", "int64", "int32", "int16", "int8", "uint8", "bool"]


class Places(Statement):
    """Places in an image, float [N, 2]: x and y, from −1 to 1 along each side, at the middle of a pixel."""

    kind: Literal["places"] = "places"


class Sound(Statement):
    """Signals, float [N, L], of so many samples per second."""

    kind: Literal["sound"] = "sound"
    rate: Annotated[int, Field(ge=1, le=768_000)]


Preprocessing = Annotated[Images | Arrays | Places | Sound, Field(discriminator="kind")]
