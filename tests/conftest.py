"""What the tests share: a small real problem, and the embedded data set cut small."""

from pathlib import Path

import pytest
import torch

from rtl_core.isolation import OptimizerChoice
from rtl_core.problems.digits import Digits
from rtl_core.randomness import Stream


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    folder = tmp_path_factory.mktemp("digits")
    Digits.partition(folder, test_share=0.3, validation_share=0.2)
    return Digits(folder, batch_size=64, device="cpu")


@pytest.fixture
def stream() -> Stream:
    return Stream(0).at(problem="digits")


@pytest.fixture
def adam() -> OptimizerChoice:
    return OptimizerChoice("adam", 3e-3)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent
