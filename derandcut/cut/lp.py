"""The linear relaxation with odd-cycle inequalities, for sparse graphs.

With x_e = 1 on the edges a cut separates, every cut satisfies (3.2) on every cycle D
and every odd part F of it. Without the others,

    (8.5)  max w . x  subject to  x(F) - x(D - F) <= |F| - 1,  0 <= x <= 1

is exact on graphs that K5 cannot be contracted from, planar ones among them (Barahona
and Mahjoub 1986), and tight where short cycles abound and vertices have few neighbours.
It is solved by cutting planes: the dual simplex method of HiGHS, warm from round to
round, and shortest odd walks for the cycles. The vertices of the faces that a simplex
method visits are poor points to cut off: cycles are sought where the way from a point
inside leaves the polytope (Ben-Ameur and Neto 2007), which takes a third of the rounds.

Multipliers y >= 0 of the cycles, however they were come by, prove

    (8.6)  OPT <= sum_t y_t (|F_t| - 1) + sum_e max(0, w_e - sum_t y_t a_te).

Whether two vertices are on the same side fixes edges: a node of branch and bound is
(8.5) with other bounds on x, and all nodes share the cycles found anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from derandcut.cut.bound import UNIT
from derandcut.cut.cycles import GRAIN, entries, keys, select, violated_cycles
from derandcut.cut.proof import Inequalities
from derandcut.cut.rounding import one_flip_descent
from derandcut.graph import CutGraph
from derandcut.run import Scratch

if TYPE_CHECKING:
    from derandcut.cut.branch import BranchAndBound, Place

__all__ = ["CycleProgram", "Cycles", "LinearNodes"]

VIOLATION = 1e-3  # least one that is worth a row
INSIDE = 1e-6  # violation at the point on the way
WANTED = 0.03  # cycles a vertex and round, if there are so many
COVER = 4  # cycles of one round through a root
INWARDS = 0.5  # of the way from the inner point to x: where cycles are sought first
IDLE = 3  # rounds with progress that a row without a multiplier survives
CHURN = 0.03  # rows are dropped once they are so many
PROGRESS = 1e-6  # a round with less, relative to the bound, is none
TOLERANCE = 1e-9  # of HiGHS
UNITS = 4  # work of an iteration of the simplex method, a row or column
SLICE = 1 << 23  # units of one call of it


class Cycles:
    """Inequalities (3.2), each once, numbered in the order of their arrival.

    Parameters
    ----------
    m : int
        Edges of the graph.

    Attributes
    ----------
    starts, pair, odd
        Inequality i is about the edges pair[starts[i]:starts[i + 1]], F where odd.
    """

    def __init__(self, m: int) -> None:
        self.m = m
        self.starts = np.zeros(1, np.int64)
        self.pair = np.empty(0, np.int32)
        self.odd = np.empty(0, bool)
        self._number: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.starts) - 1

    def add(self, starts: np.ndarray, pair: np.ndarray, odd: np.ndarray) -> np.ndarray:
        """Number the inequalities, those that were there already too."""
        if len(starts) < 2:
            return np.empty(0, np.int32)
        number, known = self._number, len(self)
        found = keys(starts, pair, odd).tolist()
        fresh = []
        for i, key in enumerate(found):
            if key not in number:
                number[key] = known + len(fresh)
                fresh.append(i)
        begun, (pair, odd) = select(starts, np.array(fresh, np.int64), pair, odd)
        self.starts = np.concatenate([self.starts, self.starts[-1] + begun[1:]])
        self.pair = np.concatenate([self.pair, pair.astype(np.int32)])
        self.odd = np.concatenate([self.odd, odd])
        ids = np.fromiter(map(number.__getitem__, found), np.int32, len(found))
        return np.unique(ids)

    def terms(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(starts, pair, odd) of some of them, in the order asked for."""
        first = self.starts[ids]
        lengths = self.starts[ids + 1] - first
        starts = np.r_[0, np.cumsum(lengths)]
        at = np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])
        return starts, self.pair[at], self.odd[at]


def violations(
    starts: np.ndarray, pair: np.ndarray, odd: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """By how much x violates inequalities (3.2), negative where it does not."""
    if len(starts) < 2:
        return np.empty(0)
    return np.add.reduceat(np.where(odd, x[pair] - 1, -x[pair]), starts[:-1]) + 1


@dataclass(slots=True, eq=False)
class Basis:
    """Where the simplex method stopped: states of the columns, rows that bind."""

    columns: list
    binding: np.ndarray
    states: list


class CycleProgram:
    """The linear program (8.5) over the cycles known so far, in HiGHS.

    Parameters
    ----------
    weight : (m,) float64 array
    cycles : Cycles
        May grow; this program holds some of them as rows.

    Attributes
    ----------
    x : (m,) float64 array
        The solution.
    value : float
        Of the program as solved: an estimate of what its multipliers prove.
    ids : (k,) int32 array
        The rows' numbers in `cycles`.
    multiplier : (k,) float64 array
    optimal : bool
        False where a slice of the simplex method has ended before it was done.
    work : int
    """

    def __init__(self, weight: np.ndarray, cycles: Cycles) -> None:
        import highspy  # not needed where no leaf is sparse, and slow to load

        self._highspy = highspy
        self.cycles, self.weight = cycles, weight
        m = len(weight)
        self.ids, self.idle = np.empty((2, 0), np.int32)
        self.columns = np.arange(m, dtype=np.int32)
        self.x, self.multiplier = np.zeros(m), np.empty(0)
        self.value, self.optimal, self.work = math.inf, False, 0
        self._best = math.inf
        # `Highs` itself switches callbacks on, and with them a line on stdout.
        highs = self._highs = highspy.Highs.__base__()
        for option, value in {
            "output_flag": False,
            "threads": 1,
            "presolve": "off",
            "solver": "simplex",
            "simplex_strategy": 1,  # dual
            # Devex: weights of steepest edges are dear to start from another basis.
            "simplex_dual_edge_weight_strategy": 1,
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
        }.items():
            highs.setOptionValue(option, value)
        none = np.empty(0, np.int32)
        highs.addCols(
            m, -weight, np.zeros(m), np.ones(m), 0, np.zeros(m, np.int32), none,
            np.empty(0),
        )  # fmt: skip

    def bind(self, lower: np.ndarray, upper: np.ndarray) -> None:
        """Bound the columns."""
        self._highs.changeColsBounds(len(lower), self.columns, lower, upper)
        self._best = math.inf

    def add(self, ids: np.ndarray) -> None:
        """Make inequalities rows, where they are not yet."""
        ids = ids[~np.isin(ids, self.ids)]
        if len(ids) == 0:
            return
        starts, pair, odd = self.cycles.terms(ids)
        most = np.add.reduceat(odd.astype(np.float64), starts[:-1]) - 1
        self._highs.addRows(
            len(ids), np.full(len(ids), -math.inf), most, len(pair),
            starts[:-1].astype(np.int32), pair, np.where(odd, 1.0, -1.0),
        )  # fmt: skip
        self.ids = np.concatenate([self.ids, ids])
        self.idle = np.concatenate([self.idle, np.zeros(len(ids), np.int32)])
        self.multiplier = np.concatenate([self.multiplier, np.zeros(len(ids))])

    def solve(self, units: int = SLICE) -> None:
        """Go on with the dual simplex method, for about so much work."""
        highs, size = self._highs, len(self.weight) + len(self.ids)
        steps = max(20, units // (UNITS * size))
        highs.setOptionValue("simplex_iteration_limit", int(steps))
        highs.run()
        status, kinds = highs.getModelStatus(), self._highspy.HighsModelStatus
        if status not in (kinds.kOptimal, kinds.kIterationLimit):
            highs.clearSolver()  # numerical trouble: afresh
            highs.run()
            status = highs.getModelStatus()
        info = highs.getInfo()
        self.work += UNITS * size * (max(0, info.simplex_iteration_count) + 1)
        solution = highs.getSolution()
        self.x = np.clip(np.array(solution.col_value), 0.0, 1.0)
        self.multiplier = np.maximum(0.0, -np.array(solution.row_dual))
        self.value = -info.objective_function_value
        self.optimal = status != kinds.kIterationLimit

    def drop(self) -> bool:
        """Count idle rows where the value has fallen, drop them; True if it has."""
        if not self.value < self._best - PROGRESS * abs(self._best):
            if math.isfinite(self._best):
                return False
        self._best = self.value
        idle = self.multiplier <= 0
        self.idle = np.where(idle, self.idle + 1, 0).astype(np.int32)
        gone = self.idle > IDLE
        if np.count_nonzero(gone) > CHURN * len(gone):
            self._delete(gone)
        return True

    def _delete(self, gone: np.ndarray) -> None:
        rows = np.flatnonzero(gone).astype(np.int32)
        self._highs.deleteRows(len(rows), rows)
        self.ids, self.idle = self.ids[~gone], self.idle[~gone]
        self.multiplier = self.multiplier[~gone]

    def basis(self) -> Basis:
        """The basis of the last solution, to come back to."""
        basis, basic = self._highs.getBasis(), self._highspy.HighsBasisStatus.kBasic
        states = basis.row_status
        binding = [i for i, state in enumerate(states) if state != basic]
        return Basis(basis.col_status, self.ids[binding], [states[i] for i in binding])

    def start_from(self, basis: Basis) -> None:
        """Take up a basis; the rows that bind in it are added."""
        self.add(basis.binding)
        states = [self._highspy.HighsBasisStatus.kBasic] * len(self.ids)
        order = np.argsort(self.ids)
        at = order[np.searchsorted(self.ids, basis.binding, sorter=order)]
        for i, state in zip(at.tolist(), basis.states, strict=True):
            states[i] = state
        whole = self._highspy.HighsBasis()
        whole.col_status, whole.row_status = basis.columns, states
        whole.valid = True
        self._highs.setBasis(whole)
        self.idle[:] = 0

    def probe(self, e: int, side: float, steps: int) -> float:
        """The value with x_e fixed, after a few iterations from this basis."""
        highs = self._highs
        highs.setOptionValue("simplex_iteration_limit", steps)
        highs.changeColBounds(e, side, side)
        highs.run()
        info = highs.getInfo()
        size = len(self.weight) + len(self.ids)
        self.work += UNITS * size * (max(0, info.simplex_iteration_count) + 1)
        return -info.objective_function_value


@dataclass(slots=True, eq=False)
class Multipliers:
    """What a bound by (8.6) is made of.

    Attributes
    ----------
    value : float
        Rigorous: no cut that obeys the bounds on x is above it.
    ids : int32 array
        Inequalities with a positive multiplier.
    y : float64 array
    """

    value: float
    ids: np.ndarray
    y: np.ndarray


def prove(
    weight: np.ndarray,
    cycles: Cycles,
    ids: np.ndarray,
    y: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    coarse: bool,
) -> Multipliers:
    """The right side of (8.6), where x may lie between bounds 0 or 1.

    Parameters
    ----------
    coarse : bool
        Multipliers of few bits, for certificates of integer weights.
    """
    ids, y = ids[y > 0], y[y > 0]
    starts, pair, odd = cycles.terms(ids)
    lengths, m = np.diff(starts), len(weight)
    # Multiples of a power of two with room to spare: their sums are exact.
    total = np.bincount(pair, weights=np.repeat(y, lengths), minlength=m)
    grain = 2.0 ** (math.frexp(float(total.max(initial=0.0)))[1] - 51)
    if coarse:
        grain = max(grain, GRAIN)
    y = np.rint(y / grain) * grain
    signed = np.repeat(y, lengths) * np.where(odd, 1.0, -1.0)
    moved = np.bincount(pair, weights=signed, minlength=m)
    rest = weight - moved
    part = weight - rest  # two-sum: the exact error of each difference
    error = (weight - (rest + part)) + (part - moved)
    gain = np.where(upper > 0, np.maximum(rest, 0), 0.0)
    gain = np.where(lower > 0, rest, gain)
    rows = np.repeat(np.arange(len(ids)), lengths)
    most = np.bincount(rows, weights=odd, minlength=len(ids)) - 1
    # a product may round
    terms = [y * most, 2 * UNIT * y * most, gain, np.abs(error)]
    value = math.nextafter(math.fsum(np.concatenate(terms)), math.inf)
    return Multipliers(value, ids[y > 0], y[y > 0])


# ------------------------------------------------------------------ branch and bound

SLOTS = 4  # programs, each at work on one node
LOOK = 5  # rounds over which the fall of the bound is judged
LEAST, LEAST_FIRST = 0.1, 0.005  # of the gap: less is a reason to branch; in the root
CANDIDATES, STEPS = 8, 40  # edges tried before branching, iterations for each side
COARSE = 2.0**30  # integers that add up to less: coarse multipliers lose no unit
ANNOUNCE = 8  # rounds of the first node between two proofs


@dataclass(slots=True, eq=False)
class LinearNode:
    """A place still open, and what its program starts from.

    Attributes
    ----------
    bound : float
        Proved: no cut that obeys the node's decisions is above it.
    place : Place
    basis : Basis or None
    inner : (m,) float64 array
        A point from which cycles are sought.
    """

    bound: float
    place: Place
    basis: Basis | None
    inner: np.ndarray


class LinearNodes:
    """Evaluates the nodes of a tree by the program (8.5), `SLOTS` of them at a time.

    Parameters
    ----------
    tree : BranchAndBound
    """

    slots = SLOTS

    def __init__(self, tree: BranchAndBound) -> None:
        graph = tree.graph
        self.graph = graph
        self.u, self.v, _, self.pair_of = entries(graph)
        self.scale = tree.scale
        self.weight = graph.edges()[2] * self.scale
        self.coarse = graph.integer and graph.absolute_weight < COARSE
        self.cycles = Cycles(graph.m)
        self.idle: list[CycleProgram] = []  # made when needed: most leaves need one

    def start(self, tree: BranchAndBound) -> LinearNode:
        """The first node."""
        apart = tree.partition[self.u] != tree.partition[self.v]
        # Inside: x = 1/2 keeps a distance from all of (3.2), a cut from many.
        inner = 0.25 + 0.5 * apart
        return LinearNode(math.inf, tree.root, None, inner)

    def take(self, tree: BranchAndBound, node: LinearNode) -> LinearAtWork:
        """Put a program to work on a node."""
        idle = self.idle
        program = idle.pop() if idle else CycleProgram(self.weight, self.cycles)
        return LinearAtWork(self, node, program)

    def release(self, slot: LinearAtWork) -> None:
        """Take back the program of a node that is finished."""
        self.idle.append(slot.program)

    def merge(self, slot: LinearAtWork) -> None:
        """Number what a slot has found; in the order of the slots."""
        if slot.found is not None:
            slot.fresh = self.cycles.add(*slot.found)
            slot.found = None

    def proof(self, place: Place) -> Inequalities:
        """The record of a node's multipliers, in the graph's weights."""
        starts, pair, odd = self.cycles.terms(place.best.ids)
        y = place.best.y / self.scale
        return Inequalities(starts, self.u[pair], self.v[pair], odd, y)


class LinearAtWork:
    """A node whose program is being solved, round by round."""

    def __init__(
        self, nodes: LinearNodes, node: LinearNode, program: CycleProgram
    ) -> None:
        self.nodes, self.node, self.program = nodes, node, program
        self.bound = node.bound
        self.finished, self.closed = False, False
        self.partition: np.ndarray | None = None
        self.found: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self.fresh: np.ndarray | None = None
        self.estimates: list[float] = []
        self.edge, self.basis = -1, node.basis
        self.loaded = False
        self.work = 0
        place = node.place
        together = place.label[nodes.u] == place.label[nodes.v]
        apart = place.sign[nodes.u] != place.sign[nodes.v]
        self.free = np.flatnonzero(~together)
        self.lower = (together & apart).astype(np.float64)
        self.upper = (~together | apart).astype(np.float64)
        self.inner = np.clip(node.inner, self.lower, self.upper)

    def advance(self, tree: BranchAndBound) -> None:
        """A slice of the simplex method, and a round if that ends it."""
        program, before = self.program, self.program.work
        if not self.loaded:
            self.loaded = True
            program.bind(self.lower, self.upper)
            if self.node.basis is not None:
                program.start_from(self.node.basis)
        if self.fresh is not None:
            program.add(self.fresh)
            self.fresh = None
        if len(self.free) == 0:
            self._prove_cut()
        else:
            program.solve()
            if program.optimal:
                self._round(tree)
        self.work += program.work - before

    def _round(self, tree: BranchAndBound) -> None:
        """Judge a solution: proved, to be cut off, or worth branching on."""
        program, first = self.program, self.node.place is tree.root
        self.estimates.append(program.value)
        if first or len(self.estimates) == 1:
            self.partition = self._rounded(tree.graph)
        if program.value < tree.level:
            self._prove()
        if not self.bound < tree.level:
            program.drop()
            least = LEAST_FIRST if first else LEAST
            scratch = Scratch()
            self.found = None
            if not self._hopeless(tree.level, least):
                self.found = self._violated(scratch)
            self.work += scratch.work
            if self.found is None:
                self._prove()
                self._choose(tree.level)
                self.finished = True
            elif first and len(self.estimates) % ANNOUNCE == 0:
                self._prove()
        self.finished = self.finished or self.bound < tree.level
        self.closed = self.bound < tree.level

    def _hopeless(self, level: float, least: float) -> bool:
        """Whether the last rounds have closed too little of the gap."""
        estimates = self.estimates
        if len(estimates) <= LOOK:
            return False
        fall = estimates[-1 - LOOK] - estimates[-1]
        return fall < least * (estimates[-1] - level)

    def _violated(
        self, scratch: Scratch
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Cycles that cut x off, found between the inner point and x."""
        nodes, x, share = self.nodes, self.program.x, INWARDS
        found, count = [], 0
        while True:
            z = share * x + (1 - share) * self.inner
            least = INSIDE if share < 1 else VIOLATION
            starts, pair, odd = violated_cycles(
                nodes.graph, nodes.pair_of, z, least, COVER, scratch
            )
            if len(starts) == 1:
                self.inner = z
            worth = np.flatnonzero(violations(starts, pair, odd, x) > VIOLATION)
            if len(worth):
                starts, (pair, odd) = select(starts, worth, pair, odd)
                found.append((np.diff(starts), pair, odd))
                count += len(worth)
            if share == 1 or count >= WANTED * nodes.graph.n:
                break
            share = min(1.0, 1.5 * share) if share < 0.95 else 1.0
        if not found:
            return None
        lengths, pair, odd = map(np.concatenate, zip(*found, strict=True))
        return np.r_[0, np.cumsum(lengths)], pair, odd

    def _prove(self) -> None:
        program = self.program
        self._keep(
            prove(
                self.nodes.weight, self.nodes.cycles, program.ids, program.multiplier,
                self.lower, self.upper, coarse=self.nodes.coarse,
            )
        )  # fmt: skip

    def _prove_cut(self) -> None:
        """All is decided: the weights of what is cut, exact for integers."""
        value = math.fsum(self.nodes.weight * self.lower)
        if not self.nodes.graph.integer:
            value = math.nextafter(value, math.inf)
        self._keep(Multipliers(value, np.empty(0, np.int32), np.empty(0)))
        self.partition = self.node.place.sign
        self.finished = self.closed = True

    def _keep(self, found: Multipliers) -> None:
        place = self.node.place
        if found.value < (math.inf if place.best is None else place.best.value):
            place.best = found
            self.bound = min(self.bound, found.value)

    def _rounded(self, graph: CutGraph) -> np.ndarray:
        """Sides along a spanning tree of the edges nearest to 0 or 1, then descent."""
        nodes, x = self.nodes, self.program.x
        cost = 1 + np.minimum(x, 1 - x)
        tree = minimum_spanning_tree(
            sp.csr_array((cost, (nodes.u, nodes.v)), shape=(graph.n, graph.n))
        )
        order, before = breadth_first_order(tree, 0, directed=False)
        below = order[1:].astype(np.int64)
        above = before[below]
        # edges are numbered in the order of their ends
        ends = nodes.u * np.int64(graph.n) + nodes.v
        edge = np.searchsorted(
            ends, np.minimum(below, above) * graph.n + np.maximum(below, above)
        )
        turned = x[edge] > 0.5
        side = np.ones(graph.n, np.int8)
        for a, b, flip in zip(
            below.tolist(), above.tolist(), turned.tolist(), strict=True
        ):
            side[a] = -side[b] if flip else side[b]
        return one_flip_descent(graph, side)

    def _choose(self, level: float) -> None:
        """The edge to branch on: the bounds of both sides fall most, looking ahead."""
        program, free = self.program, self.free
        x, weight = program.x[free], np.abs(self.nodes.weight[free])
        unsure = np.minimum(x, 1 - x)
        score = unsure * np.sqrt(weight) + 1e-9 * weight
        order = np.argsort(-score, kind="stable")[:CANDIDATES]
        if unsure[order[0]] <= 1e-6 or len(order) == 1:
            self.edge = int(free[order[0]])
            return
        value, basis = program.value, program.basis()
        room = max(value - level, 1e-9 * abs(value))
        best = -1.0
        for e in free[order].tolist():
            gain = 1.0
            for side in (0.0, 1.0):
                fall = value - program.probe(e, side, STEPS)
                gain *= min(max(fall, 1e-3 * room), room)
                program.bind(self.lower, self.upper)
                program.start_from(basis)
            if gain > best:
                best, self.edge = gain, e
        self.basis = basis

    def pair(self) -> tuple[int, int]:
        """The classes to decide."""
        label, nodes = self.node.place.label, self.nodes
        i, j = label[nodes.u[self.edge]], label[nodes.v[self.edge]]
        return int(min(i, j)), int(max(i, j))

    def child(self, i: int, j: int, sign: int) -> LinearNode:
        """Tie class j to class i < j."""
        place = self.node.place.joined(i, j, sign)
        return LinearNode(self.bound, place, self.basis, self.inner)
