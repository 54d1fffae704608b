"""(1.1)-(1.3) and (2.5) on several objectives, by quadrature; the engine's parts."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from derandcut.errors import InputError, MissingDependencyError
from derandcut.lemma import (
    LBFGS,
    Adam,
    ClosedForm,
    FunctionObjective,
    GaussHermite,
    Momentum,
    MonteCarlo,
    Objective,
    PerturbedGradientDescent,
    TorchObjective,
    as_objective,
    certify,
    check_objective,
    collapse,
    constant,
    derandomize,
    escape,
    geometric,
    linear,
    stein_error,
)

NONE = np.zeros(0)
RULE = GaussHermite(40)


def wells(n=3):
    """Double wells: many minima, a saddle at 0."""
    return FunctionObjective(
        lambda z: ((z**2 - 1) ** 2).sum(axis=1) / 4, n, lambda z: z * (z**2 - 1)
    )


def two_sat():
    """Violated weight of four clauses under smooth rounding."""
    literals = np.array([[0, 1], [0, 2], [1, 2], [0, 1]])
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])

    def violated(z):
        return ndtr(-signs * z[:, literals]).prod(axis=2).sum(axis=1)

    return FunctionObjective(violated, 3)


def cut():
    """Minus the expected cut of a weighted triangle."""
    pairs, weight = ([0, 0, 1], [1, 2, 2]), np.array([1.0, -0.5, 2.0])

    def g(z):
        s = 2 * ndtr(z) - 1
        return -(weight * (1 - s[:, pairs[0]] * s[:, pairs[1]]) / 2).sum(axis=1)

    return FunctionObjective(g, 3)


def embedding():
    """Squared distortions of three secants under a 1 x 3 projection."""
    V = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    return FunctionObjective(
        lambda z: (((z @ V) ** 2 - 1) ** 2).sum(axis=1),
        3,
        lambda z: 4 * (((z @ V) ** 2 - 1) * (z @ V)) @ V.T,
    )


def network():
    """Squared error of three tanh units whose output weights are trained too."""

    def g(z, theta):
        return (np.tanh(z) @ theta - 0.5) ** 2

    return FunctionObjective(g, 3, n_theta=3)


OBJECTIVES = [wells, two_sat, cut, embedding, network]


def start(objective, d=2, seed=0):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=getattr(objective, "n_theta", 0))
    return 0.5 * rng.normal(size=(objective.n, d)), rng.normal(size=objective.n), theta


@pytest.mark.parametrize("make", OBJECTIVES)
def test_1_1_stein_identity(make):
    objective = make()
    W, b, theta = start(objective)
    assert stein_error(objective, W, b, RULE, theta) < 1e-6


@pytest.mark.parametrize("make", OBJECTIVES)
def test_1_1_needs_a_gaussian(make):
    class Uniform(GaussHermite):
        def points(self, d):
            x = np.linspace(-1, 1, 25) * np.sqrt(3)
            grid = np.stack([g.ravel() for g in np.meshgrid(x, x)], axis=1)
            return grid, np.full(len(grid), 1 / len(grid))

    objective = make()
    W, b, theta = start(objective)
    assert stein_error(objective, 2 * W, b, Uniform(), theta) > 1e-4


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("seed", range(3))
def test_1_3_bound_holds_at_every_point(make, seed):
    """Not only at stationary ones: eps is the gradient wherever the run stands."""
    objective = make()
    W, b, theta = start(objective, seed=seed)
    moments = RULE.moments(objective, W, b, theta)
    H = RULE.hessian(objective, W, b, theta)
    for weight_decay in (0.1, 1.0, 10.0):
        found = certify(moments.W + weight_decay * W, H, W, weight_decay)
        assert found.norm <= found.bound * (1 + 1e-6)


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("steps", [0, 3, 30])
def test_1_3_bound_holds_on_a_sample_too(make, steps):
    """Where (1.1) fails by the sample's error: eps carries it."""
    W, b, theta = start(make())
    result = derandomize(
        make(),
        W,
        b,
        theta,
        expectation=MonteCarlo(64, "gaussian"),
        optimiser=Momentum(steps),
        weight_decay=1.0,
    )
    assert result.certificate.norm <= result.certificate.bound * (1 + 1e-6)


@pytest.mark.parametrize("make", OBJECTIVES)
def test_1_2_descent_ends_deterministic(make):
    objective = make()
    W, b, theta = start(objective)
    result = derandomize(
        objective, W, b, theta, weight_decay=0.1, optimiser=Momentum(150)
    )
    assert result.certificate.norm < 0.05 * np.linalg.norm(W)
    assert result.certificate.norm <= result.certificate.bound * (1 + 1e-6)


@pytest.mark.parametrize("make", OBJECTIVES)
def test_2_5_one_direction_is_a_mean_over_shifts(make):
    objective = make()
    W, b, theta = start(objective)
    q = np.array([0.6, -0.8])
    step = W @ q
    rest = W - np.outer(step, q)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    mean = sum(
        weight * RULE.value(objective, rest, b + t * step, theta)
        for t, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    assert mean == pytest.approx(RULE.value(objective, W, b, theta), abs=1e-9)


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("seed", range(3))
def test_2_5_collapse_never_loses(make, seed):
    objective = make()
    W, b, theta = start(objective, seed=seed)

    def gain(W, b):
        return -RULE.value(objective, W, b, theta)

    end = collapse(gain, W, b)
    assert end.value >= gain(W, b) - 1e-9
    value = objective.value(end.b[None], theta)[0]
    assert -end.value == pytest.approx(value, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), which=st.sampled_from(OBJECTIVES))
def test_chain_never_rises(seed, which):
    objective = which()
    W, b, theta = start(objective, d=1, seed=seed)
    optimiser = Momentum(5)
    result = derandomize(objective, W, b, theta, optimiser=optimiser)
    values = [link.value for link in result.chain]
    assert (np.diff(values) <= 1e-9).all()
    assert result.value == objective.value(result.b[None], result.theta)[0]


# ---------------------------------------------------------------------- objectives


class Quadratic:
    """g = z'Az/2 + theta'z, with its closed form."""

    def __init__(self, A):
        self.A, self.n = A, len(A)

    def value(self, z, theta):
        return 0.5 * ((z @ self.A) * z).sum(axis=1) + z @ theta

    def gradient(self, z, theta):
        return z @ self.A + theta

    def hessian_action(self, z, v, theta):
        return np.tile(self.A @ v, (len(z), 1))

    def theta_gradient(self, z, theta):
        return z

    def expected(self, W, b, theta):
        value = self.value(b[None], theta)[0] + 0.5 * np.trace(W.T @ self.A @ W)
        return value, self.A @ b + theta, sp.csr_array(self.A)

    def expected_theta(self, W, b, theta):
        return b


A = np.array([[2.0, 0.5], [0.5, 1.0]])


def test_closed_form_is_what_quadrature_says():
    objective, rng = Quadratic(A), np.random.default_rng(0)
    W, b, theta = rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=2)
    assert isinstance(objective, Objective)
    exact = ClosedForm().moments(objective, W, b, theta)
    for rule in (GaussHermite(3), MonteCarlo(4096, "moment-matched")):
        found = rule.moments(objective, W, b, theta)
        for name in ("value", "W", "b", "theta"):
            assert np.allclose(getattr(found, name), getattr(exact, name))
        assert np.allclose(rule.hessian(objective, W, b, theta) @ np.eye(2), A)
    assert ClosedForm().error(objective, W, b, theta) == 0.0


def test_derandomize_uses_the_closed_form_and_proves_gamma():
    result = derandomize(
        Quadratic(A), np.eye(2), np.ones(2), np.ones(2), theta_trained=False
    )
    assert result.error == 0.0
    assert result.certificate.gamma_kind == "proved"
    assert np.allclose(result.b, -np.linalg.solve(A, np.ones(2)), atol=1e-4)
    assert (result.theta == 1).all()
    assert result.trace.shape[1] == 3
    assert "bound" in repr(result)


@pytest.mark.parametrize("make", OBJECTIVES)
def test_difference_derivatives_pass_the_check(make):
    objective = make()
    theta = start(objective)[2]
    assert check_objective(objective, theta).passed


def test_wrong_derivatives_are_found():
    class WrongHessian(Quadratic):
        def hessian_action(self, z, v, theta):
            return np.tile(np.array([[2.0, 0.5], [0.1, 1.0]]) @ v, (len(z), 1))

    found = check_objective(WrongHessian(A), np.ones(2))
    assert found.gradient < 1e-6
    assert min(found.hessian, found.asymmetry) > 1e-3

    class WrongClosedForm(Quadratic):
        def expected(self, W, b, theta):
            value, slope, H = super().expected(W, b, theta)
            return value + 0.1, slope, H

    found = check_objective(WrongClosedForm(A), np.ones(2))
    assert found.hessian < 1e-6 < 1e-3 < found.closed_form
    assert check_objective(Quadratic(A), np.ones(2)).passed

    class WrongShape(Quadratic):
        def value(self, z, theta):
            return np.zeros((len(z), 1))

    with pytest.raises(InputError, match="value"):
        check_objective(WrongShape(A), np.ones(2))


def test_torch_objective_is_exact():
    torch = pytest.importorskip("torch")
    exact = TorchObjective(lambda z, t: (torch.tanh(z) @ t - 0.5) ** 2, 3, n_theta=3)
    W, b, theta = start(network())
    assert check_objective(exact, theta).passed
    assert stein_error(exact, W, b, RULE, theta) < 1e-8
    rule = GaussHermite(10)
    found, expected = (rule.moments(g, W, b, theta) for g in (exact, network()))
    assert np.allclose(found.W, expected.W, atol=1e-8)
    assert np.allclose(found.theta, expected.theta, atol=1e-8)


def test_a_plain_function_gets_the_best_derivatives(monkeypatch):
    torch = pytest.importorskip("torch")

    def shared(z):
        return ((z**2 - 1) ** 2).sum(axis=1)

    def both(z, theta):
        return (z**2 * theta).sum(axis=1)

    def leaves_torch(z):
        return (z.detach() if torch.is_tensor(z) else z).sum(axis=1) + z[:, 0]

    assert isinstance(as_objective(shared, 2), TorchObjective)
    exact = as_objective(both, 2, n_theta=2)
    assert isinstance(exact, TorchObjective)
    assert check_objective(exact, np.ones(2)).passed
    for function in (leaves_torch, lambda z: ndtr(z).sum(axis=1)):
        assert isinstance(as_objective(function, 2), FunctionObjective)
    with pytest.raises(InputError, match="row"):
        as_objective(lambda z: (z**2).sum(), 2)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert isinstance(as_objective(shared, 2), FunctionObjective)


def test_torch_missing_names_the_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        TorchObjective(lambda z: z.sum(), 1)


# -------------------------------------------------------------------- expectations


@pytest.mark.parametrize(
    "scheme", ["sobol", "gaussian", "antithetic", "moment-matched"]
)
def test_monte_carlo_error_is_honest(scheme):
    objective = wells()
    W, b, theta = start(objective)
    exact = RULE.value(objective, W, b, theta)
    within = 0
    for seed in range(20):
        rule = MonteCarlo(512, scheme, seed)
        error = rule.error(objective, W, b, theta)
        within += abs(rule.value(objective, W, b, theta) - exact) <= 3 * error
        assert rule.value(objective, W, b, theta) == rule.value(objective, W, b, theta)
    assert within >= 16


def test_sobol_beats_independent_draws():
    objective = cut()
    W, b, theta = start(objective)
    exact = RULE.value(objective, W, b, theta)

    def spread(scheme):
        rules = (MonteCarlo(2048, scheme, seed) for seed in range(20))
        return np.mean([abs(r.value(objective, W, b, theta) - exact) for r in rules])

    assert spread("sobol") < 0.5 * spread("gaussian")


def test_gauss_hermite_error_and_limits():
    objective = cut()
    W, b, theta = start(objective)
    exact = RULE.value(objective, W, b, theta)
    rule = GaussHermite(8)
    assert abs(rule.value(objective, W, b, theta) - exact) <= 3 * rule.error(
        objective, W, b, theta
    )
    zero = np.zeros((3, 0))
    assert rule.value(objective, zero, b, theta) == objective.value(b[None], theta)[0]
    with pytest.raises(InputError):
        GaussHermite(20).points(8)
    for wrong in (
        MonteCarlo(0),
        MonteCarlo(8, "halton"),
        MonteCarlo(8, "moment-matched"),
    ):
        with pytest.raises(InputError):
            wrong.points(3)


# ---------------------------------------------------------------------- optimisers


def saddle(x):
    """Minima at x = (+-1, 0), a saddle at 0."""
    value = (x[0] ** 2 - 1) ** 2 / 4 + x[1] ** 2 / 2
    return float(value), np.array([x[0] * (x[0] ** 2 - 1), x[1]])


def test_pgd_constants_are_the_published_ones():
    descent = PerturbedGradientDescent(2.0, 3.0, eps=0.1, gap=1.0, c=0.25, delta=0.2)
    found = descent.constants(10)
    chi = 3 * np.log(10 * 2 * 1 / (0.25 * 0.01 * 0.2))
    assert found["chi"] == pytest.approx(chi)
    assert found["eta"] == 0.125
    assert found["r"] == pytest.approx(0.5 / chi**2 * 0.05)
    assert found["g_thres"] == pytest.approx(0.5 / chi**2 * 0.1)
    assert found["f_thres"] == pytest.approx(0.25 / chi**3 * np.sqrt(0.001 / 3))
    assert found["t_thres"] == pytest.approx(chi / 0.0625 * 2 / np.sqrt(0.3))


def test_pgd_leaves_the_saddle_and_stops_by_itself():
    steps = []
    descent = PerturbedGradientDescent(3.0, 6.0, eps=0.05, gap=0.25, c=1.0)
    x = descent(saddle, np.zeros(2), lambda *state: steps.append(state))
    assert abs(x[0]) == pytest.approx(1, abs=1e-2)
    assert len(steps) < descent.max_steps


@pytest.mark.parametrize("optimiser", [Momentum(300), Adam(300), LBFGS(300)])
def test_optimisers_reach_the_minimum(optimiser):
    x = optimiser(saddle, np.array([0.3, 2.0]), lambda *state: False)
    assert saddle(x)[0] < 1e-4
    seen = []
    optimiser(saddle, np.array([0.3, 2.0]), lambda *state: seen.append(1) or True)
    assert len(seen) == 1


def test_lbfgs_tells_its_watch_where_it_stands():
    seen = []
    LBFGS()(saddle, np.array([0.3, 2.0]), lambda *state: seen.append(state))
    values = [value for _, value, _ in seen]
    assert (np.diff(values) <= 0).all()
    for x, value, slope in seen:
        assert value == saddle(x)[0]
        assert np.array_equal(slope, saddle(x)[1])


def test_escape_only_where_it_pays():
    H = sp.csr_array(np.diag([-1.0, 1.0]))
    moved = escape(lambda x: saddle(x)[0], H, np.zeros(2), 0.1, 8.0)
    assert saddle(moved)[0] < saddle(np.zeros(2))[0]
    assert escape(lambda x: saddle(x)[0], H, np.zeros(2), 1.0, 8.0) is None
    assert escape(lambda x: 0.0, H, np.zeros(2), 0.1, 8.0) is None


def test_negative_curvature_is_escaped():
    """W = 0, b = 0 is stationary for the wells: only the curvature leads away."""
    result = derandomize(wells(1), np.full((1, 1), 1e-9), np.zeros(1))
    assert abs(result.b_descended[0]) == pytest.approx(1, abs=1e-2)


def test_wrong_arguments():
    for call in (
        lambda: derandomize(wells(), np.eye(2), np.zeros(2)),
        lambda: derandomize(wells(2), np.eye(2), np.zeros(2), weight_decay=0.0),
        lambda: derandomize(wells(2), np.eye(2) * np.nan, np.zeros(2)),
        lambda: derandomize(lambda z: z[:, 0] ** 2 + np.inf, np.eye(2), np.zeros(2)),
        lambda: PerturbedGradientDescent(0.0, 1.0, eps=0.1, gap=1.0),
        lambda: geometric(0.0, 1.0, 3),
        lambda: linear(0.0, 1.0, 0),
    ):
        with pytest.raises(InputError):
            call()


def test_schedules():
    assert geometric(1.0, 0.01, 5, share=0.5).tolist() == pytest.approx(
        [1, 0.1, 0.01, 0.01, 0.01]
    )
    assert (constant(2.0, 3) == 2).all()
    assert linear(1.0, 0.0, 5)[1] == 0.75


def test_many_columns_none_and_a_theta_take_the_defaults():
    def g(z, theta):
        return ((z - theta) ** 2).sum(axis=1) + ((theta - 1) ** 2).sum()

    many = derandomize(g, 0.3 * np.ones((2, 6)), np.zeros(2), np.zeros(2))
    assert np.allclose([many.b, many.theta], 1, atol=1e-2)
    assert many.error > 0
    none = derandomize(g, np.zeros((2, 0)), np.zeros(2), np.zeros(2))
    assert np.allclose([none.b, none.theta], 1, atol=1e-2)
    assert none.certificate.norm == 0


def test_published_descent_runs_in_the_engine():
    descent = PerturbedGradientDescent(4.0, 6.0, eps=0.05, gap=1.0, c=1.0)
    result = derandomize(wells(1), np.eye(1) / 2, np.ones(1) / 2, optimiser=descent)
    assert abs(result.b[0]) == pytest.approx(1, abs=1e-2)


def test_plot_of_the_norm():
    pytest.importorskip("matplotlib").use("Agg")
    result = derandomize(wells(1), np.eye(1), np.ones(1))
    assert result.plot().get_ylabel() == "||W||"
