"""What is no answer is never taken for one: numbers that are not finite, too many rows, outputs without a meaning."""

from dataclasses import replace

import pytest
import torch
from drawn_tickets import drawn_in_use, drawn_tickets
from pydantic import ValidationError
from small_contexts import NAMES, mlp, regression, tensors
from torch import nn

from rtl_core.describing import described
from rtl_core.description.decision import Classes, OneVsRest, Quantities
from rtl_core.errors import DataError, TicketFileError
from rtl_core.serving import Serving
from rtl_core.use.prediction import Values
from rtl_core.use.telling import is_alike
from rtl_core.use.tickets_in_use import TicketsInUse


@pytest.fixture(scope="module")
def used():
    return drawn_in_use(regression(), allow=["small_contexts:mlp"])


def saying(used, **changed):
    return replace(used, about=used.about.model_copy(update=changed))


def test_a_weight_or_a_statistic_that_is_not_finite_is_refused_before_anything_is_predicted(digits):
    tickets = described(drawn_tickets(digits), digits, "rtl", 0.5, 0, [])
    weights = tickets.weights.index_fill(0, torch.tensor([7]), torch.nan)
    first, *rest = tickets.statistics
    name = next(key for key in first if "running" in key)
    statistics = ({**first, name: first[name] + torch.inf}, *rest)
    for unsound in (replace(tickets, weights=weights), replace(tickets, statistics=statistics)):
        with pytest.raises(TicketFileError, match=r"^x: holds a weight or statistic that is not finite"):
            TicketsInUse.of(unsound, "x", device="cpu").context("digit 0")


class Endless(nn.Sequential):
    def forward(self, x):
        return super().forward(x) * torch.inf


class Twice(nn.Sequential):
    def forward(self, x):
        return super().forward(x).repeat(2, 1)


@pytest.mark.parametrize(
    ("network", "line"),
    [(Endless, "a number that is not finite"), (Twice, r"\[8, 1\] for 4 inputs; allowed: a row for each")],
)
def test_an_answer_that_is_not_one_finite_row_an_input_is_refused(used, network, line):
    with pytest.raises(TicketFileError, match=f"^x: its network returns {line}"):
        used.predict(tensors(0)[0][:4], NAMES[0], into=network(*mlp()))


@pytest.mark.parametrize(
    "decision",
    [Classes(classes=("a", "b"), among={}), Quantities(names=(), shape=(2,)), Quantities(names=(), shape=())],
)
def test_outputs_are_as_many_as_the_file_means(used, decision):
    with pytest.raises(TicketFileError, match=r"a network returns \[1\] outputs, and the file means "):
        saying(used, decision=decision).predict(tensors(0)[0], NAMES[0])


def test_each_quantity_has_a_name_and_a_column_of_its_own():
    with pytest.raises(ValidationError, match="a quantity has no name, or a name no quantity"):
        Quantities(names=("a",), shape=(2,))
    (row,) = Values(("north",), ("context", "input", "°C"), torch.tensor([[1.0, 2.0, 3.0]])).rows()
    assert row == {"context": "north", "context (output)": 1.0, "input (output)": 2.0, "°C": 3.0}


def test_one_network_whose_contexts_read_other_outputs_is_not_alike_in_all(used):
    one = OneVsRest(outputs=dict.fromkeys(NAMES, 0), thresholds={})
    each = OneVsRest(outputs={name: k for k, name in enumerate(NAMES)}, thresholds={})
    assert is_alike(saying(used, decision=one).about) and not is_alike(saying(used, decision=each).about)


@pytest.mark.parametrize("inputs", [[[1, 2], [3]], [["a"]], None, torch.eye(3).to_sparse()])
def test_what_is_no_tensor_is_one_line(used, digits, inputs):
    for serving in (Serving((used,), "x"), Serving((drawn_in_use(digits),), "x")):
        with pytest.raises(DataError, match=r"^inputs: found a "):
            serving.answer(inputs, serving.contexts[0])
