"""What can be wrong with what a user gives: each error is one clear line."""


def one_line(text: str) -> str:
    """Text with the characters that break a line or command a terminal, as a file's name may hold, written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason_of(problem: BaseException) -> str:
    """The class of an error and what it says, as words of one line: of one that a user's code, or a library, raised."""
    return f"{type(problem).__name__}: {' '.join(str(problem).split())}"


class RtlError(Exception):
    """An error that a user can act on. Its message is one line: what, where, and what is allowed."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class SettingsError(RtlError):
    """A setting has the wrong name, type or range."""


class DataError(RtlError):
    """Data are missing, unreadable or not what they claim to be."""


class TicketFileError(RtlError):
    """A ticket file is truncated, altered or not a ticket file."""


class DivergedError(RtlError):
    """Training produced a loss that is not a number."""
