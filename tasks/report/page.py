"""The page of a comparison: tables, interactive figures and settings in one file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
import pandas as pd

from tasks.figures.catalogue import FIGURES
from tasks.report.players import listening
from tasks.report.vega import vega_script
from tasks.tables.by_level import LEDGER, kept_table, margin_tables, score_tables
from tasks.tables.names import FACT_NAMES
from tasks.tables.published import doubt_lines

TEMPLATE = Path(__file__).with_name("page.html.jinja")


def report(
    title: str,
    tables: Mapping[str, pd.DataFrame],
    drawn: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, str],
    settings: Mapping[str, str],
    left_out: Sequence[str] = (),
    instances: Mapping[str, str] = MappingProxyType({}),
    digest: str = "",
) -> bytes:
    """The page as UTF-8 HTML: Vega and all data are inside, and its policy forbids every request.

    Args:
        title: a section of params.yaml, or one instance of it.
        tables: the published tables by file stem; ``summary``, ``scoring`` and ``parameters`` at least.
        drawn: the Vega-Lite of its figures, by name.
        facts: which code, data and run the tables came from; without any, the page says that this is not known.
        settings: the problem's settings under dotted keys.
        left_out: what the partition stage left out of the data, and why, in lines.
        instances: the pages of a problem's instances, and of all together: relative links by what they are called.
        digest: that of the tables (``tables_digest``), by which the page is told from those of other tables.
    """
    page = _environment().get_template(TEMPLATE.name)
    html = page.render(
        title=title,
        facts={FACT_NAMES.get(key, key): value for key, value in facts.items()},
        scores=score_tables(tables["summary"], tables["scoring"]),
        margins=margin_tables(tables.get("margins", pd.DataFrame()), tables["scoring"]),
        ledger=kept_table(tables["parameters"], LEDGER),
        figures=[(name, FIGURES[name], spec) for name, spec in drawn.items()],
        listening=listening(tables),
        doubts=doubt_lines(tables),
        settings=settings,
        left_out=left_out,
        instances=instances,
        digest=digest,
        vega=vega_script(),
    )
    return html.encode()


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
