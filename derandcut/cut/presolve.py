"""Presolve: fixed sides, exact reductions and blocks, undone in reverse order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from derandcut.cut.fixing import Fixing, fix
from derandcut.cut.pieces import EXACT, Pieces
from derandcut.cut.proof import Proof, Reduced
from derandcut.graph import CutGraph
from derandcut.run import LARGE, Run, Trial

__all__ = ["Presolved", "presolve"]

FINEST = 2.0**20  # fractions down to its inverse are made integers


@dataclass
class Presolved:
    """The kernel the pipeline works on, and the way back.

    Attributes
    ----------
    graph : CutGraph
        The user's graph.
    pieces : Pieces
        What its kernel consists of.
    kernel : CutGraph
        What is left of it.
    constant, scale : float
        cut of the graph = constant + cut of the kernel / scale.
    rounding : float
        A rigorous bound on the error of that equation (0 for integer weights).
    denominator : float
        What made the weights integers, a power of two; 1 where nothing did or had to.
    fixing : Fixing or None
        None if no side is fixed.
    """

    graph: CutGraph
    pieces: Pieces
    constant: float
    scale: float
    rounding: float
    denominator: float = 1.0
    fixing: Fixing | None = None

    @property
    def kernel(self) -> CutGraph:
        """The leaves of the pieces, side by side."""
        return self.pieces.kernel

    def lift(self, partition: np.ndarray) -> np.ndarray:
        """Turn a partition of the kernel into one of the graph."""
        whole = self.pieces.lift(partition)
        return whole if self.fixing is None else self.fixing.lift(whole)

    def restrict(self, partition: np.ndarray) -> np.ndarray:
        """Turn a partition of the graph into one of the kernel (a warm start)."""
        if self.fixing is not None:
            partition = self.fixing.restrict(partition)
        return self.pieces.project(partition)

    def bound(self, kernel_bound: float) -> float:
        """Turn an upper bound of the kernel into one of the graph, rounded upwards."""
        if not math.isfinite(kernel_bound):
            return kernel_bound
        exact = self.exact_bound(Fraction(kernel_bound))
        try:
            near = float(exact)
        except OverflowError:
            return math.inf
        return near if near >= exact else math.nextafter(near, math.inf)

    def exact_bound(self, kernel_bound: Fraction) -> Fraction:
        """Turn an upper bound of the kernel into one of the graph."""
        own = kernel_bound / Fraction(self.scale)
        return Fraction(self.constant) + own + Fraction(self.rounding)

    def proof(self, inner: Proof) -> Proof:
        """Turn a proof about the kernel into one about the graph, its sides fixed."""
        return self.combined(self.pieces.split(inner))

    def combined(self, leaves: list[Proof]) -> Proof:
        """Turn proofs about the leaves into one about the graph, its sides fixed."""
        proof = self.pieces.combined(leaves)
        if self.denominator == 1:
            return proof
        return Reduced(np.empty((0, 2), np.int32), proof, self.denominator)

    def value(self, kernel_value: float) -> float:
        """Turn a value of the kernel (a cut, F, a bound) into one of the graph."""
        return self.constant + kernel_value / self.scale


def presolve(
    graph: CutGraph,
    fixed: np.ndarray | None = None,
    *,
    reductions: bool = True,
    run: Run | None = None,
) -> Presolved:
    """Make dyadic weights integers, fix sides, reduce and split; all exact.

    Parameters
    ----------
    graph : CutGraph
    fixed : (n,) int8 array, optional
        Fixed sides, 0 where free.
    reductions : bool, default True
        Whether to apply the rules of `reduce`.
    run : Run, optional
        Where it ends within the reductions of a large graph, these are dropped.
    """
    whole, fixing = graph, None
    constant, rounding = 0.0, graph.rounding
    denominator = _denominator(graph)
    if denominator > 1:
        weights = graph.weights * denominator
        whole = CutGraph(graph.indptr, graph.indices, weights, graph.labels)
    if fixed is not None and fixed.any():
        fixing = fix(whole, fixed)
        whole = fixing.kernel
        constant = fixing.constant / denominator
        rounding += fixing.rounding / denominator
    if run is None or graph.m <= LARGE:
        pieces = Pieces(whole, reductions=reductions)
    else:
        trial = Trial(run)
        pieces = Pieces(whole, reductions=reductions, run=trial)
        if trial.exhausted():
            pieces = Pieces(whole, reductions=False)
        else:
            run.charge(graph.m + trial.work)  # every edge is looked at
    exact = Fraction(constant) + pieces.constant / Fraction(denominator)
    constant = float(exact)
    rounding += pieces.rounding / denominator
    if constant != exact:
        rounding += math.ulp(constant)
    scale = denominator * pieces.scale
    return Presolved(graph, pieces, constant, scale, rounding, denominator, fixing)


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
