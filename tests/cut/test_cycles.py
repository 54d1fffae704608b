"""Odd-set inequalities: true under any multipliers, tighter than the relaxation."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from derandcut import CutGraph
from derandcut.cut.bound import Bound, Factorisation
from derandcut.cut.bounding import Bounding
from derandcut.cut.cycles import Tightening, violated_cycles
from derandcut.cut.presolve import presolve
from derandcut.cut.sdp import Relaxation, sdp
from derandcut.run import Run
from tests.oracles import maximum_cut, slack
from tests.strategies import graphs

WORK = 2_000_000


def tightening(graph: CutGraph) -> tuple[Tightening, Run]:
    run = Run(graph)
    relaxation = Relaxation(graph)
    relaxation.advance(run, tolerance=1e-4)
    return Tightening(graph, relaxation.V, Factorisation(graph)), run


def tightened(graph: CutGraph, work: int = WORK) -> tuple[Tightening, list[Bound]]:
    state, run = tightening(graph)
    bounds: list[Bound] = []
    state.advance(run, work, bounds.append)
    state.conclude(run, bounds.append)
    return state, bounds


def ring(n: int) -> CutGraph:
    return CutGraph.from_edges(np.arange(n), (np.arange(n) + 1) % n)


def sparse(n: int, degree: int, seed: int = 0) -> CutGraph:
    rng = np.random.default_rng(seed)
    u, v = rng.integers(0, n, (2, n * degree // 2))
    return CutGraph.from_edges(u, v, rng.integers(1, 4, len(u)), n)


def assert_proof(graph: CutGraph, bound: Bound) -> None:
    """Evaluate a proof's numbers from nothing but its definition."""
    proof = bound.proof
    W = np.zeros((graph.n, graph.n))
    u, v, w = graph.edges()
    W[u, v] = W[v, u] = w
    value = 0.0
    for i, multiplier in enumerate(proof.multiplier):
        terms = slice(proof.starts[i], proof.starts[i + 1])
        a, b, odd = proof.u[terms], proof.v[terms], proof.odd[terms]
        assert multiplier >= 0
        assert odd.sum() % 2 == 1
        _, meets = np.unique(np.concatenate([a, b]), return_counts=True)
        assert (meets % 2 == 0).all()
        assert len(np.unique(np.minimum(a, b) * graph.n + np.maximum(a, b))) == len(a)
        value += multiplier * (odd.sum() - 1)
        for x, y, sign in zip(a, b, np.where(odd, 1, -1), strict=True):
            W[x, y] -= multiplier * sign
            W[y, x] = W[x, y]
    if proof.inner is None:
        value += np.maximum(W, 0).sum() / 2
    else:
        y = proof.inner.y
        lowest = np.linalg.eigvalsh(np.diag(y - W.sum(1) / 4) + W / 4)[0]
        value += y.sum() - graph.n * lowest
    size = graph.absolute_weight
    assert value <= bound.unfloored + 1e-12 * size
    assert value == pytest.approx(bound.unfloored, rel=1e-6, abs=1e-6 * size)


@pytest.mark.parametrize("n", [3, 5, 7, 13])
def test_odd_rings_are_solved(n):
    _, bounds = tightened(ring(n))
    assert bounds[-1].value == n - 1
    assert bounds[-1].unfloored == pytest.approx(n - 1, rel=1e-3)


@given(graphs(min_n=3, max_n=9))
@settings(max_examples=60, deadline=None)
def test_bound_is_above_every_cut(graph):
    if graph.m == 0:
        return
    optimum = maximum_cut(graph)[0]
    _, bounds = tightened(graph, 200_000)
    for bound in bounds:
        assert math.isfinite(bound.unfloored)
        assert bound.value >= optimum - slack(graph)
        assert_proof(graph, bound)


@given(graphs(min_n=3, max_n=9))
@settings(max_examples=60, deadline=None)
def test_any_multipliers_give_a_bound(graph):
    if graph.m == 0:
        return
    state, run = tightening(graph)
    state._separate(run)
    rng = np.random.default_rng(0)
    state.multiplier = rng.exponential(
        10.0 ** rng.integers(-6, 3), len(state.multiplier)
    )
    state.V = rng.standard_normal(state.V.shape)
    state.V /= np.linalg.norm(state.V, axis=1)[:, None]
    bound = state.prove(run)
    assert bound.value >= maximum_cut(graph)[0] - slack(graph)


def test_tighter_than_the_relaxation_and_falling():
    graph = sparse(150, 5)
    _, bounds = tightened(graph, 10 * WORK)
    plain = sdp(graph).upper_bound
    best = np.minimum.accumulate([bound.unfloored for bound in bounds])
    assert best[-1] < plain - 0.01 * abs(plain)
    assert bounds[-1].unfloored == pytest.approx(best[-1], rel=1e-4)
    assert_proof(graph, bounds[-1])


def test_separation_finds_only_what_is_violated():
    graph = sparse(60, 6)
    state, run = tightening(graph)
    c = state._cut_values()
    for starts, pair, odd in (
        violated_cycles(state.pattern, state.pair_of, c, state.tolerance, 2, run),
        state._violated_triangles(run, c, 0),
    ):
        for i in range(len(starts) - 1):
            terms = slice(starts[i], starts[i + 1])
            signs = np.where(odd[terms], 1, -1)
            violation = signs @ c[pair[terms]] - (odd[terms].sum() - 1)
            assert violation > 0.99 * state.tolerance
            ends = np.concatenate([state.u[pair[terms]], state.v[pair[terms]]])
            assert (np.unique(ends, return_counts=True)[1] == 2).all()


@pytest.mark.parametrize("chords", [1, 2])
def test_triangles_with_chords_are_those_that_brute_force_finds(chords):
    graph = sparse(24, 4, seed=5)
    state, run = tightening(graph)
    edges = set(zip(state.u.tolist(), state.v.tolist(), strict=True))
    x = (1 - state.V @ state.V.T) / 2
    expected = set()
    for triple in combinations(range(graph.n), 3):
        pairs = list(combinations(triple, 2))
        if sum(pair in edges for pair in pairs) != 3 - chords:
            continue
        c = np.array([x[pair] for pair in pairs])
        worst = max(c.sum() - 2, *(2 * c - c.sum()))
        if worst > state.tolerance:
            expected.add(triple)
    _, pair, odd = state._violated_triangles(run, state._cut_values(), chords)
    ends = np.stack([state.u[pair], state.v[pair]], axis=1).reshape(-1, 6)
    found = {tuple(sorted(set(row.tolist()))) for row in ends}
    assert expected
    assert {triple for triple in found if not _present(triple, edges, chords)} == (
        expected
    )
    assert (odd.reshape(-1, 3).sum(1) % 2 == 1).all()


def _present(triple, edges, chords):
    """Whether the triangle needs fewer new pairs."""
    return sum(p in edges for p in combinations(triple, 2)) > 3 - chords


def test_a_violated_cycle_is_found_through_each_vertex_on_one():
    # The shortest odd walk, by brute force over the doubled graph.
    graph = sparse(40, 4, seed=3)
    state, run = tightening(graph)
    c, n = state._cut_values(), graph.n
    far = np.full((2 * n, 2 * n), np.inf)
    for a, b, x in zip(state.u, state.v, c, strict=True):
        for s in (0, 1):
            for t, cost in ((s, x), (1 - s, 1 - x)):
                far[a + s * n, b + t * n] = far[b + t * n, a + s * n] = cost
    for k in range(2 * n):
        far = np.minimum(far, far[:, k, None] + far[None, k])
    shortest = far[np.arange(n), np.arange(n) + n]
    starts, pair, odd = violated_cycles(
        state.pattern, state.pair_of, c, state.tolerance, 2, run
    )
    lengths = [
        np.where(odd[a:b], 1 - c[pair[a:b]], c[pair[a:b]]).sum()
        for a, b in pairwise(starts)
    ]
    assert shortest.min() < 1 - state.tolerance
    assert min(lengths) == pytest.approx(shortest.min())


def test_same_bits_again():
    graph = sparse(80, 6)
    first, again = (tightened(graph)[1] for _ in range(2))
    assert [b.unfloored for b in first] == [b.unfloored for b in again]
    assert (first[-1].y == again[-1].y).all()


def test_bounding_offers_ever_lower_bounds():
    graph = sparse(120, 6)
    run = Run(graph, work_limit=30 * WORK)
    problem = presolve(graph)
    bounding = Bounding(
        problem, Relaxation(problem.kernel), kind="proved", tolerance=1e-5
    )
    while bounding.due(run) and not run.exhausted():
        run.charge(WORK)
        bounding.step(run)
    bounding.finish(run)
    seen = [event.upper_bound for event in run.trace]
    assert seen == sorted(seen, reverse=True)
    assert bounding.method == "odd cycles"
    assert run.upper_bound < sdp(problem.kernel).upper_bound / problem.scale + (
        problem.constant
    )


def test_bounding_widens_a_relaxation_that_is_stuck_at_its_rank(monkeypatch):
    monkeypatch.setattr(Relaxation, "widen_for_a_bound", lambda self: None)
    problem = presolve(sparse(200, 8, seed=11))
    kernel = problem.kernel
    run = Run(problem.graph, work_limit=30 * WORK)
    start = np.sign(np.random.default_rng(0).standard_normal((kernel.n, 1)))
    relaxation = Relaxation(kernel, V=start)
    bounding = Bounding(
        problem, relaxation, kind="proved", tolerance=1e-5, beyond=False
    )
    while not (bounding.tight or run.exhausted()):
        run.charge(WORK)
        if bounding.due(run):
            bounding.step(run)
    assert bounding.tight
    assert run.upper_bound <= problem.bound(sdp(kernel).upper_bound * (1 + 3e-5))
