"""How far is what better_masks.py found from RTL's chains? `python results/controls/better_masks_tables.py` prints the
Markdown tables of README.md from better_masks.csv.
"""

from collections.abc import Callable
from pathlib import Path

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
    means, leads = (
        of.groupby(["masks", "instance", "sparsity"]).mean(skipna=False) for of in (found, (found - rtl).drop(RTL))
    )
    return [
        _table("PSNR, dB", means.psnr, lambda of: f"{of.mean():.2f}"),
        _table("PSNR − RTL's, dB", leads.psnr, _with_interval),
        _table("mean PSNR of regions − RTL's, dB", leads.region_psnr, _with_interval),
        _table("mean Jaccard similarity", means.jaccard.dropna(), lambda of: f"{of.mean():.2f}".removeprefix("0")),
        _table("weights kept", means["union"], lambda of: f"{of.mean():,.0f}"),
        _table("optimizer steps", means.steps, lambda of: f"{of.mean():,.0f}"),
    ]


def _with_interval(leads: pd.Series) -> str:
    return difference_text(leads.mean(), *t_interval(leads.tolist()))


def _table(what: str, found: pd.Series, cell: Callable[[pd.Series], str]) -> str:
    """One row a search; ``cell`` is told what was found of each search at each level."""
    cells = {place: cell(of) for place, of in found.groupby(["masks", "sparsity"])}
    levels = sorted({level for _, level in cells})
    lines = [[what, *(f"{100 * level:g} %" for level in levels)], ["---"] * (1 + len(levels))]
    lines += [
        [TITLES[name], *(cells[name, level] for level in levels)] for name in TITLES if (name, levels[0]) in cells
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(*tables(pd.read_csv(CSV)), sep="\n\n")
