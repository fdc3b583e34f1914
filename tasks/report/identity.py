"""What tells one comparison from another: when any of it differs, MLflow gets new runs and the pages are new."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.artefacts.digests import digest_of, file_digest
from tasks.artefacts.store import Reference
from tasks.report.page import PARTS
from tasks.sources.source_digest import step_digest

SHOWN_BY = ("tasks.report.pages", "tasks.tracking.comparison")


def comparison_identity(
    published: Mapping[Path, Reference],
    settings: Mapping[str, str],
    data_digest: str,
    left_out: Sequence[str],
) -> str:
    """SHA-256 in hexadecimal over what is shown and the code that shows it.

    Args:
        published: references of the tables, pictures and sounds, by path.
        settings: the problem's settings under dotted keys.
        data_digest: SHA-256 of the partitioned data, in hex.
        left_out: what the partition stage left out of the data, in lines.
    """
    return digest_of(
        {
            "published": {str(path): reference["sha256"] for path, reference in published.items()},
            "settings": dict(settings),
            "data": data_digest,
            "left_out": list(left_out),
            "sources": {module: step_digest(module) for module in SHOWN_BY},
            "parts": [file_digest(part) for part in PARTS],
        }
    )
