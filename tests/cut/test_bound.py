"""Upper bounds: true for every dual vector, and each numbered fact behind the proof."""

import importlib
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph
from derandcut.cut import bound as bounds
from derandcut.cut.bound import Factorisation, floor_to_values, upper_bound
from derandcut.cut.sdp import Relaxation
from derandcut.result import Status
from derandcut.run import Run


def cuts(graph: CutGraph) -> list[int | float]:
    return [
        graph.cut((1, *rest))
        for rest in itertools.product((1, -1), repeat=max(graph.n - 1, 0))
    ][: 2 ** max(graph.n - 1, 0)]


def optimum(graph: CutGraph) -> int | float:
    return max(cuts(graph)) if graph.n else 0


def random_graph(n: int, m: int, seed: int, real: bool = False) -> CutGraph:
    rng = np.random.default_rng(seed)
    w = rng.standard_normal(m) if real else rng.integers(-5, 6, m)
    return CutGraph.from_edges(rng.integers(0, n, m), rng.integers(0, n, m), w, n)


def grid(rows: int, columns: int, seed: int) -> CutGraph:
    at = np.arange(rows * columns).reshape(rows, columns)
    u = np.concatenate([at.ravel(), at.ravel()])
    v = np.concatenate([np.roll(at, 1, 0).ravel(), np.roll(at, 1, 1).ravel()])
    w = np.random.default_rng(seed).choice([-1.0, 1.0], len(u))
    return CutGraph.from_edges(u, v, w, rows * columns)


@st.composite
def graphs(draw: st.DrawFn) -> CutGraph:
    n = draw(st.integers(0, 8))
    family = draw(
        st.sampled_from(
            ["random", "star", "complete", "bipartite", "negative", "empty"]
        )
    )
    pairs = list(itertools.combinations(range(n), 2))
    if family == "star":
        pairs = [p for p in pairs if p[0] == 0]
    elif family == "bipartite":
        pairs = [p for p in pairs if (p[0] + p[1]) % 2]
    elif family == "empty":
        pairs = []
    elif family == "random":
        pairs = [p for p in pairs if draw(st.booleans())]
    integer = draw(st.booleans())
    one = st.integers(-9, 9) if integer else st.floats(-1, 1, allow_subnormal=False)
    w = np.array([draw(one) for _ in pairs], dtype=float)
    if family == "negative":
        w = -np.abs(w)
    if not integer:
        w = w * 10.0 ** draw(st.integers(-12, 12))
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    return CutGraph.from_edges(ends[:, 0], ends[:, 1], w, n)


def above(graph: CutGraph, value: float, best: float) -> bool:
    """value >= best, up to the rounding of the oracle's own sums."""
    slack = 0 if graph.integer else 1e-14 * graph.absolute_weight
    return math.isfinite(value) and value >= best - slack


@settings(max_examples=150, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 99), spread=st.sampled_from([0, 0.1, 1, 30]))
def test_the_dual_bound_holds_for_any_y(
    graph: CutGraph, seed: int, spread: float
) -> None:
    best = optimum(graph)
    size = np.abs(graph.weights).max(initial=0.0)
    y = graph.weighted_degrees / 2
    y = y + spread * size * np.random.default_rng(seed).standard_normal(graph.n)
    for tolerance in (1e-7, 1e-3):
        bound = upper_bound(graph, y, run=Run(graph), tolerance=tolerance)
        assert bound.kind == "proved"
        assert above(graph, bound.value, best)
        assert bound.value <= bound.unfloored
    assert above(graph, bounds.cycles(graph, Run(graph)).value, best)
    assert above(graph, bounds.positive_weight(graph).value, best)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_bound_from_the_relaxation_is_above_every_cut(graph: CutGraph) -> None:
    relaxation = Relaxation(graph)
    run = Run(graph)
    relaxation.advance(run, tolerance=1e-6, max_sweeps=200)
    bound = upper_bound(graph, relaxation.dual(), run=run)
    assert above(graph, bound.value, optimum(graph))
    assert bound.value <= bounds.positive_weight(graph).value


@pytest.mark.parametrize("sign", [-1, 1])
def test_either_sign_of_lambda_min_tightens(sign: int) -> None:
    graph = random_graph(40, 160, 1, real=True)
    relaxation = Relaxation(graph)
    relaxation.advance(Run(graph), tolerance=1e-8)
    y = relaxation.dual()
    plain = upper_bound(graph, y, run=Run(graph)).unfloored
    moved = upper_bound(graph, y + sign * 0.01, run=Run(graph))
    # A uniform change of y is undone by n lambda_min.
    assert moved.unfloored == pytest.approx(plain, rel=1e-5)
    assert moved.lambda_min == pytest.approx(sign * 0.01, rel=1e-3)


def exact_error(chol: Factorisation, s: np.ndarray) -> list[list[Fraction]]:
    """Diag(s) + W/4 - C C' in rationals, C read from the panels."""
    n = chol.graph.n
    C = [[Fraction(0)] * n for _ in range(n)]
    at, column = 0, 0
    for p, q, first in chol.fronts.tolist():
        who = chol.members[first : first + p + q]
        panel = chol._L[at : at + (p + q) * p].reshape(p, p + q)
        for k in range(p):
            for i in range(k, p + q):
                C[int(who[i])][column] = Fraction(float(panel[k, i]))
            column += 1
        at += (p + q) * p
    A = [[Fraction(0)] * n for _ in range(n)]
    W = chol.graph.adjacency.toarray() * chol.scale
    for i in range(n):
        for j in range(n):
            A[i][j] = Fraction(float(W[i, j])) / 4
        A[i][i] = Fraction(float(s[i]))
        for j in range(n):
            A[i][j] -= sum((C[i][k] * C[j][k] for k in range(n)), Fraction(0))
    return A


@pytest.mark.parametrize("seed", range(4))
def test_the_rounding_margin_covers_the_exact_error(seed: int) -> None:
    graph = random_graph(18, 60, seed, real=True)
    chol = Factorisation(graph)
    s = np.abs(graph.adjacency.toarray()).sum(1) * chol.scale / 4 + 0.01
    assert chol.factor(s)
    E = exact_error(chol, s)
    worst = max(sum(abs(x) for x in row) for row in E)
    assert 0 < worst <= Fraction(chol.margin(s))


@pytest.mark.parametrize(
    "graph",
    [
        random_graph(30, 60, 1, real=True),
        random_graph(150, 2000, 2, real=True),
        random_graph(400, 500, 3, real=True),
        grid(9, 12, 4),
        CutGraph.from_edges(np.zeros(40, int), np.arange(1, 41)),
        CutGraph.from_edges(*np.triu_indices(90, 1)),
        CutGraph.from_edges([0, 3], [1, 4], n=7),
    ],
    ids=["sparse", "dense", "forest", "grid", "star", "complete", "isolated"],
)
def test_factorisation_matches_dense_cholesky(graph: CutGraph) -> None:
    chol = Factorisation(graph)
    assert chol.possible
    A = graph.adjacency.toarray() * chol.scale / 4
    lowest = np.linalg.eigvalsh(A)[0]
    s = np.full(graph.n, 1e-6 - min(lowest, 0.0))
    assert chol.factor(s)
    b = np.arange(1.0, graph.n + 1)
    x = chol.solve(b)
    assert (A + np.diag(s)) @ x == pytest.approx(b, rel=1e-6, abs=1e-6)
    assert not chol.factor(np.full(graph.n, max(-lowest, 0.0) - 1e-6))
    assert chol.counts.sum() == sum(
        p * (p + 1) // 2 + p * q for p, q, _ in chol.fronts.tolist()
    )


@pytest.mark.parametrize("n_threads", [1, 2])
def test_slices_and_threads_leave_the_factor_alone(monkeypatch, n_threads: int) -> None:
    graph = random_graph(400, 4000, 3, real=True)
    whole = Factorisation(graph)
    s = np.asarray(np.abs(graph.adjacency).sum(axis=1)) * whole.scale / 4 + 0.1
    assert whole.factor(s)
    monkeypatch.setattr(bounds, "FLOPS_A_SLICE", 1)
    monkeypatch.setattr(bounds, "FLOPS_A_THREAD", 0)
    sliced = Factorisation(graph, n_threads=n_threads)
    assert sliced.factor(s)
    b = np.random.default_rng(0).standard_normal(400)
    assert (whole.solve(b) == sliced.solve(b)).all()


class Clock(Run):
    """A run that a clock of so many looks ends."""

    looks = 10**9

    def _reason_to_end(self, repeatable):
        self.looks -= 1
        if self.looks < 0 and repeatable:
            self.cut_short_at = self.work
            return Status.TIME_LIMIT
        return super()._reason_to_end(repeatable)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_proof_that_the_clock_ends_leaves_a_run_that_repeats(
    monkeypatch, share: float
) -> None:
    graph = random_graph(200, 2000, 4)
    relaxation = Relaxation(graph)
    relaxation.advance(Run(graph), tolerance=1e-3)
    y = relaxation.dual()
    chol = Factorisation(graph)
    monkeypatch.setattr(bounds, "FLOPS_A_SLICE", 1)
    run = Clock(graph)
    whole = upper_bound(graph, y, run=run, factorisation=chol)
    assert whole.method == "factorisation"
    looks = 10**9 - run.looks
    assert looks > 20
    run = Clock(graph)
    run.charge(12345)
    run.looks = int(share * looks)
    ended = upper_bound(graph, y, run=run, factorisation=chol)
    assert (run.ended, run.repeatable_limit) == (Status.TIME_LIMIT, 12345)
    again = Run(graph, work_limit=run.repeatable_limit)
    again.charge(12345)
    repeated = upper_bound(graph, y, run=again, factorisation=chol)
    assert (ended.value, ended.method) == (repeated.value, repeated.method)
    assert ended.method in ("cycles", "positive weight")
    assert run.work == again.work
    assert ended.value >= whole.value


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_floor_rule_keeps_every_cut(graph: CutGraph) -> None:
    best = optimum(graph)
    if not graph.integer:
        assert floor_to_values(graph, 1.5) == 1.5
        return
    assert floor_to_values(graph, best + 0.999) >= best
    values = sorted(set(cuts(graph))) if graph.n else [0]
    for value in values:
        assert floor_to_values(graph, float(value)) == value


def test_floor_reaches_the_modulus() -> None:
    even = CutGraph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], [2, 2, 2, 2])
    assert floor_to_values(even, 7.9) == 4.0
    odd = CutGraph.from_edges([0, 1], [1, 2], [1, 1])
    assert floor_to_values(odd, 1.9) == 1.0


def test_cycles_of_a_union_of_odd_cycles_are_exact() -> None:
    u = np.concatenate([np.arange(5), 5 + np.arange(7), 12 + np.arange(4)])
    v = np.concatenate(
        [
            (np.arange(5) + 1) % 5,
            5 + (np.arange(7) + 1) % 7,
            12 + (np.arange(4) + 1) % 4,
        ]
    )
    graph = CutGraph.from_edges(u, v)
    bound = bounds.cycles(graph, Run(graph))
    assert (bound.value, bound.method, bound.kind) == (14, "cycles", "proved")
    negative = CutGraph.from_edges([0, 1, 2], [1, 2, 0], [-1, 2, 3])
    assert bounds.cycles(negative, Run(negative)).value == 5


@pytest.mark.parametrize("seed", range(6))
def test_packed_cycles_never_pass_a_planted_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 200
    side = rng.choice([-1, 1], n)
    u, v = rng.integers(0, n, (2, 3000))
    planted = side[u] != side[v]
    keep = planted | (rng.random(3000) < 0.05)
    w = rng.integers(1, 4, 3000) if seed % 2 else np.ones(3000)
    graph = CutGraph.from_edges(u[keep], v[keep], w[keep], n)
    bound = bounds.cycles(graph, Run(graph))
    assert graph.cut(side) <= bound.value < graph.total_weight


def test_bipartite_graphs_end_at_their_positive_weight() -> None:
    graph = CutGraph.from_edges([0, 0, 1, 1], [2, 3, 2, 3])
    bound = upper_bound(graph, graph.weighted_degrees / 2, run=Run(graph))
    assert bound.unfloored == pytest.approx(4)
    assert bound.value == 4


def test_a_large_random_graph_is_never_factored() -> None:
    n = 20_000
    rng = np.random.default_rng(0)
    graph = CutGraph.from_edges(rng.integers(0, n, 6 * n), rng.integers(0, n, 6 * n))
    run = Run(graph, work_limit=10_000_000)
    bound = upper_bound(graph, graph.weighted_degrees / 2, run=run)
    assert bound.method in ("cycles", "positive weight")
    assert bound.kind == "proved"
    assert bound.value <= graph.total_weight


def test_no_factorisation_without_the_work_for_it() -> None:
    graph = random_graph(300, 3000, 5)
    run = Run(graph, work_limit=1000)
    bound = upper_bound(graph, graph.weighted_degrees / 2, run=run)
    assert bound.method in ("cycles", "positive weight")
    assert bound.value >= upper_bound(graph, None, run=Run(graph)).value


def test_estimate_is_labelled_and_close() -> None:
    graph = grid(20, 20, 3)
    relaxation = Relaxation(graph)
    relaxation.advance(Run(graph), tolerance=1e-6)
    y = relaxation.dual()
    estimate = upper_bound(graph, y, kind="estimate", run=Run(graph))
    proved = upper_bound(graph, y, run=Run(graph))
    assert (estimate.kind, estimate.method) == ("estimate", "lanczos")
    assert estimate.value == pytest.approx(proved.unfloored, rel=1e-3)


def test_the_dual_returned_is_the_one_proved() -> None:
    graph = grid(8, 9, 6)
    relaxation = Relaxation(graph)
    relaxation.advance(Run(graph), tolerance=1e-6)
    bound = upper_bound(graph, relaxation.dual(), run=Run(graph))
    L = np.diag(graph.weighted_degrees) - graph.adjacency.toarray()
    assert np.linalg.eigvalsh(np.diag(bound.y) - L / 4)[0] >= -1e-12
    assert bound.y.sum() == pytest.approx(bound.unfloored)


def test_not_finite_duals_fall_back() -> None:
    graph = random_graph(10, 30, 7)
    bound = upper_bound(graph, np.full(10, np.nan), run=Run(graph))
    assert bound.method in ("cycles", "positive weight")
    assert bound.value >= optimum(graph)


def test_base_and_avx2_return_the_same_bits() -> None:
    try:
        importlib.import_module("derandcut.cut._bound_avx2")
    except ImportError:
        pytest.skip("no AVX2 build here")
    graph = random_graph(300, 4000, 8, real=True)
    s = np.abs(graph.adjacency).sum(axis=1) / 4 + 0.1
    seen = []
    original = bounds._bound
    for name in ("_bound", "_bound_avx2"):
        bounds._bound = importlib.import_module(f"derandcut.cut.{name}")
        try:
            chol = Factorisation(graph)
            assert chol.factor(np.asarray(s) * chol.scale)
            x = chol.solve(np.ones(graph.n))
            packed = bounds.cycles(graph, Run(graph)).unfloored
        finally:
            bounds._bound = original
        seen.append((x, packed))
    assert (seen[0][0] == seen[1][0]).all()
    assert seen[0][1] == seen[1][1]
