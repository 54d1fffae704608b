"""From a product law to a cut: conditional expectations (2.6), then 1-flip descent."""

from __future__ import annotations

import numpy as np

from derandcut._core import _special
from derandcut.cut import _rounding
from derandcut.graph import CutGraph
from derandcut.run import Run

__all__ = ["conditional_expectations", "guarantee", "one_flip_descent", "product_means"]

ALPHA_GW = 0.8785672057848516  # min over t in (0, pi] of 2 t / (pi (1 - cos t))
SLICE = 1 << 22  # edge visits, about 20 ms


def product_means(b: np.ndarray, tau: float = 1.0) -> np.ndarray:
    """Return E x_u = 2 Phi(b_u / tau) - 1 of the product law at W = 0.

    Parameters
    ----------
    b : (n,) float array
    tau : float, default 1.0

    Returns
    -------
    (n,) float64 array

    Examples
    --------
    >>> product_means(np.array([0.0, np.inf]))
    array([0., 1.])
    """
    h = np.ascontiguousarray(b, dtype=np.float64) / (tau * np.sqrt(2.0))
    means = np.empty_like(h)
    _special.erf(h, means)
    return means


def conditional_expectations(
    graph: CutGraph, means: np.ndarray, fixed: np.ndarray | None = None
) -> np.ndarray:
    """Round a product law, vertex by vertex, never lowering the expected cut (2.6).

    The most certain vertices are set first. Erdos and Selfridge (1973).

    Parameters
    ----------
    graph : CutGraph
    means : (n,) float array in [-1, 1]
        E x_u of independent sides.
    fixed : (n,) bool array, optional
        Vertices whose mean is their side already, +1 or -1.

    Returns
    -------
    (n,) int8 array
        A partition whose cut is at least the expected cut.

    Examples
    --------
    >>> edge = CutGraph.from_edges([0], [1])
    >>> conditional_expectations(edge, np.array([0.5, 0.6]))
    array([ 1, -1], dtype=int8)
    """
    mean = np.array(means, dtype=np.float64)
    order = np.argsort(-np.abs(mean), kind="stable").astype(np.int64)
    if fixed is not None:
        order = order[~fixed[order]]
    _rounding.fix_means(graph.indptr, graph.indices, graph.weights, order, mean)
    return np.where(mean > 0, 1, -1).astype(np.int8)


def one_flip_descent(
    graph: CutGraph, partition: np.ndarray, run: Run | None = None
) -> np.ndarray:
    """Flip single vertices while that raises the cut.

    Exact for integer weights. For real ones a flip must gain more than the rounding
    error of its own sum, so that the loop ends.

    Parameters
    ----------
    graph : CutGraph
    partition : (n,) array, sides told apart by ``> 0``
    run : Run, optional
        Charged with the work; the descent stops early when it is exhausted.

    Returns
    -------
    (n,) int8 array
        A partition that no single flip improves (unless the run ended first).

    Examples
    --------
    >>> edge = CutGraph.from_edges([0], [1])
    >>> one_flip_descent(edge, np.array([1, 1]))
    array([-1,  1], dtype=int8)
    """
    side = np.where(np.asarray(partition) > 0, 1, -1).astype(np.int8)
    slack = np.zeros(graph.n)
    if not graph.integer:
        slack = 2.0**-51 * (graph.degrees + 1) * graph.absolute_degrees
    queue = np.arange(graph.n, dtype=graph.indices.dtype)
    queued = np.ones(graph.n, dtype=np.uint8)
    state = np.array([0, graph.n], dtype=np.int64)
    while state[1]:
        done = _rounding.descend(
            graph.indptr, graph.indices, graph.weights,
            slack, side, queue, queued, state, SLICE,
        )  # fmt: skip
        if run is not None:
            run.charge(done // 2)
            if run.exhausted():
                break
    return side


def guarantee(
    graph: CutGraph, sdp_value: float, c: float = 12.0, tau: float = 1.0
) -> float:
    """Return the right-hand side of (2.7): what F(c V, 0) is proved to reach.

    ``alpha_GW [(1 - e) SDP(V) + e Wtot/2 - W_neg] + W_neg``, e = tau^2 / (c^2 + tau^2)
    (Goemans and Williamson 1995, Theorem 3.2.1, for the smooth sign of width tau).

    Parameters
    ----------
    graph : CutGraph
    sdp_value : float
        sum of w_uv (1 - V_u . V_v) / 2 at the unit rows V the sampler starts from.
    c, tau : float
        The start is W = c V, b = 0.

    Examples
    --------
    >>> round(guarantee(CutGraph.from_edges([0], [1]), 1.0, c=1e9), 4)
    0.8786
    """
    e = tau**2 / (c**2 + tau**2)
    negative = graph.negative_weight
    mixed = (1 - e) * sdp_value + e * graph.total_weight / 2
    return ALPHA_GW * (mixed - negative) + negative
