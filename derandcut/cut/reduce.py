"""Exact reductions (4.1)-(4.4), (4.10), (4.12), (4.13): less graph, same optimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derandcut.cut import _reduce
from derandcut.errors import InputError
from derandcut.graph import CutGraph
from derandcut.run import Run, Trial

__all__ = ["Reduction", "reduce"]

SLICE = 100_000  # arcs a kernel call visits, about 20 ms
EXACT = 2.0**52  # sums of integers up to here do not round
UNIT_ROUNDOFF = 2.0**-53


@dataclass(frozen=True, eq=False, repr=False)
class Reduction:
    """A graph, its kernel, and the way back.

    For the best cuts, and for any cut of the kernel that is lifted,
    ``cut = constant + cut of the kernel / scale``, up to `rounding`.

    Attributes
    ----------
    graph, kernel : CutGraph
        Before and after; the kernel's vertices keep their order.
    constant : int or float
        An int, exact, if the graph has integer weights.
    scale : int
        2 if halves arose from integer weights (the kernel's weights are doubled, hence
        integers), otherwise 1.
    rounding : float
        Proved bound on the error made by rounding real weights; 0 for integer weights.
    vertices : (kernel.n,) int32 array
        The vertex of the graph that each vertex of the kernel is.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.reduce import reduce
    >>> path = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 3], [3, -1, 2])
    >>> reduction = reduce(path)
    >>> reduction.kernel.n, reduction.constant
    (0, 5)
    >>> path.cut(reduction.lift([]))
    5
    """

    graph: CutGraph
    kernel: CutGraph
    constant: int | float
    scale: int
    rounding: float
    vertices: np.ndarray
    _steps: tuple[np.ndarray, ...]

    def value(self, kernel_cut: float) -> int | float:
        """Return the cut in the graph that belongs to a cut of the kernel."""
        if isinstance(self.constant, int):
            return self.constant + round(kernel_cut) // self.scale
        return self.constant + kernel_cut / self.scale

    def bound(self, kernel_bound: float) -> float:
        """Return the upper bound on the graph's cuts that one on the kernel's gives."""
        return self.constant + kernel_bound / self.scale + self.rounding

    def lift(self, partition: np.ndarray) -> np.ndarray:
        """Return the best partition of the graph that continues one of the kernel.

        Parameters
        ----------
        partition : (kernel.n,) array_like
            Sides of the kernel's vertices, told apart by ``> 0``.

        Returns
        -------
        (graph.n,) int8 array
            Sides +1 and -1.

        Raises
        ------
        InputError
            If the length is wrong.
        """
        x = np.ones(self.graph.n, np.int8)
        x[self.vertices] = _sides(partition, self.kernel.n)
        _reduce.lift(*self._steps, x)
        return x

    def project(self, partition: np.ndarray) -> np.ndarray:
        """Return the kernel's part of a partition of the graph.

        Lifting it again gives a cut at least as good.

        Parameters
        ----------
        partition : (graph.n,) array_like
            Sides of the graph's vertices, told apart by ``> 0``.

        Returns
        -------
        (kernel.n,) int8 array
            Sides +1 and -1.

        Raises
        ------
        InputError
            If the length is wrong.
        """
        x = _sides(partition, self.graph.n)
        _reduce.project(*self._steps, x)
        return x[self.vertices]

    @property
    def steps(self) -> np.ndarray:
        """(k, 2) int32: vertices gone, in order, and the ones they joined.

        Or -1 if they joined none; -k for each of k vertices that went as a clique.
        """
        vertex, end, *_ = self._steps
        onto = np.where(end[:, 1] < 0, end[:, 0], -1)
        return np.stack([vertex, onto], axis=1)

    def __repr__(self) -> str:
        return (
            f"Reduction(n={self.graph.n} -> {self.kernel.n}, "
            f"m={self.graph.m} -> {self.kernel.m}, constant={self.constant:.10g}, "
            f"scale={self.scale})"
        )


def reduce(graph: CutGraph, run: Run | Trial | None = None) -> Reduction:
    """Eliminate low degrees and cliques; contract heavy edges, triangles, twins.

    Parameters
    ----------
    graph : CutGraph
        Weights of any sign.
    run : Run or Trial, optional
        Charged with the arcs visited. If it ends early the reduction is smaller, and
        just as exact.

    Returns
    -------
    Reduction
        Its kernel has minimum degree 4 and no more edges than the graph. If no rule
        applies the kernel is the graph itself.

    Notes
    -----
    (4.1)-(4.4): the best value of a vertex with up to three neighbours is a
    function of their sides that is even under the global flip, hence a constant and
    three pair terms. A vertex u whose edge uv outweighs all its others together takes
    the side that edge asks for. (4.10): twins u and v with w_uz = c w_vz for all others
    z are pulled to the same side if c > 0 (and w_uv <= 0), to different ones if c < 0
    (and w_uv >= 0); the weights are compared exactly. (4.12): in a
    triangle u, v, z that is not frustrated, if u and v do not suit each other, z does
    not suit one of them; where this one's two edges in the triangle outweigh its others
    it can change sides (Lange, Andres and Swoboda 2019). (4.13): vertices adjacent with
    each other and alike with at most one vertex more than they are, all weights equal
    (or equal after switching, or those others joined from vertices for which they
    were), can balance the two sides of all of them whatever the others do (compare
    Ferizovic, Hespe, Lamm, Mnich, Schulz and Strash 2020). Which rules are applied in
    which order depends on the graph alone. For integer weights the arithmetic is exact
    (if a sum did round, near 2^53, no rule is applied); for real ones every step adds
    at most 64 roundings of the weights it touches to `Reduction.rounding`.

    Examples
    --------
    >>> import derandcut, networkx
    >>> from derandcut.cut.reduce import reduce
    >>> graph = derandcut.CutGraph.from_networkx(networkx.petersen_graph())
    >>> reduce(graph)
    Reduction(n=10 -> 6, m=15 -> 15, constant=12, scale=2)
    """
    if run is not None and run.exhausted():
        return _identity(graph)
    # int64 indices mean a billion edges: too many for the lists below to pay.
    if graph.indices.dtype != np.int32 or not _anything_applies(graph):
        return _identity(graph)
    doubling = 2 if graph.integer else 1
    n, m = graph.n, graph.m
    places = 1 << max(2, (2 * m).bit_length())
    work = {
        "arcs": np.empty((3, 2 * m), np.int32),
        "weight": np.empty(m),
        "vertices": np.zeros((8, n), np.int32),
        "flags": np.zeros((3, n), np.uint8),
        "table": np.full(places, -1, np.int32),
        "spare": np.empty(m, np.int32),
        "step_end": np.full((n, 3), -1, np.int32),
        "step_weight": np.zeros((n, 3)),
        "row_end": np.empty(m + n, np.int32),
        "row_weight": np.empty(m + n),
        "sketch": np.zeros(n, np.uint64),
        "quotient": np.zeros(n, np.uint32),
        "twin": np.zeros(8 << max(0, (n - 1).bit_length() - 1), np.int32),
        "count": np.zeros(8, np.int64),
        "size": np.zeros(n),
        "total": np.zeros(4),
    }
    if m == 0:  # the kernels take addresses of first entries
        work |= {
            "arcs": np.empty((3, 2), np.int32),
            "weight": np.empty(1),
            "spare": np.empty(1, np.int32),
        }
    work["vertices"][0] = -1
    work["flags"][1] = 1
    begin = edge = 0
    while begin < n:
        reach = graph.indptr[begin] + SLICE
        end = max(begin + 1, int(np.searchsorted(graph.indptr, reach, "right")) - 1)
        csr = graph.indptr, graph.indices, graph.weights
        edge = _reduce.load(*csr, begin, end, edge, float(doubling), **work)
        if run is not None:
            run.charge((graph.indptr[end] - graph.indptr[begin]) // 2)
            if run.exhausted():
                return _identity(graph)
        begin = end
    visited = SLICE
    while visited >= SLICE and not (run is not None and run.exhausted()):
        visited = _reduce.slice(SLICE, **work)
        if run is not None:
            run.charge(visited)
    return _collect(graph, work, doubling)


def _collect(graph: CutGraph, work: dict, doubling: int) -> Reduction:
    """Read kernel, constant and steps out of the kernel's work arrays."""
    if graph.integer and work["total"][3] > EXACT:
        return _identity(graph)
    steps = int(work["count"][0])
    alive = work["flags"][1].astype(bool)
    vertices = np.flatnonzero(alive).astype(np.int32)
    number = np.cumsum(alive, dtype=np.int32) - 1
    used = np.ones(graph.m, bool)
    used[work["spare"][: work["count"][1]]] = False
    v, u = work["arcs"][0, : 2 * graph.m].reshape(-1, 2)[used].T
    w = work["weight"][: graph.m][used]
    constant, scale, rounding = float(work["total"][:2].sum()), 1, 0.0
    if graph.integer:
        constant = sum(map(int, work["total"][:2])) // 2
        if (w % 2 == 0).all():
            w = w / 2
        else:
            scale = doubling
    else:
        # twice, for the roundings of the tally itself; the last term: the constant's
        noise = 2 * float(work["total"][2]) + 4 * abs(constant)
        rounding = UNIT_ROUNDOFF * noise
    kernel = CutGraph.from_edges(number[u], number[v], w, len(vertices))
    if graph.integer and not kernel.integer:  # beyond 2^53 when doubled
        return _identity(graph)
    return Reduction(
        graph,
        kernel,
        constant,
        scale,
        rounding,
        vertices,
        (
            work["vertices"][3, :steps].copy(),
            work["step_end"][:steps].copy(),
            work["step_weight"][:steps].copy(),
            work["flags"][2, :steps].copy(),
            work["row_end"][: work["count"][6]].copy(),
            work["row_weight"][: work["count"][6]].copy(),
        ),
    )


def _anything_applies(graph: CutGraph) -> bool:
    """False only if no rule applies to any vertex."""
    if graph.n == 0:
        return False
    if graph.degrees.min() <= 3:
        return True
    size = np.abs(graph.weights)
    starts = graph.indptr[:-1]
    heaviest = np.maximum.reduceat(size, starts)
    # half of the weights in one edge, (4.4), or in two, (4.12)
    if (4 * heaviest >= np.add.reduceat(size, starts)).any():
        return True
    sketch = np.empty(graph.n, np.uint64)
    quotient = np.empty(graph.n, np.uint32)
    csr = graph.indptr, graph.indices, graph.weights
    if _reduce.sketches(*csr, sketch, quotient):
        return True
    return (
        len(np.unique(quotient + (graph.degrees.astype(np.uint64) << np.uint64(32))))
        < graph.n
    )


def _identity(graph: CutGraph) -> Reduction:
    steps = (
        np.empty(0, np.int32),
        np.empty((0, 3), np.int32),
        np.empty((0, 3)),
        np.empty(0, np.uint8),
        np.empty(0, np.int32),
        np.empty(0),
    )
    constant = 0 if graph.integer else 0.0
    vertices = np.arange(graph.n, dtype=np.int64)
    return Reduction(graph, graph, constant, 1, 0.0, vertices, steps)


def _sides(partition: np.ndarray, n: int) -> np.ndarray:
    side = np.asarray(partition)
    if side.shape != (n,):
        raise InputError(
            f"a partition has one side a vertex, {n}, got shape {side.shape}"
        )
    return np.where(side > 0, 1, -1).astype(np.int8)
