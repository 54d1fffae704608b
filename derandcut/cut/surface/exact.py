"""Exact maximum cuts of embedded graphs: T-join bound, homology, branching.

Let P be the edges of positive weight. The cuts of an embedded graph are the even
subgraphs of its dual that are homologous to zero, so a cut is P xor J with J a T-join
of the dual, T the faces with an odd number of P-edges, and its value is W+ - |w|(J)
(4.6). On the plane every T-join gives a cut; on a surface of genus g one does if it
meets 2 g generating cycles evenly (4.7).

When the minimum T-join has the wrong class, take a cycle C of the graph on which every
cut differs from it in an odd number of edges. A better cut must flip the status of some
edge of C. Flipping one edge and solving again costs one local search; if that costs
more than the limit for every edge of C, there is no cut within the limit (4.8);
otherwise branch on the edges where it does not. The limit grows from the T-join bound
in steps until a cut is met. That can take long where the limit is the cost of a cut, so
the cut is looked for beside it: any cut meets the generating cycles evenly, so if it
keeps its status on random cycles of these classes, the best T-join for the other edges
is again a cut, and not a worse one (4.11).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from derandcut.cut.proof import Branch, Infeasible, Proof, TJoin
from derandcut.cut.surface import _embedding
from derandcut.cut.surface.embedding import Embedding, planar_embedding
from derandcut.cut.surface.tjoin import Matching, TJoinProblem
from derandcut.errors import InputError
from derandcut.graph import CutGraph

if TYPE_CHECKING:
    from derandcut.run import Run

__all__ = ["SurfaceResult", "solve_embedded", "solve_planar"]

COST_BITS = 55  # total cost of real weights: 2^55, duals stay far below 2^63
PERTURBATION = 1 << 8
RANDOM = 1000  # prices of random cycles are below
UNSEEN = 2**62
SAMPLES = 24  # of the optimal T-joins, until one is a cut
STALE = 8  # cuts of the surface along random cycles that may bring nothing
FIRST = 64  # forced matchings before they are tried again, then twice as many each time
NARROW = 6  # levels of one step each, for small weights
EXACT = ("planar", "tie")  # methods whose bound is that of the minimum T-join
SOFT = 300  # price of an edge to branch on, in rigid ones


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceResult:
    """What matching on a surface found and proved.

    Attributes
    ----------
    partition : (n,) int8 array or None
        Sides +1 and -1 of the best cut found; None if the run ended before the first.
    cut : int, float or None
        Its value.
    upper_bound : int or float
        No cut is above it: proved by the duals of the matchings, each checked.
    proved : bool
        True if the cut attains the bound (for real weights, to the rounding margin
        of `upper_bound`).
    method : {"planar", "tie", "rigid cycle", "branching", "bound"}
        How: every T-join is a cut; an optimal T-join that is a cut; no flip on some
        cycles within the limit; branching on the flips; nothing but the bound.
    notes : tuple of str
    proof : Proof or None
        Of `upper_bound`.
    """

    partition: np.ndarray | None
    cut: int | float | None
    upper_bound: int | float
    proved: bool
    method: str
    notes: tuple[str, ...] = ()
    proof: Proof | None = None


def solve_planar(
    graph: CutGraph, run: Run | None = None, embedding: Embedding | None = None
) -> SurfaceResult | None:
    """Solve MAXCUT on a planar graph exactly.

    Parameters
    ----------
    graph : CutGraph
        Any weights, connected or not.
    run : Run, optional
        Charged with the work and asked whether to go on.
    embedding : Embedding, optional
        Found if not given.

    Returns
    -------
    SurfaceResult or None
        None if the graph is not planar.

    Notes
    -----
    (4.6): Orlova and Dorfman 1972, Hadlock 1975, Barahona 1982.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.surface import solve_planar
    >>> triangle = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 0])
    >>> result = solve_planar(triangle)
    >>> result.cut, result.upper_bound, result.proved
    (2, 2, True)
    """
    if embedding is None:
        embedding = planar_embedding(graph)
    if embedding is None:
        return None
    if embedding.genus:
        raise InputError(f"the embedding has genus {embedding.genus}, expected 0")
    return solve_embedded(graph, embedding, run)


def solve_embedded(
    graph: CutGraph,
    embedding: Embedding,
    run: Run | None = None,
    incumbent: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> SurfaceResult:
    """Solve MAXCUT on a graph with an embedding of small genus.

    Parameters
    ----------
    graph : CutGraph
        Any weights; of genus at most 4.
    embedding : Embedding
        Its rotation system, say from `torus_embedding`.
    run : Run, optional
        Charged with the work and asked whether to go on.
    incumbent : (n,) array, optional
        A good partition; not needed.
    seed : int, default 0
        For the perturbations that sample optimal T-joins.

    Raises
    ------
    InputError
        If the embedding has genus above 4.

    Examples
    --------
    >>> import derandcut, networkx
    >>> from derandcut.cut.surface import solve_embedded, torus_embedding
    >>> torus = networkx.grid_2d_graph(3, 5, periodic=True)
    >>> graph = derandcut.CutGraph.from_networkx(torus)
    >>> result = solve_embedded(graph, torus_embedding(graph))
    >>> result.cut, result.proved
    (22, True)
    """
    if embedding.genus > 4:
        raise InputError(f"the embedding has genus {embedding.genus}, at most 4 is met")
    return _Solver(graph, embedding, run, incumbent, seed).solve()


def integer_costs(graph: CutGraph) -> tuple[np.ndarray, int]:
    """Return |w| 2^exponent of each edge, rounded down, and the exponent.

    Exact for integers; for real weights the optimum is missed by less than one unit an
    edge.
    """
    _, _, weight = graph.edges()
    size = np.abs(weight)
    exponent = 0
    if not graph.integer:
        exponent = COST_BITS - math.frexp(float(size.sum()))[1]
    return np.floor(np.ldexp(size, exponent)).astype(np.int64), exponent


def exclusion(embedding: Embedding, cost: int, run: Run) -> Proof | None:
    """Return a proof that no cut's T-join costs less, found anew within a run.

    None if the run ends before, or there is such a cut.
    """
    try:
        return _Solver(embedding.graph, embedding, run, None, 0).exclusion(cost)
    except _Ended:
        return None


def bound_of_cost(graph: CutGraph, cost: int) -> float:
    """The upper bound that the least cost of a cut's T-join means."""
    _, _, weight = graph.edges()
    plus = math.fsum(weight[weight > 0].tolist())
    return plus - math.ldexp(float(cost), -integer_costs(graph)[1])


class _Ended(Exception):
    """The run has no work or time left."""


class _Solver:
    """One solve: the problem in integers, the incumbent, the proved bound."""

    def __init__(self, graph, embedding, run, incumbent, seed):
        self.graph, self.embedding, self.run = graph, embedding, run
        self.rng, self.choices = map(np.random.default_rng, ([seed, 0], [seed, 1]))
        _, _, weight = graph.edges()
        self.positive = weight > 0
        self.plus = math.fsum(weight[self.positive].tolist())
        self.cost, self.exponent = integer_costs(graph)
        face = embedding.face
        ends = face.reshape(-1, 2)[self.positive].ravel()
        odd = np.bincount(ends, minlength=embedding.n_faces) % 2
        self.problem = TJoinProblem(face, embedding.order, embedding.n_faces, odd)
        self.step = max(1, graph.modulus) if graph.integer else 1
        self.partition, self.cut = None, None
        self.limit = None  # cost of a cut that would be worth having, once known
        self.trials = self.nodes = 0
        self.pause = FIRST
        self.flips = np.zeros(self.graph.m, bool)  # differ in some T-join in the limit
        if incumbent is not None:
            self._offer(np.where(np.asarray(incumbent) > 0, 1, -1).astype(np.int8))

    # --------------------------------------------------------------------- method

    def solve(self) -> SurfaceResult:
        base = self.problem.start(self.cost)
        done = base.solve(self.run)
        lowest = base.bound
        if not done:
            return self._result(lowest, "bound", "ended within the first matching")
        tjoin = base.tjoin()
        self._look(tjoin)
        if self.embedding.genus == 0:
            return self._result(lowest, "planar")
        self.proved_cost = proved = lowest
        method = "tie"
        try:
            if not self._attained(lowest):
                self._sample_ties(base, tjoin)
            if not self._attained(lowest):
                self._prepare_branching()
                self._correct(tjoin)
                lowest = self._cover_bound(base, tjoin)
                self._improve()
                proved = self._deepen(base, tjoin, lowest)
                method = "rigid cycle" if self.nodes == 0 else "branching"
        except _Ended:
            proved = self.proved_cost
            method = "bound"
        note = f"{self.trials} forced matchings, {self.nodes} branchings"
        return self._result(proved, method, note)

    def _sample_ties(self, base: Matching, tjoin: np.ndarray) -> None:
        """Perturb below one unit: optimal T-joins at random, until one is a cut."""
        lowest = base.bound
        for _ in range(SAMPLES if self._perturbation() > 1 else 0):
            matching = self._perturbed()
            if not matching.solve(self.run):
                break
            sample = matching.tjoin()
            self.flips |= sample != tjoin
            self._look(sample)
            if self._attained(lowest):
                break
        self.problem.start(self.cost)  # the penalty of the true costs again

    def _perturbation(self) -> int:
        """What costs are multiplied by, for room below one unit; 1: there is none."""
        scale = PERTURBATION * max(1, len(self.cost))
        return scale if int(self.cost.sum()) * scale < 1 << 58 else 1

    def _perturbed(self) -> Matching:
        """A matching for costs that prefer one of the optimal T-joins, at random."""
        scale = self._perturbation()
        noise = self.rng.integers(0, min(scale, PERTURBATION), len(self.cost))
        return self.problem.start(self.cost * scale + noise)

    def _improve(self) -> None:
        """Keep the incumbent on random generating cycles, match the rest (4.11)."""
        u, v, _ = self.graph.edges()
        stale = 0
        if self.partition is None:
            return
        while stale < STALE and not self._attained(self.proved_cost):
            kept = np.zeros(self.graph.m, bool)
            for bit in range(len(self.starts)):
                price = self.choices.integers(1, RANDOM, self.graph.m)
                kept[self._walk(1 << bit, price, UNSEEN, None, False)] = True
            tjoin = (self.partition[u] != self.partition[v]) != self.positive
            matching = self._perturbed()
            for edge in np.flatnonzero(kept).tolist():
                matching.force(edge, bool(tjoin[edge]))
            self._complete(matching)
            side, _ = self.embedding.sides(self.positive ^ matching.tjoin())
            stale += 1
            cut = self.graph.cut(side)
            if cut > self.cut:
                stale = 0
            if cut >= self.cut:  # an equal one may lead further
                self.cut, self.partition = cut, side
        self.problem.start(self.cost)  # the penalty of the true costs again

    def _deepen(self, base: Matching, tjoin: np.ndarray, lowest: int) -> int:
        """Raise the limit until a cut is met; returns the least cost of any cut."""
        self.proved_cost = lowest
        if self._attained(lowest):
            return lowest
        self.root, self.root_tjoin = base, tjoin
        self.trial: dict[int, int] = {}  # edge flipped at the root -> cost
        wider = level = 0
        while True:
            # cuts of cost up to `limit` are sought; there is none below `proved_cost`
            limit = self.proved_cost + wider
            if self.graph.integer:
                limit = self._cost_of_cut(self._bound(limit))
            # step by step at first, then ever wider
            level += 1
            wider = max(2 * wider, int(self.cost.max()) >> 12)
            if level > NARROW:
                wider = max(wider, self.step)
            if self.best_cost is not None:
                limit = min(limit, self.best_cost - self.step)
            self.limit = limit
            self.cycles: dict[int, np.ndarray] = {}
            if limit >= self.proved_cost:
                self._exclude(base, tjoin, {})
            # a cut within the limit was met, or there is none
            if self.best_cost is not None and self.best_cost <= limit + self.step:
                return self.best_cost
            self.proved_cost = limit + self.step

    def exclusion(self, cost: int) -> Proof | None:
        """Prove anew that no cut costs less than `cost`, to write the proof down."""
        base = self.problem.start(self.cost)
        self._complete(base)
        if base.bound >= cost:
            return TJoin(self.embedding)
        tjoin = base.tjoin()
        self._sample_ties(base, tjoin)
        self._prepare_branching()
        self.root, self.root_tjoin, self.trial, self.cycles = base, tjoin, {}, {}
        self.limit, self.proved_cost = cost - 1, 0
        return self._exclude(base, tjoin, {})

    def _exclude(self, matching, tjoin, decided) -> Proof | None:
        """Meet the best cut with cost <= limit that obeys what was forced.

        `decided`: for each forced edge, whether it is cut. Returns the tree of
        decisions that leaves no other cut, None if a cut was met.
        """
        wrong = self._class(self.positive ^ tjoin)
        if wrong == 0 or self.limit < self.proved_cost:
            return None  # a cut, and no other below this node is better
        best = None
        for target in self.targets:
            if (target & wrong).bit_count() % 2:
                soft = self._soft(target, decided)
                if best is None or len(soft) < len(best):
                    best, cycle = soft, self._cycle(target)
        # A cycle already met evenly may still be the shorter one to settle: flips of
        # its edges are enumerated, and the cut may also flip none of them.
        even = False
        for target in self.cycles if best else ():
            soft = self._soft(target, decided)
            if soft and not (target & wrong).bit_count() % 2:
                if 2 * len(soft) < len(best):
                    best, cycle, even = soft, self._cycle(target), True
        across = self.positive ^ tjoin
        branches = [
            (e, TJoin(self.embedding, decided={e: not across[e]}))
            for e in cycle
            if e not in decided and self._rigid(e)
        ]
        # the costlier flips first: they fail, and shrink the rest of the cycle
        best.sort(key=lambda e: -self.trial.get(e, 0))
        held, decided = matching, decided.copy()
        for edge in best:
            if self.limit < self.proved_cost:
                return None
            self.nodes += 1
            bound, child, flipped = self._try(held, edge, not tjoin[edge])
            flip = {**decided, edge: not across[edge]}
            if bound <= self.limit:
                branches.append((edge, self._exclude(child, flipped, flip)))
            else:
                branches.append((edge, TJoin(self.embedding, decided=flip)))
            # from here on, `edge` keeps the status it has in `tjoin`
            decided[edge] = bool(across[edge])
            if even or edge != best[-1]:
                held = held.copy()
                held.force(edge, bool(tjoin[edge]))
                self._complete(held)
        last = self._exclude(held, tjoin, decided) if even else Infeasible()
        return self._tree(branches, across, last)

    def _tree(self, branches, across, last) -> Proof | None:
        """Decide edge by edge: as in `across`, or the proof beside it."""
        u, v, _ = self.graph.edges()
        for edge, proof in reversed(branches):
            if last is None or proof is None:
                return None
            same, different = (proof, last) if across[edge] else (last, proof)
            last = Branch(int(u[edge]), int(v[edge]), same, different)
        return last

    def _soft(self, target: int, decided: dict[int, bool]) -> list[int]:
        """Edges of the cycle of a class whose status is still open."""
        cycle = self._cycle(target)
        return [e for e in cycle if e not in decided and not self._rigid(e)]

    def _rigid(self, edge: int) -> bool:
        """True if no T-join within the limit flips the edge's status at the root."""
        return self.trial.get(edge, -1) > self.limit

    def _cycle(self, target: int) -> np.ndarray:
        """Edges of a cycle of a class with few that are not rigid, each one tried."""
        if target in self.cycles:
            return self.cycles[target]
        walk, everywhere = None, False
        while True:
            # an edge not tried yet: what the tried ones let expect
            n_soft = sum(cost <= self.limit for cost in self.trial.values())
            expected = 1 + SOFT * (n_soft + 1) // (len(self.trial) + 8)
            price = np.full(self.graph.m, expected, np.int64)
            price[self.flips] = SOFT
            for edge, cost in self.trial.items():
                price[edge] = 1 if cost > self.limit else SOFT
            length = UNSEEN if walk is None else int(price[walk].sum())
            walk = self._walk(target, price, length, walk, everywhere)
            fresh = [e for e in walk if e not in self.trial and not self.flips[e]]
            if not fresh:
                if everywhere:
                    break
            everywhere = not fresh
            for edge in fresh:
                bound, _, flipped = self._try(
                    self.root, edge, not self.root_tjoin[edge]
                )
                self.trial[edge] = bound
                if self.limit < self.proved_cost:
                    break
                if flipped is not None:
                    self.flips |= flipped != self.root_tjoin
                    break
            if self.limit < self.proved_cost:
                break
        for edge in walk:
            if edge not in self.trial and self.limit >= self.proved_cost:
                flip = not self.root_tjoin[edge]
                self.trial[edge] = self._try(self.root, edge, flip)[0]
        self.cycles[target] = walk
        return walk

    def _walk(self, target, price, length, walk, everywhere):
        """A cheaper closed walk of a class than `length`, from some or all starts."""
        starts = self.starts[(target & -target).bit_length() - 1]
        if len(starts) > 16 and not everywhere:
            starts = self.choices.choice(starts, 16, replace=False)
        embedding = self.embedding
        for origin in starts.tolist():
            length, found, visited = _embedding.shortest_walk(
                self.graph.indptr,
                embedding.leaving,
                embedding.ends,
                self.dual,
                price,
                self.n_classes,
                target,
                origin,
                length,
                *self.scratch,
            )
            self._charge(visited)
            if found is not None:
                # an edge walked twice does not matter to the class
                halves, count = np.unique(np.array(found) >> 1, return_counts=True)
                walk = halves[count % 2 == 1].tolist()
        return walk

    def _prepare_branching(self) -> None:
        generators, self.primal, self.dual = self.embedding.homology
        self.n_classes = 1 << len(generators)
        # some bit of every class, on the torus any class
        units = [1 << i for i in range(len(generators))]
        self.targets = [1, 2, 3] if len(units) == 2 else units
        u, _, _ = self.graph.edges()
        # a walk of a class with bit i crosses dual cycle i
        self.starts = [
            np.unique(u[(self.dual >> i) & 1 == 1]) for i in range(len(generators))
        ]
        self.scratch = self._scratch(self.graph.n)

    def _scratch(self, count):
        states = count * self.n_classes
        room = 2 * self.graph.m * self.n_classes + 1
        return (
            np.full(states, UNSEEN, np.int64),
            np.empty(states, np.int32),
            np.empty(room, np.int64),
            np.empty(room, np.int32),
            np.empty(states, np.int32),
        )

    def _cover_bound(self, base: Matching, tjoin: np.ndarray) -> int:
        """Raise the bound by the cheapest correction of the class.

        A cut's T-join differs from this one by an even dual subgraph of class `wrong`;
        its edges outside this T-join each cost their reduced cost. That subgraph
        contains a closed dual walk of a class other than 0; on the torus, where cycles
        of different classes meet, one of class `wrong` itself.
        """
        wrong = self._class(self.positive ^ tjoin)
        lowest, costs = base.reduced_costs()
        if self.n_classes > 4:
            wrong = None
        length, _ = self._dual_walk(costs, wrong)
        self.proved_cost = lowest - (length // -2)
        return self.proved_cost

    def _correct(self, tjoin: np.ndarray) -> None:
        """Offer the cut nearest to a T-join of the wrong class, for an incumbent."""
        wrong = self._class(self.positive ^ tjoin)
        if wrong:
            # edges that leave the T-join pay themselves
            _, odd = self._dual_walk(np.where(tjoin, 0, self.cost), wrong)
            if odd is not None:
                self._look(tjoin ^ odd)

    def _dual_walk(self, costs, target):
        """Cheapest closed dual walk of a class, None for any but 0: length, edges."""
        embedding = self.embedding
        start = np.zeros(embedding.n_faces + 1, np.int64)
        np.cumsum(np.bincount(embedding.face, minlength=len(start) - 1), out=start[1:])
        faces = embedding.face.reshape(-1, 2)
        ends = faces[:, ::-1].ravel()
        scratch = self._scratch(embedding.n_faces)
        length, odd = UNSEEN, None
        for goal in range(1, self.n_classes) if target is None else [target]:
            # it crosses C_i oddly for a bit i of its class
            bit = goal & -goal
            for origin in np.unique(faces[self.primal & bit > 0]).tolist():
                length, walk, visited = _embedding.shortest_walk(
                    start,
                    embedding.order,
                    ends,
                    self.primal,
                    costs,
                    self.n_classes,
                    goal,
                    origin,
                    length,
                    *scratch,
                )
                self._charge(visited)
                if walk is not None:
                    halves = np.array(walk, np.int64) >> 1
                    odd = np.bincount(halves, minlength=self.graph.m) % 2 == 1
                if length == 0:
                    return length, odd
        return length, odd

    # ------------------------------------------------------------------- matchings

    def _try(self, matching, edge, chosen):
        """Force one more edge: (bound, matching, T-join)."""
        self.trials += 1
        child = matching.copy()
        child.force(edge, bool(chosen))
        self._complete(child)
        tjoin = child.tjoin()
        bound = child.bound
        if bound > self.limit:
            return bound, None, None
        self._look(tjoin)
        if self.trials >= self.pause:
            self.pause = 2 * self.trials
            self._improve()
        if self.best_cost is not None:
            self.limit = min(self.limit, self.best_cost - self.step)
        return bound, child, tjoin

    def _complete(self, matching) -> None:
        self._charge(self.graph.m)  # the copy and the check of the duals
        if not matching.solve(self.run):
            raise _Ended

    def _charge(self, units: int) -> None:
        if self.run is not None:
            self.run.charge(units)
            if self.run.exhausted():
                raise _Ended

    # --------------------------------------------------------------- values, classes

    def _class(self, across) -> int:
        """The generators on which `across` is odd, as bits."""
        side, consistent = self.embedding.sides(across)
        if consistent:
            return 0
        generators, _, _ = self.embedding.homology
        u, v, _ = self.graph.edges()
        u, v = u[generators], v[generators]
        wrong = (side[u] != side[v]) != across[generators]
        return int((wrong << np.arange(len(generators))).sum())

    def _look(self, tjoin) -> None:
        side, consistent = self.embedding.sides(self.positive ^ tjoin)
        if consistent:
            self._offer(side)

    def _offer(self, side) -> None:
        cut = self.graph.cut(side)
        if self.cut is None or cut > self.cut:
            self.cut, self.partition = cut, side

    @property
    def best_cost(self) -> int | None:
        """Cost of the incumbent's T-join, rounded down like the costs."""
        if self.partition is None:
            return None
        u, v, _ = self.graph.edges()
        across = self.partition[u] != self.partition[v]
        return int(self.cost[across != self.positive].sum())

    def _attained(self, lowest: int) -> bool:
        return self.cut is not None and self._is_proved(self._bound(lowest))

    def _is_proved(self, bound) -> bool:
        if self.graph.integer:
            return self.cut == bound
        return bound - self.cut <= 1e-12 * max(
            self.plus, float(self.cost.sum()) * 2.0**-self.exponent
        )

    def _bound(self, cost: int):
        """The upper bound that a least cost means."""
        if self.graph.integer:
            value = int(self.plus) - cost
            return value - value % self.step
        value = self.plus - math.ldexp(float(cost), -self.exponent)
        # two roundings, of W+ and of the difference
        return value + 4 * math.ulp(self.plus)

    def _cost_of_cut(self, cut: int) -> int:
        return int(self.plus) - cut

    def _result(self, lowest, method, *notes) -> SurfaceResult:
        bound = self._bound(lowest)
        proved = self.cut is not None and self._is_proved(bound)
        if self.cut is not None and not self.graph.integer:
            bound = max(bound, self.cut)
        return SurfaceResult(
            self.partition,
            self.cut,
            bound,
            proved,
            method,
            tuple(notes),
            TJoin(self.embedding, None if method in EXACT else lowest),
        )
