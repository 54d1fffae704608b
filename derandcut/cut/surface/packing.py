"""T-cut packings (4.9): why no T-join is cheaper, as inequalities anybody can add up.

Let J be a minimum T-join, and d(f) the cost of a minimum (T xor {r, f})-join less that
of J, for a fixed face r: the distance from r when the edges of J count negatively.
Along an edge of cost w between f and g, d rises from both ends at slope one and peaks
at (d(f) + d(g) + w) / 2. Sebo (1990): every component of a level set {d <= t} without r
is a T-odd set that one edge of J leaves. Over all levels these cuts load no edge beyond
its cost, and each J-edge fully, so they add up to the cost of J.

All d come from one search: with r added to T one node of the matching stays exposed,
and the duals, once the search from it has reached everything, are the distances.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from derandcut.cut.proof import Inequalities
from derandcut.cut.surface.embedding import Embedding
from derandcut.cut.surface.exact import integer_costs
from derandcut.cut.surface.tjoin import TJoinProblem

__all__ = ["tcuts"]


def tcuts(
    embedding: Embedding, decided: dict[int, bool] | None = None
) -> Inequalities | None:
    """Pack T-cuts of the dual, as inequalities of the graph.

    Parameters
    ----------
    embedding : Embedding
    decided : dict, optional
        Edge -> whether it is cut: the packing is then of the other edges.

    Returns
    -------
    Inequalities or None
        None if the decisions contradict each other.

    Notes
    -----
    Sebo, "Undirected distances and the postman-structure of graphs", JCTB 49, 1990.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.surface import planar_embedding
    >>> from derandcut.cut.surface.packing import tcuts
    >>> triangle = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 0], [2, 3, 4])
    >>> tcuts(planar_embedding(triangle)).multiplier.tolist()
    [2.0]
    """
    graph = embedding.graph
    u, v, weight = graph.edges()
    cost, exponent = integer_costs(graph)
    ends = embedding.face.reshape(-1, 2)
    n_faces = embedding.n_faces
    parity = weight > 0
    open_ = np.ones(graph.m, bool)
    for edge, across in (decided or {}).items():
        parity[edge], open_[edge] = across, False
    odd = np.bincount(ends[parity].ravel(), minlength=n_faces) % 2 == 1
    # Parts that the decisions, or the graph, separate are linked at no cost.
    joined = sp.coo_array(
        (np.ones(int(open_.sum())), tuple(ends[open_].T)), shape=(n_faces, n_faces)
    )
    count, part = connected_components(joined, directed=False)
    if (np.bincount(part, weights=odd, minlength=count) % 2).any():
        return None
    _, first = np.unique(part, return_index=True)
    links = np.stack([first[:-1], first[1:]], axis=1)
    kept = np.flatnonzero(open_)
    pairs = np.concatenate([ends[kept], links]).astype(np.int64)
    cost = np.concatenate([cost[kept], np.zeros(len(links), np.int64)])
    if n_faces:
        odd[0] ^= True
        order = _around(embedding, kept, pairs)
        problem = TJoinProblem(pairs.ravel(), order, n_faces, odd)
        level = problem.start(cost).without()
        found = list(_level_sets(2 * level, pairs, level[pairs].sum(1) + 2 * cost))
    else:
        found = []
    sizes = np.array([0, *(len(edges) for edges, _ in found)], np.int64)
    these = kept[np.array([e for edges, _ in found for e in edges], np.int64)]
    # levels are in quarters of a unit of cost
    height = np.array([interval for _, interval in found], np.float64)
    return Inequalities(
        starts=np.cumsum(sizes),
        u=u[these],
        v=v[these],
        odd=weight[these] > 0,
        multiplier=np.ldexp(height, -2 - exponent),
    )


def _around(embedding: Embedding, kept: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Half-edges of `pairs` face by face: the kept ones in cyclic order, then links."""
    number = np.full(embedding.graph.m, -1)
    number[kept] = np.arange(len(kept))
    half = embedding.order[number[embedding.order >> 1] >= 0]
    half = np.concatenate(
        [2 * number[half >> 1] + (half & 1), np.arange(2 * len(kept), pairs.size)]
    )
    return half[np.argsort(pairs.ravel()[half], kind="stable")]


def _level_sets(
    level: np.ndarray, pairs: np.ndarray, peak: np.ndarray
) -> Iterator[tuple[list[int], int]]:
    """Yield (edges that leave it, how many levels it lasts) of each component.

    Faces appear at their level, edges join what they connect at their peak. Components
    with face 0 are left out.
    """
    n_faces = len(level)
    proper = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
    leaving: list[set[int]] = [set() for _ in range(n_faces)]
    for e in proper.tolist():
        leaving[pairs[e, 0]].add(e)
        leaving[pairs[e, 1]].add(e)
    above, since = list(range(n_faces)), level.tolist()
    rooted = [f == 0 for f in range(n_faces)]

    def component(f: int) -> int:
        while above[f] != f:
            above[f] = above[above[f]]
            f = above[f]
        return f

    for e in proper[np.argsort(peak[proper], kind="stable")].tolist():
        a, b = component(pairs[e, 0]), component(pairs[e, 1])
        if a == b:
            continue
        height = int(peak[e])
        for c in (a, b):
            if since[c] < height and not rooted[c]:
                yield list(leaving[c]), height - since[c]
        if len(leaving[a]) < len(leaving[b]):
            a, b = b, a
        leaving[a] ^= leaving[b]
        leaving[b] = set()
        above[b], since[a] = a, height
        rooted[a] = rooted[a] or rooted[b]
