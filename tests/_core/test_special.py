"""The special functions against scipy's, and their bits between builds."""

import importlib

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from derandcut._core import _cpu, _special


def apply(function, *arguments):
    arguments = [np.ascontiguousarray(a) for a in arguments]
    out = np.empty_like(arguments[0])
    function(*arguments, out)
    return out


def ulps(found, expected, dtype):
    spacing = np.spacing(np.abs(expected).astype(dtype)).astype(np.longdouble)
    return float((np.abs(found.astype(np.longdouble) - expected) / spacing).max())


def grid(low, high, count=200_000):
    return np.random.default_rng(3).uniform(low, high, count)


def test_exp_is_within_its_stated_error():
    x = grid(-708, 709)
    assert ulps(apply(_special.exp, x), np.exp(x.astype(np.longdouble)), float) < 1.1
    x = grid(-87, 88).astype(np.float32)
    assert ulps(apply(_special.exp, x), np.exp(x.astype(float)), np.float32) < 1.1
    ends = np.array([-np.inf, -1e300, 0.0, -0.0])
    assert apply(_special.exp, ends).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_erf_is_within_its_stated_error():
    x = np.r_[grid(-6, 6), grid(-1e-3, 1e-3, 1000)]
    # scipy's own erf is good to about two units in the last place
    assert ulps(apply(_special.erf, x), scipy.special.erf(x), float) < 4
    x = x.astype(np.float32)
    found = apply(_special.erf, x)
    assert ulps(found, scipy.special.erf(x.astype(float)), np.float32) < 8
    assert np.abs(found).max() <= 1
    ends = np.array([-np.inf, np.inf, 0.0])
    assert apply(_special.erf, ends).tolist() == [-1.0, 1.0, 0.0]


def test_erfc_and_phi_are_relatively_accurate_in_the_tail():
    x = grid(-6, 26)
    # scipy's erfc loses x^2 units in the last place itself; erfcx does not.
    expected = np.where(
        x < 0.5,
        scipy.special.erfc(x),
        scipy.special.erfcx(np.abs(x)) * np.exp(-(x.astype(np.longdouble) ** 2)),
    )
    assert ulps(apply(_special.erfc, x), expected, float) < 8
    x = grid(-36, 9)
    ratio = apply(_special.normal_cdf, x) / scipy.special.ndtr(x)
    assert np.abs(ratio - 1).max() < 1e-12


def reference(h, k, rho):
    """Phi2 by Owen (1956) through scipy's T, |rho| < 1, h and k not zero."""
    q = np.sqrt((1 - rho) * (1 + rho))
    plus = rho >= 0
    dk = np.where(plus, (k - h) + (1 - rho) * h, (k + h) - (1 + rho) * h)
    dh = np.where(plus, (h - k) + (1 - rho) * k, (h + k) - (1 + rho) * k)
    t = scipy.special.owens_t(h, dk / (h * q)) + scipy.special.owens_t(k, dh / (k * q))
    half = 0.5 * (scipy.special.ndtr(h) + scipy.special.ndtr(k))
    return half - t - np.where(h * k > 0, 0.0, 0.5)


def test_phi2_against_owens_t():
    rng = np.random.default_rng(5)
    h, k = 3 * rng.standard_normal((2, 200_000))
    k[::5], k[1::7] = h[::5], -h[1::7]
    rho = rng.uniform(-1, 1, len(h))
    rho[::2] = np.tanh(6 * rng.standard_normal(len(rho[::2])))
    h[:1000] *= 1e-8
    inside = np.abs(rho) < 1
    h, k, rho = h[inside], k[inside], rho[inside]
    found = apply(_special.bivariate_normal_cdf, h, k, rho)
    assert np.abs(found - reference(h, k, rho)).max() < 1e-12


def test_phi2_against_quadrature():
    nodes, weights = np.polynomial.legendre.leggauss(200)
    rng = np.random.default_rng(8)
    h, k = rng.standard_normal((2, 300))
    rho = rng.uniform(-0.9, 0.9, 300)
    # Plackett: d Phi2 / d rho = phi2
    r = 0.5 * rho[:, None] * (nodes + 1)
    q2 = 1 - r**2
    square = h[:, None] ** 2 - 2 * r * (h * k)[:, None] + k[:, None] ** 2
    density = np.exp(-square / (2 * q2)) / (2 * np.pi * np.sqrt(q2))
    ndtr = scipy.special.ndtr
    expected = ndtr(h) * ndtr(k) + 0.5 * rho * (density @ weights)
    found = apply(_special.bivariate_normal_cdf, h, k, rho)
    assert np.abs(found - expected).max() < 1e-13


@pytest.mark.parametrize("near", [0.0, 1e-16, 1e-12, 1e-8, 1e-5])
def test_phi2_towards_perfect_correlation(near):
    h = np.random.default_rng(2).standard_normal(500)
    k = np.r_[h[:250], np.random.default_rng(3).standard_normal(250)]
    ndtr = scipy.special.ndtr
    slope = 4 * np.sqrt(2 * near) / np.pi + 1e-15  # how fast Phi2 can move there
    found = apply(_special.bivariate_normal_cdf, h, k, np.full(500, 1 - near))
    assert np.abs(found - ndtr(np.minimum(h, k))).max() <= slope
    found = apply(_special.bivariate_normal_cdf, h, -k, np.full(500, near - 1))
    expected = np.maximum(0, ndtr(h) + ndtr(-k) - 1)
    assert np.abs(found - expected).max() <= slope


def test_phi2_at_the_origin_is_the_arcsine_law():
    rho = np.r_[-1, -0.5, 0, 0.3, 1 - 1e-12, 1]
    zero = np.zeros(len(rho))
    found = apply(_special.bivariate_normal_cdf, zero, zero, rho)
    assert np.abs(found - (0.25 + np.arcsin(rho) / (2 * np.pi))).max() < 1e-15


def test_phi2_with_a_zero_argument():
    rng = np.random.default_rng(4)
    k, rho = rng.standard_normal(1000), rng.uniform(-1, 1, 1000)
    tiny = np.full(1000, 1e-30)
    found = apply(_special.bivariate_normal_cdf, 0 * k, k, rho)
    assert np.abs(found - reference(tiny, k, rho)).max() < 1e-13


@given(
    h=st.floats(allow_nan=False),
    k=st.floats(allow_nan=False),
    rho=st.floats(-1, 1),
)
def test_phi2_is_a_probability_for_any_arguments(h, k, rho):
    arguments = [np.array([x]) for x in (h, k, rho)]
    p = apply(_special.bivariate_normal_cdf, *arguments)[0]
    upper = min(scipy.special.ndtr(h), scipy.special.ndtr(k))
    lower = max(0.0, scipy.special.ndtr(h) + scipy.special.ndtr(k) - 1)
    assert lower - 1e-12 <= p <= upper + 1e-12
    assert 0 <= apply(_special.disagreement, *arguments)[0] <= 1


@pytest.mark.skipif(not _cpu.supports_avx2(), reason="needs AVX2")
def test_builds_return_the_same_bits():
    avx2 = importlib.import_module("derandcut._core._special_avx2")
    x = grid(-30, 30)
    for name in ("exp", "erf", "erfc", "normal_cdf"):
        assert np.array_equal(
            apply(getattr(_special, name), x), apply(getattr(avx2, name), x)
        )
    x = x.astype(np.float32)
    for name in ("exp", "erf"):
        assert np.array_equal(
            apply(getattr(_special, name), x), apply(getattr(avx2, name), x)
        )
    h, k, rho = grid(-3, 3), grid(-4, 2), grid(-1, 1)
    assert np.array_equal(
        apply(_special.disagreement, h, k, rho), apply(avx2.disagreement, h, k, rho)
    )
