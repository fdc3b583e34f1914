"""Tickets that are used: a network for a context, predictions in one or several contexts, and switching in place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.contexts.told_layer import tell
from rtl_core.description.architecture import CoordinateNetwork
from rtl_core.device import device_of
from rtl_core.errors import DataError, SettingsError, TicketFileError, reason_of
from rtl_core.tickets import Tickets
from rtl_core.use.inputs import checked_inputs, network_inputs
from rtl_core.use.network import check_fits, network_of
from rtl_core.use.prediction import Prediction, Rule, decided, rule_of
from rtl_core.use.soundness import check_answers, check_finite
from rtl_core.use.telling import is_alike, told_layer
from rtl_core.use.unknown_context import AUTO, confidence_in, told_contexts
from rtl_core.use.usage import CompleteUsage, complete_usage


@dataclass(frozen=True)
class TicketsInUse(Tickets):
    """Tickets with what it takes to use them.

    Attributes:
        name: what messages call the file.
        allow: import paths, ``module:name``, of networks that the file may name beside ours and two libraries'.
        device: where it is computed: ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` and the like.
    """

    name: str = "tickets"
    allow: tuple[str, ...] = ()
    device: str = "auto"

    @classmethod
    def of(cls, tickets: Tickets, name: str, allow: Sequence[str] = (), device: str = "auto") -> "TicketsInUse":
        """The same tickets, to be used."""
        return cls(**{**vars(replace(tickets)), "name": name, "allow": tuple(allow), "device": device})

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts that the file serves."""
        return self.about.contexts if self.about else self.subsets

    @property
    def usage(self) -> CompleteUsage:
        """What the input is made from, and what an output means.

        Raises:
            TicketFileError: the file does not say both, or not of all contexts.
        """
        return complete_usage(self.about, self.name)

    @property
    def needs_context(self) -> bool:
        """Whether what is predicted depends on the context."""
        return len(self.subsets) > 1 or (len(self.contexts) > 1 and not is_alike(self.about))

    def is_to_be_told(self, context: str | None) -> bool:
        """Whether ``auto`` is asked for, and no context is really called so."""
        return context == AUTO and AUTO not in self.contexts

    def context(self, context: str | None = None, into: nn.Module | None = None) -> nn.Module:
        """A new network for a context, in evaluation mode, on the device.

        Args:
            context: one of ``contexts``; it may be left out where there is one network.
            into: a network of the right architecture to be used in place of a new one, where the file does not know it.

        Raises:
            SettingsError: there is no such context.
            TicketFileError: the file does not say what network it is of, or names one that is not allowed or is not
                its own.
        """
        self._place(context)
        network = network_of(self, self.allow, self.name) if into is None else into
        network = network.to(device_of(self.device)).eval()
        self.switch(network, context)
        return network

    @torch.no_grad()
    def switch(self, network: nn.Module, context: str | None = None) -> None:
        """Make a network that ``context`` returned that of another context, in place: nothing is allocated.

        Raises:
            SettingsError: there is no such context.
            TicketFileError: the network is of another architecture.
        """
        place = self._place(context)
        check_fits(self, network, self.name)
        state = network.state_dict()
        weights, masks = self._on(next(iter(state.values())).device)
        for name, mask in self.masks.layout.split(masks[place if len(masks) > 1 else 0]).items():
            state[name].copy_(mask).mul_(weights[name])  # torch.mul(…, out=…) would allocate the mask as floats
        for name, value in (self.dense | self.statistics[place if len(self.subsets) > 1 else 0]).items():
            state[name].copy_(value)
        if (told := told_layer(self.about)) is not None:
            one_hot = F.one_hot(torch.tensor(place), len(self.contexts)).float()
            tell(network, told, one_hot.to(next(network.parameters()).device))

    def predict(
        self,
        inputs: Any,
        context: str | None = None,
        *,
        contexts: Sequence[str] | None = None,
        together: bool = False,
        rule: Rule | None = None,
        into: nn.Module | None = None,
    ) -> Prediction:
        """What the tickets say of N examples: preprocessing, network and decision as in scoring.

        Args:
            inputs: a tensor or array, [N, …], as the preprocessing of the file says (``about.preprocessing``).
            context: of all examples; it may be left out where there is one network that is not told it. ``auto`` tells
                it from what the tickets say, of each example by itself; the prediction says how sure that is.
            together: with ``auto``, that all examples are of one context, which is then told from all of them.
            contexts: of each example, N names, in place of ``context``.
            rule: of claims: ``matched``, by the threshold chosen on validation data, or ``paper``, above one half
                [default: matched, where the file knows it].
            into: as with ``context``.

        Raises:
            SettingsError: a context or rule is missing or unknown.
            DataError: the inputs are of another size or type than trained, or hold a number that is not finite.
            TicketFileError: the file does not say how it is used, or names a network that is not allowed.
        """
        preprocessing, decision = self.usage
        values = checked_inputs(preprocessing, inputs)
        is_given = context is not None or contexts is not None
        is_auto = self.is_to_be_told(context)
        if together and not is_auto:
            raise SettingsError(f"together: found with a context that is given; allowed: with {AUTO!r}")
        posterior = None
        if is_auto and contexts is None:
            contexts, posterior = self._told_contexts(values, together, into)
        elif contexts is None:
            contexts = [self._named(context)] * len(values)
        elif context is not None:
            raise SettingsError("context and contexts: found both; allowed: one of them")
        if len(contexts) != len(values):
            raise DataError(f"contexts: found {len(contexts)} for {len(values)} inputs; allowed: one for each")
        for name in dict.fromkeys(contexts):
            self._place(name)
        rule_of(decision, list(dict.fromkeys(contexts)), rule)
        with self._lock:
            outputs = self._outputs(values, contexts, into)
        predicted = decided(decision, outputs, contexts, rule, posterior)
        return predicted if is_given or len(self.contexts) == 1 else replace(predicted, contexts=("",) * len(values))

    def answered(self, network: nn.Module, values: Tensor, context: str) -> Prediction:
        """What ``predict`` says of checked inputs, [N, …], by a network that is in their context already."""
        return decided(self.usage.decision, self._outputs_of(network, values, context), [context] * len(values), None)

    def _told_contexts(self, values: Tensor, together: bool, into: nn.Module | None) -> tuple[list[str], Tensor]:
        """The context of each example, and how likely it is, float64 [N]."""
        confidence = confidence_in(self.about, self.name)

        def outputs_in(some: Tensor, name: str) -> Tensor:
            return self._outputs(some, [name] * len(some), into)

        with self._lock:
            told = told_contexts(self.usage.decision, self.contexts, confidence, values, outputs_in, together)
        posterior = told.posterior.gather(1, told.choice[:, None]).squeeze(1)
        return [self.contexts[k] for k in told.choice.tolist()], posterior

    @torch.inference_mode()
    def _outputs(self, values: Tensor, contexts: Sequence[str], into: nn.Module | None) -> Tensor:
        """Outputs for each example of the network of its context, on the CPU."""
        network = self._network if into is None else into.to(device_of(self.device)).eval()
        rows_of: dict[str, list[int]] = {}
        for row, name in enumerate(contexts):
            rows_of.setdefault(name, []).append(row)
        parts, order = [], []
        for name, rows in rows_of.items():
            self.switch(network, name)
            own = values if len(rows_of) == 1 else values[torch.tensor(rows)]
            parts.append(self._outputs_of(network, own, name))
            order += rows
        outputs = torch.cat(parts)
        return outputs if len(rows_of) == 1 else outputs[torch.tensor(order).argsort()]

    @torch.inference_mode()
    def _outputs_of(self, network: nn.Module, values: Tensor, context: str) -> Tensor:
        parts = network_inputs(self.usage.preprocessing, values, next(network.parameters()).device)
        return torch.cat([self._called(network, part, context) for part in parts])

    def _called(self, network: nn.Module, part: Tensor, context: str) -> Tensor:
        architecture = self.about.architecture if self.about else None
        paints = isinstance(architecture, CoordinateNetwork)
        more = []
        if isinstance(architecture, CoordinateNetwork) and architecture.embedded:
            more = [torch.full((len(part),), self.contexts.index(context), device=part.device)]
        try:
            outputs: Tensor = network(part, *more)
            outputs = (outputs.clamp(0, 1) if paints else outputs).cpu()
        except Exception as problem:  # whatever a network makes of an input that is not its own
            raise TicketFileError(
                f"{self.name}: its network does not take what it says ({reason_of(problem)[:200]})"
            ) from problem
        check_answers(outputs, len(part), self.name)
        return outputs

    def _named(self, context: str | None) -> str:
        self._place(context)
        return self.contexts[0] if context is None else context

    def _place(self, context: str | None) -> int:
        """The number of a context; any does where one network is the same in all of them."""
        if context is None and not self.needs_context:
            return 0
        if context not in self.contexts:
            asked = "none" if context is None else repr(context)
            raise SettingsError(f"context: found {asked}; allowed with {self.name}: {', '.join(self.contexts)}")
        return self.contexts.index(context)

    @cached_property
    def _network(self) -> nn.Module:
        return self.context(self.contexts[0])

    @property
    def _lock(self) -> Lock:
        """One for all threads, where a cached property of Python 3.12 may give two threads one each."""
        lock: Lock = vars(self).setdefault("the lock", Lock())
        return lock

    @cached_property
    def _kept(self) -> dict[torch.device, tuple[dict[str, Tensor], Tensor]]:
        return {}

    def _on(self, device: torch.device) -> tuple[dict[str, Tensor], Tensor]:
        """The weights by name, and the masks, in a device's memory."""
        if device not in self._kept:
            check_finite(self, self.name)
            self._kept[device] = self.masks.layout.split(self.weights.to(device)), self.masks.values.to(device)
        return self._kept[device]
