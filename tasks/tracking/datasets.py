"""What MLflow is told of the data behind a comparison: where they are, what is in them and of what size."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

DIGEST_LENGTH = 36
"""Characters that MLflow takes in the digest of a dataset."""
SCHEMA_LENGTH = 60_000
"""Characters of a schema or a profile, of which MLflow takes a few more."""


def dataset_of(problem: str, folder: Path, digest: str, subsets: list[str]) -> "DatasetInput":
    """The dataset of a problem: as its schema the tensors in its files, as its profile files, bytes and subsets.

    Args:
        problem: its name.
        folder: where its partitioned data are.
        digest: their SHA-256, in hex.
        subsets: the subsets that were scored.
    """
    from mlflow.entities import Dataset, DatasetInput

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    profile = {
        "subsets": len(subsets),
        "names of subsets": subsets,
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
    }
    return DatasetInput(
        Dataset(
            problem,
            digest[:DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": folder.as_posix()}),
            schema=_short({"mlflow_colspec": [column for path in files for column in _columns(path, folder)]}),
            profile=_short(profile),
        )
    )


def _columns(path: Path, folder: Path) -> list[dict[str, str]]:
    """The tensors in a file, with their types and sizes, or the file itself."""
    name = path.relative_to(folder).as_posix()
    if path.suffix != ".safetensors":
        return [{"name": name, "type": f"{path.stat().st_size} bytes"}]
    with safe_open(path, "np") as tensors:
        parts = {key: tensors.get_slice(key) for key in tensors.keys()}  # noqa: SIM118 - no mapping
        return [
            {"name": f"{name}: {key}", "type": f"{part.get_dtype()} {part.get_shape()}"} for key, part in parts.items()
        ]


def _short(value: dict[str, Any]) -> str:
    """JSON, its longest list cut at the end where MLflow would not take all of it."""
    while len(text := json.dumps(value, ensure_ascii=False)) > SCHEMA_LENGTH:
        longest = max((key for key in value if isinstance(value[key], list)), key=lambda key: len(value[key]))
        value = {**value, longest: value[longest][: len(value[longest]) // 2]}
    return text
