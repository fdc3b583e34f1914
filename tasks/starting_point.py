"""The step that trains what tickets are rewound to, and how other steps get it: θ₀ where there is none."""

import torch
from safetensors.torch import load, save

from rtl_core.duration import Duration
from rtl_core.extraction import initial_weights
from rtl_core.isolation import OptimizerChoice
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.rewinding import late_weights
from rtl_core.weights import FlatWeights
from tasks.caching import cached_task
from tasks.job import Job, load_problem, stream_of
from tasks.store import STORE
from tasks.timing import computing


@cached_task(name="starting point, seed {seed}, {network}", uses=("rtl_core.rewinding",), version="1")
def train_start(job: Job, seed: int, network: str, duration: str) -> dict[str, str]:
    """Reference of the weights to rewind to: of the tickets' network (``rtl``), or of ``imp_single``'s."""
    problem, stream = load_problem(job), stream_of(job, seed)
    make_optimizer = OptimizerChoice(**job["optimizer"])
    with computing():
        weights = late_weights(problem, Duration.parse(duration), make_optimizer, stream, network == "imp_single")
    found = {"prunable": weights.prunable.detach(), "dense": weights.dense.detach()}
    return {"sha256": STORE.put(save(found))}


def starting_weights(
    problem: Problem, stream: Stream, start: dict[str, str] | None, single: bool = False
) -> FlatWeights:
    """A network at θ₀, or at the weights that ``train_start`` found."""
    weights = initial_weights(problem, stream, single)
    if start:
        found = load(STORE.get(start["sha256"]))
        with torch.no_grad():
            weights.load(found["prunable"], found["dense"])
    return weights
