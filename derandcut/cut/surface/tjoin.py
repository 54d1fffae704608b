"""Minimum T-joins by exact matching, with a checked dual bound.

A T-join of a graph with costs >= 0 is a set of edges that meets exactly the vertices
in T an odd number of times. Here the graph is the dual of an embedded one: its vertices
are faces. Each end of an edge becomes a node; the nodes at one face form a clique of
cost zero, with one more node if their number and the face's membership in T differ
mod 2. Perfect matchings are T-joins: an edge is in the T-join if its two ends are
matched to each other. Faces with more than four edges are first cut into a path of
faces with at most four, joined by edges of cost zero.

The matching is our own (`_matching`) because it has to prove, and to be asked again:
it works on int64 without any rounding, it returns duals that are checked edge by edge
in every solve, and a solved instance takes an edge forced in or out in one local
search. PyMatching rounds real weights to 24 bits, gives no duals and cannot be changed
after a solve; on the dual of a Delaunay triangulation with 50,000 vertices, half of its
faces in T, it was measured at 228 s and fusion-blossom, which does give duals, at
118 s. Ours takes less than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from derandcut.cut.surface import _matching

if TYPE_CHECKING:
    from derandcut.run import Run

__all__ = ["Matching", "TJoinProblem"]

FOREVER = 2**62
SLICE = 400_000  # edges looked at between two questions to the run


class Matching:
    """One matching in progress or solved: a workspace and what was forced on it.

    Attributes
    ----------
    bound : int
        No T-join that obeys what was forced costs less.
    """

    def __init__(self, problem: TJoinProblem, big: np.ndarray, small: np.ndarray):
        self.problem = problem
        self.big, self.small = big, small
        self.offset = 0  # doubled cost that forced weights hide
        self.loops: tuple[int, ...] = ()  # forced in, one face on both sides

    def copy(self) -> Matching:
        """Return an independent copy (the heap at the end is scratch)."""
        n, m = self.problem.n, self.problem.m
        big, small = np.empty_like(self.big), np.empty_like(self.small)
        first, second = _matching.durable(n, m)
        big[:first] = self.big[:first]
        small[:second] = self.small[:second]
        twin = Matching(self.problem, big, small)
        twin.offset, twin.loops = self.offset, self.loops
        return twin

    def solve(self, run: Run | None = None) -> bool:
        """Match to the end; False if the run ended before."""
        n, m = self.problem.n, self.problem.m
        while True:
            done, units = _matching.advance(self.big, self.small, n, m, SLICE)
            if run is not None:
                run.charge(units)
            if done < 0:
                raise ValueError("no T-join: T is odd on a component")
            if done:
                return True
            if run is not None and run.exhausted():
                _matching.settle(self.big, self.small, n, m)
                return False

    def force(self, edge: int, chosen: bool) -> None:
        """Force `edge` into the T-join or out of it; `solve` again afterwards."""
        problem = self.problem
        external = int(problem.external[edge])
        if external < 0:
            if chosen:
                self.offset += 2 * int(problem.cost[edge])
                self.loops += (edge,)
            return
        before = int(self.big[_matching.HEADER_LENGTH + external])
        _matching.force(
            self.big,
            self.small,
            problem.n,
            problem.m,
            external,
            chosen,
            problem.penalty,
        )
        if chosen:
            after = int(self.big[_matching.HEADER_LENGTH + external])
            self.offset += before - after

    @property
    def bound(self) -> int:
        """Lower bound on the cost from the duals, checked from the arrays alone."""
        return self.reduced_costs()[0]

    def reduced_costs(self) -> tuple[int, np.ndarray]:
        """Return `bound`, and what using each edge costs beyond it, doubled.

        A T-join that obeys what was forced costs at least the bound plus half the sum
        of these numbers over its edges (those outside `problem.kept` count as 0).
        """
        problem = self.problem
        nodes = problem.n + problem.n // 2 + 1
        reduced = np.empty(len(problem.kept), np.int64)
        doubled = _matching.dual_value(
            self.big,
            self.small,
            problem.n,
            problem.m,
            np.empty(nodes, np.int64),
            np.empty(nodes, np.int32),
            np.empty(nodes, np.int32),
            reduced,
        )
        if doubled is None:
            raise AssertionError("the matching's duals are not feasible")
        costs = np.zeros(problem.n_edges, np.int64)
        costs[problem.kept] = reduced
        return -((doubled + self.offset) // -2), costs

    def without(self) -> np.ndarray:
        """(faces,) int64: doubled cost of the T-join if T loses or gains one face.

        For an odd number of faces in T, in place of `solve`; up to a constant.
        """
        problem = self.problem
        arrays = self.big, self.small, problem.n, problem.m
        done, _ = _matching.advance(*arrays, FOREVER)
        if done >= 0:
            raise ValueError("T is even")
        duals = np.empty(problem.n, np.int64)
        _matching.potentials(*arrays, -FOREVER, duals)
        largest = np.full(problem.n_faces, -FOREVER)
        np.maximum.at(largest, problem.node_face, duals)
        return -largest

    def tjoin(self) -> np.ndarray:
        """(edges,) bool: the T-join of a solved matching."""
        problem = self.problem
        chosen = np.zeros(len(problem.kept), np.uint8)
        _matching.mates(self.big, self.small, problem.n, problem.m, chosen)
        result = np.zeros(problem.n_edges, bool)
        result[problem.kept] = chosen.view(bool)
        result[list(self.loops)] = True
        return result


class TJoinProblem:
    """The matching graph of one dual graph and one set T.

    Parameters
    ----------
    face : (2 m,) int32 array
        Face left of each half-edge; edge e joins face[2 e] and face[2 e + 1].
    order : (2 m,) int32 array
        The half-edges, face by face, in cyclic order.
    n_faces : int
    odd : (n_faces,) bool array
        Membership in T.
    """

    def __init__(
        self, face: np.ndarray, order: np.ndarray, n_faces: int, odd: np.ndarray
    ):
        self.n_edges = len(face) // 2
        # An edge with the same face on both sides is in no minimum T-join.
        proper = face[0::2] != face[1::2]
        self.kept = np.flatnonzero(proper)
        self.external = np.full(self.n_edges, -1, np.int64)
        self.external[self.kept] = np.arange(len(self.kept))

        half = order[proper[order >> 1]]
        degree = np.bincount(face[half], minlength=n_faces)
        begin = np.concatenate([[0], np.cumsum(degree)])
        position = np.arange(len(half)) - begin[face[half]]
        # d > 4 edges: pieces of 3, 2, ..., 2, 2 or 3 edges along the boundary
        n_pieces = np.where(degree > 4, (degree - 1) // 2, 1)
        piece_begin = np.concatenate([[0], np.cumsum(n_pieces)])
        local = np.clip((position - 1) // 2, 0, n_pieces[face[half]] - 1)
        piece = piece_begin[face[half]] + local
        total = int(piece_begin[-1])

        last = np.zeros(total, bool)
        last[piece_begin[1:] - 1] = True
        linked = np.flatnonzero(~last)  # joined to the next piece
        size = np.bincount(np.concatenate([piece, linked, linked + 1]), minlength=total)
        wanted = np.zeros(total, np.int64)
        wanted[piece_begin[:-1]] = odd
        extra = np.flatnonzero((size + wanted) % 2)
        size[extra] += 1

        # Number the nodes piece by piece: what is near stays near in memory.
        home = np.concatenate([piece, linked, linked + 1, extra])
        number = np.empty(len(home), np.int64)
        number[np.argsort(home, kind="stable")] = np.arange(len(home))
        self.n_faces = n_faces
        self.node_face = np.empty(len(home), np.int64)
        self.node_face[number] = np.repeat(np.arange(n_faces), n_pieces)[home]
        node = np.empty(2 * self.n_edges, np.int64)
        node[half] = number[: len(half)]
        link = number[len(half) : len(half) + 2 * len(linked)].reshape(2, -1)
        tails, heads = (
            [node[2 * self.kept], link[0]],
            [node[2 * self.kept + 1], link[1]],
        )
        first = np.concatenate([[0], np.cumsum(size)])[:-1]
        for count in range(2, 6):
            here = first[size == count]
            for i in range(count):
                for j in range(i + 1, count):
                    tails.append(here + i)
                    heads.append(here + j)
        self.n = len(home)
        self.tail = np.concatenate(tails).astype(np.int32)
        self.top = np.concatenate(heads).astype(np.int32)
        self.m = len(self.tail)
        self.cost = np.zeros(self.n_edges, np.int64)
        self.penalty = 0

    def start(self, cost: np.ndarray) -> Matching:
        """Return a new matching for integer costs >= 0, one an edge."""
        self.cost = cost
        weight = np.zeros(self.m, np.int64)
        weight[: len(self.kept)] = 2 * cost[self.kept]
        # Beyond any difference of two T-joins, so a forced status is obeyed.
        self.penalty = 2 * int(weight.sum()) + 2
        first, second = _matching.layout(self.n, self.m)
        # One spare element, so that an empty graph has an address too.
        big, small = np.empty(first, np.int64), np.empty(second, np.int32)
        _matching.prepare(big, small, self.n, self.m, self.tail, self.top, weight)
        return Matching(self, big, small)
