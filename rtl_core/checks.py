"""What a problem must satisfy before hours go into it: each failure is a line that says what to change."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves

from rtl_core.construction import initial_weights, new_network
from rtl_core.errors import RtlError, SettingsError, one_line, reason_of
from rtl_core.implicit_draws import implicit_draws
from rtl_core.isolation import OptimizerFactory, TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.one_network import OneNetwork
from rtl_core.problem import Batch, Objective, Problem
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.scoring_checks import draw_failures, every_job_failures, score_failures
from rtl_core.tickets import Tickets
from rtl_core.training import train
from rtl_core.valid_problem import check_problem
from rtl_core.weights import FlatWeights, to_cpu

MOST_COUNTED = 100
"""Batches of an epoch that are counted; longer epochs are not gone through."""
STEPS = 2
"""That are taken twice: what a buffer does with weights that have moved shows in the second, and so does what a head
that begins at zero lets through."""
DROPPING = (
    "drop with nn.Dropout and its kin, torchvision's StochasticDepth or timm's DropPath, which draw from the stream "
    "(not with F.dropout, nor with the dropout of attention or of a recurrent network)"
)


def check_training(problem: Problem, make_optimizer: OptimizerFactory, stream: Stream) -> None:
    """Check that tickets of a problem can be trained, and trained again to the same bytes, by a step of each.

    Raises:
        SettingsError: they cannot; the message is the first failure.
    """
    for failure in _training_failures(problem, make_optimizer, stream):
        raise SettingsError(failure)


def problem_failures(problem: Problem, make_optimizer: OptimizerFactory, stream: Stream) -> Iterator[str]:
    """What is to be changed before a problem can be trusted with hours of training; nothing where all is well.

    Args:
        problem: as a job has it, with its data in memory; ``as_one_network`` of it for the methods that have one.
        make_optimizer: builds the optimizer of a ticket.
        stream: of one seed of the problem.
    """
    is_sound = True
    for failure in _training_failures(problem, make_optimizer, stream):
        is_sound = False
        yield failure
    if is_sound:
        yield from _scoring_failures(problem, stream)


def _training_failures(problem: Problem, make_optimizer: OptimizerFactory, stream: Stream) -> Iterator[str]:
    """What keeps tickets from being trained reproducibly.

    Each objective is tried by itself: θ₀ is drawn twice, an epoch's batches are drawn twice, and optimizer steps are
    taken twice from one state. Nothing is left behind.
    """
    yield from _caught(partial(_of_subsets, problem), "problem")
    network = f"{'single_' * isinstance(problem, OneNetwork)}network()"
    if failures := list(_caught(partial(_of_network, problem, stream), network)):
        yield from failures
        return
    for objective in problem.objectives:
        of_objective = partial(_of_objective, problem, objective, make_optimizer, stream)
        yield from _caught(of_objective, f"objective {objective.name!r}")


def _scoring_failures(problem: Problem, stream: Stream) -> Iterator[str]:
    """What keeps scores of untrained networks from being tabulated and compared."""
    networks = [new_network(problem, stream).eval() for _ in problem.subsets]
    metrics: set[str] = set()
    score = f"score{'_single' * isinstance(problem, OneNetwork)}()"
    yield from _caught(partial(score_failures, problem, partial(problem.score, networks), metrics), score)
    if metrics:
        yield from _caught(partial(every_job_failures, problem, networks[0], metrics), "across_subsets()")


def _of_subsets(problem: Problem) -> Iterator[str]:
    if not isinstance(problem, OneNetwork):
        check_problem(problem)
    yield from ()


def _of_network(problem: Problem, stream: Stream) -> Iterator[str]:
    first, again = (initial_weights(problem, stream) for _ in range(2))
    if first.layout != again.layout or first.dense_layout != again.dense_layout:
        yield "built twice, it has other parameters; allowed: one architecture"
        return
    kinds = {parameter.dtype for parameter in first.network.parameters()}
    if kinds != {torch.float32}:
        yield f"found parameters of {', '.join(sorted(map(str, kinds)))}; allowed: torch.float32"
    values = (first.network.state_dict(), again.network.state_dict())
    if differing := next((name for name in values[0] if not _same(values[0][name], values[1][name])), None):
        yield (
            f"built twice, {differing} has other values (drawn by NumPy or Python, or kept between calls?); "
            "draw them with torch, or from the generator that is given"
        )


def _of_objective(
    problem: Problem, objective: Objective, make_optimizer: OptimizerFactory, stream: Stream
) -> Iterator[str]:
    place = stream.at(check=objective.name)
    batch, *failures = _batch_and_failures(objective, place)
    yield from failures
    if batch is None:
        return
    weights = initial_weights(problem, stream)
    with implicit_draws() as draws:
        failure = _loss_failure(weights, objective, batch, place)
    if failure:
        yield failure
    yield from draw_failures("training", draws, DROPPING)
    if failure or draws:
        return
    start = initial_weights(problem, stream)
    first, again = (_trained(problem, objective, make_optimizer, stream) for _ in range(2))
    # A vision transformer's head begins at zero, and lets nothing through until it has moved.
    if not weights.gradient.any() and not first.gradient.any():
        yield (
            "the loss reaches no prunable weight: its gradient is zero everywhere, after a step too; "
            "see prunable() and the loss"
        )
        return
    buffers = _own_buffers(first)
    if changed := next((name for name, value in _own_buffers(start).items() if not _same(value, buffers[name])), None):
        yield (
            f"training changes the buffer {changed} (as spectral_norm does), and results would depend on the order of "
            "steps; allowed: the statistics of batch normalisation"
        )
    elif not all(map(_same, _state(first), _state(again))):
        yield "steps taken twice from one state on the same batches give other weights; look for what is random in them"
    elif failure := _ticket_failure(problem, first, objective, batch, stream):
        yield failure


def _batch_and_failures(objective: Objective, place: Stream) -> tuple[Batch | None, *tuple[str, ...]]:
    count = objective.batches_per_epoch
    epoch = iter(objective.batches(place.generator()))
    if (first := next(epoch, None)) is None:
        return None, "batches() gave no batch; allowed: batches_per_epoch of them"
    if count <= MOST_COUNTED and (given := 1 + sum(1 for _ in islice(epoch, count))) != count:
        return first, f"batches() gave {'more' if given > count else given} in an epoch; batches_per_epoch says {count}"
    again = next(iter(objective.batches(place.generator())))
    if not all(map(_same, tree_leaves(first), tree_leaves(again))):
        return first, "batches(generator) gave other batches for the same generator; draw from that alone"
    return (first,)


def _loss_failure(weights: FlatWeights, objective: Objective, batch: Batch, place: Stream) -> str:
    """What is wrong with the loss of a network on one batch; empty where nothing is."""
    weights.draws.begin(place)
    weights.zero_gradient()
    loss: Any = objective.loss(weights.network.train(), batch)
    if not isinstance(loss, Tensor) or loss.ndim:
        shape = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        return f"the loss is {shape}; allowed: a tensor of one number, such as loss.mean()"
    if not torch.isfinite(loss):
        return f"the loss of an untrained network is {loss.item()}; look for bad values in the data, or in the loss"
    if not loss.requires_grad:
        return "the loss does not depend on the network; compute it from what the network returns, with gradients on"
    loss.backward()
    if not torch.isfinite(weights.gradient).all() or not torch.isfinite(weights.dense_gradient).all():
        return "the gradient of an untrained network is not finite; look for bad values in the data, or in the loss"
    return ""


def _trained(problem: Problem, objective: Objective, make_optimizer: OptimizerFactory, stream: Stream) -> FlatWeights:
    """A network after a few steps from θ₀, in a mask of ones."""
    weights = initial_weights(problem, stream)
    everything = torch.ones(weights.layout.size, dtype=torch.bool)
    optimizer = TicketOptimizer(make_optimizer, everything, weights.prunable, weights.dense)
    train(weights, optimizer, objective, Rates(STEPS), stream.at(check=objective.name))
    return weights


def _ticket_failure(problem: Problem, weights: FlatWeights, objective: Objective, batch: Batch, stream: Stream) -> str:
    """Whether a network that is put together from what a ticket file holds does the same as the one it came from."""
    everything = Masks(weights.layout, torch.ones(1, weights.layout.size, dtype=torch.bool))
    dense = weights.dense_layout.split(to_cpu(weights.dense))
    ticket = Tickets((objective.name,), everything, to_cpu(weights.prunable), dense, (weights.buffers(),))
    try:
        restored = ticket.network(0, new_network(problem, stream))
    except RuntimeError as problem_of_state:
        reason = " ".join(str(problem_of_state).split())
        return f"a ticket cannot be made a network again: parameters and buffers are not its whole state ({reason})"
    with torch.no_grad():
        was, restored_loss = (float(objective.loss(network, batch)) for network in (weights.network.eval(), restored))
    if not math.isclose(was, restored_loss, rel_tol=1e-3, abs_tol=1e-6) and math.isfinite(was):
        return (
            f"a ticket made a network again has the loss {restored_loss:.6g}, not {was:.6g}: something that it "
            "learned or drew is neither parameter nor buffer; register it as one"
        )
    return ""


def _own_buffers(weights: FlatWeights) -> dict[str, Tensor]:
    """Buffers that are not those of batch normalisation, copied, by name."""
    of_layers = [name for name, module in weights.network.named_modules() if isinstance(module, _BatchNorm)]
    return {name: value for name, value in weights.buffers().items() if name.rpartition(".")[0] not in of_layers}


def _state(weights: FlatWeights) -> Sequence[Tensor]:
    return [weights.prunable, weights.dense, *weights.buffers().values()]


def _same(a: Any, b: Any) -> bool:
    """Whether values are equal, NaN to NaN; of what has no plain equality, only its type counts."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, bool | int | float | str):
        return bool(a == b)
    return type(a) is type(b)


def _caught(failures: Callable[[], Iterator[str]], where: str) -> Iterator[str]:
    """Failures with where they are; what is raised on the way, by code of the problem's own, is the last of them."""
    try:
        for failure in failures():
            yield one_line(f"{where}: {failure}")
    except RtlError as problem:
        yield one_line(str(problem) if str(problem).startswith(where) else f"{where}: {problem}")
    except Exception as problem:  # whatever a user's code raises
        yield one_line(f"{where}: {reason_of(problem)}")
