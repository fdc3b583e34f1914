"""Two tables of numbers, four contexts each, whose metric is an error: patients, and stations made by a rule."""

from functools import partial

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

from rtl_core import ContextProblem, Measure

Split = dict[str, tuple[Tensor, Tensor]]

STATIONS = ("coast", "valley", "plain", "ridge")
HUNDRED = 100
"""In which patients' progression is predicted, so that a network's outputs are of about one size."""


class Regression(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.body(inputs))


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().mean()


def station(number: int, days: int, seed: int) -> tuple[Tensor, Tensor]:
    """Six measurements a day, and what each station makes of three of them."""
    measured = torch.randn(days, 6, generator=torch.Generator().manual_seed(seed))
    law = measured[:, number] * measured[:, number + 1] + measured[:, number + 2].sin()
    return measured, law.unsqueeze(1)


def stations(days: int, seed: int) -> Split:
    return {name: station(number, days, seed + number) for number, name in enumerate(STATIONS)}


def patients() -> tuple[Split, Split, Split]:
    """scikit-learn's 442 diabetes patients, by sex and by whether they are fifty or older; half of each to train on."""
    inputs, progression = (
        torch.tensor(found, dtype=torch.float32) for found in load_diabetes(return_X_y=True, scaled=False)
    )
    age, sex = inputs[:, 0], inputs[:, 1]
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    parts: tuple[Split, Split, Split] = ({}, {}, {})
    trained = torch.zeros(len(inputs), dtype=torch.bool)
    members = {}
    for of_sex in (1, 2):
        for old in (False, True):
            member = order[((sex == of_sex) & ((age >= 50) == old))[order]]
            members[f"sex {of_sex}, {'50 and older' if old else 'under 50'}"] = member
            trained[member[: len(member) // 2]] = True
    standard = (inputs - inputs[trained].mean(0)) / inputs[trained].std(0)
    for name, member in members.items():
        half, rest = len(member) // 2, len(member) * 7 // 10
        for part, of_part in zip(parts, (member[:half], member[half:rest], member[rest:]), strict=True):
            part[name] = standard[of_part], progression[of_part].unsqueeze(1) / HUNDRED
    return parts


def hundredfold_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return HUNDRED * absolute_error(outputs, targets)


def _stations(told: str) -> ContextProblem:
    return ContextProblem(
        partial(Regression, inputs=6, width=64),
        train=stations(400, seed=0),
        validation=stations(200, seed=10),
        test=stations(1000, seed=20),
        loss=nn.functional.mse_loss,
        metrics={"absolute_error": Measure(absolute_error, higher_is_better=False)},
        told=told,
    )


def _patients(told: str) -> ContextProblem:
    train, validation, test = patients()
    return ContextProblem(
        partial(Regression, inputs=10, width=64),
        train=train,
        validation=validation,
        test=test,
        loss=nn.functional.mse_loss,
        metrics={"absolute_error": Measure(hundredfold_error, higher_is_better=False)},
        batch_size=32,
        told=told,
    )


stations_not_told, stations_told = _stations("no"), _stations("one-hot")
patients_not_told, patients_told = _patients("no"), _patients("one-hot")
