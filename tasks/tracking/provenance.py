"""Which code, data and run a result came from."""

import os
import shutil
import subprocess
from pathlib import Path

from prefect.context import get_run_context

from tasks.artefacts.digests import file_digest


def provenance() -> dict[str, str]:
    """Tags of the flow run that is under way: git commit, digest of dvc.lock, Prefect flow-run id.

    Where there is no commit, why stands in its place; a dvc.lock that is not there yet is left out.
    """
    tags = {"prefect.flow_run_id": str(get_run_context().flow_run.id), **git_facts()}  # type: ignore[union-attr]
    if (lock := Path("dvc.lock")).is_file():
        tags["dvc.lock"] = file_digest(lock)
    return tags


def git_facts() -> dict[str, str]:
    """The commit of the current folder, and whether anything in it differs; or why there is none, in words."""
    if not shutil.which("git"):
        return {"git.commit": "no git on this machine"}
    commit = _git("rev-parse", "--verify", "HEAD")
    if commit.returncode == 0:
        return {
            "git.commit": commit.stdout.strip(),
            "git.clean": str(not _git("status", "--porcelain").stdout.strip()).lower(),
        }
    if "not a git repository" in commit.stderr:
        return {"git.commit": "no git repository"}
    if "Needed a single revision" in commit.stderr:
        return {"git.commit": "no commit yet"}
    return {"git.commit": f"none that git tells ({commit.stderr.strip().splitlines()[0]})"}


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    in_english = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, env=in_english)
