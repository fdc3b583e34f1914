"""How the result of a step is written in its record: JSON behind its own SHA-256."""

import hashlib
import json
from typing import Any

from prefect.serializers import Serializer
from pydantic import Field

DIGEST = 64


class DigestedJson(Serializer):
    """What Prefect's own JSON serializer does not do: it notices a digit that changed, and it calls nothing by name."""

    type: str = Field(default="digested-json", frozen=True)

    def dumps(self, obj: Any) -> bytes:
        """64 hexadecimal digits, then UTF-8 JSON.

        Raises:
            TypeError: JSON cannot hold the object.
        """
        written = json.dumps(obj).encode()
        return hashlib.sha256(written).hexdigest().encode() + written

    def loads(self, blob: bytes) -> Any:
        """The object.

        Raises:
            ValueError: the digest does not match, or what it matches is no JSON.
        """
        digest, written = blob[:DIGEST], blob[DIGEST:]
        if hashlib.sha256(written).hexdigest().encode() != digest:
            raise ValueError("result altered in the record of its step")
        return json.loads(written)
