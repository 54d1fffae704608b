"""The embedding as an instance of the lemma: (1.1)-(1.3), (2.5) on its own g."""

import numpy as np
import pytest
import scipy.sparse as sp

pytest.importorskip("sklearn")

from derandcut.errors import InputError
from derandcut.jl import SecantObjective, chernoff, max_distortion
from derandcut.lemma import (
    GaussHermite,
    Objective,
    certify,
    check_objective,
    collapse,
    derandomize,
    stein_error,
)

K = 2
NONE = np.zeros(0)


@pytest.fixture
def instance():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(5, 3))
    g = SecantObjective(X, K, t=2.0)
    return X, g, 0.2 * rng.normal(size=(g.n, 2)), rng.normal(size=g.n) / np.sqrt(K)


def test_derivatives_and_closed_form(instance):
    X, g, W, b = instance
    assert isinstance(g, Objective)
    assert check_objective(g).passed
    rule = GaussHermite(50)
    exact = rule.moments(g, W, b, NONE)
    value, slope, H = g.expected(W, b, NONE)
    assert value == pytest.approx(exact.value)
    assert np.allclose(slope, exact.b)
    assert np.allclose(H @ W, exact.W)  # (1.1)
    assert stein_error(g, W, b, rule) < 1e-8
    image = X @ b.reshape(K, -1).T
    assert g.distortion(b) == pytest.approx(max_distortion(X, image))


@pytest.mark.parametrize("s", [0.0, 0.02, 0.1])
def test_the_chernoff_bound_is_its_isotropic_case(instance, s):
    _, g, _, b = instance
    squares = (g._images(b) ** 2).sum(axis=-1)
    found = g.expected(np.sqrt(s) * np.eye(g.n), b, NONE)[0]
    value, _, slope = chernoff(squares, K, g.t, s)
    assert np.log(found) / g.t == pytest.approx(value)
    if s:  # dE/ds is half the trace of H
        H = g.expected(np.sqrt(s) * np.eye(g.n), b, NONE)[2]
        assert 0.5 * np.trace(H) / found / g.t == pytest.approx(slope)


def test_1_3_and_2_5(instance):
    _, g, W, b = instance
    value, _, H = g.expected(W, b, NONE)
    for weight_decay in (1.0, 100.0):
        found = certify(H @ W + weight_decay * W, sp.csr_array(H), W, weight_decay)
        assert found.norm <= found.bound * (1 + 1e-9)
    end = collapse(lambda W, b: -g.expected(W, b, NONE)[0], W, b)
    assert -end.value <= value
    assert -end.value == pytest.approx(g.value(end.b[None], NONE)[0])


def test_the_engine_derandomizes_it(instance):
    _, g, _, b = instance
    result = derandomize(g, 0.3 * np.eye(g.n), b)
    values = [link.value for link in result.chain]
    assert (np.diff(values) <= 1e-9).all()
    assert not result.certificate.vacuous
    assert result.certificate.norm < 0.1 * 0.3 * np.sqrt(g.n)
    assert g.distortion(result.b) <= np.log(result.value) / g.t < np.log(values[0])


def test_beyond_its_domain_and_wrong_arguments(instance):
    X, g, _, b = instance
    assert g.expected(np.eye(g.n), b, NONE)[0] == np.inf
    for wrong in (
        (X[0], K, 1.0),
        (X * np.nan, K, 1.0),
        (np.ones((3, 2)), K, 1.0),
        (X, 0, 1.0),
        (X, K, 0.0),
    ):
        with pytest.raises(InputError):
            SecantObjective(*wrong)
