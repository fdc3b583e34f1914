"""Tickets that say what they are for, as a run would have them say it."""

from collections.abc import Sequence
from dataclasses import replace

from rtl_core.description.about import About, Code, Figures, Routing, Usage
from rtl_core.description.decision import Classes, OneVsRest
from rtl_core.tickets import Tickets


def described_as(tickets: Tickets, usage: Usage, contexts: Sequence[str] = ()) -> Tickets:
    """The same tickets; their contexts are their subsets, where no others are given."""
    names = tuple(contexts) or tickets.subsets
    figures = Figures(protocol="matched", metric="auroc", higher_is_better=True, contexts=(0.5,) * len(names), mean=0.5)
    ones, tells = (1.0,) * len(names), isinstance(usage.decision, OneVsRest | Classes)
    about = About(
        architecture=usage.architecture,
        preprocessing=usage.preprocessing,
        decision=usage.decision,
        contexts=names,
        method="rtl",
        sparsity=0.5,
        seed=0,
        code=Code(version="0.1.0", digest=64 * "0"),
        scores=(figures,),
        routing=Routing(temperatures=ones, slopes=ones, offsets=ones, sharpness=1.0) if tells else None,
    )
    return replace(tickets, about=about)
