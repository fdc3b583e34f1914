"""What a photograph is said to take up in training is what a process takes up, and no less, at two sizes."""

import json
import subprocess
import sys

import pytest

from rtl_core import memory
from rtl_core.memory import Memory, available_memory
from rtl_core.problems.regions.training_memory import COMPARED, training_memory

SIDES = (192, 384)
PROGRAM = """\
import json, os, sys, tempfile
from pathlib import Path
import torch
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.one_network import as_one_network
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.problems.regions.region_image import RegionImage, save
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain

def resident(kind):
    return int(Path("/proc/self/status").read_text().split(f"{kind}:")[1].split()[0]) * 1024

def measure(side):
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    regions = (torch.arange(side) * 4 // side).to(torch.uint8)[:, None].expand(side, side).contiguous()
    save(folder, RegionImage("x", torch.zeros(side, side, 3, dtype=torch.uint8), regions))
    before = resident("VmRSS")
    problem = as_one_network(ImageRegions(folder, device="cpu"))
    weights = initial_weights(problem, Stream(0))
    mask = Masks(weights.layout, torch.ones(1, weights.layout.size, dtype=torch.bool))
    adam = OptimizerChoice()
    retrain(weights, mask, problem.objectives, Duration.parse("1it"), 1, "sequential", adam, Stream(0))
    taken = resident("VmHWM") - before
    print(json.dumps([taken, ImageRegions.memory_of_training(folder, device="cpu")]), flush=True)

torch.set_num_threads(1)
print(json.dumps([name for name in ("timm", "torchvision") if name in sys.modules]), flush=True)
for side in sys.argv[2:]:
    if not os.fork():  # a process has one largest size
        try:
            measure(int(side))
        finally:
            os._exit(0)
    os.wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_largest_resident_size_is_below_what_was_said_and_near_it_without_libraries_of_other_networks(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *map(str, SIDES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported, *lines = done.stdout.splitlines()
    assert imported == "[]"
    found = []
    for side, line in zip(SIDES, lines, strict=True):
        taken, said = json.loads(line)
        assert Memory(*said) == training_memory(side**2, 4, "float32")
        assert taken < Memory(*said).of(1) < 2 * taken
        found.append(taken)
    pixels = SIDES[1] ** 2 - SIDES[0] ** 2
    said = training_memory(pixels, 4, "float32")
    assert found[1] - found[0] < 1.25 * (said.of(1) - training_memory(0, 4, "float32").of(1))


def test_many_regions_count_where_tickets_are_compared():
    assert training_memory(1000, 100, "float32").each == 100 * COMPARED * 1000
    assert training_memory(1000, 4, "float32") == training_memory(1000, 20, "float32")


def test_what_a_container_may_have_is_all_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    free = available_memory()
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 300\nactive_file 200\n")
    assert available_memory() > free / 2
    (tmp_path / "memory.max").write_text("5000\n")
    assert available_memory() == 4500  # what was read from files gives way
