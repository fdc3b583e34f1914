"""Models of MLflow where a problem has instances, names that MLflow refuses, or networks of one's own."""

import shutil

import mlflow
import pandas as pd
import pytest
from drawn_tickets import drawn_tickets
from example_tables import scoring_of
from made_once import mlflow_tables
from mlflow.tracking import MlflowClient
from small_contexts import NAMES, regression, tensors

from rtl_core import load, save
from rtl_core.describing import described
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.tracking.client import log_values, new_run, open_client, open_experiment
from tasks.tracking.models import log_models

INSTANCES = ("a/b:1", "a.b%1")
PROBLEM = "mine"


@pytest.fixture
def client(tmp_path, monkeypatch) -> MlflowClient:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(mlflow_tables(), tmp_path / "mlflow.db")
    return open_client()


@pytest.fixture
def results() -> pd.DataFrame:
    return pd.DataFrame(
        {"instance": name, "method": "rtl", "seed": 0, "sparsity": 0.5, "protocol": "matched", "metric": "rmse",
         "subset": "mean", "value": number}
        for number, name in enumerate(INSTANCES)
    )  # fmt: skip


def logged(client, results):
    """The run of the method after models were logged to it."""
    experiment = open_experiment(client, PROBLEM)
    with (
        new_run(client, experiment, PROBLEM, {}) as parent,
        new_run(client, experiment, "RTL", {"mlflow.parentRunId": parent}) as own,
    ):
        log_values(client, own, {"method": "rtl"})
    log_models(PROBLEM, parent, {"results": results, "scoring": scoring_of(results, False)}, [PROBLEM])
    return client.get_run(own)


def test_each_instance_is_registered_and_ones_own_network_is_loaded_where_it_is_allowed(
    client, results, tmp_path, capfd
):
    problem = regression()
    tickets = described(drawn_tickets(problem), problem, "rtl", 0.5, 0, [])
    for name in INSTANCES:
        save(tickets, paths.tickets(JobName(PROBLEM, name), "rtl", 0, 0.5))
    run = logged(client, results)
    assert capfd.readouterr() == ("", "") and len(run.outputs.model_outputs) == 2
    models = client.search_registered_models()
    assert len(models) == 2 and all(model.name.startswith("rtl-mine-a_b_1-") for model in models)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (version,) = client.search_model_versions(f"name = '{models[0].name}'")
    assert version.tags["instance"] in INSTANCES and float(version.tags["matched/rmse"]) in (0, 1)
    assert "the one ticket set" in version.description
    address = f"models:/{models[0].name}/1"
    with pytest.raises(Exception, match="its network is 'small_contexts:mlp', code that is not ours"):
        mlflow.pyfunc.load_model(address)
    allow = ["small_contexts:mlp"]
    model = mlflow.pyfunc.load_model(address, model_config={"allow": allow})
    inputs, _ = tensors(3)
    path = paths.tickets(JobName(PROBLEM, INSTANCES[0]), "rtl", 0, 0.5)
    expected = load(path, allow).predict(inputs, NAMES[1]).values
    assert (model.predict(inputs.double().numpy(), params={"context": NAMES[1]}) == expected.numpy()).all()


def test_files_that_cannot_be_used_are_named_in_a_tag_and_nothing_is_registered(client, results):
    for name in INSTANCES:
        save(drawn_tickets(regression()), paths.tickets(JobName(PROBLEM, name), "rtl", 0, 0.5))
    run = logged(client, results)
    assert run.data.tags["model"].startswith("not logged: model: does not say what its input is")
    assert not run.outputs.model_outputs and client.search_registered_models() == []
