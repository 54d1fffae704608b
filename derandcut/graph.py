"""CutGraph: the weighted graph every part of derandcut works on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph

from derandcut._core import _csr
from derandcut.errors import InputError

if TYPE_CHECKING:
    import networkx

__all__ = ["CutGraph", "exact_sum"]

EXACT = 2.0**53  # integers up to here are exact in float64
SHORT = 5000  # sums of less are short work for `math.fsum`
CHUNK = 1 << 16  # numbers that stay in the cache
EXPONENTS = 900  # down to -900: halves of such numbers neither over- nor underflow
INT32_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False, repr=False)
class CutGraph:
    """An undirected weighted graph in symmetric compressed sparse row form.

    Build one with `from_edges`, `from_scipy` or `from_networkx`; the constructor takes
    arrays that already satisfy the invariants below and checks nothing.

    Parameters
    ----------
    indptr : (n + 1,) int64 array
        Row u occupies positions ``indptr[u]:indptr[u + 1]`` of the two arrays below.
    indices : (2 m,) int32 array, int64 if a vertex number or 2 m needs it
        Neighbours, increasing within a row, no loops, no repetition, symmetric.
    weights : (2 m,) float64 array
        Edge weights of any sign, finite, symmetric.
    labels : tuple of hashable, or None
        The user's names of the vertices in order; None means 0, 1, ..., n - 1.
    rounding : float, default 0.0
        At most this much did adding up parallel edges round; proved bounds carry it.

    Notes
    -----
    The arrays are read-only. The cut of a partition x in {-1, +1}^n is
    sum over edges of w_uv (1 - x_u x_v) / 2.

    Examples
    --------
    >>> import derandcut
    >>> graph = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 0], [1, 1, 1])
    >>> graph
    CutGraph(n=3, m=3, integer weights)
    >>> graph.cut([1, -1, 1])
    2
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    labels: tuple[Hashable, ...] | None = field(default=None)
    rounding: float = 0.0

    def __post_init__(self) -> None:
        for array in (self.indptr, self.indices, self.weights):
            array.flags.writeable = False

    # ------------------------------------------------------------- construction

    @classmethod
    def from_edges(
        cls,
        u: Any,
        v: Any,
        w: Any = None,
        n: int | None = None,
        *,
        labels: Sequence[Hashable] | None = None,
    ) -> CutGraph:
        """Build a graph from edge arrays.

        Parameters
        ----------
        u, v : (m,) array_like of int
            End vertices, 0-based.
        w : (m,) array_like of float, optional
            Weights of any sign; 1 for every edge by default.
        n : int, optional
            Number of vertices; the largest vertex number plus one by default.
        labels : sequence of hashable, optional
            Names of the n vertices.

        Returns
        -------
        CutGraph
            Parallel edges added up, loops and edges of weight zero dropped.

        Raises
        ------
        InputError
            If the lengths differ, a vertex is out of range, or a weight (or the sum of
            the absolute weights) is not finite.

        Examples
        --------
        >>> import derandcut
        >>> derandcut.CutGraph.from_edges([0, 0, 1], [1, 1, 1], [1, 2, 5], n=4)
        CutGraph(n=4, m=1, integer weights)
        """
        u, v = vertex_array("u", u), vertex_array("v", v)
        w = np.ones(len(u)) if w is None else weight_array("w", w)
        if not len(u) == len(v) == len(w):
            raise InputError(
                f"u, v and w must have the same length, "
                f"got {len(u)}, {len(v)} and {len(w)}"
            )
        lowest = int(min(u.min(), v.min())) if len(u) else 0
        highest = int(max(u.max(), v.max())) if len(u) else -1
        if n is None:
            n = len(labels) if labels is not None else highest + 1
        elif isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"n must be a number of vertices >= 0, got {n!r}")
        n = int(n)
        if lowest < 0 or highest >= n:
            wrong = lowest if lowest < 0 else highest
            raise InputError(f"vertex {wrong} is outside 0..{n - 1}")
        if not np.isfinite(w).all():
            at = int(np.flatnonzero(~np.isfinite(w))[0])
            raise InputError(
                f"the weight of edge {at} is {w[at]}, expected a finite one"
            )
        return cls._symmetric(n, u, v, w, _labels(labels, n))

    @classmethod
    def _symmetric(
        cls,
        n: int,
        u: np.ndarray,
        v: np.ndarray,
        w: np.ndarray,
        labels: tuple[Hashable, ...] | None,
    ) -> CutGraph:
        """Merge checked edges into symmetric CSR."""
        index = np.int32 if max(n, 2 * len(u)) <= INT32_MAX else np.int64
        u, v = np.ascontiguousarray(u, index), np.ascontiguousarray(v, index)
        low, high = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
        _csr.count(u, v, low, high)
        size = int(low[-1])
        sorted_ = np.empty(size, index), np.empty(size)
        _csr.by_high(u, v, np.ascontiguousarray(w), high.copy(), *sorted_)
        upper = np.empty(size, index), np.empty(size)
        _csr.by_low(high, *sorted_, low.copy(), *upper)
        del sorted_
        indptr = np.zeros(n + 1, np.int64)
        kept, scale, rounding = _csr.merge(low, *upper, indptr)
        if not scale < math.inf:
            raise InputError("the sum of the absolute weights overflows float64")
        indices, weights = np.empty(2 * kept, index), np.empty(2 * kept)
        _csr.mirror(low, *upper, indptr.copy(), indices, weights)
        return cls(indptr, indices, weights, labels, rounding)

    @classmethod
    def from_scipy(cls, matrix: Any) -> CutGraph:
        """Build a graph from a symmetric adjacency matrix, sparse or dense.

        Parameters
        ----------
        matrix : (n, n) scipy sparse matrix or array_like
            Symmetric; its diagonal (loops) is ignored.

        Returns
        -------
        CutGraph

        Raises
        ------
        InputError
            If the matrix is not square, not symmetric or not finite.

        Examples
        --------
        >>> import derandcut
        >>> derandcut.CutGraph.from_scipy([[0, 1.5], [1.5, 0]])
        CutGraph(n=2, m=1, real weights)
        """
        try:
            coo = sp.coo_array(matrix)
        except (TypeError, ValueError) as error:
            raise InputError(f"expected a square symmetric matrix: {error}") from None
        if coo.ndim != 2 or coo.shape[0] != coo.shape[1]:
            raise InputError(
                f"the adjacency matrix must be square, got shape {coo.shape}"
            )
        data = weight_array("the adjacency matrix", coo.data)
        if not np.isfinite(data).all():
            raise InputError("the adjacency matrix has an entry that is not finite")
        csr = sp.coo_array((data, coo.coords), shape=coo.shape).tocsr()
        csr.sum_duplicates()
        skew = abs(csr - csr.T)
        if skew.nnz and skew.max() > 0:
            entry = skew.tocoo()
            at = int(entry.data.argmax())
            row, column = int(entry.row[at]), int(entry.col[at])
            raise InputError(
                f"the adjacency matrix must be symmetric, "
                f"entries ({row}, {column}) and ({column}, {row}) differ"
            )
        upper = sp.triu(csr, k=1).tocoo()
        return cls._symmetric(
            coo.shape[0], upper.row, upper.col, upper.data.astype(np.float64), None
        )

    @classmethod
    def from_networkx(
        cls, graph: networkx.Graph, *, weight: str = "weight"
    ) -> CutGraph:
        """Build a graph from a networkx Graph or MultiGraph.

        Parameters
        ----------
        graph : networkx.Graph
            Undirected; its nodes, in order, become the labels.
        weight : str, default "weight"
            The edge attribute that holds the weight; a missing one counts as 1.

        Returns
        -------
        CutGraph

        Raises
        ------
        InputError
            If the graph is directed or a weight is not a finite number.

        Examples
        --------
        >>> import derandcut, networkx
        >>> derandcut.CutGraph.from_networkx(networkx.petersen_graph())
        CutGraph(n=10, m=15, integer weights)
        """
        if graph.is_directed():
            raise InputError(
                "a directed graph has no undirected cut; "
                "derandcut.models.max_dicut turns MAX-DICUT into MAXCUT"
            )
        labels = tuple(graph.nodes)
        position = {label: i for i, label in enumerate(labels)}
        edges = graph.edges(data=weight, default=1)
        u, v, w = [], [], []
        for a, b, value in edges:
            u.append(position[a])
            v.append(position[b])
            w.append(1 if value is None else value)
        plain = labels == tuple(range(len(labels)))
        return cls.from_edges(
            np.array(u, dtype=np.int64),
            np.array(v, dtype=np.int64),
            w,
            len(labels),
            labels=None if plain else labels,
        )

    def reweighted(self, w: Any) -> CutGraph:
        """Return the same graph with new weights, for warm re-solves.

        Parameters
        ----------
        w : (m,) array_like of float
            One weight an edge, in the order of `edges`. Zeros keep their place.

        Returns
        -------
        CutGraph

        Raises
        ------
        InputError
            If the length is wrong, or an entry or the absolute sum is not finite.

        Examples
        --------
        >>> import derandcut
        >>> path = derandcut.CutGraph.from_edges([0, 1], [1, 2])
        >>> path.reweighted([2.0, 0.5]).total_weight
        2.5
        """
        w = weight_array("w", w)
        if w.shape != (self.m,):
            raise InputError(f"w must have one entry an edge, {self.m}, got {len(w)}")
        if not np.isfinite(np.abs(w).sum()):
            raise InputError("w has an entry that is not finite, or overflows in sum")
        rows = np.repeat(np.arange(self.n), self.degrees)
        above = rows < self.indices
        weights = np.empty_like(self.weights)
        weights[above] = w
        lower = ~above
        # The k-th entry below the diagonal, sorted by (column, row), is edge k.
        order = np.lexsort((rows[lower], self.indices[lower]))
        weights[np.flatnonzero(lower)[order]] = w
        return CutGraph(self.indptr, self.indices, weights, self.labels)

    # ------------------------------------------------------------------ reading

    @property
    def n(self) -> int:
        """Number of vertices."""
        return len(self.indptr) - 1

    @property
    def m(self) -> int:
        """Number of edges."""
        return len(self.indices) // 2

    @cached_property
    def degrees(self) -> np.ndarray:
        """(n,) int64: number of neighbours of each vertex."""
        return np.diff(self.indptr)

    @cached_property
    def weighted_degrees(self) -> np.ndarray:
        """(n,) float64: sum of the weights at each vertex."""
        return np.asarray(self.adjacency.sum(axis=1)).ravel()

    @cached_property
    def absolute_degrees(self) -> np.ndarray:
        """(n,) float64 array: the sum of |w| over the edges of each vertex."""
        return np.asarray(abs(self.adjacency).sum(axis=1)).ravel()

    @cached_property
    def adjacency(self) -> sp.csr_array:
        """The adjacency matrix, sharing memory with this graph."""
        return sp.csr_array(
            (self.weights, self.indices, self.indptr), shape=(self.n, self.n)
        )

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the edges, each once.

        Returns
        -------
        u, v : (m,) int arrays
            Ends, u < v, ordered by u, then v.
        w : (m,) float64 array

        Examples
        --------
        >>> import derandcut
        >>> derandcut.CutGraph.from_edges([2, 0], [1, 1]).edges()[0].tolist()
        [0, 1]
        """
        rows = np.repeat(np.arange(self.n, dtype=self.indices.dtype), self.degrees)
        above = rows < self.indices
        return rows[above], self.indices[above], self.weights[above]

    @cached_property
    def components(self) -> np.ndarray:
        """(n,) int32 array: the connected component of each vertex, counted from 0."""
        return csgraph.connected_components(self.adjacency, directed=False)[1]

    @cached_property
    def mirrors(self) -> tuple[np.ndarray, np.ndarray]:
        """Where `indices` holds each edge (u, v), u < v, and where its mirror (v, u).

        Both of shape (m,), in the order of `edges`.
        """
        index = self.indices.dtype
        rows = np.repeat(np.arange(self.n, dtype=index), self.degrees)
        up = np.flatnonzero(rows < self.indices).astype(index)
        # The pattern is symmetric: transposing the positions finds their mirrors.
        positions = np.arange(len(self.indices), dtype=index)
        matrix = sp.csr_array((positions, self.indices, self.indptr), (self.n, self.n))
        return up, matrix.tocsc().data[up].astype(index, copy=False)

    @cached_property
    def integer(self) -> bool:
        """True if all weights are integers, exactly, and add up to at most 2^53."""
        size = np.abs(self.weights)
        if self.rounding or not (size == np.rint(size)).all():
            return False
        # The first sum rounds; far below 2^63 the second does not.
        if size.sum() > 4 * EXACT:
            return False
        return int(size.astype(np.int64).sum()) <= 2 * EXACT

    def _sum(self, weights: np.ndarray) -> float:
        """Half the sum of one number for each direction; exact for integers."""
        if self.integer:
            return float(int(weights.sum(dtype=np.int64)) // 2)
        return float(weights.sum() / 2)

    @cached_property
    def total_weight(self) -> float:
        """Sum of the edge weights."""
        return self._sum(self.weights)

    @cached_property
    def positive_weight(self) -> float:
        """Sum of the positive edge weights, correctly rounded."""
        if self.integer and self.negative_weight == 0:
            return self.total_weight
        positive = np.maximum(self.weights, 0)
        return self._sum(positive) if self.integer else exact_sum(positive) / 2

    @cached_property
    def negative_weight(self) -> float:
        """Sum of the negative edge weights (W_neg of (2.7) in docs/method)."""
        if self.weights.min(initial=0.0) == 0:
            return 0.0
        return self._sum(np.minimum(self.weights, 0))

    @cached_property
    def absolute_weight(self) -> float:
        """Sum of the absolute edge weights: the scale of every tolerance."""
        return self._sum(np.abs(self.weights))

    @cached_property
    def modulus(self) -> int:
        """The number all cuts of an integer graph are multiples of; 0 if all are 0.

        Flipping one vertex u changes a cut by the weighted degree of u less twice the
        weight of its cut edges, so all cuts agree with the empty one, 0, modulo
        gcd(weighted degrees, 2 w_e).
        """
        divisor = 0
        for begin in range(0, len(self.weights), CHUNK):
            some = self.weights[begin : begin + CHUNK].astype(np.int64)
            divisor = math.gcd(divisor, int(np.gcd.reduce(some)))
            if divisor == 1:
                break
        degrees = np.rint(self.weighted_degrees).astype(np.int64)
        return math.gcd(2 * divisor, int(np.gcd.reduce(degrees, initial=0)))

    def cut(self, partition: Any) -> int | float:
        """Return the weight of the edges between the two sides.

        Parameters
        ----------
        partition : (n,) array_like
            Sides +1 and -1 (or any two numbers, told apart by ``> 0``).

        Returns
        -------
        int or float
            An int, exact, if `integer`; otherwise correctly rounded, so that a true
            bound on every cut is never below it.

        Raises
        ------
        InputError
            If the number of sides is wrong.

        Examples
        --------
        >>> import derandcut
        >>> derandcut.CutGraph.from_edges([0, 1], [1, 2], [2, 5]).cut([0, 1, 0])
        7
        """
        side = np.asarray(partition)
        if side.shape != (self.n,):
            raise InputError(
                f"a partition has one side a vertex, {self.n}, got shape {side.shape}"
            )
        side = side > 0
        # The entries whose row is on the one side and whose column on the other.
        across = self.weights[np.repeat(side, self.degrees) & ~side[self.indices]]
        if self.integer:
            return int(across.sum())  # all partial sums are at most 2^53
        return exact_sum(across)

    @property
    def digest(self) -> str:
        """SHA-256 of n and the merged edges with exact hexadecimal weights."""
        sha = hashlib.sha256(f"{self.n}\n".encode())
        u, v, w = self.edges()
        for start in range(0, self.m, 1 << 16):
            block = slice(start, start + (1 << 16))
            ends = u[block].tolist(), v[block].tolist()
            lines = zip(*ends, w[block].tolist(), strict=True)
            sha.update("".join(f"{a} {b} {c.hex()}\n" for a, b, c in lines).encode())
        return sha.hexdigest()

    def __repr__(self) -> str:
        kind = "integer" if self.integer else "real"
        return f"CutGraph(n={self.n}, m={self.m}, {kind} weights)"

    def __reduce__(self) -> tuple:
        state = self.indptr, self.indices, self.weights, self.labels, self.rounding
        return CutGraph, state


def exact_sum(values: np.ndarray) -> float:
    """Return the sum, correctly rounded: `math.fsum`, for long arrays in a tenth of it.

    Parameters
    ----------
    values : (k,) float64 array
        Finite.

    Notes
    -----
    Mantissas are split into halves of 27 bits, and those of one exponent are added up
    in float64: exact for up to 2^26 of them.

    Examples
    --------
    >>> exact_sum(np.array([1e16, 1.0, -1e16]))
    1.0
    """
    if not SHORT <= len(values) <= 1 << 26:
        return math.fsum(values)
    highs, lows = np.zeros(2 * EXPONENTS + 1), np.zeros(2 * EXPONENTS + 1)
    for begin in range(0, len(values), CHUNK):
        mantissa, exponent = np.frexp(values[begin : begin + CHUNK])
        if exponent.min() < -EXPONENTS or exponent.max() > EXPONENTS:
            return math.fsum(values)
        exponent += EXPONENTS
        mantissa *= 2.0**27
        high = np.rint(mantissa)
        mantissa -= high
        highs += np.bincount(exponent, weights=high, minlength=len(highs))
        lows += np.bincount(exponent, weights=mantissa, minlength=len(lows))
    unit = np.ldexp(1.0, np.arange(len(highs)) - (EXPONENTS + 27))
    return math.fsum(np.concatenate([highs * unit, lows * unit]))


def vertex_array(name: str, values: Any) -> np.ndarray:
    """A one-dimensional integer array, or an InputError that calls it `name`."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise InputError(
            f"{name} must hold vertex numbers (integers), got {array.dtype}"
        )
    return array


def weight_array(name: str, values: Any) -> np.ndarray:
    """A one-dimensional float64 array; what float64 would round is refused."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "iu" and _beyond(array):
            raise InputError(f"{name} has an integer beyond 2^53, which float64 rounds")
        if array.dtype.kind not in "biuf":
            if np.iscomplexobj(array):
                raise TypeError("complex numbers")
            array = np.array([float(x) for x in array.ravel()]).reshape(array.shape)
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} must hold real numbers: {error}") from None
    if array.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {array.shape}")
    return array


def _beyond(array: np.ndarray) -> bool:
    """True if an integer is beyond 2^53, compared as Python ints."""
    if not array.size:
        return False
    return int(array.min()) < -int(EXACT) or int(array.max()) > int(EXACT)


def _labels(labels: Iterable[Hashable] | None, n: int) -> tuple[Hashable, ...] | None:
    if labels is None:
        return None
    labels = tuple(labels)
    if len(labels) != n or len(set(labels)) != n:
        raise InputError(f"labels must be {n} distinct values")
    return labels
