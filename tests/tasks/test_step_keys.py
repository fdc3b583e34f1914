"""A step is found again by what it computes from: the code that it reaches and the content of its inputs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tasks.retrain_tickets import retrain_tickets
from tasks.sources.source_digest import PLUMBING

NO_STEPS = {"tasks/__init__.py", "tasks/prefect_environment.py"}
CHANGING = """
import json, sys
from pathlib import Path
from tasks.sources.source_digest import step_digest

steps, files = json.load(sys.stdin)

def digests():
    step_digest.cache_clear()
    return {step: step_digest(step) for step in steps}

before, found = digests(), {}
for name, file in files.items():
    content = Path(file).read_bytes()
    Path(file).write_bytes(content + b"\\n# another\\n")
    found[name] = [step for step, digest in digests().items() if digest != before[step]]
    Path(file).write_bytes(content)
assert digests() == before
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("rtl_core", "tasks", "flows", cache_dir=None)


def is_plumbing(module: str) -> bool:
    return f"{module}.".startswith(tuple(f"{name}." for name in PLUMBING))


def reached(graph: grimp.ImportGraph, step: str) -> set[str]:
    """A module, the packages around it and all that these import, but for what carries artefacts."""
    found: set[str] = set()
    waiting = [step]
    while waiting:
        name = waiting.pop()
        if above := name.rpartition(".")[0]:
            waiting.append(above)
        if name not in found and not is_plumbing(name):
            found.add(name)
            waiting += graph.find_modules_directly_imported_by(name)
    return found


def file_of(folder: Path, module: str) -> Path:
    place = folder.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@pytest.mark.slow
def test_a_change_in_a_module_changes_the_keys_of_the_steps_that_reach_it_and_no_others(graph, repository, tmp_path):
    for package in ("rtl_core", "tasks", "flows"):
        shutil.copytree(repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    files = {str(path.relative_to(tmp_path)) for path in (tmp_path / "tasks").glob("*.py")} - NO_STEPS
    steps = sorted(file.removesuffix(".py").replace("/", ".") for file in files)
    assert all("tasks.caching.cached_task" in graph.find_modules_directly_imported_by(step) for step in steps)
    changed = sorted(graph.modules)
    asked = json.dumps([steps, {name: str(file_of(tmp_path, name)) for name in changed}])
    done = subprocess.run(
        [sys.executable, "-c", CHANGING],
        input=asked,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    reached_by = {step: reached(graph, step) for step in steps}
    assert json.loads(done.stdout) == {name: [step for step in steps if name in reached_by[step]] for name in changed}
    assert all("rtl_core.retraining" in reached_by[f"tasks.{name}"] for name in ("retrain_tickets", "train_networks"))


def test_what_is_trained_reaches_neither_the_list_of_methods_nor_what_is_drawn(graph):
    for name in ("extract_round", "retrain_tickets", "train_networks", "train_start"):
        found = reached(graph, f"tasks.{name}")
        assert not [module for module in found if module in ("rtl_core.methods", "rtl_core.controls")]
        assert not [module for module in found if module.startswith(("tasks.figures", "tasks.report", "flows"))]


def key(masks: dict[str, str], partition: dict[str, str]) -> str:
    job = {"problem": "digits", "instance": "", "partition": partition}
    return retrain_tickets.cache_policy.key_of("retrain_tickets", {"job": job, "masks": [masks]})


def test_where_an_artefact_was_published_is_in_no_key():
    own = {"path": "images"}
    whole = key({"sha256": "0" * 64, "path": "artifacts/digits/masks/a.safetensors"}, own)
    assert whole == key({"sha256": "0" * 64, "path": "artifacts/digits/masks/b.safetensors"}, own)
    assert whole == key({"sha256": "0" * 64}, own)
    assert whole != key({"sha256": "1" * 64, "path": "artifacts/digits/masks/a.safetensors"}, own)
    assert whole != key({"sha256": "0" * 64}, {"path": "others"})  # a setting of that name is an input as any
