"""What rebuilds a network without training data: a name, arguments, and what else its constructor needs."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from rtl_core.description.statement import Statement

Count = Annotated[int, Field(ge=1, le=1 << 20)]
Arguments = Annotated[dict[str, JsonValue], Field(max_length=100)]
Precision = Literal["float32", "bfloat16"]
"""That convolutions or matrix products were trained in; predictions are float32."""


class Classifier(Statement):
    """A network of images, float [N, channels, H, W], that returns logits, float [N, outputs].

    ``name`` is one of the settings': ``small_cnn``, ``ghostnet``, ``timm:NAME`` or an import path.
    """

    kind: Literal["classifier"] = "classifier"
    name: Annotated[str, Field(max_length=200)]
    arguments: Arguments
    channels: Count
    outputs: Count


class CoordinateNetwork(Statement):
    """``rtl_core.networks.coordinate_mlp``; ``embedded`` where one network serves every region, and is told which.

    Its map of the regions and the frequency of its sines are buffers in the file.
    """

    kind: Literal["coordinate network"] = "coordinate network"
    precision: Precision
    embedded: bool


class SpeechNetwork(Statement):
    """``rtl_core.networks.speech_unet``."""

    kind: Literal["speech network"] = "speech network"
    precision: Precision


class Told(Statement):
    """A network that is told the context: a one-hot vector of so many ``contexts`` beside what ``layer`` takes in."""

    layer: Annotated[str, Field(max_length=1000)]
    contexts: Count


class ImportedNetwork(Statement):
    """What a class or function under an import path, ``module:name``, returns for these arguments."""

    kind: Literal["import path"] = "import path"
    path: Annotated[str, Field(max_length=200)]
    positional: Annotated[tuple[JsonValue, ...], Field(max_length=100)]
    arguments: Arguments
    told: Told | None


Architecture = Annotated[Classifier | CoordinateNetwork | SpeechNetwork | ImportedNetwork, Field(discriminator="kind")]
