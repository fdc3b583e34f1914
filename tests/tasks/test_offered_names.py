import pytest

from tasks.sources.source_digest import own_sources


@pytest.mark.parametrize(
    "code, module",
    [
        ("from rtl_core import ContextProblem", "rtl_core.contexts.told_layer"),
        ("import rtl_core\nproblem = rtl_core.Problem", "rtl_core.prunable"),
    ],
)
def test_a_name_that_the_package_offers_counts_as_the_module_that_it_is_from(code, module, tmp_path, monkeypatch):
    name = f"asks_for_{module.rpartition('.')[2]}"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text(code)
    assert module in own_sources(name)


def test_the_package_itself_reaches_nothing():
    assert {*own_sources("rtl_core.errors")} == {"rtl_core", "rtl_core.errors", "rtl_core.user_name"}
