"""What a problem is: its subsets, its weights and its network, for people or for programs."""

import json
from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_line.each_instance import each_instance

if TYPE_CHECKING:
    from rtl_core.problem import Problem

TENSORS = 10
"""Of the network's prunable tensors, how many people are shown."""


def info(
    problem: Annotated[str, typer.Argument(help="a section of params.yaml", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Print what a problem is: subsets, prunable and dense weights, network.

    Where it holds several instances, that is the first; all are listed with their subsets.
    """
    facts = _facts(problem)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        _show(facts)


def _facts(problem: str) -> dict[str, Any]:
    from rtl_core.construction import initial_weights
    from rtl_core.randomness import Stream
    from tasks.settings.problem_settings import problem_settings

    settings = problem_settings(problem)
    with each_instance(problem, settings) as each:
        jobs = dict(each)
    first, loaded = next(iter(jobs.items()))
    weights = initial_weights(loaded, Stream(settings.seeds[0]).at(problem=problem))
    facts = {
        "problem": problem,
        **({"instance": first} if first else {}),
        **_subsets(loaded),
        **({"starts_from": loaded.starts_from} if loaded.starts_from else {}),
        **loaded.facts,
        "prunable_weights": weights.layout.size,
        "dense_weights": weights.dense_layout.size,
        "network": {
            "settings": settings.training,
            "prunable": {name: list(s) for name, s in zip(weights.layout.names, weights.layout.shapes, strict=True)},
        },
    }
    if first:
        facts["instances"] = {name: _subsets(job) for name, job in jobs.items()}
    return facts


def _subsets(loaded: "Problem") -> dict[str, Any]:
    return {"num_subsets": len(loaded.subsets), "subsets": list(loaded.subsets)}


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    network, instances = facts.pop("network"), facts.pop("instances", {})
    shapes = network["prunable"]
    sizes = {name: f"{' × '.join(map(str, shape))} = {prod(shape):,}" for name, shape in shapes.items()}
    shown = dict(list(sizes.items())[:TENSORS])
    if more := len(sizes) - len(shown):
        shown["…"] = f"and {more} more (--json lists them)"
    parts = {
        **facts,
        **({"instances": {name: ", ".join(one["subsets"]) for name, one in instances.items()}} if instances else {}),
        "training": network["settings"],
        "prunable_tensors": shown,
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _rows(parts):
        table.add_row(escape(name), escape(text))
    Console(highlight=False).print(table)


def _rows(facts: Mapping[str, Any], indent: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts; of names that hold more names, those below, further in."""
    for name, value in facts.items():
        label = indent + (name if indent else name.replace("_", " "))
        if isinstance(value, Mapping) and value:
            yield label, ""
            yield from _rows(value, f"{indent}  ")
        else:
            yield label, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return str(value) if value else "–"
