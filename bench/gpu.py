"""What a GPU gives, one JSON line a result: tests, masks beside the CPU's, images a second, one seed end to end."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml

from rtl_core.cuda_benchmark import on_cuda
from rtl_core.device import device_of
from rtl_core.duration import Duration
from rtl_core.extraction import extract_chain, extract_tickets
from rtl_core.isolation import OptimizerChoice
from rtl_core.problems.cifar import Cifar10
from rtl_core.problems.digits import Digits
from rtl_core.pruning import Round, plan_rounds
from rtl_core.randomness import Stream

ROOT = Path(__file__).resolve().parent.parent
CUDA = torch.cuda.is_available()
STREAM, DEADLINE = Stream(0).at(problem="cifar10"), time.monotonic() + 460
ADAM = OptimizerChoice("adam", 1e-4)
PER_CLASS = {"train": 5000, "test": 1000} if CUDA else {"train": 40, "test": 10}
NETWORK, WEIGHTS, BATCH, STEPS = ("ghostnet", 125_832, 320, 60) if CUDA else ("small_cnn", 14_256, 32, 2)
WANTED_RATE, WANTED_SECONDS = 100_000, 60
STAGE = "from flows.command_line.app import main; main()"

Result = dict[str, Any]


def tests(_: Path) -> Iterator[Result]:
    """Those marked CUDA; without a device they are skipped, by name."""
    if find_spec("pytest") is None:
        yield {"result": "tests marked CUDA", "left_out": "no pytest"}
        return
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/core/test_device.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counts = {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)}
    tail = {} if done.returncode == 0 else {"tail": (done.stdout + done.stderr)[-2000:]}
    yield {"result": "tests marked CUDA", "ok": done.returncode == 0, **counts, **tail}


def masks(scratch: Path) -> Iterator[Result]:
    """The share of weights in which masks of the GPU and of the CPU differ: digits, two rounds of two epochs."""
    Digits.partition(scratch / "digits")
    rounds, duration = plan_rounds(13_968, [0.5], 0.3, 2), Duration.parse("2ep")

    def found(device: str) -> torch.Tensor:
        problem = Digits(scratch / "digits", batch_size=64, device=device)
        return extract_tickets(problem, rounds, duration, OptimizerChoice("adam", 3e-3), STREAM)[0.5].values

    if not CUDA:
        yield {"result": "masks against the CPU", "left_out": "no CUDA"}
        return
    share = (found("cuda") != found("cpu")).double().mean().item()
    yield {"result": "masks against the CPU", "share_that_differs": share, "allowed": 0.001, "ok": share <= 0.001}


def extraction(scratch: Path) -> Iterator[Result]:
    """Images a second in extraction: all ten chains, as threads, at each precision; and whether their bytes repeat."""
    Cifar10.partition(scratch / "cifar10", path=str(scratch / "source"))
    for precision in ("float32", "tf32", "bfloat16") if CUDA else ("float32", "bfloat16"):
        problem = Cifar10(scratch / "cifar10", network=NETWORK, batch_size=BATCH, precision=precision)
        chain = partial(_chain, problem, plan_rounds(WEIGHTS, [0.25], 0.1, 10))
        seconds, digests = [], []
        for _ in range(3):  # the first captures, and measures which number of streams pays
            start = time.monotonic()
            with ThreadPoolExecutor(10) as pool:
                found = b"".join(mask.numpy().tobytes() for mask in pool.map(chain, range(10)))
            seconds.append(time.monotonic() - start)
            digests.append(hashlib.sha256(found).hexdigest())
        rounds, batch = chain.args[1], next(iter(problem.objectives[0].batches(torch.Generator())))
        images = 10 * len(rounds) * STEPS * len(batch[0])
        rate, repeats = images / min(seconds[1:]), len(set(digests)) == 1
        yield {
            "result": "extraction", "precision": precision, "images_per_s": rate, "first_s": seconds[0],
            "bytes_repeat": repeats, "wanted": WANTED_RATE if CUDA else "no CUDA",
            "ok": repeats and (rate >= WANTED_RATE or not CUDA),
        }  # fmt: skip
        if precision == "float32":
            yield {"result": "captured step", **(on_cuda(problem, ADAM, STREAM) or {"captured": "no CUDA"})}


def _chain(problem: Cifar10, rounds: Sequence[Round], subset: int) -> torch.Tensor:
    return extract_chain(problem, subset, rounds, Duration.parse(f"{STEPS}it"), ADAM, STREAM)[0.25]


def seed(scratch: Path) -> Iterator[Result]:
    """RTL, one seed at 25, 50 and 75 %, `rtl run extract` and `rtl run retrain`, twice in projects apart."""
    digests = []
    for number in range(2):
        project = scratch / f"project {number}"
        project.mkdir()
        (project / "params.yaml").write_text(yaml.safe_dump({"problems": ["cifar10"], "cifar10": _settings(scratch)}))
        (project / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
        seconds: dict[str, float] = {}
        warnings: set[str] = set()
        for stage in ("partition", "extract", "retrain"):
            start = time.monotonic()
            command = [sys.executable, "-c", STAGE, "run", stage, "cifar10"]
            done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
            seconds[stage] = time.monotonic() - start
            warnings |= {line for line in done.stderr.splitlines() if line.startswith("warning")}
            if done.returncode:
                yield {"result": "one seed", "stage": stage, "ok": False, "tail": done.stderr[-2000:]}
                return
        published = sorted(path for path in project.glob("artifacts/cifar10/**/*") if path.is_file())
        digests.append(hashlib.sha256(b"".join(path.read_bytes() for path in published)).hexdigest())
        shown = subprocess.run(
            [sys.executable, "-c", STAGE, "bench", "cifar10", "--profile", "--json"],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        whole = seconds["extract"] + seconds["retrain"]
        yield {
            "result": "one seed", "run": number, "seconds": seconds, "files": len(published), "end_to_end_s": whole,
            "wanted_s": WANTED_SECONDS if CUDA else "no CUDA", "warnings": sorted(warnings),
            "profile": json.loads(shown.stdout or "null"), "ok": whole <= WANTED_SECONDS or not CUDA,
        }  # fmt: skip
    repeats = len(set(digests)) == 1
    yield {"result": "one seed", "bytes_repeat_from_run_to_run": repeats, "ok": repeats}


def _settings(scratch: Path) -> dict[str, Any]:
    """The section cifar10 of params.yaml, less controls and all that is not RTL's synchronous update."""
    settings: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())["cifar10"]
    levels = [0.25, 0.5, 0.75]
    settings |= {"partition": {"path": str(scratch / "source")}, "sparsities": levels}
    settings["training"] = {"network": NETWORK, "batch_size": BATCH}
    settings["extract"] |= {"controls": []}
    settings["extract"].pop("control_chains")
    settings["retrain"] |= {"update": ["synchronous"], "sparsities": [*levels]}
    settings["collapse"] = {}
    if not CUDA:
        settings["extract"] |= {"duration": "1it", "weights_per_round": 0.25}
        settings["retrain"] |= {"duration": "1it"}
    return settings


def _write_source(folder: Path) -> None:
    """Random images in the shape of CIFAR-10, each class a little brighter than the one before."""
    folder.mkdir()
    for split, count in PER_CLASS.items():
        labels = np.arange(10 * count) % 10
        images = STREAM.at(draw=split).generator()
        values = torch.randint(0, 200, (10 * count, 32, 32, 3), generator=images, dtype=torch.uint8).numpy()
        values += (5 * labels[:, None, None, None]).astype(np.uint8)
        classes = np.array([f"class {c}" for c in range(10)])
        np.savez(folder / f"{split}.npz", images=values, labels=labels, classes=classes)


MEASURES: tuple[Callable[[Path], Iterator[Result]], ...] = (tests, masks, extraction, seed)


def main() -> int:
    """Every result that time allows, each on a line as it comes; 1 where one failed or was cut, else 0."""
    signal.signal(signal.SIGINT, _interrupt)
    with TemporaryDirectory() as folder:
        scratch = _empty_folder(Path(sys.argv[1] if len(sys.argv) > 1 else folder))
        name = torch.cuda.get_device_name(0) if CUDA else "no CUDA"
        _tell({"result": "device", "cuda": name, "torch": torch.__version__, "cores": len(os.sched_getaffinity(0))})
        device_of("auto")
        given = Path(os.environ.get("RTL_DATA", ""), "cifar10")
        if CUDA and (given / "train.npz").is_file():
            (scratch / "source").symlink_to(given.resolve())
        else:
            _write_source(scratch / "source")
        return 0 if all([_measured(measure, scratch) for measure in MEASURES]) else 1


def _measured(measure: Callable[[Path], Iterator[Result]], scratch: Path) -> bool:
    """Whether all results of a measurement are as they should be."""
    start, ok = time.monotonic(), True
    if start > DEADLINE:
        _tell({"result": measure.__name__, "ok": False, "left_out": "no time"})
        return False
    try:
        for result in measure(scratch):
            ok = ok and result.get("ok", True)
            _tell(result | {"after_s": round(time.monotonic() - start, 1)})
    except KeyboardInterrupt:
        _tell({"result": measure.__name__, "ok": False, "cut_after_s": round(time.monotonic() - start, 1)})
        return False
    except Exception as problem:  # the other results still count
        _tell({"result": measure.__name__, "ok": False, "error": f"{type(problem).__name__}: {problem}"[:2000]})
        return False
    return ok


def _interrupt(*_: object) -> None:
    """End what is under way, and begin nothing more; once, though ``timeout`` sends its signal twice."""
    global DEADLINE
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    DEADLINE = 0.0
    raise KeyboardInterrupt


def _empty_folder(folder: Path) -> Path:
    """A folder that is made where there is none, with those above it; the program ends where that cannot be had."""
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            return folder
    except OSError as problem:
        sys.exit(f"FOLDER: found {folder} ({problem.strerror}); allowed: a folder that is new or empty")
    sys.exit(f"FOLDER: found {folder}, which is not empty; allowed: a folder that is new or empty")


def _tell(result: Result) -> None:
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    sys.exit(main())
