"""What a user brings: a smooth g_theta on R^n with its derivatives, or g alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from derandcut.errors import InputError, MissingDependencyError

__all__ = ["FunctionObjective", "Objective", "TorchObjective", "as_objective"]

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

    Examples
    --------
    >>> import numpy as np
    >>> class Line:  # g(z) = z_1 + ... + z_n + theta
    ...     n = 3
    ...     def value(self, z, theta):
    ...         return z.sum(axis=1) + theta[0]
    ...     def gradient(self, z, theta):
    ...         return np.ones_like(z)
    ...     def hessian_action(self, z, v, theta):
    ...         return np.zeros_like(z)
    ...     def theta_gradient(self, z, theta):
    ...         return np.ones((len(z), 1))
    ...     def expected(self, W, b, theta):
    ...         return b.sum() + theta[0], np.ones(3), np.zeros((3, 3))
    ...     def expected_theta(self, W, b, theta):
    ...         return np.ones(1)
    >>> isinstance(Line(), Objective)
    True
    >>> from derandcut.lemma import check_objective
    >>> check_objective(Line(), theta=np.zeros(1)).passed
    True
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
        return _one_a_row(self._call(self.function, z, theta), z)

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
        g(z) of a float64 tensor of rows z, shape (N, n), to a tensor of values (N,);
        g(z, theta) with `n_theta` > 0. ``torch.func.vmap`` makes one of a function of
        a single row.
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
    >>> g = TorchObjective(lambda z: (z**2).sum(axis=1), 2)
    >>> g.gradient(np.ones((1, 2)), np.zeros(0))
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
        z, theta = self._tensors(z, theta)
        return _one_a_row(self.function(z, theta).detach().numpy(), z)

    def gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_z g at each row, shape (N, n)."""
        z, theta = self._tensors(z, theta)
        return self.torch.func.grad(self._sum)(z, theta).detach().numpy()

    def hessian_action(
        self, z: np.ndarray, v: np.ndarray, theta: np.ndarray
    ) -> np.ndarray:
        """hess_z g v at each row, shape (N, n)."""
        z, theta, v = self._tensors(z, theta, v)
        slope = self.torch.func.grad(self._sum)

        def along(z):
            return (slope(z, theta) @ v).sum()

        return self.torch.func.grad(along)(z).detach().numpy()

    def theta_gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_theta g at each row, shape (N, p)."""
        if not self.n_theta:
            return np.zeros((len(z), 0))
        func = self.torch.func

        def of_one(row, theta):
            return self.function(row[None], theta)[0]

        slopes = func.vmap(func.grad(of_one, argnums=1), in_dims=(0, None))
        return slopes(*self._tensors(z, theta)).detach().numpy()

    def _sum(self, z, theta):
        # rows do not see each other: the gradient of the sum is that of each
        return self.function(z, theta).sum()

    def _tensors(self, *arrays: np.ndarray) -> list:
        return [self.torch.as_tensor(a, dtype=self.torch.float64) for a in arrays]


def as_objective(
    function: Callable[..., np.ndarray], n: int, n_theta: int = 0
) -> FunctionObjective | TorchObjective:
    """An objective from one plain function, with the best derivatives to be had.

    Exact ones by torch, where it is installed and can follow the function: written
    in operators and methods that tensors share with arrays, such as
    ``((z**2 - 1) ** 2).sum(axis=1)``. Differences elsewhere.

    Parameters
    ----------
    function : callable
        As for `FunctionObjective`.
    n : int
        Length of z.
    n_theta : int, default 0
        Length of theta.

    Returns
    -------
    TorchObjective or FunctionObjective

    Examples
    --------
    >>> import numpy as np
    >>> g = as_objective(lambda z: np.cosh(z).sum(axis=1), 2)  # not torch's cosh
    >>> type(g).__name__
    'FunctionObjective'
    """
    plain = FunctionObjective(function, n, n_theta=n_theta)
    rng = np.random.default_rng(0)
    z, theta = rng.normal(size=(3, n)), rng.normal(size=n_theta)
    try:
        exact = TorchObjective(function, n, n_theta)
        found = exact.gradient(z, theta), exact.theta_gradient(z, theta)
    except (MissingDependencyError, TypeError, AttributeError, RuntimeError):
        return plain
    # a function that leaves torch on its way has a gradient, and a wrong one
    with np.errstate(invalid="ignore"):
        expected = plain.gradient(z, theta), plain.theta_gradient(z, theta)
    agree = all(
        np.allclose(a, b, rtol=1e-4, atol=1e-6)
        for a, b in zip(found, expected, strict=True)
    )
    return exact if agree else plain


def _one_a_row(values, z) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.shape != (len(z),):
        raise InputError(
            f"function: expected one value for each of {len(z)} rows, "
            f"got shape {values.shape}"
        )
    return values
