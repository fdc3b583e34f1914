"""What a CUDA graph can hold, and which loss it was made for."""

from functools import partial

import pytest
import torch
from torch import nn

from rtl_core.capturable import CannotBeCapturedError, try_out
from rtl_core.captured import identity_of
from rtl_core.problem import Objective


def objective_of(loss, precision="float32"):
    return Objective("any", lambda generator: [], 1, loss, precision)


def test_a_loss_is_known_by_its_numbers_and_precision_and_not_by_its_tensors():
    one, same, other = (identity_of(objective_of(partial(torch.add, number))) for number in (1, 1, 2))
    assert one == same != other
    assert identity_of(objective_of(torch.add)) != identity_of(objective_of(torch.add, "bfloat16"))
    weighted = [objective_of(partial(nn.functional.cross_entropy, weight=torch.ones(2))) for _ in range(2)]
    assert identity_of(weighted[0]) != identity_of(weighted[1])


@pytest.mark.parametrize(
    "work, why",
    [
        (lambda x: x.sum().item(), "waits for values"),
        (lambda x: x[x > 0], "waits for values"),
        (lambda x: x.to("meta"), "copies between cpu and meta"),
        (lambda x: (x * x).sum().backward() or x.grad.nonzero(), "waits for values"),
        (lambda x: x[torch.tensor([0, 1])].sum().backward(), None),
    ],
)
def test_what_a_graph_cannot_hold_is_found_before_a_capture(work, why):
    x = torch.ones(3, requires_grad=True)
    if why is None:
        try_out(partial(work, x))
        return
    with pytest.raises(CannotBeCapturedError, match=why):
        try_out(partial(work, x))
