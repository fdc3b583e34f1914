"""Where the names of classes lie among each other in meaning: a vector for each."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtl_core.errors import DataError
from rtl_core.one_thread import one_thread
from rtl_core.semantics.wordnet_nouns import FILES, WordNetNouns

Vectors = NDArray[np.float64]
DEBIAN = "/usr/share/wordnet"


def encode_names(names: Sequence[str], encoder: str) -> Vectors:
    """A vector of length 1 for each name, float64 [C, D]; underscores count as spaces.

    Args:
        names: C names of classes.
        encoder: ``wordnet``, or a model for sentence-transformers: the name of one that is in its cache, or a folder.

    Raises:
        DataError: what the encoder needs is missing, or it does not know a name.
    """
    texts = [name.replace("_", " ") for name in names]
    return _kinds(texts) if encoder == "wordnet" else _sentences(texts, encoder)


def encoder_files(encoder: str) -> list[Path]:
    """The files that an encoder reads, but for a model in the cache, which is named by its content."""
    if encoder == "wordnet":
        return [_wordnet() / name for name in FILES]
    return sorted(path for path in Path(encoder).rglob("*") if path.is_file())


def _wordnet() -> Path:
    return Path(os.environ.get("WNSEARCHDIR") or DEBIAN)  # WordNet's own variable


def _kinds(names: Sequence[str]) -> Vectors:
    """TF-IDF of what each name can mean and what that is a kind of, up to 'entity'.

    No sense is chosen: the r-th most common one counts 1/r², as an encoder without context has to mix them.
    """
    from sklearn.feature_extraction.text import TfidfTransformer  # takes a second to import

    nouns = WordNetNouns(_wordnet())
    bags = [_bag(nouns, name) for name in names]
    columns = {kind: column for column, kind in enumerate(sorted(set().union(*bags)))}
    counts = np.zeros((len(bags), len(columns)))
    for row, bag in zip(counts, bags, strict=True):
        for kind, weight in bag.items():
            row[columns[kind]] = weight
    vectors: Vectors = TfidfTransformer().fit_transform(counts).toarray()
    return vectors


def _bag(nouns: WordNetNouns, name: str) -> dict[int, float]:
    meanings = nouns.meanings(name)
    if not meanings:
        raise DataError(
            f"partition.encoder: 'wordnet' has no noun {name!r}; allowed: classes named by nouns, "
            "or a model for sentence-transformers"
        )
    bag: dict[int, float] = {}
    for rank, meaning in enumerate(meanings, 1):
        for kind in nouns.kinds(meaning):
            bag[kind] = bag.get(kind, 0.0) + 1 / rank**2
    return bag


def _sentences(texts: Sequence[str], encoder: str) -> Vectors:
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as problem:
        raise _missing(encoder, f"{problem.name}, which comes with pip install '.[text]'") from None
    try:
        model: Any = SentenceTransformer(encoder, device="cpu", local_files_only=True)
    except (OSError, ValueError) as problem:
        reason = " ".join(str(problem).split())
        raise _missing(encoder, f"its weights on this machine, in a folder or the cache ({reason})") from problem
    with one_thread():
        return np.asarray(model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False), np.float64)


def _missing(encoder: str, what: str) -> DataError:
    return DataError(
        f"partition.encoder: {encoder!r} needs {what}; allowed: wordnet, or a model for sentence-transformers"
    )
