"""What a user brings: a smooth g_theta on R^n with its derivatives, or g alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from derandcut.errors import InputError, MissingDependencyError

__all__ = [
    "Diagnosis",
    "FunctionObjective",
    "Objective",
    "TorchObjective",
    "check_objective",
]

GRADIENT_STEP = 6e-6  # about eps^(1/3): central differences of values
HESSIAN_STEP = 1e-4  # about eps^(1/4): differences of differences


@runtime_checkable
class Objective(Protocol):
    """A smooth g_theta: R^n -> R, to be minimised in expectation.

    `z` holds one point a row, shape (N, n); `theta` is a vector of trainable
    parameters, empty where there are none. An objective that knows its expectations
    has one method more,

        expected(W, b, theta) -> (value, gradient_b, H)

    with value = E g(W x + b), gradient_b of shape (n,) and H = E hess g, an (n, n)
    array, sparse array or LinearOperator; gradient_W is H W by Stein's identity (1.1).
    With a theta it also has ``expected_theta(W, b, theta)``, the gradient in theta.
    """

    n: int

    def value(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """g at each row, shape (N,)."""

    def gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_z g at each row, shape (N, n)."""

    def hessian_action(
        self, z: np.ndarray, v: np.ndarray, theta: np.ndarray
    ) -> np.ndarray:
        """hess_z g at each row times the vector v, shape (N, n)."""

    def theta_gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_theta g at each row, shape (N, p)."""


class FunctionObjective:
    """An objective from plain functions; what is missing comes by differences.

    Parameters
    ----------
    function : callable
        g(z) of rows z, shape (N, n), to values (N,); g(z, theta) with `n_theta` > 0.
    n : int
        Length of z.
    gradient : callable, optional
        Of the same arguments, to (N, n).
    n_theta : int, default 0
        Length of theta.

    Examples
    --------
    >>> import numpy as np
    >>> g = FunctionObjective(lambda z: (z**2).sum(axis=1), 2)
    >>> np.allclose(g.gradient(np.ones((1, 2)), np.zeros(0)), 2.0)
    True
    """

    def __init__(
        self,
        function: Callable[..., np.ndarray],
        n: int,
        gradient: Callable[..., np.ndarray] | None = None,
        n_theta: int = 0,
    ) -> None:
        self.function, self.n, self.n_theta = function, n, n_theta
        self.given_gradient = gradient

    def value(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """g at each row, shape (N,)."""
        return np.asarray(self._call(self.function, z, theta), dtype=float)

    def gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_z g, given or by central differences, shape (N, n)."""
        if self.given_gradient is not None:
            return np.asarray(self._call(self.given_gradient, z, theta), dtype=float)
        columns = [self._slope(z, e, theta, GRADIENT_STEP) for e in np.eye(z.shape[1])]
        return np.stack(columns, axis=1)

    def hessian_action(
        self, z: np.ndarray, v: np.ndarray, theta: np.ndarray
    ) -> np.ndarray:
        """hess_z g v by central differences of gradients, shape (N, n)."""
        length = float(np.linalg.norm(v))
        if length == 0:
            return np.zeros(z.shape)
        step = GRADIENT_STEP if self.given_gradient is not None else HESSIAN_STEP
        move = (step / length) * v
        if self.given_gradient is not None:
            change = self.gradient(z + move, theta) - self.gradient(z - move, theta)
            return change * (length / (2 * step))
        columns = [
            self._slope(z + move, e, theta, step)
            - self._slope(z - move, e, theta, step)
            for e in np.eye(z.shape[1])
        ]
        return np.stack(columns, axis=1) * (length / (2 * step))

    def theta_gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_theta g by central differences, shape (N, p)."""
        columns = [
            (self.value(z, theta + e) - self.value(z, theta - e)) / (2 * GRADIENT_STEP)
            for e in GRADIENT_STEP * np.eye(len(theta))
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(z), 0))

    def _call(self, function, z: np.ndarray, theta: np.ndarray):
        return function(z, theta) if self.n_theta else function(z)

    def _slope(self, z, e, theta, step: float) -> np.ndarray:
        high, low = self.value(z + step * e, theta), self.value(z - step * e, theta)
        return (high - low) / (2 * step)


class TorchObjective:
    """An objective from one function written in torch; derivatives are exact.

    Parameters
    ----------
    function : callable
        g(z) of one float64 tensor z, shape (n,), to a scalar tensor; g(z, theta) with
        `n_theta` > 0.
    n : int
        Length of z.
    n_theta : int, default 0

    Raises
    ------
    MissingDependencyError
        Without torch.

    Examples
    --------
    >>> import numpy as np
    >>> g = TorchObjective(lambda z: (z**2).sum(), 2)  # doctest: +SKIP
    >>> g.gradient(np.ones((1, 2)), np.zeros(0))  # doctest: +SKIP
    array([[2., 2.]])
    """

    def __init__(self, function: Callable, n: int, n_theta: int = 0) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError(
                "TorchObjective needs torch: pip install 'derandcut[nn]'"
            ) from error
        self.torch, self.n, self.n_theta = torch, n, n_theta
        self.function = function if n_theta else lambda z, theta: function(z)

    def value(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """g at each row, shape (N,)."""
        return self._rows(self.function, z, theta)

    def gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_z g at each row, shape (N, n)."""
        return self._rows(self.torch.func.grad(self.function), z, theta)

    def hessian_action(
        self, z: np.ndarray, v: np.ndarray, theta: np.ndarray
    ) -> np.ndarray:
        """hess_z g v at each row, shape (N, n)."""
        func = self.torch.func
        tangent = self.torch.as_tensor(v)

        def product(row, theta):
            def slope(row):
                return func.grad(self.function)(row, theta)

            return func.jvp(slope, (row,), (tangent,))[1]

        return self._rows(product, z, theta)

    def theta_gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_theta g at each row, shape (N, p)."""
        if not self.n_theta:
            return np.zeros((len(z), 0))
        return self._rows(self.torch.func.grad(self.function, argnums=1), z, theta)

    def _rows(self, function: Callable, z: np.ndarray, theta: np.ndarray):
        mapped = self.torch.func.vmap(function, in_dims=(0, None))
        tensor = self.torch.as_tensor
        return mapped(tensor(z), tensor(theta)).detach().numpy()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Relative errors of an objective's derivatives against differences.

    Attributes
    ----------
    gradient, hessian, theta : float
        About 1e-8 where right; of order one where wrong.
    asymmetry : float
        Of the Hessian: | u'Hv - v'Hu |, relative.
    """

    gradient: float
    hessian: float
    theta: float
    asymmetry: float

    @property
    def passed(self) -> bool:
        """True if every error is below 1e-4."""
        return max(self.gradient, self.hessian, self.theta, self.asymmetry) < 1e-4


def check_objective(
    objective: Objective, theta: np.ndarray | None = None, seed: int = 0
) -> Diagnosis:
    """Compare an objective's derivatives with central differences at random points.

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
    >>> wrong = FunctionObjective(lambda z: (z**2).sum(axis=1), 2, lambda z: z)
    >>> check_objective(wrong).passed
    False
    """
    theta = np.zeros(0) if theta is None else np.asarray(theta, dtype=float)
    rng = np.random.default_rng(seed)
    z, u, v = rng.normal(size=(8, objective.n)), *rng.normal(size=(2, objective.n))
    found = {
        "value": (objective.value(z, theta), (8,)),
        "gradient": (objective.gradient(z, theta), z.shape),
        "hessian_action": (objective.hessian_action(z, v, theta), z.shape),
    }
    if len(theta):
        found["theta_gradient"] = (objective.theta_gradient(z, theta), (8, len(theta)))
    for name, (array, shape) in found.items():
        if np.shape(array) != shape or not np.isfinite(array).all():
            raise InputError(f"{name}: expected finite numbers of shape {shape}")
    h = GRADIENT_STEP
    slope = (objective.value(z + h * u, theta) - objective.value(z - h * u, theta)) / (
        2 * h
    )
    bend = objective.gradient(z + h * v, theta) - objective.gradient(z - h * v, theta)
    product = found["hessian_action"][0]
    other = objective.hessian_action(z, u, theta)
    theta_error = 0.0
    if len(theta):
        w = rng.normal(size=len(theta))
        change = objective.value(z, theta + h * w) - objective.value(z, theta - h * w)
        theta_error = _relative(found["theta_gradient"][0] @ w, change / (2 * h))
    return Diagnosis(
        gradient=_relative(found["gradient"][0] @ u, slope),
        hessian=_relative(product, bend / (2 * h)),
        theta=theta_error,
        asymmetry=_relative(product @ u, other @ v),
    )


def _relative(found: np.ndarray, expected: np.ndarray) -> float:
    scale = max(np.abs(found).max(), np.abs(expected).max(), 1e-6)
    return float(np.abs(found - expected).max() / scale)
