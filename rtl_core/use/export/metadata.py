"""What an ONNX model says about itself: contexts by number, classes, thresholds, and all that its ticket file said."""

import json
from collections.abc import Sequence
from typing import Any

from rtl_core.describing import PACKAGE
from rtl_core.description.about import About
from rtl_core.description.decision import Classes, OneVsRest


def told_by(about: About, contexts: Sequence[str]) -> dict[str, str]:
    """JSON by key, for ONNX's ``metadata_props``.

    Args:
        about: what the ticket file says.
        contexts: which the graph serves, in the order of their numbers.
    """
    told: dict[str, Any] = {"contexts": list(contexts)}
    decision = about.decision
    if isinstance(decision, OneVsRest):
        told["thresholds"] = {name: decision.thresholds[name] for name in contexts if name in decision.thresholds}
    if isinstance(decision, Classes):
        told["classes"] = list(decision.classes)
        told["among"] = {name: list(decision.among[name]) for name in contexts if name in decision.among}
    told["about"] = about.model_dump(mode="json")
    return {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in told.items()}


def say(model: Any, told: dict[str, str]) -> None:
    """Make this, and nothing else beside the graph, what an ONNX model says; where its code lay is left out."""
    parts = [model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info]
    for part in [*parts, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
        part.doc_string = ""
    del model.metadata_props[:]
    for key in sorted(told):
        model.metadata_props.add(key=key, value=told[key])
    model.producer_name, model.producer_version, model.doc_string = PACKAGE, "", ""
    model.graph.name = "tickets"
