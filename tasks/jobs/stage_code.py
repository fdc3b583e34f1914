"""Which code is behind each stage of a problem: lists by which DVC, and people, see what has changed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tasks.artefacts import paths
from tasks.artefacts.digests import file_digest
from tasks.artefacts.whole_file import write_atomically
from tasks.settings.sections import ProblemSettings
from tasks.sources.named_code import named_modules, named_versions
from tasks.sources.project_modules import OURS
from tasks.sources.source_digest import PLUMBING, own_sources

STAGES = ("partition", "extract", "retrain", "baselines", "compare")
PLUMBING_OF_FLOWS = (
    "flows.checking",
    "flows.parameters",
    "flows.runner",
    "flows.stage_times",
    "flows.steps",
    "flows.turns",
    "tasks.server",
)
"""What stages reach that decides when and where steps run, and nothing of what they publish."""
COMPILED = (".py", ".pyc", ".so")


def publish_code(problem: str, settings: ProblemSettings) -> None:
    """Write the list of each stage, where another stands there or none."""
    for stage in STAGES:
        path, listed = paths.code(problem, stage), stage_code(stage, settings)
        if not path.is_file() or path.read_text() != listed:
            write_atomically(path, listed.encode())


def stage_code(stage: str, settings: ProblemSettings) -> str:
    """A line for each file of code that a stage depends on, SHA-256 and name, and for each package that settings name,
    name and version.
    """
    files = stage_files(stage, settings)
    versions = dict.fromkeys(line for training in settings.trainings for line in named_versions(training))
    return "".join(f"{line}\n" for line in (*(f"{file_digest(files[n])}  {n}" for n in sorted(files)), *versions))


def stage_files(stage: str, settings: ProblemSettings) -> dict[str, Path]:
    """The files of code behind a stage, the problem's own and ours, by module; those that are none by their path."""
    files = own_sources(f"flows.{stage}", (*PLUMBING, *PLUMBING_OF_FLOWS)) | problem_code(settings)
    return files | dict(_beside(files))


def problem_code(settings: ProblemSettings) -> dict[str, Path]:
    """The files behind a problem, by module: those that its own module reaches, and those that settings name."""
    named = [module for training in settings.trainings for module in named_modules(training)]
    modules = dict.fromkeys([settings.problem.partition(":")[0], *named])
    return {name: file for module in modules for name, file in own_sources(module).items()}


def own_modules(settings: ProblemSettings) -> list[Path]:
    """The files behind a problem without the method's."""
    own = settings.problem.partition(":")[0]
    files = problem_code(settings)
    return [file for name, file in files.items() if name.partition(".")[0] not in OURS or name == own]


def _beside(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Tables, templates and the like that lie beside modules of ours, by their path in the package."""
    for name, file in files.items():
        top, *rest = name.split(".")
        if top in OURS and file.name == "__init__.py":
            for path in file.parent.iterdir():
                if path.is_file() and path.suffix not in COMPILED and not path.name.startswith("."):
                    yield "/".join([top, *rest, path.name]), path
