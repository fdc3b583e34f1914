"""What the scores of a problem must be to be compared: whole rows, with a mean and a direction for every metric."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from statistics import fmean

from torch import Tensor

from rtl_core.errors import DataError, SettingsError
from rtl_core.problem import Score

MEAN = "mean"
"""The subset of a score that is of all subsets together."""


def complete_scores(scores: Sequence[Score], subsets: Sequence[str]) -> list[Score]:
    """Scores as tables need them: each with its direction, and a mean over subsets where a metric came without one.

    Undefined ones (NaN) are left out; so is a mean of which a part is undefined, as it would be of other subsets than
    another method's.

    Args:
        scores: what ``Problem.score`` or ``score_single`` returned.
        subsets: the problem's K names.

    Raises:
        DataError: a row has the wrong type, an unknown subset or a place that is taken, or there is none.
        SettingsError: the direction of a metric is not known, or is told in two ways.
    """
    rows = [_checked(score, subsets) for score in scores]
    if not rows:
        raise DataError("found no score; allowed: one for each subset and metric, or more")
    places = Counter((row.protocol, row.metric, row.subset, row.example) for row in rows)
    if twice := next((place for place, times in places.items() if times > 1), None):
        raise DataError(f"found {' '.join(filter(None, twice))} twice; allowed: once")
    directions = _directions(rows)
    rows = [row._replace(higher_is_better=directions[row.protocol, row.metric]) for row in rows]
    return [row for row in (*rows, *_missing_means(rows)) if not math.isnan(row.value)]


def direction_of(metric: str) -> bool | None:
    """Whether higher is better, as torchmetrics has it, by the name of a metric or its initials; None if unknown."""
    return _known_directions().get(re.sub(r"[\W_]", "", metric.lower()))


def mean_chance(scores: Sequence[Score]) -> float | None:
    """What guessing gives on average; None where one of the scores does not say."""
    known = [score.chance for score in scores if score.chance is not None]
    return fmean(known) if len(known) == len(scores) else None


def commonest_share(labels: Tensor) -> float | None:
    """The share of the commonest of labels int64 [N]: what who always says it gets right; None of no labels."""
    return (labels.bincount().max() / len(labels)).item() if len(labels) else None


def _checked(score: object, subsets: Sequence[str]) -> Score:
    if not isinstance(score, Score):
        raise DataError(f"found a {type(score).__name__} among the scores; allowed: rtl_core.problem.Score")
    for name in ("protocol", "metric", "subset", "example"):
        if not isinstance(value := getattr(score, name), str) or not (value or name == "example"):
            raise DataError(f"a score's {name}: found {value!r}; allowed: text")
    what = f"{score.protocol} {score.metric} of {score.subset}"
    if score.subset not in (*subsets, MEAN):
        raise DataError(f"{what}: unknown subset; allowed: {', '.join((*subsets, MEAN))}")
    if isinstance(score.value, bool) or not isinstance(score.value, int | float):
        value = type(score.value).__name__
        raise DataError(f"{what}: value: found {value}; allowed: a float (a tensor's item() is one)")
    if math.isinf(score.value):
        raise DataError(f"{what}: value: found {score.value}; allowed: a finite number, or NaN where it is undefined")
    return score._replace(value=float(score.value))


def _directions(rows: Sequence[Score]) -> Mapping[tuple[str, str], bool]:
    told: dict[tuple[str, str], set[bool]] = {}
    for row in rows:
        known = told.setdefault((row.protocol, row.metric), set())
        if row.higher_is_better is not None:
            known.add(row.higher_is_better)
    directions = {}
    for (protocol, metric), known in told.items():
        if len(known) > 1:
            raise SettingsError(f"{protocol} {metric}: higher_is_better is both True and False; allowed: one")
        direction = next(iter(known)) if known else direction_of(metric)
        if direction is None:
            raise SettingsError(
                f"{protocol} {metric}: nothing says whether higher is better; "
                "allowed: Score(..., higher_is_better=True), or False"
            )
        directions[protocol, metric] = direction
    return directions


def _missing_means(rows: Sequence[Score]) -> Iterator[Score]:
    """The mean over subsets of every metric that came without; of one known by examples alone, of each subset too."""
    for _, group in groupby(sorted(rows, key=lambda row: row[:2]), key=lambda row: row[:2]):
        of_metric = list(group)
        of_subset = {row.subset: row for row in of_metric if not row.example}
        if MEAN in of_subset:
            continue
        for subset in dict.fromkeys(row.subset for row in of_metric):
            if subset not in of_subset:
                of_subset[subset] = _mean([row for row in of_metric if row.subset == subset], subset)
                yield of_subset[subset]
        yield _mean(list(of_subset.values()), MEAN)


def _mean(rows: Sequence[Score], subset: str) -> Score:
    value = fmean(row.value for row in rows)
    return rows[0]._replace(subset=subset, example="", value=value, chance=mean_chance(rows), threshold=None)


@cache
def _known_directions() -> Mapping[str, bool]:
    """By names without capitals and marks, and by their initials where these are one metric's or agree."""
    import torchmetrics  # takes seconds
    from torchmetrics import Metric, audio, classification, image, regression

    names: dict[str, set[bool]] = {}
    for module in (torchmetrics, audio, classification, image, regression):
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, Metric) and isinstance(kind.higher_is_better, bool):
                plain = re.sub("^(Binary|Multiclass|Multilabel)(?=[A-Z])", "", name)
                words = re.findall("[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", plain)
                spoken = {plain.lower()}
                if len(words) > 1:
                    spoken.add("".join(word[0] for word in words).lower())
                for text in spoken:
                    names.setdefault(text, set()).add(kind.higher_is_better)
    return {name: directions.pop() for name, directions in names.items() if len(directions) == 1}
