"""Planar and toroidal graphs: every claim of optimality against brute force."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derandcut
from derandcut import CutGraph, InputError
from derandcut.cut.surface import (
    Embedding,
    _matching,
    planar_embedding,
    solve_embedded,
    solve_planar,
    torus_embedding,
)
from derandcut.cut.surface.exact import _Solver
from derandcut.cut.surface.tjoin import TJoinProblem
from derandcut.run import Run

GSET = Path(__file__).parents[2] / ".." / "shared" / "data" / "gset"


def brute_force(graph):
    """Largest cut by Gray code over the sides of all vertices but the last."""
    n = graph.n
    if n < 2:
        return 0
    u, v, w = graph.edges()
    masks = np.arange(1 << (n - 1), dtype=np.int64)
    value = np.zeros(len(masks))
    for a, b, weight in zip(u.tolist(), v.tolist(), w.tolist(), strict=True):
        value += weight * (((masks >> a) ^ (masks >> b)) & 1)
    return value.max()


def draw_weights(rng, m, kind):
    if kind == "signs":
        return rng.choice([-1.0, 1.0], m)
    if kind == "integers":
        return rng.integers(-5, 6, m).astype(float)
    if kind == "large":
        return rng.integers(-(2**40), 2**40, m).astype(float)
    if kind == "scales":
        return rng.normal(size=m) * 10.0 ** rng.uniform(-12, 12)
    return rng.normal(size=m)


KINDS = ("signs", "integers", "large", "scales", "normal")


def delaunay(rng, n):
    """Edges of a triangulation of random points, inner ones twice."""
    from scipy.spatial import Delaunay

    simplices = Delaunay(rng.random((n, 2))).simplices
    return np.concatenate([simplices[:, :2], simplices[:, 1:], simplices[:, ::2]])


def random_planar(rng, n):
    """Delaunay-like, grid, tree, outerplanar or several components."""
    shape = rng.integers(5)
    if shape == 0 and n >= 4:
        edges = {tuple(sorted(p)) for p in delaunay(rng, n)}
        edges = [e for e in edges if rng.random() < rng.choice([0.5, 1.0])]
    elif shape == 1:
        rows = int(rng.integers(1, 5))
        grid = nx.convert_node_labels_to_integers(
            nx.grid_2d_graph(rows, max(1, n // rows))
        )
        edges, n = list(grid.edges), len(grid)
    elif shape == 2:
        edges = [(i, int(rng.integers(i))) for i in range(1, n)]
    elif shape == 3:
        edges = [(i, (i + 1) % n) for i in range(n) if n > 1]
        edges += [(0, i) for i in range(2, n - 1) if rng.random() < 0.7]
    else:
        edges = [(i, j) for i in range(n) for j in range(i) if rng.random() < 1.2 / n]
        while not nx.check_planarity(nx.Graph(edges))[0]:
            edges.pop()
    ends = np.array(edges, np.int64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1], n


def torus(p, q, shift=0):
    """C_p x C_q, the wrap of the second direction shifted."""
    at = np.arange(p * q).reshape(p, q)
    right = np.roll(at, -1, axis=1)
    below = np.roll(at, -1, axis=0)
    below[-1] = np.roll(below[-1], -shift)
    u = np.concatenate([at.ravel(), at.ravel()])
    return u, np.concatenate([right.ravel(), below.ravel()]), p * q


def assert_sound(graph, result, optimum):
    assert graph.cut(result.partition) == result.cut
    scale = graph.absolute_weight
    assert result.upper_bound >= optimum - 1e-12 * scale
    assert result.cut <= optimum + 1e-12 * scale
    if result.proved:
        assert result.cut == pytest.approx(optimum, rel=1e-9, abs=1e-12 * scale)
    if result.proved and graph.integer:
        assert result.cut == optimum == result.upper_bound


def check_planar(seed):
    rng = np.random.default_rng(seed)
    u, v, n = random_planar(rng, int(rng.integers(1, 14)))
    w = draw_weights(rng, len(u), KINDS[rng.integers(len(KINDS))])
    graph = CutGraph.from_edges(u, v, w, n)
    result = solve_planar(graph)
    assert_sound(graph, result, brute_force(graph))
    assert result.proved


def check_torus(seed):
    rng = np.random.default_rng(seed)
    p, q = [(3, 3), (3, 4), (4, 3), (3, 5), (4, 4), (5, 3)][rng.integers(6)]
    u, v, n = torus(p, q)
    number = rng.permutation(n)
    w = draw_weights(rng, len(u), KINDS[rng.integers(len(KINDS))])
    w[w == 0] = 1.0
    graph = CutGraph.from_edges(number[u], number[v], w, n)
    embedding = torus_embedding(graph)
    assert embedding is not None and embedding.genus == 1
    incumbent = rng.choice([-1, 1], n) if rng.random() < 0.5 else None
    result = solve_embedded(graph, embedding, incumbent=incumbent)
    assert_sound(graph, result, brute_force(graph))
    assert result.proved


def check_rotation(seed):
    """Any rotation system of small genus, dense graphs included."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    u, v = np.triu_indices(n, 1)
    keep = rng.random(len(u)) < rng.uniform(0.3, 0.9)
    w = draw_weights(rng, int(keep.sum()), KINDS[rng.integers(len(KINDS))])
    graph = CutGraph.from_edges(u[keep], v[keep], w, n)
    rotation = {}
    for a in range(n):
        row = graph.indices[graph.indptr[a] : graph.indptr[a + 1]]
        rotation[a] = rng.permutation(row.tolist()).tolist()
    embedding = Embedding.from_rotation(graph, rotation)
    if embedding.genus > 4:
        with pytest.raises(InputError):
            solve_embedded(graph, embedding)
        return
    result = solve_embedded(graph, embedding)
    assert_sound(graph, result, brute_force(graph))
    assert result.proved


@pytest.mark.parametrize("block", range(8))
def test_planar_against_brute_force(block):
    for seed in range(25):
        check_planar(1000 * block + seed)


@pytest.mark.parametrize("block", range(4))
def test_torus_against_brute_force(block):
    for seed in range(15):
        check_torus(1000 * block + seed)


@pytest.mark.parametrize("block", range(4))
def test_any_rotation_system_against_brute_force(block):
    for seed in range(25):
        check_rotation(1000 * block + seed)


# ------------------------------------------------------------ degenerate graphs


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_no_edges(n):
    result = solve_planar(CutGraph.from_edges([], [], [], n))
    assert (result.cut, result.upper_bound, result.proved) == (0, 0, True)
    assert result.partition.shape == (n,)


def test_bridges_and_negative_weights():
    graph = CutGraph.from_edges([0, 1, 2, 2], [1, 2, 3, 4], [3, -2, 5, -7])
    result = solve_planar(graph)
    assert (result.cut, result.upper_bound) == (8, 8)


def test_a_graph_that_is_not_planar():
    graph = CutGraph.from_networkx(nx.complete_graph(5))
    assert planar_embedding(graph) is None
    assert solve_planar(graph) is None


@pytest.mark.parametrize("block", range(4))
def test_planarity_agrees_with_networkx(block):
    """Triangulations thinned out, with up to three edges more, and sparse graphs."""
    answers = set()
    for seed in range(100):
        rng = np.random.default_rng(1000 * block + seed)
        n = int(rng.integers(5, 60))
        if seed % 4:
            pairs = delaunay(rng, n)
            pairs = pairs[rng.random(len(pairs)) < rng.choice([0.5, 0.8, 1.0])]
            pairs = np.concatenate([pairs, rng.integers(0, n, (seed % 4, 2))])
        else:
            pairs = rng.integers(0, n, (int(rng.integers(2 * n)), 2))
        u, v = rng.permutation(n)[pairs[pairs[:, 0] != pairs[:, 1]]].T
        graph = CutGraph.from_edges(u, v, np.ones(len(u)), n)
        plain = nx.Graph(zip(u.tolist(), v.tolist(), strict=True))
        plain.add_nodes_from(range(n))
        planar, _ = nx.check_planarity(plain)
        embedding = planar_embedding(graph)
        assert (embedding is not None) == planar
        answers.add(planar)
        if planar:
            u, v, _ = graph.edges()
            tail = np.stack([u, v], axis=1).ravel()
            np.testing.assert_array_equal(tail[embedding.turn], tail)
            assert sorted(embedding.turn) == list(range(2 * graph.m))
            assert embedding.genus == 0
            assert embedding.n_components == nx.number_connected_components(plain)
    assert answers == {True, False}


def test_deep_and_large_graphs_are_embedded():
    """A path as deep as it is long, a wheel, a grid whose corners get joined."""
    path = nx.path_graph(50_000)
    wheel = nx.wheel_graph(5000)
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(120, 130))
    for plain in (path, wheel, grid):
        embedding = planar_embedding(CutGraph.from_networkx(plain))
        assert embedding is not None and embedding.genus == 0
    grid.add_edges_from([(0, 130 * 119), (129, 130 * 120 - 1), (0, 130 * 120 - 1)])
    grid.add_edge(129, 130 * 119)
    assert planar_embedding(CutGraph.from_networkx(grid)) is None


@pytest.mark.parametrize("seed", range(6))
def test_a_matching_given_up_has_a_true_bound_and_can_be_resumed(seed):
    rng = np.random.default_rng(seed)
    pairs = np.unique(np.sort(delaunay(rng, 400), axis=1), axis=0)
    embedding = planar_embedding(CutGraph.from_edges(*pairs.T, np.ones(len(pairs))))
    odd = rng.random(embedding.n_faces) < rng.choice([0.1, 0.5])
    odd[0] ^= bool(odd.sum() % 2)
    problem = TJoinProblem(embedding.face, embedding.order, embedding.n_faces, odd)
    cost = rng.integers(0, rng.choice([2, 100, 2**40]), len(pairs))
    whole = problem.start(cost)
    assert whole.solve()
    optimum = whole.bound
    assert cost[whole.tjoin()].sum() == optimum
    # in slices, to the end
    sliced, bounds = problem.start(cost), [0]
    arrays = sliced.big, sliced.small, problem.n, problem.m
    while not _matching.advance(*arrays, 50)[0]:
        pass
    np.testing.assert_array_equal(sliced.tjoin(), whole.tjoin())
    # given up again and again, each time longer
    broken = problem.start(cost)
    arrays = broken.big, broken.small, problem.n, problem.m
    work = 50
    while not _matching.advance(*arrays, work)[0]:
        _matching.settle(*arrays)
        bounds.append(broken.bound)
        work += 50
    assert all(0 <= bound <= optimum for bound in bounds) and len(bounds) > 5
    assert broken.bound == optimum == cost[broken.tjoin()].sum()


@pytest.mark.parametrize(
    "graph", [nx.petersen_graph(), nx.complete_bipartite_graph(4, 4), nx.cycle_graph(9)]
)
def test_other_graphs_are_no_torus(graph):
    found = torus_embedding(CutGraph.from_networkx(graph))
    assert found is None or found.genus == 1


def test_wrong_rotations_are_refused():
    graph = CutGraph.from_edges([0, 1], [1, 2])
    with pytest.raises(InputError, match="once"):
        Embedding.from_rotation(graph, {0: [1], 1: [0], 2: [1]})
    with pytest.raises(InputError, match="not a vertex"):
        Embedding.from_rotation(graph, {0: [7], 1: [0, 2], 2: [1]})


# ------------------------------------------------------------------- properties


@settings(max_examples=30, deadline=None)
@given(
    st.integers(3, 9), st.integers(3, 9), st.integers(0, 8), st.integers(0, 2**32 - 1)
)
def test_lattice_is_found_under_any_numbering(p, q, shift, seed):
    u, v, n = torus(p, q, shift % q)
    rng = np.random.default_rng(seed)
    number = rng.permutation(n)
    graph = CutGraph.from_edges(number[u], number[v], None, n)
    if shift % q == 0:
        assert torus_embedding(graph).genus == 1
    embedding = torus_embedding(graph)
    assert embedding is None or embedding.n_faces == n


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_math_4_7_class_tells_cuts(seed):
    rng = np.random.default_rng(seed)
    u, v, n = torus(3, 4)
    embedding = torus_embedding(CutGraph.from_edges(u, v, None, n))
    generators, primal, dual = embedding.homology
    assert len(generators) == 2
    # even dual subgraphs: sums of stars of faces' boundaries' duals = vertex cuts
    side = rng.choice([-1, 1], n)
    a, b, _ = embedding.graph.edges()
    across = side[a] != side[b]
    assert np.bitwise_xor.reduce(primal[across], initial=0) == 0
    assert embedding.sides(across)[1]
    # a dual cycle D_i is even at every face and no cut
    for i in range(2):
        cycle = (dual >> i) & 1 == 1
        ends = embedding.face.reshape(-1, 2)[cycle].ravel()
        assert (np.bincount(ends) % 2 == 0).all()
        assert np.bitwise_xor.reduce(primal[cycle]) == 1 << i
        assert not embedding.sides(cycle)[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_math_4_9_duals_prove_the_tjoin_and_forcing_is_exact(seed):
    rng = np.random.default_rng(seed)
    u, v, n = torus(int(rng.integers(3, 8)), int(rng.integers(3, 8)))
    embedding = torus_embedding(CutGraph.from_edges(u, v, None, n))
    m = 2 * n
    cost = rng.integers(0, [2, 4, 100][rng.integers(3)], m)
    odd = np.zeros(embedding.n_faces, np.int64)
    odd[rng.permutation(embedding.n_faces)[: 2 * int(rng.integers(n // 2))]] = 1
    problem = TJoinProblem(embedding.face, embedding.order, embedding.n_faces, odd)
    matching = problem.start(cost)
    assert matching.solve()
    for _ in range(4):
        tjoin = matching.tjoin()
        ends = embedding.face.reshape(-1, 2)[tjoin].ravel()
        assert (np.bincount(ends, minlength=n) % 2 == odd).all()
        assert cost[tjoin].sum() == matching.bound
        # force an edge; a fresh problem with another T must agree
        edge, chosen = int(rng.integers(m)), bool(rng.integers(2))
        forced = matching.copy()
        forced.force(edge, chosen)
        assert forced.solve()
        other = odd.copy()
        heavy = cost.copy()
        heavy[edge] += 10**6
        if chosen:
            np.add.at(other, embedding.face.reshape(-1, 2)[edge], 1)
        fresh = TJoinProblem(embedding.face, embedding.order, n, other % 2).start(heavy)
        assert fresh.solve()
        assert forced.tjoin()[edge] == chosen
        assert forced.bound == fresh.bound + (cost[edge] if chosen else 0)
        assert cost[forced.tjoin()].sum() == forced.bound


@pytest.mark.parametrize("seed", range(4))
def test_math_4_11_a_surface_opened_along_cycles_improves_a_cut(seed):
    rng = np.random.default_rng(seed)
    u, v, n = torus(12, 16)
    weights = draw_weights(rng, len(u), KINDS[seed])
    graph = CutGraph.from_edges(u, v, np.where(weights == 0, 1.0, weights), n)
    best = solve_embedded(graph, torus_embedding(graph))
    assert best.proved
    start = rng.choice([-1, 1], graph.n).astype(np.int8)
    solver = _Solver(graph, torus_embedding(graph), None, start, seed)
    solver._prepare_branching()
    solver.proved_cost = 0
    values = [graph.cut(start)]
    for _ in range(3):
        solver._improve()
        assert solver.cut == graph.cut(solver.partition)
        values.append(solver.cut)
    assert values == sorted(values) and values[-1] <= best.upper_bound
    assert best.cut - values[-1] <= 0.02 * graph.absolute_weight


def test_a_limit_returns_a_true_bound():
    rng = np.random.default_rng(0)
    u, v, n = torus(30, 30)
    graph = CutGraph.from_edges(u, v, rng.choice([-1, 1], 2 * n), n)
    embedding = torus_embedding(graph)
    full = solve_embedded(graph, embedding)
    for limit in (0, 1000, 300_000):
        run = Run(graph, work_limit=limit)
        part = solve_embedded(graph, embedding, run)
        assert part.upper_bound >= full.cut
        assert part.cut is None or part.cut <= full.cut


def test_answers_repeat():
    rng = np.random.default_rng(1)
    u, v, n = torus(12, 15)
    graph = CutGraph.from_edges(u, v, rng.choice([-1, 1], 2 * n), n)
    first = solve_embedded(graph, torus_embedding(graph))
    again = solve_embedded(graph, torus_embedding(graph))
    assert (first.partition == again.partition).all()
    assert first.notes == again.notes


@pytest.mark.gset
@pytest.mark.parametrize(
    ("name", "optimum"), [("G11", 564), ("G12", 556), ("G13", 582), ("G50", 5880)]
)
def test_gset_tori_under_random_numbering(name, optimum):
    path = GSET / name
    if not path.exists():
        pytest.skip("reference instances absent")
    data = np.loadtxt(path, skiprows=1, dtype=np.int64)
    number = np.random.default_rng(5).permutation(data[:, :2].max())
    u, v = number[data[:, 0] - 1], number[data[:, 1] - 1]
    graph = derandcut.CutGraph.from_edges(u, v, data[:, 2])
    result = solve_embedded(graph, torus_embedding(graph))
    assert (result.cut, result.upper_bound, result.proved) == (optimum, optimum, True)
