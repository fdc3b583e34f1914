"""How a network is made: with the same θ₀ at every call, whatever its constructor draws from."""

from collections.abc import Sequence

from torch import nn

from rtl_core.implicit_draws import drawn_from
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights


def new_network(problem: Problem, stream: Stream) -> nn.Module:
    """A network at θ₀: the same for every ticket and every method of one stream (seed and problem).

    What the constructor draws from the generator it is given comes from ``stream``; what it draws from none, as
    ``nn.Linear`` does, comes from a place of its own in it.
    """
    place = stream.at(draw="initial weights")
    with drawn_from(place.at(draw="without a generator")):
        return problem.network(place.generator())


def networks_of(problem: Problem, sets: Sequence[Tickets], stream: Stream) -> list[nn.Module]:
    """The networks of all tickets, in evaluation mode; each is built as it was for training, before it is filled."""
    return [one.network(k, new_network(problem, stream)) for one in sets for k in range(len(one.subsets))]


def initial_weights(problem: Problem, stream: Stream) -> FlatWeights:
    """A new network at θ₀ (see ``new_network``), its weights in flat vectors.

    Raises:
        SettingsError: its prunable weights cannot be found.
    """
    network = new_network(problem, stream)
    return FlatWeights(network, problem.prunable(network))
