"""Certificate and collapse for objectives that are not graphs."""

import numpy as np
import pytest
import scipy.sparse as sp

from derandcut.lemma import certify, collapse, collapse_direction, largest_eigenvalue
from derandcut.lemma.certificate import gershgorin


def smooth(a, c, d):
    """F(W, b) = E sum_u a cos(c z_u) + d_u sin(z_u), z = W x + b, in closed form."""

    def value(W, b):
        variance = (W**2).sum(1)
        wave = a * np.exp(-(c**2) * variance / 2) * np.cos(c * b)
        return float((wave + d * np.exp(-variance / 2) * np.sin(b)).sum())

    return value


@pytest.mark.parametrize("seed", range(12))
def test_collapse_never_lowers_any_objective(seed):
    rng = np.random.default_rng(seed)
    F = smooth(rng.standard_normal(6), rng.uniform(0.5, 4), rng.standard_normal(6))
    W = rng.standard_normal((6, 4)) * 10 ** rng.uniform(-3, 1)
    b = rng.standard_normal(6)
    before = F(W, b)
    end = collapse(F, W, b)
    assert end.value >= before - 1e-12
    assert end.value == F(np.zeros_like(W), end.b)


@pytest.mark.parametrize("seed", range(6))
def test_draws_never_lower_any_objective(seed):
    rng = np.random.default_rng(seed)
    F = smooth(rng.standard_normal(6), rng.uniform(0.5, 4), rng.standard_normal(6))
    W, b = rng.standard_normal((6, 4)), rng.standard_normal(6)
    end = collapse(F, W, b, draws=4)
    assert end.value >= F(W, b) - 1e-12
    assert end.value == F(np.zeros_like(W), end.b)


def test_collapse_direction_drops_the_rank_by_one():
    rng = np.random.default_rng(0)
    F = smooth(np.ones(5), 1.0, np.ones(5))
    W, b = rng.standard_normal((5, 3)), rng.standard_normal(5)
    q = np.linalg.svd(W)[2][0]
    rest, shifted, value, _ = collapse_direction(F, W, b, q, F(W, b))
    assert np.linalg.matrix_rank(rest) == 2
    assert value == F(rest, shifted) >= F(W, b)


def test_collapse_of_nothing_random_changes_nothing():
    F = smooth(np.ones(3), 1.0, np.zeros(3))
    b = np.array([0.1, 0.2, 0.3])
    end = collapse(F, np.zeros((3, 2)), b)
    assert np.array_equal(end.b, b)
    assert end.evaluations == 1


def test_collapse_accepts_a_settled_point_at_once():
    F = smooth(np.ones(3), 1.0, np.zeros(3))
    end = collapse(F, np.full((3, 2), 1e-3), np.zeros(3))
    assert end.value == 3.0
    assert end.evaluations == 2


@pytest.mark.parametrize("n", [1, 2, 7, 60])
def test_lanczos_and_gershgorin_against_dense(n):
    rng = np.random.default_rng(n)
    A = rng.standard_normal((n, n))
    A = sp.csr_array(A + A.T)
    value, vector, residual = largest_eigenvalue(A)
    exact = np.linalg.eigvalsh(A.toarray())[-1]
    assert value <= exact + 1e-9
    assert value + residual + 1e-9 >= exact or n > 30
    assert np.linalg.norm(A @ vector - value * vector) <= residual + 1e-8
    assert gershgorin(A) >= exact - 1e-12


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_lanczos_always_returns(scale):
    assert largest_eigenvalue(sp.csr_array((4, 4)))[0] == 0
    assert largest_eigenvalue(sp.csr_array((0, 0)))[0] == 0
    diagonal = sp.diags_array(scale * np.ones(50))
    assert largest_eigenvalue(diagonal)[0] == pytest.approx(scale)


def test_certificate_bounds_the_norm_of_w():
    # L = E (z' A z)/2 + lambda/2 |W|^2, H = A: grad_W L = (A + lambda) W.
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    for low in (-0.05, 0.0, 0.2):
        A = Q @ np.diag([low, 0.3, 0.5, 1, 2]) @ Q.T
        W = rng.standard_normal((5, 2))
        found = certify((A + 0.1 * np.eye(5)) @ W, sp.csr_array(A), W, 0.1)
        assert found.gamma >= max(0, -low) - 1e-12
        assert found.norm <= found.bound
        assert found.gamma_kind in {"proved", "estimate"}
