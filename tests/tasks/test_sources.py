"""Whatever a module imports from the project, wherever it lies and however it is imported, is told apart by digest."""

import subprocess
import sys

import pytest

from tasks.sources.source_digest import own_sources

REACHED = {
    "beside a package": ({"mine/__init__.py": "", "mine/problem.py": "import helpers"}, "mine.problem", "helpers.py"),
    "by a package without __init__": ({"mine/problem.py": "from mine import near"}, "mine.problem", "mine/near.py"),
    "in a package without __init__": ({"mine.py": "import parts.inner as x"}, "mine", "parts/inner.py"),
    "in a function": ({"mine.py": "def f():\n    import helpers"}, "mine", "helpers.py"),
    "relatively": ({"mine/__init__.py": "", "mine/problem.py": "from . import near"}, "mine.problem", "mine/near.py"),
    "as a literal": ({"mine.py": "importlib.import_module('helpers')"}, "mine", "helpers.py"),
    "relatively, as a literal": (
        {"mine/__init__.py": "", "mine/problem.py": "import_module('.near', __package__)"},
        "mine.problem",
        "mine/near.py",
    ),
    "the package around": ({"mine/__init__.py": "", "mine/problem.py": ""}, "mine.problem", "mine/__init__.py"),
    "the package around an import": (
        {"mine.py": "import parts.inner", "parts/inner.py": ""},
        "mine",
        "parts/__init__.py",
    ),
    "through another": (
        {"mine.py": "from other import Base", "other.py": "from helpers import Base"},
        "mine",
        "helpers.py",
    ),
    "from a package that lies elsewhere": ({"../src/mine.py": "import helpers"}, "mine", "helpers.py"),
    "from an installed package": ({"../site-packages/mine.py": "import helpers"}, "mine", "helpers.py"),
}
DIGEST = "import sys; from tasks.sources.source_digest import source_digest; print(source_digest(sys.argv[1]))"


@pytest.mark.parametrize("how", REACHED)
def test_a_module_that_is_reached_counts(repository, tmp_path, how):
    files, module, changed = REACHED[how]
    root = tmp_path / "project"
    for name, content in {changed: "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    digests = []
    for content in ("", "X = 1"):
        (root / changed).write_text(content)
        places = [str(root), *(str(tmp_path / name) for name in ("src", "site-packages")), str(repository)]
        command = [sys.executable, "-c", DIGEST, module]
        done = subprocess.run(
            command, cwd=root, env={"PYTHONPATH": ":".join(places)}, capture_output=True, text=True, check=True
        )
        digests.append(done.stdout)
    assert digests[0] != digests[1]


def test_what_is_trained_does_not_depend_on_what_is_checked_before_it():
    assert "rtl_core.checks" in own_sources("rtl_core.extraction")
    for module in ("chain", "retraining", "baselines", "rewinding", "controls"):
        assert "rtl_core.checks" not in own_sources(f"rtl_core.{module}")
