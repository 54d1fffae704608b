"""The odd-cycle program: true wherever it stops, exact on the plane, and accepted."""

import math
from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import assert_valid, maximum_cut
from strategies import graphs

from derandcut import CutGraph, check, maxcut
from derandcut.cut.branch import BranchAndBound
from derandcut.cut.certificate import certificate
from derandcut.cut.cycles import entries, violated_cycles
from derandcut.cut.exact import PROMISING, Exact
from derandcut.cut.lp import CycleProgram, Cycles, LinearNodes, prove, violations
from derandcut.cut.presolve import presolve
from derandcut.datasets import generate
from derandcut.result import Status
from derandcut.run import Run, Scratch


def weighted(graph, seed):
    """Integers of both signs, 1 and -1, ones, reals, reals of a wild scale."""
    graph = nx.convert_node_labels_to_integers(graph)
    rng = np.random.default_rng(seed)
    u, v = np.array(graph.edges()).T
    w = [
        rng.integers(-4, 5, len(u)),
        rng.choice([-1.0, 1.0], len(u)),
        np.ones(len(u)),
        rng.normal(size=len(u)),
        rng.normal(size=len(u)) * 10.0 ** rng.integers(-9, 10),
        -np.ones(len(u)),
    ][seed % 6]
    return CutGraph.from_edges(u, v, w, graph.number_of_nodes())


def random_graph(seed):
    n = int(np.random.default_rng(seed).integers(4, 13))
    return weighted(nx.gnm_random_graph(n, 1 + seed % 4 * n // 2 + n, seed=seed), seed)


def solved(graph, n_threads=1, partition=None):
    if partition is None:
        partition = np.ones(graph.n, np.int8)
    tree = BranchAndBound(graph, partition, linear=True)
    run, bounds = Run(graph), []
    with ThreadPoolExecutor(n_threads) as executor:
        while not tree.done:
            tree.advance(run, executor)
            bounds.append((run.work, tree.upper_bound))
    return tree, bounds


def accepted(graph, tree):
    """What `check` makes of the tree's proof."""
    stated = certificate(graph, tree.partition, tree.proof())
    u, v, w = (x.tolist() for x in graph.edges())
    edges = dict(zip(zip(u, v, strict=True), w, strict=True))
    return check.check(graph.n, edges, stated)


@pytest.mark.parametrize("seed", range(36))
def test_trees_prove_the_optimum(seed):
    graph = random_graph(seed)
    if not graph.m:
        return
    optimum, _ = maximum_cut(graph)
    tree, bounds = solved(graph)
    size = graph.absolute_weight
    bounds = [bound for _, bound in bounds]
    assert min(bounds) >= optimum - 1e-15 * size
    assert bounds == sorted(bounds, reverse=True)
    assert tree.cut == pytest.approx(optimum, abs=1e-12 * size)
    verdict = accepted(graph, tree)
    if graph.integer:
        assert verdict.bound == optimum
    else:
        assert bounds[-1] <= optimum + 1.1e-12 * size
        assert float(verdict.bound) <= optimum + 1e-9 * size


@settings(max_examples=60, deadline=None)
@given(graphs(min_n=2, max_n=9))
def test_no_weights_mislead_a_tree(graph):
    if not graph.m:
        return
    optimum, _ = maximum_cut(graph)
    tree, bounds = solved(graph)
    assert min(bound for _, bound in bounds) >= optimum - 1e-15 * graph.absolute_weight
    assert tree.cut == pytest.approx(optimum, abs=1e-12 * graph.absolute_weight)


@pytest.mark.parametrize("seed", range(12))
def test_the_program_is_exact_on_the_plane(seed):
    shapes = [
        nx.grid_2d_graph(5, 6),
        nx.triangular_lattice_graph(5, 6),
        nx.wheel_graph(14),
        nx.hexagonal_lattice_graph(3, 3),
    ]
    graph = weighted(shapes[seed % 4], seed)
    tree, _ = solved(graph)
    assert tree.nodes <= 1
    w = graph.edges()[2]
    program = CycleProgram(w, Cycles(graph.m))
    solve_to_the_end(graph, program)
    assert program.value == pytest.approx(tree.cut, rel=1e-6, abs=1e-9)


def solve_to_the_end(graph, program):
    """Plain cutting planes; yields nothing, ends at the optimum of (8.5)."""
    pair_of = entries(graph)[3]
    while True:
        program.solve()
        if not program.optimal:
            continue
        found = violated_cycles(graph, pair_of, program.x, 1e-7, 2, Scratch())
        if len(found[0]) == 1:
            return
        assert violations(*found, program.x).min() > 1e-8
        before = len(program.ids)
        program.add(program.cycles.add(*found))
        assert len(program.ids) > before


def test_the_value_of_k5():
    """10 * 2/3: the least that violates no triangle, 25/4 with the cone, 6 in truth."""
    graph = CutGraph.from_networkx(nx.complete_graph(5))
    program = CycleProgram(np.ones(10), Cycles(10))
    solve_to_the_end(graph, program)
    assert program.value == pytest.approx(20 / 3)


@pytest.mark.parametrize("seed", range(12))
def test_a_program_cut_short_still_bounds(seed):
    """Whatever the multipliers: those of every slice, and random ones."""
    graph = weighted(nx.random_regular_graph(4, 12, seed=seed), seed)
    optimum, side = maximum_cut(graph)
    (u, v, w), cycles = graph.edges(), Cycles(graph.m)
    program, pair_of = CycleProgram(w, cycles), entries(graph)[3]
    free = np.zeros(graph.m), np.ones(graph.m)
    decided = (side[u] != side[v]).astype(float)
    rng = np.random.default_rng(seed)
    slack = 1e-12 * graph.absolute_weight
    for _ in range(60):
        program.solve(1)
        for y in program.multiplier, rng.exponential(size=len(program.ids)):
            for coarse in True, False:
                ids = program.ids
                found = prove(w, cycles, ids, y, *free, coarse=coarse)
                assert found.value >= optimum - slack
                # every edge decided as the optimum has it: at least its value
                found = prove(w, cycles, ids, y, decided, decided, coarse=coarse)
                assert found.value >= optimum - slack
        if program.optimal:
            found = violated_cycles(graph, pair_of, program.x, 1e-7, 2, Scratch())
            if len(found[0]) == 1:
                break
            program.add(cycles.add(*found))


def test_cycles_are_kept_once():
    cycles = Cycles(6)
    odd = np.array([True, True, True, True, False, False])
    first = cycles.add(np.array([0, 3, 6]), np.array([0, 1, 2, 2, 0, 1]), odd)
    assert first.tolist() == [0, 1] and len(cycles) == 2
    again = cycles.add(
        np.array([0, 3, 7]),
        np.array([1, 2, 0, 0, 3, 4, 5]),
        np.array([False, True, False, True, False, False, False]),
    )
    assert again.tolist() == [1, 2] and len(cycles) == 3
    starts, pair, _ = cycles.terms(np.array([2, 0]))
    assert starts.tolist() == [0, 4, 7] and pair.tolist() == [0, 3, 4, 5, 0, 1, 2]


def test_rows_go_and_a_basis_comes_back():
    graph = weighted(nx.random_regular_graph(6, 40, seed=1), 2)
    w, cycles = graph.edges()[2], Cycles(graph.m)
    program = CycleProgram(w, cycles)
    solve_to_the_end(graph, program)
    value, basis = program.value, program.basis()
    program._delete(np.ones(len(program.ids), bool))
    program.solve()
    assert program.value == pytest.approx(w.sum())
    program.start_from(basis)
    program.solve()
    assert program.value == pytest.approx(value)


def test_nothing_depends_on_the_threads():
    graph = weighted(nx.random_regular_graph(10, 50, seed=3), 2)
    one, first = solved(graph, 1)
    two, second = solved(graph, 3)
    assert first == second and one.nodes == two.nodes > 1
    assert (one.partition == two.partition).all()
    assert accepted(graph, one).bound == one.cut


def test_the_relaxation_is_chosen_at_the_root():
    """Lattices are for the program; random graphs for the dense relaxation."""
    lattice = generate("lattice", seed=1, shape=(5, 5, 5), weights="pm1")
    random = CutGraph.from_networkx(nx.random_regular_graph(6, 100, seed=1))
    for graph, linear in ((lattice, True), (random, False)):
        problem = presolve(graph)
        exact, run = Exact(problem, method="exact"), Run(graph)
        run.offer_cut(maxcut(graph, method="search", work_limit=10**7).partition)
        with ThreadPoolExecutor(1) as executor:
            exact.advance(run, executor, math.inf)
        largest = max(exact.parts, key=lambda part: part.graph.n)
        assert isinstance(largest.tree.nodes_by, LinearNodes) == linear
        assert run.upper_bound == run.cut


def test_a_large_sparse_leaf_is_proved_unasked():
    graph = generate("lattice", seed=1, shape=(6, 6, 6), weights="gaussian")
    assert max(leaf.graph.n for leaf in presolve(graph).pieces.leaves) > PROMISING
    result = maxcut(graph)
    assert result.status is Status.OPTIMAL
    assert_valid(graph, result)
    u, v, w = (x.tolist() for x in graph.edges())
    edges = dict(zip(zip(u, v, strict=True), w, strict=True))
    verdict = check.check(graph.n, edges, result.certificate)
    assert float(verdict.bound) <= result.cut * (1 + 1e-9)


def test_a_tree_of_one_node_has_one_program():
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 4))
    graph = CutGraph.from_networkx(grid)
    tree = BranchAndBound(graph, np.ones(16, np.int8), linear=True)
    with ThreadPoolExecutor(1) as executor:
        while not tree.done:
            tree.advance(Run(graph), executor)
    assert tree.nodes == 1
    assert len(tree.nodes_by.idle) == 1
