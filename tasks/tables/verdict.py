"""What a comparison says in a few sentences: who is ahead, by how much, where, at how many weights, and how surely."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rtl_core.methods import METHODS
from tasks.tables.directions import higher_is_better
from tasks.tables.names import amount_text, level_text, listed, method_name, metric_name, metric_text
from tasks.tables.selection import headline, headline_means
from tasks.tables.standings import LEAST, Standing, lead, repeats, shown_first, standings, values_at

Tables = Mapping[str, pd.DataFrame]
PARTS = ("half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")
HELD_AGAINST = ("imp_single", "imp_multiple")
"""What RTL is held against in any case: one mask for everything, and K networks."""


class Verdict:
    """The sentences on the headline's metric at one sparsity.

    Nobody is said to be ahead of one that cannot be told from it (``standings``); of too few seeds or instances it is
    said who scores best, and no more.
    """

    def __init__(self, tables: Tables, level: float) -> None:
        self.tables, self.level = tables, level
        self.protocol, self.metric = headline(tables["results"])
        self.higher = higher_is_better(tables["scoring"], self.metric)
        self.values = values_at(tables["results"], level, (self.protocol, self.metric))
        self.rows = standings(tables, level, among=contenders(tables["results"]))
        self.row_of = {row.method: row for row in self.rows}
        self.what, self.count = repeats(self.values)
        best = self.rows[0].method
        self.behind = [row.method for row in self.rows if not row.leads]
        self.tied = [row.method for row in self.rows if row.leads and row.method != best]
        self.ahead = [best, *(method for method in self.tied if all(self._told(method, one) for one in self.behind))]

    def sentences(self) -> list[str]:
        """The leader; RTL beside one mask and K networks; mask controls that do as well; and who is left out."""
        if len(self.rows) == 1:
            first = f"At {level_text(self.level)} sparsity only {method_name(self.rows[0].method)} is scored"
            return [f"{first}: {self._scored(self.rows[0])}.", *self._controls(), *self._left_out()]
        if not self.is_enough:
            return [self._too_few(), *self._rivals(), *self._left_out()]
        first = self._winner() if self.has_winner else self._no_winner()
        return [first, *self._rivals(), *self._controls(), *self._left_out()]

    @property
    def is_enough(self) -> bool:
        """Whether there are seeds or instances enough to tell methods apart."""
        return self.count >= LEAST[self.what]

    @property
    def has_winner(self) -> bool:
        """Whether one method is ahead of all others, those of RTL under other updates apart."""
        leaders = [self.rows[0].method, *self.tied]
        return bool(self.behind) and (not self.tied or all(METHODS[method].kind == "rtl" for method in leaders))

    @property
    def outcome(self) -> str:
        """Who is ahead, without numbers."""
        if len(self.rows) == 1:
            return f"only {method_name(self.rows[0].method)} is scored"
        if not self.is_enough:
            return f"{method_name(self.rows[0].method)} scores best"
        if not self.has_winner:
            return "there is no winner"
        return f"{listed(map(method_name, self.ahead))} {_are(self.ahead)} ahead"

    def _winner(self) -> str:
        best, second = self.rows[0], self.row_of[self.behind[0]]
        level = [method for method in self.tied if method not in self.ahead]
        untold = f" {listed(map(method_name, level))} cannot be told from it." if level else ""
        return (
            f"{self.outcome} at {level_text(self.level)} sparsity, by {self._by(best.method, second.method)}: "
            f"{self._scored(best)} against {self._score(second)} of {method_name(second.method)}, the next best, with "
            f"{best.kept:,.0f} prunable weights against {second.kept:,.0f}.{untold}"
        )

    def _no_winner(self) -> str:
        tied = listed(f"{method_name(method)} {self._score(self.row_of[method])}" for method in self.tied)
        worse = f"; {listed(map(method_name, self.behind))} {_are(self.behind)} behind" if self.behind else ""
        return (
            f"No winner at {level_text(self.level)} sparsity: {method_name(self.rows[0].method)} scores best, "
            f"{self._scored(self.rows[0])}, and {tied} cannot be told from it{worse}."
        )

    def _too_few(self) -> str:
        first, second = self.rows[:2]
        count = f"{self.count} {self.what}" if self.count > 1 else "one seed"
        return (
            f"No verdict on {count}: at {level_text(self.level)} sparsity {method_name(first.method)} scores best, "
            f"{self._scored(first)}, before {method_name(second.method)}, {self._score(second)}."
        )

    def _left_out(self) -> list[str]:
        """Methods whose score is not defined for every seed and instance: means over others are no comparison."""
        rows = self.tables["results"][lambda rows: rows.sparsity == self.level]
        lacking = [method for method in contenders(rows) if method not in self.row_of]
        if not lacking:
            return []
        return [f"Not compared: {listed(map(method_name, lacking))}, whose score is not defined everywhere."]

    def _rivals(self) -> list[str]:
        """The best of RTL's methods beside one mask and K networks, but for the pair that the first sentence told."""
        ours = [row.method for row in self.rows if METHODS[row.method].kind == "rtl"]
        told = {self.rows[0].method, self.behind[0]} if self.is_enough and self.has_winner else set()
        rivals = [rival for rival in HELD_AGAINST if rival in self.row_of and ours and {ours[0], rival} != told]
        if not rivals:
            return []
        clauses = []
        for rival in rivals:
            share = self.row_of[ours[0]].kept / self.row_of[rival].kept
            clauses.append(f"{self._beside(ours[0], rival)} {method_name(rival)} {share_text(share)}")
        return [f"{method_name(ours[0])} {'is' if self.is_enough else 'scores'} {', and '.join(clauses)}."]

    def _beside(self, ours: str, rival: str) -> str:
        """How RTL does beside a rival: what can be told or, of too few, what was scored."""
        if not self.is_enough:
            is_better = lead(self.values[ours], self.values[rival], self.higher).difference > 0
            better, worse = (ours, rival) if is_better else (rival, ours)
            return f"{self._by(better, worse)} {'better' if is_better else 'worse'} than"
        if self._told(ours, rival):
            return f"{self._by(ours, rival)} ahead of"
        return f"{self._by(rival, ours)} behind" if self._told(rival, ours) else "level with"

    def _controls(self) -> list[str]:
        """Mask controls that the best of RTL's methods cannot be told from, or is behind."""
        ours = [method for method in self.values if METHODS[method].kind == "rtl"]
        if not ours:
            return []
        best = min(ours, key=lambda method: self.values[method].mean() * (-1 if self.higher else 1))
        sentences = []
        for control in self.values:
            if METHODS[control].kind == "mask control" and not self._told(best, control):
                how = "better" if self._told(control, best) else "as well"
                sentences.append(f"{method_name(best)} does {how} with {method_name(control)}.")
        return sentences

    def _told(self, better: str, worse: str) -> bool:
        return lead(self.values[better], self.values[worse], self.higher).told

    def _by(self, better: str, worse: str) -> str:
        by = lead(self.values[better], self.values[worse], self.higher)
        return amount_text(by.difference, by.low, by.high)

    def _scored(self, row: Standing) -> str:
        text = metric_text(self.metric, row.mean, row.low, row.high)
        return text if self.higher else f"{text} (lower is better)"

    def _score(self, row: Standing) -> str:
        name = metric_name(self.metric).partition(", ")[0]
        return metric_text(self.metric, row.mean, row.low, row.high).removeprefix(name).strip()


def verdict(tables: Tables, level: float | None = None) -> list[str]:
    """Sentences: ``Verdict`` at one sparsity, and in a word how the others go; none where the metric is not defined.

    Args:
        tables: results, scoring and parameters, as published.
        level: a sparsity compared; by default that which is shown first.
    """
    level = shown_first(tables["results"]) if level is None else level
    if level not in _scored_levels(tables["results"]):
        return []
    here = Verdict(tables, level)
    first, *others = here.sentences()
    return [first, *_elsewhere(tables, here), *others]


def contenders(results: pd.DataFrame) -> list[str]:
    """The methods that one would use: all but the controls."""
    return [method for method in results.method.unique() if not METHODS[method].kind.endswith("control")]


def _scored_levels(results: pd.DataFrame) -> list[float]:
    """The sparsities at which a contender has a score for every seed and instance."""
    among, score = {*contenders(results)}, headline(results)
    levels = sorted(map(float, headline_means(results).sparsity.unique()))
    return [level for level in levels if among & {*values_at(results, level, score)}]


def _elsewhere(tables: Tables, here: Verdict) -> list[str]:
    """How the other sparsities go, those of one kind together."""
    levels: dict[str, list[float]] = {}
    for level in _scored_levels(tables["results"]):
        if level != here.level:
            levels.setdefault(Verdict(tables, level).outcome, []).append(level)
    if not levels:
        return []
    told = [
        f"at {listed(map(level_text, of_kind))} {'it is the same' if outcome == here.outcome else outcome}"
        for outcome, of_kind in levels.items()
    ]
    text = "; ".join(told)
    return [f"{text[0].upper()}{text[1:]}."]


def share_text(share: float) -> str:
    """How many weights are kept beside another's: ``at a sixth of its weights``, ``at 1.8 times its weights``."""
    parts = round(1 / share)
    if 2 <= parts < 2 + len(PARTS) and abs(parts * share - 1) <= 0.1:
        about = "about " if abs(parts * share - 1) > 0.02 else ""
        return f"at {about}{PARTS[parts - 2]} of its weights"
    if 0.95 <= share <= 1.05:
        return "with as many weights"
    return f"at {share:.2g} times its weights" if share > 1 else f"at {100 * share:.2g} % of its weights"


def _are(methods: Sequence[str]) -> str:
    return "are" if len(methods) > 1 else "is"
