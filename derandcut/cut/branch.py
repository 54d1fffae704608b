"""Branch and bound: the maximum cut of small or sparse graphs, proved.

A node decides pairs of vertices: x_v = x_u or x_v = -x_u. Vertices tied together are
one class, and the graph of the classes is again a weighted graph. A node whose proved
bound shows that it holds no cut better than the incumbent is closed; one whose bound
will not get there is branched. Nodes are taken best bound first, a few at a time in
lock step, so that nothing depends on the number of threads.

The tree is here, and what bounds its nodes by the dense relaxation (`dense`): that of a
node starts from its parent's V and multipliers, and the pair to branch on is the most
decided vertex and the one least decided relative to it. The linear program of `lp` can
bound them instead.
"""

from __future__ import annotations

import heapq
import math
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from derandcut.cut.bound import UNIT, positive_weight
from derandcut.cut.dense import DenseRelaxation, ProvedBound, Triangles
from derandcut.cut.lp import LinearAtWork, LinearNodes, Multipliers
from derandcut.cut.proof import Branch, Inequalities, Positive, Proof, Psd
from derandcut.cut.rounding import one_flip_descent
from derandcut.graph import CutGraph
from derandcut.run import Run

__all__ = ["SLOTS", "BranchAndBound", "work_at"]

SLOTS = 4  # nodes worked at together
START_RANK = 24
FEWEST, MOST = 2, 25  # rounds of a node
PATIENCE = 0.7  # a bound is not expected to converge more slowly than that
REAL = 1e-12  # of sum |w|: what bounds of real weights may lack
MARGIN = 1e-4  # of a step: what a bound keeps for those who round its proof
ANNOUNCE = 4  # rounds of the first node between two proofs


@dataclass(slots=True, eq=False)
class Place:
    """A place in the tree: its decision, if it was branched, and its best bound.

    Attributes
    ----------
    label : (n,) int64 array
        Class of each vertex, numbered in the order of their smallest vertices.
    sign : (n,) int8 array
        Side of each vertex relative to the smallest of its class.
    u, v : int
        Vertices decided here; -1 where nothing was.
    same, different : Place
        What follows.
    best : ProvedBound, Multipliers or None
        Of this node itself; None if no relaxation proved anything here.
    """

    label: np.ndarray
    sign: np.ndarray
    u: int = -1
    v: int = -1
    same: Place | None = None
    different: Place | None = None
    best: ProvedBound | Multipliers | None = None

    @property
    def vertices(self) -> np.ndarray:
        """The smallest vertex of each class."""
        return np.unique(self.label, return_index=True)[1]

    def contracted(self, W: np.ndarray) -> tuple[np.ndarray, float]:
        """The weights between classes, and the sum of those within, signed."""
        n = int(self.label.max()) + 1
        tie = sp.csr_array(
            (self.sign.astype(float), (self.label, np.arange(len(self.label)))),
            shape=(n, len(self.label)),
        )
        W = tie @ (tie @ W).T
        inside = float(np.trace(W)) / 2
        np.fill_diagonal(W, 0.0)
        return W, inside

    def joined(self, i: int, j: int, sign: int) -> Place:
        """The place where class j is tied to class i < j too."""
        tied = self.label == j
        label = np.where(tied, i, self.label)
        label[label > j] -= 1
        return Place(label, np.where(tied, sign * self.sign, self.sign).astype(np.int8))


@dataclass(slots=True, eq=False)
class DenseNode:
    """A place still open, and what its relaxation starts from.

    Attributes
    ----------
    bound : float
        Proved: no cut that obeys the node's decisions is above it.
    place : Place
    V, triangles
        The parent's, in terms of this node's classes.
    """

    bound: float
    place: Place
    V: np.ndarray
    triangles: Triangles


class DenseAtWork:
    """A node whose relaxation is being solved, round by round."""

    def __init__(
        self, nodes: DenseNodes, tree: BranchAndBound, node: DenseNode
    ) -> None:
        self.node, self.bound, self.error = node, node.bound, nodes.error
        W, inside = node.place.contracted(nodes.W)
        self.offset = (nodes.total - inside) / 2
        self.relaxation: DenseRelaxation | None = None
        if len(W) > 1:
            self.relaxation = DenseRelaxation(
                W, self.offset, nodes.error, node.V, node.triangles
            )
        self.partition: np.ndarray | None = None
        self.estimates: list[float] = []
        self.finished = self.closed = False
        self.work = 0

    def advance(self, tree: BranchAndBound) -> None:
        """One round; `finished` when it is proved or worth branching."""
        if self.relaxation is None:  # one class: one cut
            self._keep(
                ProvedBound(self.offset + self.error, np.zeros(1), Triangles.none())
            )
            self.partition = self.node.place.sign
            self.finished = self.closed = True
            return
        relaxation, before = self.relaxation, self.relaxation.work
        relaxation.round()
        self.estimates.append(relaxation.estimate)
        if len(self.estimates) == 1:
            self.partition = self._rounded(tree)
        hopeless = self._hopeless(tree.level)
        first = self.node.place is tree.root
        if (
            relaxation.expected < tree.level
            or hopeless
            or (first and len(self.estimates) % ANNOUNCE == 0)
        ):
            self._keep(relaxation.prove())
        self.closed = self.bound < tree.level
        self.finished = self.closed or hopeless
        self.work += relaxation.work - before

    def _keep(self, found: ProvedBound | None) -> None:
        place = self.node.place
        if found is None or (place.best and place.best.value <= found.value):
            return
        place.best = found
        self.bound = min(self.bound, found.value)

    def _hopeless(self, level: float) -> bool:
        """Whether the estimates, continued geometrically, stay above the level."""
        estimates = self.estimates
        if len(estimates) < FEWEST:
            return False
        if len(estimates) >= MOST:
            return True
        fall, rate = max(estimates[-2] - estimates[-1], 0.0), PATIENCE
        if len(estimates) > 2:
            rate = fall / max(estimates[-3] - estimates[-2], 1e-300)
            rate = min(rate, PATIENCE)
        else:
            fall /= rate
        return estimates[-1] - fall * rate / (1 - rate) > level

    def _rounded(self, tree: BranchAndBound) -> np.ndarray:
        """A partition of the graph from the principal column of V."""
        place = self.node.place
        side = np.where(self.relaxation.V[place.label, 0] > 0, place.sign, -place.sign)
        return one_flip_descent(tree.graph, side.astype(np.int8))

    def pair(self) -> tuple[int, int]:
        """The classes to decide: the most decided one, and its least decided pair."""
        n = len(self.node.V)
        X = np.triu(self.relaxation.X[:, :n], 1)
        X = np.abs(X + X.T)
        np.fill_diagonal(X, 1.0)
        i = int((X**2).sum(axis=1).argmax())
        j = int(X[i].argmin())
        if i == j:  # all decided, numerically
            j = 1 if i == 0 else 0
        return min(i, j), max(i, j)

    def child(self, i: int, j: int, sign: int) -> DenseNode:
        """Tie class j to class i < j."""
        V = np.delete(self.relaxation.V, j, axis=0)
        V[i] += sign * self.relaxation.V[j]
        return DenseNode(
            self.bound,
            self.node.place.joined(i, j, sign),
            V.astype(np.float32),  # there may be many nodes waiting
            self.relaxation.triangles.contracted(i, j, sign, len(self.node.V)),
        )


class DenseNodes:
    """Evaluates the nodes of a tree by the dense relaxation.

    Parameters
    ----------
    tree : BranchAndBound
    """

    slots = SLOTS

    def __init__(self, tree: BranchAndBound) -> None:
        graph, self.scale = tree.graph, tree.scale
        self.W = graph.adjacency.toarray() * tree.scale
        self.total = tree.scale * math.fsum(graph.edges()[2])
        self.error = 0.0
        if not graph.integer:
            # contraction: at most 2 n additions an entry
            absolute = graph.absolute_weight * tree.scale
            self.error = 8 * (graph.n + 4) * UNIT * absolute

    def start(self, tree: BranchAndBound) -> DenseNode:
        """The first node."""
        n = tree.graph.n
        random = np.random.default_rng(np.random.SeedSequence(tree.seed).spawn(1)[0])
        V = random.standard_normal((n, min(START_RANK, n)))
        return DenseNode(math.inf, tree.root, V, Triangles.none())

    def take(self, tree: BranchAndBound, node: DenseNode) -> DenseAtWork:
        """Start the relaxation of a node."""
        return DenseAtWork(self, tree, node)

    def release(self, slot: DenseAtWork) -> None:
        """Nothing outlives a node."""

    def merge(self, slot: DenseAtWork) -> None:
        """Nor do nodes learn from each other."""

    def proof(self, place: Place) -> Proof:
        """The record of one relaxation, in the graph's weights."""
        best, vertices = place.best, place.vertices
        triangles, n = best.triangles, len(vertices)
        W, _ = place.contracted(self.W)
        signs = triangles.signs()
        ends = triangles.ends
        u, v = ends[:, [0, 0, 1]].ravel(), ends[:, [1, 2, 2]].ravel()
        moved = (signs * triangles.gamma[:, None]).ravel()
        np.subtract.at(W, (u, v), moved)
        np.subtract.at(W, (v, u), moved)
        # Diag(y) - L'/4 = (Diag(s) + M) / 4
        y = (best.s + W.sum(axis=1)) / (4 * self.scale)
        if n == 1:
            y = np.zeros(1)
        if not len(triangles):
            return Psd(y)
        return Inequalities(
            3 * np.arange(len(triangles) + 1, dtype=np.int64),
            vertices[u].astype(np.int32),
            vertices[v].astype(np.int32),
            signs.ravel() > 0,
            triangles.gamma / self.scale,
            Psd(y),
        )


class BranchAndBound:
    """The tree of one graph: a state that goes on round by round.

    Parameters
    ----------
    graph : CutGraph
        With at least one edge.
    partition : (n,) int8 array
        The incumbent.
    step : int, default 1
        For integer weights: cuts that matter differ by multiples of it.
    tolerance : float, default 0.0
        For real weights: a bound this close to the incumbent closes a node. At least
        1e-12 of the sum of |w|.
    seed : int, default 0
    linear : bool, default False
        Bound the nodes by the linear program of `lp`, not by the dense relaxation.

    Attributes
    ----------
    partition, cut
        The best partition found, and its value.
    nodes : int
        Nodes finished.

    Notes
    -----
    Rendl, Rinaldi and Wiegele 2010 branch the same way on the dense relaxation.

    Examples
    --------
    >>> import networkx, numpy as np
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from derandcut import CutGraph
    >>> from derandcut.run import Run
    >>> graph = CutGraph.from_networkx(networkx.petersen_graph())
    >>> tree = BranchAndBound(graph, np.ones(10, np.int8))
    >>> with ThreadPoolExecutor(2) as executor:
    ...     while not tree.done:
    ...         tree.advance(Run(graph), executor)
    >>> tree.cut, int(tree.upper_bound)
    (12, 12)
    """

    def __init__(
        self,
        graph: CutGraph,
        partition: np.ndarray,
        *,
        step: int = 1,
        tolerance: float = 0.0,
        seed: int = 0,
        linear: bool = False,
    ) -> None:
        self.graph = graph
        self.partition, self.cut = partition, graph.cut(partition)
        # A power of two, so that weights and cuts are scaled exactly.
        mean = graph.absolute_weight / graph.m
        self.scale = math.ldexp(1.0, 1 - math.frexp(mean)[1])
        self.step, self.tolerance, self.seed = 0, tolerance, seed
        if graph.integer:
            self.step = max(step, graph.modulus)
        else:
            self.tolerance = max(tolerance, REAL * graph.absolute_weight)
        self.root = Place(np.arange(graph.n), np.ones(graph.n, np.int8))
        self.nodes_by = LinearNodes(self) if linear else DenseNodes(self)
        start = self.nodes_by.start(self)
        start.bound = positive_weight(graph).unfloored * self.scale
        self.heap = [(-start.bound, 0, start)]
        self.slots: list[DenseAtWork | LinearAtWork] = []
        self.made, self.nodes = 1, 0
        self.closed = -math.inf  # the largest bound of a leaf

    @property
    def level(self) -> float:
        """A node below it (scaled) holds nothing better than the incumbent."""
        if self.graph.integer:
            return self.scale * (self.cut + self.step * (1 - MARGIN))
        return self.scale * (self.cut + self.tolerance)

    @property
    def done(self) -> bool:
        """True once every node is closed."""
        return not self.heap and not self.slots

    @property
    def upper_bound(self) -> float:
        """No cut is above it; not floored to what a cut can be."""
        bounds = [self.closed, *(slot.bound for slot in self.slots)]
        if self.heap:
            bounds.append(-self.heap[0][0])
        return max(bounds) / self.scale

    def offer(self, partition: np.ndarray) -> None:
        """Take a better incumbent, if it is one."""
        cut = self.graph.cut(partition)
        if cut > self.cut:
            self.partition, self.cut = partition, cut

    def advance(self, run: Run, executor: Executor) -> None:
        """A round of the nodes at work."""
        self.fill()
        work_at([self], executor)
        self.settle(run)

    def fill(self) -> None:
        """Take the best open nodes to work."""
        while self.heap and len(self.slots) < self.nodes_by.slots:
            _, _, node = heapq.heappop(self.heap)
            if node.bound < self.level:
                self.closed = max(self.closed, node.bound)
            else:
                self.slots.append(self.nodes_by.take(self, node))

    def settle(self, run: Run) -> None:
        """Take in what a round has brought."""
        run.charge(sum(slot.work for slot in self.slots))
        for slot in self.slots:
            slot.work = 0
            self.nodes_by.merge(slot)
            if slot.partition is not None:
                self.offer(slot.partition)
                slot.partition = None
        for slot in self.slots:
            if slot.finished:
                self._finish(slot)
        self.slots = [slot for slot in self.slots if not slot.finished]

    def _finish(self, slot: DenseAtWork | LinearAtWork) -> None:
        """Close a node or put its children in its place."""
        self.nodes += 1
        self.nodes_by.release(slot)
        place = slot.node.place
        if slot.closed or slot.bound < self.level:
            self.closed = max(self.closed, slot.bound)
            return
        i, j = slot.pair()
        same, different = slot.child(i, j, 1), slot.child(i, j, -1)
        place.u, place.v = (int(u) for u in place.vertices[[i, j]])
        place.same, place.different = same.place, different.place
        for child in (same, different):
            heapq.heappush(self.heap, (-child.bound, self.made, child))
            self.made += 1

    def proof(self) -> Proof:
        """What `upper_bound` is made of, each node proved by itself or by its children.

        Returns
        -------
        Branch, Inequalities, Psd or Positive
        """
        value, proof = self._proof(self.root)
        most = positive_weight(self.graph).unfloored * self.scale
        return Positive() if proof is None or most <= value else proof

    def _proof(self, place: Place) -> tuple[float, Proof | None]:
        value = math.inf if place.best is None else place.best.value
        if place.same is not None and not value < self.level:
            value_same, same = self._proof(place.same)
            value_different, different = self._proof(place.different)
            below = max(value_same, value_different)
            if below < value:
                return below, Branch(place.u, place.v, same, different)
        return value, None if place.best is None else self.nodes_by.proof(place)


def work_at(trees: list[BranchAndBound], executor: Executor) -> None:
    """A round of the nodes that these trees have at work, all at once."""
    slots = [slot for tree in trees for slot in tree.slots]
    owners = [tree for tree in trees for _ in tree.slots]
    list(executor.map(lambda slot, tree: slot.advance(tree), slots, owners))
