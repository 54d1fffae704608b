"""From a run's proof to a certificate: as tight as the bound, whatever proved it."""

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import maximum_cut, verdict
from strategies import graphs

import derandcut
from derandcut import CutGraph, datasets
from derandcut.cli import run as command
from derandcut.cut.bound import cycles
from derandcut.cut.certificate import certificate
from derandcut.cut.presolve import presolve
from derandcut.cut.proof import Positive, Psd, Reduced
from derandcut.cut.sdp import sdp
from derandcut.cut.surface import (
    planar_embedding,
    solve_embedded,
    solve_planar,
    torus_embedding,
)
from derandcut.cut.surface.exact import exclusion
from derandcut.cut.surface.packing import tcuts
from derandcut.run import Run


def proved(graph, proof):
    return verdict(graph, certificate(graph, np.ones(graph.n), proof)).bound


def room(graph):
    return Fraction(1e-9 * graph.absolute_weight)


@given(graphs(min_n=2, max_n=10))
@settings(max_examples=60, deadline=None)
def test_a_factor_proves_the_bound_it_was_made_for(graph):
    problem = presolve(graph)
    relaxed = sdp(problem.kernel, tolerance=1e-6)
    y = relaxed.y if len(relaxed.y) else np.zeros(problem.kernel.n)
    bound = proved(graph, problem.proof(Psd(y)))
    assert bound >= maximum_cut(graph)[0] - room(graph)
    if len(relaxed.y):
        assert bound <= Fraction(problem.bound(relaxed.upper_bound)) + room(graph)


@given(graphs(max_n=12))
@settings(max_examples=60, deadline=None)
def test_packed_cycles_are_stated_as_packed(graph):
    bound = cycles(graph, Run(graph))
    exact = proved(graph, bound.proof)
    assert abs(exact - Fraction(bound.value)) <= room(graph)


@given(graphs(min_n=1, max_n=9), st.sampled_from(["proved", "estimate", "none"]))
@settings(max_examples=60, deadline=None)
def test_every_run_is_certified_as_far_as_it_is_proved(graph, kind):
    result = derandcut.maxcut(graph, bound=kind, work_limit=20_000)
    found = verdict(graph, result.certificate)
    assert abs(found.cut - Fraction(result.cut)) <= room(graph)
    if result.bound_kind == "proved":
        assert found.bound is not None
    if kind == "none":
        assert found.bound is None


def grid(shape, w, periodic=False):
    lattice = nx.grid_2d_graph(*shape, periodic=periodic)
    graph = CutGraph.from_networkx(nx.convert_node_labels_to_integers(lattice))
    return graph.reweighted(np.resize(w, graph.m))


WEIGHTS = st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=60)


@given(st.integers(1, 6), st.integers(1, 6), WEIGHTS, st.sampled_from([1, 0.1]))
@settings(max_examples=60, deadline=None)
def test_planar_optima_are_proved_by_tcuts(height, width, w, scale):
    graph = grid((height, width), np.array(w) * scale)
    result = solve_planar(graph)
    bound = proved(graph, result.proof)
    assert abs(bound - Fraction(result.upper_bound)) <= room(graph)


def test_parts_of_a_planar_graph_are_packed_together():
    lattices = [nx.triangular_lattice_graph(2, 3), nx.cycle_graph(5), nx.path_graph(3)]
    graph = CutGraph.from_networkx(
        nx.convert_node_labels_to_integers(nx.disjoint_union_all(lattices))
    )
    result = solve_planar(graph)
    assert proved(graph, result.proof) == result.cut


@given(st.integers(3, 5), st.integers(3, 6), WEIGHTS, st.sampled_from([1, 0.1]))
@settings(max_examples=60, deadline=None)
def test_toroidal_optima_are_proved_by_tcuts_and_decisions(height, width, w, scale):
    graph = grid((height, width), np.array(w) * scale, periodic=True)
    result = solve_embedded(graph, torus_embedding(graph))
    bound = proved(graph, result.proof)
    assert abs(bound - Fraction(result.upper_bound)) <= room(graph)


def test_a_tree_of_decisions_proves_what_branching_proved():
    used = set()
    for seed in range(6):
        w = np.random.default_rng(seed).choice([-1.0, 1.0], 2 * 48)
        graph = grid((6, 8), w, periodic=True)
        result = solve_embedded(graph, torus_embedding(graph))
        if result.proof.cost is None:
            continue
        # The tree itself: most of these are also proved by cycles that are left.
        tree = exclusion(result.proof.embedding, result.proof.cost, Run(graph))
        found = certificate(graph, result.partition, tree)
        assert verdict(graph, found).bound == result.cut
        used |= {statement["rule"] for statement in found["proof"]}
    assert {"branch", "infeasible", "lin"} <= used
    short = Run(graph, work_limit=1)
    assert exclusion(result.proof.embedding, result.cut, short) is None


def test_odd_columns_of_a_torus_are_packed_after_the_tcuts():
    graph = grid((19, 24), [1.0], periodic=True)
    result = solve_embedded(graph, torus_embedding(graph))
    assert (result.method, result.cut) == ("rigid cycle", graph.m - 24)
    found = certificate(graph, result.partition, result.proof)
    assert verdict(graph, found).bound == result.cut
    assert [statement["rule"] for statement in found["proof"]] == ["rnd", "lin", "box"]


def test_decided_edges_are_left_out_of_the_packing():
    graph = grid((3, 3), [2.0, -1.0, 3.0])
    embedding = planar_embedding(graph)
    free, decided = tcuts(embedding), tcuts(embedding, {0: True, 5: False})
    u, v, _ = graph.edges()
    used = set(zip(decided.u.tolist(), decided.v.tolist(), strict=True))
    assert not used & {(u[0], v[0]), (u[5], v[5])}
    assert len(free.multiplier)
    # the four edges around a face cannot have one edge cut
    face = [h >> 1 for h in embedding.order if embedding.face[h] == 0]
    odd = {edge: k == 0 for k, edge in enumerate(face)}
    assert len(face) != 4 or tcuts(embedding, odd) is None


def test_reductions_of_rounded_weights_are_made_exact():
    rng = np.random.default_rng(3)
    for _ in range(30):
        n = 12
        u, v = rng.integers(0, n, (2, 20))
        graph = CutGraph.from_edges(
            u, v, rng.normal(size=20) * 10.0 ** rng.integers(-9, 9)
        )
        problem = presolve(graph)
        bound = proved(graph, problem.proof(Positive()))
        kernel = np.maximum(problem.kernel.weights, 0).sum() / 2
        assert abs(bound - Fraction(problem.value(kernel))) <= room(graph)


@pytest.mark.parametrize("c", [1.0, -1.0, 3.0, -0.75])
@pytest.mark.parametrize("between", [0.0, 1e-17, -0.5])
def test_twins_of_rounded_weights_are_made_alike(c, between):
    """Twins but for their last bits, or for an edge that should have vanished."""
    rng = np.random.default_rng(4)
    u, v = np.triu_indices(7, 1)
    w = rng.uniform(0.1, 0.13, len(u))
    other = c * w[:6] * (1 + 2.0**-52 * rng.integers(-1, 2, 6))
    ends = np.r_[u, [7] * 7], np.r_[v, np.arange(7)], np.r_[w, c * between, other]
    graph = CutGraph.from_edges(*ends)
    bound = proved(graph, Reduced(np.array([[7, 0]]), Positive()))
    joined = np.r_[(1 + abs(c)) * w[:6], w[6:]]
    expected = joined.sum() + (c < 0) * (other.sum() + c * between)
    assert abs(bound - Fraction(expected)) <= room(graph)


@pytest.mark.parametrize("noise", [0, 1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_cliques_of_rounded_weights_are_made_exact(seed, noise):
    """All but for last bits, and an edge that should have vanished."""
    rng = np.random.default_rng([5, seed])
    t = np.array([1, -1, 1, 1, 2, -1, 1, 0])
    u, v = np.triu_indices(8, 1)
    w, size = rng.uniform(1, 2, len(u)), rng.uniform(0.1, 0.2)
    inside = u < 4
    w[inside] = size * (t[u] * t[v])[inside]
    w *= 1 + 2.0**-52 * noise * rng.integers(-1, 2, len(u))
    w[(u == 2) & (v == 7)] = noise * 1e-17
    graph = CutGraph.from_edges(u, v, w, 8)
    steps = np.array([[0, -4], [2, -4], [1, -4], [3, -4]])
    found = certificate(graph, np.ones(8), Reduced(steps, Positive()))
    (reduced,) = (part for part in found["proof"] if part["rule"] == "reduce")
    assert any(len(step) == 3 for step in reduced["steps"]) == bool(noise)
    left = (w - size * t[u] * t[v])[~inside]
    expected = size * (t.sum() ** 2 // 4) + left[left > 0].sum()
    assert abs(verdict(graph, found).bound - Fraction(expected)) <= room(graph)


def test_gset_through_the_command_line(tmp_path, capsys):
    path = str(tmp_path / "G14.json.gz")
    arguments = ["gset:G14", "--work-limit", "12000000", "--certificate", path]
    assert command(["solve", *arguments, "--quiet"]) == 0
    assert command(["check", "gset:G14", path]) == 0
    printed = capsys.readouterr().out.split()
    assert int(printed[printed.index("bound") + 1]) == 3191
    graph = datasets.load("gset:G14")
    assert 3000 < int(printed[printed.index("cut") + 1]) <= graph.m


def test_the_command_line_refuses(tmp_path, capsys):
    path, other = tmp_path / "a.mc", tmp_path / "b.mc"
    path.write_text("3 3\n1 2 1\n2 3 1\n1 3 1\n")
    other.write_text("3 3\n1 2 1\n2 3 1\n1 3 2\n")
    found = str(tmp_path / "a.json")
    assert command(["solve", str(path), "--certificate", found, "--quiet"]) == 0
    assert command(["check", str(path), found]) == 0
    assert "optimal" in capsys.readouterr().out
    assert command(["check", str(other), found]) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert command(["check", str(path), str(other)]) == 2
    assert command(["check", str(path), str(tmp_path / "absent")]) == 2


@pytest.mark.parametrize("bound", ["none", "estimate"])
def test_without_a_proof_only_the_cut_is_certified(bound):
    graph = datasets.load("gset:G11")
    result = derandcut.maxcut(
        graph, bound=bound, method="derandomize", work_limit=10**6
    )
    found = result.certificate
    assert (verdict(graph, found).bound is None) == (found["proof"] is None)
    assert bound != "none" or found["proof"] is None
    assert verdict(graph, found).cut == found["claim"]["cut"]
