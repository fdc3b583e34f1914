"""Where artefacts lie between steps: files named by the SHA-256 of their content, in a folder or an object store."""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec

from rtl_core.errors import DataError
from tasks.artefacts import paths
from tasks.artefacts.whole_file import file_digest, whole_file, write_atomically


class Store:
    """A folder of objects, perhaps one that several machines share. An object is never changed; deleting one costs the
    step that made it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Where the object of this SHA-256 lies, or would lie."""
        return self.root / digest[:2] / digest

    def holds(self, digest: str) -> bool:
        """Whether the object is there and its content is what its name says."""
        try:
            return file_digest(self.path(digest)) == digest
        except OSError:
            return False

    def put(self, data: bytes) -> str:
        """Keep bytes; their SHA-256 in hexadecimal."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.holds(digest):
            write_atomically(self.path(digest), data)
        return digest

    def put_file(self, path: Path) -> str:
        """Keep the content of a file, which may be larger than memory; its SHA-256 in hexadecimal.

        Raises:
            OSError: the file cannot be read.
            DataError: it changed meanwhile.
        """
        digest = file_digest(path)
        if not self.holds(digest):
            _copy_checked(path, self.path(digest), digest)
        return digest

    def copy(self, digest: str, path: Path) -> None:
        """Write an object, which may be larger than memory, to a path, whole or not at all.

        Raises:
            DataError: the object is missing, or its content does not match its name.
        """
        try:
            _copy_checked(self.path(digest), path, digest)
        except FileNotFoundError:
            raise _missing(self.path(digest)) from None

    def get(self, digest: str) -> bytes:
        """The bytes of an object.

        Raises:
            DataError: the object is missing, or its content does not match its name.
        """
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise _missing(path) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise DataError(f"{path}: object altered in the store; run the stage again")
        return data


class ObjectStore:
    """The same in what fsspec reaches under a URL, such as s3://bucket/folder, and where objects appear whole."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.url_to_fs(url)
        self._verified: set[str] = set()

    def path(self, digest: str) -> str:
        """Where the object of this SHA-256 lies, or would lie."""
        return f"{self._root}/{digest[:2]}/{digest}"

    def holds(self, digest: str) -> bool:
        """Whether the object is there and its content is what its name says; read once per process."""
        if digest not in self._verified:
            try:
                with self._files.open(self.path(digest), "rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                        self._verified.add(digest)
            except FileNotFoundError:
                return False
        return digest in self._verified

    def put(self, data: bytes) -> str:
        """Keep bytes; their SHA-256 in hexadecimal."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.holds(digest):
            self._files.makedirs(self._files._parent(self.path(digest)), exist_ok=True)
            self._files.pipe_file(self.path(digest), data)
        return digest

    def put_file(self, path: Path) -> str:
        """Keep the content of a file, which may be larger than memory; its SHA-256 in hexadecimal.

        Raises:
            OSError: the file cannot be read.
            DataError: it changed meanwhile.
        """
        digest = file_digest(path)
        if not self.holds(digest):
            with TemporaryDirectory() as scratch:
                _copy_checked(path, Path(scratch, digest), digest)
                self._files.makedirs(self._files._parent(self.path(digest)), exist_ok=True)
                self._files.put_file(str(Path(scratch, digest)), self.path(digest))
        return digest

    def copy(self, digest: str, path: Path) -> None:
        """Write an object, which may be larger than memory, to a path, whole or not at all.

        Raises:
            DataError: the object is missing, or its content does not match its name.
        """
        with TemporaryDirectory() as scratch:
            try:
                self._files.get_file(self.path(digest), str(Path(scratch, digest)))
            except FileNotFoundError:
                raise _missing(self.path(digest)) from None
            _copy_checked(Path(scratch, digest), path, digest)

    def get(self, digest: str) -> bytes:
        """The bytes of an object.

        Raises:
            DataError: the object is missing, or its content does not match its name.
        """
        try:
            data: bytes = self._files.cat_file(self.path(digest))
        except FileNotFoundError:
            raise _missing(self.path(digest)) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise DataError(f"{self.path(digest)}: object altered in the store; run the stage again")
        return data


def _missing(path: Path | str) -> DataError:
    return DataError(f"{path}: object missing from the store; run the stage again")


def _copy_checked(source: Path, target: Path, digest: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as unfinished:
        shutil.copyfile(source, unfinished)
        with unfinished.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise DataError(f"{source}: content altered; run the stage again")


STORE = ObjectStore(paths.objects()) if "://" in paths.objects() else Store(Path(paths.objects()))
