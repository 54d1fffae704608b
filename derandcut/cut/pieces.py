"""Pieces: a graph taken apart by reductions and biconnected blocks, and put together.

Cuts add up over biconnected blocks, a block's cutting vertices may have a low degree in
it, and then it reduces further: a tree of pieces. Its leaves neither reduce nor split;
laid side by side they are the kernel, on which the pipeline works.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from derandcut.cut.blocks import blocks, combine
from derandcut.cut.proof import (
    Inequalities,
    Packing,
    Positive,
    Proof,
    Psd,
    Reduced,
    Split,
)
from derandcut.cut.reduce import Reduction, reduce
from derandcut.graph import CutGraph
from derandcut.run import Run, Trial

__all__ = ["Leaf", "Pieces"]

EXACT = 2.0**48  # sums of integer weights up to here: nothing can round
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(eq=False, slots=True)
class Leaf:
    """A graph that neither reduces nor splits.

    Attributes
    ----------
    graph : CutGraph
    scale : int
        What its weights were multiplied by.
    vertices : slice
        Its vertices in the kernel, in order.
    factor : float
        The kernel's scale over its own, a power of two.
    """

    graph: CutGraph
    scale: int
    vertices: slice = field(default_factory=lambda: slice(0, 0))
    factor: float = 1.0


@dataclass(eq=False, slots=True)
class _Piece:
    """A block of the piece above: its reduction, then its blocks or a leaf."""

    block: np.ndarray | None  # its vertices in what is left of the piece above
    n: int  # vertices that are left of it
    reduction: Reduction | None = None
    leaf: Leaf | None = None
    children: list[int] = field(default_factory=list)


class Pieces:
    """The tree of pieces of a graph.

    Parameters
    ----------
    graph : CutGraph
    reductions : bool, default True
        Whether pieces are reduced; they are split in any case.
    run : Run or Trial, optional
        Ends the reductions early, wherever they are.

    Attributes
    ----------
    leaves : list of Leaf
    kernel : CutGraph
        The leaves side by side, on one scale.
    constant : Fraction
    scale : float
        cut of the graph = constant + cut of the kernel / scale.
    rounding : float
        A rigorous bound on the error of that equation, 0 for integer weights.

    Examples
    --------
    >>> import networkx
    >>> from derandcut import CutGraph
    >>> from derandcut.cut.pieces import Pieces
    >>> ring = networkx.circulant_graph(9, [1, 2])
    >>> two = networkx.disjoint_union(ring, ring)
    >>> networkx.add_path(two, [0, 18, 9])
    >>> pieces = Pieces(CutGraph.from_networkx(two))
    >>> [leaf.graph.n for leaf in pieces.leaves], float(pieces.constant)
    ([9, 9], 2.0)
    """

    def __init__(
        self,
        graph: CutGraph,
        *,
        reductions: bool = True,
        run: Run | Trial | None = None,
    ) -> None:
        self.leaves: list[Leaf] = []
        self._pieces: list[_Piece] = []  # each before its children
        self.constant, rounding = Fraction(0), [0.0]
        waiting: list[tuple[CutGraph, np.ndarray | None, int, int]] = []
        waiting.append((graph, None, 1, -1))
        while waiting:
            part, block, scale, above = waiting.pop()
            here = len(self._pieces)
            piece = _Piece(block, part.n)
            self._pieces.append(piece)
            if above >= 0:
                self._pieces[above].children.append(here)
            reduction = reduce(part, run) if reductions else None
            kernel = part if reduction is None else reduction.kernel
            if kernel.n < part.n:
                piece.reduction, part, piece.n = reduction, kernel, kernel.n
                self.constant += Fraction(reduction.constant) / scale
                rounding.append(reduction.rounding / scale)
                scale *= reduction.scale
            reduced = piece.reduction is not None
            parts = blocks(part) if reduced or block is None else []
            stays = block is not None and not reduced  # a block, as before
            if stays or (len(parts) == 1 and len(parts[0][0]) == part.n):
                piece.leaf = Leaf(part, scale)
                self.leaves.append(piece.leaf)
                continue
            waiting += [(own, inside, scale, here) for inside, own in reversed(parts)]
        self.rounding = math.fsum(rounding) * (1 + 2 * EPSILON)
        self._lay_out()

    def _lay_out(self) -> None:
        """Put the leaves side by side, weights as integers where that is exact."""
        scale = max((leaf.scale for leaf in self.leaves), default=1)
        sizes = [leaf.graph.absolute_weight / leaf.scale for leaf in self.leaves]
        self.scale = float(scale) if scale * sum(sizes) <= EXACT else 1.0
        if len(self.leaves) == 1 and scale == self.scale:
            leaf = self.leaves[0]
            leaf.vertices, self.kernel = slice(0, leaf.graph.n), leaf.graph
            return
        begin, edges = 0, [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        for leaf in self.leaves:
            leaf.factor = self.scale / leaf.scale
            leaf.vertices = slice(begin, begin + leaf.graph.n)
            u, v, w = leaf.graph.edges()
            edges.append((u + begin, v + begin, w * leaf.factor))
            begin += leaf.graph.n
        u, v, w = (np.concatenate(x) for x in zip(*edges, strict=True))
        self.kernel = CutGraph.from_edges(u, v, w, begin)

    @property
    def components(self) -> np.ndarray | None:
        """(kernel.n,) int array: the leaf of each vertex; None if there is one."""
        sizes = [leaf.graph.n for leaf in self.leaves]
        return np.repeat(np.arange(len(sizes)), sizes) if len(sizes) > 1 else None

    def lift(self, partition: np.ndarray) -> np.ndarray:
        """Return the best partition of the graph that continues one of the kernel."""
        sides: list[np.ndarray] = [partition] * len(self._pieces)
        for number in range(len(self._pieces) - 1, -1, -1):
            piece = self._pieces[number]
            if piece.leaf is not None:
                side = partition[piece.leaf.vertices]
            else:
                parts = [(self._pieces[k].block, sides[k]) for k in piece.children]
                side = combine(piece.n, parts)
            if piece.reduction is not None:
                side = piece.reduction.lift(side)
            sides[number] = side
        return sides[0]

    def project(self, partition: np.ndarray) -> np.ndarray:
        """Return the kernel's part of a partition of the graph.

        Lifting it again gives a cut at least as good.
        """
        kernel = np.ones(self.kernel.n, np.int8)
        sides: list[np.ndarray] = [partition] * len(self._pieces)
        for number, piece in enumerate(self._pieces):
            side = sides[number]
            if piece.reduction is not None:
                side = piece.reduction.project(side)
            if piece.leaf is not None:
                kernel[piece.leaf.vertices] = side
            for child in piece.children:
                sides[child] = side[self._pieces[child].block]
        return kernel

    def combined(self, proofs: list[Proof]) -> Proof:
        """Turn proofs about the leaves, in order, into one about the graph."""
        remaining = list(proofs)
        whole: list[Proof] = [Positive()] * len(self._pieces)
        for number in range(len(self._pieces) - 1, -1, -1):
            piece = self._pieces[number]
            inner: Proof = Positive()
            if piece.leaf is not None:
                inner = remaining.pop()
            elif piece.children:
                parts = [(self._pieces[k].block, whole[k]) for k in piece.children]
                inner = Split(tuple(parts))
            if piece.reduction is not None:
                inner = Reduced(piece.reduction.steps, inner, piece.reduction.scale)
            whole[number] = inner
        return whole[0]

    def split(self, proof: Proof) -> list[Proof]:
        """Turn a proof about the kernel into proofs about the leaves, in order."""
        return [self._restricted(proof, leaf) for leaf in self.leaves]

    def _restricted(self, proof: Proof, leaf: Leaf) -> Proof:
        """What a proof about the kernel says of a leaf: all of them add up over leaves.

        Cycles, and with them inequalities, lie in one leaf each.
        """
        begin, end = leaf.vertices.start, leaf.vertices.stop
        match proof:
            case Psd():
                return Psd(proof.y[begin:end] / leaf.factor)
            case Inequalities():
                inner = proof.inner
                inner = None if inner is None else self._restricted(inner, leaf)
                first = proof.u[proof.starts[:-1]]
                own = (first >= begin) & (first < end)
                lengths = np.diff(proof.starts)
                pairs = np.repeat(own, lengths)
                return Inequalities(
                    np.concatenate([[0], np.cumsum(lengths[own])]).astype(np.int64),
                    (proof.u[pairs] - begin).astype(np.int32),
                    (proof.v[pairs] - begin).astype(np.int32),
                    proof.odd[pairs],
                    proof.multiplier[own] / leaf.factor,
                    inner,
                )
            case Positive() | Packing():
                return proof
        raise TypeError(f"a proof about the kernel cannot be {type(proof).__name__}")
