"""The same graph in fewer bytes: weights as float16, or as integers of 8 bits that onnxruntime chooses."""

import tempfile
from pathlib import Path
from typing import Any

from rtl_core.errors import TicketFileError, reason_of

SMALL = 64
"""Up to so many weights a tensor stays as it is: another node would take up as much."""


def halved(model: Any) -> Any:
    """The ONNX model with its weights as float16; what is computed, and statistics of batches, stay float32."""
    import numpy as np
    from onnx import ModelProto, TensorProto, helper, numpy_helper

    smaller = ModelProto()
    smaller.CopyFrom(model)
    graph, casts = smaller.graph, []
    for tensor in graph.initializer:
        is_kept = "statistics" in tensor.name or "running_" in tensor.name
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) <= SMALL or is_kept:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.float16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return smaller


def quantised(model: Any) -> Any:
    """The ONNX model with constant weights of its convolutions and matrix products as uint8, what they take in likewise
    as it comes (onnxruntime's dynamic quantisation).

    Convolutions whose weights the graph computes, as those of a Fourier transform, stay as they are.

    Raises:
        TicketFileError: onnxruntime does not quantise it.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    prepared.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")  # or it warns that it is not
    held = {tensor.name for tensor in prepared.graph.initializer}
    computed = [node.name for node in prepared.graph.node if node.op_type == "Conv" and node.input[1] not in held]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:  # it has no convolution of signed weights
            quantize_dynamic(prepared, path, weight_type=QuantType.QUInt8, nodes_to_exclude=computed)
        except Exception as problem:  # whatever onnxruntime makes of a graph
            raise TicketFileError(f"int8: onnxruntime does not quantise it ({reason_of(problem)[:200]})") from problem
        smaller = onnx.load(path)
    del smaller.metadata_props[:]
    return smaller
