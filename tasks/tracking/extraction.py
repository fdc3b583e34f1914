"""What MLflow shows of an extraction under way: the similarity of masks, round after round."""

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from rtl_core.distinct_names import METRICS, distinct_names
from tasks.process.interruption import if_ended_early
from tasks.tracking.abandoned import process_tag
from tasks.tracking.client import open_client, open_experiment
from tasks.tracking.reachable import why_refused

SHOWN = ("jaccard", "excess", "departure")


class LiveTracking:
    """A run named ``extraction`` in the experiment of the problem; the step of its metrics is the sparsity in percent.

    Everything is logged by one thread of its own, which imports MLflow meanwhile. An extraction that was logged to
    its end once is not logged again. What MLflow refuses stops nothing: one line at the end says so.

    Args:
        problem: name of the experiment.
        identity: what tells this extraction from others.
        instances: the problem's; none where it is the one job.
    """

    def __init__(self, problem: str, identity: str, instances: Sequence[str] = ()) -> None:
        self._problem, self._identity = problem, identity
        self._names = distinct_names(instances, METRICS)
        self._thread = ThreadPoolExecutor(1)
        self._done: list[Future[None]] = []
        self._run: str | None = None
        self._refused = False  # from then on nothing but its end is tried: each try may take a minute
        self._open = ExitStack()

    def __enter__(self) -> "LiveTracking":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Wait until all is logged and close the run."""
        if self._done:
            self._done.append(self._thread.submit(self._finish, "FAILED" if error else "FINISHED"))
        self._thread.shutdown()
        if refused := [problem for done in self._done if (problem := done.exception())]:
            why = why_refused(refused[0])
            print(f"warning: MLflow did not take the similarity of all rounds: {why}", file=sys.stderr)

    def log(self, seed: int, sparsity: float, similarity: Mapping[str, Any], instance: str = "") -> None:
        """Log what ``measure_similarity`` found after a round of one seed, of one instance where there are several."""
        if not self._done:
            self._done.append(self._thread.submit(self._begin))
        whose = f"{self._names[instance]}/seed_{seed}" if instance else f"seed_{seed}"
        values = {f"similarity/{name}/{whose}": similarity[name] for name in SHOWN}
        self._done.append(self._thread.submit(self._log, values, round(100 * sparsity)))

    def _begin(self) -> None:
        self._client = open_client()
        experiment = open_experiment(self._client, self._problem)
        known = f"tags.`rtl.extraction` = '{self._identity}' and attributes.status = 'FINISHED'"
        if not self._client.search_runs([experiment], known, max_results=1):
            tags = {"rtl.extraction": self._identity, **process_tag(self._client)}
            self._run = self._client.create_run(experiment, tags=tags, run_name="extraction").info.run_id
            self._open.enter_context(if_ended_early(partial(self._client.set_terminated, self._run, "KILLED")))

    def _log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        if self._run and not self._refused:
            now = int(1000 * time.time())
            self._refused = True
            self._client.log_batch(self._run, [Metric(name, value, now, step) for name, value in values.items()])
            self._refused = False

    def _finish(self, status: str) -> None:
        if self._run:  # also of one that was refused something: else it stays open
            with self._open:
                self._client.set_terminated(self._run, status)
