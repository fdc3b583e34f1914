"""How torch makes an ONNX graph of tickets."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rtl_core.errors import TicketFileError, reason_of
from rtl_core.networks.speech_unet import HOP
from rtl_core.use.export.comparison import drawn_inputs, said_by_torch
from rtl_core.use.export.graph import Graph, output_name
from rtl_core.use.inputs import expected
from rtl_core.use.tickets_in_use import TicketsInUse

OPSET = 18
"""The first with BitwiseAnd."""
UNPACKED = 64
"""Constants of so many values are computed when a graph of several tickets is made, larger ones when it is loaded, so
that its masks and weights stay packed in the file."""
UNLIMITED = 1 << 40
EXAMPLES = 3
"""In the batch that the graph is traced on: torch takes sizes of 0 and 1 for fixed."""
LEAST = HOP
"""Samples that torch.export is told a signal has: without a least it traces twice. The graph also takes fewer."""


def exported_graph(
    tickets: TicketsInUse, contexts: Sequence[str], inputs: Tensor | None, into: nn.Module | None
) -> Any:
    """An ``onnx.ModelProto`` of a graph that is told the context where there are several.

    Args:
        tickets: on the CPU; they say how they are used.
        contexts: which the graph tells apart.
        inputs: to trace it on, [N, …]; without, or where their length is free, they are drawn.
        into: a network of the right architecture, where the file does not know it.

    Raises:
        TicketFileError: torch cannot export the network, or not for batches of any size.
    """
    preprocessing = tickets.usage.preprocessing
    free = {axis: "L" for axis, size in enumerate(expected(preprocessing)[1], start=1) if size is None}
    sizes = {0: torch.export.Dim("N"), **{axis: torch.export.Dim(name, min=LEAST) for axis, name in free.items()}}
    examples = drawn_inputs(preprocessing, EXAMPLES)
    if inputs is not None and not free:
        examples = inputs[torch.arange(EXAMPLES) % len(inputs)]
    outputs = said_by_torch(tickets, examples, contexts[0], into)
    graph = Graph(tickets, tickets.context(contexts[0], into), contexts, outputs.shape[-1]).eval()
    several = len(contexts) > 1
    packs = several and len(tickets.subsets) > 1
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                (examples, torch.tensor(1)) if several else (examples,),
                dynamo=True,
                input_names=["inputs", "context"] if several else ["inputs"],
                output_names=[output_name(tickets)],
                dynamic_shapes=(sizes, None) if several else (sizes,),
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
            assert program is not None
            _fold(program.model, UNPACKED if packs else UNLIMITED)
            return program.model_proto
    except Exception as problem:  # whatever torch and onnxscript make of a network
        reason = reason_of(problem.__cause__ or problem)[:200]
        raise TicketFileError(f"its network cannot be exported ({reason})") from problem


def _fold(model: Any, largest: int) -> None:
    """Compute what is constant, of up to so many values, in an ``onnx_ir.Model``, and leave out what is unused.

    ``onnxscript.optimizer.optimize`` would also rewrite it, and takes x + 10⁻¹², which is there for silence, for x.
    """
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants, inline

    inline(model)
    fold_constants(model, input_size_limit=largest, output_size_limit=UNPACKED)
    for step in (
        common.RemoveUnusedNodesPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedOpsetsPass(),
        common.NameFixPass(),
    ):
        step(model)
