"""How much memory a photograph takes up while networks of coordinates are trained on it."""

from rtl_core.memory import Memory

SHARED = 340
"""Bytes a pixel that all trainings share: 34 features twice, in the image's order and by region, colours, region."""
PASS = {"float32": 3150, "bfloat16": 2000}
"""Bytes a pixel of a pass forward and backward of IMP single's network, which takes all pixels at once: the outputs of
four layers of 128, as many gradients as are there at a time, and the embedding's part in float32."""
COMPARED = 72
"""Bytes a pixel and ticket while tickets are compared: three colours in float32, stacked, in float64, and centred."""
ANYHOW = 280 << 20
"""Bytes that the first training takes up whatever its size."""


def training_memory(pixels: int, num_regions: int, precision: str) -> Memory:
    """Bytes on a CPU for an image of so many pixels and regions, trained in ``float32`` or ``bfloat16``.

    Found, as is what it is tested against, as the largest resident size of a process.
    """
    each = max(PASS[precision], COMPARED * num_regions)
    return Memory(ANYHOW + SHARED * pixels, each * pixels, "partition.longest_side")
