"""What draws without a generator is seen, and what is told to draw nothing is not."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtl_core.implicit_draws import drawn_from, implicit_draws

X = torch.ones(2, 3, 8)
ATTENTION = {share: nn.MultiheadAttention(8, 2, dropout=share) for share in (0.0, 0.5)}
RECURRENT = {share: nn.GRU(8, 8, 2, dropout=share) for share in (0.0, 0.5)}


@pytest.mark.parametrize(
    ("share", "operator"),
    [
        (lambda p: F.dropout(X, p), "bernoulli_"),
        (lambda p: F.scaled_dot_product_attention(X, X, X, dropout_p=p), "bernoulli_"),
        (lambda p: ATTENTION[p](X, X, X, need_weights=False), "bernoulli_"),
        (lambda p: RECURRENT[p](X), "bernoulli_"),
        (lambda p: F.rrelu(X, training=p > 0), "rrelu_with_noise"),
    ],
    ids=["dropout", "attention", "a layer of attention", "a recurrent layer", "random slopes"],
)
def test_a_layer_that_drops_nothing_draws_nothing(share, operator):
    with implicit_draws() as nothing:
        share(0.0)
    with implicit_draws() as something:
        share(0.5)
    assert nothing == [] and set(something) == {operator}


def test_draws_come_from_the_generator_that_is_given():
    def drawn(seed):
        with drawn_from(torch.Generator().manual_seed(seed)):
            return torch.rand(4)

    assert torch.equal(drawn(0), torch.rand(4, generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(drawn(0), drawn(1))
