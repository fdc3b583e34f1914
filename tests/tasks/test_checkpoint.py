"""A long step's last state: kept whole, told to whoever watches, gone when the step has its result."""

import torch

from tasks.caching.checkpoint import FileCheckpoint
from tasks.process.status import status_lines


def test_a_state_comes_back_unless_its_file_is_damaged(tmp_path):
    checkpoint = FileCheckpoint(tmp_path / "step", "training")
    assert checkpoint.load() == {}
    checkpoint.save({"epochs": torch.tensor(2), "theta": torch.arange(5.0)})
    assert torch.equal(checkpoint.load()["theta"], torch.arange(5.0))
    content = bytearray(checkpoint.path.read_bytes())
    content[-1] ^= 1
    checkpoint.path.write_bytes(content)
    assert checkpoint.load() == {}
    checkpoint.path.write_bytes(content[: len(content) // 2])
    assert checkpoint.load() == {}
    checkpoint.clear()


def test_keeping_states_takes_a_twentieth_of_the_time_at_most(tmp_path, monkeypatch):
    clock = iter([10.0, 10.5, 20.4, 20.6])  # saving begins and ends; two looks
    monkeypatch.setattr("tasks.caching.checkpoint.time.monotonic", lambda: next(clock))
    checkpoint = FileCheckpoint(tmp_path / "step", "training")
    checkpoint.save({"epochs": torch.tensor(1)})
    assert [checkpoint.due(), checkpoint.due()] == [False, True]
    checkpoint.clear()


def own_lines():
    return [line for line in status_lines() if line.startswith(("joint", "several"))]


def test_each_running_step_tells_its_last_epoch_until_it_is_done(tmp_path):
    joint, several = FileCheckpoint(tmp_path / "joint", "joint"), FileCheckpoint(tmp_path / "several", "several")
    joint.save({"epochs": torch.tensor(3)})
    several.at("cat").save({"epochs": torch.tensor(10)})
    several.at("dog").save({"epochs": torch.tensor(1)})
    assert own_lines() == ["joint: epoch 3 done", "several: dog epoch 1 done"]
    assert several.at("cat").load() == {"epochs": torch.tensor(10)}
    several.clear()
    assert own_lines() == ["joint: epoch 3 done"]
    assert several.at("cat").load() == {}
    joint.clear()
    assert own_lines() == []
