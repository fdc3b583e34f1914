"""The page of a comparison: tables, interactive figures and settings in one file that needs no network."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2
import pandas as pd
import vl_convert

from tasks.figures import FIGURES, VEGA_LITE, figures, spec
from tasks.level_tables import LEDGER, kept_table, score_tables
from tasks.names import FACT_NAMES

TEMPLATES = Path(__file__).parent


def report(
    problem: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, str], settings: Mapping[str, str]
) -> bytes:
    """The page as UTF-8 HTML: Vega and all data are inside, and its policy forbids every request.

    Args:
        problem: a section of params.yaml.
        tables: the published tables by file stem; ``summary`` and ``parameters`` at least.
        facts: which code, data and run the tables came from; may be empty.
        settings: the problem's settings under dotted keys.
    """
    drawn = [(name, FIGURES[name], spec(chart)) for name, chart in figures(tables).items()]
    page = _environment().get_template("report.html.jinja")
    html = page.render(
        problem=problem,
        facts={FACT_NAMES.get(key, key): value for key, value in facts.items()},
        scores=score_tables(tables["summary"]),
        ledger=kept_table(tables["parameters"], LEDGER),
        figures=drawn,
        settings=settings,
        vega=_vega(),
    )
    return html.encode()


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which defines ``vegaEmbed``."""
    return vl_convert.javascript_bundle(vl_version=VEGA_LITE).replace("</script", "<\\/script")
