"""Presolve: fixed sides and exact reductions, undone in reverse order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from derandcut.cut.fixing import fix
from derandcut.cut.proof import Proof, Reduced
from derandcut.cut.reduce import reduce
from derandcut.graph import CutGraph

__all__ = ["Presolved", "presolve"]

FINEST, EXACT = 2.0**20, 2.0**48  # fractions made integers; sum |w| up to there
EPSILON = float(np.finfo(np.float64).eps)


@dataclass
class Presolved:
    """The kernel the pipeline works on, and the way back.

    Attributes
    ----------
    graph : CutGraph
        The user's graph.
    kernel : CutGraph
        What is left of it.
    constant, scale : float
        cut of the graph = constant + cut of the kernel / scale.
    rounding : float
        A rigorous bound on the error of that equation (0 for integer weights).
    steps : (k, 2) int array or None
        The reductions, as a `Reduced` proof wants them.
    """

    graph: CutGraph
    kernel: CutGraph
    constant: float = 0.0
    scale: float = 1.0
    rounding: float = 0.0
    lifts: list[Callable[[np.ndarray], np.ndarray]] = field(default_factory=list)
    restrictions: list[Callable[[np.ndarray], np.ndarray]] = field(default_factory=list)
    steps: np.ndarray | None = None

    def lift(self, partition: np.ndarray) -> np.ndarray:
        """Turn a partition of the kernel into one of the graph."""
        for undo in reversed(self.lifts):
            partition = undo(partition)
        return partition

    def restrict(self, partition: np.ndarray) -> np.ndarray:
        """Turn a partition of the graph into one of the kernel (a warm start)."""
        for apply in self.restrictions:
            partition = apply(partition)
        return partition

    def bound(self, kernel_bound: float) -> float:
        """Turn an upper bound of the kernel into one of the graph, rounded upwards."""
        part = kernel_bound / self.scale
        value, slack = self.constant + part, self.rounding
        if self.constant != 0 and part != 0:  # else no addition, no rounding
            slack += 2 * EPSILON * (abs(self.constant) + abs(part))
        return math.nextafter(value + slack, math.inf) if slack else value

    def proof(self, inner: Proof) -> Proof:
        """Turn a proof about the kernel into one about the graph, its sides fixed."""
        steps = np.empty((0, 2), np.int32) if self.steps is None else self.steps
        if self.scale == 1 and not len(steps):
            return inner
        return Reduced(steps, inner, self.scale)

    def value(self, kernel_value: float) -> float:
        """Turn a value of the kernel (a cut, F, a bound) into one of the graph."""
        return self.constant + kernel_value / self.scale


def presolve(
    graph: CutGraph, fixed: np.ndarray | None = None, *, reductions: bool = True
) -> Presolved:
    """Make dyadic weights integers, fix sides, then eliminate vertices; all exact.

    Parameters
    ----------
    graph : CutGraph
    fixed : (n,) int8 array, optional
        Fixed sides, 0 where free.
    reductions : bool, default True
        Whether to apply the rules (4.1)-(4.4).
    """
    problem = Presolved(graph, graph, rounding=graph.rounding)
    problem.scale = _denominator(graph)
    if problem.scale > 1:
        weights = graph.weights * problem.scale
        problem.kernel = CutGraph(graph.indptr, graph.indices, weights, graph.labels)
    if fixed is not None and fixed.any():
        fixing = fix(problem.kernel, fixed)
        problem.kernel = fixing.kernel
        problem.constant = fixing.constant / problem.scale
        problem.rounding += fixing.rounding / problem.scale
        problem.lifts.append(fixing.lift)
        problem.restrictions.append(fixing.restrict)
    if reductions:
        reduction = reduce(problem.kernel)
        problem.kernel = reduction.kernel
        problem.constant += reduction.constant / problem.scale
        problem.rounding += reduction.rounding / problem.scale
        problem.scale *= reduction.scale
        problem.steps = reduction.steps
        problem.lifts.append(reduction.lift)
        problem.restrictions.append(lambda x: x[reduction.vertices])
    return problem


def _denominator(graph: CutGraph) -> float:
    """The power of two that makes all weights integers, 1 where there is none."""
    w = graph.weights
    if graph.integer or graph.rounding or 2 * FINEST * graph.absolute_weight > EXACT:
        return 1.0
    scale = FINEST
    if not (w * scale == np.rint(w * scale)).all():
        return 1.0
    while (w * (scale / 2) == np.rint(w * (scale / 2))).all():
        scale /= 2
    return scale
