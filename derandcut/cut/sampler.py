"""The derandomized relaxation of MAXCUT: ascent on the expected cut (2.1), closed form.

Vertex u takes side sign(W_u . x + b_u + tau xi_u), x and xi standard normal. The
expected cut F(W, b) starts at Goemans-Williamson rounding of an SDP solution and is
raised until W = 0, where nothing is random any more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import scipy.special

from derandcut._core import load_kernel
from derandcut.cut.rounding import (
    conditional_expectations,
    one_flip_descent,
    product_means,
)
from derandcut.errors import InputError
from derandcut.graph import CutGraph
from derandcut.lemma.certificate import certify
from derandcut.lemma.collapse import collapse
from derandcut.lemma.optimise import escape
from derandcut.result import CHAIN_TOLERANCE, LemmaCertificate, Link
from derandcut.run import LARGE, Run

__all__ = ["Derandomized", "Sampler", "derandomize"]

_sampler = load_kernel("derandcut.cut._sampler")
_ascent = {
    np.dtype(np.float32): load_kernel("derandcut.cut._ascent32"),
    np.dtype(np.float64): load_kernel("derandcut.cut._ascent64"),
}

CHUNK = 1 << 14  # edges whose rows stay in the cache
SLICE = 1_000_000  # edge visits of one kernel call, about 20 ms
BLOCK = 128  # vertices a block of the kernel
EDGES_A_THREAD = 100_000  # below, waiting for the slower thread costs more
TILT = 0.1  # |b| against |W| at the start: breaks the flip symmetry
BETA1, BETA2 = 0.9, 0.99
WEIGHT_DECAY = 1e-3  # of the mean |w|: the lemma's lambda by default
# The ascent runs at a smaller lambda first, the slower the better the cut, and ends at
# lambda itself. Starts take turns: which factor wins depends on the graph.
STEPS = 1000  # of a start by default
LEAST_STEPS, LARGE_WORK = 100, 400_000_000  # fewer steps on graphs of over 10^5 edges
DECAY_FACTORS = (0.05, 0.1, 0.1, 0.2)
LAST_SHARE = 0.1  # of the iterations, at lambda itself
SETTLED = 1e-3  # |W_u|^2 / tau^2 of every vertex once nothing is left to decide
START_WORK = 50_000_000  # edge and row visits that all starts may take together
MOST_STARTS = 8
AT_ONCE = 10_000  # edges up to which the certificate takes no time
CERTIFICATE = 30  # units an edge that it takes
SADDLE = 1e-4  # of sum |w| / (tau sqrt(n)): a gradient that small is looked into
SADDLES = 500_000  # edges above which no saddle is left, and the collapse tries
DRAWS = 16  # draws first


class Layout:
    """The arrays the kernels read, built once a graph."""

    def __init__(self, graph: CutGraph) -> None:
        index = graph.indices.dtype
        self.graph = graph
        self.up, self.down = graph.mirrors
        self.u, self.v, self.w = graph.edges()
        blocks = np.arange(graph.n) // BLOCK
        self.order = np.lexsort((graph.degrees, blocks)).astype(index)
        largest = float(np.abs(graph.weights).max(initial=0.0))
        self.scale = math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest else 1.0


class Sampler:
    """The law sign(W x + b + tau xi) on partitions, and the ascent on its expected cut.

    Parameters
    ----------
    graph : CutGraph
    W : (n, k) float array
    b : (n,) float array
    tau : float, default 1.0
        Width of the smooth sign; only (W, b) / tau matters.
    weight_decay : float, optional
        lambda > 0 of the lemma; by default 1e-3 of the mean |weight|, over tau^2.
    learning_rate : float, default 0.2
        Length of a vertex's step, in units of tau.
    dtype : {float32, float64}, default float32
        Type of the iterates. Values of F are float64 always.
    n_threads : int, default 1
        The bits do not depend on it.

    Raises
    ------
    InputError
        If a shape does not fit the graph, or tau, lambda or the rate is not positive.

    Notes
    -----
    The step of vertex u divides its momentum by the root mean square of its gradient,
    one number a vertex (after Adam, Kingma and Ba 2015): it knows the vertex's scale.

    Examples
    --------
    >>> import numpy as np
    >>> square = CutGraph.from_edges([0, 1, 2, 3], [1, 2, 3, 0])
    >>> s = Sampler(square, np.zeros((4, 1)), np.array([9.0, -9.0, 9.0, -9.0]))
    >>> round(s.expected_cut(), 12)
    4.0
    """

    def __init__(
        self,
        graph: CutGraph,
        W: np.ndarray,
        b: np.ndarray,
        *,
        tau: float = 1.0,
        weight_decay: float | None = None,
        learning_rate: float = 0.2,
        dtype: type = np.float32,
        n_threads: int = 1,
        layout: Layout | None = None,
    ) -> None:
        if not (tau > 0 and math.isfinite(tau)):
            raise InputError(f"tau must be a positive number, got {tau!r}")
        if not learning_rate > 0:
            raise InputError(f"learning_rate must be positive, got {learning_rate!r}")
        if np.dtype(dtype) not in _ascent:
            raise InputError(f"dtype must be float32 or float64, got {dtype!r}")
        self.graph, self.tau = graph, float(tau)
        # Starting threads costs more than a small graph's iteration.
        self.n_threads = min(int(n_threads), 1 + graph.m // EDGES_A_THREAD)
        self.layout = layout or Layout(graph)
        self.learning_rate, self.dtype = float(learning_rate), np.dtype(dtype)
        if weight_decay is None:
            mean = graph.absolute_weight / graph.m if graph.m else 1.0
            weight_decay = WEIGHT_DECAY * mean / tau**2
        if not weight_decay > 0:
            raise InputError(f"weight_decay must be positive, got {weight_decay!r}")
        self.weight_decay = float(weight_decay)
        self._norms = np.zeros(-(-graph.n // BLOCK))
        self.iterations = 0
        self.set_state(W, b)

    @classmethod
    def start(
        cls, graph: CutGraph, V: np.ndarray, c: float = 12.0, seed=0, **options
    ) -> Sampler:
        """Start at W = c tau V, with b a small multiple of V r, r normal from the seed.

        b = 0 is a saddle by the flip symmetry; the small b breaks it, the same way for
        the same seed.

        Parameters
        ----------
        graph : CutGraph
        V : (n, k) float array
            Unit rows of an SDP solution.
        c : float, default 12.0
        seed : int or SeedSequence, default 0
        **options
            As for the class.
        """
        V = np.asarray(V, dtype=np.float64)
        r = np.random.default_rng(seed).standard_normal(V.shape[1])
        scale = c * options.get("tau", 1.0)
        return cls(graph, scale * V, TILT * scale * (V @ r), **options)

    # ------------------------------------------------------------------- state

    def set_state(self, W: np.ndarray, b: np.ndarray) -> None:
        """Put the iterate at (W, b), forgetting momentum."""
        n = self.graph.n
        W, b = np.asarray(W, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if W.ndim != 2 or W.shape[0] != n or b.shape != (n,):
            raise InputError(
                f"W must be ({n}, k) and b ({n},), got {W.shape} and {b.shape}"
            )
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise InputError("W and b must be finite")
        self.rank = W.shape[1]
        width = max(16, -(-self.rank // 16) * 16)
        self._X, self._next, self._M = (
            _aligned(n, width, self.dtype) for _ in range(3)
        )
        W, b = W / self.tau, b / self.tau
        s = np.sqrt(1 + np.einsum("uk,uk->u", W, W))
        self._X[:, : self.rank] = W / s[:, None]
        self._s, self._b = s.astype(self.dtype), b.astype(self.dtype)
        self._h = (b / s).astype(self.dtype)
        self._mb, self._v = np.zeros(n, self.dtype), np.zeros(n, self.dtype)
        self._ew = (self.layout.w / self.layout.scale).astype(self.dtype)
        self._links = np.zeros(4 * self.graph.m, self.dtype)
        self._powers = np.ones(2)

    @property
    def W(self) -> np.ndarray:
        """(n, k) float64: the random part, a copy."""
        s = self.tau * self._s.astype(np.float64)
        return self._X[:, : self.rank].astype(np.float64) * s[:, None]

    @property
    def b(self) -> np.ndarray:
        """(n,) float64: the deterministic part, a copy."""
        return self.tau * self._b.astype(np.float64)

    # ------------------------------------------------------------------ ascent

    @property
    def settled(self) -> bool:
        """True once W is so small that every side is decided by b."""
        return bool((self._s.astype(np.float64) ** 2 <= 1 + SETTLED).all())

    def advance(self, run: Run, iterations: int) -> float:
        """Do up to `iterations` steps, in slices, until settled or exhausted.

        Parameters
        ----------
        run : Run
            Charged m units a step.
        iterations : int

        Returns
        -------
        float
            ||grad L||_F before the last step; inf if no step was done.
        """
        graph, norm = self.graph, math.inf
        per_slice = max(1, SLICE // max(1, graph.m))
        while iterations > 0 and graph.m and not run.exhausted():
            count = min(per_slice, iterations)
            norm = self._steps(count)
            iterations -= count
            self.iterations += count
            run.charge(count * graph.m)
            if self.settled:
                break
        return norm

    def _steps(self, count: int) -> float:
        layout = self.layout
        decay = self.weight_decay * self.tau**2 / layout.scale
        square = _ascent[self.dtype].ascend(
            self.graph.indptr, self.graph.indices, layout.order,
            layout.u, layout.v, self._ew, layout.up, layout.down,
            self._X, self._next, self._M, self._h, self._s, self._b, self._mb, self._v,
            self._links, self._norms, self._powers,
            count, self.learning_rate, BETA1, BETA2, decay, self.n_threads,
        )  # fmt: skip
        if count % 2:
            self._X, self._next = self._next, self._X
        return math.sqrt(square) * layout.scale / self.tau

    def escape(self) -> bool:
        """Leave a saddle along the top eigenvector of H, if that raises F.

        Returns False at an approximate second-order point.
        """
        W, b = self.W, self.b
        length = self.tau * math.sqrt(self.graph.n)
        moved = escape(
            lambda b: -self.value(W, b), -self.hessian(), b, self.weight_decay, length
        )
        if moved is None:
            return False
        self.set_state(W, moved)
        return True

    def climb(self, iterations: int) -> float:
        """Ascend with a backtracking step that never lowers F; returns F.

        The safeguard behind `advance`, which is not monotone. A step is the gradient
        divided by its norm, vertex by vertex.
        """
        W, b = self.W, self.b
        best, length = self.value(W, b), self.tau
        for _ in range(iterations):
            grad_W, grad_b = self.gradient()
            norm = np.sqrt(np.einsum("uk,uk->u", grad_W, grad_W) + grad_b**2)
            rate = length / np.maximum(norm, 1e-300)
            trial = W + rate[:, None] * grad_W, b + rate * grad_b
            if np.isfinite(trial[0]).all() and np.isfinite(trial[1]).all():
                value = self.value(*trial)
                if value > best:
                    (W, b), best, length = trial, value, 1.5 * length
                    self.set_state(W, b)
                    continue
            length /= 4
        self.set_state(W, b)
        return best

    # ------------------------------------------------------------------ values

    def value(self, W: np.ndarray, b: np.ndarray) -> float:
        """F(W, b) of (2.1) at any point, float64.

        Parameters
        ----------
        W : (n, k) float array
        b : (n,) float array
        """
        graph, layout = self.graph, self.layout
        if graph.m == 0:
            return 0.0
        sums = np.empty(_sampler.block_count(graph.m))
        W, b = np.asarray(W, np.float64) / self.tau, np.asarray(b, np.float64)
        if not W.any():
            _sampler.product_cut(
                layout.u, layout.v, layout.w,
                product_means(b, self.tau), sums, self.n_threads,
            )  # fmt: skip
            return float(sums.sum())
        s = np.sqrt(1 + np.einsum("uk,uk->u", W, W))
        X = np.zeros((graph.n, -(-W.shape[1] // 4) * 4))
        X[:, : W.shape[1]] = W / s[:, None]
        _sampler.expected_cut(
            layout.u, layout.v, layout.w, X, b / (self.tau * s), sums, self.n_threads
        )
        return float(sums.sum())

    def expected_cut(self) -> float:
        """F of (2.1) at the present iterate, float64."""
        return self.value(self.W, self.b)

    def _edge_terms(self):
        """s, h, rho, q, phi2 and the two erf of (2.2)-(2.3), float64."""
        layout, W, b = self.layout, self.W / self.tau, self.b / self.tau
        s = np.sqrt(1 + np.einsum("uk,uk->u", W, W))
        X, h = W / s[:, None], b / s
        rho = np.empty(len(layout.u))
        for begin in range(0, len(rho), CHUNK):  # two rows an edge: never all at once
            part = slice(begin, begin + CHUNK)
            ends = X[layout.u[part]], X[layout.v[part]]
            np.einsum("ek,ek->e", *ends, out=rho[part])
        q2 = np.maximum((1 - rho) * (1 + rho), 1e-300)
        hu, hv = h[layout.u], h[layout.v]
        au = (hv - rho * hu) / np.sqrt(2 * q2)
        av = (hu - rho * hv) / np.sqrt(2 * q2)
        phi2 = np.exp(-(0.5 * hu**2 + au**2)) / (2 * np.pi * np.sqrt(q2))
        return s, h, rho, phi2, scipy.special.erf(au), scipy.special.erf(av)

    def _at_vertices(self, at_u: np.ndarray, at_v: np.ndarray) -> np.ndarray:
        n, layout = self.graph.n, self.layout
        total = np.bincount(layout.u, at_u, minlength=n)
        return total + np.bincount(layout.v, at_v, minlength=n)

    def hessian(self) -> sp.csr_array:
        """H of (2.3) at the present iterate: F's, (n, n) sparse, float64."""
        graph, layout = self.graph, self.layout
        s, h, rho, phi2, eu, ev = self._edge_terms()
        w = layout.w
        data = np.empty(2 * graph.m)
        # (2.3) H_uv = -2 w phi2 / (s_u s_v)
        data[layout.up] = -2 * w * phi2 / (s[layout.u] * s[layout.v])
        data[layout.down] = data[layout.up]
        phi = np.exp(-0.5 * h**2) / math.sqrt(2 * np.pi)
        both = 2 * rho * phi2 * w
        # (2.3) H_uu
        diagonal = h * phi * self._at_vertices(w * eu, w * ev)
        diagonal = (diagonal + self._at_vertices(both, both)) / s**2
        square = (graph.n, graph.n)
        off = sp.csr_array((data, graph.indices, graph.indptr), shape=square)
        return sp.csr_array(off + sp.diags_array(diagonal)) / self.tau**2

    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        """(grad_W F, grad_b F) of (2.2) and (2.4) at the present iterate, float64."""
        s, h, _, _, eu, ev = self._edge_terms()
        phi = np.exp(-0.5 * h**2) / math.sqrt(2 * np.pi)
        w = self.layout.w
        # (2.2)
        grad_b = -(phi / s) * self._at_vertices(w * eu, w * ev) / self.tau
        return self.hessian() @ self.W, grad_b  # (2.4)

    def certificate(self) -> LemmaCertificate:
        """(1.3) at the present iterate; section 1 minimises -F, whose Hessian is -H."""
        W, H = self.W, self.hessian()
        return certify(-(H @ W) + self.weight_decay * W, -H, W, self.weight_decay)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Draw partitions sign(W g + b), g standard normal, the search's start.

        Parameters
        ----------
        count : int
        seed : int, default 0

        Returns
        -------
        (n, count) int8 array
        """
        g = np.random.default_rng(seed).standard_normal((self.rank, count))
        z = self._X[:, : self.rank] @ g.astype(self.dtype) + self._h[:, None]
        return np.where(z > 0, np.int8(1), np.int8(-1))


def _aligned(rows: int, columns: int, dtype: np.dtype) -> np.ndarray:
    """Zeros whose rows start on cache lines."""
    size = rows * columns * dtype.itemsize
    raw = np.zeros(size + 64, dtype=np.uint8)
    offset = -raw.ctypes.data % 64
    return raw[offset : offset + size].view(dtype).reshape(rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class Derandomized:
    """What `derandomize` found.

    Attributes
    ----------
    partition : (n,) int8 array
    cut : int or float
    links : tuple of Link
        The ascending part of the chain (2.7): F(cV, 0), F(W, b), F(0, b), the cut after
        conditional expectations, the cut after 1-flip descent.
    lemma : LemmaCertificate
        (1.3) where the ascent stopped, before the collapse.
    W : (n, k) float64 array
    b : (n,) float64 array
        That point.
    sampler : Sampler
        Its law, for `Sampler.sample`.
    """

    partition: np.ndarray
    cut: int | float
    links: tuple[Link, ...]
    lemma: LemmaCertificate | None
    W: np.ndarray
    b: np.ndarray
    sampler: Sampler


def ascent_plan(
    graph: CutGraph, iterations: int | None, starts: int | None
) -> tuple[int, int]:
    """Steps of an ascent and number of ascents, where None leaves them to the size."""
    size = max(1, graph.m + 2 * graph.n)
    if iterations is None:
        iterations = min(STEPS, max(LEAST_STEPS, LARGE_WORK // size))
    if starts is None:
        work = max(iterations, STEPS) * size
        starts = min(MOST_STARTS, max(1, START_WORK // work))
    return iterations, starts


def derandomize(
    graph: CutGraph,
    V: np.ndarray,
    run: Run,
    *,
    iterations: int | None = None,
    starts: int | None = None,
    c: float = 12.0,
    tau: float = 1.0,
    weight_decay: float | None = None,
    learning_rate: float = 0.2,
    dtype: type = np.float32,
    seed: int = 0,
    n_threads: int = 1,
    draws: int = 0,
) -> Derandomized | None:
    """Ascend from W = c tau V, collapse, round, descend: the links of (2.7).

    Parameters
    ----------
    graph : CutGraph
    V : (n, k) float array
        Unit rows of an SDP solution.
    run : Run
        Charged with the work; the ascent ends early when it is exhausted.
    iterations : int, optional
        Steps of one start; by default 1000, fewer on large graphs, at least 100.
    starts : int, optional
        Ascents with different b at the start, the best cut kept; by default as many as
        fit a fixed amount of work, 1 on large graphs, at most 8.
    c, tau, weight_decay, learning_rate, dtype, n_threads
        As for `Sampler`.
    seed : int, default 0
    draws : int, default 0
        As for `lemma.collapse.collapse`; some are always tried on large graphs, and
        where the run is exhausted. More than 0: a search follows, and on a large graph
        no `LemmaCertificate` is made.

    Returns
    -------
    Derandomized or None
        None where the time is up before the first step, on a large graph.

    Examples
    --------
    >>> import numpy as np
    >>> edge = CutGraph.from_edges([0], [1])
    >>> derandomize(edge, np.array([[1.0], [-1.0]]), Run(edge)).cut
    1
    """
    large = graph.m > LARGE
    if large and run.exhausted():
        return None
    V = np.asarray(V, dtype=np.float64)
    layout = Layout(graph)
    if large and run.exhausted(undone=True):
        return None
    iterations, starts = ascent_plan(graph, iterations, starts)
    options = {
        "tau": tau,
        "weight_decay": weight_decay,
        "learning_rate": learning_rate,
        "dtype": dtype,
        "n_threads": n_threads,
        "layout": layout,
    }
    best: Derandomized | None = None
    floor = 0.0
    seeds = np.random.SeedSequence(seed).spawn(starts)
    for number, child in enumerate(seeds):
        sampler = Sampler.start(graph, V, c, child, **options)
        if number == 0:
            # The chain's first link is W = c V itself, before b breaks the symmetry.
            floor = sampler.value(c * tau * V, np.zeros(graph.n))
            if large and run.exhausted(undone=True):
                return None
        factor = DECAY_FACTORS[number % len(DECAY_FACTORS)]
        _ascend(sampler, run, iterations, factor)
        found = _finish(sampler, run, V, c, floor, draws)
        if best is None or found.cut > best.cut:
            best = found
        if run.exhausted():
            break
    return best


def _ascend(sampler: Sampler, run: Run, iterations: int, factor: float) -> None:
    """The ascent at a small lambda, then at lambda itself, leaving saddles between."""
    last = int(LAST_SHARE * iterations)
    weight_decay = sampler.weight_decay
    sampler.weight_decay = min(1.0, factor) * weight_decay
    norm = sampler.advance(run, iterations - last)
    sampler.weight_decay = weight_decay
    graph = sampler.graph
    small = SADDLE * graph.absolute_weight / (sampler.tau * math.sqrt(max(1, graph.n)))
    # Second derivatives of every edge: too much for a large graph.
    flat = norm <= small and graph.m <= SADDLES
    if flat and not sampler.settled and not run.exhausted():
        sampler.escape()
    sampler.advance(run, last)


def _finish(
    sampler: Sampler, run: Run, V: np.ndarray, c: float, floor: float, draws: int
) -> Derandomized:
    """Certificate, collapse and rounding of one ascent, every link checked."""
    graph, tau = sampler.graph, sampler.tau
    tolerance = CHAIN_TOLERANCE * graph.absolute_weight
    W, b = sampler.W, sampler.b
    reached = sampler.value(W, b)
    if reached < floor - tolerance:
        # Safeguard: a monotone ascent from the start of the chain.
        sampler.dtype = np.dtype(np.float64)
        sampler.set_state(c * tau * V, np.zeros(graph.n))
        W, b, reached = c * tau * V, np.zeros(graph.n), floor
        if not run.exhausted() and sampler.climb(20) > floor:
            W, b = sampler.W, sampler.b
            reached = sampler.value(W, b)
    waited_for = draws > 0 and graph.m > SADDLES
    if graph.m > SADDLES or run.exhausted():
        draws = max(draws, DRAWS)
    end = collapse(sampler.value, W, b, reached, draws, hurry=run.exhausted())
    run.charge(end.evaluations * graph.m)
    partition = conditional_expectations(graph, product_means(end.b, tau))
    rounded = graph.cut(partition)
    partition = one_flip_descent(graph, partition, run)
    cut = graph.cut(partition)
    run.charge(graph.m)
    # A Hessian, thirty products with it: too much for a large graph where a search
    # waits, or where the time is up already.
    lemma, late = None, run.exhausted() and graph.m > AT_ONCE
    if not (waited_for or late):
        lemma = sampler.certificate()
        run.charge(CERTIFICATE * graph.m)
    links = (
        Link("F(cV, 0)", floor),
        Link("F(W, b)", reached),
        Link("F(0, b)", end.value),
        Link("conditional expectations", rounded),
        Link("1-flip descent", cut),
    )
    return Derandomized(partition, cut, links, lemma, W, b, sampler)
