"""What this project has begun elsewhere and not ended: runs in MLflow and Prefect, whose process may be killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.process.process_identity import ProcessIdentity, this_process

Kind = Literal["mlflow", "prefect"]


class _Begun(BaseModel):
    """Who began it, and on which server or in which database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    process: ProcessIdentity
    where: str


@contextmanager
def under_way(kind: Kind, name: str, where: str) -> Iterator[None]:
    """Keep on disk, for the length of a block, that a run is under way; an exception, as a kill, leaves it there."""
    path = paths.under_way(kind, name)
    write_atomically(path, _Begun(process=this_process(), where=where).model_dump_json().encode())
    yield
    path.unlink(missing_ok=True)


def abandoned(kind: Kind, where: str) -> list[str]:
    """The runs there that a process of this project and machine, which is surely no more, did not end."""
    names = sorted(path.name for path in paths.under_way(kind, "").glob("[!.]*"))
    return [name for name in names if _is_abandoned(kind, name, where)]


def forget(kind: Kind, name: str) -> None:
    """A run that was abandoned has been ended."""
    paths.under_way(kind, name).unlink(missing_ok=True)


def _is_abandoned(kind: Kind, name: str, where: str) -> bool:
    try:
        begun = _Begun.model_validate_json(paths.under_way(kind, name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return False
    return begun.where == where and begun.process.is_dead()
