"""How much memory an ONNX model takes up while onnxruntime serves it."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from rtl_core.errors import TicketFileError

SESSIONS = 5
"""That are held at once: the first takes up what all share."""
PROGRAM = """\
import json, sys
import numpy as np, onnxruntime, psutil
model, inputs, count = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
resident, sessions = [], []
for _ in range(int(count)):
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    given = {"inputs": np.load(inputs)}
    if len(session.get_inputs()) > 1:
        given["context"] = np.array(0)
    session.run(None, given)
    sessions.append(session)
    resident.append(psutil.Process().memory_info().rss)
json.dump(resident, sys.stdout)
"""
"""In a process of its own, where nothing else takes up memory or gives it back."""


def session_memory(model: bytes, inputs: Tensor) -> int:
    """Bytes by which a process grows with each further session that has run once, a mean: weights, plan and arena.

    Args:
        model: the file's content.
        inputs: that the graph takes, [N, …].

    Raises:
        TicketFileError: onnxruntime does not run it in a process of its own.
    """
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / "model.onnx", Path(folder) / "inputs.npy"]
        paths[0].write_bytes(model)
        np.save(paths[1], inputs.numpy())
        command = [sys.executable, "-P", "-c", PROGRAM, *map(str, paths), str(SESSIONS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TicketFileError(f"onnxruntime does not run the graph in a process of its own ({last[:200]})")
    resident: list[int] = json.loads(done.stdout)
    return max(0, round((resident[-1] - resident[0]) / (SESSIONS - 1)))
