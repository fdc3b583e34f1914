"""What a figure shows where there is no room for everything: one metric of many."""

import pandas as pd

from tasks.tables.names import MEAN


def first_protocol(results: pd.DataFrame) -> pd.DataFrame:
    """The means over subsets in results.csv, under the first protocol."""
    means = results[results.subset == MEAN]
    return means[means.protocol == means.protocol.iloc[0]]


def first_metric(results: pd.DataFrame) -> pd.DataFrame:
    """The means over subsets in results.csv, of the first metric under the first protocol."""
    means = first_protocol(results)
    return means[means.metric == means.metric.iloc[0]]
