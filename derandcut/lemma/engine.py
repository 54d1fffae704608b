"""The lemma on one page: descend, escape, certify, collapse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from derandcut.errors import InputError, MissingDependencyError
from derandcut.lemma.certificate import certify, largest_eigenvalue
from derandcut.lemma.collapse import collapse
from derandcut.lemma.expectation import ClosedForm, Expectation, GaussHermite
from derandcut.lemma.objective import Objective
from derandcut.lemma.optimise import Momentum, Optimiser
from derandcut.result import LemmaCertificate, Link

__all__ = ["LemmaResult", "derandomize", "stein_error"]

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
        (1.3) at (W, b_descended), on the expectation used.
    error : float
        Estimated error of the expectation at the start; 0 for a closed form.
    trace : (steps, 3) float array
        Value of L, ||W||_F and lambda at each iteration.
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
        """Draw ||W||_F against iterations; returns the matplotlib axes.

        Raises
        ------
        MissingDependencyError
            Without matplotlib.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise MissingDependencyError(
                "a plot needs matplotlib: pip install 'derandcut[plot]'"
            ) from error
        axes = axes or plt.subplots()[1]
        axes.semilogy(np.maximum(self.trace[:, 1], 1e-300))
        axes.set_xlabel("iteration")
        axes.set_ylabel("||W||")
        return axes


def derandomize(
    objective: Objective,
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
    objective : Objective
        g, to be minimised.
    W0 : (n, d) array
        The randomness at the start.
    b0 : (n,) array
    theta0 : (p,) array, optional
        Trainable parameters.
    expectation : Expectation, optional
        By default the objective's closed form if it has one, else `GaussHermite`.
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
        If shapes do not fit, a number is not finite, or a lambda is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective
    >>> g = FunctionObjective(lambda z: ((z**2 - 1) ** 2).sum(axis=1), 2)
    >>> result = derandomize(g, np.eye(2), np.zeros(2))
    >>> bool(result.value < 1e-3)
    True
    """
    W, b = np.array(W0, dtype=float), np.array(b0, dtype=float)
    theta = np.zeros(0) if theta0 is None else np.array(theta0, dtype=float)
    lambdas = np.atleast_1d(np.asarray(weight_decay, dtype=float))
    if W.ndim != 2 or b.shape != (len(W),) or len(b) != objective.n:
        raise InputError(
            f"W0, b0: expected shapes ({objective.n}, d), ({objective.n},)"
        )
    if not all(np.isfinite(a).all() for a in (W, b, theta)) or not (lambdas > 0).all():
        raise InputError("derandomize: expected finite numbers and lambda > 0")
    if expectation is None:
        closed = hasattr(objective, "expected")
        expectation = ClosedForm() if closed else GaussHermite()
    optimiser = optimiser or Momentum()
    problem = _Problem(objective, expectation, W.shape, theta_trained, tolerance)
    begin = expectation.value(objective, W, b, theta)
    error = expectation.error(objective, W, b, theta)
    start = (W, b, theta)
    for lam in lambdas:
        W, b, theta = problem.descend(W, b, theta, float(lam), optimiser)
    reached = expectation.value(objective, W, b, theta)
    if reached > begin:  # weight decay can trade g for ||W||; the chain may not break
        (W, b, theta), reached = start, begin
    moments = expectation.moments(objective, W, b, theta)
    H = _operator(expectation.hessian(objective, W, b, theta))
    certificate = certify(moments.W + lam * W, H, W, float(lam))

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


def stein_error(
    objective: Objective,
    W: np.ndarray,
    b: np.ndarray,
    expectation: Expectation,
    theta: np.ndarray | None = None,
) -> float:
    """How far (1.1) is from holding: ||E[grad g x'] - H W|| / ||E[grad g x']||.

    Zero for a Gaussian x and exact derivatives and expectations; what is left measures
    the quadrature, or a wrong derivative.

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
            curvature, direction, _ = largest_eigenvalue(-H)
            if curvature <= lam / 2:  # (1.3): ||W|| <= 2 eps / lambda
                break
            flat = _escape(function, flat, self.cuts, direction)
        return self.split(flat)


def _escape(function, flat, cuts, direction) -> np.ndarray:
    """Step in b along negative curvature, either way, to the lowest value."""
    move = np.zeros_like(flat)
    move[cuts[0] : cuts[1]] = direction
    length = max(1.0, float(np.linalg.norm(flat[: cuts[1]])))
    trials = [flat] + [
        flat + sign * length * 2.0**-power * move
        for power in range(-2, 20)
        for sign in (1, -1)
    ]
    return min(trials, key=lambda trial: function(trial)[0])


def _operator(H):
    """H as `certify` takes it: sparse where its entries are known."""
    return H if isinstance(H, LinearOperator) else sp.csr_array(H)
