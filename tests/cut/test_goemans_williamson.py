import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_valid, maximum_cut
from strategies import graphs

import derandcut
from derandcut import CutGraph, InputError, goemans_williamson
from derandcut.cut.goemans_williamson import dual_bound
from derandcut.result import Status

ALPHA = 0.87856


def random_graph(n: int, m: int, seed: int, signed: bool = False) -> CutGraph:
    rng = np.random.default_rng(seed)
    w = rng.choice([-1.0, 1.0], m) if signed else None
    return CutGraph.from_edges(rng.integers(0, n, m), rng.integers(0, n, m), w, n)


def dense(graph: CutGraph) -> tuple[np.ndarray, np.ndarray]:
    return graph.adjacency.toarray(), graph.edges()[2]


@given(graphs(max_n=10))
@settings(max_examples=25, deadline=None)
def test_valid_on_any_graph(graph):
    assert_valid(graph, goemans_williamson(graph))


@given(
    graphs(min_n=1, max_n=10, kind="real"),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 1e-3, 1.0, 1e3]),
)
@settings(max_examples=100, deadline=None)
def test_every_dual_vector_bounds_every_cut(graph, seed, size):
    dual = size * np.random.default_rng(seed).standard_normal(graph.n)
    optimum = maximum_cut(graph)[0]
    assert dual_bound(*dense(graph), dual) >= optimum


def test_bound_is_tight_where_the_relaxation_is_known():
    # The ring of five: y = (5/8 + sqrt(5)/8) everywhere is optimal.
    ring = CutGraph.from_edges(range(5), [1, 2, 3, 4, 0])
    value = 5 * (5 + math.sqrt(5)) / 8
    bound = dual_bound(*dense(ring), np.full(5, value / 5))
    assert value * (1 - 1e-15) <= bound <= value * (1 + 1e-13)


def test_margin_covers_the_rounding_of_the_eigenvalue():
    # K_n: the matrix is J/4 plus a multiple of I, so the exact bound is n^2/4.
    for n in (3, 17, 64):
        graph = CutGraph.from_scipy(np.ones((n, n)) - np.eye(n))
        bound = dual_bound(*dense(graph), np.full(n, n / 4 + 1 / 3))
        assert Fraction(bound) >= Fraction(n * n, 4)
        assert bound <= n * n / 4 * (1 + 1e-11)


@pytest.mark.parametrize("signed", [False, True])
def test_keeps_the_guarantee_and_bounds_itself(signed):
    graph = random_graph(60, 240, 1, signed)
    result = goemans_williamson(graph)
    assert_valid(graph, result)
    shift = graph.negative_weight
    # The best of 100 hyperplanes is above the mean of one.
    assert result.cut - shift >= ALPHA * (result.upper_bound - 1 - shift)
    assert derandcut.verify(graph, result).ok


def test_integer_bounds_are_floored_and_real_ones_are_not():
    graph = random_graph(30, 90, 2)
    bound = goemans_williamson(graph).upper_bound
    assert isinstance(bound, int)
    u, v, w = graph.edges()
    real = CutGraph.from_edges(u, v, w / 3, graph.n)
    assert bound / 3 < goemans_williamson(real).upper_bound < (bound + 1) / 3


def test_same_seed_same_bits_other_seed_other_hyperplanes():
    graph = random_graph(40, 200, 3)
    first, again = (goemans_williamson(graph, rounds=1, seed=7) for _ in range(2))
    assert (first.partition == again.partition).all()
    assert first.upper_bound == again.upper_bound
    other = goemans_williamson(graph, rounds=1, seed=8)
    assert (first.partition != other.partition).any()


def test_solvers_agree_and_options_reach_them():
    graph = random_graph(20, 60, 4)
    precise = goemans_williamson(graph, solver_options={"eps": 1e-8})
    clarabel = goemans_williamson(graph, solver="clarabel")
    assert clarabel.upper_bound == precise.upper_bound


def test_a_crude_solution_still_gives_a_true_bound():
    graph = random_graph(12, 40, 5)
    result = goemans_williamson(graph, solver_options={"max_iters": 3})
    assert_valid(graph, result)


def test_bipartite_is_proved_optimal_with_scaled_weights():
    for scale in (1e-12, 1.0, 1e12):
        graph = CutGraph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], [scale * 1.5] * 4)
        result = goemans_williamson(graph, solver_options={"eps": 1e-12})
        assert result.status is Status.OPTIMAL
        assert result.cut == pytest.approx(6 * scale, rel=1e-12)


def test_negative_weights_alone_are_proved_optimal():
    graph = CutGraph.from_edges([0, 1, 2], [1, 2, 0], [-1, -2, -3])
    result = goemans_williamson(graph)
    assert (result.cut, result.upper_bound, result.gap) == (0, 0, 0)
    assert result.status is Status.OPTIMAL


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 0}, "rounds"),
        ({"rounds": 2.5}, "rounds"),
        ({"seed": -1}, "seed"),
        ({"solver": "nosuch"}, "'NOSUCH' is not installed"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        goemans_williamson(random_graph(5, 10, 0), **arguments)


def test_a_solver_without_semidefinite_cones_is_one_clear_error():
    with pytest.raises(derandcut.DerandcutError, match="HIGHS cannot solve"):
        goemans_williamson(random_graph(5, 10, 0), solver="HIGHS")


def test_too_large_for_a_dense_relaxation_says_so_before_solving():
    graph = random_graph(3000, 6000, 6)
    with pytest.raises(InputError, match=r"3000 vertices needs about 9 GB in SCS"):
        goemans_williamson(graph)
    with pytest.raises(InputError, match=r"in CLARABEL, more than 4 GB"):
        goemans_williamson(random_graph(200, 400, 6), solver="CLARABEL")
