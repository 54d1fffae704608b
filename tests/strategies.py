"""hypothesis strategies: graphs of every kind, weights of every kind."""

import itertools

import numpy as np
from hypothesis import strategies as st

from derandcut import CutGraph

SCALES = (1e-12, 1e-6, 1.0, 1e6, 1e12)
KINDS = ("unit", "sign", "integer", "real", "positive", "scaled", "mixed")


@st.composite
def weights(draw: st.DrawFn, m: int, kind: str | None = None) -> list[float]:
    """`m` weights of one kind: any sign, zeros, integer or real, scales 1e-12..1e12."""
    kind = draw(st.sampled_from(KINDS)) if kind is None else kind
    real = st.floats(-10, 10, allow_nan=False).map(lambda x: round(x, 6))
    one = {
        "unit": st.just(1.0),
        "sign": st.sampled_from([-1.0, 1.0]),
        "integer": st.integers(-20, 20).map(float),
        "real": real,
        "positive": st.floats(0.01, 10),
        "scaled": real,
        "mixed": st.tuples(real, st.sampled_from(SCALES)).map(lambda t: t[0] * t[1]),
    }[kind]
    values = draw(st.lists(one, min_size=m, max_size=m))
    if kind == "scaled":
        scale = draw(st.sampled_from(SCALES))
        values = [scale * value for value in values]
    return values


@st.composite
def edge_pairs(draw: st.DrawFn, n: int) -> list[tuple[int, int]]:
    """End vertices of a graph on `n` vertices; loops and parallel edges occur."""
    if n == 0:
        return []
    pairs = list(itertools.combinations(range(n), 2))
    shapes = {
        "empty": [],
        "path": [(u, u + 1) for u in range(n - 1)],
        "cycle": [(u, (u + 1) % n) for u in range(n)],
        "star": [(0, u) for u in range(1, n)],
        "complete": pairs,
        "bipartite": [(u, v) for u, v in pairs if (u + v) % 2],
        "two parts": [(u, v) for u, v in pairs if (u < n // 2) == (v < n // 2)],
    }
    shape = draw(st.sampled_from(["random", "multigraph", *shapes]))
    if shape == "random":
        return draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    if shape == "multigraph":
        vertex = st.integers(0, n - 1)
        return draw(st.lists(st.tuples(vertex, vertex), max_size=3 * n))
    return shapes[shape]


@st.composite
def graphs(
    draw: st.DrawFn, min_n: int = 0, max_n: int = 12, kind: str | None = None
) -> CutGraph:
    """Graphs of `min_n` to `max_n` vertices; `kind` names one kind of weights."""
    n = draw(st.integers(min_n, max_n))
    pairs = draw(edge_pairs(n))
    w = draw(weights(len(pairs), kind))
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return CutGraph.from_edges(ends[:, 0], ends[:, 1], w, n)


@st.composite
def graphs_and_partitions(
    draw: st.DrawFn, min_n: int = 0, max_n: int = 12
) -> tuple[CutGraph, np.ndarray]:
    """A graph and one partition of it."""
    graph = draw(graphs(min_n, max_n))
    sides = st.lists(st.sampled_from([-1, 1]), min_size=graph.n, max_size=graph.n)
    return graph, np.array(draw(sides), dtype=np.int8)
