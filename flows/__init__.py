"""The order of things: one flow per stage, and the pipeline that chains them."""

import gc
import signal
import sys

from tasks.process.interruption import end_when_told
from tasks.server.temporary_server import start_early

try:
    from tasks import prefect_environment as prefect_environment  # before Prefect, which each flow imports

    # Python sets argv[0] to "-m" while it looks for a module to run: `python -m flows.extract` is under way, and
    # Prefect's server can come up while the stage's imports take their seconds.
    if sys.argv[0] == "-m" and "--help" not in sys.argv:
        end_when_told()
        start_early()
        gc.disable()  # imports make a million lasting objects; ``start`` sets them aside and collects again
    elif "--multiprocessing-fork" in sys.orig_argv:  # a worker ends with its run, and a terminal tells both
        signal.signal(signal.SIGINT, signal.SIG_IGN)
except OSError as problem:
    from tasks.process.outages import refusal

    if (line := refusal(problem)) is None:
        raise
    sys.exit(f"error: {line}")
