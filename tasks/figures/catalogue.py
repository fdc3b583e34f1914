"""The figures of a comparison: each is defined once, and drawn as a picture or inside a page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import altair as alt
import pandas as pd
import vl_convert
from altair.utils.schemapi import debug_mode

from tasks.figures.alignment import alignment
from tasks.figures.collapse import collapse
from tasks.figures.exhibits import exhibits
from tasks.figures.fonts import bring_font, tell_foreign
from tasks.figures.heatmaps import function, heatmaps
from tasks.figures.metrics import metrics
from tasks.figures.scores_by_place import instances, subsets
from tasks.figures.scores_by_weights import kept
from tasks.figures.similarity import similarity, similarity_by_depth
from tasks.figures.weights_kept import parameters
from tasks.figures.worth_by_similarity import worth

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The version of Vega-Lite that Altair writes: the one to draw with, here and in a page."""

PIXELS = 1.5
"""Pixels of a picture for each pixel of the figure's layout."""

_altair = Lock()
"""Altair keeps the object it is about to change where all threads find it: two at once would change each other's."""


@dataclass(frozen=True)
class Figure:
    """What a figure is called, how to read it, the tables it cannot do without, and how it is made: to None where these
    hold nothing to draw.

    ``holds_for`` says what it is drawn for: one job, a run over several instances, or both. A page shows one that is
    ``folded`` when it is asked for.
    """

    heading: str
    reading: str
    tables: tuple[str, ...]
    draw: Callable[[Mapping[str, pd.DataFrame]], alt.ConcatChart | None]
    holds_for: Literal["job", "run", "both"] = "job"
    folded: bool = False


FIGURES = {
    "kept": Figure(
        "Scores against weights kept",
        "Each line is one method, each point one of its sparsities: the mean score against the number of prunable "
        "weights that the method needs in all. Read upwards from one number of weights to compare methods that cost "
        "the same. Whiskers reach from the lowest to the highest seed or instance (of ten and more, the 95 % bootstrap "
        "interval of the mean).",
        ("results", "scoring", "parameters"),
        kept,
        "both",
    ),
    "exhibits": Figure(
        "What comes out",
        "First what results are to be held against, then what each method makes of it from few weights pruned to many, "
        "with its score below. Pictures are those of the first seed, enlarged without smoothing.",
        ("results", "scoring", "exhibits"),
        exhibits,
    ),
    "subsets": Figure(
        "Scores on every subset",
        "Each row is one subset, each mark what one method scores there, its mean over seeds: further right is better, "
        "unless the axis says that lower is. Above, on how many subsets a method has the best mean.",
        ("results", "scoring"),
        subsets,
    ),
    "instances": Figure(
        "Scores at every instance",
        "Each row is one instance, each mark what one method scores there, its mean over seeds: further right is "
        "better, unless the axis says that lower is. Above, at how many instances a method has the best mean. At one "
        "sparsity methods keep different numbers of weights, and those that keep more have an easier task.",
        ("results", "scoring"),
        instances,
        "run",
    ),
    "metrics": Figure(
        "Every metric against sparsity",
        "Each panel is one metric under one protocol (a rule by which decisions are made and scored), each line one "
        "method: the mean over subsets, seeds and, where there are several, instances at each sparsity. Bands reach "
        "from the lowest to the highest seed or instance (of ten and more, the 95 % bootstrap interval of the mean); "
        "with one of each there are none. The axis is the logarithm of what is kept: 90 % to 99 % take as much room "
        "as 0 to 90.",
        ("summary", "scoring"),
        metrics,
        "both",
    ),
    "parameters": Figure(
        "Weights kept",
        "Each bar is the number of prunable weights that a method needs in all, on a logarithmic axis. "
        "Compare scores with this beside them: a method that keeps more weights has an easier task.",
        ("parameters",),
        parameters,
        "both",
    ),
    "collapse": Figure(
        "Where tickets collapse",
        "Above, what each ticket scores; below, how alike its departures are to the other tickets': the places where "
        "its mask differs from that of the largest weights of θ₀, the network before training. Vertical rules mark "
        "where the metric gets worse (its interval behind it), where similarity bends, and where the alarm rings that "
        "needs no labels.",
        ("collapse", "overlap", "scoring"),
        collapse,
    ),
    "worth": Figure(
        "Is a ticket worth less the more it is like the others?",
        "Each point is one ticket at one sparsity: its score against the mean similarity of its mask to the other "
        "tickets'. Pruning alone moves both, so ρ, Spearman's rank correlation, is given over all points and within a "
        "level, the mean over the levels of one sparsity: only that says something about likeness itself. Below "
        "zero, tickets are worth less the more alike they are, whether higher or lower scores are better.",
        ("collapse", "scoring"),
        worth,
        "both",
    ),
    "similarity": Figure(
        "Similarity of the masks",
        "How alike the masks of different subsets are as weights are pruned: what training did to them (their "
        "departures from the mask of θ₀'s largest weights), the masks themselves in excess of chance, and as they are "
        "(Jaccard: weights in both, of those in either). The controls are the noise floor: only what lies away from "
        "them says something about the data. Bands reach from the lowest to the highest of seeds and instances.",
        ("similarity",),
        similarity,
        "both",
    ),
    "similarity_by_depth": Figure(
        "The same in shallow, middle and deep layers",
        "As above, a row for each measure of similarity and a column for each third of the layers.",
        ("similarity",),
        similarity_by_depth,
        "both",
        folded=True,
    ),
    "heatmaps": Figure(
        "Which masks are alike",
        "Each cell is the Jaccard similarity of two tickets' masks in one part of the network. Colours span the range "
        "of the level shown; the grey diagonal is a mask with itself.",
        ("pairs",),
        heatmaps,
    ),
    "alignment": Figure(
        "Do similar subsets get similar masks?",
        "Rank correlation between the similarity of masks and the similarity of what the subsets mean. Above zero, "
        "subsets that mean alike get masks that are alike; a filled point has p < 0.05 under permutation.",
        ("alignment",),
        alignment,
    ),
    "function": Figure(
        "What tickets do on each other's subsets",
        "First, what each ticket scores on every subset: the stronger the colour, the better; a strong "
        "diagonal means that tickets are specialists. Then, how far two tickets agree: the share of inputs that they "
        "answer with the same choice or, where answers are quantities, the correlation of these.",
        ("function", "scoring"),
        function,
    ),
}
"""Every figure by its name, in the order of reading."""


def figures(tables: Mapping[str, pd.DataFrame]) -> dict[str, alt.ConcatChart]:
    """The figures that the tables allow, by name; one with a table missing or empty is left out.

    Args:
        tables: the published tables by file stem: those of one job or, with a column ``instance`` in results.csv,
            those of a whole run over several, for which only some figures hold.
    """
    there = {name for name, table in tables.items() if not table.empty}
    of_run = "instance" in tables.get("results", pd.DataFrame())
    drawable = {
        name: figure
        for name, figure in FIGURES.items()
        if there.issuperset(figure.tables) and figure.holds_for in ("both", "run" if of_run else "job")
    }
    charts = {}
    with _altair, debug_mode(False):  # Altair would validate every part as it is made: see ``spec``
        for name, figure in drawable.items():
            if (chart := figure.draw(tables)) is None:
                continue
            charts[name] = chart
            charts[name].description = f"{figure.heading}. {figure.reading}"
    return charts


def spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The Vega-Lite of a figure, with its data inside, however many rows."""
    with _altair, alt.data_transformers.enable("default", max_rows=None):
        return chart.to_dict(validate=False)  # which takes as long as all else; the figures' tests validate


def specs(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """The Vega-Lite of every figure that the tables allow, by name."""
    return {name: spec(chart) for name, chart in figures(tables).items()}


def png(drawn: Mapping[str, Any]) -> bytes:
    """A picture of a figure, from its Vega-Lite, as it stands before anyone touches its controls."""
    bring_font()
    svg = vl_convert.vegalite_to_svg(dict(drawn), vl_version=VEGA_LITE, allowed_base_urls=[])
    tell_foreign(svg)
    return vl_convert.svg_to_png(svg, scale=PIXELS)
