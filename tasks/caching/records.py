"""Where Prefect keeps the records of steps, and which of them can be relied on."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import fsspec
from prefect.results import ResultRecord  # type: ignore[attr-defined]
from prefect.serializers import Serializer
from prefect.settings import get_current_settings
from pydantic import Field

from tasks.artefacts import paths
from tasks.artefacts.store import STORE
from tasks.prefect_environment import RECORDS_BLOCK

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


class Kept(NamedTuple):
    """The result of a step that need not run again."""

    result: Any


def kept(key: str) -> Kept | None:
    """What the record of this key holds; None where there is none.

    A record that is unreadable, or that names an artefact which the store no longer holds, is removed.
    """
    files, folder = fsspec.url_to_fs(_location())
    record = f"{folder}/{key}"
    try:
        content = files.cat_file(record)
    except FileNotFoundError:
        return None
    result = _read(content)
    if result is None:
        files.rm_file(record)
    return result


def declare_records() -> None:
    """Tell Prefect's server of the records, where these are not in a folder: workers elsewhere ask it.

    Raises:
        ValueError: the URL is none that fsspec reaches.
    """
    if "://" in paths.shared_store():
        from prefect.filesystems import RemoteFileSystem

        RemoteFileSystem(basepath=_location()).save(RECORDS_BLOCK, overwrite=True)


def _location() -> str:
    if "://" in paths.shared_store():
        return f"{paths.shared_store()}/records"
    return str(get_current_settings().results.local_storage_path)


def _read(record: bytes) -> Kept | None:
    try:
        # A record says itself how it is to be read, and Prefect's own ways load pickles or call what is named in it.
        if json.loads(record)["metadata"]["serializer"] != DigestedJson().model_dump():
            return None
        result = ResultRecord[Any].deserialize(record).result
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Kept(result) if all(STORE.holds(digest) for digest in _references(result)) else None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("sha256"), str):
            yield value["sha256"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
