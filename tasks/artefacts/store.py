"""Where artefacts lie between steps: files named by the SHA-256 of their content, in a folder or an object store."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NotRequired, TypedDict

import fsspec

from rtl_core.errors import DataError
from tasks.artefacts import paths
from tasks.artefacts.digests import file_digest
from tasks.artefacts.whole_file import whole_file
from tasks.process.computing_time import spending


class Reference(TypedDict):
    """What steps hand to one another: the digest of an object and, of a published file, its path for messages; of what
    was trained, the seconds that this took.
    """

    sha256: str
    path: NotRequired[str]
    seconds: NotRequired[float]


class Store:
    """Objects in a folder, perhaps one that several machines share, or under a URL that fsspec reaches, such as
    s3://bucket/folder, where objects appear whole. An object is never changed; deleting one costs the step that made
    it.
    """

    def __init__(self, place: str) -> None:
        self._is_folder = "://" not in place
        self._files, root = fsspec.url_to_fs(place)
        self._root = place if self._is_folder else root
        self._verified: set[str] = set()

    def path(self, digest: str) -> str:
        """Where the object of this SHA-256 lies, or would lie."""
        return f"{self._root}/{digest[:2]}/{digest}"

    def holds(self, digest: str) -> bool:
        """Whether the object is there and its content is what its name says.

        In a folder it is read again where its size or time differs, elsewhere once per process.
        """
        if self._is_folder:
            try:
                return file_digest(Path(self.path(digest))) == digest
            except OSError:
                return False
        if digest not in self._verified:
            try:
                with self._files.open(self.path(digest), "rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                        self._verified.add(digest)
            except FileNotFoundError:
                return False
        return digest in self._verified

    @spending("store")
    def put(self, data: bytes) -> str:
        """Keep bytes; their SHA-256 in hexadecimal."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.holds(digest):
            if self._is_folder:
                path = Path(self.path(digest))
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(path, content_is_checked=True) as unfinished:
                    unfinished.write_bytes(data)
            else:
                self._files.makedirs(self._files._parent(self.path(digest)), exist_ok=True)
                self._files.pipe_file(self.path(digest), data)
        return digest

    @spending("store")
    def put_file(self, path: Path) -> str:
        """Keep the content of a file, which may be larger than memory; its SHA-256 in hexadecimal.

        Raises:
            OSError: the file cannot be read.
            DataError: it changed meanwhile.
        """
        digest = file_digest(path)
        if not self.holds(digest):
            if self._is_folder:
                _copy_checked(path, Path(self.path(digest)), digest)
            else:
                with TemporaryDirectory() as scratch:
                    _copy_checked(path, whole := Path(scratch, digest), digest)
                    self._files.makedirs(self._files._parent(self.path(digest)), exist_ok=True)
                    self._files.put_file(str(whole), self.path(digest))
        return digest

    @spending("store")
    def copy(self, digest: str, path: Path) -> None:
        """Write an object, which may be larger than memory, to a path, whole or not at all.

        Raises:
            DataError: the object is missing, or its content does not match its name.
        """
        with self._named(digest):
            if self._is_folder:
                _copy_checked(Path(self.path(digest)), path, digest)
            else:
                with TemporaryDirectory() as scratch:
                    self._files.get_file(self.path(digest), str(Path(scratch, digest)))
                    _copy_checked(Path(scratch, digest), path, digest)

    @spending("store")
    def get(self, digest: str) -> bytes:
        """The bytes of an object.

        Raises:
            DataError: the object is missing, or its content does not match its name.
        """
        with self._named(digest):
            data: bytes = (
                Path(self.path(digest)).read_bytes() if self._is_folder else self._files.cat_file(self.path(digest))
            )
        if hashlib.sha256(data).hexdigest() != digest:
            raise DataError(f"{self.path(digest)}: object altered in the store; run the stage again")
        return data

    @contextmanager
    def _named(self, digest: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise DataError(f"{self.path(digest)}: object missing from the store; run the stage again") from None


def called(reference: Reference) -> str:
    """What messages call an artefact."""
    return reference.get("path", reference["sha256"])


def _copy_checked(source: Path, target: Path, digest: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as unfinished:
        shutil.copyfile(source, unfinished)
        with unfinished.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise DataError(f"{source}: content altered; run the stage again")


STORE = Store(paths.objects())
