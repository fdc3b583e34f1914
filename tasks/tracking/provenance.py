"""Which code, data and run a result came from."""

import shutil
import subprocess
from pathlib import Path

from prefect.context import get_run_context

from tasks.artefacts.digests import file_digest


def provenance() -> dict[str, str]:
    """Tags of the flow run that is under way: git commit, digest of dvc.lock, Prefect flow-run id.

    A fact that does not exist (no git repository, no dvc.lock yet) is left out.
    """
    tags = {"prefect.flow_run_id": str(get_run_context().flow_run.id)}  # type: ignore[union-attr]
    if shutil.which("git") and (commit := _git("rev-parse", "HEAD")):
        tags["git.commit"] = commit
        tags["git.clean"] = str(not _git("status", "--porcelain")).lower()
    if (lock := Path("dvc.lock")).is_file():
        tags["dvc.lock"] = file_digest(lock)
    return tags


def _git(*arguments: str) -> str:
    """What a git command prints; nothing where it fails."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()
