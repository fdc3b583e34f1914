"""What is known of the run that a comparison came from, found by the tables as they lie there.

A description names its run, so it is no output of DVC's: when DVC brings the tables of another run back, what lies
beside them is still of the run before.
"""

from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.artefacts import paths
from tasks.artefacts.digests import digest_of, file_digest
from tasks.artefacts.whole_file import write_atomically
from tasks.tables.published import OPTIONAL, REQUIRED

NOT_LOGGED = "mlflow"
"""The fact that stands in the place of a run's, where MLflow did not take the comparison."""


class Time(NamedTuple):
    """Seconds that one training took to get to a method's tickets or networks, a mean over seeds; ``instance`` is empty
    where the problem is the one job.
    """

    instance: str
    method: str
    sparsity: float
    seconds: float


class Description(BaseModel):
    """Which code, data and run tables came from, their problem's settings under dotted keys, and in lines what the
    partition stage left out of the data, and why; when they were made (ISO 8601), the times of what trained here, and
    the seconds of all of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: dict[str, str]
    settings: dict[str, str]
    left_out: list[str]
    made_at: str = ""
    times: list[Time] = []
    seconds: float = 0.0

    def of_instance(self, instance: str) -> "Description":
        """What is known of one instance's part of the run."""
        own = [time for time in self.times if time.instance == instance]
        return self.model_copy(update={"left_out": [], "times": own, "seconds": 0.0})

    @property
    def not_logged(self) -> str:
        """That MLflow does not have the comparison, and what gives it; empty where it has."""
        return self.facts.get(NOT_LOGGED, "")

    @property
    def run_id(self) -> str:
        """The run in MLflow; empty while that does not have the comparison."""
        return self.facts.get("mlflow.run_id", "")


def times_of(trainings: pd.DataFrame) -> list[Time]:
    """Means over seeds of ``tasks.jobs.training_times.read_training_times``."""
    means = trainings.groupby(["instance", "method", "sparsity"], sort=False).seconds.mean().reset_index()
    return [Time(*row) for row in means.itertuples(index=False)]


def tables_digest(problem: str) -> str:
    """SHA-256, in hexadecimal, over the published tables of a problem as they lie there now."""
    folder = paths.tables(problem)
    files = [folder / f"{name}.{suffix}" for name in (*REQUIRED, *OPTIONAL) for suffix in ("csv", "parquet")]
    digests = {path.name: file_digest(path) for path in files if path.is_file()}
    return digest_of(digests)


def read_description(problem: str, digest: str) -> Description | None:
    """The description of the last run here that published the tables of this digest; None where none is known."""
    try:
        return Description.model_validate_json(paths.description(problem, digest).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_description(problem: str, digest: str, description: Description) -> None:
    """Keep a description, in place of an earlier one of the same tables."""
    write_atomically(paths.description(problem, digest), description.model_dump_json(indent=2).encode())
