"""Stage 1: split a problem's data into subsets."""

import sys
from pathlib import Path

from prefect import flow

from flows.parameters import AS_WRITTEN, Changes, Section
from flows.turns import taking_turns
from tasks.artefacts import paths
from tasks.artefacts.digests import file_digest
from tasks.artefacts.paths import JobName
from tasks.jobs.dvc_deps import PARTITION
from tasks.jobs.left_out import read_left_out
from tasks.jobs.made_with import publish_stage
from tasks.jobs.stage_code import publish_code
from tasks.jobs.taken_up import record_taken_up
from tasks.partition_data import partition_data
from tasks.settings.problem_settings import problem_class, problem_settings
from tasks.sources.problem_files import partition_sources
from tasks.sources.source_digest import source_digest


@flow(name="partition", flow_run_name="partition {problem}")
@taking_turns
def partition(problem: Section, changes: Changes = AS_WRITTEN) -> None:
    """Publish ``data/<problem>`` and the lists of the code behind all stages, and say what was left out.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
    """
    settings = problem_settings(problem, changes)
    code = source_digest(settings.problem.partition(":")[0])
    read = partition_sources(problem_class(settings.problem), settings.partition)
    sources = {str(path): _content(path) for path in read}
    files = partition_data(problem, settings.problem, code, settings.partition, sources)
    folder = paths.data(JobName(problem))
    publish_stage(problem, PARTITION, settings, {folder / name: reference for name, reference in files.items()})
    record_taken_up(problem, PARTITION, settings)
    publish_code(problem, settings)
    for line in read_left_out(problem):
        print(f"warning: {line}", file=sys.stderr)


def _content(path: Path) -> str:
    """What tells whether a file has changed; a problem says itself what it makes of one that cannot be read."""
    try:
        return file_digest(path)
    except OSError as problem:
        return type(problem).__name__
