"""Input that cannot be used costs one line, and nothing is left half done."""

import pytest
from small_project import Project


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"sparsities": [1.2]}, "error: params.yaml: digits.sparsities.0: found 1.2; allowed: less than 1"),
        (
            {"problem": "rtl_core.problems.cifar:Cifar10", "partition": {"path": "nowhere"}},
            "error: nowhere/train.npz: not found",
        ),
        ({"optimizer": {"name": "sgd", "learning_rate": 1e30}}, "error: digits: objective 'digit 0': training"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_is_left_half_done(repository, tmp_path, changes, line):
    project = Project.new(repository, tmp_path, **changes)
    done = project.run("rtl", "run", "pipeline", "digits")
    assert done.returncode == 1
    assert done.stderr.startswith(line), done.stderr
    assert done.stderr.count("\n") == 1
    assert {path.parent.name for path in project.folder.glob("artifacts/**/*.*")} <= {"code"}
