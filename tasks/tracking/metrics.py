"""What MLflow is told of a comparison in numbers, and how it calls them."""

import pandas as pd

from rtl_core.distinct_names import METRICS, distinct_names
from tasks.tables.names import MEAN
from tasks.tables.selection import headline

COUNTS = ["union", "active_mean", "dense", "file_bytes"]
SPENT = ["seconds", "steps", "presentations", "multiply_adds"]
"""What training took: sums over all networks and steps that a method needs up to a level."""


def overall_metrics(results: pd.DataFrame) -> list[str]:
    """Names of the means over subsets, as ``metric_table`` has them, that are defined somewhere."""
    means = results.assign(name=_metric_names(results))[(results.subset == MEAN) & results.value.notna()]
    return list(means["name"].unique())


def headline_metric(results: pd.DataFrame) -> str:
    """The name, as ``metric_table`` has it, of the metric that a comparison is told by."""
    protocol, metric = headline(results)
    return str(_metric_names(results)[(results.protocol == protocol) & (results.metric == metric)].iloc[0])


def metric_table(results: pd.DataFrame, parameters: pd.DataFrame, similarity: pd.DataFrame) -> pd.DataFrame:
    """What the children hold: method, name, sparsity, step (the same in whole percent), value averaged over instances
    and seeds, and whether it is one figure of the whole (``whole``) or that of a subset or an instance.

    Means over subsets are named ``<protocol>/<metric>``, with the standard deviation over seeds beside them
    as ``<protocol>/<metric>_std`` where there are several; single subsets ``<protocol>/<metric>/<subset>``.
    Where there are instances, means and deviation are over these as well, each instance's mean is named
    ``<protocol>/<metric>/<instance>``, and subsets come after their instance. Undefined values are left out.
    MLflow's charts fold into a section for all that stands before the last slash.
    """
    scores = results.assign(name=_metric_names(results))
    overall = scores[scores.subset == MEAN]
    if "instance" in scores:
        scores = scores.assign(name=scores.name + "/" + _parts(scores.instance))
    of_instances = scores[scores.subset == MEAN] if "instance" in scores else scores[:0]
    single = scores[scores.subset != MEAN]
    single = single.assign(name=single.name + "/" + _parts(single.subset))
    counts = parameters.melt(["method", "sparsity"], COUNTS, "name").assign(
        name=lambda table: "parameters/" + table.name
    )
    of_rtl = results[["method"]].drop_duplicates().query("method.str.startswith('rtl')")
    of_masks = similarity[(similarity.layer == "all") & (similarity.masks == "rtl")].merge(of_rtl, how="cross")
    overlap = of_masks.melt(["method", "sparsity"], ["jaccard", "excess"], "name").assign(
        name=lambda table: "similarity/" + table.name
    )
    keys = ["method", "name", "sparsity"]
    whole = pd.concat([overall, counts, overlap]).groupby(keys, sort=False).value.mean()
    spread = overall.assign(name=overall.name + "_std").groupby(keys, sort=False).value.std()
    parts = pd.concat([of_instances, single]).groupby(keys, sort=False).value.mean()
    table: pd.DataFrame = pd.concat([whole, spread, parts], keys=[True, True, False], names=["whole"]).dropna()
    table = table.reset_index()
    table["step"] = _percent(table.sparsity)
    return table


def cost_metrics(parameters: pd.DataFrame, times: pd.DataFrame) -> pd.DataFrame:
    """What training took, in the form of ``metric_table``: ``cost/seconds``, ``cost/steps``, ``cost/presentations``
    of examples and ``cost/multiply_adds``, the mean of a seed and instance, and how fast it went, such as
    ``speed/steps_per_second``. What is not known is left out.

    Args:
        parameters: parameters.csv.
        times: ``read_training_times``.
    """
    told = parameters if "instance" in parameters else parameters.assign(instance="")
    spent = told.merge(times, "left", ["instance", "method", "seed", "sparsity"])
    spent = spent.groupby(["method", "sparsity"], sort=False)[SPENT].mean()
    cost = spent.add_prefix("cost/")
    for done in SPENT[1:]:
        cost[f"speed/{done}_per_second"] = spent[done] / spent.seconds.where(spent.seconds > 0)
    table = cost.melt(var_name="name", ignore_index=False).dropna().reset_index()
    return table.assign(whole=True, step=_percent(table.sparsity))


def margin_metrics(margins: pd.DataFrame) -> pd.DataFrame:
    """How far each method is ahead of others, in the form of ``metric_table``: ``margin/<against>/<metric>``.

    Of the means over subsets under the first protocol; above zero, a method is ahead, also where lower is better.
    """
    first = margins.protocol.iloc[0] if len(margins) else ""
    rows = margins[(margins.subset == MEAN) & (margins.protocol == first)]
    return pd.DataFrame(
        {
            "method": rows.method,
            "name": "margin/" + rows.against + "/" + _parts(rows.metric),
            "value": rows.difference,
            "sparsity": rows.sparsity,
            "step": _percent(rows.sparsity),
            "whole": True,
        }
    )


def alarm_tags(knees: pd.DataFrame) -> dict[str, str]:
    """Whether the alarm rang for the tickets of each seed, or each instance's of each seed, and where, in words."""
    rings = knees[(knees.curve == "alarm") & (knees.method == "rtl")]
    instances = _parts(rings.instance) + "." if "instance" in rings else [""] * len(rings)
    return {
        f"alarm.{instance}seed_{ring.seed}": (
            "none" if pd.isna(ring.sparsity) else f"{ring.side} from {100 * ring.sparsity:.3g} %"
        )
        for ring, instance in zip(rings.itertuples(), instances, strict=True)
    }


def direction_tags(scoring: pd.DataFrame) -> dict[str, str]:
    """The metrics of which lower is better; of all others, higher is."""
    lower = _metric_names(scoring)[~scoring.higher_is_better.astype(bool)]
    return {f"direction.{name}": "lower is better" for name in lower}


def mean_scores(results: pd.DataFrame, instance: str, method: str, seed: int, sparsity: float) -> dict[str, float]:
    """The means over subsets of one seed of a method at a level, of an instance where there are several, under the
    names that ``metric_table`` has.
    """
    scores = results.assign(name=_metric_names(results))
    rows = scores[(scores.subset == MEAN) & (scores.method == method) & (scores.seed == seed) & scores.value.notna()]
    rows = rows[rows.sparsity == sparsity]
    if instance:
        rows = rows[rows.instance == instance]
    return dict(zip(rows.name, rows.value.astype(float), strict=True))


def _metric_names(results: pd.DataFrame) -> pd.Series:
    return _parts(results.protocol) + "/" + _parts(results.metric)


def _parts(names: pd.Series) -> pd.Series:
    """Names as parts of those of MLflow's metrics; a slash in one would make two parts of it."""
    return names.astype(str).map(distinct_names(names.astype(str), METRICS))


def _percent(sparsity: pd.Series) -> pd.Series:
    return (100 * sparsity).round().astype(int)
