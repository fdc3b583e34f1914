"""Imports point one way: flows → tasks → rtl_core, and the core knows nothing of its rim."""

import ast

import pytest

FORBIDDEN = {
    "rtl_core": {"flows", "tasks", "prefect", "mlflow", "dvc"},
    "tasks": {"flows"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_imports_what_stands_above_it(repository, package):
    files = sorted((repository / package).rglob("*.py"))
    assert files
    found = {path.name: set(imported(path)) & FORBIDDEN[package] for path in files}
    assert not {name: names for name, names in found.items() if names}


def test_nothing_loads_a_pickle(repository):
    files = [p for package in ("rtl_core", "tasks", "flows") for p in (repository / package).rglob("*.py")]
    assert files
    assert not [p.name for p in files if {"pickle", "cloudpickle", "joblib", "dill"} & set(imported(p))]
    loading = ("torch.load(", "allow_pickle=True", "pickle.load")
    found = {p.name: line for p in files for line in p.read_text().splitlines() if any(c in line for c in loading)}
    weights_only = '    held: Any = torch.load(path, map_location="cpu", weights_only=True)'
    assert found == {"weights_file.py": weights_only}
