"""The order of things: one flow per stage, and the pipeline that chains them."""

import gc
import sys

from tasks import prefect_environment as prefect_environment  # before Prefect, which each flow imports
from tasks.temporary_server import start_early

# Python sets argv[0] to "-m" while it looks for a module to run: `python -m flows.extract` is under way, and
# Prefect's server can come up while the stage's imports take their seconds.
if sys.argv[0] == "-m" and "--help" not in sys.argv:
    start_early()
    gc.disable()  # imports make a million lasting objects; ``start`` sets them aside and collects again
