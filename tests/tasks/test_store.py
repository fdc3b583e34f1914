"""The store gives back what it was given, or says that it cannot."""

import ast
import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from rtl_core.errors import DataError
from tasks.artefacts.digests import file_digest
from tasks.artefacts.store import Store
from tasks.artefacts.whole_file import write_atomically
from tasks.sources.source_digest import source_digest


@pytest.fixture(params=["folder", "object store"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Store]:
    if request.param == "folder":
        return lambda name: Store(str(tmp_path / name))
    return lambda name: Store(f"memory:/{tmp_path}/{name}")


@pytest.fixture
def store(new_store: Callable[[str], Store]) -> Store:
    return new_store("objects")


def flip_one_bit(path: str) -> None:
    files, place = fsspec.url_to_fs(path if Path(path).is_file() else f"memory:/{path}")
    content = bytearray(files.cat_file(place))
    content[0] ^= 1
    files.pipe_file(place, bytes(content))


def test_what_was_put_is_got(new_store: Callable[[str], Store], tmp_path: Path) -> None:
    store, data = new_store("objects"), bytes(range(256)) * 99
    digest = store.put(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert store.get(digest) == data
    assert store.path(digest) == f"{tmp_path}/objects/{digest[:2]}/{digest}"
    (tmp_path / "file").write_bytes(data)
    assert store.put_file(tmp_path / "file") == digest == file_digest(tmp_path / "file")
    store.copy(digest, tmp_path / "a folder/copy")
    assert (tmp_path / "a folder/copy").read_bytes() == data
    other = new_store("other")
    assert other.put_file(tmp_path / "file") == digest and other.get(digest) == data


def test_a_folder_holds_nothing_but_objects(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    digest = store.put(b"mask")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [Path(store.path(digest))]


def test_a_flipped_bit_is_noticed_and_the_next_put_mends_it(new_store: Callable[[str], Store], tmp_path: Path) -> None:
    before, store = new_store("objects"), new_store("objects")
    digest = before.put(b"mask")
    assert before.holds(digest)
    flip_one_bit(store.path(digest))
    assert not store.holds(digest)
    with pytest.raises(DataError, match=f"{digest}.*altered"):
        store.get(digest)
    with pytest.raises(DataError, match=f"{digest}.*altered"):
        store.copy(digest, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))
    assert store.put(b"mask") == digest
    assert store.get(digest) == b"mask"


def test_a_missing_object_is_named(store: Store, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"never put").hexdigest()
    assert not store.holds(digest)
    with pytest.raises(DataError, match=f"{digest}.*missing"):
        store.get(digest)
    with pytest.raises(DataError, match=f"{digest}.*missing"):
        store.copy(digest, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: type[BaseException]
) -> None:
    write_atomically(tmp_path / "file", b"before")

    def stop(descriptor: int) -> None:
        raise stopped

    monkeypatch.setattr(os, "fsync", stop)
    for name in ("file", "new"):
        with pytest.raises(stopped):
            write_atomically(tmp_path / name, b"half of it")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"


def test_source_digest_follows_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "a_users_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "problem.py").write_text("import math\nfrom . import network\n")
    (package / "network.py").write_text("from a_users_package.loss import weight\n")
    (package / "loss.py").write_text("weight = 1\n")
    (package / "unrelated.py").write_text("weight = 1\n")

    def digest() -> str:
        source_digest.cache_clear()
        return source_digest("a_users_package.problem")

    first = digest()
    (package / "unrelated.py").write_text("weight = 2\n")
    assert digest() == first
    (package / "loss.py").write_text("weight = 2\n")
    assert digest() != first


def test_sources_are_parsed_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most, parse = [], [], ast.parse

    def watched(*arguments: Any) -> ast.AST:
        inside.append(arguments)
        time.sleep(0.001)
        most.append(len(inside))
        inside.pop()
        return parse(*arguments)

    monkeypatch.setattr(ast, "parse", watched)
    source_digest.cache_clear()
    rooms = (
        "artefacts.store",
        "caching.records",
        "artefacts.paths",
        "tables.names",
        "jobs.levels",
        "artefacts.publishing",
    )
    modules = [f"tasks.{name}" for name in rooms]
    with ThreadPoolExecutor(len(modules)) as pool:
        assert len(set(pool.map(source_digest, modules))) == len(modules)
    assert len(most) > len(modules) and max(most) == 1
