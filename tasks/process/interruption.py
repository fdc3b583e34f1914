"""How a process ends before its time: at once, nothing of it half-written, nothing of it left running."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

GOES_ON = "run the same command again: it goes on where it was"
MOST_SECONDS = 5.0
"""That undoing may take: a server which no longer answers must not keep anyone from ending."""

_actions: dict[object, Callable[[], object]] = {}
_ending = threading.Lock()
_told = threading.Event()
_listening = threading.Event()


@contextmanager
def if_ended_early(action: Callable[[], object]) -> Iterator[None]:
    """Have something done should the process end within the block; the block may begin and end in any thread.

    One that begins while the process is ending goes no further.
    """
    key = object()
    _actions[key] = action
    if _told.is_set():
        with suppress(Exception):
            action()
        leave_to_end(True)
    try:
        yield
    finally:
        _actions.pop(key, None)


def end_when_told() -> None:
    """From now on Ctrl-C and SIGTERM end this process with one line, whatever its threads are at, unless they are
    ignored already (nohup, say). Saying so again changes nothing.

    A thread waits for them: the main thread may be in C code for long, and Prefect raises exceptions of its own there.
    """
    if _listening.is_set():
        return
    _listening.set()
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    threading.Thread(target=_wait_until_told, args=(told,), daemon=True).start()


def end(status: int, line: str) -> NoReturn:
    """Do what ``if_ended_early`` was given, latest first, kill all processes below this one, print a line and exit.

    Training goes on in threads until then, and may: results are published whole or not at all.
    """
    import psutil

    with _ending:
        _told.set()
        undoing = threading.Thread(target=_undo, daemon=True)
        undoing.start()
        undoing.join(MOST_SECONDS)
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
        with suppress(OSError):  # nobody may read there any more
            if sys.stdout.isatty():
                sys.stdout.write("\x1b[?25h\n")  # a bar hides the cursor
                sys.stdout.flush()
            print(line, file=sys.stderr, flush=True)
        os._exit(status)


def leave_to_end(wait: bool) -> None:
    """Return, unless the process is ending, or (``wait``) will: what its threads raise meanwhile is of no interest."""
    if wait or _told.is_set():
        threading.Event().wait()


def _wait_until_told(told: int) -> None:
    while (number := os.read(told, 1)[0]) not in (signal.SIGINT, signal.SIGTERM):
        pass
    end(128 + number, f"interrupted; {GOES_ON}")


def _undo() -> None:
    for action in reversed(list(_actions.values())):
        with suppress(Exception):
            action()
