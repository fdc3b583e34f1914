"""What may not be imported, beyond the layers that import-linter holds."""

import ast

import grimp


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_no_room_of_tasks_imports_a_cached_step():
    """The layers themselves are import-linter's (pyproject.toml); steps, which nobody lists, stand on all rooms."""
    graph = grimp.build_graph("tasks", cache_dir=None)
    steps = {name for name in graph.find_children("tasks") if not graph.find_children(name)}
    steps.remove("tasks.prefect_environment")
    assert {"tasks.extract_round", "tasks.score_method"} <= steps
    rooms = graph.find_children("tasks") - steps - {"tasks.prefect_environment"}
    importers = {
        module
        for step in steps
        for module in graph.find_modules_that_directly_import(step)
        if any(module.startswith(f"{room}.") for room in rooms)
    }
    assert not importers


def test_nothing_loads_a_pickle(repository):
    files = [p for package in ("rtl_core", "tasks", "flows") for p in (repository / package).rglob("*.py")]
    assert files
    assert not [p.name for p in files if {"pickle", "cloudpickle", "joblib", "dill"} & set(imported(p))]
    loading = ("torch.load(", "allow_pickle=True", "pickle.load")
    found = [(p.name, line) for p in files for line in p.read_text().splitlines() if any(c in line for c in loading)]
    weights_only = '    held: Any = torch.load(path, map_location="cpu", weights_only=True)'
    assert found == [("weights_file.py", weights_only)]
