"""The semidefinite relaxation by its low-rank factor, with a proved dual bound.

    maximise  sum_{u<v} w_uv (1 - V_u . V_v) / 2   over unit rows V_u in R^rank

(docs/method; Burer and Monteiro 2003). Coordinate sweeps (Wang, Chang and Kolter
2017), over-relaxed: V_u <- normalise((1 - omega) V_u - omega g_u / |g_u|) with
g_u = sum_v w_uv V_v never increases the objective for 0 < omega < 2. As for successive
over-relaxation of a linear system, omega near 2 turns a rate of 1 - 1/kappa into
1 - 1/sqrt(kappa): on the toroidal grids that is a hundred times fewer sweeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derandcut._core import load_kernel
from derandcut._core.team import Team
from derandcut.arguments import threads
from derandcut.cut import bound as bounds
from derandcut.errors import InputError
from derandcut.formats import as_graph
from derandcut.graph import CutGraph
from derandcut.result import Status
from derandcut.run import Run

__all__ = ["Relaxation", "SDPResult", "sdp"]

_sdp = load_kernel("derandcut.cut._sdp")

QUICK_RANK, TIGHT_RANK = 16, 24  # for a start of the sampler; for the bound
FRICTION = 0.004  # the smallest 2 - omega
ROUNDS, MAX_SWEEPS = 12, 4000  # bounds tried, sweeps before each
PERIOD = 10  # sweeps between two looks at the rate
SLICE = 1 << 21  # edge visits of one kernel call, about 20 ms
SETTLE = 6  # sweeps that damp what over-relaxation stirred up
SURER = 20  # the tolerance is divided by it where sweeps are cheap
DUAL_LAG = 10.0  # the dual gap is about this many times the primal one
STUCK = 10.0  # a gap so many times the tolerance, its square times the estimate
MAX_RANK = 512
BLOCK = 1 << 10  # row entries of a block, about 10 us
# Multiply-adds of a call, and of a class on average, below which threads do not pay.
VISITS_A_THREAD, VISITS_A_CLASS = 1 << 24, 1 << 16


class Sweeper:
    """Coordinate sweeps over one pattern, the same bits for any number of threads.

    The vertices are coloured greedily and visited colour by colour. No two of a colour
    are adjacent, so an update sees none of the others of its class, and blocks of a
    class may be swept at once. Sweeps in this order converge like those in any other:
    on the Gset between .7 and 1.2 times as many are needed.

    Parameters
    ----------
    pattern : CutGraph
        Its weights do not matter.
    n_threads : int, default 1
    """

    def __init__(self, pattern: CutGraph, n_threads: int = 1) -> None:
        self.indptr, self.indices = pattern.indptr, pattern.indices
        self._team = Team(n_threads)
        n, kind = pattern.n, pattern.indices.dtype
        colours = np.empty(n, kind)
        count = _sdp.colour(
            self.indptr, self.indices, colours, np.full(n + 1, -1, kind)
        )
        self.order = np.argsort(colours, kind="stable").astype(kind)
        sizes = np.bincount(colours, minlength=count)
        first = np.cumsum(sizes) - sizes
        # A block ends where a class does, and after every BLOCK entries.
        entries = np.cumsum(pattern.degrees[self.order] + 1)
        before = entries[first] - pattern.degrees[self.order[first]] - 1
        block = (entries - 1 - np.repeat(before, sizes)) // BLOCK
        begins = np.diff(block, prepend=-1) != 0
        begins[first] = True
        self.blocks = np.append(np.flatnonzero(begins), n)
        self.classes = np.searchsorted(self.blocks, np.append(first, n))
        self._decrease = np.empty(len(self.blocks) - 1)

    def sweep(
        self, weights: np.ndarray, V: np.ndarray, omega: float, passes: int
    ) -> float:
        """Sweep `passes` times; the decrease of the objective in the last one."""
        visits = (len(self.indices) + len(V)) * V.shape[1]
        busy = passes * visits >= VISITS_A_THREAD
        busy = busy and visits >= VISITS_A_CLASS * (len(self.classes) - 1)
        return self._team.run(
            _sdp.sweep, _sdp.help_sweep,
            self.indptr, self.indices, weights, V, self.order, self.blocks,
            self.classes, self._decrease, omega, passes, alone=not busy,
        )  # fmt: skip


class Relaxation:
    """The low-rank relaxation of a graph: a state that can be resumed.

    Parameters
    ----------
    graph : CutGraph
    rank : int, optional
        Columns of V, rounded up to a multiple of 8; 16 by default, less where
        sqrt(2 n) is smaller.
    seed : int, default 0
        Of the random start and of the columns added by `widen`.
    V : (n, k) array_like, optional
        Start; its rows are normalised.
    n_threads : int, default 1
        The bits do not depend on it.

    Attributes
    ----------
    V : (n, rank) float64 array
        Unit rows.
    sweeps : int
        Coordinate sweeps so far.
    gap_estimate : float
        Estimated relative distance between the dual bound and `value`.

    Examples
    --------
    >>> from derandcut import CutGraph
    >>> from derandcut.run import Run
    >>> triangle = CutGraph.from_edges([0, 1, 2], [1, 2, 0])
    >>> relaxation = Relaxation(triangle)
    >>> relaxation.advance(Run(triangle), tolerance=1e-9)
    True
    >>> round(relaxation.value, 6)
    2.25
    """

    def __init__(
        self,
        graph: CutGraph,
        *,
        rank: int | None = None,
        seed: int = 0,
        V: Any = None,
        n_threads: int = 1,
    ) -> None:
        self.graph = graph
        self._random = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        if V is not None:
            V = np.asarray(V, np.float64)
            if V.ndim != 2 or len(V) != graph.n or not np.isfinite(V).all():
                raise InputError(
                    f"V must be a finite matrix of {graph.n} rows, got shape {V.shape}"
                )
            rank = max(rank or 0, V.shape[1])
        elif rank is None:
            rank = min(QUICK_RANK, math.isqrt(2 * graph.n) + 1)
        if not 0 <= rank <= MAX_RANK:
            raise InputError(f"rank must be between 1 and {MAX_RANK}, got {rank}")
        rank = max(8, -(-rank // 8) * 8)
        if V is None:
            self.V = self._random.standard_normal((graph.n, rank))
        else:
            self.V = np.zeros((graph.n, rank))
            self.V[:, : V.shape[1]] = V
            self.V[~self.V.any(axis=1), 0] = 1
        self._normalise()
        # A power of two changes no bit of V and keeps squares from over- or underflow.
        largest = float(np.abs(graph.weights).max(initial=0.5))
        scale = 2.0 ** min(1023, -math.frexp(largest)[1])
        self._weights = graph.weights if scale == 1 else graph.weights * scale
        self._scale = scale
        self.n_threads = n_threads
        self._sweeper: Sweeper | None = None
        self.sweeps = 0
        self.gap_estimate = math.inf if graph.m else 0.0
        self._friction = 0.25  # 2 - omega
        self._decrease = math.inf

    @property
    def rank(self) -> int:
        """Columns of V."""
        return self.V.shape[1]

    @property
    def value(self) -> float:
        """Sum of w_uv (1 - V_u . V_v) / 2 over the edges, recomputed."""
        return self.graph.total_weight / 2 - float(self._products().sum()) / (
            4 * self._scale
        )

    def dual(self) -> np.ndarray:
        """Return y_u = V_u . (L/4 V)_u, (n,) float64: sum y is `value`."""
        return (self.graph.weighted_degrees - self._products() / self._scale) / 4

    def _products(self) -> np.ndarray:
        """g_u . V_u for every u, of the scaled weights."""
        out = np.zeros(self.graph.n)
        if self.graph.m:
            _sdp.products(
                self.graph.indptr, self.graph.indices, self._weights, self.V, out
            )
        return out

    def widen(self, rank: int, vector: np.ndarray | None = None) -> None:
        """Add columns: small random entries, and along `vector` if one is given.

        At a stationary V that is not optimal, an eigenvector of a negative eigenvalue
        of Diag(y) - L/4 in a new column is a direction of descent (Boumal, Voroninski
        and Bandeira 2016).
        """
        rank = min(MAX_RANK, -(-rank // 8) * 8)
        if rank <= self.rank:
            return
        n, old = self.graph.n, self.rank
        wide = np.zeros((n, rank))
        wide[:, :old] = self.V
        wide[:, old:] = 0.01 * self._random.standard_normal((n, rank - old))
        if vector is not None:
            wide[:, old] += 0.3 * vector / max(np.abs(vector).max(), 1e-300)
        self.V = wide
        self._normalise()
        self._decrease = math.inf
        self.gap_estimate = math.inf

    def widen_for_a_bound(self) -> None:
        """Give V the columns that a tight bound needs on most graphs."""
        self.widen(min(TIGHT_RANK, math.isqrt(2 * self.graph.n) + 1))

    def gap(self, bound: bounds.Bound) -> float:
        """Relative distance between a bound and `value`."""
        value = self.value
        size = max(value, 1e-2 * self.graph.absolute_weight)
        return (bound.unfloored - value) / size if size else 0.0

    def stuck(self, gap: float, tolerance: float) -> bool:
        """True if a gap is far more than sweeps can still close: V lacks a column."""
        return gap > STUCK * max(tolerance, STUCK * self.gap_estimate)

    def _normalise(self) -> None:
        self.V /= np.linalg.norm(self.V, axis=1)[:, None]
        self.V = np.ascontiguousarray(self.V)

    def advance(
        self, run: Run, *, tolerance: float, max_sweeps: int | None = None
    ) -> bool:
        """Sweep until the estimated relative gap is at most `tolerance`.

        Parameters
        ----------
        run : Run
            Charged 2 m + n units a sweep; the sweeps end when it is exhausted.
        tolerance : float
        max_sweeps : int, optional
            Of this call.

        Returns
        -------
        bool
            True if the estimate reached the tolerance.
        """
        last = math.inf if max_sweeps is None else self.sweeps + max_sweeps
        if self.graph.m == 0:
            return True
        while self.gap_estimate > tolerance:
            if self.sweeps >= last or run.exhausted():
                return False
            decrease = self._sweep(run, 2 - self._friction, PERIOD)
            self._adapt(max(decrease, 0.0))
        self._sweep(run, 1.5, SETTLE)
        return True

    def _sweep(self, run: Run, omega: float, count: int) -> float:
        """Make `count` sweeps in slices; the decrease of the objective in the last."""
        if self._sweeper is None:
            self._sweeper = Sweeper(self.graph, self.n_threads)
        cost = len(self.graph.indices) + self.graph.n
        decrease, left = 0.0, count
        while left:
            passes = min(left, max(1, SLICE // cost))
            decrease = self._sweeper.sweep(self._weights, self.V, omega, passes)
            left -= passes
            self.sweeps += passes
            run.charge(passes * cost)
            if run.exhausted():
                break
        return decrease

    def _adapt(self, decrease: float) -> None:
        """Choose omega for the next sweeps and estimate the gap.

        The energy of an over-relaxed mode falls by (omega - 1)^2 a sweep at best. If
        the decrease falls that fast, damping limits the progress: lower omega; if it
        falls at less than half that pace, the slow modes do: raise it. Never above
        2 - 4 / (sweeps + 8), the pace of an accelerated gradient method.
        """
        previous, self._decrease = self._decrease, decrease
        if decrease == 0.0:
            self.gap_estimate = 0.0
            return
        if not math.isfinite(previous):
            return
        rate = min((decrease / previous) ** (1 / PERIOD), 1.0)
        pace = (1 - rate) / (1 - (1 - self._friction) ** 2)
        if pace < 0.5:
            self._friction *= 0.75
        elif pace > 0.8:
            self._friction *= 1.15
        self._friction = min(0.5, max(self._friction, 4 / (self.sweeps + 8), FRICTION))
        size = max(self.value, 1e-2 * self.graph.absolute_weight) * self._scale
        remaining = decrease / max(1 - rate, 1e-3)
        self.gap_estimate = DUAL_LAG * remaining / size


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SDPResult:
    """The relaxation's solution.

    Attributes
    ----------
    V : (n, rank) float64 array
        Unit rows.
    y : (n,) float64 array
        Dual vector of the bound: Diag(y) - L/4 is positive semidefinite up to the
        margin in `upper_bound`. Empty if the bound came from cycles.
    value : float
        Primal value at V: at most the optimum of the relaxation.
    upper_bound : float or None
        Dual bound, not floored: no cut is above it.
    bound_kind : {"proved", "estimate", "none"}
    method : str
        How the bound was reached: "factorisation", "cycles", "lanczos", ...
    gap : float
        (upper_bound - value) / value.
    sweeps, rank : int
    status : Status
    """

    V: np.ndarray
    y: np.ndarray
    value: float
    upper_bound: float | None
    bound_kind: str
    method: str
    gap: float
    sweeps: int
    rank: int
    status: Status

    def __repr__(self) -> str:
        above = "none" if self.upper_bound is None else f"{self.upper_bound:.10g}"
        return (
            f"SDPResult(value={self.value:.10g}, upper_bound={above} "
            f"({self.bound_kind}, {self.method}), gap={self.gap:.2g}, "
            f"rank={self.rank}, sweeps={self.sweeps})"
        )


def sdp(
    graph: Any,
    *,
    tolerance: float = 1e-6,
    rank: int | None = None,
    initial: Any = None,
    seed: int = 0,
    bound: str = "proved",
    time_limit: float | None = None,
    n_threads: int | None = None,
) -> SDPResult:
    """Solve the semidefinite relaxation of MAXCUT and bound every cut by its dual.

    Parameters
    ----------
    graph : CutGraph, path, networkx graph, matrix, or tuple (u, v, w[, n])
    tolerance : float, default 1e-6
        Relative gap between the primal value and the dual bound.
    rank : int, optional
        Columns of V at the start; 16 by default. Columns are added where they help.
    initial : (n, k) array_like or SDPResult, optional
        Warm start.
    seed : int, default 0
    bound : {"proved", "estimate", "none"}, default "proved"
    time_limit : float, optional
        Seconds.
    n_threads : int, optional
        By default one for each core. The bits do not depend on it.

    Returns
    -------
    SDPResult

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    Burer and Monteiro 2003; Wang, Chang and Kolter 2017.

    Examples
    --------
    >>> from derandcut import CutGraph
    >>> pentagon = CutGraph.from_edges([0, 1, 2, 3, 4], [1, 2, 3, 4, 0])
    >>> result = sdp(pentagon)
    >>> round(result.value, 4), round(result.upper_bound, 4)
    (4.5225, 4.5225)
    """
    graph = as_graph(graph)
    if bound not in ("proved", "estimate", "none"):
        raise InputError(f"bound must be proved, estimate or none, got {bound!r}")
    if not tolerance > 0:
        raise InputError(f"tolerance must be positive, got {tolerance!r}")
    n_threads = threads(n_threads)
    run = Run(graph, time_limit=time_limit)
    V = initial.V if isinstance(initial, SDPResult) else initial
    relaxation = Relaxation(graph, rank=rank, seed=seed, V=V, n_threads=n_threads)
    found = solve(relaxation, run, tolerance=tolerance, bound=bound)
    value = relaxation.value
    above = None if found is None else found.unfloored
    scale = max(abs(value), 1e-300)
    gap = relaxation.gap_estimate if above is None else (above - value) / scale
    return SDPResult(
        V=relaxation.V,
        y=relaxation.dual() if found is None else found.y,
        value=value,
        upper_bound=above,
        bound_kind="none" if found is None else found.kind,
        method="none" if found is None else found.method,
        gap=gap if graph.m else 0.0,
        sweeps=relaxation.sweeps,
        rank=relaxation.rank,
        status=run.ended or Status.FINISHED,
    )


def solve(
    relaxation: Relaxation,
    run: Run,
    *,
    tolerance: float,
    bound: str = "proved",
    factorisation: bounds.Factorisation | None = None,
    offer: Callable[[bounds.Bound], object] | None = None,
) -> bounds.Bound | None:
    """Alternate sweeps and bounds until bound and value agree to `tolerance`.

    Sweeps to the tolerance, then a bound; if it lags because V is stuck at its rank, a
    column along the eigenvector found, otherwise more sweeps. Returns the best bound;
    `offer` sees each as it comes.
    """
    graph = relaxation.graph
    if relaxation.gap_estimate > 1e-3:
        relaxation.advance(run, tolerance=1e-3)
    relaxation.widen_for_a_bound()
    if bound == "none":
        relaxation.advance(run, tolerance=tolerance)
        return None
    if factorisation is None and bound == "proved" and graph.m:
        factorisation = bounds.analyse(graph, run, relaxation.n_threads)
    best: bounds.Bound | None = None
    goal, previous = tolerance / 5, math.inf  # sweeps cost less than a factorisation
    for _ in range(ROUNDS):
        reached = relaxation.advance(run, tolerance=goal, max_sweeps=MAX_SWEEPS)
        estimate = relaxation.gap_estimate
        if reached and factorisation is not None and factorisation.possible:
            # A dual that fails costs a factorisation or two: sweep for one's worth.
            cost = len(graph.indices) + graph.n
            relaxation.advance(
                run, tolerance=goal / SURER, max_sweeps=factorisation.units // cost
            )
        found = bounds.upper_bound(
            graph,
            relaxation.dual(),
            kind=bound,
            run=run,
            tolerance=tolerance,
            factorisation=factorisation,
        )
        if offer is not None:
            offer(found)
        if best is None or found.unfloored < best.unfloored:
            best = found
        gap = relaxation.gap(best)
        if gap <= tolerance or run.exhausted() or found.vector is None:
            break
        if reached and (gap > 0.5 * previous or relaxation.stuck(gap, tolerance)):
            relaxation.widen(relaxation.rank + 8, found.vector)
        previous = gap
        goal = min(goal, estimate) / 4
    return best
