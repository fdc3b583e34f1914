"""Routing the Lottery: one sparse subnetwork per subset of the data, all cut from one initialisation."""

from importlib import import_module
from typing import Any

from rtl_core.user_name import have_user_name

OFFERED = {
    "ContextProblem": "context_problem",
    "Measure": "contexts.metrics",
    "OptimizerChoice": "isolation",
    "Problem": "problem",
    "find_tickets": "ticket_search",
    "load": "saving",
    "save": "saving",
    "to_onnx": "use.export.onnx_model",
}
"""What a library user needs most, and in which module it is: imported when it is asked for, as torch takes a second."""

__all__ = list(OFFERED)

have_user_name()  # before torch is imported


def __getattr__(name: str) -> Any:
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{OFFERED[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *OFFERED})
