"""Are there better masks than those of RTL's chains? Three photographs, all retrained and scored alike.

`python results/controls/better_masks.py` gives better_masks.csv the rows that it lacks. Settings are those of section
image_regions, at three of its levels.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from rtl_core import OptimizerChoice
from rtl_core.baselines import imp_multiple, imp_single
from rtl_core.construction import initial_weights, networks_of
from rtl_core.controls import masks_for
from rtl_core.cost import Cost, epochs_of, round_cost, summed, training_cost
from rtl_core.duration import Duration
from rtl_core.extraction import extract_tickets
from rtl_core.masks import Masks
from rtl_core.one_network import as_one_network
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.pruning import plan_rounds, prune_smallest, prune_to
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.scoring import MEAN
from rtl_core.similarity import every_pair, similarity
from rtl_core.tickets import Tickets, parameter_ledger
from rtl_core.training import batches_of, gradient_of

FOLDER, PHOTOGRAPHS = "$RTL_DATA/regions/ade20k", "*ADE_val_*"
SEEDS, LEVELS = (0, 1, 2), (0.5, 0.75, 0.9)
ADAM = OptimizerChoice("adam", 0.01)
WEIGHTS_PER_ROUND, ROUND, RETRAINING = 4096, Duration.parse("100it"), Duration.parse("400it")
PROCESSES = 2
CSV = Path(__file__).with_suffix(".csv")
KEY = ["masks", "instance", "seed", "sparsity"]


class Found(NamedTuple):
    """Trained networks of one row: one set of tickets, or K that share nothing, and what mask and training cost."""

    masks: str
    sparsity: float
    sets: Sequence[Tickets]
    cost: Cost


class Photograph:
    """One photograph under one seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.instance, self.seed = folder.name, seed
        self.problem = ImageRegions(folder, precision="bfloat16", device="cpu")
        self.one = as_one_network(self.problem)
        self.stream = Stream(seed).at(problem=f"image_regions/{self.instance}")
        self.layout = initial_weights(self.problem, self.stream).layout
        self.rounds = plan_rounds(self.layout.size, LEVELS, WEIGHTS_PER_ROUND, 1)
        self.until = {done.sparsity: done.number for done in self.rounds if done.sparsity}
        self.epochs, (self.epoch_of_one,) = (epochs_of(view, self.stream) for view in (self.problem, self.one))
        self.ones = Masks(self.layout, torch.ones(len(self.epochs), self.layout.size, dtype=torch.bool))

    def chains(self) -> Iterator[Found]:
        """RTL, and what is made to the measure of its masks."""
        training = training_cost(self.epochs, RETRAINING, 1, "sequential")
        for level, masks, cost in self._magnitude(1):
            yield self._retrained("magnitude", level, masks, cost)
            yield self._retrained("shared_mask_union", level, self._control("shared_mask_union", masks), cost)
            networks = imp_multiple(self.problem, masks, RETRAINING, ADAM, self.stream)
            yield Found("imp_multiple", level, networks, summed([cost, training]))

    def longer_chains(self, times: int) -> Iterator[Found]:
        """RTL's masks after rounds so many times as long."""
        for level, masks, cost in self._magnitude(times):
            yield self._retrained(f"magnitude_{times}x", level, masks, cost)

    def _magnitude(self, times: int) -> Iterator[tuple[float, Masks, Cost]]:
        duration = ROUND.times(times)
        for level, masks in extract_tickets(self.problem, self.rounds, duration, ADAM, self.stream).items():
            chains = [round_cost(epoch, duration) for epoch in self.epochs]
            yield level, masks, summed(chains * self.until[level])

    def one_mask(self) -> Iterator[Found]:
        """IMP single, and K tickets under its mask."""
        of_round, training = (round_cost(self.epoch_of_one, duration) for duration in (ROUND, RETRAINING))
        masks = extract_tickets(self.one, self.rounds, ROUND, ADAM, self.stream, method="imp_single")
        for level, mask in masks.items():
            cost = summed([of_round] * self.until[level])
            network = imp_single(self.problem, mask, RETRAINING, ADAM, self.stream)
            yield Found("imp_single", level, [network], summed([cost, training]))
            each = mask.select([0] * len(self.epochs))
            yield self._retrained("shared_mask", level, self._control("shared_mask", each), cost)

    def taylor_once(self) -> Iterator[Found]:
        """All tickets trained together, unpruned, for as many passes as all rounds take; each level cut from there."""
        duration = ROUND.times(len(self.rounds))
        saliency = self._saliency(self._together(self.ones, duration), self.ones)
        for level in LEVELS:
            kept = [prune_to(*of_ticket, level) for of_ticket in zip(saliency, self.ones.values, strict=True)]
            masks = Masks(self.layout, torch.stack(kept))
            yield self._retrained("taylor_once", level, masks, self._joint_cost(duration))

    def taylor_rounds(self) -> Iterator[Found]:
        """The chains' rounds, in each of which all tickets train together from θ₀ and lose what is least salient."""
        return self._rounds("taylor_rounds", self._together, self._joint_cost(ROUND))

    def taylor_chains(self) -> Iterator[Found]:
        """Chains as RTL's, each ticket by itself, which lose what is least salient."""
        alone = partial(imp_multiple, self.problem, make_optimizer=ADAM, stream=self.stream)
        return self._rounds("taylor_chains", alone, training_cost(self.epochs, ROUND, 1, "sequential"))

    def _rounds(self, name: str, train: Callable[..., Sequence[Tickets]], of_round: Cost) -> Iterator[Found]:
        masks = self.ones
        for done in self.rounds:
            saliency = self._saliency(train(masks=masks, duration=ROUND), masks)
            kept = [prune_smallest(*of_ticket, done.count) for of_ticket in zip(saliency, masks.values, strict=True)]
            masks = Masks(self.layout, torch.stack(kept))
            if done.sparsity is not None:
                yield self._retrained(name, done.sparsity, masks, summed([of_round] * done.number))

    def _together(self, masks: Masks, duration: Duration) -> Sequence[Tickets]:
        """One set of tickets trained jointly from θ₀, once for each ticket."""
        return [self._trained(masks, duration, self.stream.at(method="taylor"))] * len(masks)

    def _saliency(self, trained: Sequence[Tickets], masks: Masks) -> Tensor:
        """|θ · ∂L_k/∂θ|, float [K, d], of ticket k's own loss at set k (first-order Taylor, Molchanov et al. 2017)."""
        weights, saliency = initial_weights(self.problem, self.stream), []
        for mask, tickets, objective in zip(masks.values, trained, self.problem.objectives, strict=True):
            weights.load(tickets.weights * mask, weights.dense_layout.join(tickets.dense))
            (all_pixels,) = batches_of(objective, [self.stream])
            gradient_of(weights, objective, all_pixels, self.stream)
            saliency.append((weights.prunable.detach() * weights.gradient).abs())
        return torch.stack(saliency)

    def _control(self, name: str, masks: Masks) -> Masks:
        initial = initial_weights(self.problem, self.stream).prunable.detach()
        return masks_for(name, masks, initial, self.stream.at(method=name))

    def _retrained(self, name: str, level: float, masks: Masks, cost: Cost) -> Found:
        tickets = self._trained(masks, RETRAINING, self.stream.at(method=name))
        return Found(name, level, [tickets], summed([cost, self._joint_cost(RETRAINING)]))

    def _trained(self, masks: Masks, duration: Duration, place: Stream) -> Tickets:
        weights = initial_weights(self.problem, self.stream)
        return retrain(weights, masks, self.problem.objectives, duration, 1, "synchronous", ADAM, place)

    def _joint_cost(self, duration: Duration) -> Cost:
        return training_cost(self.epochs, duration, 1, "synchronous")

    def row(self, found: Found) -> dict[str, object]:
        """The figures of one row of the CSV."""
        view = self.one if found.masks == "imp_single" else self.problem
        scores = view.score(networks_of(view, found.sets, self.stream))
        figures = {score.metric: score.value for score in scores if score.subset == MEAN}
        masks = Masks(self.layout, torch.cat([tickets.masks.values for tickets in found.sets]))
        alike = similarity(masks, every_pair(len(masks))).jaccard[:, 0]
        return {
            **dict(zip(KEY, (found.masks, self.instance, self.seed, found.sparsity), strict=True)),
            "psnr": figures["psnr"],
            "region_psnr": figures["region_psnr"],
            "jaccard": alike.mean().item() if len(alike) else None,
            "union": int(parameter_ledger(found.sets)["union"]),
            "steps": found.cost.steps,
            "presentations": int(found.cost.presentations),
        }


SEARCHES: dict[str, Callable[[Photograph], Iterator[Found]]] = {
    "magnitude": Photograph.chains,
    "taylor_once": Photograph.taylor_once,
    "taylor_rounds": Photograph.taylor_rounds,
    "taylor_chains": Photograph.taylor_chains,
    "imp_single": Photograph.one_mask,
    "magnitude_4x": partial(Photograph.longer_chains, times=4),
    "magnitude_8x": partial(Photograph.longer_chains, times=8),
}
"""By one of the names in the CSV that each finds; in the order of measuring."""
FURTHER = ("magnitude", "magnitude_4x")
"""Close enough for further seeds to decide; all others have the first alone."""


def searched(search: str, folder: Path, seed: int) -> list[dict[str, object]]:
    """The rows that one search finds, on one thread."""
    torch.set_num_threads(1)
    photograph = Photograph(folder, seed)
    return [photograph.row(found) for found in SEARCHES[search](photograph)]


def measure() -> None:
    rows = pd.read_csv(CSV).to_dict("records") if CSV.is_file() else []
    there = {(row["masks"], row["instance"], row["seed"]) for row in rows}
    with TemporaryDirectory() as folder, ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        ImageRegions.partition(Path(folder), folders=[FOLDER])
        jobs = [
            pool.submit(searched, search, photograph, seed)
            for seed in SEEDS
            for search in (FURTHER if seed else SEARCHES)
            for photograph in sorted(Path(folder).glob(PHOTOGRAPHS))
            if (search, photograph.name, seed) not in there
        ]
        for job in as_completed(jobs):
            rows += job.result()
            pd.DataFrame(rows).sort_values(KEY).to_csv(CSV, index=False)


if __name__ == "__main__":
    measure()
