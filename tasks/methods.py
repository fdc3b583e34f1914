"""Which methods a problem's settings ask for, and under which names they stand in every table."""

from tasks.settings import ProblemSettings

UPDATE_METHODS = {"synchronous": "rtl", "sequential": "rtl_sequential"}
SANITY_METHODS = ("random_masks", "layer_shuffled_masks")


def rtl_methods(settings: ProblemSettings) -> dict[str, str]:
    """RTL's own methods: name → update."""
    return {UPDATE_METHODS[update]: update for update in settings.retrain.update}


def sanity_methods(settings: ProblemSettings) -> list[str]:
    """The baselines that retrain as RTL does, by the first of its updates, under masks without meaning."""
    return [method for method in settings.baselines.methods if method in SANITY_METHODS]


def all_methods(settings: ProblemSettings) -> list[str]:
    """Every method, in the order of the tables."""
    return [*rtl_methods(settings), *settings.baselines.methods]
