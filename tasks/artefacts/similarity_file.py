"""How similarities of masks are kept in the store: safetensors, what the rows and columns are as JSON."""

import json
from collections.abc import Sequence

from safetensors.torch import load, save

from rtl_core.similarity import Similarity


def similarity_to_bytes(similarity: Similarity, names: Sequence[str]) -> bytes:
    """The same bytes for the same similarities; ``names`` of the masks."""
    about = {"groups": similarity.groups, "pairs": similarity.pairs, "names": list(names)}
    return save({"jaccard": similarity.jaccard, "chance": similarity.chance}, {"about": json.dumps(about)})


def similarity_from_bytes(data: bytes) -> tuple[Similarity, tuple[str, ...]]:
    """Similarities and the names of the masks, as ``similarity_to_bytes`` wrote them."""
    length = int.from_bytes(data[:8], "little")
    about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])
    tensors = load(data)
    pairs = tuple((a, b) for a, b in about["pairs"])
    similarity = Similarity(tuple(about["groups"]), pairs, tensors["jaccard"], tensors["chance"])
    return similarity, tuple(about["names"])
