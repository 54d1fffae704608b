"""The lemma on one page: descend, escape, certify, collapse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from derandcut.errors import InputError
from derandcut.lemma.certificate import certify
from derandcut.lemma.collapse import collapse
from derandcut.lemma.expectation import (
    ClosedForm,
    Expectation,
    GaussHermite,
    MonteCarlo,
)
from derandcut.lemma.objective import Objective, as_objective
from derandcut.lemma.optimise import Momentum, Optimiser, escape
from derandcut.lemma.picture import new_axes
from derandcut.result import LemmaCertificate, Link

__all__ = ["LemmaResult", "derandomize"]

ESCAPES = 10  # steps along negative curvature


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LemmaResult:
    """From a random start to a deterministic point.

    Attributes
    ----------
    b : (n,) float array
        The deterministic point.
    value : float
        g_theta(b).
    theta : (p,) float array
    W, b_descended : (n, d), (n,) float arrays
        Where the descent stopped, before the collapse.
    chain : tuple of Link
        E g at the start, after the descent, and at the end: never rising if the
        expectation is exact, otherwise up to `error`.
    certificate : LemmaCertificate
        (1.3) at (W, b_descended), on the expectation used: eps carries by how much
        (1.1) fails there, nothing for a closed form.
    error : float
        Estimated error of the expectation at the start; 0 for a closed form.
    trace : (steps, 3) float array
        Value of L, ||W||_F and lambda at each iteration.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective, derandomize
    >>> bowl = FunctionObjective(lambda z: (z**2).sum(axis=1), 1, lambda z: 2 * z)
    >>> result = derandomize(bowl, np.eye(1), np.ones(1))
    >>> [(link.name, abs(round(link.value, 6))) for link in result.chain]
    [('start', 2.0), ('descended', 0.0), ('end', 0.0)]
    >>> bool(result.certificate.norm <= result.certificate.bound)
    True
    """

    b: np.ndarray
    value: float
    theta: np.ndarray
    W: np.ndarray
    b_descended: np.ndarray
    chain: tuple[Link, ...]
    certificate: LemmaCertificate
    error: float
    trace: np.ndarray

    def __repr__(self) -> str:
        links = " >= ".join(f"{link.value:.6g}" for link in self.chain)
        bound = (
            "vacuous" if self.certificate.vacuous else f"{self.certificate.bound:.2g}"
        )
        return f"LemmaResult({links}; ||W|| {self.certificate.norm:.2g}, bound {bound})"

    def plot(self, axes=None):
        """Draw ||W||_F against iterations, and the bound (1.3) on where it ended.

        Returns the matplotlib axes.

        Raises
        ------
        MissingDependencyError
            Without matplotlib.
        """
        axes = axes or new_axes()
        axes.semilogy(np.maximum(self.trace[:, 1], 1e-300), label="||W||")
        if not self.certificate.vacuous:
            bound = max(self.certificate.bound, 1e-300)
            label = "eps / (lambda - gamma) at the end"
            axes.axhline(bound, color="0.5", linestyle="--", label=label)
        axes.set_xlabel("iteration")
        axes.set_ylabel("||W||")
        axes.legend()
        return axes


def derandomize(
    objective: Objective | Callable[..., np.ndarray],
    W0: np.ndarray,
    b0: np.ndarray,
    theta0: np.ndarray | None = None,
    *,
    expectation: Expectation | None = None,
    optimiser: Optimiser | None = None,
    weight_decay: float | np.ndarray = 1e-2,
    theta_trained: bool = True,
    tolerance: float = 1e-6,
) -> LemmaResult:
    """Minimise E g_theta(W x + b) + (lambda/2) ||W||^2 and end at W = 0.

    Descends in (W, b, theta) for each lambda of the schedule. Where the certificate
    (1.3) is weak because H has an eigenvalue below -lambda/2, b takes a step along its
    eigenvector and the descent goes on. The collapse (2.5) ends at W = 0 from
    whatever state that leaves, E g never rising.

    Parameters
    ----------
    objective : Objective or callable
        g, to be minimised; a plain function goes through `as_objective`.
    W0 : (n, d) array
        The randomness at the start.
    b0 : (n,) array
    theta0 : (p,) array, optional
        Trainable parameters.
    expectation : Expectation, optional
        By default the objective's closed form if it has one, else `GaussHermite` for d
        up to 3 and `MonteCarlo` beyond.
    optimiser : Optimiser, optional
        By default `Momentum`.
    weight_decay : float or array, default 1e-2
        lambda, or a schedule of it (`derandcut.lemma.geometric`): one descent each.
    theta_trained : bool, default True
        False keeps theta as it is.
    tolerance : float, default 1e-6
        A descent ends where the gradient's norm is at most tolerance * lambda *
        ||W0||: with gamma <= lambda / 2, (1.3) then bounds ||W|| by 2 tolerance ||W0||.

    Returns
    -------
    LemmaResult

    Raises
    ------
    InputError
        If shapes do not fit, a number (E g at the start too) is not finite, or a lambda
        is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> def wells(z):
    ...     return ((z**2 - 1) ** 2).sum(axis=1)
    >>> result = derandomize(wells, np.eye(2), np.zeros(2))
    >>> bool(result.value < 1e-3)
    True
    """
    W, b = np.array(W0, dtype=float), np.array(b0, dtype=float)
    theta = np.zeros(0) if theta0 is None else np.array(theta0, dtype=float)
    if not isinstance(objective, Objective) and callable(objective):
        objective = as_objective(objective, b.size, theta.size)
    lambdas = np.atleast_1d(np.asarray(weight_decay, dtype=float))
    if W.ndim != 2 or b.shape != (len(W),) or len(b) != objective.n:
        raise InputError(
            f"W0, b0: expected shapes ({objective.n}, d), ({objective.n},)"
        )
    if not all(np.isfinite(a).all() for a in (W, b, theta)) or not (lambdas > 0).all():
        raise InputError("derandomize: expected finite numbers and lambda > 0")
    if expectation is None:
        expectation = GaussHermite() if W.shape[1] <= 3 else MonteCarlo()
        if hasattr(objective, "expected"):
            expectation = ClosedForm()
    optimiser = optimiser or Momentum()
    problem = _Problem(objective, expectation, W.shape, theta_trained, tolerance)
    begin = expectation.value(objective, W, b, theta)
    if not np.isfinite(begin):
        raise InputError("derandomize: E g at (W0, b0, theta0) is not finite")
    error = expectation.error(objective, W, b, theta)
    start = (W, b, theta)
    for lam in lambdas:
        W, b, theta = problem.descend(W, b, theta, float(lam), optimiser)
    reached = expectation.value(objective, W, b, theta)
    if reached > begin:  # weight decay can trade g for ||W||; the chain may not break
        (W, b, theta), reached = start, begin
    moments = expectation.moments(objective, W, b, theta)
    H = _operator(expectation.hessian(objective, W, b, theta))
    defect = moments.W - H @ W if W.size else W
    identity_error = float(np.linalg.norm(defect))
    certificate = certify(moments.W + lam * W, H, W, float(lam), identity_error)

    def gain(W: np.ndarray, b: np.ndarray) -> float:
        return -expectation.value(objective, W, b, theta)

    end = collapse(gain, W, b, -reached)
    value = float(objective.value(end.b[None], theta)[0])
    return LemmaResult(
        b=end.b,
        value=value,
        theta=theta,
        W=W,
        b_descended=b,
        chain=(Link("start", begin), Link("descended", reached), Link("end", value)),
        certificate=certificate,
        error=error,
        trace=np.array(problem.trace).reshape(-1, 3),
    )


class _Problem:
    """L(W, b, theta) on one flat vector, and its descent."""

    def __init__(self, objective, expectation, shape, trained, tolerance) -> None:
        self.objective, self.expectation, self.shape = objective, expectation, shape
        self.cuts = np.cumsum([shape[0] * shape[1], shape[0]])
        self.trained, self.tolerance = trained, tolerance
        self.trace: list[tuple[float, float, float]] = []

    def split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        W, b, theta = np.split(flat, self.cuts)
        return W.reshape(self.shape), b, theta

    def descend(self, W, b, theta, lam: float, optimiser: Optimiser):
        """One lambda: descend, escape negative curvature, until (1.3) is enough."""
        start = float(np.linalg.norm(W)) or 1.0

        def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
            W, b, theta = self.split(flat)
            found = self.expectation.moments(self.objective, W, b, theta)
            slope_theta = found.theta if self.trained else np.zeros_like(theta)
            slope = [(found.W + lam * W).ravel(), found.b, slope_theta]
            return found.value + 0.5 * lam * float((W**2).sum()), np.concatenate(slope)

        def watch(flat: np.ndarray, value: float, slope: np.ndarray) -> bool:
            norm = float(np.linalg.norm(flat[: self.cuts[0]]))
            self.trace.append((value, norm, lam))
            return float(np.linalg.norm(slope)) <= self.tolerance * lam * start

        flat = np.concatenate([W.ravel(), b, theta])
        for _ in range(ESCAPES):
            flat = optimiser(function, flat, watch)
            W, b, theta = self.split(flat)
            H = _operator(self.expectation.hessian(self.objective, W, b, theta))

            def value(b: np.ndarray, W=W, theta=theta) -> float:
                return self.expectation.value(self.objective, W, b, theta)

            length = max(1.0, float(np.linalg.norm(b)))
            # gamma <= lambda / 2 is enough: by (1.3) ||W|| <= 2 eps / lambda
            moved = escape(value, H, b, lam / 2, length)
            if moved is None:
                break
            flat = np.concatenate([W.ravel(), moved, theta])
        return W, b, theta


def _operator(H):
    """H as `certify` takes it: sparse where its entries are known."""
    return H if isinstance(H, LinearOperator) else sp.csr_array(H)
