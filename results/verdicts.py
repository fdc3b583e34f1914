"""Does RTL pay? Every job's tables in one: `python results/verdicts.py` writes differences.csv and README.md's tables.

What is told apart is told as everywhere (``tasks.tables.standings.lead``), and only where the 95 % t interval of the
differences, over seeds or instances, leaves zero out too.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from rtl_core.intervals import t_interval
from rtl_core.methods import METHODS
from tasks.tables.directions import higher_is_better
from tasks.tables.names import difference_text, level_text, metric_name
from tasks.tables.published import read_csv
from tasks.tables.selection import headline
from tasks.tables.standings import LEAST, lead, repeats, values_at

HERE = Path(__file__).parent
LEVELS = (0.5, 0.75)
RIVALS = {
    "imp_single": "one mask",
    "shared_mask": "one shared mask",
    "shared_mask_union": "one shared mask of its size",
    "imp_single_union": "one network of its size",
    "imp_multiple": "K networks",
    "rtl_sequential": "the paper's update",
}
SHARED = "shared_mask"
UPDATES = [name for name, method in METHODS.items() if method.kind == "rtl"]


def main() -> None:
    """Write differences.csv, and the tables into README.md, each below the comment that names it."""
    made = differences()
    made.to_csv(HERE / "differences.csv", index=False, float_format="%.6g")
    page = HERE / "README.md"
    page.write_text(with_tables(page.read_text(), tables(made)))


def differences() -> pd.DataFrame:
    """RTL, or tickets under one shared mask, minus each rival, above zero where better: a row a job, level and pair."""
    return pd.DataFrame([row for job in read_csv(HERE / "jobs.csv").to_dict("records") for row in _differences_in(job)])


def _differences_in(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    results = read_csv(HERE / job["tables"] / "results.csv")
    score = headline(results)
    higher = _higher_is_better(job, score[1])
    for level in LEVELS:
        if level not in set(results.sparsity):
            continue
        values = values_at(results, level, score)
        what, count = repeats(values)
        for ours, rivals in _compared(list(values)):
            for rival in rivals:
                ahead = lead(values[ours], values[rival], higher)
                behind = lead(values[rival], values[ours], higher)
                apart = (values[ours] - values[rival]) * (1 if higher else -1)
                if what == "instances":
                    apart = apart.groupby("instance").mean()
                low, high = t_interval(apart.tolist())
                yield {
                    "job": job["job"],
                    "metric": f"{score[0]}.{score[1]}",
                    "sparsity": level,
                    "method": ours,
                    "against": rival,
                    "difference": ahead.difference,
                    "low": low,
                    "high": high,
                    "over": what,
                    "count": count,
                    "told": "ahead" if ahead.told and low > 0 else "behind" if behind.told and high < 0 else "",
                    "commit": job["commit"],
                    "command": job["command"],
                }


def _compared(methods: list[str]) -> Iterator[tuple[str, list[str]]]:
    """What is held against what: RTL under each update, and tickets under one shared mask, which the first trains."""
    updates = [method for method in methods if method in UPDATES]
    controls = [method for method in RIVALS if METHODS[method].kind == "mask control"]
    for ours in [*updates, *(method for method in methods if method == SHARED)]:
        others = [method for method in RIVALS if method in methods and method != ours]
        if ours == SHARED:
            yield ours, [method for method in others if method in ("imp_single", "imp_multiple")]
        else:
            yield ours, [method for method in others if ours == updates[0] or method not in controls]


def _higher_is_better(job: dict[str, Any], metric: str) -> bool:
    """From scoring.csv or, of runs that had none, as jobs.csv says."""
    path = HERE / job["tables"] / "scoring.csv"
    return higher_is_better(read_csv(path), metric) if path.is_file() else bool(job["higher_is_better"])


def tables(made: pd.DataFrame) -> dict[str, str]:
    """The page's tables in Markdown, by name."""
    jobs = {job["job"]: job for job in read_csv(HERE / "jobs.csv").to_dict("records")}
    enough = made.apply(lambda row: row["count"] >= LEAST[row.over], axis="columns")
    return {
        **{f"{level:g}": _level_table(made[enough & (made.sparsity == level)], jobs) for level in LEVELS},
        "once": _level_table(made[~enough & (made.sparsity == LEVELS[0])], jobs),
        "verdicts": "\n".join(_sentences(made[enough], jobs)),
        "sources": _sources(jobs),
        "paper": _paper_table(),
        **_advice_tables(made, jobs),
    }


def _level_table(made: pd.DataFrame, jobs: Mapping[str, Any]) -> str:
    rows = []
    for (job, method), row in made.groupby(["job", "method"], sort=False):
        cells = {one.against: _cell(one) for one in row.itertuples()}
        rows.append([jobs[job]["title"], _update(method), _over(row.iloc[0]), *(cells.get(r, "") for r in RIVALS)])
    return _markdown(["job and metric", "RTL", "over", *(f"− {rival}" for rival in RIVALS.values())], rows)


def _cell(one: Any) -> str:
    text = difference_text(one.difference, one.low, one.high, signs=True)
    return f"**{text}**" if isinstance(one.told, str) and one.told else text


def _over(one: pd.Series) -> str:
    return f"{one['count']} {one.over if one['count'] > 1 else one.over.rstrip('s')}"


def _update(method: str) -> str:
    return METHODS[method].update or f"({METHODS[method].title})"


def _sentences(made: pd.DataFrame, jobs: Mapping[str, Any]) -> Iterator[str]:
    for (job, method), rows in made.groupby(["job", "method"], sort=False):
        outcomes: dict[str, list[str]] = {}
        for rival, of_rival in rows.groupby("against", sort=False):
            told = {str(row.told or "level with") for row in of_rival.itertuples()}
            if len(told) == 1:
                outcomes.setdefault(*told, []).append(RIVALS[rival])
            else:
                for row in of_rival.itertuples():
                    at = f"{RIVALS[rival]} at {level_text(row.sparsity)}"
                    outcomes.setdefault(str(row.told or "level with"), []).append(at)
        words = {"ahead": "ahead of", "level with": "not told apart from", "behind": "behind"}
        told_of = [f"{words[key]} {', '.join(outcomes[key])}" for key in words if key in outcomes]
        yield f"- **{jobs[job]['title'].partition(' (')[0]}**, {_update(method)}: {'; '.join(told_of)}."


def _sources(jobs: Mapping[str, Any]) -> str:
    rows = [
        [job["title"], f"[{job['tables']}]({job['tables']})", job["commit"], f"`{job['command']}`"]
        for job in jobs.values()
    ]
    return _markdown(["job", "tables", "commit", "command"], rows)


def _paper_table() -> str:
    """The paper's claim, its RTL minus its own baselines, beside what was found here by the same rule."""
    claims = read_csv(HERE / "paper.csv")
    rows = []
    for (title, metric), claim in claims.groupby(["title", "metric"], sort=False):
        of_method = claim.pivot(index="method", columns="sparsity", values="value")
        for rival in ("imp_single", "imp_multiple"):
            if rival in of_method.index:
                paper = of_method.loc["rtl"] - of_method.loc[rival]
                claimed = [difference_text(paper[level], nan, nan) for level in LEVELS]
                rows.append([title, metric_name(metric), RIVALS[rival], *claimed, *_ours(claim.iloc[0], rival)])
    return _markdown(["", "metric", "RTL minus", "paper, 50 %", "75 %", "here, 50 %", "75 %"], rows)


def _ours(claim: pd.Series, rival: str) -> list[str]:
    results = read_csv(HERE / claim.tables / "results.csv")
    cells = []
    for level in LEVELS:
        values = values_at(results, level, (claim.protocol, claim.metric))
        apart = values["rtl_sequential"] - values[rival]
        cells.append(difference_text(float(apart.mean()), *t_interval(apart.tolist())))
    return cells


def _advice_tables(made: pd.DataFrame, jobs: Mapping[str, Any]) -> dict[str, str]:
    """What `rtl advise` decided beforehand, beside what the whole run told, and how often they agree."""
    rows, agreed = [], Counter[str]()
    for file in sorted((HERE / "advice").glob("*.json")):
        advice = json.loads(file.read_text())
        of_job = made[(made.job == file.stem) & (made.sparsity == advice["sparsity"])]
        ours = next(method for method in advice["scores"] if method in UPDATES)
        for rival, lead_of in advice["rtl_ahead_by"].items():
            (whole,) = of_job[(of_job.method == ours) & (of_job.against == rival)].itertuples()
            said = ("ahead" if lead_of["mean"] > 0 else "behind") if lead_of["decided"] else ""
            agrees = "left open" if not said else "yes" if said == whole.told else "no" if whole.told else "not told"
            agreed[agrees] += 1
            ends = (lead_of[end] if lead_of[end] is not None else nan for end in ("low", "high"))
            rows.append(
                [jobs[file.stem]["title"], RIVALS[rival], difference_text(lead_of["mean"], *ends), _cell(whole), agrees]
            )
    decided = agreed.total() - agreed["left open"]
    counted = (
        f"Of {agreed.total()} differences `rtl advise` decided {decided}. The whole run says the same of "
        f"{agreed['yes']}, the opposite of {agreed['no']}, and does not tell {agreed['not told']}."
    )
    heads = ["job and metric", "RTL minus", "`rtl advise`", "whole run", "does it agree?"]
    return {"advice": _markdown(heads, rows), "advised": counted}


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_tables(page: str, made: Mapping[str, str]) -> str:
    """A page with what stands between ``<!-- NAME -->`` and ``<!-- end -->`` renewed."""
    for name, text in made.items():
        head, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        if not (begin and end):
            raise ValueError(f"README.md: {name}: no place for it")
        page = f"{head}{begin}\n{text}\n\n{end}{tail}"
    return page


if __name__ == "__main__":
    main()
