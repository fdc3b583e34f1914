"""What params.yaml may say of the optimizer: what cannot be is one line that names the key."""

import pytest
import yaml

from rtl_core.errors import SettingsError
from rtl_core.isolation import OptimizerChoice
from tasks.settings.problem_settings import problem_settings


@pytest.fixture
def settings_with(repository, tmp_path, monkeypatch):
    """The settings of digits with other values of some keys."""
    monkeypatch.chdir(tmp_path)
    shipped = yaml.safe_load((repository / "params.yaml").read_text())["digits"]

    def read(optimizer, **others):
        section = shipped | {"optimizer": {"learning_rate": 0.01} | optimizer}
        section |= {part: shipped[part] | values for part, values in others.items()}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"problems": ["digits"], "digits": section}))
        return problem_settings("digits")

    return read


def test_defaults_are_those_of_the_core(settings_with):
    assert OptimizerChoice(**settings_with({}).optimizer.model_dump()) == OptimizerChoice("adam", 0.01)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "adamw", "weight_decay": 0.05, "schedule": "cosine", "warmup": "2ep"},
        {"name": "sgd", "momentum": 0.8, "nesterov": True, "warmup": "10it"},
    ],
)
def test_what_is_set_reaches_the_core(settings_with, optimizer):
    chosen = OptimizerChoice(**settings_with(optimizer).optimizer.model_dump())
    assert chosen == OptimizerChoice(learning_rate=0.01, **optimizer)


@pytest.mark.parametrize(
    ("optimizer", "others", "line"),
    [
        ({"name": "lamb"}, {}, "digits.optimizer.name: found 'lamb'; allowed: 'adam', 'adamw' or 'sgd'"),
        ({"schedule": "step"}, {}, "digits.optimizer.schedule: found 'step'; allowed: 'constant' or 'cosine'"),
        ({"nesterov": True}, {}, "digits.optimizer.nesterov: found True; allowed: false, or true with name: sgd and"),
        ({"name": "sgd", "momentum": 0, "nesterov": True}, {}, "digits.optimizer.nesterov: found True; allowed: false"),
        ({"warmup": "soon"}, {}, "digits.optimizer.warmup: found 'soon'; allowed: "),
        ({"warmup": "3ep"}, {}, "digits.optimizer.warmup: found 3ep; allowed: less than digits.extract.duration, 3ep"),
        (
            {"warmup": "5it"}, {"extract": {"duration": "9it", "rewind_to": "5it"}},
            "digits.optimizer.warmup: found 5it; allowed: less than digits.extract.rewind_to, 5it",
        ),
        (
            {"warmup": "2ep"}, {"retrain": {"duration": "2ep"}},
            "digits.optimizer.warmup: found 2ep; allowed: less than digits.retrain.duration, 2ep",
        ),
        (
            {}, {"retrain": {"duration": "2ep", "optimizer": {"learning_rate": 0.1, "warmup": "4ep"}}},
            "digits.retrain.optimizer.warmup: found 4ep; allowed: less than digits.retrain.duration, 2ep",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(settings_with, optimizer, others, line):
    with pytest.raises(SettingsError) as problem:
        settings_with(optimizer, **others)
    assert line in str(problem.value) and "\n" not in str(problem.value)
