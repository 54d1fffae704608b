"""Branch and bound: bounds that hold at every moment, proofs that add up."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from oracles import maximum_cut

from derandcut import CutGraph
from derandcut.cut.branch import BranchAndBound
from derandcut.cut.dense import DenseRelaxation, Triangles
from derandcut.cut.proof import Branch, Inequalities, Positive, Psd
from derandcut.run import Run


def random_graph(seed, most=14):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, most + 1))
    m = int(rng.integers(1, n * (n - 1) // 2 + 2))
    u, v = rng.integers(0, n, (2, m))
    w = [
        np.ones(m),
        rng.integers(-3, 4, m),
        rng.normal(size=m),
        rng.normal(size=m) * 10.0 ** rng.integers(-5, 6, m),
        rng.choice([-1.0, 1.0], m),
    ][seed % 5]
    return CutGraph.from_edges(u, v, w, n)


def solved(graph, n_threads=1, **arguments):
    tree = BranchAndBound(graph, np.ones(graph.n, np.int8), **arguments)
    bounds = []
    with ThreadPoolExecutor(n_threads) as executor:
        while not tree.done:
            tree.advance(Run(graph), executor)
            bounds.append(tree.upper_bound)
    return tree, bounds


def value_of(proof, graph, label=None, sign=None):
    """The bound a proof gives, recomputed from the definition of its records."""
    if isinstance(proof, Positive):
        return np.maximum(graph.edges()[2], 0).sum()
    n = graph.n
    label = np.arange(n) if label is None else label
    sign = np.ones(n) if sign is None else sign
    if isinstance(proof, Branch):
        a, b = label[proof.u], label[proof.v]
        assert a != b
        values = []
        for side, below in ((1, proof.same), (-1, proof.different)):
            turned = sign * np.where(
                label == b, side * sign[proof.u] * sign[proof.v], 1
            )
            values.append(
                value_of(below, graph, np.where(label == b, a, label), turned)
            )
        return max(values)
    smallest = np.sort(np.unique(label, return_index=True)[1])
    of = np.searchsorted(smallest, np.unique(label, return_index=True)[1])
    number = of[np.searchsorted(np.unique(label), label)]
    sign = sign * sign[smallest][number]
    tie = np.zeros((len(smallest), n))
    tie[number, np.arange(n)] = sign
    W = tie @ graph.adjacency.toarray() @ tie.T
    inside = np.trace(W) / 2
    np.fill_diagonal(W, 0)
    constant = graph.total_weight / 2 - inside / 2 - W.sum() / 4
    inner, load = proof, 0.0
    if isinstance(proof, Inequalities):
        inner = proof.inner
        for k, y in enumerate(proof.multiplier):
            part = slice(proof.starts[k], proof.starts[k + 1])
            u, v, odd = proof.u[part], proof.v[part], proof.odd[part]
            assert y >= 0 and odd.sum() % 2 == 1
            assert (np.unique(np.r_[u, v], return_counts=True)[1] % 2 == 0).all()
            assert (sign[u] == 1).all() and (sign[v] == 1).all()
            load += y * (odd.sum() - 1)
            for a, b, plus in zip(number[u], number[v], odd, strict=True):
                W[a, b] -= y if plus else -y
                W[b, a] -= y if plus else -y
    assert isinstance(inner, Psd) and len(inner.y) == len(W)
    L = np.diag(W.sum(axis=1)) - W
    lowest = np.linalg.eigvalsh(np.diag(inner.y) - L / 4)[0]
    return constant + load + inner.y.sum() - len(W) * lowest


@pytest.mark.parametrize("seed", range(30))
def test_the_bound_holds_at_every_moment(seed):
    graph = random_graph(seed)
    if not graph.m:
        return
    optimum = maximum_cut(graph)[0]
    tree, bounds = solved(graph, seed=seed)
    size = graph.absolute_weight
    assert min(bounds) >= optimum - 1e-15 * size
    assert bounds == sorted(bounds, reverse=True)
    assert abs(tree.cut - optimum) <= 1e-12 * size
    if graph.integer:
        assert bounds[-1] < optimum + tree.step
    else:
        assert bounds[-1] <= optimum + 1.1e-12 * size
    proved = value_of(tree.proof(), graph)
    assert optimum - 1e-9 * size <= proved
    assert proved < max(optimum + tree.step, bounds[-1] + 1e-9 * size)


def test_nothing_depends_on_the_threads():
    rng = np.random.default_rng(1)
    u, v = np.triu_indices(40, 1)
    graph = CutGraph.from_edges(u, v, rng.choice([-1.0, 1.0], len(u)))
    one, first = solved(graph, 1)
    two, second = solved(graph, 3)
    assert first == second and one.nodes == two.nodes > 1
    assert (one.partition == two.partition).all()


def test_an_incumbent_that_is_optimal_saves_nodes_only():
    graph = random_graph(3, most=14)
    optimum, side = maximum_cut(graph)
    tree = BranchAndBound(graph, side)
    with ThreadPoolExecutor(1) as executor:
        while not tree.done:
            tree.advance(Run(graph), executor)
    assert tree.cut == pytest.approx(optimum)


def all_triangles(n):
    ends = [(i, j, k) for i in range(n) for j in range(i) for k in range(j)]
    ends = np.sort(np.array(ends, np.int32), axis=1)
    return Triangles(
        np.repeat(ends, 4, axis=0),
        np.tile(np.arange(4, dtype=np.int8), len(ends)),
        np.random.default_rng(0).uniform(size=4 * len(ends)),
    )


def slack(triangles, x):
    i, j, k = triangles.ends.T
    a, b, c = triangles.signs().T
    return a * x[i] * x[j] + b * x[i] * x[k] + c * x[j] * x[k] + 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("pair", [(0, 1), (1, 3), (2, 5), (0, 5)])
def test_contracted_triangles_say_the_same(pair, sign):
    """On every partition that obeys the decision, slack by slack and summed."""
    i, j = pair
    triangles = all_triangles(6)
    below = triangles.contracted(i, j, sign, 6)
    assert len(np.unique(below.keys(5))) == len(below)
    both = (triangles.ends == i).any(axis=1) & (triangles.ends == j).any(axis=1)
    kept = triangles.chosen(~both)
    for code in range(32):
        y = np.where(code >> np.arange(5) & 1, 1, -1)
        x = np.insert(y, j, sign * y[i])
        assert slack(below, y).min() >= 0
        expected = (kept.gamma * slack(kept, x)).sum()
        assert (below.gamma * slack(below, y)).sum() == pytest.approx(expected)


def test_8_2_holds_for_any_multipliers_and_any_rows():
    rng = np.random.default_rng(4)
    W = np.triu(rng.normal(size=(9, 9)), 1)
    W += W.T
    u, v = np.triu_indices(9, 1)
    optimum = maximum_cut(CutGraph.from_edges(u, v, W[u, v]))[0]
    start = all_triangles(9)
    start.gamma *= 0.3
    relaxation = DenseRelaxation(W, W.sum() / 4, 0.0, rng.normal(size=(9, 3)), start)
    found = []
    for _ in range(30):
        relaxation.round()
        found.append(relaxation.prove().value)
    assert min(found) >= optimum
    # nine vertices: triangles leave next to nothing
    assert found[-1] <= optimum + 0.05 * abs(optimum)
    assert abs(found[-1] - relaxation.expected) <= 1e-3


def test_the_relaxation_converges_to_the_value_of_k5():
    """25/4: all X = -1/4 violates no triangle."""
    W = np.ones((5, 5)) - np.eye(5)
    start = np.random.default_rng(0).normal(size=(5, 5))
    relaxation = DenseRelaxation(W, 5.0, 0.0, start, Triangles.none())
    for _ in range(10):
        relaxation.round()
    assert relaxation.prove().value == pytest.approx(6.25, abs=1e-3)
