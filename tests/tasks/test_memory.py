"""What training will take up is told before it starts, and refused where not even one is there."""

import pytest
import torch

from rtl_core.errors import SettingsError
from rtl_core.problems.digits import Digits
from rtl_core.problems.regions.region_image import RegionImage, save
from tasks.jobs import memory
from tasks.jobs.memory import memory_line

GIB = 1 << 30


def job(instance, side, **training):
    """As much of a job as is asked for, and its image."""
    regions = (torch.arange(side) % 2).to(torch.uint8).expand(side, side).contiguous()
    pixels = torch.zeros(side, side, 3, dtype=torch.uint8)
    save(memory.paths.data(memory.name_of(described(instance, {}))), RegionImage(instance, pixels, regions))
    return described(instance, {"device": "cpu"} | training)


def described(instance, training):
    import_path = "rtl_core.problems.image_regions:ImageRegions"
    return {"problem": "photos", "instance": instance, "import_path": import_path, "training": training}


def test_the_largest_of_the_jobs_is_told_and_what_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "cores", lambda: 3)
    monkeypatch.setattr(memory, "available_memory", lambda: 20 * GIB)
    small, large = job("small", 24), job("large", 1024)
    assert memory_line([small]) == ""
    assert memory_line([small, large]) == (
        "photos/large: training takes up to 9.8 GiB of memory, 3 side by side (3.7 GiB for one); there are 20.0 GiB"
    )
    monkeypatch.setattr(memory, "available_memory", lambda: 7 * GIB)
    assert memory_line([small, large]) == (
        "photos/large: training takes up to 9.8 GiB of memory, 3 side by side (3.7 GiB for one); there are 7.0 GiB, "
        "which hold 2 side by side; use fewer cores (taskset -c 0-1 rtl run …)"
    )
    monkeypatch.setattr(memory, "available_memory", lambda: 3 * GIB)
    with pytest.raises(SettingsError) as told:
        memory_line([small, large])
    assert str(told.value) == (
        "photos/large: training takes up to 9.8 GiB of memory, 3 side by side (3.7 GiB for one); there are 3.0 GiB; "
        "allowed: a smaller partition.longest_side"
    )


def test_a_problem_that_does_not_know_is_not_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 0)
    digits = {"problem": "digits", "instance": "", "import_path": f"{Digits.__module__}:Digits", "training": {}}
    assert memory_line([digits]) == ""
