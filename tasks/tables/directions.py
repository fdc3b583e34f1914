"""In which direction a metric is read."""

import pandas as pd

from rtl_core.errors import DataError


def higher_is_better(scoring: pd.DataFrame, metric: str) -> bool:
    """Whether higher is better, of a metric by its name, which means the same under every protocol.

    Args:
        scoring: scoring.csv.
        metric: one of its metrics.

    Raises:
        DataError: it has no such metric.
    """
    directions = scoring[scoring.metric == metric].higher_is_better
    if directions.empty:
        raise DataError(f"scoring.csv: {metric}: not found; allowed: {', '.join(scoring.metric.unique())}")
    return bool(directions.iloc[0])
