"""How fast training and scoring are, against the plain way of doing each, measured side by side in one run."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from rtl_core.extraction import initial_weights
from rtl_core.isolation import OptimizerChoice, TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.problem import Batch, Problem
from rtl_core.randomness import Stream
from rtl_core.retraining import SharedWeights, SynchronousUpdate
from rtl_core.training import gradient_of

ROUNDS, SECONDS = 7, 0.5


def benchmark(problem: Problem, make_optimizer: OptimizerChoice, stream: Stream) -> dict[str, dict[str, float]]:
    """Images per second of one process on one thread, ours and the plain reference's, and their ratio.

    The reference is one ticket at a time, eager, with weight × mask in each forward pass (torch's own
    ``prune``) and the optimizer over the network's separate tensors. Both see the same batches, at half the
    prunable weights. Ours and the reference take turns; each figure is the median over the turns.
    """
    torch.set_num_threads(1)
    size = initial_weights(problem, stream).layout.size
    kept = torch.rand(len(problem.subsets), size, generator=stream.at(draw="masks").generator()) < 0.5
    masks = Masks(initial_weights(problem, stream).layout, kept)
    batches = [next(iter(o.batches(stream.at(subset=o.name).generator()))) for o in problem.objectives]
    one, every = len(batches[0][0]), sum(len(batch[0]) for batch in batches)
    plain = _plain_networks(problem, masks, stream)
    return {
        "extraction": _compare(
            one, _ticket_step(problem, masks, batches[0], make_optimizer, stream),
            _plain_step(problem, plain[:1], batches, make_optimizer),
        ),
        "retraining": _compare(
            every, _joint_step(problem, masks, batches, make_optimizer, stream),
            _plain_step(problem, plain, batches, make_optimizer),
        ),
        "evaluation": _compare(
            one, _scoring(problem, masks, batches[0], stream), _plain_scoring(problem, plain[0], batches[0])
        ),
    }  # fmt: skip


def _compare(images: int, ours: Callable[[], object], reference: Callable[[], object]) -> dict[str, float]:
    rates: dict[str, list[float]] = {"images_per_s": [], "reference_images_per_s": []}
    for _ in range(ROUNDS):
        for name, step in zip(rates, (ours, reference), strict=True):
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < SECONDS:
                step()
                count += 1
            rates[name].append(count * images / (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return medians | {"ratio": medians["images_per_s"] / medians["reference_images_per_s"]}


def _ticket_step(
    problem: Problem, masks: Masks, batch: Batch, make_optimizer: OptimizerChoice, stream: Stream
) -> Callable[[], object]:
    weights = initial_weights(problem, stream)
    optimizer = TicketOptimizer(make_optimizer, masks[0], weights.prunable, weights.dense)

    def step() -> None:
        gradient_of(weights, problem.objectives[0], batch)
        optimizer.step(weights.gradient, weights.dense_gradient)

    return step


def _joint_step(
    problem: Problem, masks: Masks, batches: list[Batch], make_optimizer: OptimizerChoice, stream: Stream
) -> Callable[[], object]:
    update = SynchronousUpdate(
        SharedWeights(initial_weights(problem, stream), masks, problem.objectives), make_optimizer
    )
    return lambda: update(batches)


def _scoring(problem: Problem, masks: Masks, batch: Batch, stream: Stream) -> Callable[[], object]:
    weights = initial_weights(problem, stream)
    weights.load(weights.prunable * masks[0], weights.dense)
    return _without_gradient(torch.inference_mode, problem, weights.network, batch)


def _plain_networks(problem: Problem, masks: Masks, stream: Stream) -> list[nn.Module]:
    networks = []
    for k in range(len(masks)):
        network = problem.network(stream.at(draw="initial weights").generator())
        for name, mask in masks.layout.split(masks[k]).items():
            module, _, parameter = name.rpartition(".")
            prune.custom_from_mask(network.get_submodule(module), parameter, mask)
        networks.append(network)
    return networks


def _plain_step(
    problem: Problem, networks: list[nn.Module], batches: list[Batch], make_optimizer: OptimizerChoice
) -> Callable[[], object]:
    optimizers = [make_optimizer(list(network.parameters())) for network in networks]

    def step() -> None:
        for network, optimizer, objective, batch in zip(
            networks, optimizers, problem.objectives, batches, strict=False
        ):
            optimizer.zero_grad()
            objective.loss(network, batch).backward()
            optimizer.step()

    return step


def _plain_scoring(problem: Problem, network: nn.Module, batch: Batch) -> Callable[[], object]:
    return _without_gradient(torch.no_grad, problem, network, batch)


def _without_gradient(
    mode: Callable[[], torch.no_grad | torch.inference_mode], problem: Problem, network: nn.Module, batch: Batch
) -> Callable[[], Tensor]:
    network.eval()

    def score() -> Tensor:
        with mode():
            return problem.objectives[0].loss(network, batch)

    return score
