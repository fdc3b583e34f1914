"""The optimizer in full length steps as the compact one does, and moves nothing outside the mask."""

import pytest
import torch
from torch import nn

from rtl_core.full_length import FullLengthOptimizer
from rtl_core.isolation import OptimizerChoice, TicketOptimizer

CHOICES = [
    *(OptimizerChoice(name, 1e-2, weight_decay=decay) for name in ("adam", "adamw", "sgd") for decay in (0.0, 0.01)),
    OptimizerChoice("sgd", 1e-2, weight_decay=0.01, nesterov=True),
    OptimizerChoice("sgd", 1e-2, momentum=0.0),
]


def both(choice: OptimizerChoice, steps: int, moments: dict[str, torch.Tensor] | None = None):
    generator = torch.Generator().manual_seed(0)
    weights, dense = torch.randn(1000, generator=generator), torch.randn(50, generator=generator)
    mask = torch.rand(1000, generator=generator) < 0.5
    compact_weights, full_weights = weights.clone(), weights.clone()
    compact_dense, full_dense = nn.Parameter(dense.clone()), dense.clone()
    compact = TicketOptimizer(choice, mask, compact_weights, compact_dense)
    full = FullLengthOptimizer(choice, full_weights, full_dense)
    compact.restore(moments or {})
    full.begin(mask, moments or {})
    for _ in range(steps):
        gradient, dense_gradient = torch.randn(1000, generator=generator), torch.randn(50, generator=generator)
        compact.step(gradient, dense_gradient)
        full.step(gradient, dense_gradient)
    return (compact, compact_weights, compact_dense.detach()), (full, full_weights, full_dense), weights, mask


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_it_steps_as_the_compact_one_and_moves_nothing_outside_the_mask(choice):
    (compact, *expected), (full, weights, dense), before, mask = both(choice, 50)
    torch.testing.assert_close([weights, dense], expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(weights[~mask], before[~mask]) and not torch.equal(weights[mask], before[mask])
    moments = full.moments()
    assert moments.keys() == compact.moments().keys()
    for name, value in compact.moments().items():
        torch.testing.assert_close(moments[name], value, rtol=1e-5, atol=1e-6)
        if name.startswith("prunable.") and value.ndim:
            assert not moments[name][~mask].any()


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_either_goes_on_from_the_moments_of_the_other(choice):
    (compact, *_), (full, *_), *_ = both(choice, 5)
    for moments in (compact.moments(), full.moments()):
        (_, *expected), (_, *continued), *_ = both(choice, 5, moments)
        torch.testing.assert_close(continued, expected, rtol=1e-5, atol=1e-6)


def test_adams_steps_are_the_compact_ones_bit_for_bit():
    (_, *expected), (_, *weights), *_ = both(OptimizerChoice("adam", 1e-2), 50)
    assert all(map(torch.equal, weights, expected))
