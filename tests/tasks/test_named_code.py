"""Code that settings name by import path counts as the problem's own does."""

import sys

import pytest
from yaml import safe_load

from tasks.jobs.stage_code import own_modules
from tasks.settings.sections import ProblemSettings
from tasks.sources import source_digest as sources
from tasks.sources.named_code import code_digest, named_modules

DIGITS = "rtl_core.problems.digits:Digits"
CACHES = (sources.source_digest, sources.own_sources, sources.source_of, sources._imports)


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The digest as a new process takes it, in a project with a network of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "net_of_test.py").write_text("import layers_of_test\n")
    (tmp_path / "layers_of_test.py").write_text("")

    def taken(**settings):
        for one in CACHES:
            one.cache_clear()
        return code_digest(DIGITS, settings)

    yield taken
    for one in CACHES:
        one.cache_clear()
    for name in ("net_of_test", "layers_of_test"):
        sys.modules.pop(name, None)


def test_a_change_in_the_networks_module_or_in_what_it_imports_is_another_code(digest, tmp_path):
    plain = digest(network="small_cnn")
    assert plain == sources.source_digest(DIGITS.partition(":")[0]) == digest(network="nowhere_of_test:Net")
    named = digest(network="net_of_test:Net")
    assert named not in (plain, digest(network="torchvision.models:resnet18"))
    assert named == digest(network="net_of_test:Net"), "what did not change is the same code"
    (tmp_path / "layers_of_test.py").write_text("X = 1")
    changed = digest(network="net_of_test:Net")
    assert changed != named
    (tmp_path / "net_of_test.py").write_text("import layers_of_test\nX = 1")
    assert digest(network="net_of_test:Net") not in (named, changed)
    assert digest(arguments={"parts": ["net_of_test:Net"]}) == digest(network="net_of_test:Net"), "however deep"


def test_what_is_installed_counts_by_its_version(digest, monkeypatch):
    network = {"network": "timm:resnet18"}
    assert named_modules(network) == []
    before = digest(**network)
    monkeypatch.setattr("tasks.sources.named_code.version", lambda name: "0")
    assert digest(**network) != before


def test_dvc_is_to_watch_the_networks_modules(digest, tmp_path, repository):
    digest()
    digits = safe_load((repository / "params.yaml").read_text())["digits"]
    settings = ProblemSettings.model_validate(digits | {"training": {"network": "net_of_test:Net"}})
    assert {*own_modules(settings)} >= {tmp_path / "net_of_test.py", tmp_path / "layers_of_test.py"}
