"""Fixed sides: an exact smaller problem in which they hold by construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derandcut.graph import CutGraph

__all__ = ["Fixing", "fix"]

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Fixing:
    """A graph whose first vertex stands for all fixed ones.

    Attributes
    ----------
    kernel : CutGraph
        Vertex 0 is the ground; the free vertices follow in order.
    constant : float
        cut of the graph = constant + cut of the kernel.
    rounding : float
        A rigorous bound on the error of that equation, 0 for integer weights.
    free : (n - fixed,) int64 array
        The free vertices.
    sides : (n,) int8 array
        The fixed sides, 0 where free.
    """

    kernel: CutGraph
    constant: float
    rounding: float
    free: np.ndarray
    sides: np.ndarray

    def lift(self, partition: np.ndarray) -> np.ndarray:
        """Turn a partition of the kernel into one of the graph."""
        whole = self.sides.copy()
        whole[self.free] = partition[1:] * partition[0]
        return whole

    def restrict(self, partition: np.ndarray) -> np.ndarray:
        """Turn a partition of the graph, its fixed sides ignored, into a kernel's."""
        return np.concatenate([np.ones(1, np.int8), partition[self.free]])


def fix(graph: CutGraph, sides: np.ndarray) -> Fixing:
    """Contract the vertices with a fixed side onto one ground vertex, exactly.

    Parameters
    ----------
    graph : CutGraph
    sides : (n,) int8 array
        +1 or -1 where fixed, 0 where free.

    Notes
    -----
    With the ground on side +1, an edge to a vertex fixed at s is cut iff x_u != s:
    w (1 - s x_u x_0) / 2 = w (1 - s) / 2 + s w (1 - x_u x_0) / 2.
    """
    u, v, w = graph.edges()
    free = np.flatnonzero(sides == 0)
    number = np.zeros(graph.n, np.int64)
    number[free] = np.arange(1, len(free) + 1)
    sign = np.where(sides == 0, 1, sides)[u] * np.where(sides == 0, 1, sides)[v]
    across = sign < 0
    constant = float(w[across].sum())
    kernel = CutGraph.from_edges(number[u], number[v], sign * w, len(free) + 1)
    # Merging parallel edges and adding the constant: at most m additions each.
    rounding = 0.0 if graph.integer else 2 * graph.m * EPSILON * graph.absolute_weight
    return Fixing(kernel, constant, rounding, free, sides.astype(np.int8))
