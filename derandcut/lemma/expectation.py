"""Expectations over x ~ N(0, I_d) of g(W x + b) and its derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator
from scipy.special import ndtri

from derandcut.errors import InputError
from derandcut.lemma.objective import Objective

__all__ = ["ClosedForm", "Expectation", "GaussHermite", "Moments", "MonteCarlo"]

MOST_NODES = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """E g and its gradients in W (n, d), b (n,) and theta (p,).

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective, GaussHermite
    >>> g = FunctionObjective(lambda z: z[:, 0] ** 2, 1, lambda z: 2 * z)
    >>> two, nothing = np.full((1, 1), 2.0), np.zeros(0)
    >>> moments = GaussHermite().moments(g, two, np.ones(1), nothing)  # E (2 x + 1)^2
    >>> round(moments.value, 9), moments.W.round(9).tolist()
    (5.0, [[4.0]])
    """

    value: float
    W: np.ndarray
    b: np.ndarray
    theta: np.ndarray


class Expectation(Protocol):
    """How E g(W x + b) is computed: equal arguments give equal answers.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective, GaussHermite, MonteCarlo
    >>> g = FunctionObjective(lambda z: np.cos(z[:, 0]), 1)
    >>> arguments = g, np.ones((1, 1)), np.zeros(1), np.zeros(0)
    >>> rules: list[Expectation] = [GaussHermite(), MonteCarlo(20_000)]
    >>> [round(rule.value(*arguments), 2) for rule in rules]  # exp(-1/2)
    [0.61, 0.61]
    """

    def moments(self, objective: Objective, W, b, theta) -> Moments:
        """Value and gradients."""

    def value(self, objective: Objective, W, b, theta) -> float:
        """E g alone."""

    def hessian(
        self, objective: Objective, W, b, theta
    ) -> np.ndarray | sp.sparray | LinearOperator:
        """H = E hess g, (n, n)."""

    def error(self, objective: Objective, W, b, theta) -> float:
        """Estimate of the error of `value`; 0 for a closed form."""


class ClosedForm:
    """The objective's own `expected`; the gradient in W is H W (1.1).

    Examples
    --------
    >>> import numpy as np
    >>> class Square:  # g(z) = z^2 / 2
    ...     n = 1
    ...     def expected(self, W, b, theta):
    ...         return 0.5 * float((b**2).sum() + (W**2).sum()), b, np.eye(1)
    >>> arguments = Square(), np.array([[2.0]]), np.array([1.0]), np.zeros(0)
    >>> moments = ClosedForm().moments(*arguments)
    >>> moments.value, moments.W.tolist()
    (2.5, [[2.0]])
    """

    def moments(self, objective, W, b, theta) -> Moments:
        """Value and gradients."""
        value, slope, H = objective.expected(W, b, theta)
        slope_theta = np.zeros(0)
        if len(theta):
            slope_theta = objective.expected_theta(W, b, theta)
        return Moments(float(value), np.asarray(H @ W), slope, slope_theta)

    def value(self, objective, W, b, theta) -> float:
        """E g alone."""
        return float(objective.expected(W, b, theta)[0])

    def hessian(self, objective, W, b, theta):
        """H, as the objective gives it."""
        return objective.expected(W, b, theta)[2]

    def error(self, objective, W, b, theta) -> float:
        """Zero."""
        return 0.0


class _Rule:
    """Points x and weights, the same for every call: common random numbers."""

    def moments(self, objective, W, b, theta) -> Moments:
        """Value and gradients of the weighted mean."""
        x, weight = self._fixed(W.shape[1])
        z = x @ W.T + b
        slope = objective.gradient(z, theta) * weight[:, None]
        slope_theta = np.zeros(0)
        if len(theta):
            slope_theta = weight @ objective.theta_gradient(z, theta)
        value = float(weight @ objective.value(z, theta))
        return Moments(value, slope.T @ x, slope.sum(axis=0), slope_theta)

    def value(self, objective, W, b, theta) -> float:
        """E g alone."""
        x, weight = self._fixed(W.shape[1])
        return float(weight @ objective.value(x @ W.T + b, theta))

    def hessian(self, objective, W, b, theta) -> LinearOperator:
        """H through its products with vectors."""
        x, weight = self._fixed(W.shape[1])
        z, n = x @ W.T + b, len(b)

        def product(v: np.ndarray) -> np.ndarray:
            return weight @ objective.hessian_action(z, v.ravel(), theta)

        return LinearOperator((n, n), matvec=product, dtype=float)

    def _fixed(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """`points`, computed once for a d."""
        if d not in self.drawn:
            self.drawn[d] = self.points(d)
        return self.drawn[d]


@dataclass(frozen=True)
class GaussHermite(_Rule):
    """Tensor rule, exact for polynomials of degree below 2 `nodes` in each coordinate.

    Parameters
    ----------
    nodes : int, default 20
        In each of the d coordinates of x: for d of at most 4 or so.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective
    >>> g = FunctionObjective(lambda z: z[:, 0] ** 2, 1)
    >>> one, nothing = np.ones((1, 1)), np.zeros(0)
    >>> round(GaussHermite().value(g, one, np.zeros(1), nothing), 12)
    1.0
    """

    nodes: int = 20
    drawn: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def points(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """x (nodes^d, d) and weights that add up to one."""
        if self.nodes < 1 or d * math.log(max(2, self.nodes)) > math.log(MOST_NODES):
            raise InputError(
                f"GaussHermite: {self.nodes}^{d} nodes; use MonteCarlo for so many"
            )
        x, weight = np.polynomial.hermite_e.hermegauss(self.nodes)
        weight = weight / weight.sum()
        grid = np.meshgrid(*[x] * d, indexing="ij")
        mass = np.ones(1)
        for _ in range(d):
            mass = np.outer(mass, weight).ravel()
        return np.stack([g.ravel() for g in grid], axis=1) if d else np.zeros(
            (1, 0)
        ), mass

    def error(self, objective, W, b, theta) -> float:
        """Distance to the rule with three quarters of the nodes."""
        coarse = GaussHermite(max(1, 3 * self.nodes // 4))
        arguments = (objective, W, b, theta)
        return abs(self.value(*arguments) - coarse.value(*arguments))


@dataclass(frozen=True)
class MonteCarlo(_Rule):
    """Seeded samples, the same at every call.

    Parameters
    ----------
    samples : int, default 4096
        Rounded up to whole replicates (8 of them, for the error estimate).
    scheme : {"sobol", "gaussian", "antithetic", "moment-matched"}, default "sobol"
        Scrambled Sobol points; independent draws; draws with their negatives; draws
        with the sample mean 0 and covariance I.
    seed : int, default 0

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import FunctionObjective
    >>> g = FunctionObjective(lambda z: z[:, 0] ** 2, 1)
    >>> arguments = g, np.ones((1, 1)), np.zeros(1), np.zeros(0)
    >>> rule = MonteCarlo(4096)
    >>> abs(rule.value(*arguments) - 1) < 5 * rule.error(*arguments) + 1e-3
    True
    """

    samples: int = 4096
    scheme: str = "sobol"
    seed: int = 0
    drawn: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    REPLICATES = 8

    def points(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """x (samples, d), replicate after replicate, and equal weights."""
        streams = np.random.SeedSequence(self.seed).spawn(self.REPLICATES)
        x = np.concatenate([self._draw(d, np.random.default_rng(s)) for s in streams])
        return x, np.full(len(x), 1 / len(x))

    def error(self, objective, W, b, theta) -> float:
        """Standard error from the spread of independent replicates."""
        x, _ = self._fixed(W.shape[1])
        values = objective.value(x @ W.T + b, theta).reshape(self.REPLICATES, -1)
        return float(values.mean(axis=1).std(ddof=1) / math.sqrt(self.REPLICATES))

    def _draw(self, d: int, rng: np.random.Generator) -> np.ndarray:
        count = -(-self.samples // self.REPLICATES)
        if count < 1 or self.scheme not in _SCHEMES:
            raise InputError(
                f"MonteCarlo: expected samples > 0 and scheme in {', '.join(_SCHEMES)}"
            )
        if d == 0:
            return np.zeros((count, 0))
        return _SCHEMES[self.scheme](count, d, rng)


def _sobol(count: int, d: int, rng: np.random.Generator) -> np.ndarray:
    from scipy.stats import qmc  # would be half of the package's import time

    power = max(0, math.ceil(math.log2(count)))
    uniform = qmc.Sobol(d, rng=rng).random_base2(power)
    return ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))


def _gaussian(count: int, d: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(count, d))


def _antithetic(count: int, d: int, rng: np.random.Generator) -> np.ndarray:
    half = rng.normal(size=(-(-count // 2), d))
    return np.concatenate([half, -half])


def _moment_matched(count: int, d: int, rng: np.random.Generator) -> np.ndarray:
    if count <= d:
        raise InputError(f"MonteCarlo: moment matching needs more than {8 * d} samples")
    x = rng.normal(size=(count, d))
    Q, _ = np.linalg.qr(x - x.mean(axis=0))
    return Q * math.sqrt(count)


_SCHEMES = {
    "sobol": _sobol,
    "gaussian": _gaussian,
    "antithetic": _antithetic,
    "moment-matched": _moment_matched,
}
