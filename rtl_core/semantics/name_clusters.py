"""Which names of classes belong together: their vectors → UMAP → HDBSCAN (paper section 2)."""

import warnings

import numpy as np
from numpy.typing import NDArray

from rtl_core.errors import DataError
from rtl_core.one_thread import one_thread

NEIGHBOURS, DIMENSIONS = 10, 5
"""UMAP's: how many names count as near, and how many numbers a place has."""
FEWEST = 10
"""Names; with fewer there is no density to speak of."""

Places = NDArray[np.float64]
Labels = NDArray[np.intp]


def name_clusters(vectors: Places, num_clusters: int) -> tuple[Places, Labels]:
    """Where UMAP puts the names, float64 [C, 5], and the cluster of each, int [C] from 0.

    The same vectors give the same clusters, on any number of threads. HDBSCAN finds the number of clusters itself
    and has no setting for it: of the smallest sizes that a cluster may have, 2 to C / 2, the one is taken that brings
    the number nearest to ``num_clusters``; of equal ones, the one with the least noise, then the smallest. Names that
    are noise join the cluster with the nearest centre.

    Args:
        vectors: float64 [C, D], compared by their angles.
        num_clusters: how many clusters are wanted.

    Raises:
        DataError: there are fewer than ten names, or they fall into no clusters.
    """
    if len(vectors) < FEWEST:
        raise DataError(
            f"partition.clusters: 'text' found {len(vectors)} classes; allowed: {FEWEST} or more, or a CSV file"
        )
    from sklearn.cluster import HDBSCAN  # takes a second to import

    sizes = range(2, len(vectors) // 2 + 1)
    with one_thread():  # UMAP makes much of the smallest difference
        places = _embedded(vectors)
        tried = [HDBSCAN(min_cluster_size=size, copy=True).fit_predict(places) for size in sizes]
    clusterings = [labels for labels in tried if labels.max() > 0]
    if not clusterings:
        raise DataError("partition.clusters: 'text' finds no clusters among the classes; allowed: another way")
    best = min(clusterings, key=lambda labels: (abs(int(labels.max()) + 1 - num_clusters), int((labels < 0).sum())))
    return places, _without_noise(places, best)


def centres_of(places: Places, labels: Labels) -> Places:
    """The mean place of each cluster, float64 [K, D], from places [C, D] and labels int [C]; negative ones are none."""
    return np.stack([places[labels == k].mean(0) for k in range(labels.max() + 1)])


def _embedded(vectors: Places) -> Places:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # that TensorFlow is not there, which nothing here needs
        from umap import UMAP  # takes seconds to import

    neighbours = min(NEIGHBOURS, len(vectors) - 1)
    # One job, as a fixed seed allows no more; distances of zero, as clusters are looked for, not a picture.
    reducer = UMAP(neighbours, DIMENSIONS, metric="cosine", min_dist=0.0, init="pca", random_state=0, n_jobs=1)
    return np.asarray(reducer.fit_transform(vectors), np.float64)


def _without_noise(places: Places, labels: Labels) -> Labels:
    distances = np.linalg.norm(places[:, None] - centres_of(places, labels), axis=2)
    return np.where(labels < 0, distances.argmin(1), labels)
