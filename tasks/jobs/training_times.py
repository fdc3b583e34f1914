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


class Training(NamedTuple):
    """Seconds that it took a method to find masks, or to train under masks, at one seed and level, of an instance where
    there are several. The seconds of steps side by side are added up.
    """

    instance: str
    method: str
    seed: int
    sparsity: float
    part: Literal["masks", "training"]
    seconds: float


def seconds_of(references: Iterable[Reference]) -> float:
    """Seconds that the trainings took which these came from."""
    return sum(reference.get("seconds", 0.0) for reference in references)


def mask_seconds(
    results: Mapping[tuple[Any, ...], Any], method: str, ends: Mapping[float, int]
) -> dict[tuple[int, float], float]:
    """Seconds until the masks of each seed and level were found: all rounds of all chains up to its last, and what was
    rewound to.

    Args:
        results: of the steps of one job: references of chains under method, seed, chain and number of the round, and
            of what is rewound to under ``start``, seed and method.
        method: whose chains they are.
        ends: by level, the number of the round that reaches it.
    """
    rounds = {key: result for key, result in results.items() if len(key) == 4 and key[0] == method}
    return {
        (seed, level): seconds_of(
            [
                *(result for (_, of, _, number), result in rounds.items() if of == seed and number <= end),
                *(result for key, result in results.items() if key == ("start", seed, method)),
            ]
        )
        for seed in sorted({key[1] for key in rounds})
        for level, end in ends.items()
    }


def keep_training_times(problem: str, stage: str, trainings: Iterable[Training]) -> None:
    """Keep what a stage's trainings took, in place of what its last run's did."""
    rows = [training._asdict() for training in trainings]
    write_atomically(paths.training_times(problem, stage), json.dumps(rows).encode())


def read_training_times(problem: str) -> pd.DataFrame:
    """Columns instance (where there are several), method, seed, sparsity and seconds: from the start to the method's
    tickets or networks. Without rows for what was not trained here, as after `dvc pull`.

    Masks that are another method's, or made to their measure, took what finding those did.
    """
    rows = pd.DataFrame(_read(problem), columns=Training._fields)
    keys = ["instance", "source", "seed", "sparsity"]
    trained = rows[rows.part == "training"].assign(
        source=lambda own: own.method.map(lambda method: METHODS[method].masks_of)
    )
    masks = rows[rows.part == "masks"].rename(columns={"method": "source", "seconds": "before"})
    both = trained.merge(masks[[*keys, "before"]], on=keys)
    times = both.assign(seconds=both.seconds + both.before)[["instance", "method", "seed", "sparsity", "seconds"]]
    return times if times.instance.any() else times.drop(columns="instance")


def all_seconds(problem: str) -> float:
    """Seconds that all trainings of a problem took; of the rounds that lead from level to level, up to the last one."""
    rows = pd.DataFrame(_read(problem), columns=Training._fields)
    masks = rows[rows.part == "masks"].groupby(["instance", "method", "seed"]).seconds.max()
    return float(rows[rows.part == "training"].seconds.sum() + masks.sum())


def _read(problem: str) -> list[dict[str, Any]]:
    files = [paths.training_times(problem, stage) for stage in STAGES]
    return [row for file in files if file.is_file() for row in json.loads(file.read_bytes())]
