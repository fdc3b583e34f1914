"""Which methods a problem's settings ask for, and under which names they stand in every table."""

from rtl_core.methods import METHODS, UPDATES
from tasks.settings.sections import ProblemSettings


def rtl_methods(settings: ProblemSettings) -> dict[str, str]:
    """RTL's own methods: name → update."""
    return {UPDATES[update]: update for update in settings.retrain.update}


def examined_method(settings: ProblemSettings) -> str:
    """RTL under the update whose tickets the collapse analysis looks at."""
    return UPDATES[settings.collapse.update or settings.retrain.update[0]]


def has_one_network(settings: ProblemSettings) -> bool:
    """Whether a method is asked for that has one network for every subset, or the mask of one."""
    rows = [METHODS[method] for method in settings.baselines.methods]
    return any(row.kind == "one network" or row.masks_of == "imp_single" for row in rows)


def cuts_batches(settings: ProblemSettings) -> bool:
    """Whether an update works on microbatches."""
    return "microbatch" in settings.retrain.update


def methods_across(settings: ProblemSettings) -> list[str]:
    """The methods that take masks of RTL's to the one network, or its mask to tickets: both are to be of the same
    weights.
    """
    rows = {method: METHODS[method] for method in settings.baselines.methods}
    return [name for name, row in rows.items() if (row.kind == "one network") != (row.masks_of == "imp_single")]


def all_methods(settings: ProblemSettings) -> list[str]:
    """Every method, in the order of the tables."""
    return [*rtl_methods(settings), *settings.baselines.methods]
