"""docs/method, (1.1) to (2.7): one test for each numbered fact."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats

from derandcut.cut.rounding import (
    ALPHA_GW,
    conditional_expectations,
    guarantee,
    one_flip_descent,
    product_means,
)
from derandcut.cut.sampler import Sampler, derandomize
from derandcut.graph import CutGraph
from derandcut.lemma import certify, collapse
from derandcut.run import Run


def small_graph(seed, n=5):
    rng = np.random.default_rng(seed)
    u, v = np.triu_indices(n, 1)
    keep = rng.random(len(u)) < 0.8
    w = rng.standard_normal(len(u))
    return CutGraph.from_edges(u[keep], v[keep], w[keep], n)


def state(graph, seed, rank=2, scale=1.0):
    rng = np.random.default_rng(seed)
    W = scale * rng.standard_normal((graph.n, rank))
    return W, rng.standard_normal(graph.n)


def sampler_at(graph, W, b, **options):
    return Sampler(graph, W, b, dtype=np.float64, **options)


def derivative(f, x, step=1e-5):
    """Central differences, fourth order."""
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = step
        grad[i] = (8 * (f(x + d) - f(x - d)) - (f(x + 2 * d) - f(x - 2 * d))) / (
            12 * step
        )
    return grad


def quadrature(graph, W, b, tau):
    """F by Gauss-Hermite nodes in x and the product law given x."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    u, v, w = graph.edges()
    total = 0.0
    for (x, p), (y, q) in itertools.product(zip(nodes, weights, strict=True), repeat=2):
        s = 2 * scipy.stats.norm.cdf((W @ np.array([x, y]) + b) / tau) - 1
        total += p * q * (w * (1 - s[u] * s[v]) / 2).sum()
    return total


@pytest.mark.parametrize("seed", range(4))
def test_1_1_gradient_is_hessian_times_w(seed):
    # Any smooth g: g(z) = sum_u sin(z_u) cos(z_{u+1}), by quadrature.
    rng = np.random.default_rng(seed)
    W, b = 0.7 * rng.standard_normal((3, 2)), rng.standard_normal(3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    x = np.array(list(itertools.product(nodes, nodes)))
    p = np.array([a * c for a, c in itertools.product(weights, weights)])

    def expectation(W, b):
        z = x @ W.T + b
        return float(p @ (np.sin(z) * np.cos(np.roll(z, -1, axis=1))).sum(1))

    H = derivative(lambda c: derivative(lambda a: expectation(W, a), c)[0], b)
    rows = [H]
    for i in (1, 2):
        rows.append(
            derivative(lambda c, i=i: derivative(lambda a: expectation(W, a), c)[i], b)
        )
    H = np.array(rows)
    grad = derivative(lambda A: expectation(A, b), W)
    assert np.abs(grad - H @ W).max() < 1e-5


def test_1_2_second_order_stationary_points_have_no_w():
    # The ascent of a converged run: eps is small, H <= lambda, and W is gone.
    graph = small_graph(3, n=8)
    V = np.random.default_rng(0).standard_normal((8, 4))
    V /= np.linalg.norm(V, axis=1)[:, None]
    found = derandomize(graph, V, Run(graph), starts=1, iterations=3000)
    assert not found.lemma.vacuous
    assert found.lemma.eps < 1e-2
    assert found.lemma.norm < 1e-1 * np.linalg.norm(12 * V)


@pytest.mark.parametrize("seed", range(6))
def test_1_3_certificate_bounds_w(seed):
    graph = small_graph(seed)
    W, b = state(graph, seed, scale=0.3)
    sampler = sampler_at(graph, W, b, weight_decay=2.0)
    found = sampler.certificate()
    assert found.norm == pytest.approx(np.linalg.norm(W))
    assert found.norm <= found.bound * (1 + 1e-9)
    H = sampler.hessian().toarray()
    assert found.gamma >= max(0, np.linalg.eigvalsh(H)[-1]) - 1e-9
    assert certify(W, sp.csr_array((5, 5)), W, 1.0).bound == pytest.approx(found.norm)


@pytest.mark.parametrize(("seed", "tau"), list(itertools.product(range(3), (0.8, 2.0))))
def test_2_1_expected_cut_against_quadrature(seed, tau):
    graph = small_graph(seed)
    W, b = state(graph, seed, scale=0.5)
    found = sampler_at(graph, W, b, tau=tau).expected_cut()
    assert found == pytest.approx(quadrature(graph, W, b, tau), abs=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_2_1_expected_cut_against_enumeration(seed):
    # All 2^n sides with their probabilities, W of rank one, tau xi integrated by cells.
    graph = small_graph(seed, n=4)
    W, b = state(graph, seed, rank=1)
    t = np.linspace(-9, 9, 4001)
    p = scipy.stats.norm.pdf(t) * (t[1] - t[0])
    plus = scipy.stats.norm.cdf(W @ t[None, :] + b[:, None])
    total = 0.0
    for x in itertools.product([1, -1], repeat=4):
        law = np.prod(np.where(np.array(x)[:, None] > 0, plus, 1 - plus), axis=0)
        total += (law @ p) * graph.cut(x)
    assert sampler_at(graph, W, b).expected_cut() == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize(("seed", "tau"), list(itertools.product(range(3), (0.5, 1.0))))
def test_2_2_gradient_in_b(seed, tau):
    graph = small_graph(seed)
    W, b = state(graph, seed)
    sampler = sampler_at(graph, W, b, tau=tau)
    expected = derivative(lambda a: sampler.value(W, a), b)
    assert np.abs(sampler.gradient()[1] - expected).max() < 1e-8


@pytest.mark.parametrize(("seed", "tau"), list(itertools.product(range(3), (0.5, 1.0))))
def test_2_3_hessian_in_b(seed, tau):
    graph = small_graph(seed)
    W, b = state(graph, seed)
    H = sampler_at(graph, W, b, tau=tau).hessian().toarray()
    for u in range(graph.n):
        row = derivative(
            lambda a, u=u: sampler_at(graph, W, a, tau=tau).gradient()[1][u], b
        )
        assert np.abs(H[u] - row).max() < 1e-8


@pytest.mark.parametrize(("seed", "tau"), list(itertools.product(range(3), (0.5, 1.0))))
def test_2_4_gradient_in_w(seed, tau):
    graph = small_graph(seed)
    W, b = state(graph, seed)
    sampler = sampler_at(graph, W, b, tau=tau)
    expected = derivative(lambda A: sampler.value(A, b), W)
    assert np.abs(sampler.gradient()[0] - expected).max() < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_2_5_collapse_identity_and_monotonicity(seed):
    graph = small_graph(seed)
    W, b = state(graph, seed, rank=3)
    sampler = sampler_at(graph, W, b)
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 1)))[0][:, 0]
    t, p = np.polynomial.hermite_e.hermegauss(60)
    rest = W - np.outer(W @ q, q)
    mean = sum(
        weight * sampler.value(rest, b + node * (W @ q))
        for node, weight in zip(t, p / p.sum(), strict=True)
    )
    assert mean == pytest.approx(sampler.expected_cut(), abs=1e-6)
    end = collapse(sampler.value, W, b)
    assert end.value >= sampler.expected_cut() - 1e-12 * graph.absolute_weight


@pytest.mark.parametrize("seed", range(5))
def test_2_6_conditional_expectations(seed):
    graph = small_graph(seed)
    _, b = state(graph, seed)
    means = product_means(b)
    u, v, w = graph.edges()
    expected = float((w * (1 - means[u] * means[v]) / 2).sum())
    assert Sampler(graph, np.zeros((5, 1)), b).value(
        np.zeros((5, 1)), b
    ) == pytest.approx(expected, abs=1e-12)
    partition = conditional_expectations(graph, means)
    assert graph.cut(partition) >= expected - 1e-12
    assert graph.cut(one_flip_descent(graph, partition)) >= graph.cut(partition) - 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_2_7_the_chain_and_its_guarantee(seed):
    graph = small_graph(seed, n=8)
    rng = np.random.default_rng(seed)
    V = rng.standard_normal((8, 3))
    V /= np.linalg.norm(V, axis=1)[:, None]
    c = 10 ** rng.uniform(-1, 2)
    found = derandomize(graph, V, Run(graph), iterations=50, starts=1, c=c)
    u, v, w = graph.edges()
    sdp = float((w * (1 - (V[u] * V[v]).sum(1)) / 2).sum())
    values = [guarantee(graph, sdp, c), *(link.value for link in found.links)]
    slack = 1e-10 * graph.absolute_weight
    assert all(high >= low - slack for low, high in itertools.pairwise(values))


def test_goemans_williamson_is_the_limit():
    # b = 0, tau -> 0: F = sum w arccos(rho) / pi
    graph = small_graph(1)
    V = np.random.default_rng(1).standard_normal((5, 3))
    V /= np.linalg.norm(V, axis=1)[:, None]
    u, v, w = graph.edges()
    expected = float((w * np.arccos((V[u] * V[v]).sum(1))).sum() / np.pi)
    found = Sampler(graph, V, np.zeros(5), tau=1e-9).value(V, np.zeros(5))
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0.878567 < ALPHA_GW < 0.878568
