"""The small files that `dvc metrics` makes a table of: a row a method, a column a sparsity."""

import json
from collections.abc import Mapping
from io import BytesIO

from tasks.artefacts.store import STORE, Reference
from tasks.tables.names import level_text, metric_name
from tasks.tables.published import read_csv
from tasks.tables.selection import headline_means


def method_metrics(files: Mapping[str, Reference]) -> dict[str, Reference]:
    """References by file name, one a method: the mean of the metric that a comparison is told by, at every sparsity.

    Args:
        files: references of the published tables by file name.
    """
    means = headline_means(read_csv(BytesIO(STORE.get(files["results.csv"]["sha256"]))))
    score = f"{metric_name(means.metric.iloc[0])}, {means.protocol.iloc[0]}"
    return {
        f"{method}.json": {"sha256": STORE.put(_file({"score": score}, own.groupby("sparsity").value.mean().to_dict()))}
        for method, own in means.groupby("method", sort=False)
    }


def _file(about: Mapping[str, str], values: Mapping[float, float]) -> bytes:
    at_levels = {level_text(level): round(value, 5) for level, value in values.items() if value == value}
    return (json.dumps({**about, **at_levels}, indent=2, ensure_ascii=False) + "\n").encode()
