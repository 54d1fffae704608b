"""The exact stage: never a false optimum, blocks, pieces, what it does when unasked.

DERANDCUT_GRAPHS=10000 makes the test against brute force a long one.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import numpy as np
import oracles
import pytest
import strategies
from hypothesis import given, settings

import derandcut
from derandcut import CutGraph, InputError, check
from derandcut.cut.blocks import blocks, combine
from derandcut.cut.exact import Exact
from derandcut.cut.presolve import presolve
from derandcut.result import Status
from derandcut.run import Run

GRAPHS = int(os.environ.get("DERANDCUT_GRAPHS", "200"))


def kind_of_graph(seed: int, rng: np.random.Generator) -> nx.Graph:
    """Small graphs of every kind the exact stage tells apart."""
    n = int(rng.integers(5, 15))
    return [
        lambda: nx.gnp_random_graph(n, rng.uniform(0.2, 1), seed=seed),
        lambda: nx.complete_graph(n),
        lambda: nx.grid_2d_graph(3, int(rng.integers(3, 6)), periodic=True),
        lambda: nx.grid_2d_graph(4, 4, periodic=bool(rng.integers(2))),
        lambda: nx.random_regular_graph(4, max(6, n), seed=seed),
        lambda: nx.wheel_graph(n),
        lambda: nx.disjoint_union(
            nx.complete_graph(6), nx.gnp_random_graph(7, 0.8, seed=seed)
        ),
        lambda: nx.barbell_graph(6, int(rng.integers(0, 4))),
        lambda: nx.compose(
            nx.complete_graph(7), nx.complete_graph(range(6, 13), nx.Graph())
        ),
        lambda: nx.triangular_lattice_graph(3, 4),
        lambda: nx.complete_multipartite_graph(4, 4, int(rng.integers(1, 6))),
        lambda: nx.circulant_graph(n, [1, 2, 3]),
    ][seed % 12]()


def kind_of_weights(seed: int, m: int, rng: np.random.Generator) -> np.ndarray:
    return [
        lambda: np.ones(m),
        lambda: rng.choice([-1.0, 1.0], m),
        lambda: rng.integers(-4, 5, m).astype(float),
        lambda: rng.normal(size=m),
        lambda: rng.integers(1, 11, m) * 10.0 ** int(rng.integers(-3, 7)),
        lambda: rng.uniform(-1, 1, m) * 10.0 ** rng.integers(-6, 7, m),
        lambda: np.full(m, -1.0),
    ][seed // 12 % 7]()


@pytest.mark.parametrize("block", range(0, GRAPHS, 20))
def test_no_false_optimum(block):
    for seed in range(block, min(block + 20, GRAPHS)):
        rng = np.random.default_rng(seed)
        structure = nx.convert_node_labels_to_integers(kind_of_graph(seed, rng))
        u, v = np.array(structure.edges, np.int64).reshape(-1, 2).T
        n = structure.number_of_nodes()
        shuffled = rng.permutation(n)
        w = kind_of_weights(seed, len(u), rng)
        graph = CutGraph.from_edges(shuffled[u], shuffled[v], w, n)
        method = "exact" if seed % 3 else "auto"
        result = derandcut.maxcut(graph, method=method, seed=seed, n_threads=1)
        oracles.assert_valid(graph, result)
        optimum = oracles.maximum_cut(graph)[0]
        room = 1e-12 * graph.absolute_weight
        if graph.integer:
            assert result.cut == optimum, seed
            assert result.status is Status.OPTIMAL, seed
        else:
            assert abs(result.cut - optimum) <= room + 1e-9 * abs(optimum), seed
            assert optimum - room <= result.upper_bound, seed
            assert result.upper_bound <= optimum + 2 * room + 1e-9 * abs(optimum), seed


def assert_certified(graph, result):
    u, v, w = (part.tolist() for part in graph.edges())
    edges = dict(zip(zip(u, v, strict=True), w, strict=True))
    verdict = check.check(graph.n, edges, result.certificate)
    assert abs(float(verdict.cut) - result.cut) <= 1e-12 * graph.absolute_weight
    assert float(verdict.bound) <= result.upper_bound + 1e-9 * abs(result.cut)


@pytest.mark.parametrize("seed", range(0, 84, 4))
def test_the_checker_accepts_every_proof(seed):
    """Blocks, nested reductions, matching, branching, any weights: one certificate."""
    rng = np.random.default_rng(seed)
    structure = nx.convert_node_labels_to_integers(kind_of_graph(seed, rng))
    u, v = np.array(structure.edges, np.int64).reshape(-1, 2).T
    w = kind_of_weights(seed, len(u), rng)
    graph = CutGraph.from_edges(u, v, w, structure.number_of_nodes())
    result = derandcut.maxcut(graph, method="exact")
    assert_certified(graph, result)


@settings(deadline=None, max_examples=60)
@given(strategies.graphs_and_partitions())
def test_cuts_add_up_over_blocks(case):
    graph, partition = case
    parts = blocks(graph)
    cuts = [part.cut(partition[vertices]) for vertices, part in parts]
    slack = 1e-12 * graph.absolute_weight
    assert abs(math.fsum(cuts) - graph.cut(partition)) <= slack
    assert sum(part.m for _, part in parts) == graph.m
    reference = nx.Graph()
    u, v, _ = graph.edges()
    reference.add_edges_from(zip(u.tolist(), v.tolist(), strict=True))
    expected = {frozenset(block) for block in nx.biconnected_components(reference)}
    assert {frozenset(vertices.tolist()) for vertices, _ in parts} == expected
    # any sides of the blocks, flipped or not, fit together
    rng = np.random.default_rng(graph.m)
    sides = [rng.choice([-1, 1], part.n).astype(np.int8) for _, part in parts]
    whole = combine(
        graph.n,
        [(vertices, own) for (vertices, _), own in zip(parts, sides, strict=True)],
    )
    total = math.fsum(
        part.cut(own) for (_, part), own in zip(parts, sides, strict=True)
    )
    assert abs(graph.cut(whole) - total) <= slack


def test_a_cutting_vertex_of_low_degree_reduces_its_block():
    """Two rings hung together by a path of triangles: nothing is left but the rings."""
    graph = nx.disjoint_union(*[nx.circulant_graph(9, [1, 2, 3])] * 2)
    graph.add_edges_from([(8, 18), (18, 19), (8, 19), (19, 9), (19, 20), (9, 20)])
    problem = presolve(CutGraph.from_networkx(graph))
    exact = Exact(problem, method="exact")
    assert sorted(part.graph.n for part in exact.parts) == [9, 9]


def test_blocks_are_proved_one_by_one():
    """Sixty vertices in four blocks: no more nodes than one block needs."""
    parts = [nx.gnp_random_graph(16, 0.7, seed=seed) for seed in range(4)]
    whole = nx.disjoint_union_all(parts)
    whole.add_edges_from([(0, 16), (20, 32), (40, 48)])
    result = derandcut.maxcut(whole, method="exact")
    best = [derandcut.maxcut(part, method="exact") for part in parts]
    assert all(part.status is Status.OPTIMAL for part in best)
    assert result.status is Status.OPTIMAL
    assert result.cut == sum(part.cut for part in best) + 3


def test_blocks_are_worked_at_together():
    """Eight blocks of one node each take as many rounds as two."""
    parts = [nx.gnp_random_graph(12, 0.8, seed=seed) for seed in range(8)]
    graph = CutGraph.from_networkx(nx.disjoint_union_all(parts))
    problem, runs = presolve(graph), []
    for threads in (1, 3):
        run, rounds = Run(graph), 0
        run.offer_cut(np.ones(graph.n, np.int8))
        exact = Exact(problem, method="exact")
        with ThreadPoolExecutor(threads) as executor:
            while exact.open:
                exact.advance(run, executor, 1)
                rounds += 1
        runs.append((run.work, run.cut, run.upper_bound, run.partition.tolist()))
        assert rounds <= 20
    assert runs[0] == runs[1] and run.cut == run.upper_bound


@pytest.mark.parametrize("method", ["auto", "exact"])
def test_small_dense_graphs_are_proved(method):
    graph = CutGraph.from_networkx(nx.gnp_random_graph(40, 0.5, seed=3))
    result = derandcut.maxcut(graph, method=method, n_threads=2)
    assert result.status is Status.OPTIMAL
    assert derandcut.verify(graph, result).ok
    again = derandcut.maxcut(graph, method=method, n_threads=1)
    assert again.work == result.work
    assert (again.partition == result.partition).all()


@pytest.mark.parametrize("bits", [47.9, 49.5, 50.5, 51.5, 52.9])
@pytest.mark.parametrize("seed", range(6))
def test_large_integers_are_proved(bits, seed):
    """Up to the largest sum of integer weights, with reductions and without."""
    rng = np.random.default_rng(seed)
    structure = nx.convert_node_labels_to_integers(kind_of_graph(seed, rng))
    u, v = np.array(structure.edges, np.int64).reshape(-1, 2).T
    share = rng.uniform(-1, 1, len(u))
    w = np.rint(share / np.abs(share).sum() * 2.0**bits)
    graph = CutGraph.from_edges(u, v, w, structure.number_of_nodes())
    result = derandcut.maxcut(graph, method="exact", work_limit=10**8)
    assert result.status is Status.OPTIMAL
    assert result.cut == result.upper_bound == oracles.maximum_cut(graph)[0]


def test_limits_end_it_with_a_bound():
    graph = CutGraph.from_networkx(nx.gnp_random_graph(60, 0.5, seed=1))
    full = derandcut.maxcut(graph, method="exact")
    bounds = []
    for share in (0.3, 0.6, 0.9):
        limit = int(share * full.work)
        result = derandcut.maxcut(graph, method="exact", work_limit=limit)
        oracles.assert_valid(graph, result)
        assert result.upper_bound >= full.cut
        assert_certified(graph, result)
        bounds.append(result.upper_bound)
    assert bounds == sorted(bounds, reverse=True)


def test_a_callback_stops_it():
    graph = CutGraph.from_networkx(nx.gnp_random_graph(60, 0.5, seed=1))
    seen = []

    def stop(event):
        seen.append(event)
        return event.stage == "branch" and len(seen) > 30

    result = derandcut.maxcut(graph, method="exact", callback=stop)
    assert result.status in (Status.STOPPED, Status.OPTIMAL)
    oracles.assert_valid(graph, result)


def test_fixed_sides_are_proved_too():
    graph = CutGraph.from_networkx(nx.gnp_random_graph(12, 0.6, seed=5))
    fixed = {0: 1, 1: 1, 2: 1, 3: -1}
    result = derandcut.maxcut(graph, method="exact", fixed=fixed)
    values = oracles.all_cuts(graph)
    codes = np.arange(len(values))
    sides = np.stack([2 * (codes >> u & 1) - 1 for u in range(4)])
    allowed = (sides * sides[0] == np.array([[1], [1], [1], [-1]])).all(axis=0)
    assert result.cut == values[allowed].max()


def test_exact_wants_a_proved_bound():
    with pytest.raises(InputError, match="proved"):
        derandcut.maxcut(nx.complete_graph(4), method="exact", bound="estimate")


def test_the_bound_falls_from_the_start():
    """Every bound offered is above the cut, and each is below the one before."""
    graph = CutGraph.from_networkx(nx.gnp_random_graph(50, 0.5, seed=2))
    problem = presolve(graph)
    run = Run(graph)
    run.offer_cut(np.ones(graph.n, np.int8))
    exact = Exact(problem, method="exact")
    previous = math.inf
    with ThreadPoolExecutor(1) as executor:
        while exact.open:
            exact.advance(run, executor, 1)
            assert run.cut <= run.upper_bound <= previous
            previous = run.upper_bound
    assert run.cut == run.upper_bound
