"""The order of things: one flow per stage, and the pipeline that chains them."""

import signal
import sys

try:
    from tasks import prefect_environment as prefect_environment  # before Prefect, which each flow imports
except OSError as problem:
    from tasks.process.outages import refusal

    if (line := refusal(problem)) is None:
        raise
    sys.exit(f"error: {line}")

if "--multiprocessing-fork" in sys.orig_argv:  # a worker ends with its run, and a terminal tells both
    signal.signal(signal.SIGINT, signal.SIG_IGN)
