"""Whether pruning goes on: what the similarity of masks says while rounds are under way."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import nan
from typing import Any

from rich.console import Console

from rtl_core.collapse import Alarm, alarm
from rtl_core.errors import RtlError
from tasks.jobs.rounds import Rounds, reached
from tasks.process.status import forget, say
from tasks.tables.names import score_text


class CollapseWatch:
    """Follows how alike every seed's masks are in their departures from θ₀'s, round after round.

    Args:
        rounds: the rounds of a chain, as planned.
        seeds: whose tickets are followed.
        policy: ``warn`` says so when the alarm rings; ``stop`` also ends extraction there. Under ``off``
            nothing is measured.
        instance: whose tickets these are, where a problem has several instances: each is named in what is said, and
            only while its own rounds go on.
    """

    def __init__(self, rounds: Rounds, seeds: Sequence[int], policy: str, instance: str = "") -> None:
        self.rounds, self.policy, self.sparsities = rounds, policy, reached(rounds)
        self.instance = instance
        self.alarms: dict[int, Alarm | None] = dict.fromkeys(seeds)
        self._departures: dict[int, dict[int, float]] = {seed: {} for seed in seeds}

    def __enter__(self) -> "CollapseWatch":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Extraction is over: nothing more to say beside the bar."""
        for seed in self.alarms:
            forget(self._subject(seed))
        if not error and self.last_round < len(self.rounds):
            ends = f"extraction ends at {self._percent(self.last_round)} sparsity, the last level before the alarm"
            self._print(ends)

    @property
    def ends_after(self) -> int:
        """The round after which no chain goes on: the last of all or, under ``stop``, the first that rang.

        Every seed is followed to it, so that what is found does not depend on which seed was faster.
        """
        rungs = [ring.rung for ring in self.alarms.values() if ring]
        return min(rungs) if self.policy == "stop" and rungs else len(self.rounds)

    @property
    def last_round(self) -> int:
        """The last round that is kept: the last of all or, under ``stop``, the last level before the alarm.

        Raises:
            RtlError: no level comes before the alarm.
        """
        knees = [ring.knee for ring in self._heard().values() if ring]
        if self.policy != "stop" or not knees:
            return len(self.rounds)
        reached: list[int] = [r["number"] for r in self.rounds if r["sparsity"] is not None]
        levels = [number for number in reached if number <= min(knees)]
        if not levels:
            raise RtlError(
                f"{self._of_instance}extraction: the similarity of masks left its level after round {min(knees)}, "
                "before the first level of sparsities; allow a lower one, or set extract.stop_on_collapse to warn"
            )
        return max(levels)

    def measured(self, seed: int, number: int, similarity: Mapping[str, Any]) -> bool:
        """Take in what ``measure_similarity`` found after a round; whether the alarm has rung just now."""
        past = self._departures[seed]
        past[number] = similarity["departure"]
        known = [past[n] for n in range(1, len(self.rounds) + 1) if n in past]
        fresh = None
        if self.alarms[seed] is None and len(known) == max(past):  # rounds may end out of order
            fresh = self.alarms[seed] = alarm(known)
        self._say(seed, similarity["excess"])
        if fresh:
            self._warn(seed, fresh)
        if self.instance:
            self._forget_ended()
        return fresh is not None

    def record(self) -> bytes:
        """levels.json: the sparsities that exist, level by level and round by round, and the alarm of each seed."""
        kept = self.rounds[: self.last_round]
        reached = {
            "levels": [r["sparsity"] for r in kept if r["sparsity"] is not None],
            "rounds": self.sparsities[: self.last_round],
            "alarms": {
                str(seed): ring and {**asdict(ring), "sparsity": self.sparsities[ring.knee - 1]}
                for seed, ring in self._heard().items()
            },
        }
        return (json.dumps(reached, indent=2) + "\n").encode()

    def _heard(self) -> dict[int, Alarm | None]:
        return {seed: ring if ring and ring.rung <= self.ends_after else None for seed, ring in self.alarms.items()}

    def _forget_ended(self) -> None:
        for seed, past in self._departures.items():
            if all(number in past for number in range(1, self.ends_after + 1)):
                forget(self._subject(seed))

    def _say(self, seed: int, excess: float) -> None:
        ring = self.alarms[seed]
        state = f"ALARM, {ring.side} from {self._percent(ring.knee)}" if ring else "no alarm"
        say(self._subject(seed), f"excess similarity {score_text(excess, nan, nan)}, {state}")

    def _warn(self, seed: int, ring: Alarm) -> None:
        self._print(
            f"seed {seed}: the similarity of masks {ring.side}s from round {ring.knee} on "
            f"({self._percent(ring.knee)} sparsity), seen after round {ring.rung}: pruning may have gone too far"
        )

    def _percent(self, number: int) -> str:
        return f"{100 * self.sparsities[number - 1]:.3g} %"

    def _subject(self, seed: int) -> str:
        return f"{self._of_instance}seed {seed}"

    def _print(self, line: str) -> None:
        Console(stderr=True).print(f"{self._of_instance}{line}", soft_wrap=True)

    @property
    def _of_instance(self) -> str:
        return f"{self.instance}, " if self.instance else ""
