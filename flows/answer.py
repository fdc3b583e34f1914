"""What the page of the run that people start says first: who is ahead, in a sentence, in tables and behind links."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from rtl_core.distinct_names import KEYS, distinct_names
from tasks.artefacts import paths
from tasks.report.description import read_description, tables_digest
from tasks.settings.params_file import read_params, sections
from tasks.tables.answer_tables import leaderboard, scores, similarity, weights
from tasks.tables.published import doubt_lines, read_tables
from tasks.tables.verdict import verdict
from tasks.tracking.client import open_client, server_address
from tasks.tracking.first_view import run_page, runs_page
from tasks.tracking.reachable import refusal_of_tracking

READ = ("results", "summary", "scoring", "parameters", "similarity", "doubts")


def show_answer(problem: str) -> None:
    """Leave, as artifacts of the flow run under way, the verdict, tables of a page or two, and links.

    Stages of a pipeline leave none: its own page has them.
    """
    run = FlowRunContext.get()
    assert run is not None and run.flow_run is not None, "show_answer() belongs inside a flow"
    if run.flow_run.parent_task_run_id is not None:
        return
    key = distinct_names([*sections(read_params()), problem], KEYS)[problem]
    tables = read_tables(paths.tables(problem), READ)
    links = _links(problem)
    sentences = verdict(tables)
    for sentence in sentences:
        get_run_logger().info(sentence)  # a run's page opens on its log
    text = [*sentences, *(f"**{line}**" for line in doubt_lines(tables))]
    text.append(" · ".join(f"[{name}]({address})" for name, address in links.items()))
    create_markdown_artifact("\n\n".join(filter(None, text)), f"{key}-verdict", "Which method is ahead, and how surely")
    for name, (description, table) in _tables(tables).items():
        rows = json.loads(table.to_json(orient="records"))
        create_table_artifact(rows, f"{key}-{name}", description)
    for name, address in links.items():
        link = f"{key}-{name.partition(' ')[0].lower()}"
        create_link_artifact(address, name, link, f"{name} of {problem}")


def _tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, tuple[str, pd.DataFrame]]:
    """Descriptions and tables by the end of their keys."""
    made = {"leaderboard": leaderboard(tables), "scores": scores(tables), "weights": weights(tables)}
    if "similarity" in tables:
        made["similarity"] = similarity(tables)
    return {name: (title, table) for name, (title, table) in made.items() if len(table)}


def _links(problem: str) -> dict[str, Any]:
    """Addresses in MLflow of the comparison whose tables are published: its report, its run and the table of runs;
    none where MLflow does not have it, or does not answer.
    """
    described = read_description(problem, tables_digest(problem))
    if described is None or not described.run_id or refusal_of_tracking():
        return {}
    experiment, server = open_client().get_run(described.run_id).info.experiment_id, server_address()
    return {
        "Report": run_page(server, experiment, described.run_id, "artifacts/report.html"),
        "MLflow run": run_page(server, experiment, described.run_id),
        "Runs in MLflow": runs_page(server, experiment),
    }
