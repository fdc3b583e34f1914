"""Which methods a problem's settings ask for, and under which names they stand in every table."""

from tasks.settings.sections import ProblemSettings

UPDATE_METHODS = {"synchronous": "rtl", "sequential": "rtl_sequential"}
MASK_CONTROLS = ("random_masks", "layer_shuffled_masks", "initial_magnitude_masks")
"""Controls that retrain as RTL does, by the first of its updates, under other masks."""
SINGLE_METHODS = ("imp_single", "imp_single_union")


def rtl_methods(settings: ProblemSettings) -> dict[str, str]:
    """RTL's own methods: name → update."""
    return {UPDATE_METHODS[update]: update for update in settings.retrain.update}


def examined_method(settings: ProblemSettings) -> str:
    """RTL under the update whose tickets the collapse analysis looks at."""
    return UPDATE_METHODS[settings.collapse.update or settings.retrain.update[0]]


def has_one_network(settings: ProblemSettings) -> bool:
    """Whether a method is asked for that has one network for every subset."""
    return any(method in SINGLE_METHODS for method in settings.baselines.methods)


def all_methods(settings: ProblemSettings) -> list[str]:
    """Every method, in the order of the tables."""
    return [*rtl_methods(settings), *settings.baselines.methods]
