"""From a proof in float64 to a certificate in exact fractions (docs/certificate).

The records of `proof` say how a bound was reached. Here each becomes a statement of
`derandcut.check`, and the checker's own rules make the exact problem that the next
record speaks of; so what is written is what will be checked. Only the semidefinite
statement is not evaluated exactly a second time: its value is bounded from above in
float64, rounding errors included.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from derandcut import check
from derandcut.cut.bound import Factorisation, packed_cycles, upper_bound
from derandcut.cut.proof import (
    Branch,
    Inequalities,
    Infeasible,
    Packing,
    Positive,
    Proof,
    Psd,
    Reduced,
    Split,
    TJoin,
)
from derandcut.cut.surface.exact import bound_of_cost, exclusion
from derandcut.cut.surface.packing import tcuts
from derandcut.graph import CutGraph
from derandcut.run import Run

__all__ = ["certificate"]

FINE_BITS = 50  # of the factor, where coarse ones do not do
FINE_FLOPS = 3e8  # multiply-adds of the checker that a bound of real weights is worth
TREE_WORK = 3 * 10**9  # units that finding a tree of decisions again may take
RATIO = 1 << 20  # largest denominator that the ratio of rounded twins may have
SPARE_BITS = 60  # for what replaying reductions of rounded weights has to shift


def certificate(
    graph: CutGraph,
    partition: np.ndarray,
    proof: Proof | None,
    fixed: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the certificate of a cut and, if there is a proof, of an upper bound.

    Parameters
    ----------
    graph : CutGraph
    partition : (n,) array
        Sides, told apart by ``> 0``.
    proof : Proof or None
        Of an upper bound; of the problem with the fixed vertices joined, if any are.
    fixed : (n,) int8 array, optional
        Fixed sides, 0 where free.

    Returns
    -------
    dict
        The JSON object that `derandcut.check` accepts. Its claim is what the statements
        prove: at times a little more than the bound the proof was made for.

    Examples
    --------
    >>> from derandcut import CutGraph
    >>> from derandcut.cut.certificate import certificate
    >>> from derandcut.cut.proof import Positive
    >>> edge = CutGraph.from_edges([0], [1], [3])
    >>> certificate(edge, [1, -1], Positive())["claim"]
    {'cut': 3, 'upper_bound': 3}
    """
    side = np.asarray(partition) > 0
    u, v, w = graph.edges()
    edges = dict(zip(zip(u.tolist(), v.tolist(), strict=True), w.tolist(), strict=True))
    problem = check.problem_of(graph.n, edges)
    across = zip(edges, side[u] != side[v], strict=True)
    cut = sum(problem.rows[a][b] for (a, b), apart in across if apart)
    found: dict[str, Any] = {
        "format": check.FORMAT,
        "graph": {"vertices": graph.n, "edges": graph.m, "sha256": graph.digest},
        "claim": {"cut": _claim(problem.value(cut), -1), "upper_bound": None},
        "sides": _bits(side),
        "proof": None,
    }
    if fixed is not None and fixed.any():
        vertices = np.flatnonzero(fixed)
        found["fixed"] = {
            "vertices": vertices.tolist(),
            "sides": _bits(fixed[vertices] > 0),
        }
        problem = check.fix(found["fixed"], problem)[1]
    if proof is not None:
        writer = _Writer()
        bound = writer.write(proof, problem)
        found["claim"]["upper_bound"] = _claim(bound, 1)
        found["proof"] = writer.statements
    return found


class _Writer:
    """Statements in prefix order, and the bound they prove."""

    def __init__(self) -> None:
        self.statements: list[dict[str, Any]] = []

    def write(self, proof: Proof, problem: check.Problem) -> Fraction | None:
        """State a proof of a problem; the bound proved."""
        # As in the checker: what is still to be stated, bounds so far, their use.
        stack = [self._open(proof, problem, 1.0, True)]
        while True:
            children, bounds, combine = stack[-1]
            if children:
                inner, make, scale, floored = children.pop()
                stack.append(self._open(inner, make(), scale, floored))
                continue
            stack.pop()
            if not stack:
                return combine(bounds)
            stack[-1][1].append(combine(bounds))

    def _open(self, proof: Proof, problem: check.Problem, scale: float, floored: bool):
        """Append the next statement of a proof that saw weights times `scale`.

        With `floored` its bound is first said to be rounded down to a value.
        """
        if problem is None or isinstance(proof, Infeasible):
            self.statements.append({"rule": "infeasible"})
            return [], [], lambda bounds: None
        if isinstance(proof, TJoin):
            proof = _tjoin(proof)
        # A branch is floored leaf by leaf.
        if floored and not isinstance(proof, Branch):
            return self._rule({"rule": "rnd"}, problem, [proof], scale, False)
        match proof:
            case Psd():
                return self._psd(proof.y / scale, problem)
            case Packing():
                cycles = packed_cycles(_floats(problem), proof.depth)
                return self._open(cycles, problem, 1.0, False)
            case Inequalities():
                inner = Positive() if proof.inner is None else proof.inner
                statement = _sets(proof, scale)
                if not statement["sets"]:
                    return self._open(inner, problem, scale, False)
                return self._rule(statement, problem, [inner], scale, False)
            case Branch():
                statement = {"rule": "branch", "u": int(proof.u), "v": int(proof.v)}
                both = [proof.same, proof.different]
                return self._rule(statement, problem, both, scale, True)
            case Reduced():
                statement = _replayed(proof.steps, problem)
                if statement is not None:
                    scale *= proof.scale
                    return self._rule(statement, problem, [proof.inner], scale, True)
            case Split():
                parts = [vertices.tolist() for vertices, _ in proof.parts]
                inner = [part for _, part in proof.parts]
                statement = {"rule": "add", "parts": parts}
                return self._rule(statement, problem, inner, scale, True)
        return self._rule({"rule": "box"}, problem, [], scale, False)

    def _rule(self, statement, problem, proofs, scale, floored):
        """Append a statement; the checker's rule makes the problems of its children."""
        self.statements.append(statement)
        problems, combine = check.RULES[statement["rule"]](statement, problem)
        children = [
            (proof, make, scale, floored)
            for proof, make in zip(proofs, problems, strict=True)
        ]
        return children[::-1], [], combine

    def _psd(self, y: np.ndarray, problem: check.Problem):
        """A rounded factor of Diag(y) - L/4; the positive weights if there is none."""
        graph = _floats(problem)
        factor = _Factor(graph, y) if 0 < graph.m and len(y) == graph.n else None
        # The last: weights so small that float64 cannot scale them.
        if factor is None or not factor.found or not factor.round(fine=False):
            return self._open(Positive(), problem, 1.0, False)
        floor = check.rnd({}, problem)[1]
        constant = problem.value(problem.constant)
        value = Fraction(factor.bound) + constant
        worthwhile = floor([value]) > floor([Fraction(factor.ideal) + constant])
        if worthwhile and (graph.integer or factor.flops <= FINE_FLOPS):
            factor.round(fine=True)
            value = Fraction(factor.bound) + constant
        self.statements.append(factor.statement())
        return [], [], lambda bounds: value


class _Factor:
    """C with C C' close to Diag(s) + W/4, s = y - degrees / 4, in binary fractions.

    Attributes
    ----------
    found : bool
        False if no factorisation was possible.
    ideal, bound : float
        What exact arithmetic with an exact C would prove; what the rounded C proves,
        rounded upwards.
    """

    def __init__(self, graph: CutGraph, y: np.ndarray) -> None:
        self.graph = graph
        self.analysis = analysis = Factorisation(graph, math.inf)
        self.found = False
        if not analysis.possible or not np.isfinite(y).all():
            return
        self.flops = analysis.flops
        s = (y - graph.weighted_degrees / 4) * analysis.scale
        if not analysis.factor(s):
            # The smallest shift that a factorisation proves; then it is there.
            bound = upper_bound(graph, y, run=Run(graph), factorisation=analysis)
            if bound.method != "factorisation":
                return
            s = (bound.y - graph.weighted_degrees / 4) * analysis.scale
            step = 1e-15 * float(s.max())
            while not analysis.factor(s):
                s, step = s + step, 8 * step
        self.found = True
        self.s = s
        self.half = math.fsum(graph.weights) / 4 * analysis.scale
        self.ideal = (self.half + math.fsum(self.s)) / analysis.scale

    def round(self, *, fine: bool) -> bool:
        """Round C: coarse means that products of rows fit 64 bits. True if finite."""
        analysis = self.analysis
        room = 63 - math.log2(float(self.s.max())) - 0.01
        bits = FINE_BITS if fine else math.floor(room / 2)
        # W was scaled by 2^-e, C is the factor of what is scaled by 2^-(e - e % 2).
        e = 1 - math.frexp(analysis.scale)[1]
        stretch = math.sqrt(2) if e % 2 else 1.0
        bits -= e % 2
        self.unit = bits - (e - e % 2) // 2
        self.scale = analysis.scale * stretch**2
        self.fronts = []
        at = 0
        for pivots, others, first in analysis.fronts.tolist():
            size = pivots + others
            panel = analysis._L[at : at + size * pivots].reshape(pivots, size).T
            at += size * pivots
            rows = analysis.members[first : first + size]
            order = np.argsort(analysis.position[rows])
            panel = np.rint(np.ldexp(np.tril(panel)[order] * stretch, bits))
            self.fronts.append((rows[order], panel))
        self.bound = self._evaluate(2.0**-bits)
        return math.isfinite(self.bound)

    def _evaluate(self, grain: float) -> float:
        """Bound W/2 + tr G + sum |2 G_ij - w_ij / 2|, front by front, from above."""
        analysis, graph = self.analysis, self.graph
        weights = graph.weights * self.scale
        position, waiting = analysis.position, []
        trace, distance, margin = [], [], 0.0
        local = np.empty(graph.n, np.int64)
        for (rows, panel), children in zip(
            self.fronts, analysis.children.tolist(), strict=True
        ):
            size, pivots = panel.shape
            C = panel * grain
            M = 2 * (C @ C.T)
            # |computed - exact| <= 2 (p + 4) 2^-53 |c_i| |c_j| for every pair i, j
            reach = float(np.sqrt((C * C).sum(axis=1)).sum())
            margin += 4 * (pivots + 8) * 2.0**-53 * reach * reach
            local[rows] = np.arange(size)
            for _ in range(children):
                below, update = waiting.pop()
                where = local[below]
                M[np.ix_(where, where)] += update
            for k, u in enumerate(rows[:pivots].tolist()):
                ends = graph.indices[graph.indptr[u] : graph.indptr[u + 1]]
                w = weights[graph.indptr[u] : graph.indptr[u + 1]]
                later = position[ends] > position[u]
                M[local[ends[later]], k] -= w[later] / 2
            diagonal = np.diagonal(M)[:pivots]
            trace.append(float(diagonal.sum()) / 2)
            lower = np.tril(M[:, :pivots], -1)
            distance.append(float(np.abs(lower).sum()))
            if size > pivots:
                waiting.append((rows[pivots:], M[pivots:, pivots:]))
        total = math.fsum(graph.weights) / 4 * self.scale
        size = abs(total) + math.fsum(trace) + math.fsum(distance)
        margin += 2.0**-48 * size
        value = total + math.fsum(trace) + math.fsum(distance) + margin
        value = value / self.scale
        return math.nextafter(value + 2.0**-50 * abs(value), math.inf)

    def statement(self) -> dict[str, Any]:
        """The rule `psd`."""
        order = np.empty(self.graph.n, np.int64)
        order[self.analysis.position] = np.arange(self.graph.n)
        fronts = []
        for rows, panel in self.fronts:
            whole = [[int(x) for x in column] for column in panel.T.tolist()]
            fronts.append(
                [rows.tolist(), *(column[k:] for k, column in enumerate(whole))]
            )
        return {
            "rule": "psd",
            "unit": self.unit,
            "order": order.tolist(),
            "fronts": fronts,
        }


def _tjoin(proof: TJoin) -> Proof:
    """T-cuts alone; with the cycles that are left; or at the leaves of decisions."""
    embedding, cost = proof.embedding, proof.cost
    packed = tcuts(embedding, proof.decided) or Positive()
    if cost is None or not isinstance(packed, Inequalities):
        return packed
    # Cycles of a class other than 0 that no cut, for its parity, can cut well.
    graph = embedding.graph
    u, v, w = graph.edges()
    moved = np.repeat(packed.multiplier, np.diff(packed.starts))
    rest = CutGraph.from_edges(
        np.concatenate([u, packed.u]),
        np.concatenate([v, packed.v]),
        np.concatenate([w, np.where(packed.odd, -moved, moved)]),
        graph.n,
    )
    cycles = packed_cycles(rest, graph.n)
    found = math.fsum(w[w > 0]) - packed.multiplier.sum() - cycles.multiplier.sum()
    if found > bound_of_cost(graph, cost) + 1e-12 * graph.absolute_weight:
        tree = exclusion(embedding, cost, Run(graph, work_limit=TREE_WORK))
        if tree is not None and not isinstance(tree, TJoin):
            return tree
    return replace(packed, inner=Packing(graph.n))


def _sets(proof: Inequalities, scale: float) -> dict[str, Any]:
    """The rule `lin`: multipliers as exact integers of one unit, F before D - F."""
    ratios = [
        float(y / scale).as_integer_ratio()
        for y in np.maximum(proof.multiplier, 0).tolist()
    ]
    unit = max((q.bit_length() - 1 for _, q in ratios), default=0)
    ends = np.stack([proof.u, proof.v], axis=1)
    sets = []
    for k, (p, q) in enumerate(ratios):
        if p == 0:
            continue
        these = slice(int(proof.starts[k]), int(proof.starts[k + 1]))
        odd, pairs = np.asarray(proof.odd[these], bool), ends[these]
        pairs = np.concatenate([pairs[odd], pairs[~odd]]).ravel().tolist()
        sets.append([p << unit + 1 - q.bit_length(), int(odd.sum()), *pairs])
    return {"rule": "lin", "unit": unit, "sets": sets}


def _replayed(steps: np.ndarray, problem: check.Problem) -> dict[str, Any] | None:
    """The rule `reduce`: the steps, made exact where they were done in rounded weights.

    A pair that should not be there is moved into the constant; an edge that just fails
    to decide is made to, twins and cliques that are not quite alike are made alike. All
    this costs a rounding error at most. None if it fails.
    """
    unit = problem.unit + SPARE_BITS
    rest = problem.finer(unit + 1)
    done: list[list[Any]] = []

    def shift(u, v, t):
        # in whole units of the statement: all values stay multiples of one
        check.shift_weight(rest, u, v, 2 * t)
        done.append([u, v, t])

    waiting = np.asarray(steps).tolist()[::-1]
    try:
        while waiting:
            u, v = waiting.pop()
            row = rest.rows[u]
            if v < -1:
                clique = [u, *(waiting.pop()[0] for _ in range(-v - 1))]
                for pair in _unified(rest, clique):
                    shift(*pair)
                check.take_clique(rest, clique)
                done.append([clique])
                continue
            if v < 0:
                for z in sorted(row, key=lambda z: abs(row[z]))[:-3]:
                    shift(u, z, row[z] // 2)
                check.eliminate(rest, u)
                done.append([u])
                continue
            for pair in _repairs(rest, u, v):
                shift(*pair)
            check.contract(rest, u, v)
            done.append([u, v])
    except check.Refused:
        return None
    if not any(len(step) == 3 for step in done):
        unit = problem.unit
    return {"rule": "reduce", "unit": unit, "steps": done}


def _repairs(rest: check.Problem, u: int, v: int) -> list[tuple[int, int, int]]:
    """The shifts, in two units each, after which u and v may be contracted."""
    w = rest.rows[u].get(v, 0)
    lacking = (check.lacking(rest, u, v) + 1) // 2
    if lacking <= 0:
        return []
    alike = _likened(rest, u, v)
    if alike is not None and sum(abs(t) for _, _, t in alike) < lacking:
        return alike
    return [(u, v, lacking if w < 0 else -lacking)]


def _likened(rest: check.Problem, u: int, v: int):
    """The shifts that make u and v twins (4.10), None if there are none."""
    mine, yours = rest.rows[u], rest.rows[v]
    z = max(mine, key=lambda z: (z != v and z in yours, abs(mine[z])))
    if z == v or z not in yours:
        return None
    ratio = Fraction(mine[z], yours[z]).limit_denominator(RATIO)
    p, q = ratio.numerator, ratio.denominator
    wanted = {}
    w = mine.get(v, 0)
    if w * p > 0:
        wanted[u, v] = w
    for z in (mine.keys() | yours.keys()) - {u, v}:
        a, b = mine.get(z, 0), yours.get(z, 0)
        k = round(Fraction(b, q))
        # of the nearest multiples one from which both differ evenly
        k = next((k for k in (k, k - 1, k + 1) if not (a - p * k | b - q * k) & 1), 0)
        wanted[u, z], wanted[v, z] = a - p * k, b - q * k
    if any(t & 1 for t in wanted.values()):
        return None
    return [(*pair, t // 2) for pair, t in sorted(wanted.items()) if t]


def _unified(rest: check.Problem, clique: list[int]) -> list[tuple[int, int, int]]:
    """The shifts, in two units each, after which (4.13) takes the clique out."""
    u, v, *_ = clique
    row = rest.rows[u]
    w = abs(row.get(v, 0))
    if w == 0:
        raise check.Refused("the first two vertices of a clique are not adjacent")
    # w_uz = w t_z up to rounding; t_z = 0 for a pair that should not be there
    t = {u: 1, **{z: round(Fraction(x, w)) for z, x in row.items()}}
    wanted = {}
    for a in clique:
        for z in t.keys() | rest.rows[a].keys():
            pair = (a, z) if a < z or z not in clique else (z, a)
            if z != a:
                wanted[pair] = rest.rows[a].get(z, 0) - w * t.get(a, 0) * t.get(z, 0)
    if any(x & 1 for x in wanted.values()):
        raise check.Refused("weights that differ by half a unit")
    return [(*pair, x // 2) for pair, x in sorted(wanted.items()) if x]


def _floats(problem: check.Problem) -> CutGraph:
    """The problem's weights as a graph, rounded to float64."""
    pairs = list(problem.pairs())
    u = np.array([a for a, _, _ in pairs], np.int64)
    v = np.array([b for _, b, _ in pairs], np.int64)
    one = 1 << problem.unit  # exact weights never have a negative unit
    w = [w / one for _, _, w in pairs]
    return CutGraph.from_edges(u, v, w, problem.n)


def _bits(side: np.ndarray) -> str:
    return "".join("1" if x else "0" for x in side.tolist())


def _claim(value: Fraction, direction: int) -> int | str:
    """An integer, or a float in hexadecimal rounded so that the claim is true."""
    if value.denominator == 1 and abs(value) < 2**63:
        return int(value)
    near = float(value)
    if (Fraction(near) - value) * direction < 0:
        near = math.nextafter(near, direction * math.inf)
    return near.hex()
