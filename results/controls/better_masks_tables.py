"""How far is what better_masks.py found from RTL's chains? `python results/controls/better_masks_tables.py` prints the
Markdown tables of README.md from better_masks.csv.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from rtl_core.intervals import t_interval
from tasks.tables.names import difference_text

CSV = Path(__file__).with_name("better_masks.csv")
RTL = "magnitude"
TITLES = {
    "magnitude": "RTL: magnitude chains",
    "magnitude_4x": "rounds 4 × as long",
    "magnitude_8x": "rounds 8 × as long",
    "taylor_chains": "Taylor, chain by chain",
    "taylor_rounds": "Taylor, jointly, in rounds",
    "taylor_once": "Taylor, jointly, at once",
    "shared_mask": "one shared mask",
    "shared_mask_union": "one shared mask, RTL's union",
    "imp_single": "IMP single",
    "imp_multiple": "IMP multiple",
}
"""By the name in the CSV; the last two are other networks than K tickets on one tensor."""


def tables(rows: pd.DataFrame) -> list[str]:
    """In Markdown: every figure's mean, and how far each is from RTL's chains.

    A photograph counts once, by its mean over seeds, as its seeds are not independent of each other.
    """
    found = rows.set_index(["masks", "instance", "seed", "sparsity"]).sort_index()
    rtl = found.loc[RTL].reindex(found.index.droplevel("masks")).set_axis(found.index)
    ahead = (found - rtl).assign(equal_union=found.psnr - rtl_with_as_many_weights(found)).drop(RTL)
    means, leads = (of.groupby(["masks", "instance", "sparsity"]).mean(skipna=False) for of in (found, ahead))
    by_seed = (
        _table(f"PSNR − RTL's, {100 * level:g} %, by seed", of.psnr, "instance", _each)
        for level, of in ahead.groupby("sparsity")
    )
    return [
        _table("PSNR, dB", means.psnr, "sparsity", lambda of: f"{of.mean():.2f}"),
        _table("PSNR − RTL's", leads.psnr, "sparsity", _with_interval),
        _table("mean PSNR of regions − RTL's", leads.region_psnr, "sparsity", _with_interval),
        _table("PSNR − RTL's at as many weights", leads.equal_union, "sparsity", _with_interval),
        *by_seed,
        _table("mean Jaccard", means.jaccard.dropna(), "sparsity", lambda of: f"{of.mean():.2f}".removeprefix("0")),
        _table("weights kept", means["union"], "sparsity", lambda of: f"{of.mean():,.0f}"),
        _table("optimizer steps", means.steps, "sparsity", lambda of: f"{of.mean():,.0f}"),
        _table("presentations, millions", means.presentations, "sparsity", lambda of: f"{of.mean() / 1e6:.1f}"),
    ]


def rtl_with_as_many_weights(found: pd.DataFrame) -> pd.Series:
    """PSNR of RTL's chains where their union is as large: between its levels, linear in the logarithm; else NaN."""
    curves = {place: of.sort_values("union") for place, of in found.loc[RTL].groupby(["instance", "seed"])}
    return pd.Series(
        [
            np.interp(np.log(union), np.log(curve["union"]), curve.psnr, np.nan, np.nan)
            for (_, photograph, seed, _), union in found["union"].items()
            for curve in [curves[photograph, seed]]
        ],
        found.index,
    )


def _with_interval(leads: pd.Series) -> str:
    return "" if leads.isna().any() else difference_text(leads.mean(), *t_interval(leads.tolist()))


def _each(leads: pd.Series) -> str:
    return ", ".join(f"{lead:+.1f}".replace("-", "−") for lead in leads)


def _table(what: str, found: pd.Series, columns: str, cell: Callable[[pd.Series], str]) -> str:
    """One row a search; ``cell`` is told what was found of each search in each of the ``columns``."""
    cells = {place: cell(of) for place, of in found.groupby(["masks", columns])}
    heads = sorted({head for _, head in cells})
    lines = [[what, *(head if columns == "instance" else f"{100 * head:g} %" for head in heads)]]
    lines += [["---"] * len(lines[0])]
    lines += [[TITLES[name], *(cells[name, head] for head in heads)] for name in TITLES if (name, heads[0]) in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(*tables(pd.read_csv(CSV)), sep="\n\n")
