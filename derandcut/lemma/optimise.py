"""Descent to second-order stationary points, and the step that leaves a saddle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from derandcut.errors import InputError
from derandcut.lemma.certificate import gershgorin, largest_eigenvalue

__all__ = [
    "LBFGS",
    "Adam",
    "Momentum",
    "Optimiser",
    "PerturbedGradientDescent",
    "escape",
]

HALVINGS = 40  # of an escape's step

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
Watch = Callable[[np.ndarray, float, np.ndarray], object]


class Optimiser(Protocol):
    """A callable that descends from a flat vector.

    `function` returns value and gradient; `watch(x, value, gradient)` is called once
    an iteration and stops the descent by returning true.

    Examples
    --------
    >>> import numpy as np
    >>> def steepest(function, x, watch):
    ...     for _ in range(100):
    ...         value, slope = function(x)
    ...         if watch(x, value, slope):
    ...             break
    ...         x = x - 0.1 * slope
    ...     return x
    >>> from derandcut.lemma import FunctionObjective, derandomize
    >>> g = FunctionObjective(lambda z: ((z - 2) ** 2).sum(axis=1), 1)
    >>> result = derandomize(g, np.eye(1), np.zeros(1), optimiser=steepest)
    >>> round(result.b.item(), 2)
    2.0
    """

    def __call__(self, function: Function, x: np.ndarray, watch: Watch) -> np.ndarray:
        """The point reached."""


@dataclass(frozen=True)
class PerturbedGradientDescent:
    """Algorithm 2 of Jin, Ge, Netrapalli, Kakade, Jordan (2017), arXiv 1703.00887.

    Parameters
    ----------
    smoothness : float
        l: the gradient is l-Lipschitz.
    hessian_lipschitz : float
        rho: the Hessian is rho-Lipschitz.
    eps : float
        Target: gradient at most eps, Hessian at least -sqrt(rho eps).
    gap : float
        Delta_f: bound on f(x0) - min f.
    c : float, default 0.5
        The algorithm's absolute constant, at most 1.
    delta : float, default 0.1
        Probability of failure.
    max_steps : int, default 100000
        Backstop; the algorithm's own end comes before it.
    seed : int, default 0

    Raises
    ------
    InputError
        If a parameter is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> def saddle(x):  # minima at +-1
    ...     return float((x @ x - 1) ** 2 / 4), (x @ x - 1) * x
    >>> descent = PerturbedGradientDescent(4.0, 6.0, eps=0.05, gap=0.25)
    >>> x = descent(saddle, np.zeros(1), lambda *state: False)
    >>> bool(abs(abs(x[0]) - 1) < 0.05)
    True
    """

    smoothness: float
    hessian_lipschitz: float
    eps: float
    gap: float
    c: float = 0.5
    delta: float = 0.1
    max_steps: int = 100_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("smoothness", "hessian_lipschitz", "eps", "gap", "c", "delta"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected a positive number")

    def constants(self, d: int) -> dict[str, float]:
        """chi, eta, r, g_thres, f_thres, t_thres for dimension `d`."""
        length, rho, eps, c = self.smoothness, self.hessian_lipschitz, self.eps, self.c
        chi = 3 * max(math.log(d * length * self.gap / (c * eps**2 * self.delta)), 4)
        return {
            "chi": chi,
            "eta": c / length,
            "r": math.sqrt(c) / chi**2 * eps / length,
            "g_thres": math.sqrt(c) / chi**2 * eps,
            "f_thres": c / chi**3 * math.sqrt(eps**3 / rho),
            "t_thres": chi / c**2 * length / math.sqrt(rho * eps),
        }

    def __call__(self, function: Function, x: np.ndarray, watch: Watch) -> np.ndarray:
        """Descend from x; return the point whose perturbation no longer paid."""
        known = self.constants(len(x))
        wait = math.ceil(known["t_thres"])
        rng = np.random.default_rng(self.seed)
        noise_step, before, before_value = -wait - 1, x, math.inf
        value, slope = function(x)
        for step in range(self.max_steps):
            quiet = np.linalg.norm(slope) <= known["g_thres"]
            if quiet and step - noise_step > wait:
                before, before_value, noise_step = x, value, step
                x = x + known["r"] * _in_ball(len(x), rng)
                value, slope = function(x)
            if step - noise_step == wait and value - before_value > -known["f_thres"]:
                return before
            x = x - known["eta"] * slope
            value, slope = function(x)
            if watch(x, value, slope):
                break
        return x


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with Nesterov's momentum, restarted where the value rises.

    The step is halved on a rise and grows slowly otherwise, so that no constant of the
    objective has to be known.

    Parameters
    ----------
    steps : int, default 500
    lr : float, default 0.1
        First step length.
    momentum : float, default 0.9

    Examples
    --------
    >>> import numpy as np
    >>> def bowl(x):
    ...     return float(x @ x), 2 * x
    >>> x = Momentum(200)(bowl, np.ones(2), lambda *state: False)
    >>> bool(np.abs(x).max() < 1e-2)
    True
    """

    steps: int = 500
    lr: float = 0.1
    momentum: float = 0.9

    def __call__(self, function: Function, x: np.ndarray, watch: Watch) -> np.ndarray:
        """Descend from x; the value never rises."""
        lr, velocity = self.lr, np.zeros_like(x)
        value, slope = function(x)
        for _ in range(self.steps):
            velocity = self.momentum * velocity - lr * slope
            trial = x + self.momentum * velocity - lr * slope
            trial_value, trial_slope = function(trial)
            if trial_value <= value:
                x, value, slope = trial, trial_value, trial_slope
                lr *= 1.02
            else:
                lr, velocity = lr / 2, np.zeros_like(x)
            if watch(x, value, slope) or lr < 1e-16:
                break
        return x


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) with a linearly decaying rate; returns the best point.

    Parameters
    ----------
    steps : int, default 500
    lr : float, default 0.05

    Examples
    --------
    >>> import numpy as np
    >>> def bowl(x):
    ...     return float(x @ x), 2 * x
    >>> x = Adam(200)(bowl, np.ones(2), lambda *state: False)
    >>> bool(np.abs(x).max() < 1e-2)
    True
    """

    steps: int = 500
    lr: float = 0.05

    def __call__(self, function: Function, x: np.ndarray, watch: Watch) -> np.ndarray:
        """Descend from x; return the best point seen."""
        mean, square = np.zeros_like(x), np.zeros_like(x)
        best, best_value = x, math.inf
        for step in range(1, self.steps + 1):
            value, slope = function(x)
            if value < best_value:
                best, best_value = x, value
            if watch(x, value, slope):
                break
            mean = 0.9 * mean + 0.1 * slope
            square = 0.999 * square + 0.001 * slope * slope
            scaled = (mean / (1 - 0.9**step)) / (
                np.sqrt(square / (1 - 0.999**step)) + 1e-12
            )
            x = x - self.lr * (1 - (step - 1) / self.steps) * scaled
        return x if function(x)[0] < best_value else best


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS (Byrd, Lu, Nocedal, Zhu 1995), scipy's.

    The fastest where the expectation is smooth and the same at every call, as all of
    `derandcut.lemma` are; finite too wherever a line search may ask for it.

    Parameters
    ----------
    steps : int, default 500
    memory : int, default 20
        Pairs of steps and gradient changes kept.
    tolerance : float, default 0.0
        The descent ends where an iteration gains less than this share of the value.

    Examples
    --------
    >>> import numpy as np
    >>> def bowl(x):
    ...     return float(x @ x), 2 * x
    >>> x = LBFGS()(bowl, np.ones(2), lambda *state: False)
    >>> bool(np.abs(x).max() < 1e-12)
    True
    """

    steps: int = 500
    memory: int = 20
    tolerance: float = 0.0

    def __call__(self, function: Function, x: np.ndarray, watch: Watch) -> np.ndarray:
        """Descend from x; the value never rises."""
        from scipy.optimize import minimize

        slope = np.zeros_like(x)

        def remembering(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal slope
            value, slope = function(x)
            return value, slope

        # the point accepted is the last one the line search asked for
        def callback(intermediate_result) -> None:
            if watch(intermediate_result.x.copy(), intermediate_result.fun, slope):
                raise StopIteration

        options = {
            "maxcor": self.memory,
            "maxiter": self.steps,
            "maxfun": 20 * self.steps,
            "ftol": self.tolerance,
            "gtol": 0.0,
        }
        return minimize(
            remembering,
            x,
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options=options,
        ).x


def escape(
    value: Callable[[np.ndarray], float],
    hessian: sp.sparray | LinearOperator,
    b: np.ndarray,
    threshold: float,
    length: float,
) -> np.ndarray | None:
    """Step along the most negative curvature, if there is enough of it and it pays.

    The deterministic counterpart of the perturbation in perturbed gradient descent.

    Parameters
    ----------
    value : callable (b) -> float
        To be minimised.
    hessian : (n, n) scipy sparse array or LinearOperator
        Its Hessian at b.
    b : (n,) float array
    threshold : float
        A smallest eigenvalue of at least -threshold is left alone.
    length : float
        First step, along the eigenvector either way; halved until the value falls.

    Returns
    -------
    (n,) float array or None
        None at an approximate second-order point.

    Examples
    --------
    >>> import numpy as np
    >>> def saddle(b):
    ...     return b[0] ** 2 - b[1] ** 2
    >>> hessian = sp.csr_array(np.diag([2.0, -2.0]))
    >>> np.abs(escape(saddle, hessian, np.zeros(2), 0.1, 1.0)).round(9).tolist()
    [0.0, 1.0]
    """
    known = not isinstance(hessian, LinearOperator)
    if known and gershgorin(-hessian) <= threshold:
        return None
    curvature, direction, _ = largest_eigenvalue(-hessian)
    if curvature <= threshold:
        return None
    current = value(b)
    for _ in range(HALVINGS):
        for sign in (1.0, -1.0):
            trial = b + sign * length * direction
            if value(trial) < current:
                return trial
        length /= 2
    return None


def _in_ball(d: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform in the unit ball."""
    direction = rng.normal(size=d)
    return direction / np.linalg.norm(direction) * rng.random() ** (1 / d)
