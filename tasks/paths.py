"""Where everything lies, relative to the project's root (the current folder): each path is one function."""

from pathlib import Path

PARAMS = Path("params.yaml")
STATE = Path(".rtl")


def objects() -> Path:
    """The content-addressed store: disposable, per machine."""
    return STATE / "objects"


def checkpoints() -> Path:
    """Last states of long steps under way, by the key of the step."""
    return STATE / "checkpoints"


def timing(problem: str, stage: str) -> Path:
    """Where the last run of a stage spent its time."""
    return STATE / "timing" / problem / f"{stage}.json"


def data(problem: str) -> Path:
    """What the partition stage publishes."""
    return Path("data") / problem


def artifacts(problem: str) -> Path:
    """What all later stages publish."""
    return Path("artifacts") / problem


def masks(problem: str, seed: int, sparsity: float, method: str = "rtl") -> Path:
    """The masks of one seed after one round: RTL's, or those of a control."""
    return artifacts(problem) / "masks" / method / f"seed-{seed}" / f"{level(sparsity)}.safetensors"


def epoch_masks(problem: str, seed: int, epoch: int) -> Path:
    """The K masks that magnitude gave after some epochs of extraction, all at one sparsity."""
    return artifacts(problem) / "masks" / "epochs" / f"seed-{seed}" / f"epoch-{epoch}.safetensors"


def levels(problem: str) -> Path:
    """Which sparsities extraction reached, and whether the alarm rang."""
    return artifacts(problem) / "masks" / "levels.json"


def start(problem: str, seed: int) -> Path:
    """What the tickets of one seed are rewound to, where that is not θ₀."""
    return artifacts(problem) / "masks" / "start" / f"seed-{seed}.safetensors"


def tickets(problem: str, method: str, seed: int, sparsity: float) -> Path:
    """The retrained tickets of RTL, under one of its updates."""
    return artifacts(problem) / "tickets" / method / f"seed-{seed}" / f"{level(sparsity)}.safetensors"


def baselines(problem: str, method: str, seed: int, sparsity: float) -> Path:
    """The folder of a baseline's ticket files, one for each network that shares nothing with the others."""
    return artifacts(problem) / "baselines" / method / f"seed-{seed}" / level(sparsity)


def facts(problem: str) -> Path:
    """Which code, data, run and settings the last comparison came from."""
    return artifacts(problem) / "run.json"


def report(problem: str) -> Path:
    """The page of a comparison."""
    return artifacts(problem) / "report.html"


def level(sparsity: float) -> str:
    """A sparsity level as people read it: 'sparsity-25' is a quarter of the weights at zero."""
    return f"sparsity-{100 * sparsity:g}"
