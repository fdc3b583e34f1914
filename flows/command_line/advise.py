"""What to expect of RTL on a problem, from a small run of it: ``rtl advise PROBLEM``."""

import sys
from contextlib import nullcontext, redirect_stdout, suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command_line.each_instance import each_instance
from flows.command_line.stages import Runner, run_stage
from rtl_core.errors import SettingsError

if TYPE_CHECKING:
    from tasks.settings.sections import ProblemSettings
    from tasks.settings.small_run import SmallRun

SHARED_MASK = "shared_mask"


def advise(
    problem: Annotated[str, typer.Argument(help="a section of params.yaml", show_default=False)],
    share: Annotated[float, typer.Option(help="of the data, where the problem's partition() takes a share")] = 0.1,
    sparsity: Annotated[
        float | None, typer.Option(help="the level \\[default: 0.5, or else the lowest compared]", show_default=False)
    ] = None,
    runner: Runner = "threads",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Say what to expect of RTL, of one mask and of K networks, from a small run: less data, one level, one seed.

    It is kept as PROBLEM.advice, beside the problem's own results, and goes on where it was interrupted.
    """
    from flows.command_line.advice_table import print_json, show_advice
    from flows.ending import print_sentences
    from tasks.settings.problem_settings import problem_settings
    from tasks.settings.sections import LEVEL_DECIMALS
    from tasks.settings.small_run import small_run

    if not 0 < share <= 1:
        raise SettingsError(f"--share: found {share:g}; allowed: above 0 and up to 1")
    if sparsity is not None and not (0 < sparsity < 1 and round(sparsity, LEVEL_DECIMALS) == sparsity):
        raise SettingsError(
            f"--sparsity: found {sparsity}; allowed: above 0 and below 1, with up to {LEVEL_DECIMALS} decimals"
        )
    settings = problem_settings(problem)
    small = small_run(problem, settings, share, sparsity)
    try:
        problem_settings(small.name, small)
    except SettingsError as refused:
        raise SettingsError(f"{problem}: refused with {_changed(small, settings)}: {refused}") from refused
    show = partial(print_json, small, sys.stdout) if as_json else partial(show_advice, small)
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        print_sentences([f"{problem}: a small run, kept as {small.name}: {_changed(small, settings)}"])
        if not _has_one_layout(small):
            small = small.without(SHARED_MASK)
            print_sentences(["one shared mask: left out, as IMP single's network has other weights than the tickets'"])
        run_stage("pipeline", [small.name], runner, small, show)


def _changed(small: "SmallRun", settings: "ProblemSettings") -> str:
    """What the run does otherwise than the section says."""
    told = [f"{100 * small.sparsities[0]:g} % sparsity", f"seed {small.seeds[0]}"]
    for part, before, now in (
        ("partition", settings.partition, small.partition),
        ("training", settings.training, small.training),
        ("retrain.training", settings.retrain.training, small.joint_training),
    ):
        told += [f"{part}.{name} {value:g} in place of {before[name]:g}" for name, value in now.items()]
    return ", ".join([*told, *([] if small.partition else ["all of the data, as its partition() takes no share"])])


def _has_one_layout(small: "SmallRun") -> bool:
    """Whether one mask covers the same weights of IMP single's network and of tickets, so that these can share it."""
    from rich.console import Console

    from rtl_core.method_checks import method_failures
    from rtl_core.problem import Problem
    from rtl_core.randomness import Stream
    from tasks.settings.problem_settings import problem_class, problem_settings

    settings = problem_settings(small.name, small)
    if problem_class(settings.problem).single_network is Problem.single_network:
        return True
    with suppress(Exception), Console(stderr=True).status("loading"), each_instance(small.name, settings) as each:
        _, first = next(each)
        return not any(method_failures(first, Stream(0), False, [SHARED_MASK]))
    return True  # what is wrong with the problem, its run tells
