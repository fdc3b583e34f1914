"""``python -m`` in a process of its own that need not import libraries first: one that has them forks it."""

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

LIBRARIES = [
    "torch", "timm", "torchvision", "torchaudio", "torchmetrics", "sklearn.metrics", "scipy.stats", "pandas",
    "pyarrow.parquet", "altair", "vl_convert", "fontTools.ttLib", "soundfile", "jinja2", "rich.progress", "typer",
    "httpx", "sqlalchemy", "pydantic", "fsspec", "psutil", "yaml", "safetensors.torch",
]  # fmt: skip
"""None that reads the environment as it is imported, as Prefect and this project do."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(LIBRARIES)


def run_module(
    module: str, *arguments: str, cwd: Path, env: dict[str, str], timeout: float | None = None
) -> CompletedProcess[str]:
    """What ``subprocess.run`` gives of ``python -m module arguments``, with its output as text."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder, name) for name in ("out", "err"))
        process = _processes.Process(target=_main, args=(module, arguments, str(cwd), env, str(out), str(err)))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{module} after {timeout} s: {err.read_text()}")
        code = process.exitcode
        process.close()
        return CompletedProcess([module, *arguments], code, out.read_text(), err.read_text())


def _main(module: str, arguments: tuple[str, ...], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.path[:0] = [cwd, *env.get("PYTHONPATH", "").split(os.pathsep)]
    sys.argv = ["-m", *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
