"""What a network, or the reading of its outputs, is told of the context."""

from rtl_core.description.about import About
from rtl_core.description.architecture import CoordinateNetwork, ImportedNetwork
from rtl_core.description.decision import Classes, OneVsRest


def told_layer(about: About | None) -> str | None:
    """The layer of the network that is told the context, if any is."""
    architecture = about.architecture if about else None
    told = architecture.told if isinstance(architecture, ImportedNetwork) else None
    return told.layer if told else None


def is_alike(about: About | None) -> bool:
    """Whether one network does the same whatever the context."""
    if about is None or told_layer(about) is not None:
        return False
    decision = about.decision
    if isinstance(about.architecture, CoordinateNetwork) and about.architecture.embedded:
        return False
    if isinstance(decision, OneVsRest):
        return len(set(decision.outputs.values())) == 1
    return not (isinstance(decision, Classes) and decision.among)
