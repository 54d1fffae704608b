"""The iterated derandomization: same answers however it is cut up, nothing lost."""

from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import maximum_cut
from strategies import graphs

from derandcut import CutGraph
from derandcut.cut.sdp import Relaxation
from derandcut.cut.search import PATIENCE, Search, neutral_temperature
from derandcut.run import Run


def random_graph(n, m, seed, weights=(1.0,)):
    rng = np.random.default_rng(seed)
    graph = nx.gnm_random_graph(n, m, seed=seed)
    u, v = np.array(graph.edges).T
    return CutGraph.from_edges(u, v, rng.choice(weights, m), n)


def search(graph, seed=0, **options):
    relaxation = Relaxation(graph, seed=seed)
    relaxation.advance(Run(graph), tolerance=1e-3)
    return Search(graph, relaxation.V, seed=seed, **options)


def searched(graph, rounds, *, threads=1, work_limit=None, seed=0, **options):
    found, run = search(graph, seed, **options), Run(graph, work_limit=work_limit)
    with ThreadPoolExecutor(threads) as executor:
        while found.round < rounds and not run.exhausted():
            found.advance(run, executor)
    return found, run


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.3, -1.7, 1000.1)])
def test_threads_do_not_show(weights):
    graph = random_graph(120, 500, 1, weights)
    one, two = (searched(graph, 5, threads=k)[0] for k in (1, 2))
    assert one.pool.cuts == two.pool.cuts
    assert (one.pool.partitions[0] == two.pool.partitions[0]).all()


def test_a_round_cut_short_is_closed_with_what_it_has():
    """The last round, interrupted anywhere, only ever adds to the rounds before."""
    graph = random_graph(300, 1500, 2)
    whole, run = searched(graph, 4)
    for share in (0.3, 0.5, 0.8, 0.95):
        part, _ = searched(graph, 9, work_limit=int(share * run.work))
        assert part.round >= 1
        assert part.best.cuts[0] == graph.cut(part.best.partitions[0])
        assert part.best.cuts[0] <= whole.best.cuts[0]


@given(graphs(min_n=3, max_n=12))
@settings(max_examples=30, deadline=None)
def test_small_graphs_are_solved_in_two_rounds(graph):
    if not graph.m or not graph.absolute_weight:
        return
    found, _ = searched(graph, 2)
    best = maximum_cut(graph)[0]
    assert abs(found.best.cuts[0] - best) <= 1e-12 * graph.absolute_weight


def test_a_new_epoch_forgets_nothing():
    graph = random_graph(60, 250, 3)
    found, run = searched(graph, 3)
    before = found.best.cuts[0]
    found.restart()
    assert len(found.pool) == 0 and found.failures == 0
    with ThreadPoolExecutor(1) as executor:
        found.advance(run, executor)
    assert found.best.cuts[0] >= before


def test_rounds_without_progress_make_it_stale():
    graph = CutGraph.from_networkx(nx.complete_bipartite_graph(8, 9))
    found, _ = searched(graph, PATIENCE + 1)
    assert found.best.cuts[0] == 72
    assert found.settled and found.stale


def test_components_are_combined():
    """Each half is best in another member: the pool ends with both."""
    halves = [random_graph(30, 120, seed) for seed in (4, 5)]
    parts = (
        np.concatenate([halves[0].edges()[k], halves[1].edges()[k] + 30 * (k < 2)])
        for k in range(3)
    )
    graph = CutGraph.from_edges(*parts, 60)
    best = [searched(half, 4)[0].best.partitions[0] for half in halves]
    bad = np.ones(30, np.int8)
    found = search(graph, components=np.repeat([0, 1], 30))
    for partition in (np.r_[best[0], bad], np.r_[bad, -best[1]]):
        found.pool.offer(partition, float(graph.cut(partition)))
    total = halves[0].cut(best[0]) + halves[1].cut(best[1])
    assert found.best.cuts[0] == total


@given(graphs(min_n=2, max_n=10))
@settings(max_examples=60, deadline=None)
def test_the_neutral_temperature_has_no_drift(graph):
    rng = np.random.default_rng(0)
    x = rng.choice([-1, 1], (graph.n, 8)).astype(np.int8)
    T = neutral_temperature(graph, x)
    gains = ((graph.adjacency @ x.astype(float)) * x).ravel()
    if T == 0:
        assert (gains <= 0).all()
        return

    def drift(t):
        return np.where(gains < 0, gains * np.exp(gains / t), gains).sum()

    # Colder gains more than it loses, hotter loses more, unless the losses cannot make
    # up for the gains at any temperature that matters.
    assert drift(0.99 * T) >= 0
    assert drift(1.01 * T) <= 0 or T >= 1.9 * np.abs(gains).max()
