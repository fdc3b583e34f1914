"""A comparison's tickets as models of MLflow: registered, loaded elsewhere to the bit, and asked over HTTP."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError

import pytest
from http_answers import HOST, answers, ask, free_ports, until
from mlflow.tracking import MlflowClient
from warm_start import warm

from rtl_core import load
from rtl_core.problems.images.stored_images import load_images

FILE = "artifacts/digits/tickets/{method}/seed-0/sparsity-40.safetensors"
LOADING = """
import json, sys
import numpy as np
import torch
import mlflow

torch.set_num_threads(1)
model = mlflow.pyfunc.load_model(sys.argv[1])
images = np.array(json.loads(sys.stdin.read()), dtype="float64")
answers = {name: model.predict(images, params={"context": name}).to_dict("list") for name in sys.argv[2:]}
print(json.dumps([answers, [path for path in sys.modules if path.startswith(("tasks", "flows", "prefect"))]]))
"""


@pytest.fixture(scope="module")
def tracking(one_level):
    return f"sqlite:///{one_level.folder / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(tracking):
    return MlflowClient(tracking_uri=tracking)


@pytest.fixture(scope="module")
def version(client):
    (version,) = client.search_model_versions("name = 'rtl-digits'")
    return version


@pytest.fixture(scope="module")
def tickets(one_level, version):
    return load(one_level.folder / FILE.format(method=version.tags["method"]), device="cpu")


@pytest.fixture(scope="module")
def images(one_level):
    return load_images(one_level.folder / "data/digits").splits["test"].images[:40]


@pytest.fixture(scope="module")
def environment(repository, tracking, tmp_path_factory):
    """Of a process elsewhere: the package, and neither the project's folder nor its data."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "RTL_", "PREFECT_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(repository),
        "MLFLOW_TRACKING_URI": tracking,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }


def test_a_comparison_registers_its_best_tickets_and_logs_the_baselines(client, version, tickets):
    experiment = client.get_experiment_by_name("digits").experiment_id
    models = client.search_logged_models([experiment])
    methods = {model.tags["method"]: model for model in models}
    assert len(models) == 3 and methods.keys() == {version.tags["method"], "imp_single", "imp_multiple"}
    assert {model.status for model in models} == {"READY"} and {model.tags["sparsity"] for model in models} == {"0.4"}
    for method, model in methods.items():
        run = client.get_run(model.source_run_id)
        assert run.data.params["method"] == method and [one.model_id for one in run.outputs.model_outputs] == [
            model.model_id
        ]
    own = client.get_run(version.run_id)
    assert "rtl-digits, version 1" in own.data.tags["mlflow.note.content"]
    means = {f"{figures.protocol}/{figures.metric}": figures.mean for figures in tickets.about.scores}
    assert means and all(float(version.tags[name]) == pytest.approx(mean, rel=1e-5) for name, mean in means.items())
    assert int(version.version) == 1 and "best of 2 ticket sets by paper balanced_accuracy" in version.description


def test_a_model_is_a_script_and_ticket_files_and_no_pickle(one_level, version):
    folder = one_level.folder / "mlartifacts/digits/models" / version.source.removeprefix("models:/") / "artifacts"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "MLmodel", "served_tickets.py", "artifacts/sparsity-40.safetensors", "conda.yaml", "python_env.yaml",
        "requirements.txt", "input_example.json", "serving_input_example.json",
    }  # fmt: skip
    assert "routing-the-lottery" not in (folder / "requirements.txt").read_text()  # on no index: its name may be taken


def test_a_model_loaded_elsewhere_predicts_what_the_ticket_file_does(environment, tickets, images, tmp_path):
    contexts = ["digit 3", "digit 7"]
    done = subprocess.run(
        [sys.executable, "-c", LOADING, "models:/rtl-digits/1", *contexts],
        cwd=tmp_path,
        env=environment,
        input=json.dumps(images.tolist()),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers, needless = json.loads(done.stdout)
    assert needless == []
    for context in contexts:
        claims = tickets.predict(images, context)
        assert answers[context]["probability"] == claims.probabilities.tolist()
        assert answers[context]["claimed"] == claims.claimed.tolist()


@pytest.fixture(scope="module")
def server(environment, tmp_path_factory):
    """The address of ``mlflow models serve``, as a user starts it."""
    folder = tmp_path_factory.mktemp("serving")
    (port,) = free_ports(1)
    output = folder / "server.txt"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [
                "mlflow", "models", "serve", "-m", "models:/rtl-digits/1", "--env-manager", "local",
                "--host", HOST, "--port", str(port), "--workers", "1",
            ],
            cwd=folder,
            env=warm(environment),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: answers(f"http://{HOST}:{port}/ping"), 90, output.read_text)
        yield f"http://{HOST}:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_a_served_model_answers_in_two_contexts_and_refuses_what_does_not_fit_in_one_line(server, tickets, images):
    inputs = images.tolist()
    probabilities = []
    for context in ("digit 3", "digit 7"):
        answer = ask(f"{server}/invocations", {"inputs": inputs, "params": {"context": context}})["predictions"]
        claims = tickets.predict(images, context)
        probabilities.append([row["probability"] for row in answer])
        assert probabilities[-1] == claims.probabilities.tolist()
        assert [(row["context"], row["claimed"]) for row in answer] == [(context, c) for c in claims.claimed.tolist()]
    assert probabilities[0] != probabilities[1]
    for together in (False, True):
        asked = {"inputs": inputs, "params": {"context": "auto", "together": together}}
        told = tickets.predict(images, "auto", together=together).rows()
        assert ask(f"{server}/invocations", asked)["predictions"] == told
    fraction, missing = [[[[0.5] * 8] * 8]], [[[[float("nan")] * 8] * 8]]
    named = {"context": "digit 3"}
    for asked, params, line in [
        (inputs, {"context": "cat"}, "context: found 'cat'; allowed: digit 0, digit 1"),
        (inputs, {}, "context: found none; allowed: digit 0, digit 1"),
        (inputs, named | {"together": True}, "together: found with a context that is given; allowed: with 'auto'"),
        ([[[[1] * 9] * 9]], named, "inputs: found [1, 1, 9, 9] uint8; allowed: [N, 1, 8, 8] uint8, as trained"),
        (fraction, named, "inputs: found [1, 1, 8, 8] float64; allowed: [N, 1, 8, 8] uint8, as trained"),
        (missing, named, "inputs: found a number that is not finite in example 0; allowed: finite ones"),
        ([[[[300] * 8] * 8]], named, "inputs: found [1, 1, 8, 8] int64; allowed: [N, 1, 8, 8] uint8, as trained"),
        ([[[[17] * 8] * 8]], named, "inputs: found the value 17; allowed: 0 to 16, as trained"),
    ]:
        with pytest.raises(HTTPError) as refused:
            ask(f"{server}/invocations", {"inputs": asked, "params": params})
        with refused.value as answer:
            said = json.load(answer)
        assert answer.status == 400 and said["error_code"] == "INVALID_PARAMETER_VALUE"
        assert said["message"].startswith(line) and len(said["message"].splitlines()) == 1
