"""Biconnected blocks: parts of a graph whose cuts add up."""

from __future__ import annotations

import numpy as np

from derandcut.cut import _blocks
from derandcut.graph import CutGraph

__all__ = ["blocks", "combine"]


def blocks(graph: CutGraph) -> list[tuple[np.ndarray, CutGraph]]:
    """Split a graph into its biconnected blocks.

    Parameters
    ----------
    graph : CutGraph

    Returns
    -------
    list of ((k,) int64 array, CutGraph)
        Increasing vertex numbers and the graph induced on them, the blocks of a
        component after each other. Every edge is in one block; two blocks share at most
        one vertex; isolated vertices are in none.

    Examples
    --------
    >>> from derandcut import CutGraph
    >>> bow_tie = CutGraph.from_edges([0, 1, 0, 2, 3, 2], [1, 2, 2, 3, 4, 4])
    >>> [vertices.tolist() for vertices, _ in blocks(bow_tie)]
    [[2, 3, 4], [0, 1, 2]]
    """
    n = graph.n
    if graph.m == 0:
        return []
    order, low, parent, stack, home, top = np.zeros((6, n), np.int32)
    home[:] = -1
    count = _blocks.biconnected(
        graph.indptr,
        graph.indices,
        graph.indptr[:-1].copy(),
        order,
        low,
        parent,
        stack,
        home,
        top,
    )
    if count == 1 and n == int((home >= 0).sum()) + 1:
        return [(np.arange(n), graph)]
    u, v, w = graph.edges()
    edge_block = np.where(order[u] < order[v], home[v], home[u])
    by_block = np.argsort(edge_block, kind="stable")
    edge_ends = np.cumsum(np.bincount(edge_block, minlength=count))
    inside = np.flatnonzero(home >= 0)
    members = np.argsort(home[inside], kind="stable")
    member_ends = np.cumsum(np.bincount(home[inside], minlength=count))
    parts, number = [], np.empty(n, np.int64)
    edge = member = 0
    for block in range(count):
        chosen = inside[members[member : member_ends[block]]]
        vertices = np.sort(np.append(chosen, top[block]))
        number[vertices] = np.arange(len(vertices))
        e = by_block[edge : edge_ends[block]]
        part = CutGraph.from_edges(number[u[e]], number[v[e]], w[e], len(vertices))
        parts.append((vertices, part))
        edge, member = edge_ends[block], member_ends[block]
    return parts


def combine(n: int, parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Put partitions of the blocks together, flipping where they meet.

    Parameters
    ----------
    n : int
    parts : list of ((k,) int64 array, (k,) int8 array)
        Vertices and sides of the blocks, in the order in which `blocks` returned them.

    Returns
    -------
    (n,) int8 array
    """
    side = np.zeros(n, np.int8)
    # A block comes after those below it and before the one that holds its top, so
    # backwards each block meets the earlier ones of its component in one vertex.
    for vertices, own in reversed(parts):
        met = np.flatnonzero(side[vertices])
        flip = side[vertices[met[0]]] * own[met[0]] if len(met) else 1
        side[vertices] = flip * own
    return np.where(side == 0, 1, side).astype(np.int8)
