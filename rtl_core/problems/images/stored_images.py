"""How a labelled image data set lies on disk: its splits, its classes and, where these are clustered, the clusters."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.problems.images.class_clusters import ClassClusters
from rtl_core.problems.images.labelled_images import LabelledImages, check_images

FILE = "images.safetensors"


@dataclass(frozen=True)
class StoredImages:
    """The splits ``train``, ``validation`` and ``test``, the names of the C classes, and the clusters of classes.

    Where classes were not clustered, each is a cluster of its own.
    """

    splits: dict[str, LabelledImages]
    classes: tuple[str, ...]
    clusters: ClassClusters


def save_images(
    folder: Path, splits: dict[str, LabelledImages], classes: Sequence[str], clusters: ClassClusters | None = None
) -> None:
    """Write the splits (``train``, ``validation``, ``test``), the class names and, if there are any, the clusters.

    Raises:
        DataError: a split is not sound (see check_images), or a class is in no cluster.
    """
    tensors: dict[str, Tensor] = {}
    for split, data in splits.items():
        check_images(data, classes, f"{split} split")
        tensors |= {f"{split}.images": data.images.contiguous(), f"{split}.labels": data.labels}
    metadata = {"classes": json.dumps(list(classes))}
    if clusters:
        _check_clusters(clusters, classes, "clusters")
        metadata["clusters"] = json.dumps({"names": clusters.names, "of_class": clusters.of_class})
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / FILE, metadata)


def load_images(folder: Path) -> StoredImages:
    """Read what ``save_images`` wrote.

    Raises:
        DataError: the file is missing, damaged or unsound.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{path}: not found; run the partition stage first")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            classes = _all(str, json.loads(metadata["classes"]))
            clusters = _clusters_from(metadata.get("clusters"), classes)
            splits = {
                split: LabelledImages(file.get_tensor(f"{split}.images"), file.get_tensor(f"{split}.labels"))
                for split in ("train", "validation", "test")
            }
    except Exception as problem:  # whatever safetensors and JSON make of bytes that are not theirs
        raise DataError(f"{path}: not a data set of this project ({shorten(str(problem), 200)})") from problem
    for split, data in splits.items():
        if data.labels.dtype != torch.int64 or data.labels.ndim != 1:
            shape = f"{data.labels.dtype} {list(data.labels.shape)}"
            raise DataError(f"{path} {split}: labels are int64 [N]; found {shape}")
        check_images(data, classes, f"{path} {split}")
    _check_clusters(clusters, classes, str(path))
    return StoredImages(splits, classes, clusters)


def _clusters_from(text: str | None, classes: tuple[str, ...]) -> ClassClusters:
    if text is None:
        return ClassClusters(classes, tuple(range(len(classes))))
    names = json.loads(text)
    return ClassClusters(_all(str, names["names"]), _all(int, names["of_class"]))


def _all(kind: type, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise TypeError(f"its metadata name no list of {kind.__name__}")
    return tuple(values)


def _check_clusters(clusters: ClassClusters, classes: Sequence[str], name: str) -> None:
    numbers = sorted(set(clusters.of_class))
    if len(clusters.of_class) != len(classes) or numbers != list(range(len(clusters.names))):
        raise DataError(
            f"{name}: found {len(clusters.of_class)} classes in {len(numbers)} clusters; "
            f"allowed: {len(classes)} classes in all of {', '.join(clusters.names)}"
        )
