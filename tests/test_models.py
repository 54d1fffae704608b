"""Models and MAXCUT: one value, both ways, against brute force."""

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError, maxcut
from derandcut.models import QUBO, Ising, Max2Sat, MaxDicut, max_dicut
from derandcut.result import CutResult, Status

SMALL = settings(deadline=None, max_examples=25)
INTEGERS = st.integers(-9, 9).map(float)
REALS = st.floats(-1, 1).map(lambda x: x if abs(x) > 1e-9 else 0.0)
COEFFICIENTS = st.one_of(st.just(INTEGERS), st.just(REALS))


@st.composite
def matrices(draw):
    n = draw(st.integers(0, 5))
    entry = draw(COEFFICIENTS)
    size = n * n
    values = draw(st.lists(entry, min_size=size, max_size=size))
    return np.array(values, float).reshape(n, n)


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 6))
    pairs = [(u, v) for u in range(n) for v in range(u + 1, n)]
    weights = draw(
        st.lists(draw(COEFFICIENTS), min_size=len(pairs), max_size=len(pairs))
    )
    u, v = np.array(pairs, np.int64).reshape(-1, 2).T
    return CutGraph.from_edges(u, v, np.array(weights, float), n)


def partitions(n):
    for x in itertools.product([-1, 1], repeat=n):
        yield np.array(x, np.int8)


def check(model, reference):
    """Every partition of the graph has the objective of its values, and back."""
    assert model.graph.n == model.n + 1
    exact = model.graph.integer and float(model.offset).is_integer()
    scale = 1 + model.graph.absolute_weight + abs(model.offset)
    for x in partitions(model.n + 1):
        values = model.values(x)
        objective = model.objective(values)
        mapped = model.offset + model.sense * model.factor * model.graph.cut(x)
        tolerance = 0 if exact else 1e-12 * scale
        assert abs(objective - mapped) <= tolerance
        assert abs(objective - reference(values)) <= (0 if exact else 1e-12 * scale)
        back = model.partition(values)
        assert np.array_equal(back, x * x[-1])
        assert model.solution(x).objective == objective


@SMALL
@given(matrices(), st.integers(-5, 5))
def test_qubo_keeps_its_value(Q, constant):
    check(QUBO(Q, constant), lambda x: x @ Q @ x + constant)


@SMALL
@given(matrices(), st.integers(-5, 5), st.randoms(use_true_random=False))
def test_ising_keeps_its_value(J, constant, random):
    h = np.array([float(random.randint(-3, 3)) for _ in range(len(J))])
    check(Ising(J, h, constant), lambda s: s @ J @ s + h @ s + constant)


@st.composite
def formulas(draw):
    n = draw(st.integers(1, 5))
    literal = st.integers(1, n).flatmap(lambda k: st.sampled_from([k, -k]))
    clauses = draw(st.lists(st.lists(literal, min_size=1, max_size=2), max_size=12))
    size = len(clauses)
    weights = draw(st.lists(draw(COEFFICIENTS), min_size=size, max_size=size))
    return n, clauses, weights


@SMALL
@given(formulas())
def test_max_2_sat_keeps_its_value(case):
    n, clauses, weights = case
    model = Max2Sat(clauses, weights, n)

    def satisfied(x):
        true = [any(bool(x[abs(k) - 1]) == (k > 0) for k in c) for c in clauses]
        return sum(w for w, held in zip(weights, true, strict=True) if held)

    check(model, satisfied)


@SMALL
@given(matrices())
def test_max_dicut_keeps_its_value(W):
    tail, head = np.nonzero(np.ones_like(W))
    model = MaxDicut(tail, head, W.ravel(), len(W))
    check(model, lambda x: x @ W @ (1 - x))


@SMALL
@given(graphs())
def test_from_graph_gives_the_cut_and_the_graph_back(graph):
    total = graph.total_weight
    size = graph.absolute_weight
    for model, value in (
        (QUBO.from_graph(graph), lambda cut: -cut),
        (Ising.from_graph(graph), lambda cut: -cut),
        (Max2Sat.from_graph(graph), lambda cut: total + cut),
    ):
        assert model.n == graph.n - 1
        for x in partitions(graph.n):
            found = model.objective(model.values(x))
            tolerance = 0 if graph.integer else 1e-12 * size
            assert abs(found - value(graph.cut(x))) <= tolerance
        factor = model.factor if not isinstance(model, Ising) else 2
        again = model.graph.adjacency * factor
        assert abs(again - graph.adjacency).sum() <= (
            0 if graph.integer else 1e-12 * size
        )
    dicut = MaxDicut.from_graph(graph)
    for x in partitions(graph.n):
        bits = (x > 0).astype(int)
        assert math.isclose(dicut.objective(bits), graph.cut(x), abs_tol=1e-12)


def test_qubo_of_a_real_sparse_graph_has_no_edge_of_rounding_dust():
    rng = np.random.default_rng(1)
    u = np.arange(50)
    graph = CutGraph.from_edges(u, (u + 1) % 50, rng.normal(size=50))
    assert QUBO.from_graph(graph).graph.m == graph.m


def test_odd_pairs_double_the_graph_so_that_integers_stay_integers():
    model = QUBO([[0, 3], [0, 0]])
    assert model.factor == 0.5 and model.graph.integer
    assert QUBO([[0, 2], [2, 0]]).factor == 1


def test_a_result_becomes_bits_objective_and_bound():
    model = QUBO([[-1, 2], [0, -1]], constant=5)
    best = max(partitions(3), key=model.graph.cut)
    result = CutResult(
        cut=model.graph.cut(best),
        partition=best,
        upper_bound=1,
        bound_kind="proved",
        status=Status.OPTIMAL,
        seconds=0.0,
        seed=0,
        work=0,
        work_limit=0,
        method="auto",
        n_threads=1,
    )
    solution = model.solution(result)
    assert solution.objective == solution.bound == 4
    assert solution.values.sum() == 1


def test_max_dicut_reads_a_digraph():
    model = max_dicut(nx.DiGraph([(0, 1, {"weight": 3}), (2, 1)]))
    assert model.objective([1, 0, 1]) == 4
    assert max_dicut(nx.DiGraph()).graph.n == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: QUBO([[1, 2]]),
        lambda: QUBO([[math.nan]]),
        lambda: QUBO([[1]], constant=math.inf),
        lambda: QUBO.from_terms([0], [2], [1], n=2),
        lambda: Ising([[0]], h=[1, 2]),
        lambda: Ising([[0]], h=[math.nan]),
        lambda: Max2Sat([(1, 2, 3)]),
        lambda: Max2Sat([()]),
        lambda: Max2Sat([(0,)]),
        lambda: Max2Sat([(2,)], n=1),
        lambda: Max2Sat([(1,)], weights=[1, 2]),
        lambda: MaxDicut([0], [1, 2]),
        lambda: MaxDicut([0], [1], [math.inf]),
        lambda: MaxDicut([0], [5], n=2),
        lambda: QUBO([[1]]).values([1, 1, 1]),
        lambda: QUBO([[1]]).objective([2]),
        lambda: Ising([[0]]).objective([0]),
    ],
)
def test_bad_models_are_refused(make):
    with pytest.raises(InputError):
        make()


def test_large_integer_coefficients_lose_nothing():
    big = 2**49
    model = QUBO([[big - 1, -2 * big], [0, big - 1]])
    solution = model.solution(maxcut(model.graph))
    assert solution.objective == -2
    assert solution.bound <= -2
