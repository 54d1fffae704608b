"""Presolve: fixed sides and exact reductions, undone in reverse order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from derandcut.cut.fixing import fix
from derandcut.cut.proof import Proof, Reduced
from derandcut.cut.reduce import reduce
from derandcut.graph import CutGraph

__all__ = ["Presolved", "presolve"]

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
        value = self.constant + part
        if self.constant == 0 or part == 0:
            return value + self.rounding  # no addition, no rounding
        return value + self.rounding + EPSILON * (abs(self.constant) + abs(part))

    def proof(self, inner: Proof) -> Proof:
        """Turn a proof about the kernel into one about the graph, its sides fixed."""
        if self.steps is None or not len(self.steps):
            return inner
        return Reduced(self.steps, inner, self.scale)

    def value(self, kernel_value: float) -> float:
        """Turn a value of the kernel (a cut, F, a bound) into one of the graph."""
        return self.constant + kernel_value / self.scale


def presolve(
    graph: CutGraph, fixed: np.ndarray | None = None, *, reductions: bool = True
) -> Presolved:
    """Fix sides, then eliminate vertices; both exact.

    Parameters
    ----------
    graph : CutGraph
    fixed : (n,) int8 array, optional
        Fixed sides, 0 where free.
    reductions : bool, default True
        Whether to apply the rules (4.1)-(4.4).
    """
    problem = Presolved(graph, graph, rounding=graph.rounding)
    if fixed is not None and fixed.any():
        fixing = fix(graph, fixed)
        problem.kernel = fixing.kernel
        problem.constant = fixing.constant
        problem.rounding += fixing.rounding
        problem.lifts.append(fixing.lift)
        problem.restrictions.append(fixing.restrict)
    if reductions:
        reduction = reduce(problem.kernel)
        problem.kernel = reduction.kernel
        problem.constant += reduction.constant
        problem.scale = reduction.scale
        problem.steps = reduction.steps
        problem.rounding += reduction.rounding
        problem.lifts.append(reduction.lift)
        problem.restrictions.append(lambda x: x[reduction.vertices])
    return problem
