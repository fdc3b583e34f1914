"""What must be known about a job to find tickets for it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rtl_core.context_examples import ContextExamples
from rtl_core.description.about import Usage
from rtl_core.errors import SettingsError
from rtl_core.memory import Memory
from rtl_core.precision import Precision
from rtl_core.prunable import prunable_weights

Batch = Any


@dataclass(frozen=True)
class Objective:
    """What one network is trained on: batches and a loss.

    ``batches(generator)`` yields the ``batches_per_epoch`` batches of one epoch, in an order drawn from the generator
    alone; ``loss(network, batch)`` is a scalar tensor; ``precision`` is of its products, statistics and scores apart.
    """

    name: str
    batches: Callable[[torch.Generator], Iterable[Batch]]
    batches_per_epoch: int
    loss: Callable[[nn.Module, Batch], Tensor]
    precision: Precision = "float32"


class Score(NamedTuple):
    """One figure: the protocol it follows, its metric, the subset it is of (or ``mean``) and its value.

    ``example`` names the one test example it is of, the same for every method, where a metric is a mean over examples
    and theirs are given as well: the comparison of methods is then paired over them.

    ``higher_is_better`` says in which direction the metric is read; None where torchmetrics knows it by that name.
    ``chance`` is what guessing, or doing nothing, would give; None where there is no such value. ``threshold`` is the
    probability from which on decisions were taken that validation data chose; None where there was none to choose.
    """

    protocol: str
    metric: str
    subset: str
    value: float
    example: str = ""
    higher_is_better: bool | None = None
    chance: float | None = None
    threshold: float | None = None


class AcrossSubsets(NamedTuple):
    """What one network does on every subset's job.

    ``scores``: its figure under ``metric``, one of those of ``score``, on each of the K jobs. ``predictions``: what it
    says of each of N examples, the same ones for every network: int [N] where these are choices, float [N, …] where
    quantities.
    """

    metric: str
    scores: tuple[float, ...]
    predictions: Tensor


class Sound(NamedTuple):
    """Something to listen to: samples, float [L], within −1 to 1, and how many there are in a second."""

    samples: Tensor
    rate: int


class Exhibit(NamedTuple):
    """A picture of what came out: what it shows, its pixels, uint8 [H, W, 3], and how that sounds, if it does.

    ``example`` names the one test example that it is of, as ``Score.example`` does: its score is then shown with it.
    Without, that is the score of the subset whose name it has, or else of all subsets together.
    """

    name: str
    pixels: Tensor
    sound: Sound | None = None
    example: str = ""


class Problem(ABC):
    """A job with heterogeneous data: K subsets, a network, what is trained, and how results are scored.

    To bring your own, subclass it in one file, and name the class by import path in a section of params.yaml;
    ``rtl_core/problems/digits.py`` is a short example. Its constructor takes the folder that ``partition`` wrote, and
    plain keyword arguments: the section's ``training`` settings. Often a ``rtl_core.ContextProblem`` will do.
    """

    subsets: tuple[str, ...]

    @classmethod
    def partition(cls, folder: Path, *args: Any, **settings: Any) -> None:
        """Read the source data, split them into subsets and write what training needs into ``folder``.

        Files there that are hidden (``rtl_core.folder_contents``) are not kept. Only the pipeline calls it, with the
        section's ``partition`` settings; a library user may construct a problem in any way.

        Raises:
            DataError: the source is missing or is not what it claims to be.
        """
        raise SettingsError(f"{cls.__name__} has no partition(): the pipeline cannot prepare its data")

    @classmethod
    def instances(cls, folder: Path) -> Sequence[str]:
        """The jobs in ``folder``, as ``partition`` wrote it, where it holds several that share nothing but settings.

        Each has its own subsets and its own network, and lies in the folder of its name inside ``folder``, which the
        constructor is then given. None where ``folder`` is the one job, as with most problems.
        """
        return ()

    @classmethod
    def source_files(cls, **settings: Any) -> list[Path]:
        """The files that ``partition`` would read: where one changes, the data are partitioned anew. It is given those
        of the section's ``partition`` settings that it declares."""
        return []

    @classmethod
    def training_files(cls, **settings: Any) -> list[Path]:
        """The files that the constructor and ``network`` would read beside the partitioned data, such as a checkpoint:
        where one changes, everything is trained and scored anew. It is given those of the section's ``training``
        settings that it declares. A setting that is itself the path of a file need not be named.
        """
        return []

    @classmethod
    def memory_of_training(cls, folder: Path, **settings: Any) -> Memory | None:
        """What training on a CPU takes up at most, by the ``training`` settings; None: not known, and not checked."""
        return None

    @abstractmethod
    def network(self, generator: torch.Generator) -> nn.Module:
        """A new network with its initial weights θ₀: a constructor of torch's, as it is, will do.

        It may draw from ``generator``, or as torch's layers do from none: θ₀ is the same at every call of one seed. In
        training it may drop at random through layers of ``nn.Dropout`` and its kin, torchvision's ``StochasticDepth``
        and timm's ``DropPath``, which then draw from the step's own stream (``rtl_core.dropout``); nothing else is
        drawn at random, and no buffer changes in training but batch normalisation's: results would depend on the order
        of steps. ``rtl_core.checks`` finds out.
        """

    def single_network(self, generator: torch.Generator) -> nn.Module:
        """The network of IMP single, where it differs from the tickets' own."""
        return self.network(generator)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        """Names of the parameters that masks cover; all others stay dense. By default ``prunable_weights``."""
        return prunable_weights(network)

    @property
    @abstractmethod
    def objectives(self) -> Sequence[Objective]:
        """What each of the K tickets is trained on, one objective a subset."""

    @property
    def single_objective(self) -> Objective:
        """What one network for all subsets is trained on (IMP single).

        By default the tickets' own, called ``all``: every batch of each in turns drawn anew, under its ticket's loss.
        """
        return _together(self.objectives)

    def random_partition(self, generator: torch.Generator) -> "Problem":
        """The same job with the training examples dealt to K subsets at random: a control without meaning.

        Raises:
            SettingsError: the problem does not offer it.
        """
        raise SettingsError(f"{type(self).__name__} has no random_partition(): the control cannot be run")

    @property
    def batches_per_epoch(self) -> int:
        """M = max_k M_k, the batches each ticket sees in one epoch of joint retraining (paper Algorithm 2)."""
        return max(objective.batches_per_epoch for objective in self.objectives)

    @abstractmethod
    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """Figures for K networks in evaluation mode, ticket k on subset k's job."""

    def score_single(self, network: nn.Module) -> list[Score]:
        """The same figures for one network in evaluation mode that serves every subset.

        By default it stands in the place of every ticket. Where one network decides otherwise, say so here.
        """
        return self.score([network] * len(self.subsets))

    def usage(self, one_network: bool = False) -> Usage:
        """How a ticket file of this problem is used without its data: network, input and what an output means.

        Args:
            one_network: of IMP single's network, where it differs from the tickets'.
        """
        return Usage()

    def context_examples(self, split: str) -> ContextExamples | None:
        """Examples of the split ``validation`` or ``test``, to tell contexts by their outputs; None: not offered."""
        return None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What there is to tell of the subsets beyond their names, as JSON; ``rtl info`` prints it."""
        return {}

    @property
    def starts_from(self) -> str:
        """One line on what θ₀ is taken from, where it is not all drawn; ``rtl info`` and every stage print it."""
        return ""

    @property
    def references(self) -> Sequence[Exhibit]:
        """Pictures that results are to be held against, such as the target; none where there is nothing to look at."""
        return ()

    def exhibit(self, tickets: Sequence[nn.Module]) -> Sequence[Exhibit]:
        """Pictures of what K networks in evaluation mode do, ticket k on subset k's job."""
        return ()

    def exhibit_single(self, network: nn.Module) -> Sequence[Exhibit]:
        """The same pictures, under the same names, for one network in evaluation mode that serves every subset."""
        return ()

    def across_subsets(self, network: nn.Module) -> AcrossSubsets | None:
        """One ticket's network, in evaluation mode, on the jobs of all subsets: do tickets that differ in structure
        differ in function? None where the others' jobs make no sense."""
        return None


def _together(objectives: Sequence[Objective]) -> Objective:
    turns = [objective for objective in objectives for _ in range(objective.batches_per_epoch)]

    def batches(generator: torch.Generator) -> Iterator[Batch]:
        epochs = {objective.name: iter(objective.batches(generator)) for objective in objectives}
        for turn in torch.randperm(len(turns), generator=generator).tolist():
            yield from ((turns[turn], batch) for batch in islice(epochs[turns[turn].name], 1))

    first, *others = {objective.precision: None for objective in objectives}
    if others:
        raise SettingsError(f"objectives: found precisions {first} and {others[0]}; allowed: one for all")
    return Objective("all", batches, len(turns), lambda network, turn: turn[0].loss(network, turn[1]), first)
