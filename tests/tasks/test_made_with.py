"""The settings that decide what a stage makes, as DVC knows them and as stages started by hand do."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.jobs.made_with import DECIDED_BY

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("pipeline", ["dvc.yaml", "flows/command_line/project_files/dvc.yaml.template"])
@pytest.mark.parametrize("stage", DECIDED_BY)
def test_a_stage_by_hand_looks_at_the_settings_that_dvc_looks_at(pipeline, stage):
    params = YAML(typ="safe").load(ROOT / pipeline)["stages"][stage]["params"]
    assert {key.removeprefix("${item.problem}.") for key in params} == {*DECIDED_BY[stage]}
