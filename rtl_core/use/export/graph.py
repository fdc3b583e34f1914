"""What is exported: preprocessing, the network of a context and what its output means, as one module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from rtl_core.contexts.told_layer import tell
from rtl_core.description.architecture import CoordinateNetwork, ImportedNetwork
from rtl_core.description.decision import Classes, Colours, OneVsRest
from rtl_core.description.preprocessing import Images, Places
from rtl_core.networks.coordinate_mlp import features_of
from rtl_core.networks.speech_unet import SpeechUNet
from rtl_core.use.export.spectrum import SpeechUNetOfConvolutions
from rtl_core.use.export.weights_in_graph import OneTicket, SeveralTickets, row_of
from rtl_core.use.tickets_in_use import TicketsInUse


class Graph(nn.Module):
    """The same as ``TicketsInUse.predict`` in some contexts, for ``torch.onnx``.

    Args:
        tickets: that say how they are used.
        network: of their architecture, in evaluation mode; its own weights are not exported.
        contexts: which the graph serves.
        outputs: how many values the network returns for an example.
    """

    def __init__(self, tickets: TicketsInUse, network: nn.Module, contexts: Sequence[str], outputs: int) -> None:
        super().__init__()
        self.preprocessing, self.decision = tickets.usage
        if isinstance(network, SpeechUNet):
            network = SpeechUNetOfConvolutions(torch.Generator()).eval()
        self._network = [network]  # in a list: its weights are no part of this module
        self.count = len(contexts)
        places = torch.tensor([tickets.contexts.index(name) for name in contexts])
        several = self.count > 1 and len(tickets.subsets) > 1
        subset = int(places[0]) if len(tickets.subsets) > 1 else 0
        self.tensors = SeveralTickets(tickets) if several else OneTicket(tickets, subset)
        self.told, self.is_told_place = None, False
        architecture = tickets.about.architecture if tickets.about else None
        if isinstance(architecture, ImportedNetwork) and architecture.told:
            self.told = architecture.told.layer
            self.register_buffer("one_hot", F.one_hot(places, len(tickets.contexts)).float())
        if isinstance(architecture, CoordinateNetwork):
            self.is_told_place = architecture.embedded
            self.register_buffer("places", places[:, None])
        if isinstance(self.preprocessing, Images):
            for name in ("mean", "deviation"):
                self.register_buffer(name, torch.tensor(getattr(self.preprocessing, name)).reshape(1, -1, 1, 1))
        if isinstance(self.decision, OneVsRest):
            self.register_buffer("own", torch.tensor([[self.decision.outputs[name]] for name in contexts]))
        if isinstance(self.decision, Classes) and self.decision.among:
            counts = torch.zeros(self.count, outputs, dtype=torch.bool)
            for row, name in zip(counts, contexts, strict=True):
                row[torch.tensor(self.decision.among[name])] = True
            self.register_buffer("counts", counts)

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> Tensor:
        """What is decided of each example.

        Args:
            inputs: [N, …], as the preprocessing says.
            context: int64 [], the number of the context of all, 0 to K − 1; none where the graph serves one.

        Returns:
            float32: probabilities that an example is of the context, [N], or of each class, [N, C]; values [N, …].
        """
        if context is not None:  # a number below 0 would count from the end
            context = torch.where(context < 0, self.count, context).reshape(1)
        network, more = self._network[0], []
        if self.told is not None:
            tell(network, self.told, row_of(self._table("one_hot"), context))
        if self.is_told_place:
            more = [row_of(self._table("places"), context).expand(inputs.shape[0])]
        outputs = functional_call(network, self.tensors(context), (self._prepared(inputs), *more))
        return self._meaning(outputs, context)

    def _prepared(self, inputs: Tensor) -> Tensor:
        if isinstance(self.preprocessing, Images):
            images = inputs.expand(-1, len(self.preprocessing.mean), -1, -1).float()
            return (images - self._table("mean")) / self._table("deviation")
        return features_of(inputs) if isinstance(self.preprocessing, Places) else inputs

    def _meaning(self, outputs: Tensor, context: Tensor | None) -> Tensor:
        if isinstance(self.decision, OneVsRest):
            return outputs.index_select(1, row_of(self._table("own"), context))[:, 0].sigmoid()
        if isinstance(self.decision, Classes):
            if self.decision.among:
                outputs = outputs.where(row_of(self._table("counts"), context), -torch.inf)
            return outputs.softmax(1)
        return outputs.clamp(0, 1) if isinstance(self.decision, Colours) else outputs

    def _table(self, name: str) -> Tensor:
        return self.get_buffer(name)


def output_name(tickets: TicketsInUse) -> str:
    """What a graph calls its output."""
    names = {
        "one against the rest": "probability",
        "classes": "probabilities",
        "colours": "colours",
        "speech": "signals",
    }
    return names.get(tickets.usage.decision.kind, "values")
