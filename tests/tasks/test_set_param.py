"""What ``dvc exp run -S`` changes in params.yaml: the key that it names, in the section that it names, and no other."""

import json
import shutil
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
import yaml
from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides

from rtl_core.errors import SettingsError
from tasks.settings.params_file import read_params
from tasks.settings.problem_settings import problem_settings
from tasks.settings.sections import flat_settings

OTHER = {
    "baselines.methods": "[imp_multiple]", "baselines.single_duration_factor": "3", "collapse.metric": "some.score",
    "collapse.semantics": "params.yaml", "collapse.sparsities": "[0.9]", "collapse.update": "synchronous",
    "extract.control_chains": "4", "extract.controls": "[same_subset]", "extract.duration": "7it",
    "extract.rewind_every": "3", "extract.stop_on_collapse": "off", "extract.weights_per_round": "0.125",
    "optimizer.learning_rate": "1e-5", "optimizer.name": "sgd", "partition.clean": "$HOME/clean",
    "partition.clusters": "random", "partition.folders": "[photographs]", "partition.image_size": "32",
    "partition.longest_side": "32", "partition.noise": "$HOME/noise", "partition.num_regions": "3",
    "partition.path": "$HOME/images", "partition.seconds": "1.5", "partition.seed": "9", "partition.share": "0.5",
    "partition.smallest_region": "0.01", "partition.snr": "[-3,3]", "partition.source": "torchvision",
    "partition.speaker": "'^(...)'", "partition.test_share": "0.25", "partition.validation_share": "0.15",
    "retrain.duration": "9it", "retrain.sparsities": "[0.5]", "retrain.update": "[sequential,synchronous]",
    "seeds": "[7,8]", "sparsities": "[0.25,0.5,0.75,0.85,0.9,0.95,0.97,0.99,0.995]", "training.batch_size": "16",
    "training.perceptual": "[stoi,pesq]", "training.precision": "float32",
}  # fmt: skip
"""Another value of every key that stands in a section, as it is typed."""
CHOICES = {"training.activation": ["relu", "sine"], "training.network": ["ghostnet", "small_cnn"]}


@pytest.fixture
def shipped(repository, tmp_path, monkeypatch):
    """Sections of params.yaml under dotted keys, in a folder with a class of another name for each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "rtl_core").symlink_to(repository / "rtl_core")  # files that sections name
    shutil.copy(repository / "params.yaml", tmp_path)
    sections = {name: found for name, found in read_params().items() if name != "problems"}
    classes = [(name, *found["problem"].split(":")) for name, found in sections.items()]
    lines = [f"from {module} import {attribute} as {name}" for name, module, attribute in classes]
    (tmp_path / "renamed.py").write_text("\n".join(lines))
    return {name: flat_settings(found) for name, found in sections.items()}


def set_params(*overrides):
    apply_overrides("params.yaml", list(overrides))


def settings_of(section):
    return flat_settings(problem_settings(section).model_dump())


def changed(before, after):
    return {key: value for key, value in after.items() if value != before.get(key)}


def edit(params, section, values):
    """Write other values into one section, and no further one, as an editor does."""
    params = json.loads(json.dumps({"problems": [section], section: params[section]}))  # nothing in it is shared
    for key, value in values.items():
        *parents, last = key.split(".")
        reduce(getitem, parents, params[section])[last] = yaml.safe_load(value)
    Path("params.yaml").write_text(yaml.safe_dump(params))


def other(section, key, value):
    if key == "problem":
        return f"renamed:{section}"
    return OTHER.get(key) or next(choice for choice in CHOICES[key] if choice != value)


@pytest.mark.slow
def test_every_key_changes_where_it_stands_and_nowhere_else(repository, shipped):
    params, before = read_params(), {section: settings_of(section) for section in shipped}
    for section, written in shipped.items():
        values = {key: other(section, key, value) for key, value in written.items()}
        set_params(*(f"{section}.{key}={value}" for key, value in values.items()))
        after = settings_of(section)
        assert set(changed(before[section], after)) == set(written)
        assert read_params() | {section: None} == params | {section: None}
        edit(params, section, values)
        assert settings_of(section) == after
        shutil.copy(repository / "params.yaml", "params.yaml")


def test_a_key_that_does_not_stand_there_is_refused_unless_it_is_to_be_added(repository, shipped):
    before = settings_of("digits")
    with pytest.raises(InvalidArgumentError) as refused:
        set_params("digits.training.device=cpu")
    assert "+digits.training.device=cpu" in str(refused.value.__cause__)
    assert Path("params.yaml").read_bytes() == (repository / "params.yaml").read_bytes()
    set_params("+digits.training.device=cpu")
    assert changed(before, settings_of("digits")) == {"training.device": "cpu"}
    set_params("+digits.training.devize=cpu")
    with pytest.raises(
        SettingsError, match=r"params.yaml: digits.training.devize: unknown key; allowed here: augment, batch_"
    ):
        settings_of("digits")


def test_a_short_value_may_have_an_alias(shipped):
    text = Path("params.yaml").read_text()
    shared = text.replace("test_share: 0.3, validation_share: 0.2", "test_share: &share 0.3, validation_share: *share")
    assert shared != text
    for key in ("test_share", "validation_share"):
        Path("params.yaml").write_text(shared)
        set_params(f"digits.partition.{key}=0.1")
        partition = problem_settings("digits").partition
        assert partition == {"test_share": 0.3, "validation_share": 0.3, "seed": 0} | {key: 0.1}
