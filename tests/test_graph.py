"""CutGraph: any edges in, one canonical graph out, cuts exact."""

import math
import pickle
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError
from derandcut.graph import exact_sum

RELAXED = settings(deadline=None, max_examples=60)
INTEGERS = st.integers(-50, 50).map(float)
REALS = st.floats(-1, 1, allow_subnormal=False)
SCALES = st.sampled_from([1e-12, 1e-6, 1.0, 1e6, 1e12])


@st.composite
def edge_lists(draw, weights=INTEGERS, max_n=9):
    n = draw(st.integers(0, max_n))
    if n == 0:
        return 0, []
    vertex = st.integers(0, n - 1)
    edges = draw(st.lists(st.tuples(vertex, vertex, weights), max_size=25))
    return n, edges


def build(n, edges):
    u, v, w = ([edge[i] for edge in edges] for i in range(3))
    return CutGraph.from_edges(u, v, w, n)


def arrays(graph):
    return graph.indptr, graph.indices, graph.weights


def same(first, second):
    return all(map(np.array_equal, arrays(first), arrays(second)))


def check_invariants(graph):
    assert graph.indptr[0] == 0 and graph.indptr[-1] == len(graph.indices)
    for x in range(graph.n):
        row = graph.indices[graph.indptr[x] : graph.indptr[x + 1]]
        assert (np.diff(row) > 0).all() and x not in row
    assert (graph.weights != 0).all()
    transposed = graph.adjacency.T.tocsr()
    assert (transposed != graph.adjacency).nnz == 0
    assert not any(array.flags.writeable for array in arrays(graph))


@RELAXED
@given(edge_lists())
def test_edges_are_merged_and_loops_dropped(case):
    n, edges = case
    graph = build(n, edges)
    check_invariants(graph)
    expected = {}
    for u, v, w in edges:
        if u != v:
            key = min(u, v), max(u, v)
            expected[key] = expected.get(key, 0) + w
    found = {(u, v): w for u, v, w in zip(*graph.edges(), strict=True)}
    assert found == {key: w for key, w in expected.items() if w}
    assert list(found) == sorted(found)


@RELAXED
@given(edge_lists(), st.integers(0, 2**9 - 1))
def test_integer_cuts_are_exact(case, sides):
    n, edges = case
    graph = build(n, edges)
    x = [1 if sides >> i & 1 else -1 for i in range(n)]
    cut = graph.cut(x)
    assert isinstance(cut, int)
    assert cut == sum(int(w) for u, v, w in edges if x[u] != x[v])


def test_integer_cuts_are_exact_near_the_limit():
    big = 2**53 - 1
    graph = CutGraph.from_edges([0], [1], [big])
    assert graph.integer and graph.cut([1, -1]) == big
    star = CutGraph.from_edges([0] * 4, [1, 2, 3, 4], [2**51 - 1] * 3 + [1])
    assert star.cut([1, -1, -1, -1, -1]) == 3 * (2**51 - 1) + 1


@RELAXED
@given(edge_lists(REALS), SCALES, st.integers(0, 2**9 - 1))
def test_real_cuts_at_any_scale(case, scale, sides):
    n, edges = case
    edges = [(u, v, w * scale) for u, v, w in edges]
    x = [1 if sides >> i & 1 else -1 for i in range(n)]
    exact = sum((Fraction(w) for u, v, w in edges if x[u] != x[v]), Fraction(0))
    size = sum(abs(w) for _, _, w in edges)
    assert abs(build(n, edges).cut(x) - float(exact)) <= 1e-14 * size


@RELAXED
@given(edge_lists(REALS), SCALES, st.integers(0, 2**9 - 1))
def test_real_cuts_are_correctly_rounded(case, scale, sides):
    # So the cut of a partition is never above a float that bounds its exact weight.
    n, edges = case
    graph = build(n, [(u, v, w * scale * 10 ** (7 * (u % 3))) for u, v, w in edges])
    x = [1 if sides >> i & 1 else -1 for i in range(n)]
    edges = zip(*graph.edges(), strict=True)
    assert graph.cut(x) == float(
        sum((Fraction(w) for u, v, w in edges if x[u] != x[v]), Fraction(0))
    )


@RELAXED
@given(edge_lists(REALS), st.randoms(use_true_random=False))
def test_order_and_orientation_of_edges_do_not_matter(case, random):
    n, edges = case
    graph = build(n, [(u, v, round(w * 64) / 64) for u, v, w in edges])
    shuffled = [(v, u, round(w * 64) / 64) for u, v, w in edges]
    random.shuffle(shuffled)
    assert same(graph, build(n, shuffled))
    assert graph.digest == build(n, shuffled).digest


@RELAXED
@given(edge_lists(), st.randoms(use_true_random=False))
def test_relabelling_keeps_cuts(case, random):
    n, edges = case
    order = list(range(n))
    random.shuffle(order)
    moved = build(n, [(order[u], order[v], w) for u, v, w in edges])
    x = np.array([random.choice([-1, 1]) for _ in range(n)], np.int8)
    y = np.empty_like(x)
    y[order] = x
    assert build(n, edges).cut(x) == moved.cut(y)


@RELAXED
@given(edge_lists())
def test_scipy_networkx_and_pickle_agree(case):
    n, edges = case
    graph = build(n, edges)
    assert same(graph, CutGraph.from_scipy(graph.adjacency))
    assert same(graph, CutGraph.from_scipy(graph.adjacency.toarray()))
    assert same(graph, pickle.loads(pickle.dumps(graph)))
    multi = nx.MultiGraph()
    multi.add_nodes_from(range(n))
    multi.add_weighted_edges_from(edges)
    assert same(graph, CutGraph.from_networkx(multi))


@RELAXED
@given(edge_lists(), st.integers(0, 2**9 - 1))
def test_reweighted_equals_a_new_graph(case, sides):
    n, edges = case
    graph = build(n, edges)
    u, v, w = graph.edges()
    new = w * 3 + 1
    again = graph.reweighted(new)
    assert np.array_equal(again.edges()[2], new)
    x = [1 if sides >> i & 1 else -1 for i in range(n)]
    assert again.cut(x) == CutGraph.from_edges(u, v, new, n).cut(x)
    assert (again.adjacency != again.adjacency.T).nnz == 0


def test_parallel_real_edges_have_the_same_bits_both_ways():
    rng = np.random.default_rng(0)
    u, v = rng.integers(0, 5, (2, 500))
    graph = CutGraph.from_edges(u, v, rng.normal(size=500))
    assert (graph.adjacency != graph.adjacency.T).nnz == 0


def test_labels_are_kept():
    graph = CutGraph.from_networkx(nx.Graph([("a", "b"), ("b", "c")]))
    assert graph.labels == ("a", "b", "c")
    with pytest.raises(InputError, match="distinct"):
        CutGraph.from_edges([0], [1], labels=["a", "a"])


@pytest.mark.parametrize("empty", [0, 1, 5])
def test_graphs_without_edges(empty):
    graph = CutGraph.from_edges([], [], [], empty)
    assert (graph.n, graph.m, graph.cut([1] * empty)) == (empty, 0, 0)
    assert same(graph, CutGraph.from_scipy(np.zeros((empty, empty))))


def test_int64_is_used_only_where_needed():
    assert CutGraph.from_edges([0], [1]).indices.dtype == np.int32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], [1, 2]), "same length"),
        (([0], [-1]), "outside"),
        (([0], [3], [1], 3), "outside"),
        (([0.5], [1]), "integers"),
        (([0], [1], [math.nan]), "not|finite"),
        (([0], [1], [math.inf]), "finite"),
        (([0], [1], [2**53 + 1]), "2\\^53"),
        (([0], [1], [-(2**63)]), "2\\^53"),
        (([0], [1], [1j]), "real"),
        (([0], [1], ["x"]), "real"),
        (([[0]], [[1]]), "one-dimensional"),
        (([0, 1], [1, 2], [1e308, 1e308]), "overflows"),
        (([0, 0], [1, 1], [1.7e308, 1.7e308]), "overflows"),
        (([0], [1], [1], -1), "n must be"),
        (([0], [1], [1], 2.5), "n must be"),
    ],
)
def test_bad_edges_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        CutGraph.from_edges(*arguments)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 3)), "square"),
        ([[0, 1], [2, 0]], "symmetric"),
        ([[0, math.nan], [math.nan, 0]], "finite"),
        (sp.csr_array([[0, 1j], [1j, 0]]), "real"),
        ([[0, "x"], ["x", 0]], "."),
        ([[0, 1], [1]], "."),
        ([1, 2], "square"),
        (None, "."),
    ],
)
def test_bad_matrices_are_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        CutGraph.from_scipy(matrix)


def test_a_digraph_is_refused_with_the_way_out():
    with pytest.raises(InputError, match="max_dicut"):
        CutGraph.from_networkx(nx.DiGraph([(0, 1)]))


def test_bad_partitions_and_weights_are_refused():
    graph = CutGraph.from_edges([0], [1])
    with pytest.raises(InputError, match="one side a vertex"):
        graph.cut([1])
    for w in ([], [1, 2], [math.nan]):
        with pytest.raises(InputError):
            graph.reweighted(w)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [0, 12, 280])
def test_long_sums_are_correctly_rounded(seed, spread):
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.uniform(-spread, spread, 2000)
    values = np.concatenate([rng.standard_normal(2000) * size, np.zeros(3)])
    values = np.concatenate([values, -values[: 1999 + seed % 2], [0.1]])
    assert exact_sum(values) == math.fsum(values)
    assert exact_sum(np.full(5000, 0.1)) == math.fsum([0.1] * 5000)
    whole = rng.integers(-(2**53), 2**53, 3000).astype(float)
    assert exact_sum(whole) == float(sum(map(int, whole.tolist())))
