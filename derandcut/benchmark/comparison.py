"""Old records against new ones: what got worse, told apart from noise.

Runs are paired by instance, solver, options, limit and seed. Times are CPU seconds
divided by the reference loop measured just before each run, and compared as ratios, so
that a slower or busier machine does not look like a slower solver. Each measure of each
solver gets a one-sided Wilcoxon signed-rank test over the instances (means over the
seeds), with Holm's correction over all tests, and a tolerance below which a difference
does not matter. Failures that were not there before are listed whatever the statistics.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from derandcut.benchmark.records import Records, read_records
from derandcut.benchmark.statistics import Run, Study, bootstrap_interval

__all__ = ["Change", "Comparison", "compare"]

LEVEL = 0.05
FEWEST = 6  # fewer units cannot reach the level after any correction


@dataclass(frozen=True)
class Change:
    """One measure of one solver at one limit, old to new.

    Attributes
    ----------
    solver : str
    time_limit : float
    measure : {"cut", "bound", "time"}
    units : int
        Instances compared, or pairs of runs where there are fewer than 6 instances.
    effect : float
        Mean change, positive is worse: of the distance to the best cut, of the bound's
        relative excess, or of log(time).
    interval : (float, float)
        95 % bootstrap interval of `effect`.
    p : float
        One-sided, corrected; 1 with too few units.
    tolerance : float
    """

    solver: str
    time_limit: float
    measure: str
    units: int
    effect: float
    interval: tuple[float, float]
    p: float
    tolerance: float

    @property
    def regression(self) -> bool:
        """Worse by more than the tolerance, and not by chance."""
        return self.p < LEVEL and self.effect > self.tolerance

    @property
    def text(self) -> str:
        """The change in words."""
        low, high = self.interval
        if self.measure == "time":
            ratios = [math.exp(x) for x in (self.effect, low, high)]
            return "x {:.3f} [{:.3f}, {:.3f}]".format(*ratios)
        shown = [100 * x for x in (self.effect, low, high)]
        return "{:+.4f} % [{:+.4f}, {:+.4f}]".format(*shown)


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    pairs : int
        Runs present in both.
    changes : list of Change
    failures : list of str
        Runs that answered before and do not now.
    lost_proofs : list of str
        Runs that proved optimality before and do not now.
    machine_ratio : float or None
        New over old time of the reference loop, already divided out of the times.
    """

    pairs: int
    changes: list[Change]
    failures: list[str]
    lost_proofs: list[str]
    machine_ratio: float | None

    @property
    def regressions(self) -> list[Change]:
        """The changes that are worse beyond tolerance and chance."""
        return [change for change in self.changes if change.regression]

    @property
    def worse(self) -> bool:
        """True if anything regressed."""
        return bool(self.regressions or self.failures or self.lost_proofs)


def compare(
    old: Records | str | Path,
    new: Records | str | Path,
    *,
    cut_tolerance: float = 1e-4,
    bound_tolerance: float = 1e-4,
    time_tolerance: float = 0.05,
) -> Comparison:
    """Compare two sets of records of the same suite.

    Parameters
    ----------
    old, new : Records or path
    cut_tolerance, bound_tolerance : float, default 1e-4
        Relative changes that do not matter.
    time_tolerance : float, default 0.05
        The same for CPU time; runs that use up their limit are left out of it.
    """
    old, new = _read(old), _read(new)
    study = Study(Records(runs={**_named(old, "old"), **_named(new, "new")}))
    pairs = [(old.runs[key], run) for key, run in new.runs.items() if key in old.runs]
    changes = []
    for (solver, limit), group in _groups(pairs):
        for measure, tolerance in (
            ("cut", cut_tolerance),
            ("bound", bound_tolerance),
            ("time", math.log1p(time_tolerance)),
        ):
            units = _units(study, measure, group)
            if units:
                changes.append(_change(solver, limit, measure, units, tolerance))
    return Comparison(
        pairs=len(pairs),
        changes=_corrected(changes),
        failures=[
            f"{_title(b)}: {b['status']}"
            for a, b in pairs
            if a["status"] == "ok"
            and b["status"] not in ("ok", "not installed", "unsuitable")
        ],
        lost_proofs=[
            _title(b)
            for a, b in pairs
            if b["status"] == "ok" and study.proves(a) and not study.proves(b)
        ],
        machine_ratio=_machine_ratio(pairs),
    )


def _read(records: Records | str | Path) -> Records:
    return records if isinstance(records, Records) else read_records(records)


def _named(records: Records, name: str) -> dict[str, Run]:
    return {f"{name} {key}": run for key, run in records.runs.items()}


def _title(run: Run) -> str:
    return "{solver} on {instance}, {time_limit:g} s, seed {seed}".format(**run)


Pairs = list[tuple[Run, Run]]


def _groups(pairs: Pairs) -> Iterator[tuple[tuple[str, float], Pairs]]:
    groups: dict[tuple[str, float], Pairs] = {}
    for old, new in pairs:
        groups.setdefault((new["solver"], new["time_limit"]), []).append((old, new))
    yield from groups.items()


def _units(study: Study, measure: str, pairs: Pairs) -> list[float]:
    """One difference (positive is worse) per instance, or per pair if those are few."""
    by_instance: dict[str, list[float]] = {}
    for old, new in pairs:
        before, after = (_value(study, measure, run) for run in (old, new))
        if before is not None and after is not None:
            by_instance.setdefault(new["instance"], []).append(after - before)
    if len(by_instance) < FEWEST:
        return [x for values in by_instance.values() for x in values]
    return [float(np.mean(values)) for values in by_instance.values()]


def _value(study: Study, measure: str, run: Run) -> float | None:
    if run["status"] != "ok":
        return None
    if measure == "cut":
        return study.distance(run)
    if measure == "bound":
        best, bound = study.best(run["instance"]), run.get("upper_bound")
        return bound / abs(best) if bound is not None and best else None
    cpu, unit = run.get("cpu_seconds"), run.get("reference_seconds")
    if not cpu or not unit or run["seconds"] >= 0.9 * run["time_limit"]:
        return None
    return math.log(cpu / unit)


def _change(
    solver: str, limit: float, measure: str, units: Sequence[float], tolerance: float
) -> Change:
    from scipy.stats import wilcoxon

    p = 1.0
    if len(units) >= FEWEST and any(units):
        p = float(wilcoxon(units, alternative="greater").pvalue)
    return Change(
        solver=solver,
        time_limit=limit,
        measure=measure,
        units=len(units),
        effect=float(np.mean(units)),
        interval=bootstrap_interval(units),
        p=p,
        tolerance=tolerance,
    )


def _corrected(changes: list[Change]) -> list[Change]:
    """Holm's step-down correction over all tests."""
    fields: list[dict[str, Any]] = [dict(vars(change)) for change in changes]
    running = 0.0
    for rank, values in enumerate(sorted(fields, key=lambda values: values["p"])):
        running = max(running, min(1.0, (len(fields) - rank) * values["p"]))
        values["p"] = running
    return [Change(**values) for values in fields]


def _machine_ratio(pairs: Pairs) -> float | None:
    ratios = [
        math.log(new["reference_seconds"] / old["reference_seconds"])
        for old, new in pairs
        if old.get("reference_seconds") and new.get("reference_seconds")
    ]
    return math.exp(float(np.median(ratios))) if ratios else None
