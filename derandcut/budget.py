"""From seconds to work: the one place where speed is measured.

A time limit becomes a work limit once, at the start. Each kernel of the pipeline is
timed on a few passes over this very graph (scratch state, thrown away), and the
pipeline's plan is walked until the seconds are used up. From there on only work
counts, so that the limit found here repeats the run anywhere. Large graphs do without
the measurement.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from derandcut.arguments import Settings
from derandcut.cut.sampler import Sampler, ascent_plan
from derandcut.cut.sdp import Relaxation
from derandcut.cut.search import ISLANDS, island_replicas
from derandcut.graph import CutGraph
from derandcut.run import Run, Scratch

__all__ = ["work_budget"]

MARGIN = 1.3  # the clock, not a pessimistic measurement, shall end the run
QUICK_SWEEPS = 40  # what the first relaxation usually takes
FASTEST = 1e9  # units a second that branch and bound never reaches: the clock ends it
MEASURE = 0.02  # share of the limit that a measurement may take
MEASURED = 500_000  # edges: more make a measurement long; the fastest seen do there
SWEEP, STEP, ANNEAL = 1e-9, 8e-9, 2e-10  # seconds a unit, so that the clock ends it


def work_budget(kernel: CutGraph, run: Run, settings: Settings) -> int:
    """Turn what is left of the time limit into a work limit.

    Parameters
    ----------
    kernel : CutGraph
    run : Run
        With a time limit.
    settings : Settings
    """
    if kernel.m == 0 or run.exhausted():
        return run.work
    seconds = MARGIN * (run.time_limit - run.seconds)
    if settings.method == "exact":
        return run.work + int(min(FASTEST * seconds, 1e18))
    sweep, step, anneal = SWEEP, STEP, ANNEAL
    if kernel.m <= MEASURED:
        sweep, step, anneal = _measured(kernel, run, settings)
    plan = [(sweep, QUICK_SWEEPS * 2 * kernel.m)]
    if settings.method == "derandomize":
        steps, starts = ascent_plan(
            kernel, settings.options.iterations, settings.options.starts
        )
        plan += [
            (step / settings.n_threads, steps * starts * kernel.m),
            (sweep, math.inf),
        ]
    else:
        plan.append((anneal / min(settings.n_threads, ISLANDS), math.inf))

    work = run.work
    for cost, units in plan:
        done = min(units, max(0.0, seconds) / cost)
        work += int(done)
        seconds -= done * cost
    return work


def _measured(
    kernel: CutGraph, run: Run, settings: Settings
) -> tuple[float, float, float]:
    """Seconds a unit of relaxing, of a step of the sampler, of annealing."""
    most, rank = MEASURE * run.time_limit, settings.options.rank
    scratch = Scratch()
    relaxation = Relaxation(kernel, rank=rank, seed=0, n_threads=settings.n_threads)
    sweep = _seconds_per_unit(
        scratch, most, lambda: relaxation.advance(scratch, tolerance=0.0, max_sweeps=1)
    )
    sampler = Sampler(kernel, relaxation.V, np.zeros(kernel.n))
    step = _seconds_per_unit(scratch, most, lambda: sampler.advance(scratch, 1))
    if settings.method == "derandomize":
        return sweep, step, ANNEAL
    replicas = island_replicas(kernel)
    anneal = _seconds_per_unit(
        scratch, most, lambda: replicas.anneal(scratch, 4, 0.0, 0.0)
    )
    return sweep, step, anneal


def _seconds_per_unit(
    scratch: Scratch, most: float, kernel: Callable[[], object]
) -> float:
    """Time passes of a kernel until `most` seconds or four passes are used."""
    best = math.inf
    begin = time.perf_counter()
    for _ in range(4):
        units, start = scratch.work, time.perf_counter()
        kernel()
        now = time.perf_counter()
        best = min(best, (now - start) / max(1, scratch.work - units))
        if now - begin > most:
            break
    return best
