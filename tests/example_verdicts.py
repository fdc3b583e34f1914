"""Tables of one metric built by hand: a winner, a tie, and the same where lower is better."""

from collections.abc import Mapping, Sequence

import pandas as pd
from example_tables import scoring_of

from tasks.tables.scores import summary_table

KEPT = {"rtl": 600, "rtl_sequential": 600, "imp_single": 400, "imp_multiple": 3600, "layer_shuffled_masks": 600}
WINNER = {"rtl": [31.0, 31.2, 31.4], "imp_single": [29.0, 29.3, 29.2], "imp_multiple": [30.9, 30.8, 30.7]}
TIE = {"rtl": [31.0, 31.2, 31.4], "imp_single": [29.0, 29.3, 29.2], "imp_multiple": [31.3, 31.5, 31.7]}
Scores = Mapping[str, Sequence[float] | Mapping[str, Sequence[float]]]


def tables_of(scores: Scores, metric: str = "psnr", higher: bool = True) -> dict[str, pd.DataFrame]:
    """Published tables with the scores of each method at 75 %: a list over seeds, or one for each instance."""
    rows = [
        {"method": method, "seed": seed, "instance": instance, "value": value}
        for method, of_instances in scores.items()
        for instance, of_seeds in (of_instances if isinstance(of_instances, dict) else {"": of_instances}).items()
        for seed, value in enumerate(of_seeds)
    ]
    results = pd.DataFrame(rows).assign(sparsity=0.75, protocol="matched", metric=metric, subset="mean")
    if set(results.instance) == {""}:
        results = results.drop(columns="instance")
    kept = results.drop_duplicates(["method", "seed"]).assign(union=lambda rows: rows.method.map(KEPT))
    return {
        "results": results,
        "summary": summary_table(results),
        "scoring": scoring_of(results).assign(higher_is_better=higher),
        "parameters": kept.assign(prunable=1600, active_mean=400, dense=10, file_bytes=4 * kept.union),
    }


def negated(scores: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The same comparison in scores of which lower is better."""
    return {method: [-value for value in values] for method, values in scores.items()}
