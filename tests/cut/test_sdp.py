"""The low-rank relaxation: values, duals, warm starts, escapes, equal bits."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError
from derandcut.cut import bound as bounds
from derandcut.cut.sdp import Relaxation, SDPResult, Sweeper, sdp
from derandcut.result import Status
from derandcut.run import Run
from tests.strategies import graphs

relaxations = importlib.import_module("derandcut.cut.sdp")
GSET = Path(__file__).parents[3] / "shared" / "data" / "gset"


def random_graph(n: int, m: int, seed: int, weights: str = "one") -> CutGraph:
    rng = np.random.default_rng(seed)
    w = {
        "one": np.ones(m),
        "sign": rng.choice([-1.0, 1.0], m),
        "real": rng.standard_normal(m),
    }[weights]
    return CutGraph.from_edges(rng.integers(0, n, m), rng.integers(0, n, m), w, n)


def gset(name: str) -> CutGraph:
    if not (GSET / name).exists():
        pytest.skip("the reference instances are absent")
    numbers = np.array((GSET / name).read_text().split(), dtype=np.float64)
    edges = numbers[2:].reshape(-1, 3)
    ends = edges[:, :2].astype(int) - 1
    return CutGraph.from_edges(ends[:, 0], ends[:, 1], edges[:, 2], int(numbers[0]))


def cycle(n: int) -> CutGraph:
    return CutGraph.from_edges(np.arange(n), (np.arange(n) + 1) % n)


@pytest.mark.parametrize("n", [3, 5, 7, 11])
def test_odd_cycles_reach_their_closed_form(n: int) -> None:
    expected = n * (1 - np.cos(np.pi * (n - 1) / n)) / 2
    result = sdp(cycle(n), tolerance=1e-8)
    assert result.value == pytest.approx(expected, rel=1e-7)
    assert expected <= result.upper_bound * (1 + 1e-15)
    assert result.upper_bound <= expected * (1 + 2e-8)


def test_complete_graph_reaches_n_squared_over_four() -> None:
    n = 12
    u, v = np.triu_indices(n, 1)
    result = sdp(CutGraph.from_edges(u, v), tolerance=1e-8)
    assert result.value == pytest.approx(n * n / 4, rel=1e-7)
    assert n * n / 4 <= result.upper_bound <= n * n / 4 * (1 + 1e-7)


@pytest.mark.parametrize("weights", ["one", "sign", "real"])
def test_value_agrees_with_an_interior_point_solver(weights: str) -> None:
    cvxpy = pytest.importorskip("cvxpy")
    graph = random_graph(14, 40, 3, weights)
    X = cvxpy.Variable((14, 14), PSD=True)
    L = np.diag(graph.weighted_degrees) - graph.adjacency.toarray()
    problem = cvxpy.Problem(
        cvxpy.Maximize(cvxpy.trace(L @ X) / 4), [cvxpy.diag(X) == 1]
    )
    expected = problem.solve(solver=cvxpy.CLARABEL)
    result = sdp(graph, tolerance=1e-7)
    assert result.value == pytest.approx(expected, rel=1e-6)
    assert result.upper_bound == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("omega", [0.5, 1.0, 1.5, 1.9, 1.99])
def test_over_relaxed_sweeps_never_increase_the_objective(omega: float) -> None:
    graph = random_graph(60, 200, 5, "real")
    relaxation = Relaxation(graph, seed=1)
    run = Run(graph)
    value = relaxation.value
    for _ in range(30):
        decrease = relaxation._sweep(run, omega, 1)
        assert relaxation.value - value == pytest.approx(
            decrease / relaxation._scale / 2, abs=1e-9
        )
        assert relaxation.value >= value - 1e-9
        value = relaxation.value
    assert np.linalg.norm(relaxation.V, axis=1) == pytest.approx(np.ones(60))


def test_the_sum_of_the_dual_is_the_value() -> None:
    graph = random_graph(50, 150, 2, "real")
    relaxation = Relaxation(graph)
    relaxation.advance(Run(graph), tolerance=1e-3)
    assert relaxation.dual().sum() == pytest.approx(relaxation.value)


def test_dual_of_a_bipartite_graph_is_half_the_weighted_degrees() -> None:
    graph = CutGraph.from_edges([0, 0, 1, 2], [3, 4, 4, 5], [1, 2, 3, 4])
    result = sdp(graph, tolerance=1e-9)
    assert result.value == pytest.approx(10)
    relaxation = Relaxation(graph)
    relaxation.advance(Run(graph), tolerance=1e-12)
    assert relaxation.dual() == pytest.approx(graph.weighted_degrees / 2, abs=1e-6)


def test_resuming_is_warm_and_widening_keeps_the_value() -> None:
    graph = random_graph(300, 1200, 7)
    run = Run(graph)
    relaxation = Relaxation(graph)
    assert relaxation.advance(run, tolerance=1e-3)
    quick, sweeps = relaxation.value, relaxation.sweeps
    assert relaxation.rank == 16
    relaxation.widen(24)
    assert relaxation.rank == 24
    assert relaxation.value == pytest.approx(quick, rel=1e-2)
    assert relaxation.advance(run, tolerance=1e-6)
    assert relaxation.value >= quick
    assert relaxation.sweeps > sweeps
    assert run.work >= 2 * graph.m * relaxation.sweeps


def test_a_trapped_rank_escapes_along_the_eigenvector() -> None:
    graph = random_graph(200, 600, 11)
    start = np.sign(np.random.default_rng(0).standard_normal((200, 1)))
    reference = sdp(graph, tolerance=1e-7)
    result = sdp(graph, tolerance=1e-7, initial=start)
    assert result.value == pytest.approx(reference.value, rel=1e-6)
    assert result.gap <= 1e-7


def test_warm_start_from_a_result_saves_sweeps() -> None:
    graph = random_graph(400, 2000, 13)
    first = sdp(graph, tolerance=1e-6)
    again = sdp(graph, tolerance=1e-6, initial=first)
    assert again.sweeps <= first.sweeps
    assert again.gap <= 1e-6


@pytest.mark.parametrize("n", [0, 1, 5])
def test_graphs_without_edges(n: int) -> None:
    result = sdp(CutGraph.from_edges([], [], n=n))
    assert (result.value, result.upper_bound, result.gap) == (0, 0, 0)
    assert result.V.shape[0] == n
    assert result.status is Status.FINISHED
    assert isinstance(repr(result), str)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 12),
    edges=st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(-1, 1)), max_size=40
    ),
    exponent=st.integers(-12, 12),
)
def test_primal_below_dual_at_every_scale(
    n: int, edges: list[tuple[int, int, float]], exponent: int
) -> None:
    ends = np.array([(a % n, b % n) for a, b, _ in edges], np.int64).reshape(-1, 2)
    w = np.array([c for *_, c in edges]) * 10.0**exponent
    graph = CutGraph.from_edges(ends[:, 0], ends[:, 1], w, n)
    result = sdp(graph, tolerance=1e-5)
    slack = 1e-12 * graph.absolute_weight
    assert result.value <= result.upper_bound + slack
    assert np.isfinite(result.upper_bound)
    assert result.V.shape == (n, result.rank)


def test_scaling_by_a_power_of_two_changes_no_bit() -> None:
    graph = random_graph(80, 300, 17, "real")
    plain = sdp(graph, tolerance=1e-6)
    scaled = sdp(graph.reweighted(graph.edges()[2] * 2.0**-40), tolerance=1e-6)
    assert (plain.V == scaled.V).all()
    assert plain.value == scaled.value * 2.0**40


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("rank", [8, 16, 24, 32, 40])
def test_base_and_avx2_return_the_same_bits(rank: int, index: type) -> None:
    try:
        avx2 = importlib.import_module("derandcut.cut._sdp_avx2")
    except ImportError:
        pytest.skip("no AVX2 build here")
    base = importlib.import_module("derandcut.cut._sdp")
    graph = random_graph(100, 500, 19, "real")
    arrays = graph.indptr, graph.indices.astype(index), graph.weights
    sweeper, start = Sweeper(graph), Relaxation(graph, rank=rank).V
    order = sweeper.order.astype(index), sweeper.blocks, sweeper.classes
    V = [start.copy(), start.copy()]
    out = np.empty((2, graph.n))
    changes = []
    for i, kernel in enumerate((base, avx2)):
        part, board = np.empty(len(sweeper.blocks) - 1), np.zeros(80, np.int64)
        changes.append(kernel.sweep(*arrays, V[i], *order, part, 1.9, 20, board))
        kernel.products(*arrays, V[i], out[i])
    assert changes[0] == changes[1]
    assert (V[0] == V[1]).all()
    assert (out[0] == out[1]).all()


@given(graph=graphs(max_n=40))
@settings(max_examples=60, deadline=None)
def test_no_two_neighbours_share_a_class(graph: CutGraph) -> None:
    sweeper = Sweeper(graph)
    assert sorted(sweeper.order) == list(range(graph.n))
    begins = sweeper.blocks[sweeper.classes]
    assert (begins[0], begins[-1]) == (0, graph.n)
    assert (np.diff(sweeper.blocks) > 0).all()
    assert (np.diff(begins) > 0).all()
    place = np.empty(graph.n, int)
    place[sweeper.order] = np.arange(graph.n)
    u, v, _ = graph.edges()
    classes = np.searchsorted(begins, place, side="right")
    assert (classes[u] != classes[v]).all()


@pytest.mark.parametrize("n_threads", [2, 3])
def test_bits_do_not_depend_on_the_threads(monkeypatch, n_threads: int) -> None:
    monkeypatch.setattr(relaxations, "VISITS_A_THREAD", 0)
    monkeypatch.setattr(relaxations, "VISITS_A_CLASS", 0)
    monkeypatch.setattr(bounds, "FLOPS_A_THREAD", 0)
    graph = random_graph(1500, 8000, 31, "real")
    one = sdp(graph, tolerance=1e-6, n_threads=1)
    other = sdp(graph, tolerance=1e-6, n_threads=n_threads)
    assert (one.V == other.V).all()
    assert (one.y == other.y).all()
    assert one.upper_bound == other.upper_bound
    assert one.sweeps == other.sweeps


def test_same_seed_same_bits() -> None:
    graph = random_graph(150, 600, 23)
    one, two = (sdp(graph, seed=4) for _ in range(2))
    assert (one.V == two.V).all()
    assert one.upper_bound == two.upper_bound


def test_limits_end_the_sweeps() -> None:
    graph = random_graph(400, 2000, 29)
    run = Run(graph, work_limit=20 * 2 * graph.m)
    relaxation = Relaxation(graph)
    assert not relaxation.advance(run, tolerance=1e-12)
    assert relaxation.sweeps <= 30
    result = sdp(graph, time_limit=0.0)
    assert result.status is Status.TIME_LIMIT
    assert result.upper_bound >= result.value


@pytest.mark.parametrize(
    "arguments",
    [
        {"tolerance": 0},
        {"tolerance": float("nan")},
        {"bound": "sure"},
        {"rank": 100_000},
        {"initial": np.zeros((2, 2))},
        {"initial": np.full((3, 2), np.nan)},
    ],
)
def test_bad_arguments_are_named(arguments: dict) -> None:
    with pytest.raises(InputError):
        sdp(cycle(3), **arguments)


def test_estimate_and_none() -> None:
    graph = random_graph(200, 800, 31)
    proved = sdp(graph, tolerance=1e-6)
    estimate = sdp(graph, tolerance=1e-6, bound="estimate")
    assert estimate.bound_kind == "estimate"
    assert estimate.upper_bound == pytest.approx(proved.upper_bound, rel=1e-4)
    none = sdp(graph, tolerance=1e-6, bound="none")
    assert none.upper_bound is None
    assert none.value == pytest.approx(proved.value, rel=1e-5)
    assert isinstance(none, SDPResult)


@pytest.mark.gset
@pytest.mark.parametrize(
    ("name", "value"), [("G14", 3191.567), ("G32", 1567.64), ("G1", 12083.198)]
)
def test_reference_values(name: str, value: float) -> None:
    result = sdp(gset(name), tolerance=5e-6)
    assert result.method == "factorisation"
    assert result.value <= value * (1 + 1e-6)
    assert value * (1 - 1e-6) <= result.upper_bound <= value * (1 + 1e-5)
