"""routing.csv: how often the right ticket is found where the context is not known, and how good its answers are."""

from typing import Any

import pandas as pd

COLUMNS = ["method", "seed", "sparsity", "router", "batch", "subset", "found", "routed", "known"]


def routing_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Of each ticket set, router, number of examples of one context that are asked about together, and subset.

    Args:
        rows: what the steps of ``route_contexts`` returned; of several instances, each with its own.
    """
    instance = ["instance"] if any("instance" in row for row in rows) else []
    return pd.DataFrame(rows, columns=[*instance, *COLUMNS])
