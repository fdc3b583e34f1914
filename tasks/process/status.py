"""What long steps have reached, for people to read beside the bar."""

_lines: dict[str, str] = {}


def say(subject: str, where: str) -> None:
    """Say where a subject has come to, in place of what was said of it before."""
    _lines[subject] = where


def forget(subject: str) -> None:
    """Say nothing more of a subject."""
    _lines.pop(subject, None)


def status_lines() -> list[str]:
    """Everything that is being said in this process."""
    return [f"{subject}: {where}" for subject, where in sorted(_lines.copy().items())]
