import pytest
import torch
from torch import nn

from rtl_core.isolation import OptimizerChoice, TicketOptimizer

CHOICES = {
    "sgd with momentum": OptimizerChoice("sgd", 0.1, momentum=0.9),
    "adam": OptimizerChoice("adam", 0.1),
    "sgd with decay": OptimizerChoice("sgd", 0.1, weight_decay=0.1),
    "adam with decay": OptimizerChoice("adam", 0.1, weight_decay=0.1),
    "adamw": OptimizerChoice("adamw", 0.1, weight_decay=0.1),
    "sgd with nesterov's momentum": OptimizerChoice("sgd", 0.1, nesterov=True, weight_decay=0.1),
}


@pytest.fixture(params=CHOICES.values(), ids=CHOICES.keys())
def choice(request):
    return request.param


def test_twenty_steps_move_nothing_outside_the_mask_nor_the_other_tickets_moments(choice):
    generator = torch.Generator().manual_seed(0)
    theta, dense = torch.randn(200, generator=generator), nn.Parameter(torch.randn(9, generator=generator))
    masks = torch.rand(2, 200, generator=generator) < 0.5
    a, b = (TicketOptimizer(choice, mask, theta, dense) for mask in masks)
    for _ in range(3):  # both tickets have moments before ticket a goes on alone
        for one in (a, b):
            one.step(torch.randn(200, generator=generator), torch.randn(9, generator=generator))
    before, moments_of_b = theta.clone(), b.moments()
    for _ in range(20):
        a.step(torch.randn(200, generator=generator), torch.randn(9, generator=generator))
    assert torch.equal(theta[~masks[0]], before[~masks[0]])
    assert not torch.equal(theta[masks[0]], before[masks[0]])
    after = b.moments()
    assert moments_of_b.keys() == after.keys() and moments_of_b
    assert all(torch.equal(moments_of_b[name], after[name]) for name in after)
    outside = [value[~masks[0]] for name, value in a.moments().items() if value.shape == theta.shape]
    assert outside and not any(values.any() for values in outside)


def test_a_full_mask_steps_exactly_as_the_plain_optimizer(choice):
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(50, generator=generator)
    gradients = torch.randn(5, 50, generator=generator)
    theta = start.clone()
    ours = TicketOptimizer(choice, torch.ones(50, dtype=torch.bool), theta, nn.Parameter(torch.zeros(1)))
    plain = nn.Parameter(start.clone())
    theirs = choice([plain])
    for gradient in gradients:
        ours.step(gradient, torch.zeros(1))
        plain.grad = gradient.clone()
        theirs.step()
    assert torch.equal(theta, plain.detach())


def test_moments_are_taken_up_under_a_smaller_mask(choice):
    generator = torch.Generator().manual_seed(2)
    theta, dense = torch.randn(40, generator=generator), nn.Parameter(torch.randn(3, generator=generator))
    gradient, dense_gradient = torch.randn(40, generator=generator), torch.randn(3, generator=generator)
    wide, narrow = torch.ones(40, dtype=torch.bool), torch.arange(40) % 2 == 0
    first = TicketOptimizer(choice, wide, theta, dense)
    first.step(gradient, dense_gradient)
    copies = theta.clone(), nn.Parameter(dense.detach().clone())
    resumed = TicketOptimizer(choice, narrow, *copies)
    resumed.restore(first.moments())
    first.step(gradient, dense_gradient)
    resumed.step(gradient, dense_gradient)
    assert torch.equal(copies[0][narrow], theta[narrow])
    assert torch.equal(copies[1], dense)
