"""A problem made from a network, the data of each context, a loss and metrics: all else follows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parameter import UninitializedParameter

from rtl_core.contexts.examples import FEWEST, Data, Examples, digest_of_examples, read_examples
from rtl_core.contexts.fit import Loss, check_fit
from rtl_core.contexts.metrics import Metric, chance_of, figure_of, measures_of
from rtl_core.contexts.told_layer import first_layer, tell, widened
from rtl_core.contexts.usage import check_names, decision_of, imported_network, input_of
from rtl_core.description.about import Usage
from rtl_core.device import DeviceName, device_of
from rtl_core.errors import SettingsError, reason_of
from rtl_core.implicit_draws import drawn_from
from rtl_core.precision import products_in
from rtl_core.problem import AcrossSubsets, Batch, Objective, Problem, Score
from rtl_core.prunable import matching_weights
from rtl_core.randomness import Stream
from rtl_core.valid_problem import check_problem
from rtl_core.weights import FlatWeights

Told = Literal["no", "one-hot"]
EVALUATION_BATCH = 256
PROTOCOLS = {"test": "matched", "validation": "validation"}
"""Under which protocol a split is scored. ``matched``: every method by the same figures of its outputs."""


class ContextProblem(Problem):
    """One task in K contexts, such as regions, devices or hospitals: a ticket for each.

    Ticket k is trained on the examples of context k and scored on those of its test split; IMP single is trained on all
    of them together. Examples are read once and held in memory.

    Args:
        network: makes a new network at each call: its class, a function, or ``functools.partial(Net, width=16)``; or a
            network, whose copy is then θ₀ for every seed.
        train: by the context's name, its examples: a ``Dataset`` of pairs (inputs, target), or the tensors of all
            inputs and all targets.
        test: the same, for scores under the protocol ``matched``.
        validation: the same, for scores under the protocol ``validation``, by which settings may be chosen.
        loss: of outputs and targets, the mean over examples, such as ``torch.nn.functional.mse_loss``.
        metrics: by name, a metric of torchmetrics or a function of the outputs and targets of all examples of a
            context. Where neither tells whether higher is better, ``Measure(function, higher_is_better=False)`` does.
        batch_size: examples a batch, at most; all batches are of about one size.
        prunable: patterns of the parameters that masks cover, such as ``["layers.*.weight"]``
            [default: ``prunable_weights``].
        told: whether IMP single is told the context of each example, and how: ``one-hot`` beside what the network's
            first layer takes in.
        outputs: names of the network's outputs, [N, number of names]: classes, or quantities with their units. What
            ticket files are used for then says them.
        device: where it is computed: ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` and the like.

    Raises:
        DataError: a context's examples are missing, unreadable, too few or unlike the others'.
        SettingsError: network, loss, metrics and examples do not fit together.
    """

    def __init__(
        self,
        network: nn.Module | Callable[[], nn.Module],
        train: Mapping[str, Data],
        test: Mapping[str, Data],
        validation: Mapping[str, Data] | None = None,
        *,
        loss: Loss,
        metrics: Mapping[str, Metric],
        batch_size: int = 64,
        prunable: Sequence[str] | None = None,
        told: Told = "no",
        outputs: Sequence[str] = (),
        device: DeviceName = "auto",
    ) -> None:
        if batch_size < FEWEST:
            raise SettingsError(f"batch_size: found {batch_size}; allowed: {FEWEST} and more")
        if told not in get_args(Told):
            raise SettingsError(f"told: found {told!r}; allowed: {', '.join(get_args(Told))}")
        self.subsets = tuple(train)
        self.measures = measures_of(metrics)
        self.device = device_of(device)
        self.batch_size, self.patterns, self.loss = batch_size, prunable, loss
        given = {"train": train, "test": test} | ({} if validation is None else {"validation": validation})
        self.splits = {split: read_examples(split, data, self.subsets) for split, data in given.items()}
        self._digest = digest_of_examples(self.subsets, self.splits)
        self.splits = {split: _on(self.device, examples) for split, examples in self.splits.items()}
        self._network = deepcopy(network) if isinstance(network, nn.Module) else network
        self._first_layer: str | None = None
        self._output_names = tuple(outputs)
        self._divide(self.splits["train"].context)
        check_problem(self)
        with drawn_from(Stream(0).at(check="fit")), torch.no_grad():
            self._check_network()
            if told == "one-hot":
                inputs, _ = self.splits["train"].of(0)
                self._first_layer = first_layer(self.network(torch.Generator()).eval(), inputs[:2])
                self.tell(self.single_network(torch.Generator()).eval(), self.subsets[0])(inputs[:2])

    def _check_network(self) -> None:
        made = [self.network(torch.Generator()) for _ in range(2)]
        if lazy := [name for name, one in made[0].named_parameters() if isinstance(one, UninitializedParameter)]:
            raise SettingsError(f"network: {lazy[0]} has no size yet; allowed: layers that say what they take in")
        if {*made[0].parameters()} & {*made[1].parameters()}:
            raise SettingsError("network: gives the same parameters at every call; allowed: new ones, or the network")
        network = FlatWeights(made[0], self.prunable(made[0])).network.eval()
        self._output_shape = check_fit(network, self.loss, self.splits, self.subsets)
        check_names(self._output_names, self._output_shape)

    def _divide(self, part: Tensor) -> None:
        """Let training example n belong to part ``part[n]``."""
        self.members = [(part == k).nonzero().squeeze(1) for k in range(len(self.subsets))]

    @property
    def digest(self) -> str:
        """SHA-256 over all examples and the names of their contexts."""
        return self._digest

    def network(self, generator: torch.Generator) -> nn.Module:
        try:
            made = deepcopy(self._network) if isinstance(self._network, nn.Module) else self._network()
        except Exception as problem:  # whatever a user's code raises
            reason = reason_of(problem)
            raise SettingsError(f"network: cannot be made: {reason}") from problem
        if not isinstance(made, nn.Module):
            raise SettingsError(f"network: found a {type(made).__name__}; allowed: an nn.Module, or what makes one")
        return made.to(self.device)

    def single_network(self, generator: torch.Generator) -> nn.Module:
        """The same; where it is told the context, its first layer takes in K more."""
        network = self.network(generator)
        return network if self._first_layer is None else widened(network, self._first_layer, len(self.subsets))

    def prunable(self, network: nn.Module) -> Sequence[str]:
        return super().prunable(network) if self.patterns is None else matching_weights(network, self.patterns)

    def usage(self, one_network: bool = False) -> Usage:
        """How it is used: where ``network`` is a class or function of a module, and its arguments are JSON, the file
        says that too.
        """
        train, is_told = self.splits["train"], one_network and self._first_layer is not None
        network = imported_network(self._network, str(self._first_layer) if is_told else None, len(self.subsets))
        return Usage(
            network, input_of(train.inputs), decision_of(train.targets, self._output_shape, self._output_names)
        )

    @property
    def objectives(self) -> Sequence[Objective]:
        return [
            Objective(name, partial(self._batches, members), self._batch_count(members), self._ticket_loss)
            for name, members in zip(self.subsets, self.members, strict=True)
        ]

    @property
    def single_objective(self) -> Objective:
        """All training examples together, each once an epoch."""
        everything = torch.arange(len(self.splits["train"].inputs))
        batches, loss = partial(self._batches, everything), self._ticket_loss
        if self._first_layer is not None:
            batches, loss = partial(self._told_batches, everything), self._told_loss
        return Objective("all", batches, self._batch_count(everything), loss)

    def random_partition(self, generator: torch.Generator) -> "ContextProblem":
        """Training examples in K parts of equal size, whatever their context."""
        dealt = copy(self)
        count = len(self.splits["train"].inputs)
        dealt._divide(torch.randperm(count, generator=generator) % len(self.subsets))
        return dealt

    def tell(self, network: nn.Module, context: str) -> nn.Module:
        """Tell the network of IMP single of which context the examples are from now on, if it is to be told."""
        if self._first_layer is not None:
            tell(network, self._first_layer, self._one_hot(torch.tensor(self.subsets.index(context))))
        return network

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """Every metric of ticket k's outputs for the examples of context k."""
        return self._scores(lambda k: tickets[k])

    def score_single(self, network: nn.Module) -> list[Score]:
        return self._scores(lambda k: self.tell(network, self.subsets[k]))

    def across_subsets(self, network: nn.Module) -> AcrossSubsets:
        """The first metric on the test examples of every context; classes or quantities, as its outputs are."""
        name, measure = next(iter(self.measures.items()))
        test = self.splits["test"]
        outputs = self._outputs(network, test.inputs)
        figures = []
        for k in range(len(self.subsets)):
            own = (test.context == k).cpu()
            figures.append(figure_of(name, measure, outputs[own], test.targets.cpu()[own]))
        chooses = not test.targets.is_floating_point() and outputs.ndim == test.targets.ndim + 1
        return AcrossSubsets(name, tuple(figures), outputs.argmax(1).flatten() if chooses else outputs)

    def _batch_count(self, members: Tensor) -> int:
        """So many that none is of one example, of which batch normalisation cannot make anything."""
        return min(-(-len(members) // self.batch_size), len(members) // FEWEST)

    def _chunks(self, members: Tensor, generator: torch.Generator) -> Sequence[Tensor]:
        shuffled = members[torch.randperm(len(members), generator=generator)]
        return shuffled.tensor_split(self._batch_count(members))

    def _batches(self, members: Tensor, generator: torch.Generator) -> Iterator[Batch]:
        train = self.splits["train"]
        for chunk in self._chunks(members, generator):
            yield train.inputs[chunk], train.targets[chunk]

    def _told_batches(self, members: Tensor, generator: torch.Generator) -> Iterator[Batch]:
        train = self.splits["train"]
        for chunk in self._chunks(members, generator):
            yield train.inputs[chunk], train.targets[chunk], self._one_hot(train.context[chunk])

    def _one_hot(self, context: Tensor) -> Tensor:
        return F.one_hot(context, len(self.subsets)).float().to(self.device)

    def _ticket_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        inputs, targets = batch
        return self.loss(network(inputs), targets)

    def _told_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        inputs, targets, told = batch
        tell(network, str(self._first_layer), told)
        return self.loss(network(inputs), targets)

    @torch.inference_mode()
    def _outputs(self, network: nn.Module, inputs: Tensor) -> Tensor:
        with products_in("float32", self.device):
            return torch.cat([network(part).cpu() for part in inputs.split(EVALUATION_BATCH)])

    def _scores(self, network_of: Callable[[int], nn.Module]) -> list[Score]:
        scores = []
        for split in [split for split in PROTOCOLS if split in self.splits]:
            for k, subset in enumerate(self.subsets):
                inputs, targets = self.splits[split].of(k)
                outputs, targets = self._outputs(network_of(k), inputs), targets.cpu()
                for name, measure in self.measures.items():
                    value, chance = figure_of(name, measure, outputs, targets), chance_of(measure, targets)
                    higher = measure.higher_is_better
                    row = Score(PROTOCOLS[split], name, subset, value, higher_is_better=higher, chance=chance)
                    scores.append(row)
        return scores


def _on(device: torch.device, examples: Examples) -> Examples:
    """Examples in a device's memory; the number of the context stays where batches are drawn."""
    return examples._replace(inputs=examples.inputs.to(device), targets=examples.targets.to(device))
