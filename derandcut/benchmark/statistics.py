"""What the records say: scores, distances to the best, duels, profiles, curves.

A run *counts* if its status is "ok". Its distance is (best - cut) / best, where best is
the larger of the best value known before and the best cut recounted in these records.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from derandcut.benchmark.records import Records
from derandcut.result import relative_gap

__all__ = ["Duel", "Study", "bootstrap_interval"]

Run = dict[str, Any]
RESAMPLES = 2000
REACHED = 1e-3  # "within .1 % of the best", for times


@dataclass(frozen=True)
class Duel:
    """How often the reference beats, equals, loses to another solver.

    ``wins + draws + losses = instances``: for each instance the fractions over all
    pairs of seeds.

    Attributes
    ----------
    interval : (float, float)
        95 % interval of wins - losses were the instances drawn anew (Agresti and Min
        2005: half a win and half a loss added, which keeps it honest when all are won).
    seed_interval : (float, float) or None
        The same were the seeds drawn anew, the instances kept: bootstrap with one draw
        less than there are seeds (Rao and Wu 1988), as few seeds need it.
    p : float
        Two-sided sign test over the instances that are not drawn.
    """

    other: str
    instances: int
    wins: float
    draws: float
    losses: float
    interval: tuple[float, float]
    seed_interval: tuple[float, float] | None
    p: float


class Study:
    """Read-only view of records, indexed by instance, solver and limit."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.runs: list[Run] = list(records.runs.values())
        self.instances = _in_order(run["instance"] for run in self.runs)
        recorded = _in_order(run["solver"] for run in self.runs)
        listed = [s for session in records.sessions for s in session["solvers"]]
        self.solvers = [s for s in _in_order(listed) if s in recorded]
        self.solvers += [s for s in recorded if s not in self.solvers]
        self.limits = sorted({run["time_limit"] for run in self.runs})
        self.seeds = sorted({run["seed"] for run in self.runs})
        self._cells: dict[tuple[str, str, float], list[Run]] = {}
        for run in self.runs:
            key = run["instance"], run["solver"], run["time_limit"]
            self._cells.setdefault(key, []).append(run)

    def cell(self, instance: str, solver: str, limit: float) -> list[Run]:
        """The runs over all seeds."""
        return self._cells.get((instance, solver, limit), [])

    def of_solver(self, solver: str, limit: float) -> list[Run]:
        """The runs of one solver at one limit."""
        return [r for i in self.instances for r in self.cell(i, solver, limit)]

    # ---------------------------------------------------------------- best values

    @cached_property
    def found(self) -> dict[str, float]:
        """Largest recounted cut of each instance, of whatever status."""
        best: dict[str, float] = {}
        for run in self.runs:
            if run.get("cut") is not None:
                instance = run["instance"]
                best[instance] = max(run["cut"], best.get(instance, -math.inf))
        return best

    @cached_property
    def known(self) -> dict[str, float]:
        """Best value known before, where there is one."""
        return {
            run["instance"]: run["best_known"]
            for run in self.runs
            if run.get("best_known") is not None
        }

    def best(self, instance: str) -> float | None:
        """The larger of known and found."""
        values = [b[instance] for b in (self.known, self.found) if instance in b]
        return max(values, default=None)

    def facts(self, instance: str) -> Run:
        """A run that says n, m and family."""
        runs = [run for run in self.runs if run["instance"] == instance]
        return next((run for run in runs if "n" in run), runs[0])

    def family(self, instance: str) -> str:
        """Family name, "other" if unknown."""
        return self.facts(instance).get("family") or "other"

    # -------------------------------------------------------------------- scores

    @staticmethod
    def counts(run: Run) -> bool:
        """True if the run answered within its limit with a cut."""
        return run["status"] == "ok" and run.get("cut") is not None

    def distance(self, run: Run) -> float | None:
        """Relative distance of the cut to the best, None if the run does not count."""
        return self._distance(run["instance"], run["cut"]) if self.counts(run) else None

    def _distance(self, instance: str, cut: float) -> float:
        best = self.best(instance)
        if best is None or cut >= best:
            return 0.0
        return min(1.0, (best - cut) / abs(best)) if best else 1.0

    @staticmethod
    def gap(run: Run) -> float | None:
        """(upper_bound - cut) / |cut| of one run, None without both."""
        cut, bound = run.get("cut"), run.get("upper_bound")
        if run["status"] != "ok" or cut is None or bound is None:
            return None
        return max(0.0, relative_gap(cut, bound))

    def proves(self, run: Run) -> str | None:
        """ "proved" or "claimed" if the run closes its own gap, else None."""
        gap = self.gap(run)
        if gap is None or gap > 1e-9 or run["bound_kind"] not in ("proved", "claimed"):
            return None
        return run["bound_kind"]

    def refuted(self, run: Run) -> bool:
        """True if somebody's recounted cut lies above the run's proved bound."""
        bound, found = run.get("upper_bound"), self.found.get(run["instance"])
        if bound is None or found is None or run.get("bound_kind") == "estimate":
            return False
        return bound < found - 1e-7 * run["weight"]

    @staticmethod
    def overdraws(run: Run) -> bool:
        """True if the run used clearly more cores than it was allowed."""
        cpu, wall = run.get("cpu_seconds"), run.get("seconds")
        return bool(cpu and wall) and cpu > 1.2 * run["threads"] * wall + 0.2

    def tried(self, solver: str, limit: float) -> list[Run]:
        """Runs that were really started (installed, suitable)."""
        return [run for run in self.of_solver(solver, limit) if _tried(run)]

    def mean_distance(self, runs: Iterable[Run]) -> float | None:
        """Mean distance, a failure counting as 1; None without runs."""
        values = [self.distance(run) for run in runs if _raced(run)]
        if not values:
            return None
        return float(np.mean([1.0 if value is None else value for value in values]))

    # --------------------------------------------------------------------- duels

    def duel(self, reference: str, other: str, limit: float) -> Duel | None:
        """Compare two solvers at one limit; None if they share no instance."""
        pairs = []
        for instance in self.instances:
            ours = self._cuts(instance, reference, limit)
            theirs = self._cuts(instance, other, limit)
            if len(ours) and len(theirs):
                a, b = ours[:, None], theirs[None, :]  # two failures are a draw
                pairs.append((a > b).astype(np.float64) - (a < b))
        if not pairs:
            return None
        wins = float(sum((table > 0).mean() for table in pairs))
        losses = float(sum((table < 0).mean() for table in pairs))
        seeded = max(table.size for table in pairs) > 1
        nets = [table.mean() for table in pairs]
        return Duel(
            other=other,
            instances=len(pairs),
            wins=wins,
            draws=float(sum((table == 0).mean() for table in pairs)),
            losses=losses,
            interval=_net_interval(wins, losses, len(pairs)),
            seed_interval=_percentiles(_resampled_nets(pairs)) if seeded else None,
            p=_sign_test(sum(x > 0 for x in nets), sum(x < 0 for x in nets)),
        )

    def _cuts(self, instance: str, solver: str, limit: float) -> np.ndarray:
        """Cuts over the seeds, rounded to what the sums resolve; failures -inf."""
        runs = [run for run in self.cell(instance, solver, limit) if _raced(run)]
        cuts = np.array([r["cut"] if self.counts(r) else -np.inf for r in runs])
        unit = 1e-9 * max((run.get("weight") or 0.0 for run in runs), default=0.0)
        return np.rint(cuts / unit) * unit if unit and unit < 0.5 else cuts

    # --------------------------------------------------------- profiles and curves

    def quality_profile(self, solver: str, limit: float) -> list[tuple[float, float]]:
        """Points (distance, fraction of runs at most that far from the best)."""
        runs = list(filter(_raced, self.of_solver(solver, limit)))
        values = [self.distance(run) for run in runs]
        return _steps([v for v in values if v is not None], len(values))

    def time_profile(self, solver: str, limit: float) -> list[tuple[float, float]]:
        """Points (ratio to the fastest, fraction): time to within .1 % of the best."""
        ratios, total = [], 0
        for instance in self.instances:
            runs = [r for r in self.cell(instance, solver, limit) if _raced(r)]
            total += len(runs)
            fastest = self._fastest.get((instance, limit))
            times = [self._time_to_best(run) for run in runs]
            ratios += [t / fastest for t in times if t is not None and fastest]
        return _steps(ratios, total)

    @cached_property
    def _fastest(self) -> dict[tuple[str, float], float]:
        least: dict[tuple[str, float], float] = {}
        for run in filter(_raced, self.runs):
            seconds = self._time_to_best(run)
            if seconds is not None:
                key = run["instance"], run["time_limit"]
                least[key] = min(seconds, least.get(key, math.inf))
        return least

    def _time_to_best(self, run: Run) -> float | None:
        if not self.counts(run):
            return None
        for seconds, cut, _ in history(run):
            if cut is not None and self._distance(run["instance"], cut) <= REACHED:
                return max(seconds, 1e-3)
        return None

    def distance_curve(
        self, solver: str, limit: float, times: np.ndarray
    ) -> np.ndarray | None:
        """Mean distance over all runs at each of `times`; 1 before the first cut."""
        runs = list(filter(_raced, self.of_solver(solver, limit)))
        if not any(self.counts(run) for run in runs):
            return None
        rows = []
        for run in runs:
            row = np.ones(len(times))
            for seconds, cut, _ in history(run) if self.counts(run) else ():
                if cut is not None:
                    after = times >= seconds
                    row[after] = self._distance(run["instance"], cut)
            rows.append(row)
        return np.mean(rows, axis=0)

    def gap_curve(
        self, solver: str, limit: float, times: np.ndarray
    ) -> np.ndarray | None:
        """Median gap over all runs at each of `times`; inf before there is one."""
        rows = []
        for run in self.tried(solver, limit):
            if self.gap(run) is None:
                continue
            row = np.full(len(times), np.inf)
            for seconds, cut, bound in history(run):
                if cut is not None and bound is not None:
                    row[times >= seconds] = max(0.0, relative_gap(cut, bound))
            rows.append(row)
        return np.median(rows, axis=0) if rows else None


def history(run: Run) -> list[tuple[float, float | None, float | None]]:
    """The run's trace, ended by its answer."""
    points = [tuple(point) for point in run.get("trace") or ()]
    if run.get("seconds") is not None:
        points.append((run["seconds"], run.get("cut"), run.get("upper_bound")))
    return points


def bootstrap_interval(
    values: Sequence[float], statistic: Any = np.mean, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic, with a fixed seed."""
    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(0)
    drawn = data[rng.integers(0, len(data), (RESAMPLES, len(data)))]
    return _percentiles(statistic(drawn, axis=1), level)


def _percentiles(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _net_interval(wins: float, losses: float, total: int) -> tuple[float, float]:
    """Agresti and Min's interval of wins - losses among `total` instances."""
    size = total + 2
    net, decided = (wins - losses) / size, (wins + losses + 1) / size
    half = 1.96 * math.sqrt(max(0.0, decided - net**2) / size)
    return total * max(-1.0, net - half), total * min(1.0, net + half)


def _sign_test(wins: int, losses: int) -> float:
    """Two-sided probability of a split at least as uneven by tossing a coin."""
    tosses = wins + losses
    tail = sum(math.comb(tosses, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**tosses)


def _resampled_nets(pairs: list[np.ndarray]) -> np.ndarray:
    """Bootstrap distribution of wins - losses over the seeds of either solver."""
    rng = np.random.default_rng(0)
    total = np.zeros(RESAMPLES)
    for table in pairs:
        rows, columns = table.shape
        a = rng.integers(0, rows, (RESAMPLES, max(1, rows - 1), 1))
        b = rng.integers(0, columns, (RESAMPLES, 1, max(1, columns - 1)))
        total += table[a, b].mean(axis=(1, 2))
    return total


def _steps(values: list[float], total: int) -> list[tuple[float, float]]:
    if not values:
        return []
    found, counts = np.unique(values, return_counts=True)
    return list(zip(found.tolist(), (counts.cumsum() / total).tolist(), strict=True))


def _tried(run: Run) -> bool:
    return run["status"] not in ("not installed", "unsuitable")


def _raced(run: Run) -> bool:
    """Tried, and not a solver of the relaxation alone, which returns no cut."""
    return _tried(run) and not (run["status"] == "ok" and run.get("cut") is None)


def _in_order(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
