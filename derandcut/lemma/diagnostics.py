"""Checks of what a user brings: derivatives, closed forms, a Gaussian x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derandcut.errors import InputError
from derandcut.lemma.expectation import Expectation, GaussHermite
from derandcut.lemma.objective import GRADIENT_STEP, Objective

__all__ = ["Diagnosis", "check_objective", "stein_error"]

POINTS = 8  # random points at which derivatives are compared
SPREAD = 0.1  # of W where a closed form meets quadrature: the nodes suffice
NODES = 24


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Relative errors of an objective's derivatives against differences.

    Attributes
    ----------
    gradient, hessian, theta : float
        About 1e-8 where right; of order one where wrong.
    asymmetry : float
        Of the Hessian: | u'Hv - v'Hu |, relative.
    closed_form : float
        Largest error of `expected` and `expected_theta` against Gauss-Hermite
        quadrature; 0 for an objective without them.

    Examples
    --------
    >>> Diagnosis(1e-9, 1e-8, 0.0, 1e-12, closed_form=0.5).passed
    False
    """

    gradient: float
    hessian: float
    theta: float
    asymmetry: float
    closed_form: float = 0.0

    @property
    def passed(self) -> bool:
        """True if every error is below 1e-4."""
        errors = (self.gradient, self.hessian, self.theta, self.asymmetry)
        return max(*errors, self.closed_form) < 1e-4


def check_objective(
    objective: Objective, theta: np.ndarray | None = None, seed: int = 0
) -> Diagnosis:
    """Compare an objective's derivatives and closed forms with what g itself says.

    Derivatives meet central differences at random points; `expected`, where there is
    one, meets Gauss-Hermite quadrature at a random (W, b).

    Parameters
    ----------
    objective : Objective
    theta : (p,) array, optional
    seed : int, default 0

    Returns
    -------
    Diagnosis

    Raises
    ------
    InputError
        If a shape is not what the protocol says, or a value is not finite.

    Examples
    --------
    >>> from derandcut.lemma import FunctionObjective
    >>> wrong = FunctionObjective(lambda z: (z**2).sum(axis=1), 2, lambda z: z)
    >>> check_objective(wrong).passed
    False
    """
    theta = np.zeros(0) if theta is None else np.asarray(theta, dtype=float)
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(POINTS, objective.n))
    u, v = rng.normal(size=(2, objective.n))
    found = {
        "value": (objective.value(z, theta), (POINTS,)),
        "gradient": (objective.gradient(z, theta), z.shape),
        "hessian_action": (objective.hessian_action(z, v, theta), z.shape),
    }
    if len(theta):
        shape = (POINTS, len(theta))
        found["theta_gradient"] = (objective.theta_gradient(z, theta), shape)
    for name, (array, shape) in found.items():
        if np.shape(array) != shape or not np.isfinite(array).all():
            raise InputError(f"{name}: expected finite numbers of shape {shape}")

    def difference(function, move: np.ndarray) -> np.ndarray:
        h = GRADIENT_STEP
        return (function(h * move) - function(-h * move)) / (2 * h)

    slope = difference(lambda move: objective.value(z + move, theta), u)
    bend = difference(lambda move: objective.gradient(z + move, theta), v)
    product = found["hessian_action"][0]
    other = objective.hessian_action(z, u, theta)
    theta_error = 0.0
    if len(theta):
        w = rng.normal(size=len(theta))
        change = difference(lambda move: objective.value(z, theta + move), w)
        theta_error = _relative(found["theta_gradient"][0] @ w, change)
    return Diagnosis(
        gradient=_relative(found["gradient"][0] @ u, slope),
        hessian=_relative(product, bend),
        theta=theta_error,
        asymmetry=_relative(product @ u, other @ v),
        closed_form=_closed_form_error(objective, theta, rng),
    )


def stein_error(
    objective: Objective,
    W: np.ndarray,
    b: np.ndarray,
    expectation: Expectation,
    theta: np.ndarray | None = None,
) -> float:
    """How far (1.1) is from holding: ||E[grad g x'] - H W|| / ||E[grad g x']||.

    Zero for a Gaussian x and exact derivatives and expectations; what is left measures
    the quadrature, or a wrong derivative, or a law of x that is not Gaussian.

    Parameters
    ----------
    objective : Objective
    W : (n, d) float array
    b : (n,) float array
    expectation : Expectation
        A rule with points: for a closed form both sides are H W.
    theta : (p,) array, optional

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective, GaussHermite
    >>> g = FunctionObjective(lambda z: z[:, 0] ** 2, 1, lambda z: 2 * z)
    >>> stein_error(g, np.ones((1, 1)), np.zeros(1), GaussHermite()) < 1e-8
    True
    """
    theta = np.zeros(0) if theta is None else theta
    slope = expectation.moments(objective, W, b, theta).W
    H = expectation.hessian(objective, W, b, theta)
    product = np.column_stack([H @ column for column in W.T])
    scale = max(float(np.linalg.norm(slope)), 1e-300)
    return float(np.linalg.norm(slope - product)) / scale


def _closed_form_error(objective, theta: np.ndarray, rng) -> float:
    """Largest relative error of `expected` at a random (W, b), W of two columns."""
    if not hasattr(objective, "expected"):
        return 0.0
    n = objective.n
    W, b, v = SPREAD * rng.normal(size=(n, 2)), *rng.normal(size=(2, n))
    value, slope, H = objective.expected(W, b, theta)
    rule = GaussHermite(NODES)
    exact = rule.moments(objective, W, b, theta)
    curved = rule.hessian(objective, W, b, theta) @ v
    errors = [
        _relative(np.array([value]), np.array([exact.value])),
        _relative(slope, exact.b),
        _relative(H @ v, curved),
    ]
    if len(theta):
        errors.append(_relative(objective.expected_theta(W, b, theta), exact.theta))
    return max(errors)


def _relative(found: np.ndarray, expected: np.ndarray) -> float:
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return np.inf
    scale = max(np.abs(found).max(), np.abs(expected).max(), 1e-6)
    return float(np.abs(found - expected).max() / scale)
