import numpy as np
import pytest
from scipy.stats import ncx2

pytest.importorskip("sklearn")

from derandcut.errors import InputError
from derandcut.jl import chernoff, jl_bound, jl_min_dim, union_bound

STEP = 1e-6


def drawn_squares(M, s, V, draws, rng):
    A = M + np.sqrt(s) * rng.normal(size=(draws, *M.shape))
    return ((A @ V.T) ** 2).sum(axis=1)


@pytest.fixture
def case():
    rng = np.random.default_rng(3)
    M = 0.4 * rng.normal(size=(4, 6))
    V = rng.normal(size=(5, 6))
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    return M, V, ((M @ V.T) ** 2).sum(axis=0)


def test_union_bound_counts_what_sampling_counts(case):
    M, V, m = case
    drawn = drawn_squares(M, 0.2, V, 100_000, np.random.default_rng(0))
    expected = (np.abs(drawn - 1) > 0.6).mean(axis=0).sum()
    assert union_bound(m, 4, 0.2, 0.6)[0] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("eps", [0.3, 1.5])
def test_union_bound_derivative(case, eps):
    m = case[2]
    derivative = union_bound(m, 4, 0.2, eps)[1]
    for i in range(len(m)):
        e = STEP * np.eye(len(m))[i]
        high, low = (
            union_bound(m + e, 4, 0.2, eps)[0],
            union_bound(m - e, 4, 0.2, eps)[0],
        )
        assert derivative[i] == pytest.approx((high - low) / (2 * STEP), rel=1e-5)


def test_chernoff_is_the_expectation_it_says(case):
    M, V, m = case
    t, s = 1.2, 0.1
    drawn = drawn_squares(M, s, V, 200_000, np.random.default_rng(1))
    mean = (np.exp(t * (drawn - 1)) + np.exp(t * (1 - drawn))).mean(axis=0).sum()
    assert chernoff(m, 4, t, s)[0] == pytest.approx(np.log(mean) / t, rel=5e-3)


@pytest.mark.parametrize("s", [0.0, 0.05])
def test_chernoff_derivatives(case, s):
    m, t = case[2], 3.0
    value, derivative, slope = chernoff(m, 4, t, s)
    for i in range(len(m)):
        e = STEP * np.eye(len(m))[i]
        difference = chernoff(m + e, 4, t, s)[0] - chernoff(m - e, 4, t, s)[0]
        assert derivative[i] == pytest.approx(difference / (2 * STEP), abs=1e-7)
    forward = chernoff(m, 4, t, s + STEP)[0]
    assert slope == pytest.approx((forward - value) / STEP, rel=1e-3)


def test_chernoff_bounds_the_distortion_within_its_slack():
    rng = np.random.default_rng(0)
    for scale in (1e-6, 0.1, 5.0):
        m = 1 + scale * rng.uniform(-0.2, 1, size=40)
        for t in (1.0, 100.0, 1e6):
            value, worst = chernoff(m, 3, t)[0], np.abs(m - 1).max()
            assert worst <= value + 1e-12
            assert value <= worst + np.log(80) / t + 1e-12


def test_slope_is_the_heat_equation():
    """dF/ds is half the trace of the Hessian in M: what the lemma drives on."""
    rng = np.random.default_rng(5)
    M, v = 0.3 * rng.normal(size=(2, 3)), np.array([0.6, 0.0, 0.8])
    t, s, step = 1.0, 0.1, 1e-3

    def expectation(M):
        return np.exp(t * chernoff(((M @ v) ** 2).sum()[None], 2, t, s)[0])

    trace = 0.0
    for index in np.ndindex(M.shape):
        e = np.zeros_like(M)
        e[index] = step
        trace += (
            expectation(M + e) + expectation(M - e) - 2 * expectation(M)
        ) / step**2
    slope = chernoff(((M @ v) ** 2).sum()[None], 2, t, s)[2]
    assert slope * t * expectation(M) == pytest.approx(trace / 2, rel=1e-4)


def test_jl_bound_is_where_the_union_bound_is_one():
    n, k = 50, 20
    eps = jl_bound(n, k)
    pairs = n * (n - 1) // 2
    assert union_bound(np.zeros(pairs), k, 1 / k, eps)[0] == pytest.approx(1, rel=1e-9)
    assert jl_bound(1, 3) == jl_bound(2, 3) == 0.0


@pytest.mark.parametrize("n", [2, 10, 500])
@pytest.mark.parametrize("eps", [0.1, 0.5, 0.9])
def test_jl_min_dim_is_the_smallest(n, eps):
    k = jl_min_dim(n, eps)
    assert jl_bound(n, k) <= eps + 1e-9
    assert k == 1 or jl_bound(n, k - 1) > eps


def test_jl_min_dim_is_below_the_usual_formula():
    from sklearn.random_projection import johnson_lindenstrauss_min_dim

    for eps in (0.1, 0.3, 0.6):
        assert jl_min_dim(1000, eps) < johnson_lindenstrauss_min_dim(1000, eps=eps)


def test_noncentral_derivative_identity():
    x, k, shift = 3.0, 4, 1.5
    difference = ncx2.sf(x, k, shift + STEP) - ncx2.sf(x, k, shift - STEP)
    assert ncx2.pdf(x, k + 2, shift) == pytest.approx(difference / (2 * STEP), rel=1e-6)


def test_wrong_arguments():
    for call in (
        lambda: jl_bound(0, 1),
        lambda: jl_bound(3, 0),
        lambda: jl_min_dim(0, 0.5),
        lambda: jl_min_dim(5, 1.0),
    ):
        with pytest.raises(InputError):
            call()
