"""Bounds tighter than the relaxation: odd-set inequalities by dual ascent.

Let D be a cycle and F an odd part of it. Every cut meets D in an even number of pairs,
so with c_e = 1 on the pairs it cuts and 0 elsewhere

    (3.2)  sum of c over F - sum of c over D - F <= |F| - 1.

Multipliers lambda >= 0 on such inequalities, a_t . c <= b_t, only shift weights:

    (3.3)  OPT(w) <= sum_t lambda_t b_t + SDP(w - sum_t lambda_t a_t),

whatever lambda is; the right side is proved like the plain bound, by a factorisation.
It is convex in lambda with the gradient b - a . c(V), c_uv = (1 - V_u . V_v) / 2 at the
relaxation's V, so

    (3.4)  lambda_t <- max(0, lambda_t + step_t (a_t . c(V) - b_t)),

one coordinate sweep of V after each such step, descends on it (Uzawa's method, the
sweeps warm). Violated inequalities come from shortest odd walks (Barahona and Mahjoub
1986) and, among triangles, from paths of two pairs; a triangle may need a chord, a pair
that is no edge of the graph: weight 0 to begin with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from derandcut._core import load_kernel
from derandcut.cut.bound import (
    FLOPS,
    FLOPS_PER_UNIT,
    UNIT,
    Bound,
    Factorisation,
    floor_to_values,
    upper_bound,
)
from derandcut.cut.proof import Inequalities, Psd
from derandcut.cut.sdp import QUICK_RANK, Relaxation, Sweeper
from derandcut.graph import CutGraph
from derandcut.run import Run, Scratch, Trial

__all__ = ["GRAIN", "Tightening", "entries", "keys", "select", "violated_cycles"]

_cycles = load_kernel("derandcut.cut._cycles")
_sdp = load_kernel("derandcut.cut._sdp")

EPOCH, SETTLE = 40, 16  # steps (3.4) between two looks at the bound; sweeps before one
PACE, MOST_PACE = 0.2, 0.3  # of the largest step that is safe edge by edge
TOLERANCE, LEAST_TOLERANCE = 0.04, 1e-3  # violation at which an inequality is added
COVER = 2  # cycles of one round through a root
IDLE = 3  # separations that an inequality without a multiplier survives
FEW = 0.02  # new ones, of those there are: time to look for others
FRESH = 0.5  # new triangles a round, as a share of the edges
PROOF_SHARE, MOST_SWEEPS = 2, 100  # work between proofs, in proofs; sweeps of one
GRAIN = 2.0**-30  # multipliers are proved as multiples of it (largest weight 1/2..1)
RANK, MAX_RANK = 0.4, 96  # columns of V, of the square root that would be enough
BINS = 256  # of a histogram of violations
CHORD_PROOF = 1  # the work so far, in proofs, at which chords are allowed
MOST_WAIT = 64  # separations' worth of steps between two of them, once they find little
SLICE, SCAN = 1 << 21, 1 << 22  # visits of a kernel call, of cycles and triangles


class Tightening:
    """Odd-set inequalities over the low-rank relaxation: a state that can be resumed.

    Parameters
    ----------
    graph : CutGraph
    V : (n, rank) float64 array
        Unit rows that (nearly) solve the relaxation.
    factorisation : Factorisation
        Of this graph.

    Attributes
    ----------
    estimate : float
        The Lagrangian at the present multipliers, about what could be proved now.
    spent : int
        Work done.
    stalled : bool
        True once neither steps nor separation make progress.
    """

    def __init__(
        self, graph: CutGraph, V: np.ndarray, factorisation: Factorisation
    ) -> None:
        self.graph, self.n_threads = graph, factorisation.n_threads
        self.V = np.ascontiguousarray(V)
        self.scale = factorisation.scale
        self.factorisation: Factorisation | None = factorisation
        self.starts = np.zeros(1, np.int64)
        self.pair = np.empty(0, np.int32)
        self.sign = np.empty(0)
        self.multiplier = np.empty(0)
        self.idle = np.empty(0, np.int32)
        self.keys = np.empty(0, np.uint64)
        self._lay_out(graph)
        self.base = self.weight.copy()
        self.edge_u, self.edge_v = self.u, self.v
        self.pace = PACE
        self.chords = 0  # new pairs that a triangle may need
        self.tolerance = TOLERANCE
        self.stalled = False
        self.estimate = math.inf
        self._safe: tuple[np.ndarray, np.ndarray] | None = None
        self._separated = self._proved = self._separation_cost = 0  # work
        self._proved_at = math.inf
        self._wait = 1
        self._last_estimate = math.inf
        self.spent = 0

    # ------------------------------------------------------------------ the loop

    def advance(self, run: Run, units: int, offer: Callable[[Bound], object]) -> None:
        """Spend about `units` of work; `offer` sees every bound that is proved."""
        before = run.work - self.spent
        stop = run.work + units
        while run.work < stop and not (run.exhausted() or self.stalled):
            pause = self._wait * self._separation_cost
            if self.spent - self._separated >= pause or len(self.multiplier) == 0:
                self._separate(run)
                if run.exhausted():
                    break
                self._separated = self.spent = run.work - before
            self._descend(run)
            if run.exhausted():
                break
            self.spent = run.work - before
            if self.spent - self._proved >= PROOF_SHARE * self.proof_units(run):
                self.conclude(run, offer)
                self._proved = self.spent = run.work - before

    def proof_units(self, run: Run) -> int:
        """About the work of a proof."""
        sweeps = MOST_SWEEPS * len(self.entries) * self._breadth
        return 4 * self._analysed(run).units + sweeps

    def conclude(self, run: Run, offer: Callable[[Bound], object]) -> None:
        """Prove the present state if it promises more than what has been proved."""
        promising = self.estimate < self._proved_at - 1e-7 * abs(self.estimate)
        units = self.proof_units(run)
        if promising and run.affordable(units):
            trial = Trial(run)
            bound = self.prove(trial)
            if bound is not None:
                run.charge(max(units, trial.work))
                offer(bound)

    # ------------------------------------------------------------- ascent (3.4)

    def _descend(self, run: Run) -> None:
        """One epoch of steps; undone, with a smaller pace, if the bound rose."""
        pattern, rows = self.pattern, len(self.multiplier)
        if rows == 0:
            return
        step, rhs = self.pace * self._safe_steps(), self.rhs
        c, point = np.empty(pattern.m), self.multiplier.copy()
        cost = 3 * pattern.m * self._breadth + len(self.pair)
        for _ in range(EPOCH):
            self._sweep(1.0, 1)
            _cycles.update(
                self.u, self.v, self.V, self.starts, self.pair, self.sign, rhs,
                step, 0.0, self.multiplier, point, c, self.weight, self.places,
                self.entries,
            )  # fmt: skip
            run.charge(cost)
            if run.exhausted():
                return
        self._reweigh()
        # Sweeps to the end would make V jump between solutions: they see a copy.
        V, self.V = self.V, self.V.copy()
        self._sweep(1.6, SETTLE)
        run.charge(SETTLE * 2 * pattern.m * self._breadth)
        value = self._lagrangian()
        self.V = V
        rise = (value - self.estimate) / max(abs(self.estimate), 1e-300)
        if rise > 1e-3:
            self.V, self.multiplier = self._safe[0].copy(), self._safe[1].copy()
            self._reweigh()
            self.pace *= 0.5
            return
        self.pace = min(MOST_PACE, self.pace * (0.9 if rise > 1e-5 else 1.02))
        self.estimate = value
        self._safe = self.V.copy(), self.multiplier.copy()

    @property
    def _breadth(self) -> int:
        """Units of a row of V: a pass of the first relaxation visits 16 columns."""
        return max(1, self.V.shape[1] // QUICK_RANK)

    def _sweep(self, omega: float, passes: int) -> None:
        self.sweeper.sweep(self.entries, self.V, omega, passes)

    def _safe_steps(self) -> np.ndarray:
        """1 / (what a multiplier moves of its own inequality), edge by edge.

        Weight taken from a pair uv pushes V_u and V_v together against the stiffness
        |g_u|, |g_v|; inequalities that share a pair add up.
        """
        out = np.empty(self.pattern.n)
        _sdp.products(
            self.pattern.indptr, self.pattern.indices, self.entries, self.V, out
        )
        size = np.maximum(-out, 0.05 * np.abs(out).mean() + 1e-12)
        c = self._cut_values()
        give = 2 * np.maximum(c * (1 - c), 0.02) * (1 / size[self.u] + 1 / size[self.v])
        active = np.repeat(self.multiplier > 0, np.diff(self.starts))
        give *= 1 + np.bincount(self.pair[active], minlength=len(give))
        return 1 / np.add.reduceat(give[self.pair], self.starts[:-1])

    def _cut_values(self) -> np.ndarray:
        c = np.empty(self.pattern.m)
        _cycles.cut_values(self.u, self.v, self.V, c)
        return c

    def _lagrangian(self) -> float:
        """sum lambda b + sum w' c: what (3.3) comes to if V solves its relaxation."""
        c = self._cut_values()
        return float(self.multiplier @ self.rhs + self.weight @ c) / self.scale

    # ------------------------------------------------------------------- layout

    def _lay_out(self, pattern: CutGraph) -> None:
        """Index the pairs of a pattern and the two entries of each."""
        self.pattern = pattern
        self.sweeper = Sweeper(pattern, self.n_threads)
        self.u, self.v, self.places, self.pair_of = entries(pattern)
        first = self.places[:, 0]
        self.weight = pattern.weights[first] * self.scale
        self.entries = pattern.weights * self.scale

    def _reweigh(self) -> None:
        """Recompute w - sum lambda a, which steps update with ever new rounding."""
        terms = self.sign * np.repeat(self.multiplier, np.diff(self.starts))
        moved = np.bincount(self.pair, weights=terms, minlength=len(self.base))
        self.weight = self.base - moved
        self.entries = self.weight[self.pair_of]

    def _drop_chords(self) -> None:
        """Take the chords out that no inequality uses, once they are many."""
        used = np.zeros(self.pattern.m, bool)
        used[self.pair] = True
        used[self._find(self.edge_u, self.edge_v)] = True
        if np.count_nonzero(used) > 0.8 * self.pattern.m:
            return
        moved = np.cumsum(used) - 1
        n = self.graph.n
        pattern = CutGraph.from_edges(self.u[used], self.v[used], n=n)
        self._lay_out(pattern)
        self.base = self.base[used]
        self.pair = moved[self.pair].astype(np.int32)
        self.factorisation = None

    def _widen(self, u: np.ndarray, v: np.ndarray) -> None:
        """Add chords to the pattern; pairs and inequalities keep their meaning."""
        n, old_u, old_v, base = self.graph.n, self.u, self.v, self.base
        pattern = CutGraph.from_edges(
            np.concatenate([old_u, u]), np.concatenate([old_v, v]), n=n
        )
        self._lay_out(pattern)
        moved = self._find(old_u, old_v)
        self.base = np.zeros(pattern.m)
        self.base[moved] = base
        self.pair = moved[self.pair].astype(np.int32)
        self.factorisation = None

    def _find(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the pair that joins u and v, len(self.u) or another pair if none."""
        n = self.graph.n
        keys = self.u * np.int64(n) + self.v
        return np.searchsorted(keys, np.minimum(u, v) * np.int64(n) + np.maximum(u, v))

    def _append(self, starts: np.ndarray, pair: np.ndarray, odd: np.ndarray) -> int:
        """Add the inequalities that are not there yet; return how many."""
        if len(starts) < 2:
            return 0
        ends = self.u[pair] * np.int64(self.graph.n) + self.v[pair]
        found = keys(starts, ends, odd)
        _, fresh = np.unique(found, return_index=True)
        fresh = np.sort(fresh)[~np.isin(found[np.sort(fresh)], self.keys)]
        if len(fresh) == 0:
            return 0
        starts, (pair, odd) = select(starts, fresh, pair, odd)
        self.starts = np.concatenate([self.starts, self.starts[-1] + starts[1:]])
        self.pair = np.concatenate([self.pair, pair.astype(np.int32)])
        self.sign = np.concatenate([self.sign, np.where(odd, 1.0, -1.0)])
        self.keys = np.concatenate([self.keys, found[fresh]])
        grown = len(self.keys)
        self.multiplier = np.concatenate(
            [self.multiplier, np.zeros(grown - len(self.multiplier))]
        )
        self.idle = np.concatenate(
            [self.idle, np.zeros(grown - len(self.idle), np.int32)]
        )
        return len(fresh)

    @property
    def rhs(self) -> np.ndarray:
        """b_t = |F_t| - 1."""
        rows = np.repeat(np.arange(len(self.keys)), np.diff(self.starts))
        odd = (self.sign > 0).astype(np.float64)
        return np.bincount(rows, weights=odd, minlength=len(self.keys)) - 1

    # --------------------------------------------------------------- separation

    def _separate(self, run: Run) -> None:
        """Drop what has been idle, add what is violated."""
        begin = run.work
        self._drop_idle()
        self._drop_chords()
        c = self._cut_values()
        added = self._append(*self._violated_triangles(run, c, 0))
        added += self._append(
            *violated_cycles(self.pattern, self.pair_of, c, self.tolerance, COVER, run)
        )
        for chords in range(1, self.chords + 1):
            added += self._append(*self._violated_triangles(run, c, chords))
            c = self._cut_values()  # the pattern has changed
        if run.exhausted():
            return
        if added <= FEW * len(self.multiplier):
            self._look_further(run)
        else:
            self._wait = 1
        if len(self.multiplier) == 0:
            self.stalled = self.tolerance <= LEAST_TOLERANCE
            return
        self._reweigh()
        self._widen_rank()
        self._safe = self.V.copy(), self.multiplier.copy()
        self._separation_cost = run.work - begin

    def _look_further(self, run: Run) -> None:
        """Allow chords, smaller violations, two chords, longer pauses; then stop."""
        if self.chords == 0 and self._chords_affordable(run):
            self.chords = 1
        elif self.tolerance > LEAST_TOLERANCE:
            self.tolerance = max(LEAST_TOLERANCE, self.tolerance / 2)
        elif self.chords == 1:
            self.chords, self.tolerance = 2, TOLERANCE
        elif self._wait < MOST_WAIT:
            self._wait *= 2
        gain = self._last_estimate - self.estimate
        self.stalled = self._wait >= MOST_WAIT and gain <= 1e-7 * abs(self.estimate)
        self._last_estimate = self.estimate

    def _widen_rank(self) -> None:
        """Give V columns for the constraints that bind.

        An extreme solution of the relaxation under k constraints has a rank r with
        r (r + 1) / 2 <= k (Pataki 1998); the sweeps get by with a part of that.
        """
        binding = self.graph.n + np.count_nonzero(self.multiplier)
        rank = min(MAX_RANK, int(RANK * math.sqrt(2 * binding)) // 8 * 8)
        if rank > self.V.shape[1]:
            wider = Relaxation(self.pattern, V=self.V)
            wider.widen(rank)
            self.V = wider.V

    def _drop_idle(self) -> None:
        self.idle = np.where(self.multiplier > 0, 0, self.idle + 1).astype(np.int32)
        keep = np.flatnonzero(self.idle <= IDLE)
        if len(keep) == len(self.idle):
            return
        self.starts, (self.pair, self.sign) = select(
            self.starts, keep, self.pair, self.sign
        )
        self.multiplier, self.idle = self.multiplier[keep], self.idle[keep]
        self.keys = self.keys[keep]

    def _chords_affordable(self, run: Run) -> bool:
        """True once a proof, filled by chords, takes no more than the work so far."""
        flops = self.graph.n**3 / 6
        proof = 3 * flops / FLOPS_PER_UNIT
        return flops <= FLOPS and CHORD_PROOF * proof <= run.work

    def _violated_triangles(
        self, run: Run, c: np.ndarray, chords: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The worst triangles that need at most `chords` new pairs (two: just two)."""
        most = max(1000, int(FRESH * self.graph.m))
        found, histogram = self._scan(run, c, chords, self.tolerance, most)
        if len(found) < histogram.sum() and not run.exhausted():
            above = np.cumsum(histogram[::-1])[::-1]
            level = int(np.argmax(above <= most)) / (4 * BINS)
            found, _ = self._scan(run, c, chords, level, most)
        if run.exhausted():
            found = found[:0]
        i, j, k, kind = found.T
        u = np.concatenate([np.minimum(i, j), np.minimum(i, k), np.minimum(k, j)])
        v = np.concatenate([np.maximum(i, j), np.maximum(i, k), np.maximum(k, j)])
        at = np.minimum(self._find(u, v), len(self.u) - 1)
        new = (self.u[at] != u) | (self.v[at] != v)
        if new.any():
            self._widen(u[new], v[new])
        pair = self._find(u, v).reshape(3, -1).T
        odd = (kind == 0)[:, None] | (kind[:, None] == np.array([1, 2, 3]))
        return 3 * np.arange(len(found) + 1), pair.ravel(), odd.ravel()

    def _scan(
        self, run: Run, c: np.ndarray, chords: int, tolerance: float, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        pattern, n = self.pattern, self.graph.n
        histogram = np.zeros(BINS, np.int64)
        found = np.empty((most, 4), np.int32)
        value, seen = np.empty((2, n)), np.zeros((2, n), np.int32)
        # What rows visit: paths of two pairs, or any vertex with each pair.
        if chords == 2:
            visits = n * pattern.indptr
        else:
            paths = np.append(0, np.cumsum(pattern.degrees[pattern.indices]))
            visits = paths[pattern.indptr]
        visits = visits + np.arange(n + 1)
        count = first = 0
        while first < n:
            last = int(np.searchsorted(visits, visits[first] + SCAN, "right")) - 1
            last = max(first + 1, last)
            part = histogram, found, first, last, count
            if chords == 2:
                count, visited = _cycles.wide_triangles(
                    pattern.indptr, pattern.indices, self.V, tolerance, value, seen,
                    *part,
                )  # fmt: skip
            else:
                count, visited = _cycles.triangles(
                    pattern.indptr, pattern.indices, self.pair_of, c, self.V,
                    chords > 0, tolerance, value[0], seen, *part,
                )  # fmt: skip
            run.charge(visited * (self._breadth if chords else 1))
            if run.exhausted():
                break
            first = last
        return found[: min(count, most)], histogram

    # ------------------------------------------------------------------ proving

    def _analysed(self, run: Run | Scratch) -> Factorisation:
        """The factorisation of the pattern, ordered once."""
        if self.factorisation is None:
            self.factorisation = Factorisation(self.pattern, n_threads=self.n_threads)
            run.charge(self.factorisation.steps)
        return self.factorisation

    def prove(self, run: Run | Scratch) -> Bound | None:
        """Prove (3.3) at the present multipliers, after more sweeps at them.

        None, and nothing has changed, if the run ended before.
        """
        # Multiples of a power of two, few bits each: their sums are exact.
        lengths = np.diff(self.starts)
        total = np.bincount(
            self.pair, weights=np.repeat(self.multiplier, lengths), minlength=1
        )
        grain = max(GRAIN, 2.0 ** (math.frexp(float(total.max()))[1] - 51))
        lam = np.rint(self.multiplier / grain) * grain / self.scale
        moved = np.bincount(
            self.pair, weights=self.sign * np.repeat(lam, lengths),
            minlength=len(self.base),
        )  # fmt: skip
        base = self.base / self.scale
        weight = base - moved
        part = base - weight  # two-sum: the exact error of each difference
        error = (base - (weight + part)) + (part - moved)
        shifted = self.pattern.reweighted(weight)
        relaxation = Relaxation(shifted, V=self.V, n_threads=self.n_threads)
        factorisation = self._analysed(run)
        factorisation.load(shifted)
        reached = relaxation.advance(run, tolerance=2e-5, max_sweeps=MOST_SWEEPS)
        inner = upper_bound(
            shifted, relaxation.dual(), run=run, tolerance=1e-6,
            factorisation=factorisation,
        )  # fmt: skip
        if run.exhausted():
            return None
        total = math.fsum(np.concatenate([lam * self.rhs, np.abs(error)]))
        total *= 1 + 4 * UNIT  # the products may round
        value = math.nextafter(total + inner.unfloored, math.inf)
        self.estimate = total + relaxation.value
        lag = inner.unfloored - relaxation.value
        if reached and inner.vector is not None and lag > 3e-5 * abs(value):
            wider = Relaxation(shifted, V=self.V)
            wider.widen(wider.rank + 8, inner.vector)
            self.V = wider.V
            self._safe = self.V.copy(), self.multiplier.copy()
        self._proved_at = self.estimate
        proof = Inequalities(
            self.starts, self.u[self.pair], self.v[self.pair], self.sign > 0,
            lam, inner.proof if isinstance(inner.proof, Psd) else None,
        )  # fmt: skip
        return replace(
            inner,
            value=floor_to_values(self.graph, value),
            unfloored=value,
            method="odd cycles",
            proof=proof,
        )


def entries(
    pattern: CutGraph,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Number the pairs of a pattern like its edges.

    Returns
    -------
    u, v : (m,) int32 arrays
    places : (m, 2) int64 array
        The two entries of each pair in the symmetric arrays.
    pair_of : (2 m,) int32 array
        The pair of each entry.
    """
    rows = np.repeat(np.arange(pattern.n), pattern.degrees)
    above = rows < pattern.indices
    first, below = np.flatnonzero(above), np.flatnonzero(~above)
    second = below[np.lexsort((rows[below], pattern.indices[below]))]
    pair_of = np.empty(len(rows), np.int32)
    pair_of[first] = pair_of[second] = np.arange(pattern.m)
    places = np.ascontiguousarray(np.stack([first, second], axis=1))
    return rows[first].astype(np.int32), pattern.indices[first], places, pair_of


def violated_cycles(
    pattern: CutGraph,
    pair_of: np.ndarray,
    c: np.ndarray,
    tolerance: float,
    cover: int,
    run: Run | Scratch,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Short odd cycles (3.2) through every vertex, from `_cycles.odd_cycles`.

    Returns
    -------
    starts, pair, odd
        Inequality i is about the pairs pair[starts[i]:starts[i + 1]], F where odd.
    """
    n = pattern.n
    starts = np.zeros(n + 1, np.int64)
    room = 40 * n + 64
    pair, odd = np.empty(room, np.int32), np.empty(room, np.int8)
    length = np.empty(2 * n)
    node = np.zeros((6, 2 * n), np.int32)
    vertex = np.zeros((2, n), np.int32)
    vertex[1] = -1
    state = np.zeros(3, np.int64)
    while state[0] < n and not run.exhausted():
        before = int(state[0])
        visited = _cycles.odd_cycles(
            pattern.indptr, pattern.indices, pair_of, c, 1 - tolerance, cover,
            length, node, vertex, state, starts, pair, odd, SLICE,
        )  # fmt: skip
        run.charge(visited)
        if state[0] == before:
            break  # no room left
    starts = starts[: state[1] + 1]
    return starts, pair[: starts[-1]], odd[: starts[-1]] != 0


def keys(starts: np.ndarray, pair: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """Hash each inequality, whatever the order of its terms.

    Equal inequalities have equal keys; a collision only loses an inequality.
    """
    x = (2 * pair.astype(np.int64) + odd).astype(np.uint64)
    x += np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return np.add.reduceat(x ^ (x >> np.uint64(31)), starts[:-1])


def select(
    starts: np.ndarray, keep: np.ndarray, *terms: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The inequalities `keep` (ascending) and their terms."""
    lengths = np.diff(starts)
    chosen = np.zeros(len(lengths), bool)
    chosen[keep] = True
    mask = np.repeat(chosen, lengths)
    return np.r_[0, np.cumsum(lengths[chosen])], [x[mask] for x in terms]
