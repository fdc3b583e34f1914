"""Every method that is compared: what it is called, of which kind it is, and how it looks in figures."""

from typing import Literal, NamedTuple

Kind = Literal["rtl", "mask control", "ticket control", "one network", "K networks"]
"""RTL under one of its updates; joint retraining under masks made to the measure of RTL's; RTL's tickets, changed after
training; one network for every subset; a network of its own for each."""

DIAGONAL_CROSS = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"
HEXAGON = "M1,0L.5,.87L-.5,.87L-1,0L-.5,-.87L.5,-.87Z"
PENTAGON = "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z"
STAR = "M0,-1.1L.26,-.35L1.05,-.34L.42,.14L.65,.89L0,.44L-.65,.89L-.42,.14L-1.05,-.34L-.26,-.35Z"


class Method(NamedTuple):
    """One row of the list.

    ``title`` is what people read, ``meaning`` what it is in one line; ``colour`` is colour-blind-safe (Okabe and Ito),
    ``shape`` a symbol of Vega or an SVG path, ``dash`` in pixels. ``update`` is that of joint retraining
    (``rtl_core.updates``), of kind ``rtl`` alone; ``masks_of`` is whose masks it works under, or is made to the
    measure of.
    """

    title: str
    kind: Kind
    colour: str
    shape: str
    dash: tuple[int, ...]
    meaning: str
    update: str = ""
    masks_of: Literal["rtl", "imp_single"] = "rtl"


METHODS = {
    "rtl": Method(
        "RTL", "rtl", "#0072B2", "circle", (1, 0),
        "a ticket per subset on shared weights; one step moves all tickets", "synchronous",
    ),
    "rtl_sequential": Method(
        "RTL sequential", "rtl", "#56B4E9", "square", (7, 3),
        "a ticket per subset on shared weights; tickets step in turn", "sequential",
    ),
    "rtl_microbatch": Method(
        "RTL micro-batch", "rtl", "#882255", PENTAGON, (4, 4),
        "a ticket per subset; one step moves all, as often as if in turn", "microbatch",
    ),
    "imp_single": Method(
        "IMP single", "one network", "#D55E00", "triangle-up", (7, 3, 2, 3),
        "iterative magnitude pruning; one network for everything", masks_of="imp_single",
    ),
    "imp_multiple": Method(
        "IMP multiple", "K networks", "#009E73", "diamond", (2, 2),
        "iterative magnitude pruning; a network of its own per subset",
    ),
    "imp_single_union": Method(
        "IMP single, RTL's union", "one network", "#E69F00", "triangle-left", (4, 2),
        "one network for everything, with every weight that RTL keeps",
    ),
    "shared_mask": Method(
        "one shared mask", "mask control", "#332288", "arrow", (5, 5),
        "RTL under IMP single's one mask, the same for every ticket", masks_of="imp_single",
    ),
    "shared_mask_union": Method(
        "one shared mask, RTL's union", "mask control", "#44AA99", HEXAGON, (1, 3),
        "RTL under every weight that it keeps, the same for every ticket",
    ),
    "random_masks": Method(
        "random masks", "mask control", "#999999", "triangle-down", (2, 5),
        "RTL under masks drawn at random, as many weights in all",
    ),
    "layer_shuffled_masks": Method(
        "layer-shuffled masks", "mask control", "#CC79A7", "cross", (8, 2, 2, 2, 2, 2),
        "RTL under masks drawn at random, as many weights in each layer",
    ),
    "initial_magnitude_masks": Method(
        "masks of |θ₀|", "mask control", "#666666", DIAGONAL_CROSS, (6, 2),
        "RTL under masks of the largest initial weights",
    ),
    "shared_statistics": Method(
        "RTL, shared statistics", "ticket control", "#000000", STAR, (3, 3),
        "RTL's tickets with one set of batch statistics for all",
    ),
}  # fmt: skip
"""By the name that tables and settings have. A mask control is its row and its function (``rtl_core.controls``); an
update of RTL is its row and its class (``rtl_core.updates``)."""

UPDATES = {method.update: name for name, method in METHODS.items() if method.kind == "rtl"}
"""RTL's methods, by their update."""
BASELINES = tuple(name for name, method in METHODS.items() if method.kind != "rtl")
"""What RTL can be compared with."""
