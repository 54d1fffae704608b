"""The exact reductions (4.1)-(4.4), (4.10), (4.12), (4.13), against brute force."""

import itertools
from fractions import Fraction
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError
from derandcut.cut.reduce import reduce
from derandcut.run import Run

GSET = Path(__file__).parents[2] / "../shared/data/gset"


def best_cut(graph):
    """The maximum cut by enumeration."""
    if graph.n == 0:
        return 0
    u, v, w = graph.edges()
    x = np.arange(1 << (graph.n - 1))[:, None] >> np.arange(graph.n) & 1
    return float(((x[:, u] ^ x[:, v]) * w).sum(axis=1).max())


@st.composite
def graphs(draw, weights, most=10):
    n = draw(st.integers(0, most))
    edge = st.tuples(
        st.integers(0, max(0, n - 1)), st.integers(0, max(0, n - 1)), weights
    )
    edges = draw(st.lists(edge, max_size=3 * n)) if n else []
    u, v, w = zip(*edges, strict=True) if edges else ((), (), ())
    return CutGraph.from_edges(
        np.array(u, np.int64), np.array(v, np.int64), np.array(w, float), n
    )


integers = st.integers(-6, 6).map(float)
reals = st.builds(
    lambda mantissa, exponent: mantissa * 10.0**exponent,
    st.floats(-1, 1),
    st.sampled_from([-12, -3, 0, 3, 12]),
)


def check(graph):
    reduction = reduce(graph)
    kernel = reduction.kernel
    slack = reduction.rounding + 1e-13 * graph.absolute_weight
    if graph.integer:
        assert reduction.rounding == 0 and kernel.integer
        assert isinstance(reduction.constant, int)
        slack = 0
    best = best_cut(graph)
    assert abs(reduction.value(best_cut(kernel)) - best) <= slack
    assert reduction.bound(best_cut(kernel)) >= best - 1e-13 * graph.absolute_weight
    rng = np.random.default_rng(graph.m)
    x = rng.choice([-1, 1], kernel.n)
    lifted = reduction.lift(x)
    assert lifted.dtype == np.int8 and set(np.unique(lifted)) <= {-1, 1}
    assert (lifted[reduction.vertices] == x).all()
    assert abs(graph.cut(lifted) - reduction.value(kernel.cut(x))) <= slack
    y = rng.choice([-1, 1], graph.n)
    again = reduction.lift(reduction.project(y))
    assert graph.cut(again) >= graph.cut(y) - slack
    assert kernel.m <= graph.m
    assert kernel.n == 0 or kernel.degrees.min() >= 4
    assert not dominated(kernel) and not twins(kernel) and not triangle(kernel)
    assert not clique(kernel)


def rows(graph):
    exact = [[Fraction(0)] * graph.n for _ in range(graph.n)]
    for u, v, w in zip(*(part.tolist() for part in graph.edges()), strict=True):
        exact[u][v] = exact[v][u] = Fraction(w)
    return exact


def dominated(graph):
    """Whether (4.4) applies beyond rounding."""
    for row in rows(graph):
        size = [abs(w) for w in row]
        if 2 * max(size) > sum(size) * (1 + Fraction(1e-12)):
            return True
    return False


def triangle(graph):
    """Whether (4.12) applies beyond rounding."""
    W = rows(graph)
    total = [sum(map(abs, row)) * (1 + Fraction(1e-12)) for row in W]
    for u, v, z in itertools.permutations(range(graph.n), 3):
        a, b, c = W[u][v], W[u][z], W[v][z]
        if (
            a * b * c < 0
            and 2 * (abs(a) + abs(b)) > total[u]
            and 2 * (abs(a) + abs(c)) > total[v]
        ):
            return True
    return False


def twins(graph):
    """The pairs to which (4.10) applies."""
    W, found = rows(graph), []
    for u, v in itertools.combinations(range(graph.n), 2):
        pairs = [(W[u][z], W[v][z]) for z in range(graph.n) if z not in (u, v)]
        a, b = next((p for p in pairs if any(p)), (0, 0))
        if a * b and all(x * b == y * a for x, y in pairs) and a * b * W[u][v] <= 0:
            found.append((u, v))
    return found


def clique(graph):
    """Whether (4.13) applies."""
    W = rows(graph)
    for u, row in enumerate(W):
        for w in {abs(x) for x in row} - {0}:
            t = [x / w for x in row]
            t[u] = Fraction(1)
            inside = [
                v
                for v in range(graph.n)
                if abs(t[v]) == 1
                and all(W[v][z] == w * t[v] * t[z] for z in range(graph.n) if z != v)
            ]
            mass = sum(map(abs, t)) - len(inside)
            if (
                len(inside) >= 2
                and mass <= len(inside) + 1
                and all(x.denominator == 1 for x in t)
            ):
                return True
    return False


def with_clique(rng, k, mass, w, *, more=0):
    """A clique with t = +-1, its neighbours with |t| up to 3, and `more` vertices.

    The clique comes first, then its neighbours, whose |t| add up to `mass`; weights
    between the others are multiples of w / 4 close to 3 w, or none.
    """
    t = list(rng.choice([-1, 1], k))
    while mass:
        size = int(rng.integers(1, min(3, mass) + 1))
        t.append(size * int(rng.choice([-1, 1])))
        mass -= size
    reach, n = len(t), len(t) + more
    W = np.zeros((n, n))
    u, v = np.triu_indices(n - k, 1)
    some = rng.integers(9, 16, len(u)) * (rng.random(len(u)) < 0.8)
    W[u + k, v + k] = w / 4 * some * rng.choice([-1, 1], len(u))
    for i in range(k):
        W[i, i + 1 : reach] = w * t[i] * np.array(t[i + 1 :])
    u, v = np.nonzero(W)
    return CutGraph.from_edges(u, v, W[u, v], n)


def shuffled(rng, graph):
    u, v, w = graph.edges()
    label = rng.permutation(graph.n)
    return CutGraph.from_edges(label[u], label[v], w, graph.n)


def with_twins(rng, n, copies, *, integer):
    """A random graph, and vertices whose weights are multiples of another's."""
    size = n + copies
    W = np.zeros((size, size))
    u, v = np.triu_indices(n, 1)
    w = rng.integers(-3, 4, len(u)) if integer else rng.normal(size=len(u))
    W[u, v] = W[v, u] = w * (rng.random(len(u)) < rng.choice([0.7, 1]))
    for new in range(n, size):
        old = int(rng.integers(new))
        c = rng.choice([-3, -1, 1, 2] if integer else [-1, 1, 2, -0.5, 3, 1 / 3])
        W[new, :new] = c * W[old, :new]
        W[new, old] = -np.sign(c) * rng.choice([0, 1, 2, 2, -1])
        W[:new, new] = W[new, :new]
    u, v = np.triu_indices(size, 1)
    label = rng.permutation(size)
    return CutGraph.from_edges(label[u], label[v], W[u, v], size)


@settings(deadline=None)
@given(graphs(integers))
def test_integer_weights_exactly(graph):
    check(graph)


@settings(deadline=None)
@given(graphs(reals))
def test_real_weights_within_the_margin(graph):
    check(graph)


@pytest.mark.parametrize("seed", range(60))
def test_denser_graphs(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 13))
    m = int(rng.integers(n, 4 * n))
    u, v = rng.integers(0, n, (2, m))
    w = rng.integers(-3, 4, m) if seed % 2 else rng.normal(size=m)
    check(CutGraph.from_edges(u, v, w, n))


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_4_1_to_4_3_eliminate_low_degrees(degree, seed):
    """K5 with a vertex of the degree attached: the kernel's 16 values are its best."""
    rng = np.random.default_rng([degree, seed])
    u, v = np.triu_indices(5, 1)
    u, v = np.r_[u, [5] * degree], np.r_[v, np.arange(degree)]
    # Near-equal weights inside, so that no edge dominates.
    w = np.r_[rng.uniform(1, 1.2, 10), rng.uniform(-0.2, 0.2, degree)]
    graph = CutGraph.from_edges(u, v, w)
    reduction = reduce(graph)
    assert reduction.kernel.n == 5
    for code in range(16):
        x = np.where(code >> np.arange(5) & 1, 1, -1)
        best = max(graph.cut(np.r_[x, side]) for side in (-1, 1))
        assert reduction.value(reduction.kernel.cut(x)) == pytest.approx(best)


def test_4_5_degree_four_vanishes_only_under_domination():
    """The coefficient of x_a x_b x_c x_d in max over x_u, over all sign patterns."""
    signs = np.array(list(itertools.product([-1, 1], repeat=4)))
    rng = np.random.default_rng(45)
    for case in range(2000):
        w = rng.integers(-5, 6, 4) if case % 2 else rng.normal(size=4)
        coefficient = (np.abs(signs @ w) * signs.prod(axis=1)).sum() / 2
        d, c, b, a = np.sort(np.abs(w))
        term = abs(a - b - c + d) - abs(a - b - c - d) - 2 * d
        assert abs(coefficient) == pytest.approx(abs(term))
        if d > 0:
            assert (abs(term) <= 1e-12) == (a - b - c - d >= -1e-12)


def test_4_4_domination_contracts_a_heavy_edge():
    """K6 with one edge as heavy as the others of its end: one vertex fewer."""
    u, v = np.triu_indices(6, 1)
    for weight, together in ((4.0, False), (-4.0, True)):
        w = np.ones(15)
        w[0] = weight
        graph = CutGraph.from_edges(u, v, w)
        x = reduce(graph).lift(np.ones(reduce(graph).kernel.n))
        assert (x[0] == x[1]) == together
        check(graph)


@pytest.mark.parametrize("bits", [49.99, 50.01, 52.9])
@pytest.mark.parametrize("seed", range(6))
def test_integers_are_never_rounded(bits, seed):
    rng = np.random.default_rng(seed)
    n = 12
    u, v = rng.integers(0, n, (2, 3 * n))
    share = rng.uniform(-1, 1, 3 * n)
    w = np.rint(share / np.abs(share).sum() * 2.0**bits)
    graph = CutGraph.from_edges(u, v, w, n)
    reduction = reduce(graph)
    assert graph.integer and reduction.kernel.integer and reduction.rounding == 0
    x = rng.choice([-1, 1], reduction.kernel.n)
    assert graph.cut(reduction.lift(x)) == reduction.value(reduction.kernel.cut(x))
    assert reduction.value(best_cut(reduction.kernel)) == best_cut(graph)


@pytest.mark.parametrize("seed", range(120))
def test_4_10_twins_of_both_signs(seed):
    rng = np.random.default_rng([10, seed])
    sizes = int(rng.integers(6, 10)), int(rng.integers(1, 4))
    check(with_twins(rng, *sizes, integer=seed % 2 == 1))


@pytest.mark.parametrize("seed", range(60))
def test_4_12_triangles_in_cliques_on_a_ring(seed):
    """What is left of such graphs by the other rules is full of triangles."""
    rng = np.random.default_rng([12, seed])
    size = int(rng.integers(4, 6))
    structure = nx.connected_caveman_graph(2, size)
    extra = rng.integers(0, 2 * size, (2, 3))
    u, v = np.array(structure.edges).T
    u, v = np.r_[u, extra[0]], np.r_[v, extra[1]]
    w = rng.choice([-1.0, 1.0], len(u)) if seed % 2 else rng.normal(size=len(u))
    check(CutGraph.from_edges(u, v, w, 2 * size))


@pytest.mark.parametrize("sign", [-1, 1])
def test_4_12_two_edges_of_a_triangle_outweigh_the_others(sign):
    """K7, and two vertices with two edges each into it and a common neighbour."""
    u, v = np.triu_indices(7, 1)
    ends = np.r_[u, 7, 7, 7, 8, 8, 7], np.r_[v, 0, 1, 2, 0, 3, 8]
    weight = np.r_[np.full(21, 8.0), sign * 2, 1, 1, 2, 1, -2]
    graph = CutGraph.from_edges(
        np.r_[ends[0], 8, 7], np.r_[ends[1], 4, 5], np.r_[weight, -1, 1]
    )
    frustrated = sign < 0
    assert (reduce(graph).kernel.n == 9) == frustrated
    check(graph)


@pytest.mark.parametrize("between", [None, 0.7, -0.7])
@pytest.mark.parametrize("c", [1, -1, 3, -0.75])
def test_4_10_contracts_twins_unless_their_edge_objects(c, between):
    """K7 with weights near one, and a twin of vertex 0."""
    rng = np.random.default_rng(11)
    u, v = np.triu_indices(7, 1)
    w = rng.integers(64, 80, len(u)) / 64
    at = np.arange(1, 7)
    ends = np.r_[u, [7] * 6], np.r_[v, at], np.r_[w, c * w[:6]]
    if between is not None:
        ends = np.r_[ends[0], 7], np.r_[ends[1], 0], np.r_[ends[2], between]
    graph = CutGraph.from_edges(*ends)
    objects = between is not None and between * c > 0
    reduction = reduce(graph)
    assert reduction.kernel.n == 8 - (not objects)
    check(graph)
    x = np.ones(reduction.kernel.n)
    if not objects:
        lifted = reduction.lift(x)
        assert (lifted[0] == lifted[7]) == (c > 0)


def test_4_10_almost_twins_are_none():
    """One weight differs in its last bit."""
    rng = np.random.default_rng(12)
    u, v = np.triu_indices(7, 1)
    w = rng.uniform(1, 1.2, len(u))
    again = w[:6].copy()
    for change, kernel in ((0.0, 7), (1e-16, 8)):
        again[3] = w[3] * (1 + 2 * change) if change else w[3]
        at = np.arange(1, 7)
        graph = CutGraph.from_edges(np.r_[u, [7] * 6], np.r_[v, at], np.r_[w, again])
        assert reduce(graph).kernel.n == kernel


def test_4_10_many_twins_at_once():
    """Complete bipartite and multipartite graphs, and copies of a random graph."""
    ends = np.meshgrid(np.arange(40), np.arange(40, 90))
    graph = CutGraph.from_edges(*(end.ravel() for end in ends))
    assert reduce(graph).kernel.n == 0 and reduce(graph).constant == graph.m
    rng = np.random.default_rng(13)
    u, v = np.triu_indices(9, 1)
    w = rng.integers(3, 6, len(u))
    big = [
        (9 * i + u, 9 * j + v, (1 + i) * (1 + j) * w)
        for i in range(5)
        for j in range(5)
    ]
    graph = CutGraph.from_edges(
        *(np.concatenate(part) for part in zip(*big, strict=True))
    )
    assert reduce(graph).kernel.n == 9
    x = rng.choice([-1, 1], 9)
    reduction = reduce(graph)
    assert graph.cut(reduction.lift(x)) == reduction.value(reduction.kernel.cut(x))


@pytest.mark.parametrize("w", [4, 1, 2, 0.1, 1 / 3])
@pytest.mark.parametrize("seed", range(30))
def test_4_13_cliques_of_any_signs_and_multiples(seed, w):
    rng = np.random.default_rng([13, seed])
    k = int(rng.integers(2, 6))
    mass = int(rng.integers(0, min(k + 2, 10 - k)))
    check(shuffled(rng, with_clique(rng, k, mass, w, more=int(rng.integers(0, 4)))))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_4_13_in_any_graph(data):
    """Some vertices of a graph made a clique with the same other neighbours."""
    graph = data.draw(graphs(st.sampled_from([-1.0, 1.0, 2.0, 0.5, 0.1])))
    n, w = graph.n, data.draw(st.sampled_from([1.0, 0.5, 0.1, 3.0]))
    k = data.draw(st.integers(0, n))
    reach = data.draw(st.integers(k, min(n, 2 * k + 2)))
    u, v, weight = graph.edges()
    rest = (u >= k) & (v >= k)
    a, b = np.triu_indices(reach, 1)
    inside = a < k
    check(
        CutGraph.from_edges(
            np.r_[u[rest], a[inside]],
            np.r_[v[rest], b[inside]],
            np.r_[weight[rest], np.full(int(inside.sum()), w)],
            n,
        )
    )


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("k", [4, 5])
def test_4_13_balances_one_neighbour_more_than_vertices(k, seed):
    """With one more than that there is a kernel of all vertices."""
    rng = np.random.default_rng([131, seed])
    graph = with_clique(rng, k, k + 1, 4)
    reduction = reduce(graph)
    onto = reduction.steps[:, 1].tolist()
    assert [step for step in onto if step < -1][:k] == [-k] * k
    assert reduction.kernel.n <= graph.n - k
    u, v = np.triu_indices(k, 1)
    near = rng.uniform(1, 1.1, (k + 2) * (k + 1) // 2)
    a, b = np.triu_indices(k + 2, 1)
    ends = np.repeat(np.arange(k), k + 2), np.tile(np.arange(k, 2 * k + 2), k)
    graph = CutGraph.from_edges(
        np.r_[u, ends[0], a + k],
        np.r_[v, ends[1], b + k],
        np.r_[np.ones(len(u) + len(ends[0])), near],
    )
    assert reduce(graph).kernel.n == graph.n
    fewer = graph.edges()
    kept = fewer[1] < graph.n - 1
    graph = CutGraph.from_edges(*(part[kept] for part in fewer))
    assert reduce(graph).kernel.n <= k + 1


@pytest.mark.parametrize("t", [2, 3, 6, -6])
def test_4_13_one_heavy_neighbour_is_balanced(t):
    """K5 and a vertex whose edges are up to six times as heavy, and more at it."""
    u, v = np.triu_indices(6, 1)
    w = np.where(v == 5, t, 1.0)
    a, b = np.triu_indices(5, 1)
    ends = np.r_[u, a + 5], np.r_[v, b + 5]
    graph = CutGraph.from_edges(*ends, np.r_[w, np.linspace(30, 33, 10)])
    reduction = reduce(graph)
    assert (5 + t) ** 2 // 4 <= reduction.constant
    assert reduction.kernel.n == 5
    check(graph)


@pytest.mark.parametrize("heavy", [1.0, 1.5, 100.0])
def test_4_13_to_look_for_cliques_is_linear(heavy):
    """A clique of 60 whose 30 neighbours it can balance only with edges of weight 1."""
    rng = np.random.default_rng(16)
    u, v = np.triu_indices(90, 1)
    w = np.where(u >= 60, rng.uniform(2, 3, len(u)), np.where(v >= 60, heavy, 1))
    graph = CutGraph.from_edges(u, v, w)
    run = Run(graph)
    assert reduce(graph, run).kernel.n == (30 if heavy == 1 else 90)
    assert run.work <= 16 * graph.m


def test_4_13_almost_a_clique_is_none():
    """One weight differs in its last bit, in the clique or to a neighbour."""
    rng = np.random.default_rng(14)
    u, v = np.triu_indices(10, 1)
    w = rng.uniform(1, 1.2, len(u))
    w[u < 6] = 0.3
    assert reduce(CutGraph.from_edges(u, v, w)).kernel.n <= 4
    # the four left of the six vertices have six neighbours, or none is left
    for pairs in ([(0, 1)], [(0, 1), (2, 3), (4, 5)], [(k, 9) for k in range(6)]):
        other = w.copy()
        for a, b in pairs:
            other[(u == a) & (v == b)] *= 1 + 2.0**-52
        assert reduce(CutGraph.from_edges(u, v, other)).kernel.n == 10


@pytest.mark.parametrize(
    "graph",
    [
        nx.connected_caveman_graph(40, 7),
        nx.connected_caveman_graph(12, 30),
        nx.relaxed_caveman_graph(60, 20, 0.01, seed=1),
        nx.windmill_graph(8, 9),
        nx.barbell_graph(12, 2),
        nx.complete_graph(100),
        nx.karate_club_graph(),
    ],
    ids=["cavemen", "large", "relaxed", "windmill", "barbell", "complete", "karate"],
)
def test_4_13_cliques_of_unit_weights_vanish(graph):
    graph = CutGraph.from_networkx(graph, weight=None)
    rng = np.random.default_rng(15)
    u, v, w = graph.edges()
    s = rng.choice([-1, 1], graph.n)
    switched = CutGraph.from_edges(u, v, w * s[u] * s[v], graph.n)
    for case in (graph, switched):
        reduction = reduce(case)
        assert reduction.kernel.n == 0
        x = reduction.lift([])
        assert case.cut(x) == reduction.constant
        y = rng.choice([-1, 1], case.n)
        assert case.cut(reduction.lift(reduction.project(y))) >= case.cut(y)
    # each cut of one is a cut of the other
    down = int((w * (s[u] != s[v])).sum())
    assert reduce(switched).constant == reduce(graph).constant - down


@pytest.mark.parametrize(
    "graph",
    [
        CutGraph.from_edges([], [], [], 0),
        CutGraph.from_edges([], [], [], 7),
        CutGraph.from_edges(np.zeros(1000, int), np.arange(1, 1001)),
        CutGraph.from_edges(np.arange(1, 1000), np.arange(1, 1000) // 2),
        CutGraph.from_edges(np.arange(999), np.arange(1, 1000), np.full(999, -1.5)),
        CutGraph.from_edges(np.repeat([0, 1], 500), np.tile(np.arange(2, 502), 2)),
    ],
    ids=["empty", "no edge", "star", "tree", "path", "two hubs"],
)
def test_nothing_is_left_of(graph):
    reduction = reduce(graph)
    assert reduction.kernel.n == 0
    positive = float(np.maximum(graph.weights, 0).sum() / 2)  # all are bipartite
    assert reduction.constant == positive
    assert graph.cut(reduction.lift([])) == positive


def test_no_rule_applies():
    graph = CutGraph.from_networkx(nx.circulant_graph(9, [1, 2, 3]))
    reduction = reduce(graph)
    assert reduction.kernel is graph
    assert reduction.constant == 0 and reduction.scale == 1
    x = np.array([1, -1, 1, -1, 1, -1, 1, -1, 1])
    assert (reduction.lift(x) == x).all() and (reduction.project(x) == x).all()


def test_halves_double_the_kernel():
    """One degree-3 vertex of unit weights on a ring leaves edges of weight 1/2."""
    ring = nx.circulant_graph(9, [1, 2])
    ring.add_edges_from([(9, 0), (9, 3), (9, 6)])
    graph = CutGraph.from_networkx(ring)
    reduction = reduce(graph)
    assert reduction.scale == 2 and reduction.kernel.integer
    check(graph)


def test_an_interrupted_reduction_is_exact():
    rng = np.random.default_rng(5)
    n = 200_000
    u = np.arange(1, n)
    graph = CutGraph.from_edges(u, (rng.random(n - 1) * u).astype(int))
    run = Run(graph, work_limit=graph.m + 100_000)
    reduction = reduce(graph, run)
    assert 0 < reduction.kernel.n < n
    x = rng.choice([-1, 1], reduction.kernel.n)
    assert graph.cut(reduction.lift(x)) == reduction.value(reduction.kernel.cut(x))


def test_same_steps_every_time():
    rng = np.random.default_rng(6)
    u, v = rng.integers(0, 300, (2, 600))
    graph = CutGraph.from_edges(u, v, None, 300)
    first, second = reduce(graph), reduce(graph)
    assert first.kernel.digest == second.kernel.digest
    assert (first.vertices == second.vertices).all()


def test_partition_of_wrong_length():
    reduction = reduce(CutGraph.from_edges([0], [1]))
    with pytest.raises(InputError, match="one side a vertex"):
        reduction.lift([1])
    with pytest.raises(InputError, match="one side a vertex"):
        reduction.project([1])


@pytest.mark.gset
@pytest.mark.skipif(not GSET.exists(), reason="reference instances absent")
def test_g70_shrinks():
    u, v, w = np.loadtxt(GSET / "G70", skiprows=1).T
    graph = CutGraph.from_edges(u.astype(int) - 1, v.astype(int) - 1, w, 10_000)
    assert reduce(graph).kernel.n <= 1426
