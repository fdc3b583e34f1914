"""How long each method trained: seconds of its own trainings, and of those that found the masks it works under.

They are of the machines that trained, and no part of what is published; a step that is kept has those of its run.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

from rtl_core.methods import METHODS
from tasks.artefacts import paths
from tasks.artefacts.store import Reference
from tasks.artefacts.whole_file import write_atomically

STAGES = ("extract", "retrain", "baselines")

Key = tuple[str, str, int, float, str]
"""A training's instance, method, seed, sparsity and part."""


class Training(NamedTuple):
    """Seconds that it took a method to train what its chains are rewound to (of no level: at 0), to find masks, or to
    train under masks, at one seed and level, of an instance where there are several. The seconds of steps side by side
    are added up.
    """

    instance: str
    method: str
    seed: int
    sparsity: float
    part: Literal["start", "masks", "training"]
    seconds: float


def seconds_of(references: Iterable[Reference]) -> float:
    """Seconds that the trainings took which these came from."""
    return sum(reference.get("seconds", 0.0) for reference in references)


def mask_seconds(
    results: Mapping[tuple[Any, ...], Any], method: str, ends: Mapping[float, int]
) -> dict[tuple[int, float], float]:
    """Seconds until the masks of each seed and level were found: all rounds of all chains up to its last.

    Args:
        results: of the steps of one job: references of chains under method, seed, chain and number of the round.
        method: whose chains they are.
        ends: by level, the number of the round that reaches it.
    """
    rounds = {key: result for key, result in results.items() if len(key) == 4 and key[0] == method}
    return {
        (seed, level): seconds_of(
            result for (_, of, _, number), result in rounds.items() if of == seed and number <= end
        )
        for seed in sorted({key[1] for key in rounds})
        for level, end in ends.items()
    }


def keep_training_times(problem: str, stage: str, trainings: Iterable[Training]) -> None:
    """Keep what a stage's trainings took, in place of what its last run's did."""
    rows = [training._asdict() for training in trainings]
    write_atomically(paths.training_times(problem, stage), json.dumps(rows).encode())


def starts_of(method: str) -> list[str]:
    """Whose late rewinding a method pays: what the chains of its masks start from and, if another, its own training."""
    row = METHODS[method]
    return sorted({row.masks_of, "imp_single" if row.kind == "one network" else "rtl"})


def read_training_times(problem: str) -> pd.DataFrame:
    """Columns instance (empty where the problem is the one job), method, seed, sparsity and seconds: from the start to
    the method's tickets or networks. Without rows for what was not trained here, as after `dvc pull`.

    Masks that are another method's, or made to their measure, took what finding those did, and RTL's tickets, changed
    after training, what training those did under the first update.
    """
    seconds: dict[Key, float] = {Training(**row)[:-1]: row["seconds"] for row in _read(problem) if _is_known(row)}
    late = any(part == "start" for *_, part in seconds)
    first = next((name for _, name, *_, part in seconds if part == "training" and METHODS[name].kind == "rtl"), "")
    rows = []
    for (instance, method, seed, level, part), own in seconds.items():
        if part != "training":
            continue
        before: list[Key] = [(instance, METHODS[method].masks_of, seed, level, "masks")]
        before += [(instance, owner, seed, 0.0, "start") for owner in starts_of(method) if late]
        before += [(instance, first, seed, level, "training")] * (METHODS[method].kind == "ticket control")
        if all(key in seconds for key in before):
            rows.append((instance, method, seed, level, own + sum(seconds[key] for key in before)))
    times = pd.DataFrame(rows, columns=["instance", "method", "seed", "sparsity", "seconds"])
    return times.astype({"seed": int, "sparsity": float, "seconds": float})


def all_seconds(problem: str) -> float:
    """Seconds that all trainings of a problem took, added up; of the rounds that lead from level to level, those up to
    the last one.
    """
    rows = pd.DataFrame(_read(problem), columns=Training._fields)
    masks = rows[rows.part == "masks"].groupby(["instance", "method", "seed"]).seconds.max()
    return float(rows[rows.part != "masks"].seconds.sum() + masks.sum())


def _is_known(row: Mapping[str, Any]) -> bool:
    """Whether it is no training of a method that has left the list since."""
    return row["part"] != "training" or row["method"] in METHODS


def _read(problem: str) -> list[dict[str, Any]]:
    files = [paths.training_times(problem, stage) for stage in STAGES]
    return [row for file in files if file.is_file() for row in json.loads(file.read_bytes())]
