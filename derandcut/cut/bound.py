"""Upper bounds on every cut: estimated, or proved by a factorisation or by cycles.

For any vector s, with W the adjacency matrix (y = s + degree / 4 in docs/method),

    OPT <= (sum of w) / 2 + sum s - n lambda_min(Diag(s) + W / 4).

A Cholesky factorisation of Diag(s') + W/4 that runs to completion proves that its
lambda_min is at least minus a rounding margin (Demmel 1989; Rump 2006), so only the
exactly rounded sum of s' and that margin enter the bound. Where no factorisation is
affordable, edge-disjoint frustrated cycles give a weaker bound that is still true.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator

from derandcut._core import load_kernel
from derandcut._core.team import Team
from derandcut.cut.proof import Inequalities, Packing, Positive, Proof, Psd
from derandcut.graph import CutGraph, exact_sum
from derandcut.lemma.certificate import largest_eigenvalue
from derandcut.run import LARGE, Run, Scratch, Trial

__all__ = ["Bound", "Factorisation", "floor_to_values", "upper_bound"]

_bound = load_kernel("derandcut.cut._bound")

UNIT = 2.0**-53  # roundoff of float64
FLOPS_PER_UNIT = 128  # multiply-adds of a dense front that cost as much as one unit
DEPTH, CYCLE_WORK = 8, 150  # cycles of at most 17 edges; visits an entry of W
LEVELS = 4  # of edge weights, each a quarter of the one before
SLICE = 1 << 21  # edge visits of one kernel call, about 20 ms
LANCZOS, LANCZOS_INVERSE = 400, 24  # steps
PASSED, MORE = 0, 2  # what the kernel of the factorisation answers
LEAST_ROWS = 32  # of a front that is worth merging into its parent
PASSING = 10  # multiply-adds that cost as much as passing on an entry of a front
FLOPS_A_SLICE = 1 << 28  # of a factorisation, about 20 ms
FLOPS_A_THREAD = 5e7  # below, waiting for the slower thread costs more
MEMORY = 2 * 2**30  # bytes a factorisation may take
FLOPS = 4e10  # multiply-adds beyond which none is tried


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """An upper bound on every cut of a graph.

    Attributes
    ----------
    value : float
        The bound; for integer weights floored to what a cut can be.
    unfloored : float
        The same before flooring.
    kind : {"proved", "estimate"}
    method : {"factorisation", "cycles", "positive weight", "lanczos", "exact"}
    y : (n,) float64 array
        The dual vector the value belongs to: Diag(y) - L/4 is positive semidefinite
        up to the margin the value includes. Empty for the cycle bounds.
    lambda_min : float or None
        Estimate of the smallest eigenvalue at the y that was asked for.
    vector : (n,) float64 array or None
        A unit vector near that eigenvector: the direction of escape for a low-rank
        solution, if lambda_min is negative.
    proof : Proof or None
        What a certificate is made of; None for an estimate.
    """

    value: float
    unfloored: float
    kind: str
    method: str
    y: np.ndarray
    lambda_min: float | None = None
    vector: np.ndarray | None = None
    proof: Proof | None = None


class Factorisation:
    """Symbolic and numeric Cholesky factorisation of Diag(s) + scale W/4.

    Parameters
    ----------
    graph : CutGraph
        With at least one edge.
    flop_limit : float
        Multiply-adds beyond which the analysis gives up.
    n_threads : int, default 1
        The bits do not depend on it.

    Attributes
    ----------
    possible : bool
        False if the factorisation exceeds `flop_limit` or the memory allowed.
    flops, steps : float, int
        Multiply-adds of the numeric phase, list entries read by the analysis.
    scale : float
        The power of two by which W is scaled, so that nothing under- or overflows.
    """

    def __init__(
        self, graph: CutGraph, flop_limit: float = FLOPS, n_threads: int = 1
    ) -> None:
        self.graph, self._team = graph, Team(n_threads)
        self.scale = _scale(graph)
        self.weights = graph.weights * self.scale
        n, nnz = graph.n, len(graph.indices)
        self.possible = False
        self.flops, self.steps = 0.0, 0
        if graph.indices.dtype != np.int32 or n == 0:
            return
        room = 8 * (n + nnz) + 1024
        while True:
            fronts = np.empty((n, 3), np.int64)
            parent = np.empty(n, np.int32)
            members = np.empty(room, np.int32)
            count, self.flops, steps = _bound.minimum_degree(
                graph.indptr,
                graph.indices.copy(),
                np.empty(nnz + 2 * n + 1, np.int32),
                np.empty((14, n + 1), np.int32),
                np.empty((2, n), np.int64),
                fronts,
                parent,
                members,
                float(flop_limit),
                20 * (n + nnz) + 2 * 10**7,
            )
            self.steps += steps
            if count >= 0:
                break
            if count == -1 or 4 * room > MEMORY // 8:
                return
            room *= 4
        self._arrange(*_merged(fronts[:count], parent[:count], members))

    def _arrange(
        self, fronts: np.ndarray, parent: np.ndarray, members: np.ndarray
    ) -> None:
        """Put the fronts in postorder and size the workspaces."""
        order = _postorder(parent)
        fronts = fronts[order]
        pivots, rows = fronts[:, 0], fronts[:, 1]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        waits = parent[order] >= 0
        self.children = np.bincount(
            place[parent[order][waits]], minlength=len(order)
        ).astype(np.int32)
        self.fronts, self.members = np.ascontiguousarray(fronts), members
        self.front_size = int((pivots + rows).max())
        self.panel_size = int(((pivots + rows) * pivots).sum())
        self.stack_size = _stack_peak(rows.tolist(), self.children.tolist())
        doubles = self.front_size**2 + self.panel_size + self.stack_size
        if 8 * doubles > MEMORY:
            return
        self.possible = True
        n = self.graph.n
        ends = np.repeat(fronts[:, 2] - np.cumsum(pivots) + pivots, pivots)
        at = ends + np.arange(n)
        self.position = np.empty(n, np.int32)
        self.position[members[at]] = np.arange(n)
        # Entries in each row of the factor: the terms of every inner product.
        counts = np.empty(n, np.int64)
        counts[members[at]] = np.arange(n) - np.repeat(
            np.cumsum(pivots) - pivots, pivots
        )
        counts += 1
        for first, p, q in zip(fronts[:, 2], pivots, rows, strict=True):
            counts[members[first + p : first + p + q]] += p
        self.counts = counts
        self._L: np.ndarray | None = None

    def load(self, graph: CutGraph) -> None:
        """Take the weights of another graph with the same structure."""
        self.graph = graph
        self.scale = _scale(graph)
        self.weights = graph.weights * self.scale

    @property
    def n_threads(self) -> int:
        """Of the numeric phase."""
        return self._team.n_threads

    @property
    def units(self) -> int:
        """Work of one numeric factorisation."""
        return int(self.flops / FLOPS_PER_UNIT) + len(self.graph.indices)

    def factor(self, s: np.ndarray, run: Run | Scratch | None = None) -> bool:
        """Factor Diag(s) + scale W/4; False if a pivot is not positive.

        False as well if the run ended meanwhile: it is asked between slices.
        """
        graph = self.graph
        if not (s > 0).all():
            return False
        if self._L is None:
            self._L = np.empty(self.panel_size)
            self._dense = np.empty(max(1, self.front_size**2))
            self._pack = np.empty((self.front_size + 136) * 128)
            self._stack = np.empty(max(1, self.stack_size))
        state = np.array([0, -1, 0, 0, 0])
        local, related = np.empty(graph.n, np.int64), np.empty(graph.n, np.int32)
        pending = np.empty((len(self.fronts) + 1, 2), np.int64)
        alone = self.flops < FLOPS_A_THREAD
        while True:
            answer = self._team.run(
                _bound.factor, _bound.help_factor,
                graph.indptr, graph.indices, self.weights, s, self.fronts,
                self.children, self.members, self.position, local, related,
                self._dense, self._pack, self._stack, pending, self._L, state,
                FLOPS_A_SLICE, alone=alone,
            )  # fmt: skip
            if answer != MORE:
                return answer == PASSED
            if run is not None and run.exhausted():
                return False

    def solve(self, b: np.ndarray) -> np.ndarray:
        """Solve with the last factor."""
        x = np.array(b)
        _bound.solve(self.fronts, self.members, self._L, x, self._dense)
        return x

    def margin(self, s: np.ndarray) -> float:
        """How far below zero lambda_min can be after a factorisation of s passed.

        |E_ij| <= g |c_i| |c_j| with |c_i|^2 <= s_i / (1 - g), so lambda_max(|E|) is at
        most the sum of g s_i / (1 - g). Twice the terms, and eight more, are counted:
        the updates of a front are summed in groups.
        """
        g = 2 * (self.counts + 8) * UNIT
        return math.fsum(g / (1 - g) ** 2 * s) * (1 + 1e-9) + 1e-280


def _merged(
    fronts: np.ndarray, parent: np.ndarray, members: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge fronts into their parents where zeros cost less than passing updates on.

    A front of few pivots and many rows hardly computes, it moves its update matrix: on
    sparse random graphs that took as long as the rest (Ashcraft and Grimes 1989).
    """
    count = len(fronts)
    begin, pivots, rows = fronts[:, 2], fronts[:, 0].tolist(), fronts[:, 1].tolist()
    above, into = parent.tolist(), [-1] * count
    taken: dict[int, list[np.ndarray]] = {}  # pivots from below, in order
    for f in range(count):  # children come first
        g, p, q = above[f], pivots[f], rows[f]
        if g < 0 or q < LEAST_ROWS:
            continue
        size = pivots[g] + rows[g]
        if p * ((size + p / 2) ** 2 - (q + p / 2) ** 2) <= PASSING * q * q:
            into[f] = g
            pivots[g] += p
            moved = taken.pop(f, [])
            moved.append(members[begin[f] : begin[f] + fronts[f, 0]])
            taken.setdefault(g, []).extend(moved)
    if not taken:
        return fronts, parent, members
    kept = [f for f in range(count) if into[f] < 0]
    place = {f: k for k, f in enumerate(kept)}
    merged, ancestor = np.empty((len(kept), 3), np.int64), np.empty(len(kept), np.int32)
    lists, room = [], 0
    for k, f in enumerate(kept):
        own = members[begin[f] : begin[f] + fronts[f, 0] + rows[f]]
        lists += [*taken.get(f, []), own]
        merged[k] = pivots[f], rows[f], room
        room += pivots[f] + rows[f]
        g = above[f]
        while g >= 0 and into[g] >= 0:
            g = into[g]
        ancestor[k] = -1 if g < 0 else place[g]
    return merged, ancestor, np.concatenate(lists)


def _postorder(parent: np.ndarray) -> np.ndarray:
    """Children before parents, each subtree contiguous."""
    count = len(parent)
    first, sibling = [-1] * count, [-1] * count
    roots = []
    above = parent.tolist()
    for f in range(count - 1, -1, -1):
        p = above[f]
        if p < 0:
            roots.append(f)
        else:
            sibling[f] = first[p]
            first[p] = f
    order = []
    for root in reversed(roots):
        path = [root]
        while path:
            f = path[-1]
            child = first[f]
            if child >= 0:
                first[f] = sibling[child]
                path.append(child)
            else:
                order.append(f)
                path.pop()
    return np.array(order, np.int64)


def _stack_peak(rows: list[int], children: list[int]) -> int:
    """Most doubles the waiting update matrices take."""
    waiting: list[int] = []
    top = peak = 0
    for q, pops in zip(rows, children, strict=True):
        for _ in range(pops):
            top -= waiting.pop()
        if q:
            waiting.append(q * q)
            top += q * q
            peak = max(peak, top)
    return peak


def upper_bound(
    graph: CutGraph,
    y: np.ndarray | None,
    *,
    kind: str = "proved",
    run: Run,
    tolerance: float = 1e-7,
    factorisation: Factorisation | None = None,
) -> Bound:
    """Bound every cut of a graph from above.

    Parameters
    ----------
    graph : CutGraph
    y : (n,) float64 array or None
        Any dual vector; the one of the relaxation makes the bound tight. None leaves
        only the bound by cycles.
    kind : {"proved", "estimate"}, default "proved"
        "proved" factors the matrix if that is affordable and otherwise packs cycles;
        "estimate" is Lanczos with its residual subtracted: cheap, but no proof.
    run : Run
        Charged with the work; a factorisation starts only if the run can afford it, and
        is given up without a trace where the clock ends the run inside.
    tolerance : float, default 1e-7
        The relative accuracy to which lambda_min is worth knowing.
    factorisation : Factorisation, optional
        The symbolic analysis of this graph, when several bounds share it.

    Returns
    -------
    Bound

    Notes
    -----
    Rump, "Verification of positive definiteness", BIT 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut import CutGraph
    >>> from derandcut.run import Run
    >>> triangle = CutGraph.from_edges([0, 1, 2], [1, 2, 0])
    >>> bound = upper_bound(triangle, np.full(3, 0.75), run=Run(triangle))
    >>> bound.value, round(bound.unfloored, 6), bound.kind
    (2.0, 2.25, 'proved')
    """
    if graph.m == 0 or not graph.weights.any():
        y = np.zeros(graph.n)
        return Bound(0.0, 0.0, "proved", "exact", y, proof=Positive())
    if kind == "estimate" and y is not None:
        return _lanczos(graph, np.asarray(y, np.float64), run)
    best = positive_weight(graph)
    if y is not None and np.isfinite(y).all():
        if factorisation is None:
            factorisation = analyse(graph, run)
        units = 2 * factorisation.units
        if factorisation.possible and run.affordable(units):
            trial = Trial(run)
            proved = _factored(
                graph, np.asarray(y, np.float64), trial, tolerance, factorisation
            )
            if proved is not None:
                run.charge(max(units, trial.work))
                return proved if proved.unfloored <= best.unfloored else best
    if graph.m > LARGE and run.exhausted():
        return best
    return cycles(graph, run)


def analyse(graph: CutGraph, run: Run, n_threads: int = 1) -> Factorisation:
    """Order the graph and predict the cost of factoring it, within what is left."""
    left = run.work_left
    limit = FLOPS if left is None else min(FLOPS, left * float(FLOPS_PER_UNIT))
    factorisation = Factorisation(graph, limit, n_threads)
    run.charge(factorisation.steps)
    return factorisation


def positive_weight(graph: CutGraph) -> Bound:
    """W+, the sum of the positive weights: the bound that needs no work."""
    return _finish(graph, graph.positive_weight, "positive weight", np.empty(0))


def cycles(graph: CutGraph, run: Run) -> Bound:
    """W+ less a weighted packing of edge-disjoint frustrated cycles.

    A cut cannot cut all positive and no negative edges of a cycle with an odd number of
    positive edges: it loses at least the smallest weight on it.
    """
    packer = _Packer(graph)
    packed = 0.0
    for gain, visited in packer.slices():
        packed += gain
        run.charge(visited)
        if run.exhausted():
            break
    if not graph.integer:
        # A residual rounds once for each of the cycles through it, a sum once a cycle.
        packed *= 1 - 8 * (packer.count + 8) * UNIT
    value = graph.positive_weight - packed
    if packed > 0:
        return _finish(graph, value, "cycles", np.empty(0), proof=Packing())
    return _finish(graph, value, "positive weight", np.empty(0))


def packed_cycles(graph: CutGraph, depth: int | None = None) -> Inequalities:
    """The cycles of the bound by `cycles`, or longer ones, to be stated."""
    room = 1 << 16  # pairs written out a slice, many cycles
    depth = min(depth or DEPTH, room // 8)
    packer = _Packer(graph, room=room, depth=depth)
    pairs, sizes, taken = [], [np.zeros(1, np.int64)], []
    for _ in packer.slices():
        ends = packer.ends[: packer.listed]
        pairs.append(packer.pairs[: ends[-1] if len(ends) else 0].copy())
        sizes.append(np.diff(ends, prepend=0))
        taken.append(packer.taken[: packer.listed].copy())
    pairs = np.concatenate([np.empty((0, 3), np.int32), *pairs])
    return Inequalities(
        starts=np.cumsum(np.concatenate(sizes)),
        u=pairs[:, 0],
        v=pairs[:, 1],
        odd=pairs[:, 2] > 0,
        multiplier=np.concatenate([np.empty(0), *taken]),
    )


class _Packer:
    """The state of `_bound.pack_cycles`; cycles are written out if there is room."""

    def __init__(self, graph: CutGraph, room: int = 0, depth: int = DEPTH) -> None:
        n, nnz = graph.n, len(graph.indices)
        places = sp.csr_array((np.arange(nnz), graph.indices, graph.indptr), (n, n))
        self.graph, self.depth, self.work = graph, depth, CYCLE_WORK * nnz
        self.twin = places.T.tocsr().data
        self.residual, self.indices = graph.weights.copy(), graph.indices.copy()
        self.stop = graph.indptr[1:].copy()
        self.state = np.zeros(4, np.int64)
        self.pairs = np.empty((room, 3), np.int32)
        self.ends, self.taken = np.empty(room, np.int64), np.empty(room)

    @property
    def count(self) -> int:
        """Cycles so far."""
        return int(self.state[2])

    @property
    def listed(self) -> int:
        """Cycles written out in the last slice."""
        return int(self.state[3])

    def slices(self) -> Iterator[tuple[float, int]]:
        """Heavy edges first, then light ones; triangles first, then longer cycles.

        Yields the weight packed and the edges visited, slice by slice.
        """
        n = self.graph.n
        entry, queue = np.empty(n, np.int64), np.empty(n, np.int32)
        node = np.zeros((n, 4), np.int32)
        for level, depth in product(_levels(self.graph), (1, self.depth)):
            self.state[0] = 0
            while self.state[0] < n and self.work > 0:
                gain, visited = _bound.pack_cycles(
                    self.graph.indptr, self.stop, self.indices, self.twin,
                    self.residual, entry, node, queue, self.state, depth, level, SLICE,
                    self.pairs, self.ends, self.taken,
                )  # fmt: skip
                self.work -= visited
                yield gain, visited


def _levels(graph: CutGraph) -> list[float]:
    """Residuals that the packing goes through, heavy edges first.

    A light edge takes its own weight from every edge of its cycle, and what it leaves
    makes the next cycles light: on a graph of weights 2 with a few of 1 among them,
    that halved the packing.
    """
    size = np.abs(graph.weights)
    if not size.any():
        return []
    least = float(size[size > 0].min())
    levels = [float(np.median(size))]
    while levels[-1] > least and len(levels) < LEVELS:
        levels.append(levels[-1] / 4)
    if levels[-1] > least:
        levels.append(0.0)
    return levels


def _factored(
    graph: CutGraph, y: np.ndarray, run: Trial, tolerance: float, chol: Factorisation
) -> Bound | None:
    """Smallest uniform shift of Diag(y) - L/4 that a factorisation proves.

    None if the run ended before there was one.
    """
    n = graph.n
    s = (y - graph.weighted_degrees / 4) * chol.scale
    half = chol.scale * _sum(graph, graph.weights) / 4
    size = max(abs(half + s.sum()), 1e-3 * chol.scale * graph.absolute_weight)

    def passes(shift: float) -> bool:
        run.charge(chol.units)
        return chol.factor(s + shift, run)

    # From above: widen until it passes, then aim by shift-invert Lanczos.
    step = 0.5 * tolerance * size / n
    shift = step
    while not passes(shift):
        if run.exhausted():
            return None
        shift *= 32
    vector, inverse = _largest_of_inverse(chol, run)
    lowest = 1 / inverse - shift
    failed = -math.inf
    for slack in (1e-5, 1e-3, 0.1):
        if not run.affordable(chol.units):
            break
        target = -lowest + slack * abs(lowest) + 0.2 * step
        if shift - target < 0.9 * step or target <= failed:
            break
        if passes(target):
            shift = target
            break
        failed = target
    if run.exhausted():
        return None
    shifted = s + shift
    raw = math.fsum(shifted) + n * chol.margin(shifted)
    # sum s' is exactly rounded; half is within one rounding of a sum.
    slack = 8 * UNIT * (abs(raw) + abs(half))
    value = (half + raw + slack) / chol.scale
    dual = shifted / chol.scale + graph.weighted_degrees / 4
    return _finish(graph, value, "factorisation", dual, lowest / chol.scale, vector)


def _largest_of_inverse(chol: Factorisation, run: Trial) -> tuple[np.ndarray, float]:
    """Lanczos on the inverse: a unit vector and its largest eigenvalue from below."""
    n = chol.graph.n
    steps = min(n, LANCZOS_INVERSE if n <= 200_000 else LANCZOS_INVERSE // 2)
    run.charge(steps * (chol.panel_size // 4))
    inverse = LinearOperator((n, n), matvec=chol.solve, dtype=np.float64)
    value, vector, _ = largest_eigenvalue(inverse, steps, accuracy=1e-6)
    return vector / np.linalg.norm(vector), value


def _lanczos(graph: CutGraph, y: np.ndarray, run: Run) -> Bound:
    """bound(y) with lambda_min taken from Lanczos, less its residual: an estimate."""
    n = graph.n
    scale = _scale(graph)
    s = (y - graph.weighted_degrees / 4) * scale
    W = graph.adjacency * (scale / 4)
    half = scale * graph.total_weight / 2
    size = max(abs(half + s.sum()), 1e-3 * scale * graph.absolute_weight)
    alpha: list[float] = []
    beta: list[float] = []
    q = np.random.default_rng(0).standard_normal(n)
    q /= np.linalg.norm(q)
    old = np.zeros(n)
    lowest = math.inf
    for k in range(LANCZOS):
        r = s * q + W @ q
        run.charge(2 * graph.m + n)
        alpha.append(float(q @ r))
        r -= alpha[-1] * q + (beta[-1] * old if beta else 0.0)
        beta.append(float(np.linalg.norm(r)))
        if beta[-1] <= 1e-14 * size or k == LANCZOS - 1 or k % 25 == 24:
            theta, z = eigh_tridiagonal(
                np.array(alpha), np.array(beta[:-1]), select="i", select_range=(0, 0)
            )
            residual = beta[-1] * abs(float(z[-1, 0]))
            lowest = float(theta[0]) - residual
            if n * residual <= 1e-6 * size or beta[-1] <= 1e-14 * size:
                break
            if run.exhausted():
                break
        old, q = q, r / beta[-1]
    value = (half + s.sum() - n * lowest) / scale
    return Bound(
        value, value, "estimate", "lanczos", y - lowest / scale, lowest / scale
    )


def floor_to_values(graph: CutGraph, value: float) -> float:
    """Round a bound on integer cuts down to the largest value a cut can have.

    They are multiples of `CutGraph.modulus`. Real weights: the value itself.

    Parameters
    ----------
    graph : CutGraph
    value : float

    Returns
    -------
    float

    Examples
    --------
    >>> from derandcut import CutGraph
    >>> floor_to_values(CutGraph.from_edges([0, 1, 2], [1, 2, 0], [3, 3, 3]), 7.5)
    6.0
    """
    if not graph.integer or not math.isfinite(value):
        return value
    step = graph.modulus
    return float(math.floor(value) // step * step) if step else 0.0


def _finish(
    graph: CutGraph,
    value: float,
    method: str,
    y: np.ndarray,
    lowest: float | None = None,
    vector: np.ndarray | None = None,
    proof: Proof | None = None,
) -> Bound:
    if value > 0 and not graph.integer:
        value = math.nextafter(value, math.inf)
    value = max(value, 0.0) + graph.rounding  # 0: the empty cut
    if proof is None:
        proof = Psd(y) if len(y) else Positive()
    return Bound(
        floor_to_values(graph, value), value, "proved", method, y, lowest, vector, proof
    )


def _sum(graph: CutGraph, values: np.ndarray) -> float:
    """Sum, exactly rounded."""
    if graph.integer:  # both directions of an edge: even, at most 2^54
        return float(values.astype(np.int64).sum())
    return exact_sum(values)


def _scale(graph: CutGraph) -> float:
    """The power of two that brings the largest weight into [1/2, 1)."""
    return 2.0 ** min(1023, -math.frexp(float(np.abs(graph.weights).max()))[1])
