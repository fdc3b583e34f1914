"""What a page begins with: who leads, at any sparsity, under any protocol and metric, on any subset, and at what cost.

All that is decided is decided here; the page's script shows what is asked for.
"""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

import pandas as pd

from rtl_core.methods import METHODS
from tasks.figures.scores_by_weights import kept_rows, plot_heading
from tasks.figures.styles import styles_of
from tasks.report.description import Time
from tasks.report.vega import with_symbol
from tasks.tables.boards import boards
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, level_text, method_name, metric_text, metric_title, score_text, time_text
from tasks.tables.selection import headline, of_subsets
from tasks.tables.standings import shown_first
from tasks.tables.verdict import contenders

Worst = dict[tuple[str, str, float], list[list[str]]]

MOST_ROWS = 12_000
"""So many rows of leaderboards at most are embedded: of many subsets, those of some metrics alone."""
UNKNOWN = "not known: the tables say nothing of it"
ELSEWHERE = "not known: trained elsewhere, or before times were kept"


def answer(tables: Mapping[str, pd.DataFrame], times: Sequence[Time]) -> dict[str, Any]:
    """JSON: ``methods`` in their one order; ``levels``, and the place of the one ``first`` shown; what each method's
    level costs; and ``scores``, a protocol and metric each, the headline first, with a board per subset and level.

    Args:
        tables: results, scoring and parameters, as published.
        times: of what was trained here.
    """
    results = tables["results"]
    order = [method for method in METHODS if method in set(results.method)]
    order += [method for method in results.method.unique() if method not in METHODS]
    levels = sorted(results.sparsity.unique())
    rows = kept_rows(_bounded(boards(tables), headline(results)), tables["parameters"])
    scores = _scores(rows.merge(_t_intervals(tables["summary"]), how="left"), order, levels, tables)
    first = headline(results)
    scores.sort(key=lambda score: (score["protocol"], score["key"]) != first)
    return {
        "methods": _methods(order, contenders(results)),
        "levels": [{"percent": round(100 * level, 4), "text": level_text(level)} for level in levels],
        "first": levels.index(shown_first(results)),
        "costs": [[_cost(method, level, tables["parameters"], times) for level in levels] for method in order],
        "scores": scores,
    }


def _methods(order: Sequence[str], compared: Sequence[str]) -> list[dict[str, Any]]:
    styles = styles_of(map(method_name, order))
    return [
        {
            "name": method_name(method),
            "meaning": METHODS[method].meaning if method in METHODS else "",
            "control": method not in compared,
            **with_symbol(styles[method_name(method)]),
        }
        for method in order
    ]


def _bounded(rows: pd.DataFrame, first: tuple[str, str]) -> pd.DataFrame:
    """The rows of means, and those of subsets as far as they may be embedded: by metric, the headline's first."""
    means, others = rows[rows.subset == MEAN], rows[rows.subset != MEAN]
    groups = [(key, group) for key, group in others.groupby(["protocol", "metric"], sort=False)]
    kept, count = [means], len(means)
    for _, group in sorted(groups, key=lambda one: one[0] != first):
        if (count := count + len(group)) > MOST_ROWS:
            break
        kept.append(group)
    return pd.concat(kept)


def _t_intervals(summary: pd.DataFrame) -> pd.DataFrame:
    """protocol, metric, method, sparsity, subset and t, the interval as text; empty where there is none."""
    ends = summary.reindex(columns=["t_low", "t_high"]).itertuples(index=False)
    texts = ["" if isnan(low) else score_text(0, low, high).partition(" ")[2] for low, high in ends]
    return summary[["protocol", "metric", "method", "sparsity"]].assign(subset=MEAN, t=texts)


def _scores(
    rows: pd.DataFrame, order: Sequence[str], levels: Sequence[float], tables: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    """Each protocol and metric, with a part per subset: its boards by level, which hold rows of the number of a method,
    mean, low, high (null without), text, whether it leads, its name's place on the plot or null, and its t interval.
    """
    worst, told = _worst(tables), of_subsets(tables["results"])
    instead = (told.protocol.iloc[0], told.metric.iloc[0]) if len(told) else ("", "")
    scores: dict[tuple[str, str], dict[str, Any]] = {}
    rows = rows.assign(number=rows.method.map(order.index), level=rows.sparsity.map(levels.index))
    rows["higher"] = _higher(rows, tables)
    rows["worth"] = rows["mean"].where(rows.higher, -rows["mean"])
    rows = rows.sort_values("worth", ascending=False, kind="stable").astype(object).where(rows.notna(), None)
    for row in rows.itertuples(index=False):
        score = scores.setdefault(
            (row.protocol, row.metric),
            {
                "protocol": row.protocol,
                "key": row.metric,
                "metric": metric_title(row.metric, row.higher),
                "worst": [
                    worst.get((row.protocol, row.metric, level)) or worst.get((*instead, level), []) for level in levels
                ],
                "parts": {},
            },
        )
        of = "mean over subsets" if row.subset == MEAN else row.subset
        part = score["parts"].setdefault(
            of,
            {
                "subset": of,
                "heading": plot_heading(row.metric, row.higher, f"{row.protocol} protocol, {of}"),
                "span": [row.lowest, row.highest],
                "boards": [[] for _ in levels],
            },
        )
        text = score_text(row.mean, nan if row.low is None else row.low, nan if row.high is None else row.high)
        part["boards"][row.level].append(
            [row.number, row.mean, row.low, row.high, text, int(row.leads), row.place, row.t or ""]
        )
    subsets = ["mean over subsets", *tables["results"].subset.unique()]
    return [
        score | {"parts": [score["parts"][subset] for subset in subsets if subset in score["parts"]]}
        for score in scores.values()
    ]


def _higher(rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Whether higher is better, row by row."""
    known = {metric: higher_is_better(tables["scoring"], metric) for metric in rows.metric.unique()}
    return rows.metric.map(known).astype(bool)


def _worst(tables: Mapping[str, pd.DataFrame]) -> Worst:
    """Under every protocol and metric at every level: methods, and the worst subset or instance of each with its score,
    means over seeds.
    """
    results = tables["results"].dropna(subset="value")
    place = "instance" if "instance" in results else "subset"
    rows = results[(results.subset == MEAN) == (place == "instance")]
    rows = rows[rows.method.isin(contenders(results))]
    keys = ["protocol", "metric", "sparsity", "method"]
    means = rows.groupby([*keys, place], sort=False).value.mean().reset_index()
    worth = means.value.where(_higher(means, tables), -means.value)
    worst = means.loc[worth.groupby([means[key] for key in keys], sort=False).idxmin()]
    found: Worst = {}
    for protocol, metric, level, method, where, value in worst.itertuples(index=False):
        texts = [method_name(method), f"{where}, {metric_text(metric, value)}"]
        found.setdefault((protocol, metric, level), []).append(texts)
    return found


def _cost(method: str, level: float, parameters: pd.DataFrame, times: Sequence[Time]) -> dict[str, Any]:
    """Weights kept, as a number and as text, beside IMP single's, training time and steps, and why for a dash."""
    at_level = parameters[parameters.sparsity == level]
    kept = at_level.groupby("method")["union"].mean()
    own = at_level[at_level.method == method]
    if own.empty:
        return {}
    seconds = [time.seconds for time in times if (time.method, time.sparsity) == (method, level)]
    steps = own["steps"].mean() if "steps" in own else float("nan")
    return {
        "kept": round(float(kept[method]), 6),
        "weights": f"{kept[method]:,.0f}",
        "share": f"{kept[method] / kept['imp_single']:.2g} ×" if "imp_single" in kept else "–",
        "time": time_text(sum(seconds) / len(seconds)) if seconds else "–",
        "why_no_time": "" if seconds else ELSEWHERE,
        "steps": "–" if pd.isna(steps) else f"{steps:,.0f} steps",
        "why_no_steps": UNKNOWN if pd.isna(steps) else "",
    }
