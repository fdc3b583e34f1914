"""Which classes form a cluster: a table says, or meaning, looks or chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rtl_core.errors import DataError
from rtl_core.problems.images.class_features import class_features
from rtl_core.problems.images.cluster_table import read_cluster_table
from rtl_core.problems.images.labelled_images import LabelledImages
from rtl_core.problems.source_path import source_path
from rtl_core.randomness import Stream
from rtl_core.semantics.name_clusters import centres_of, name_clusters
from rtl_core.semantics.name_encoding import encode_names, encoder_files

SEMANTICS = Path(__file__).parents[2] / "semantics"
TABLES = {
    "paper": SEMANTICS / "cifar100_paper_clusters.csv",
    "superclass": SEMANTICS / "cifar100_superclasses.csv",
}
"""CIFAR-100's 100 classes in the paper's eight clusters (Table 5; it has each class once, under the data set's own
name, so that none had to be mapped) and in the data set's own 20 superclasses (Krizhevsky 2009)."""
COMPUTED = ("text", "visual", "random", "shuffled")
NAMED = 3
"""Classes that the name of a cluster consists of, where no table names it."""


@dataclass(frozen=True)
class ClassClusters:
    """K clusters of classes.

    Attributes:
        names: one for each cluster, all different, none of them ``mean``.
        of_class: for each class, in the order of the data set's, its cluster, 0 to K - 1; each has a class.
    """

    names: tuple[str, ...]
    of_class: tuple[int, ...]


def class_clusters(
    how: str, data: LabelledImages, classes: Sequence[str], *, num_clusters: int, encoder: str, seed: int
) -> ClassClusters:
    """Put each class into one cluster.

    Args:
        how: ``paper`` or ``superclass``, CIFAR-100's; ``text``, by HDBSCAN of the names' meanings; ``visual``, by
            Ward's clustering of the features of a network that sees the images; ``random``, into clusters of equal
            size or one class more; ``shuffled``, at random into clusters of the paper's sizes; or a CSV file with the
            columns class,cluster ($NAME is read from the environment).
        data: the training images, for ``visual``.
        classes: names of the C classes.
        num_clusters: K for ``visual`` and ``random``; ``text`` comes as near to it as it can.
        encoder: of the names, for ``text`` (see encode_names).
        seed: of what is drawn for ``visual``, ``random`` and ``shuffled``.

    Raises:
        DataError: a table does not fit the classes, what ``text`` needs is missing, or there are fewer classes than
            clusters.
    """
    if how not in COMPUTED:
        return _of_table(_table(how), classes)
    if not 2 <= num_clusters <= len(classes):
        raise DataError(
            f"partition.num_clusters: found {num_clusters}; allowed: 2 to {len(classes)}, the number of classes"
        )
    if how == "text":
        return _named_by_classes(*name_clusters(encode_names(classes, encoder), num_clusters), classes)
    if how == "visual":
        return _named_by_classes(*_visual(data, len(classes), num_clusters, seed), classes)
    of_place = [k % num_clusters for k in range(len(classes))]
    if how == "shuffled":
        of_place = list(_of_table(TABLES["paper"], classes).of_class)
    return _dealt(of_place, Stream(seed).at(draw="class clusters"))


def source_of(how: str, encoder: str = "wordnet") -> list[Path]:
    """The files that the clusters, or what the names of classes mean, are read from, if they are.

    Raises:
        DataError: it is not there.
    """
    if how == "shuffled":
        return [TABLES["paper"]]
    if how == "text":
        return encoder_files(encoder)
    return [] if how in COMPUTED else [_table(how)]


def agreement(of_class: Sequence[int], classes: Sequence[str]) -> dict[str, float]:
    """Adjusted Rand index of clusters of CIFAR-100's classes with each table in ``TABLES``: 1 where they are the same,
    about 0 where they are by chance.
    """
    from sklearn.metrics import adjusted_rand_score  # takes a second to import

    return {
        name: float(adjusted_rand_score(_of_table(path, classes).of_class, of_class)) for name, path in TABLES.items()
    }


def _table(how: str) -> Path:
    path = TABLES.get(how) or source_path(how, "partition.clusters")
    if not path.exists():
        allowed = ", ".join([*TABLES, *COMPUTED])
        raise DataError(
            f"partition.clusters: {path} not found; allowed: {allowed} or a CSV file with the columns class,cluster"
        )
    return path


def _of_table(path: Path, classes: Sequence[str]) -> ClassClusters:
    cluster_of = read_cluster_table(path, classes)
    names = tuple(dict.fromkeys(cluster_of.values()))
    return ClassClusters(names, tuple(names.index(cluster_of[name]) for name in classes))


def _visual(
    data: LabelledImages, num_classes: int, num_clusters: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    from sklearn.cluster import AgglomerativeClustering  # takes a second to import

    features = class_features(data, num_classes, seed)
    return features, AgglomerativeClustering(num_clusters).fit_predict(features)


def _named_by_classes(places: NDArray[np.float64], labels: NDArray[np.intp], classes: Sequence[str]) -> ClassClusters:
    """Clusters named by the classes nearest to their centres, in the order of their first classes."""
    labels = np.unique(labels, return_index=True)[1].argsort().argsort()[labels]
    distances = np.linalg.norm(places - centres_of(places, labels)[labels], axis=1)
    names = []
    for k in range(labels.max() + 1):
        members = sorted((labels == k).nonzero()[0].tolist(), key=lambda c: distances[c])
        names.append(", ".join(classes[c].replace("_", " ") for c in members[:NAMED]))
    return ClassClusters(tuple(names), tuple(labels.tolist()))


def _dealt(of_place: Sequence[int], stream: Stream) -> ClassClusters:
    order = torch.randperm(len(of_place), generator=stream.generator()).tolist()
    names = tuple(f"random {k + 1}" for k in range(max(of_place) + 1))
    return ClassClusters(names, tuple(of_place[place] for place in order))
