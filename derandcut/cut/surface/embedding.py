"""Graphs drawn on surfaces: rotation systems, faces, genus, Z2-homology.

A rotation system lists the neighbours of each vertex in cyclic order. It fixes an
orientable surface: faces are traced by turning at every vertex, and Euler's formula
gives the genus g, 0 for the plane, 1 for the torus.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from derandcut.cut.surface import _embedding, _planarity
from derandcut.errors import InputError
from derandcut.graph import CutGraph

__all__ = ["Embedding", "planar_embedding", "torus_embedding"]


@dataclass(frozen=True, eq=False)
class Embedding:
    """A graph with a rotation system.

    Build one with `from_rotation`, `planar_embedding` or `torus_embedding`.

    Parameters
    ----------
    graph : CutGraph
    turn : (2 m,) int32 array
        Half-edge 2 e leaves u[e] along edge e (in the order of ``graph.edges()``),
        2 e + 1 leaves v[e]; turn[h] is the next half-edge around the same vertex.

    Attributes
    ----------
    face : (2 m,) int32 array
        The face left of each half-edge.
    order : (2 m,) int32 array
        Half-edges face by face in cyclic order.
    n_faces, n_components, genus : int
        A vertex without edges has a face of its own, not counted in n_faces. The
        genus is summed over components.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.surface import planar_embedding
    >>> square = derandcut.CutGraph.from_edges([0, 1, 2, 3], [1, 2, 3, 0])
    >>> embedding = planar_embedding(square)
    >>> embedding.n_faces, embedding.genus
    (2, 0)
    """

    graph: CutGraph
    turn: np.ndarray

    @classmethod
    def from_rotation(
        cls, graph: CutGraph, rotation: Mapping[Hashable, Iterable[Hashable]]
    ) -> Embedding:
        """Build an embedding from label -> neighbours in cyclic order.

        Raises
        ------
        InputError
            If the neighbours listed for a vertex are not exactly its neighbours.

        Examples
        --------
        >>> import derandcut
        >>> from derandcut.cut.surface import Embedding
        >>> path = derandcut.CutGraph.from_edges([0, 1], [1, 2])
        >>> Embedding.from_rotation(path, {0: [1], 1: [0, 2], 2: [1]}).n_faces
        1
        """
        labels = graph.labels or tuple(range(graph.n))
        number = {label: i for i, label in enumerate(labels)}
        around = np.empty(2 * graph.m, np.int64)
        for i, label in enumerate(labels):
            row = slice(graph.indptr[i], graph.indptr[i + 1])
            try:
                listed = [number[other] for other in rotation.get(label, ())]
            except KeyError as error:
                raise InputError(
                    f"the embedding lists {error.args[0]!r} at vertex {label!r}, "
                    f"which is not a vertex"
                ) from None
            if sorted(listed) != graph.indices[row].tolist():
                raise InputError(
                    f"the embedding must list each neighbour of vertex {label!r} once"
                )
            around[row] = listed
        return cls._from_lists(graph, around)

    @classmethod
    def _from_lists(cls, graph: CutGraph, around: np.ndarray) -> Embedding:
        """From the neighbours in cyclic order, laid out like graph.indices."""
        rows = np.repeat(np.arange(graph.n), graph.degrees)
        # half-edges sorted by (row, column) are those of the CSR arrays
        leaving = _half_edges(graph)
        by_column = np.lexsort((around, rows))
        half = np.empty(len(rows), np.int32)
        half[by_column] = leaving
        following = np.arange(1, len(rows) + 1)
        closing = graph.degrees > 0
        following[graph.indptr[1:][closing] - 1] = graph.indptr[:-1][closing]
        turn = np.empty(len(rows), np.int32)
        turn[half] = half[following]
        return cls(graph, turn)

    @cached_property
    def _faces(self) -> tuple[np.ndarray, np.ndarray, int]:
        face, order = np.empty_like(self.turn), np.empty_like(self.turn)
        return face, order, _embedding.trace_faces(self.turn, face, order)

    @property
    def face(self) -> np.ndarray:
        """(2 m,) int32: the face left of each half-edge."""
        return self._faces[0]

    @property
    def order(self) -> np.ndarray:
        """(2 m,) int32: half-edges face by face in cyclic order."""
        return self._faces[1]

    @property
    def n_faces(self) -> int:
        """Number of faces."""
        return self._faces[2]

    @cached_property
    def leaving(self) -> np.ndarray:
        """(2 m,) int32: half-edges out of u at graph.indptr[u]:graph.indptr[u + 1]."""
        return _half_edges(self.graph)

    @cached_property
    def ends(self) -> np.ndarray:
        """(2 m,) int32: the vertex where each half-edge arrives."""
        u, v, _ = self.graph.edges()
        ends = np.empty(2 * self.graph.m, np.int32)
        ends[0::2], ends[1::2] = v, u
        return ends

    def sides(self, across: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return sides that cut the edges in `across` along a spanning forest.

        The flag is True if all edges agree, that is, if `across` is a cut.
        """
        side, _, _, consistent = self._propagate(across)
        return side, consistent

    def _propagate(
        self, across: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, int, bool]:
        graph = self.graph
        side, tree = np.empty(graph.n, np.int8), np.zeros(graph.m, np.uint8)
        components, consistent = _embedding.propagate(
            graph.indptr,
            self.leaving,
            self.ends,
            np.ascontiguousarray(across).view(np.uint8),
            side,
            np.empty(graph.n, np.int32),
            tree,
        )
        return side, tree, components, consistent

    @cached_property
    def _forest(self) -> tuple[np.ndarray, int]:
        _, tree, components, _ = self._propagate(np.zeros(self.graph.m, bool))
        return tree, components

    @property
    def n_components(self) -> int:
        """Number of connected components."""
        return self._forest[1]

    @cached_property
    def genus(self) -> int:
        """Genus by Euler's formula, n - m + faces = 2 components - 2 genus."""
        isolated = int((self.graph.degrees == 0).sum())
        faces = self.n_faces + isolated
        euler = self.graph.n - self.graph.m + faces
        return (2 * self.n_components - euler) // 2

    @cached_property
    def homology(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Generators of the Z2-homology, by tree and cotree.

        Returns
        -------
        generators : (2 g,) int array
            The edges outside tree and cotree, at most 8. Generator i closes the cycle
            C_i in the spanning forest and the dual cycle D_i in the cotree; C_i and D_j
            cross once if i = j, else never.
        primal : (m,) uint8 array
            Bit i if the edge lies on C_i: the xor over an even dual subgraph is its
            class; it is a cut if that is 0.
        dual : (m,) uint8 array
            Bit i if the edge lies on D_i: the xor over a closed walk is its class, the
            C_i it is homologous to the sum of.
        """
        tree, _ = self._forest
        m = self.graph.m
        tail = self.ends.reshape(-1, 2)[:, ::-1].ravel()
        usable, used = 1 - tree, np.empty(m, np.uint8)
        cotree = self._span(self.face, usable, self.n_faces, used)
        generators = np.flatnonzero(usable & (1 - used))
        forest = self._span(tail, tree, self.graph.n, used)
        primal, dual = np.zeros(m, np.uint8), np.zeros(m, np.uint8)
        _embedding.close_cycles(tail, forest, generators, primal)
        _embedding.close_cycles(self.face, cotree, generators, dual)
        return generators, primal, dual

    def _span(self, place, usable, count, used) -> np.ndarray:
        entry = np.empty(count, np.int32)
        following = np.empty(len(place), np.int32)
        first, queue = np.empty(count, np.int32), np.empty(count, np.int32)
        _embedding.span(place, usable, first, following, queue, entry, used)
        return entry


def _half_edges(graph: CutGraph) -> np.ndarray:
    """Half-edge of each position of the CSR arrays."""
    rows = np.repeat(np.arange(graph.n), graph.degrees)
    above = rows < graph.indices
    half = np.empty(2 * graph.m, np.int32)
    edge = np.arange(graph.m, dtype=np.int32)
    half[above] = 2 * edge
    # below the diagonal, edge (u, v) sits in row v: sorted by (u, v) it is edge k
    below = np.flatnonzero(~above)
    half[below[np.lexsort((rows[below], graph.indices[below]))]] = 2 * edge + 1
    return half


def planar_embedding(graph: CutGraph) -> Embedding | None:
    """Return a planar embedding, or None if the graph is not planar.

    The test is the left-right criterion (de Fraysseix and Rosenstiehl 1982; Brandes
    2009), in linear time. What it returns is checked by Euler's formula.

    Examples
    --------
    >>> import derandcut, networkx
    >>> from derandcut.cut.surface import planar_embedding
    >>> complete = derandcut.CutGraph.from_networkx(networkx.complete_graph(5))
    >>> planar_embedding(complete) is None
    True
    """
    if graph.n > 2 and graph.m > 3 * graph.n - 6:
        return None
    if graph.m == 0:
        return Embedding(graph, np.empty(0, np.int32))
    u, v, _ = graph.edges()
    turn, back = np.empty(2 * graph.m, np.int32), np.empty(2 * graph.m, np.int32)
    planar = _planarity.plane(
        graph.indptr,
        _half_edges(graph),
        np.stack([v, u], axis=1).astype(np.int32).ravel(),
        turn,
        back,
        np.empty(_planarity.room(graph.n, graph.m), np.int32),
    )
    if not planar:
        return None
    embedding = Embedding(graph, turn)
    if embedding.genus:
        raise AssertionError("the planar embedding is not one")
    return embedding


def torus_embedding(graph: CutGraph) -> Embedding | None:
    """Find a toroidal square lattice from the edges alone.

    Works for the products of two cycles of length >= 3 and their twisted variants,
    whatever the numbering and with the shape unknown; returns None for other graphs.

    Examples
    --------
    >>> import derandcut, networkx
    >>> from derandcut.cut.surface import torus_embedding
    >>> torus = networkx.grid_2d_graph(4, 7, periodic=True)
    >>> torus_embedding(derandcut.CutGraph.from_networkx(torus)).genus
    1
    """
    n = graph.n
    if n < 9 or graph.m != 2 * n or (graph.degrees != 4).any():
        return None
    neighbours = graph.indices.reshape(n, 4).astype(np.int32)
    # Three ways to pair the first vertex's neighbours as opposites.
    for pairing in ((0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3)):
        around = np.full((n, 4), -1, np.int32)
        around[0] = neighbours[0, list(pairing)]
        queue = np.zeros(n, np.int32)
        if _embedding.square_lattice(neighbours, around, queue):
            embedding = Embedding._from_lists(graph, around.ravel().astype(np.int64))
            if embedding.genus == 1:
                return embedding
    return None
