"""Which of RTL's ticket sets scored best, of each instance."""

from typing import NamedTuple

import pandas as pd

from rtl_core.methods import METHODS
from tasks.tables.names import MEAN

VALIDATION = "validation"
"""The protocol of scores on data by which settings may be chosen."""


class BestTickets(NamedTuple):
    """The best of ``among`` ticket sets, by the mean over subsets of a metric; ``instance`` is empty where there is one
    job.
    """

    instance: str
    method: str
    seed: int
    sparsity: float
    protocol: str
    metric: str
    among: int


def best_tickets(results: pd.DataFrame, scoring: pd.DataFrame) -> list[BestTickets]:
    """RTL's best of every instance: by the first metric on validation data or, where none is scored on them, by the
    first of the first protocol. Of equals, the first in the table is taken.

    Args:
        results: with ``instance`` where there are several.
        scoring: which metrics are better higher.
    """
    means = results[(results.subset == MEAN) & results.value.notna()]
    means = means[means.method.map(lambda name: METHODS[name].kind == "rtl")]
    if means.empty:
        return []
    protocol = VALIDATION if VALIDATION in set(means.protocol) else means.protocol.iloc[0]
    means = means[means.protocol == protocol]
    metric = means.metric.iloc[0]
    means = means[means.metric == metric]
    (higher,) = scoring[(scoring.protocol == protocol) & (scoring.metric == metric)].higher_is_better
    means = means.assign(worth=means.value if higher else -means.value)
    instances = means.instance if "instance" in means else pd.Series("", means.index)
    return [
        BestTickets(str(instance), best.method, int(best.seed), float(best.sparsity), protocol, metric, len(rows))
        for instance, rows in means.groupby(instances, sort=False)
        for best in [rows.loc[rows.worth.idxmax()]]
    ]
