"""What a small run of a section changes in its settings: less data, one level, one seed, and RTL beside its rivals."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.settings.changes import Changes
from tasks.settings.methods import rtl_methods
from tasks.settings.sections import ProblemSettings

LEVEL = 0.5
"""The sparsity of a small run, where the section has it."""
RIVALS = ("imp_single", "shared_mask", "imp_multiple")
"""What RTL is held against: one mask, its own objectives under that one mask, and K networks."""
ADVICE = ".advice"
"""What follows a section's name in that of its small run."""
SMALLEST = 1e-6
"""A share of the data; what takes one takes some examples all the same."""
LEAST_BATCH = 8
"""Examples in a batch; one that has no more is not made smaller."""


class SmallRun(Changes):
    """A section on less of its data, published under a name that no section can have.

    ``partition``, ``training`` and ``joint_training`` (of ``retrain.training``) are keyword arguments that differ.
    """

    section: str
    partition: dict[str, float]
    training: dict[str, int]
    joint_training: dict[str, int]

    @property
    def name(self) -> str:
        """What the run is called, as problems are."""
        return f"{self.section}{ADVICE}"

    def without(self, method: str) -> Self:
        """The same without one method."""
        return self.model_copy(update={"methods": [name for name in self.methods if name != method]})

    def section_of(self, problem: str) -> str:
        """The section that the run is a small one of."""
        return self.section

    def applied_to(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The section's settings, every key of them given, with these changes and without controls of similarity."""
        changed = super().applied_to(settings)
        changed["partition"] |= self.partition
        changed["training"] |= self.training
        changed["retrain"]["training"] |= self.joint_training
        changed["extract"] |= {"controls": []}
        return changed


def small_run(section: str, settings: ProblemSettings, share: float, sparsity: float | None) -> SmallRun:
    """A small run: the first of the seeds and of the updates, one level, and a share of the data.

    Where ``partition`` takes a ``share``, it is that share of what stands there, and batches are smaller by as much, so
    that an epoch has about as many steps. The data of other problems stay whole.

    Args:
        section: its name in params.yaml.
        settings: the section's, with defaults filled in.
        share: of the data.
        sparsity: the level; None for a half where the section has it, else the lowest that it compares at.
    """
    whole = settings.partition.get("share")
    parted = {"share": max(SMALLEST, round(share * whole, 6))} if isinstance(whole, int | float) else {}
    level = LEVEL if LEVEL in settings.sparsities else settings.compared_sparsities[0]
    return SmallRun(
        section=section,
        seeds=settings.seeds[:1],
        sparsities=[level if sparsity is None else sparsity],
        methods=[next(iter(rtl_methods(settings))), *RIVALS],
        partition=parted,
        training=_smaller_batch(settings.training, share) if parted else {},
        joint_training=_smaller_batch(settings.retrain.training, share) if parted else {},
    )


def _smaller_batch(training: Mapping[str, Any], share: float) -> dict[str, int]:
    size = training.get("batch_size")
    return {"batch_size": min(size, max(LEAST_BATCH, round(share * size)))} if isinstance(size, int) else {}
