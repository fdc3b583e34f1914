"""Stages that are started one by one: what lies there is taken up where the settings of today made it."""

import json

import pytest
import yaml

from rtl_core.errors import DataError
from tasks.jobs.made_with import check_made_with
from tasks.settings.problem_settings import problem_settings

MADE_WITH = "made with digits.{} {}, which is {} now; `rtl run {} digits` makes it anew; so does `dvc repro`"
OTHER_FILES = (
    "artifacts/digits/masks: made from other files than data/digits holds now; `rtl run extract digits` makes it anew; "
    "so does `dvc repro`"
)


@pytest.fixture
def project(one_level, tmp_path, monkeypatch):
    project = one_level.copied(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    return project


def with_setting(project, part, key, value):
    path = project.folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    before, params["digits"][part][key] = params["digits"][part].get(key), value
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    return before


def check(stage):
    check_made_with("digits", problem_settings("digits"), stage)


@pytest.mark.parametrize(
    "stage, folder, part, key, value",
    [
        ("extract", "artifacts/digits/masks", "extract", "weights_per_round", 0.25),
        ("retrain", "artifacts/digits/tickets", "retrain", "duration", "4it"),
        ("baselines", "artifacts/digits/baselines", "baselines", "single_duration_factor", 3.0),
    ],
)
def test_what_other_settings_made_is_taken_up_by_no_later_stage(project, stage, folder, part, key, value):
    stages = ["partition", "extract", "retrain", "baselines", "compare"]
    before = with_setting(project, part, key, value)
    first = stages.index(stage) + 1
    for earlier in stages[:first]:
        check(earlier)
    was, now = (repr(one if isinstance(one, str) else json.dumps(float(one))) for one in (before, value))
    for later in stages[first:]:
        with pytest.raises(DataError) as refused:
            check(later)
        assert str(refused.value) == f"{folder}: {MADE_WITH.format(f'{part}.{key}', was, now, stage)}"


def test_files_that_were_not_published_here_say_nothing(project):
    with_setting(project, "extract", "weights_per_round", 0.25)
    next((project.folder / "artifacts/digits/masks/rtl").rglob("*.safetensors")).write_bytes(b"fetched by DVC")
    check("retrain")


def test_data_of_another_partition_are_refused_and_so_is_what_was_made_from_them(project):
    subsets = json.loads(project.succeed("rtl", "info", "digits", "--json"))
    before = with_setting(project, "partition", "test_share", 0.45)
    done = project.run("rtl", "run", "extract", "digits")
    line = f"data/digits: {MADE_WITH.format('partition.test_share', repr(str(before)), repr('0.45'), 'partition')}"
    assert (done.returncode, done.stderr) == (1, f"error: {line}\n")
    assert json.loads(project.succeed("rtl", "info", "digits", "--json")) == subsets  # on data made for it
    project.succeed("rtl", "run", "partition", "digits")
    check("extract")
    with pytest.raises(DataError, match=OTHER_FILES):
        check("retrain")
    with_setting(project, "partition", "test_share", before)
    project.succeed("rtl", "run", "partition", "digits")
    check("compare")
