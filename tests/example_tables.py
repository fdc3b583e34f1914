"""Tables as the compare stage publishes them, from formulas instead of training."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
METHODS = ("rtl", "rtl_sequential", "imp_multiple")
MASKS = ("rtl", "same_subset", "random_partition", "initial_magnitude")
DEPTHS = ("all", "shallow", "middle", "deep")
LEVELS = (0.25, 0.5, 0.75, 0.875, 0.95)
SCORES = [
    *(("paper", metric) for metric in ("balanced_accuracy", "precision", "recall")),
    *(("matched", metric) for metric in ("auroc", "average_precision", "balanced_accuracy", "accuracy")),
]
PRUNABLE = 125_832


def example_tables(
    subsets: Sequence[str] = CLASSES, seeds: Sequence[int] = (0, 1, 2), rounds: int = 8
) -> dict[str, pd.DataFrame]:
    """Every published table by file stem, the same on every call; ``rounds`` of pruning, the levels among them."""
    even = np.linspace(0.03, 0.96, rounds - len(LEVELS)).round(4).tolist()
    pruned = sorted({*even, *LEVELS})
    results = _results(subsets, seeds)
    return {
        "results": results,
        "summary": _summary(results),
        "scoring": scoring_of(results),
        "parameters": pd.DataFrame(_parameters(len(subsets), seeds)),
        "similarity": pd.DataFrame(_similarity(seeds, pruned)),
        "overlap": pd.DataFrame(_overlap(subsets, seeds, pruned)),
        "pairs": _pairs(subsets, seeds, pruned),
        "collapse": pd.DataFrame(_collapse(subsets, seeds)),
        "knees": pd.DataFrame(_knees(seeds)),
        "function": pd.DataFrame(_function(subsets, seeds)),
        "agreement": pd.DataFrame(_agreement(subsets, seeds)),
        "alignment": pd.DataFrame(_alignment(seeds)),
    }


def scoring_of(results: pd.DataFrame, higher_is_better: bool = True) -> pd.DataFrame:
    """scoring.csv of rows of results.csv, or of others that name a metric under a protocol."""
    kinds = results[["protocol", "metric"]].drop_duplicates(ignore_index=True)
    return kinds.assign(higher_is_better=higher_is_better, chance=np.nan)


def mirrored(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Published tables with the negative of every score, of which lower is better: what they compare is the same."""
    found = dict(tables)
    for name in ("results", "collapse", "function", "examples"):
        if name in found:
            found[name] = found[name].assign(value=-found[name].value)
    summary, scoring = found["summary"], found["scoring"]
    found["summary"] = summary.assign(mean=-summary["mean"], low=-summary.high, high=-summary.low)
    return found | {"scoring": scoring.assign(higher_is_better=~scoring.higher_is_better)}


def _wobble(*place: float) -> float:
    """A number between -1 and 1 that looks drawn at random."""
    return float(np.sin(sum((7.13 + 3.7 * i) * part for i, part in enumerate(place, start=1))))


def _score(method: str, sparsity: float, subset: int, seed: int) -> float:
    fall = max(0.0, sparsity - 0.7) * (1 + 0.3 * _wobble(subset))
    start = 0.87 - 0.03 * METHODS.index(method) + 0.06 * _wobble(subset)
    return start - fall + 0.02 * _wobble(subset, seed, sparsity)


def _excess(masks: str, sparsity: float, depth: str, subset: float, seed: int) -> float:
    rise = 0.08 + 0.5 * max(0.0, sparsity - 0.6) ** 2
    scale = {"all": 1, "shallow": 1.6, "middle": 0.9, "deep": 0.5}[depth]
    floor = {"rtl": 1.0, "same_subset": 1.5, "random_partition": 1.2, "initial_magnitude": 0.3}[masks]
    return rise * scale * floor * (1 + 0.2 * _wobble(subset)) + 0.004 * _wobble(seed, sparsity, subset)


def _chance(sparsity: float) -> float:
    return (1 - sparsity) / (1 + sparsity)


def _results(subsets: Sequence[str], seeds: Sequence[int]) -> pd.DataFrame:
    rows = [
        {
            "problem": "example", "method": method, "seed": seed, "sparsity": sparsity, "protocol": protocol,
            "metric": metric, "subset": name, "value": _score(method, sparsity, k, seed) - 0.04 * order,
        }
        for method, seed, sparsity in itertools.product(METHODS, seeds, LEVELS)
        for order, (protocol, metric) in enumerate(SCORES)
        for k, name in enumerate([*subsets, "mean"])
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _summary(results: pd.DataFrame) -> pd.DataFrame:
    means = results[results.subset == "mean"].groupby(["method", "sparsity", "protocol", "metric"], sort=False)
    table = means.value.agg(mean="mean", low="min", high="max", seeds="size").reset_index()
    several = table.seeds > 1
    return table.assign(low=table.low.where(several), high=table.high.where(several))


def _parameters(num_subsets: int, seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    for method, seed, sparsity in itertools.product(METHODS, seeds, LEVELS):
        active = round(PRUNABLE * (1 - sparsity))
        union = active * num_subsets if method == "imp_multiple" else round(PRUNABLE * (1 - sparsity**3))
        yield {
            "method": method, "seed": seed, "sparsity": sparsity, "prunable": PRUNABLE, "union": union,
            "active_mean": active, "dense": 5_210, "file_bytes": 4 * union + 20_000,
            "steps": round(1_000 / (1 - sparsity)), "presentations": round(64_000 / (1 - sparsity)),
            "multiply_adds": round(2.5e11 / (1 - sparsity)),
        }  # fmt: skip


def _similarity(seeds: Sequence[int], pruned: Sequence[float]) -> Iterator[dict[str, object]]:
    for masks, seed, sparsity, depth in itertools.product(MASKS, seeds, pruned, DEPTHS):
        excess, chance = _excess(masks, sparsity, depth, 0, seed), _chance(sparsity)
        yield {
            "masks": masks, "seed": seed, "sparsity": sparsity, "layer": depth,
            "jaccard": chance + excess * (1 - chance), "chance": chance, "excess": excess,
            "departure": None if masks == "initial_magnitude" else 0.2 + 0.3 * excess,
            "union": round(PRUNABLE * (1 - sparsity**3)),
        }  # fmt: skip


def _overlap(subsets: Sequence[str], seeds: Sequence[int], pruned: Sequence[float]) -> Iterator[dict[str, object]]:
    names = [("rtl", k, name) for k, name in enumerate([*subsets, "mean"])] + [("same_subset", 0, "mean")]
    for seed, sparsity, (masks, k, name) in itertools.product(seeds, pruned, names):
        excess, chance = _excess(masks, sparsity, "all", k, seed), _chance(sparsity)
        yield {
            "masks": masks, "seed": seed, "sparsity": sparsity, "subset": name,
            "jaccard": chance + excess * (1 - chance), "excess": excess, "departure": 0.2 + 0.3 * excess,
        }  # fmt: skip


def _pairs(subsets: Sequence[str], seeds: Sequence[int], pruned: Sequence[float]) -> pd.DataFrame:
    pairs = list(itertools.combinations(range(len(subsets)), 2))
    near = np.array([np.sin(3.1 * a + 1.7 * b) for a, b in pairs])
    parts = []
    for seed, sparsity, depth in itertools.product(seeds, pruned, DEPTHS):
        excess, chance = _excess("rtl", sparsity, depth, 0, seed) * (1 + 0.3 * near), _chance(sparsity)
        place = {"masks": "rtl", "seed": seed, "sparsity": sparsity, "layer": depth}
        names = {
            "subset_a": [subsets[a] for a, _ in pairs],
            "subset_b": [subsets[b] for _, b in pairs],
        }
        values = {"jaccard": chance + excess * (1 - chance), "excess": excess}
        parts.append(pd.DataFrame({**names, **values}).assign(**place))
    return pd.concat(parts, ignore_index=True)


def _collapse(subsets: Sequence[str], seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    for method, seed, sparsity in itertools.product(METHODS[:2], seeds, LEVELS):
        scores = [_score(method, sparsity, k, seed) for k in range(len(subsets))]
        for k, (name, value) in enumerate([*zip(subsets, scores, strict=True), ("mean", float(np.mean(scores)))]):
            excess, chance = _excess("rtl", sparsity, "all", k, seed), _chance(sparsity)
            yield {
                "method": method, "seed": seed, "sparsity": sparsity, "subset": name, "metric": "auroc",
                "value": value, "jaccard": chance + excess * (1 - chance), "excess": excess,
            }  # fmt: skip


def _knees(seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    nothing = float("nan")
    for seed in seeds:
        for curve, method, place in (
            ("metric", "rtl", 0.72), ("metric", "rtl_sequential", 0.78), ("departure", "rtl", 0.66),
            ("alarm", "rtl", nothing if seed else 0.68),
        ):  # fmt: skip
            interval = {"low": place - 0.05, "high": place + 0.06} if curve == "metric" else {}
            yield {
                "method": method, "seed": seed, "subset": "mean", "curve": curve, "sparsity": place + 0.01 * seed,
                "low": nothing, "high": nothing, "round": nothing if place != place else 20,
                "slope_before": -0.02, "slope_after": -0.9, **interval,
            }  # fmt: skip


def _function(subsets: Sequence[str], seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    for method, seed, sparsity in itertools.product(METHODS[:2], seeds, LEVELS):
        for (i, ticket), (j, subset) in itertools.product(enumerate(subsets), repeat=2):
            own = 0.3 * (1 - sparsity) * (i == j)
            value = 0.5 + own + 0.1 * _wobble(i, j) + 0.01 * _wobble(seed, sparsity)
            place = {"method": method, "seed": seed, "sparsity": sparsity, "ticket": ticket, "subset": subset}
            yield {**place, "metric": "auroc", "value": value}


def _agreement(subsets: Sequence[str], seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    for method, seed, sparsity in itertools.product(METHODS[:2], seeds, LEVELS):
        for (i, one), (j, other) in itertools.combinations(enumerate(subsets), 2):
            place = {"method": method, "seed": seed, "sparsity": sparsity, "ticket_a": one, "ticket_b": other}
            yield {**place, "agreement": 0.7 + 0.2 * sparsity * _wobble(i, j)}


def _alignment(seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    places = [*(("sparsity", level) for level in LEVELS), *(("epoch", epoch) for epoch in range(1, 11))]
    for seed, (over, at), (k, depth) in itertools.product(seeds, places, enumerate(DEPTHS)):
        share = at if over == "sparsity" else at / 10
        rho = 0.1 * k + 0.3 * share + 0.06 * _wobble(seed, share, k)
        yield {"seed": seed, "over": over, "at": at, "depth": depth, "rho": rho, "p": 0.2 * (1 - share) ** 2}
