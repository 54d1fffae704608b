from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import graphs

import derandcut
from derandcut import CutGraph, verify
from derandcut.result import LemmaCertificate, Link, Status


@pytest.fixture(scope="module")
def graph() -> CutGraph:
    rng = np.random.default_rng(5)
    u, v = rng.integers(0, 30, (2, 110))
    return CutGraph.from_edges(u, v, rng.integers(-3, 6, 110), 30)


@pytest.fixture(scope="module")
def result(graph):
    return derandcut.maxcut(graph, method="derandomize", n_threads=1)


def failed(graph, result) -> set[str]:
    return {check.name for check in verify(graph, result).checks if not check.passed}


def test_accepts_what_the_solver_says(graph, result):
    verification = verify(graph, result)
    assert verification.ok, str(verification)
    names = [check.name for check in verification.checks]
    assert names[:6] == ["partition", "cut", "bound", "proof", "chain", "status"]
    assert str(verification).count("ok") == len(names)


@given(graphs(max_n=9))
@settings(max_examples=30, deadline=None)
def test_accepts_the_solver_on_any_graph(graph):
    verification = verify(
        graph, derandcut.maxcut(graph, method="derandomize", n_threads=1)
    )
    assert verification.ok, str(verification)


def test_accepts_what_networkx_graphs_and_labels_give():
    networkx = pytest.importorskip("networkx")
    graph = networkx.relabel_nodes(networkx.petersen_graph(), "v{}".format)
    assert verify(graph, derandcut.maxcut(graph)).ok
    bare = CutGraph.from_networkx(networkx.petersen_graph())
    assert failed(bare, derandcut.maxcut(graph)) == {"partition"}


def test_refuses_a_wrong_cut(graph, result):
    assert "cut" in failed(graph, replace(result, cut=result.cut - 1))
    assert failed(graph, replace(result, cut=float(result.cut))) == {"cut"}


@pytest.mark.parametrize(
    "partition",
    [np.ones(29, np.int8), np.zeros(30, np.int8), np.ones(30), np.ones((30, 1))],
)
def test_refuses_what_is_no_partition(graph, result, partition):
    assert failed(graph, replace(result, partition=partition)) == {"partition"}


def test_refuses_a_flipped_vertex(graph, result):
    partition = result.partition.copy()
    moved = int(graph.degrees.argmax())
    partition[moved] *= -1
    assert graph.cut(partition) != result.cut
    assert "cut" in failed(graph, replace(result, partition=partition))


def test_refuses_bounds_below_the_cut_or_without_a_proof(graph, result):
    below = replace(result, upper_bound=result.cut - 1)
    assert "bound" in failed(graph, below)
    assert failed(graph, replace(result, upper_bound=np.nan)) >= {"bound"}
    assert failed(graph, replace(result, upper_bound=None)) >= {"bound"}
    # One below a maximum that brute force can find, yet not below the cut claimed.
    ring = CutGraph.from_edges([0, 1, 2, 3], [1, 2, 3, 0])
    best = derandcut.maxcut(ring)
    worse = replace(
        best,
        partition=np.array([1, -1, 1, 1], np.int8),
        cut=2,
        upper_bound=3,
        chain=(),
        pool=(),
        status=Status.FINISHED,
    )
    verification = verify(ring, worse)
    assert failed(ring, worse) == {"proof"}
    assert "refuted: a cut of 4 exists" in str(verification)


def test_a_looser_bound_is_still_true(graph, result):
    looser = replace(result, upper_bound=result.upper_bound + 5, status=Status.FINISHED)
    assert verify(graph, looser).ok


def test_refuses_a_broken_chain(graph, result):
    links = (Link("a", 1.0), Link("b", 1.0 - 1e-3), Link("cut", float(result.cut)))
    assert failed(graph, replace(result, chain=links)) == {"chain"}
    nan = (Link("a", float("nan")), Link("cut", float(result.cut)))
    assert failed(graph, replace(result, chain=nan)) == {"chain"}
    high = (Link("above the bound", result.upper_bound + 1.0),)
    assert failed(graph, replace(result, chain=high)) == {"chain"}


def test_optimal_needs_a_proved_and_equal_bound(graph, result):
    claims = replace(result, status=Status.OPTIMAL, upper_bound=result.cut + 100)
    assert failed(graph, claims) == {"status"}
    estimate = replace(
        result, status=Status.OPTIMAL, upper_bound=result.cut, bound_kind="estimate"
    )
    assert "status" in failed(graph, estimate)


def test_refuses_a_lemma_that_its_own_figures_break(graph, result):
    lemma = LemmaCertificate(
        eps=1e-6, gamma=0.0, gamma_kind="proved", weight_decay=1e-3, norm=1.0
    )
    assert failed(graph, replace(result, lemma=lemma)) == {"lemma"}
    holds = replace(lemma, norm=1e-3)
    assert verify(graph, replace(result, lemma=holds)).ok


def test_refuses_a_pool_with_repetitions_or_out_of_order(graph, result):
    best = result.partition
    assert failed(graph, replace(result, pool=(best, -best))) == {"pool"}
    worse = np.ones(graph.n, np.int8)
    assert verify(graph, replace(result, pool=(best, worse))).ok
    assert failed(graph, replace(result, pool=(worse, best))) == {"pool"}
    assert failed(graph, replace(result, pool=(best[1:],))) == {"pool"}


def test_without_a_bound_nothing_is_proved(graph):
    verification = verify(graph, derandcut.maxcut(graph, bound="none"))
    assert verification.ok
    assert "proof" not in [check.name for check in verification.checks]


def test_fixed_sides_are_told_again(graph):
    fixed = {0: 1, 1: 1, 2: 1, 3: -1}
    result = derandcut.maxcut(graph, method="derandomize", fixed=fixed, n_threads=1)
    assert verify(graph, result, fixed=fixed).ok
