"""doubts.csv: what speaks against taking a comparison at its word, one line of plain text a row."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from rtl_core.doubts import is_at_chance
from tasks.tables.names import MEAN, method_name, metric_name

COLUMNS = ["method", "sparsity", "kind", "metrics", "text"]
MOST_NAMED = 5
Found = Mapping[str, Any]
"""What ``score_method`` returned of one method, seed and level, of one instance."""
EMPTY, LOSS, CHANCE = "empty_layers", "losses", "chance"
Level = tuple[str, float]
Metric = tuple[str, str]
Row = dict[str, Any]


def doubts_table(compared: Sequence[Found], examined: Sequence[Found]) -> pd.DataFrame:
    """doubts.csv: at most one row a method, level and kind; what holds of every method and level is one row.
    ``metrics`` are those at chance, as ``matched.auroc``, with spaces between them.

    Where there are several instances, rows of the whole run have none, and each instance has rows of its own.

    Args:
        compared: of the levels at which methods are compared.
        examined: of further levels, where tickets are examined for collapse alone; they share one row.
    """
    rows = _rows(compared, examined)
    names = [name for name in dict.fromkeys(map(_instance, compared)) if name]
    if not names:
        return pd.DataFrame(rows, columns=COLUMNS)
    parts = {
        name: _rows(*([one for one in group if _instance(one) == name] for group in (compared, examined)))
        for name in names
    }
    whole = [{"instance": None, **row} for row in [*rows, *_elsewhere(rows, parts)]]
    own = [{"instance": name, **row} for name, part in parts.items() for row in part]
    return pd.DataFrame([*whole, *own], columns=["instance", *COLUMNS])


def _rows(compared: Sequence[Found], examined: Sequence[Found]) -> list[Row]:
    levels = _by_level(compared)
    rows: list[Row] = []
    alike = ": without a way around it, every input is answered alike"
    for kind, told, so in ((EMPTY, _empty, alike), (LOSS, _losses, "")):
        texts = {level: text for level, group in levels.items() if (text := told(group))}
        if all(len(one["doubts"][kind]) == len(one["doubts"]["tickets"]) for one in compared):
            rows.append(_row("", None, kind, f"every method and level: {told(compared)}{so}"))
        else:
            rows += [_row(*level, kind, f"{_at(level)}: {text}{so}") for level, text in texts.items()]
    at_chance = {level: _at_chance(group) for level, group in levels.items()}
    everywhere = [
        metric
        for metric in dict.fromkeys(metric for metrics in at_chance.values() for metric in metrics)
        if all(metrics.get(metric, True) for metrics in at_chance.values())
    ]
    if everywhere:
        cannot = "nothing was learned, or the metric cannot tell"
        rows.append(_row("", None, CHANCE, f"every score of {_metrics(everywhere)} is at chance: {cannot}", everywhere))
    for level, metrics in at_chance.items():
        if alone := [metric for metric, known in metrics.items() if known and metric not in everywhere]:
            rows.append(_row(*level, CHANCE, f"{_at(level)}: {_chance(alone)}", alone))
    return rows + _collapsed(_by_level(examined))


def _collapsed(levels: Mapping[Level, Sequence[Found]]) -> list[Row]:
    """One row of all levels that are not compared: what speaks against them is what they are looked at for."""
    parts = []
    for level, group in levels.items():
        alone = [metric for metric, known in _at_chance(group).items() if known]
        if texts := [text for text in (_empty(group), _losses(group), _chance(alone)) if text]:
            parts.append(f"at {_percent(level)} {', '.join(texts)}")
    method = next((method for method, _ in levels), "")
    text = f"{method_name(method)}, pruned on to see when tickets collapse: {'; '.join(parts)}"
    return [_row(method, None, "collapse", text)] if parts else []


def _elsewhere(rows: Sequence[Row], parts: Mapping[str, Sequence[Row]]) -> list[Row]:
    """One row that names the instances with scores at chance where those of the whole run are not."""
    known = {(row["method"], row["sparsity"]) for row in rows if row["kind"] == CHANCE}
    concerned = [
        name
        for name, part in parts.items()
        if any((row["method"], row["sparsity"]) not in known for row in part if row["kind"] == CHANCE)
    ]
    if not concerned or ("", None) in known:
        return []
    text = f"{len(concerned)} of {len(parts)} instances have scores at chance of their own: {_listed(concerned)}"
    return [_row("", None, CHANCE, text)]


def _empty(group: Sequence[Found]) -> str:
    if not (concerned := _concerned(group, EMPTY)):
        return ""
    layers = dict.fromkeys(name.removesuffix(".weight") for *_, names in concerned for name in names)
    have = "has" if len(concerned) == 1 else "have"
    return f"{_share(group, concerned)} {have} a layer without a single weight ({_listed(layers)})"


def _losses(group: Sequence[Found]) -> str:
    if not (concerned := _concerned(group, LOSS)):
        return ""
    before, after = (fmean(values) for values in zip(*(losses for *_, losses in concerned), strict=True))
    means = f"{before:.4g} before, {after:.4g} after, on average"
    return f"the loss of {_share(group, concerned)} did not fall in training ({means})"


def _chance(metrics: Sequence[Metric]) -> str:
    return f"{_metrics(metrics)} {'is' if len(metrics) == 1 else 'are'} at chance" if metrics else ""


def _at_chance(group: Sequence[Found]) -> dict[Metric, bool]:
    """Whether each metric whose chance is known is no better than that, over subsets, seeds and instances."""
    rows = [row for one in group for row in one["scores"] if row["chance"] is not None]
    by_metric = {}
    for metric in dict.fromkeys((row["protocol"], row["metric"]) for row in rows):
        of_metric = [row for row in rows if (row["protocol"], row["metric"]) == metric]
        scores = [row for row in of_metric if row["subset"] != MEAN] or of_metric
        values, chances = ([row[key] for row in scores] for key in ("value", "chance"))
        by_metric[metric] = is_at_chance(values, chances, scores[0]["higher_is_better"])
    return by_metric


def _concerned(group: Sequence[Found], kind: str) -> list[tuple[str, str, int, Any]]:
    """Instance, ticket, seed and what was found."""
    return [
        (_instance(one), ticket, one["doubts"]["seed"], about)
        for one in group
        for ticket, about in one["doubts"][kind].items()
    ]


def _share(group: Sequence[Found], concerned: Sequence[tuple[str, str, int, Any]]) -> str:
    """How many tickets, and which: ``2 of 30 tickets (digit 1, digit 4; seed 0)``."""
    total = sum(len(one["doubts"]["tickets"]) for one in group)
    if len(concerned) == total:
        return f"all {total} tickets" if total > 1 else "the one ticket"
    instances, tickets, seeds = (dict.fromkeys(one[part] for one in concerned) for part in range(3))
    which = [_listed(instances)] if len({_instance(one) for one in group}) > 1 else []
    if len({ticket for one in group for ticket in one["doubts"]["tickets"]}) > 1:
        which.append(_listed(tickets))
    which.append(f"seed{'s' * (len(seeds) > 1)} {_listed(seeds)}")
    return f"{len(concerned)} of {total} tickets ({'; '.join(which)})"


def _by_level(scored: Sequence[Found]) -> dict[Level, list[Found]]:
    levels: dict[Level, list[Found]] = {}
    for one in scored:
        levels.setdefault((one["doubts"]["method"], one["doubts"]["sparsity"]), []).append(one)
    return levels


def _instance(one: Found) -> str:
    return str(one["doubts"].get("instance", ""))


def _row(method: str, sparsity: float | None, kind: str, text: str, at_chance: Sequence[Metric] = ()) -> Row:
    metrics = " ".join(map(".".join, at_chance))
    return {"method": method, "sparsity": sparsity, "kind": kind, "metrics": metrics, "text": text}


def at_chance_in(doubts: pd.DataFrame, metric: Metric) -> set[str]:
    """The methods whose scores of a metric are at chance, of a run at one level; an empty name means all.

    Args:
        doubts: doubts.csv.
        metric: protocol and metric.
    """
    own = doubts[doubts.kind == CHANCE].fillna({"method": "", "metrics": ""})
    own = own[own.instance.isna()] if "instance" in own else own
    return set(own.method[[".".join(metric) in metrics.split() for metrics in own.metrics]])


def _at(level: Level) -> str:
    return f"{method_name(level[0])} at {_percent(level)}"


def _percent(level: Level) -> str:
    return f"{100 * level[1]:g} %"


def _metrics(metrics: Iterable[Metric]) -> str:
    return _listed(f"{protocol} {metric_name(metric).partition(',')[0]}" for protocol, metric in metrics)


def _listed(names: Iterable[object]) -> str:
    """The first few of some names, and how many more there are."""
    texts = [str(name) for name in names]
    if len(texts) > MOST_NAMED + 1:
        texts = [*texts[:MOST_NAMED], f"{len(texts) - MOST_NAMED} more"]
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
