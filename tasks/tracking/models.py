"""Which tickets of a comparison MLflow has as models, what it is told of them and which it registers."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from rtl_core.description.preprocessing import Preprocessing
from rtl_core.distinct_names import METRICS, distinct_names
from rtl_core.errors import RtlError
from rtl_core.methods import METHODS
from rtl_core.serving import Serving
from rtl_core.use.allowed import import_path_in
from rtl_core.use.prediction import Values
from tasks.artefacts.paths import JobName
from tasks.jobs.published_tickets import published_tickets
from tasks.tables.best_tickets import VALIDATION, BestTickets, best_tickets
from tasks.tables.names import method_name
from tasks.tracking.client import open_client
from tasks.tracking.metrics import mean_scores

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

MODEL = Path(__file__).with_name("served_tickets.py")
REGISTERED = "rtl-"
BASELINES = ("one network", "K networks")
"""Kinds of methods that are of use beside RTL; controls are not."""
MOST_EXAMPLE = 1 << 14
"""Numbers in an input example, which is kept as text twice."""


def log_models(problem: str, run_id: str, tables: Mapping[str, pd.DataFrame], sections: Sequence[str]) -> None:
    """Log the best tickets of RTL, and the baselines of their seed and sparsity, to the runs of their methods.

    RTL's is a new version of the registered model ``rtl-<problem>``, or ``rtl-<problem>-<instance>``, with its scores
    as tags and in its description. What a file cannot be used by is a line in the tag ``model`` of the method's run.

    Args:
        problem: name of the experiment.
        run_id: of the comparison, as ``track`` returned it.
        tables: results and scoring, as published.
        sections: names of all problems, from which this one's name is to differ in the registry.

    Raises:
        MlflowException: the tracking server refused something.
    """
    client = open_client()
    experiment = client.get_run(run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    runs = {run.data.params["method"]: run.info.run_id for run in children}
    bests = best_tickets(tables["results"], tables["scoring"])
    jobs = [JobName(problem, best.instance) for best in bests]
    called = distinct_names([*sections, *(_title(job) for job in jobs)], METRICS)
    for job, best in zip(jobs, bests, strict=True):
        for method in [best.method, *_baselines(tables["results"])]:
            logged = _LoggedTickets(client, experiment, runs[method], f"{called[_title(job)]}-{method}")
            scores = mean_scores(tables["results"], best.instance, method, best.seed, best.sparsity)
            paths = published_tickets(job, method, best.seed, best.sparsity)
            try:
                logged.log(paths, best, method, scores)
            except RtlError as problem_of_file:
                client.set_tag(runs[method], "model", f"not logged: {problem_of_file}")
                continue
            if method == best.method:
                logged.register(REGISTERED + called[_title(job)], _description(best, scores))


def _title(job: JobName) -> str:
    return f"{job.problem}-{job.instance}" if job.instance else job.problem


def _baselines(results: pd.DataFrame) -> list[str]:
    return [method for method in results.method.unique() if METHODS[method].kind in BASELINES]


class _LoggedTickets:
    """The model of one method, from its beginning to its version in the registry."""

    def __init__(self, client: "MlflowClient", experiment: str, run_id: str, name: str) -> None:
        self._client, self._experiment, self._run_id, self._name = client, experiment, run_id, name

    def log(self, paths: Sequence[Path], best: BestTickets, method: str, scores: Mapping[str, float]) -> None:
        """Log ticket files; a prediction is made of them before.

        Raises:
            RtlError: the files do not say how they are used, or cannot be.
        """
        from mlflow.entities import LoggedModelOutput

        trusted = _trusted(paths)
        serving = Serving.of_files(paths, "model", trusted)
        signature = _signature(serving)
        place = {"method": method, "seed": str(best.seed), "sparsity": f"{best.sparsity:g}"}
        if best.instance:
            place["instance"] = best.instance
        self._tags = place | {name: f"{value:.6g}" for name, value in scores.items()}
        if self._was_logged():
            return
        self._model = self._client.create_logged_model(
            self._experiment, self._name, self._run_id, tags=self._tags, params=place, model_type="tickets"
        )
        with TemporaryDirectory() as folder:
            self._save(Path(folder, "model"), paths, serving, signature)
            self._client.log_model_artifacts(self._model.model_id, str(Path(folder, "model")))
        self._client.finalize_logged_model(self._model.model_id, "READY")
        step = round(100 * best.sparsity)
        self._client.log_outputs(self._run_id, [LoggedModelOutput(self._model.model_id, step)])

    def _was_logged(self) -> bool:
        """Whether an earlier process logged it to the end; what of it one left half-way is removed."""
        named = f"source_run_id = '{self._run_id}' and name = '{self._name}'"
        for model in self._client.search_logged_models([self._experiment], named):
            if model.status == "READY":
                self._model = model
                return True
            self._client.delete_logged_model(model.model_id)
        return False

    def register(self, name: str, description: str) -> None:
        """Make what was logged a new version of a registered model, unless it is one; the description of its run links
        to it.
        """
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as refused:
            if refused.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = self._client.search_model_versions(f"name = '{name}' and run_id = '{self._run_id}'")
        version = (
            found[0]
            if found
            else self._client.create_model_version(
                name,
                f"models:/{self._model.model_id}",
                self._run_id,
                tags=self._tags,
                description=description,
                model_id=self._model.model_id,
            )
        ).version
        link = f"[{name}, version {version}](#/models/{name.replace(' ', '%20')}/versions/{version})"
        tags = self._client.get_run(self._run_id).data.tags
        lines = [line for line in [tags.get("mlflow.note.content"), link] if line]
        if link not in tags.get("mlflow.note.content", ""):
            self._client.set_tag(self._run_id, "mlflow.note.content", "\n\n".join(lines))

    def _save(self, folder: Path, paths: Sequence[Path], serving: Serving, signature: "ModelSignature") -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about type hints of its own, at every import
            from mlflow.models import Model
            from mlflow.pyfunc import save_model

        example = serving.example()
        named = {"context": serving.contexts[0]}
        save_model(
            folder,
            python_model=str(MODEL),
            artifacts={path.stem: str(path.resolve()) for path in paths},
            signature=signature,
            input_example=(example.double().numpy(), named) if example.numel() <= MOST_EXAMPLE else None,
            pip_requirements=[],  # this package is on no index, where its name may be somebody else's
            model_config={"allow": []},
            metadata={"contexts": list(serving.contexts), "input": _input(serving.preprocessing)},
            mlflow_model=Model(
                artifact_path=self._model.artifact_location,
                run_id=self._run_id,
                model_uuid=self._model.model_id,
                model_id=self._model.model_id,
            ),
        )


def _trusted(paths: Sequence[Path]) -> list[str]:
    """The networks that the files name: this project has trained them, whose code is here."""
    from rtl_core.ticket_file import tickets_from_bytes

    abouts = [tickets_from_bytes(path.read_bytes(), str(path)).about for path in paths]
    return [path for about in abouts if about and (path := import_path_in(about.architecture))]


def _signature(serving: Serving) -> "ModelSignature":
    """What goes in and comes out. Numbers are float64, or those of JSON that are not whole would be cut to whole ones;
    sizes are free, for what is wrong with them is said by the tickets.
    """
    import numpy as np
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

    example = serving.example()
    prediction = serving.answer(example, serving.contexts[0])
    output = prediction.values.numpy() if isinstance(prediction, Values) else pd.DataFrame(prediction.rows())
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float64"), (-1,) * example.ndim)]),
        outputs=infer_signature(model_output=output).outputs,
        params=ParamSchema([ParamSpec("context", "string", serving.default), ParamSpec("together", "boolean", False)]),
    )


def _input(preprocessing: Preprocessing) -> dict[str, Any]:
    """What the file says of its input, as JSON."""
    said: dict[str, Any] = json.loads(preprocessing.model_dump_json())
    return said


def _description(best: BestTickets, scores: Mapping[str, float]) -> str:
    """Markdown for a version: what it is, by what it was chosen, and its scores."""
    by = f"{best.protocol} {best.metric}, the mean over subsets"
    warning = "" if best.protocol == VALIDATION else ", on the data of the scores below, which are the better for it"
    chosen = f"the best of {best.among} ticket sets by {by}{warning}" if best.among > 1 else "the one ticket set"
    rows = [f"| {name} | {value:.4g} |" for name, value in scores.items()]
    what = f"{method_name(best.method)}, seed {best.seed}, {100 * best.sparsity:g} % sparsity: {chosen}."
    return "\n".join([what, "", "| score | mean |", "|---|---|", *rows])
