"""Tickets of a problem from beginning to end: masks found, tickets retrained and scored, beside the baselines."""

from collections.abc import Sequence
from functools import partial

from rtl_core.baselines import imp_multiple, imp_single
from rtl_core.checks import problem_failures
from rtl_core.construction import initial_weights, networks_of
from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.extraction import extract_chain, masks_by_level
from rtl_core.found_tickets import FoundTickets, Sets
from rtl_core.isolation import OptimizerChoice, OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.method_checks import method_failures
from rtl_core.methods import METHODS, UPDATES
from rtl_core.one_network import as_one_network, scored_subsets
from rtl_core.problem import Problem, Score
from rtl_core.pruning import Round, plan_rounds
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.scoring import complete_scores
from rtl_core.side_by_side import SideBySide
from rtl_core.tickets import Tickets

BESIDE_RTL = ("imp_single", "imp_multiple")
"""What may be found beside RTL's tickets."""
ADAM = OptimizerChoice()


def find_tickets(
    problem: Problem,
    sparsities: Sequence[float] = (0.5, 0.75),
    *,
    baselines: Sequence[str] = (),
    extract_duration: str = "4ep",
    retrain_duration: str = "10ep",
    optimizer: OptimizerFactory = ADAM,
    update: str = "synchronous",
    weights_per_round: int | float = 0.25,
    seed: int = 0,
    name: str = "problem",
    threads: int | None = None,
) -> FoundTickets:
    """Find the K tickets of a problem at every sparsity, retrain them jointly and score them.

    It first tries the problem for seconds (``rtl_core.checks``). On a terminal a bar shows how far it is. What comes
    out depends on the arguments alone, not on ``threads``; it is what the pipeline computes with the same settings in a
    section called ``name``.

    Args:
        problem: such as a ``ContextProblem``.
        sparsities: shares of the prunable weights at zero, increasing.
        baselines: ``imp_single`` (one pruned network for everything) and ``imp_multiple`` (K that share nothing), to be
            found and scored as well.
        extract_duration: how long each round of pruning trains (Algorithm 1), such as ``4ep`` or ``200it``.
        retrain_duration: how long the tickets are retrained (Algorithm 2), and each baseline.
        optimizer: makes the optimizer of given parameters.
        update: ``synchronous``, ``microbatch`` or, as in the paper, ``sequential``.
        weights_per_round: how many weights leave in a round: a count, or a share of those that are left.
        seed: of every random draw.
        name: of the problem, a part of every random draw.
        threads: how many chains or trainings run side by side, each on one core [default: as many as there are cores].

    Raises:
        SettingsError: an argument is out of range, or the problem cannot be trained, repeated or scored.
        DivergedError: a loss was not finite.
    """
    _check_arguments(problem, sparsities, baselines, update, weights_per_round)
    extracting, retraining = Duration.parse(extract_duration), Duration.parse(retrain_duration)
    search = _Search(problem, optimizer, Stream(seed).at(problem=name), UPDATES[update], baselines)
    with SideBySide(threads) as work:
        search.check()
        rounds = search.rounds(sparsities, weights_per_round)
        masks = search.extract(rounds, extracting, work)
        sets = search.train(masks, retraining, work)
        scores = [
            (method, sparsity, score)
            for (method, sparsity), tickets in sets.items()
            for score in search.scores(method, tickets)
        ]
    return FoundTickets(problem, search.stream, sets, scores)


def _check_arguments(
    problem: object, sparsities: object, baselines: Sequence[str], update: str, weights_per_round: int | float
) -> None:
    if not isinstance(problem, Problem):
        raise SettingsError(f"problem: found a {type(problem).__name__}; allowed: a Problem, such as a ContextProblem")
    if unknown := [method for method in baselines if method not in BESIDE_RTL]:
        raise SettingsError(f"baselines: found {unknown[0]!r}; allowed: {', '.join(BESIDE_RTL)}")
    if update not in UPDATES:
        raise SettingsError(f"update: found {update!r}; allowed: {', '.join(UPDATES)}")
    if not (weights_per_round >= 1 if isinstance(weights_per_round, int) else 0 < weights_per_round < 1):
        raise SettingsError(
            f"weights_per_round: found {weights_per_round!r}; allowed: a count, or a share between 0 and 1"
        )
    if isinstance(sparsities, str) or not isinstance(sparsities, Sequence) or not sparsities:
        raise SettingsError(f"sparsities: found {sparsities!r}; allowed: one and more, such as [0.5, 0.75]")


class _Search:
    """The problem as each method sees it, and what is done with it in turn."""

    def __init__(
        self, problem: Problem, optimizer: OptimizerFactory, stream: Stream, rtl: str, baselines: Sequence[str]
    ) -> None:
        self.problem, self.optimizer, self.stream, self.rtl, self.baselines = problem, optimizer, stream, rtl, baselines
        self.views = {"rtl": problem}
        if "imp_single" in baselines:
            self.views["imp_single"] = as_one_network(problem)

    def check(self) -> None:
        """Raise the first of what is to be changed in the problem."""
        for view in self.views.values():
            for failure in problem_failures(view, self.optimizer, self.stream):
                raise SettingsError(failure)
        for failure in method_failures(self.problem, self.stream, METHODS[self.rtl].update == "microbatch", []):
            raise SettingsError(failure)

    def rounds(self, sparsities: Sequence[float], weights_per_round: int | float) -> dict[str, list[Round]]:
        """The pruning rounds of RTL's chains, and of IMP single's."""
        sizes = {method: initial_weights(view, self.stream).layout.size for method, view in self.views.items()}
        return {method: plan_rounds(size, sparsities, weights_per_round, 1) for method, size in sizes.items()}

    def extract(
        self, rounds: dict[str, list[Round]], duration: Duration, work: SideBySide
    ) -> dict[str, dict[float, Masks]]:
        """RTL's masks and IMP single's at every sparsity, each chain a job of its own."""
        jobs = {
            (method, subset): partial(
                extract_chain, view, subset, rounds[method], duration, self.optimizer, self.stream, method=method
            )
            for method, view in self.views.items()
            for subset in range(len(view.subsets))
        }
        chains = work.run(
            "pruning rounds",
            {place: partial(job, after_round=work.advance) for place, job in jobs.items()},
            sum(len(rounds[method]) for method, _ in jobs),
        )
        masks = {}
        for method, view in self.views.items():
            layout = initial_weights(view, self.stream).layout
            masks[method] = masks_by_level(layout, [chains[method, subset] for subset in range(len(view.subsets))])
        return masks

    def train(self, masks: dict[str, dict[float, Masks]], duration: Duration, work: SideBySide) -> Sets:
        """The tickets of every method at every sparsity; one set, or K of IMP multiple."""
        problem, optimizer, stream = self.problem, self.optimizer, self.stream
        methods, levels = [self.rtl, *self.baselines], list(masks["rtl"])
        update = METHODS[self.rtl].update

        def trained(method: str, sparsity: float) -> list[Tickets]:
            if method == "imp_single":
                return [imp_single(problem, masks[method][sparsity], duration, optimizer, stream, work.epochs)]
            own = masks["rtl"][sparsity]
            if method == "imp_multiple":
                return imp_multiple(problem, own, duration, optimizer, stream, work.epochs)
            return [
                retrain(
                    initial_weights(problem, stream),
                    own,
                    problem.objectives,
                    duration,
                    problem.batches_per_epoch,
                    update,
                    optimizer,
                    stream.at(method=method),
                    work.epochs,
                    max(1, work.threads // (len(methods) * len(levels))),
                )
            ]

        def epochs(batches_per_epoch: int) -> int:
            return -(-duration.iterations(batches_per_epoch) // batches_per_epoch)

        of_ticket = epochs(problem.batches_per_epoch)
        each = {self.rtl: of_ticket, "imp_multiple": of_ticket * len(problem.subsets)}
        if "imp_single" in self.views:
            each["imp_single"] = epochs(self.views["imp_single"].batches_per_epoch)
        jobs = {(method, level): partial(trained, method, level) for method in methods for level in levels}
        return work.run("training epochs", jobs, sum(each[method] for method, _ in jobs))

    def scores(self, method: str, sets: Sequence[Tickets]) -> list[Score]:
        """Every score of one method at one sparsity."""
        view = self.views.get(method, self.problem)
        return complete_scores(view.score(networks_of(view, sets, self.stream)), scored_subsets(view))
