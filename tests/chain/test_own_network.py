"""A folder of images of one's own and torchvision's ShuffleNet, from a checkpoint: the chain by params.yaml alone."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import torch
import yaml
from made_once import mlflow_tables, prefect_tables
from PIL import Image
from torchvision.models import shufflenet_v2_x0_5
from warm_start import warm

from rtl_core.ticket_file import tickets_from_bytes

NAME = "few_images"
SETTINGS = {
    "problem": "rtl_core.problems.image_folder:ImageFolder",
    "partition": {"path": "pictures"},
    "training": {
        "network": "torchvision.models:shufflenet_v2_x0_5",
        "checkpoint": "shufflenet.pth",
        "batch_size": 4,
        "augment": ["flip", "crop"],
        "normalise": "imagenet",
        "device": "cpu",
    },
    "seeds": [0],
    "sparsities": [0.5],
    "optimizer": {"name": "adam", "learning_rate": 0.0001},
    "extract": {"duration": "1it", "weights_per_round": 0.5, "rewind_every": 1},
    "retrain": {"duration": "1it", "update": ["synchronous"]},
    "baselines": {"methods": ["imp_multiple"], "single_duration_factor": 1},
    "collapse": {"metric": "matched.auroc"},
}


@pytest.fixture
def run(repository, tmp_path):
    """Runs `rtl` in a project with two classes of four images and a network trained on others."""
    draws = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(4):
            pixels = draws.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"pictures/{name}/{number}.png")
    torch.manual_seed(3)
    torch.save({"state_dict": shufflenet_v2_x0_5(num_classes=7).state_dict()}, tmp_path / "shufflenet.pth")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"problems": [NAME], NAME: SETTINGS}))
    shutil.copytree(prefect_tables(), tmp_path / ".rtl/prefect")
    shutil.copy(mlflow_tables(), tmp_path)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "DVC_"))},
        "PYTHONPATH": f"{repository}:{tmp_path}",
        "PREFECT_HOME": str(tmp_path / ".rtl/prefect"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["rtl", *arguments], cwd=tmp_path, env=warm(environment), capture_output=True, text=True)

    return run


def test_tickets_of_shufflenet_start_from_a_checkpoint_and_a_change_of_it_trains_anew(run, tmp_path):
    line = "shufflenet.pth: loaded 336 tensors; drawn: fc.weight, fc.bias; left over: fc.weight, fc.bias"
    told = run("info", NAME, "--json")
    assert told.returncode == 0, told.stderr
    facts = json.loads(told.stdout)
    assert facts["starts_from"] == line and facts["prunable_weights"] == 333_840
    assert "conv1.0.weight" in facts["network"]["prunable"] and "fc.weight" not in facts["network"]["prunable"]
    for stage in ("partition", "extract", "retrain"):
        done = run("run", stage, NAME)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (line in done.stderr) is (stage != "partition")
    (file,) = {*(tmp_path / "artifacts" / NAME / "tickets").rglob("*.safetensors")}
    tickets = tickets_from_bytes(file.read_bytes(), file.name)
    assert tickets.subsets == ("a", "b") and tickets.masks.active().tolist() == [333_840 // 2] * 2
    began = torch.load(tmp_path / "shufflenet.pth", weights_only=True)["state_dict"]["stage4.1.branch2.5.weight"]
    own = tickets.masks.layout.split(tickets.weights)["stage4.1.branch2.5.weight"]
    kept = own != 0
    assert torch.allclose(own[kept], began[kept], atol=2e-4), "one step of 0.0001 from the checkpoint"

    masks = sorted((tmp_path / "artifacts" / NAME / "masks").rglob("*.safetensors"))
    before = [path.read_bytes() for path in masks]
    torch.save({"state_dict": shufflenet_v2_x0_5(num_classes=7).state_dict()}, tmp_path / "shufflenet.pth")
    assert run("run", "extract", NAME).returncode == 0
    assert masks and all(path.read_bytes() != old for path, old in zip(masks, before, strict=True))
