from copy import deepcopy

import pytest
import yaml

from rtl_core.errors import SettingsError
from tasks.settings.changes import Changes
from tasks.settings.params_file import read_params
from tasks.settings.problem_settings import problem_settings


@pytest.fixture
def params(repository, tmp_path, monkeypatch):
    """params.yaml as shipped, in a folder of its own, and a way to change one key of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rtl_core").symlink_to(repository / "rtl_core")  # files that sections name
    shipped = yaml.safe_load((repository / "params.yaml").read_text())

    def write(key=None, value=None):
        if key:
            *parents, last = key.split(".")
            place = shipped
            for parent in parents:
                place = place[parent]
            place[last] = value
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(shipped))

    write()
    return write


def test_every_shipped_section_is_valid(params):
    for name in read_params():
        if name != "problems":
            problem_settings(name)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("digits.sparsity", [0.5], "digits.sparsity: unknown key; allowed here: baselines, "),
        ("digits.extract.durration", "1ep", "digits.extract.durration: unknown key; allowed here: control_"),
        ("digits", {"problem": "a:B", "sede": [0]}, "digits.sede: unknown key; allowed here: baselines, "),
        ("digits.sparsities", [1.2], "digits.sparsities.0: found 1.2; allowed: less than 1"),
        ("digits.sparsities", [0.5, 0.5], "digits.sparsities: found [0.5, 0.5]; allowed: must increase"),
        ("digits.sparsities", [0.7, 0.5], "digits.sparsities: found [0.7, 0.5]; allowed: must increase"),
        ("digits.sparsities", [0.9, 0.90000001], "digits.sparsities.1: found 0.90000001; allowed: up to 6 decimals"),
        ("digits.seeds", [], "digits.seeds: found []; allowed: "),
        ("digits.seeds", [1, 1], "digits.seeds: found [1, 1]; allowed: must not name anything twice"),
        ("digits.extract.duration", "ten", "digits.extract.duration: found 'ten'; allowed: "),
        ("digits.extract.weights_per_round", 1.5, "digits.extract.weights_per_round: found 1.5; allowed: must be"),
        (
            "digits.retrain.update",
            ["both"],
            "digits.retrain.update.0: found 'both'; allowed: 'synchronous', 'sequential' or 'microbatch'",
        ),
        ("digits.retrain.sparsities", [0.8], "digits.retrain.sparsities: found 0.8; allowed: a level of digits.spars"),
        (
            "digits.collapse",
            {"sparsities": [0.8]},
            "digits.collapse.sparsities: found 0.8; allowed: a level of digits.s",
        ),
        (
            "digits.collapse",
            {"semantics": "none.csv"},
            "digits.collapse.semantics: found 'none.csv'; allowed: the path",
        ),
        (
            "digits.extract.stop_on_collapse",
            True,
            "digits.extract.stop_on_collapse: found True; allowed: 'warn', 'stop'",
        ),
        (
            "digits.extract.control_chains",
            1,
            "digits.extract.control_chains: found 1; allowed: greater than or equal to",
        ),
        ("digits.retrain.training", {"batch_size": 1}, "digits.retrain.training.batch_size: found 1; allowed: greater"),
        ("digits.optimizer.learning_rate", -1, "digits.optimizer.learning_rate: found -1; allowed: greater than 0"),
        ("digits.training.batch_size", "big", "digits.training.batch_size: found 'big'; allowed: "),
        (
            "digits.training.network",
            "resnet",
            "digits.training.network: found 'resnet'; allowed: small_cnn, ghostnet, t",
        ),
        ("digits.training.normalise", 3, "digits.training.normalise: found 3; allowed: data, imagenet, or {mean: "),
        ("digits.training.augment", ["turn"], "digits.training.augment.0: found 'turn'; allowed: 'flip' or 'crop'"),
        (
            "digits.training.width",
            3,
            "digits.training.width: unknown key; allowed here: augment, batch_size, checkpoint, device, network",
        ),
        ("digits.partition.test_share", 1.0, "digits.partition.test_share: found 1.0; allowed: less than 1"),
        ("digits.problem", "nowhere:Digits", "digits.problem: cannot import 'nowhere:Digits'"),
        ("digits.problem", "pathlib:Path", "digits.problem: 'pathlib:Path' is not a subclass of Problem"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(params, key, value, line):
    params(key, value)
    with pytest.raises(SettingsError) as raised:
        problem_settings("digits")
    message = str(raised.value)
    assert message.startswith(f"params.yaml: {line}")
    assert "\n" not in message


def test_values_are_used_as_they_were_understood_with_defaults_filled_in(params):
    params("digits.training", {"batch_size": "64"})
    training = problem_settings("digits").training
    assert {name: training[name] for name in ("batch_size", "network", "device", "augment", "normalise")} == {
        "batch_size": 64, "network": "small_cnn", "device": "auto", "augment": [], "normalise": "data"
    }  # fmt: skip
    params("digits.optimizer.learning_rate", float("inf"))
    with pytest.raises(SettingsError, match="learning_rate: found inf; allowed: a finite number"):
        problem_settings("digits")


def test_what_one_run_changes_leaves_the_settings_as_they_were(params):
    settings = problem_settings("digits").model_dump()
    before = deepcopy(settings)
    changes = Changes(seeds=[7], sparsities=[0.4], methods=["rtl_sequential", "imp_single"])
    changed = changes.applied_to(settings)
    assert changed["retrain"]["update"] == ["sequential"] and changed["collapse"]["sparsities"] == []
    assert settings == before


def test_yaml_reads_off_as_false_and_off_is_meant(params):
    params("digits.extract.stop_on_collapse", False)
    assert problem_settings("digits").extract.stop_on_collapse == "off"


def test_joint_retraining_may_change_batches_and_optimizer_and_nothing_else_changes(params):
    params("digits.retrain.training", {"batch_size": "16"})
    params("digits.retrain.optimizer", {"learning_rate": 0.01})
    settings = problem_settings("digits")
    assert settings.training["batch_size"] == 64
    assert settings.optimizer.learning_rate == 0.003
    assert settings.for_retraining.training == settings.training | {"batch_size": 16}
    assert settings.for_retraining.optimizer.learning_rate == 0.01
    assert settings.for_retraining.extract == settings.extract


def test_a_problem_of_the_users_own_that_cannot_be_used_is_named(params, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_syntax.py").write_text("class Mine(:")
    (tmp_path / "half_done.py").write_text("from rtl_core.problem import Problem\nclass Mine(Problem): pass")
    params("digits.problem", "broken_syntax:Mine")
    with pytest.raises(SettingsError, match="cannot import 'broken_syntax:Mine'"):
        problem_settings("digits")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "misspelt.py").write_text("import json\nX = jsn.loads('1')\n")
    params("digits.problem", "misspelt:Mine")
    with pytest.raises(SettingsError, match=r"\(NameError: name 'jsn' is not defined.*, misspelt\.py line 2\)"):
        problem_settings("digits")
    params("digits.problem", "half_done:Mine")
    with pytest.raises(SettingsError, match="does not define network, objectives, score"):
        problem_settings("digits")


def test_an_unknown_problem_is_told_which_there_are(params):
    with pytest.raises(SettingsError, match=r"unknown problem 'digit'; params\.yaml has: cifar10, cifar100, "):
        problem_settings("digit")
    params("problems", ["digits", "nothing"])
    with pytest.raises(SettingsError, match="unknown problem 'nothing'"):
        read_params()


def test_a_file_that_is_no_yaml_or_not_there(params, tmp_path):
    (tmp_path / "params.yaml").write_text("a: [1")
    with pytest.raises(SettingsError, match=r"params.yaml: not valid YAML: .*line 1"):
        read_params()
    (tmp_path / "params.yaml").unlink()
    with pytest.raises(SettingsError, match=r"not found in .*; run from the project's root"):
        read_params()
