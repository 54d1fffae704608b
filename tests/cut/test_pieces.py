"""Pieces: kernels put together again give cuts, bounds and proofs of the graph."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import maximum_cut, slack, verdict
from strategies import graphs

import derandcut
from derandcut import CutGraph
from derandcut.cut.certificate import certificate
from derandcut.cut.pieces import Pieces
from derandcut.cut.presolve import presolve
from derandcut.cut.proof import Packing, Positive, Psd
from derandcut.cut.sdp import sdp


def glued(parts, rng):
    """Each part hung to a random vertex of those before, by its first one."""
    whole = nx.Graph()
    for part in parts:
        names = dict(enumerate(range(len(whole), len(whole) + len(part))))
        if len(whole):
            names[0] = int(rng.integers(len(whole)))
            names |= {k: len(whole) + k - 1 for k in range(1, len(part))}
        whole.add_edges_from((names[u], names[v]) for u, v in part.edges)
    return whole


def weighted(graph, rng, kind):
    u, v = np.array(graph.edges).T
    w = {
        "integer": rng.integers(-6, 7, len(u)),
        "half": rng.integers(-6, 7, len(u)) / 2,
        "real": rng.normal(size=len(u)),
    }[kind]
    return CutGraph.from_edges(u, v, w, len(graph))


@given(graphs(max_n=12))
@settings(max_examples=150, deadline=None)
def test_the_kernel_has_the_maximum_cut_of_the_graph(graph):
    pieces = Pieces(graph)
    best, partition = maximum_cut(graph)
    kernel_best, kernel_partition = maximum_cut(pieces.kernel)
    value = float(pieces.constant) + kernel_best / pieces.scale
    assert abs(value - best) <= slack(graph) + pieces.rounding
    lifted = graph.cut(pieces.lift(kernel_partition))
    assert abs(lifted - best) <= slack(graph) + pieces.rounding
    again = graph.cut(pieces.lift(pieces.project(partition)))
    assert again >= best - slack(graph) - pieces.rounding


@given(graphs(max_n=12))
@settings(max_examples=60, deadline=None)
def test_leaves_neither_reduce_nor_split(graph):
    for leaf in Pieces(graph).leaves:
        assert leaf.graph.n >= 2
        assert [again.graph.n for again in Pieces(leaf.graph).leaves] == [leaf.graph.n]


@pytest.mark.parametrize("kind", ["integer", "half", "real"])
@pytest.mark.parametrize("reductions", [True, False])
def test_a_proof_of_the_kernel_becomes_one_of_the_graph(kind, reductions):
    rng = np.random.default_rng(5)
    for seed in range(8):
        parts = [nx.gnp_random_graph(6, 0.9, seed=10 * seed + k) for k in range(3)]
        graph = weighted(glued(parts, rng), rng, kind)
        problem = presolve(graph, reductions=reductions)
        best, partition = maximum_cut(graph)
        relaxed = sdp(problem.kernel, tolerance=1e-6)
        proofs = {"positive": Positive(), "packing": Packing(problem.kernel.n)}
        if len(relaxed.y):
            proofs["psd"] = Psd(relaxed.y)
        room = 1e-9 * graph.absolute_weight
        for name, proof in proofs.items():
            written = certificate(graph, partition, problem.proof(proof))
            bound = verdict(graph, written).bound
            assert bound >= best - room
            if name == "psd":
                assert bound <= problem.bound(relaxed.upper_bound) + room


def test_inequalities_are_dealt_out_to_the_leaves():
    """Five K7 in a row: each bound is 12 after the odd cycles, the plain one above."""
    rng = np.random.default_rng(1)
    graph = CutGraph.from_networkx(glued([nx.complete_graph(7)] * 5, rng))
    result = derandcut.maxcut(graph, options={"reductions": 0}, method="auto")
    assert result.cut == result.upper_bound == 60
    checked = verdict(graph, result.certificate)
    assert checked.bound == 60


def test_leaves_of_different_scales_share_one_kernel():
    """Halves arise in one block only; cuts of the kernel stay integers."""
    rng = np.random.default_rng(2)
    seen = set()
    for seed in range(40):
        parts = [nx.gnp_random_graph(9, 0.5, seed=100 * seed + k) for k in range(2)]
        graph = weighted(glued(parts, rng), rng, "integer")
        pieces = Pieces(graph)
        seen |= {leaf.scale for leaf in pieces.leaves}
        assert pieces.kernel.integer
        value, partition = maximum_cut(pieces.kernel)
        whole = graph.cut(pieces.lift(partition))
        assert whole == pieces.constant + int(value) / pieces.scale
    assert len(seen) > 1


def test_large_integers_keep_their_scale():
    """Doubling them all would leave what float64 holds exactly."""
    graph = nx.disjoint_union(nx.petersen_graph(), nx.complete_graph(6))
    u, v = np.array(graph.edges).T
    w = np.where(u < 10, 1.0, 2.0**43)
    pieces = Pieces(CutGraph.from_edges(u, v, w, len(graph)))
    assert pieces.rounding == 0
    assert pieces.kernel.absolute_weight <= 2.0**48


def test_a_long_chain_of_blocks():
    """Three thousand K5 less an edge, in a row."""
    chain = nx.Graph()
    for k in range(0, 12_000, 4):
        chain.add_edges_from(
            (k + a, k + b) for a in range(5) for b in range(a) if (a, b) != (4, 0)
        )
    result = derandcut.maxcut(chain, method="exact")
    assert result.cut == result.upper_bound == 3000 * 6


def test_the_search_solves_many_blocks_at_once():
    """Forty blocks: the best of each is found, not the best replica of all."""
    rng = np.random.default_rng(3)
    parts = [nx.gnm_random_graph(40, 200, seed=k) for k in range(40)]
    whole = glued(parts, rng)
    alone = sum(
        derandcut.maxcut(part, method="search", bound="none").cut for part in parts
    )
    found = derandcut.maxcut(
        whole, method="search", bound="none", work_limit=100_000_000
    )
    assert found.cut == alone
