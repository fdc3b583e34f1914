"""Which code, data and run a result came from."""

import hashlib
import subprocess
from pathlib import Path

from prefect.context import get_run_context


def provenance() -> dict[str, str]:
    """Tags of the flow run that is under way: git commit, digest of dvc.lock, Prefect flow-run id.

    A fact that does not exist (no git repository, no dvc.lock yet) is left out.
    """
    tags = {"prefect.flow_run_id": str(get_run_context().flow_run.id)}  # type: ignore[union-attr]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if commit.returncode == 0:
        changes = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False)
        tags["git.commit"] = commit.stdout.strip()
        tags["git.clean"] = str(not changes.stdout).lower()
    if (lock := Path("dvc.lock")).is_file():
        tags["dvc.lock"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    return tags
