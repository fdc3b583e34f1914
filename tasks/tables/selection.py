"""What is shown where there is no room for everything: one protocol of several, one metric of many."""

import pandas as pd

from tasks.tables.names import MEAN

MATCHED = "matched"
"""The protocol under which every method decides by the same rule."""


def headline_protocol(results: pd.DataFrame) -> pd.DataFrame:
    """The means over subsets in results.csv under the matched protocol or, where none has this name, the first."""
    means = results[results.subset == MEAN]
    return means[means.protocol == (MATCHED if MATCHED in set(means.protocol) else means.protocol.iloc[0])]


def headline_means(results: pd.DataFrame) -> pd.DataFrame:
    """The means over subsets in results.csv of the metric that a comparison is told by: the first one of
    ``headline_protocol``.
    """
    means = headline_protocol(results)
    return means[means.metric == means.metric.iloc[0]]


def headline(results: pd.DataFrame) -> tuple[str, str]:
    """Protocol and metric of ``headline_means``."""
    first = headline_means(results).iloc[0]
    return str(first.protocol), str(first.metric)


def of_subsets(results: pd.DataFrame) -> pd.DataFrame:
    """The scores of single subsets in results.csv, of the first metric that they have under the headline's protocol;
    no row where only means were scored.
    """
    protocol, _ = headline(results)
    rows = results[(results.subset != MEAN) & (results.protocol == protocol)]
    return rows[rows.metric == rows.metric.iloc[0]] if len(rows) else rows
