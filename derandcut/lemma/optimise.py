"""Descent to second-order stationary points.

An optimiser is a callable ``(function, x, watch) -> x``: `function` returns value and
gradient at a flat vector, `watch(x, value, gradient)` is called once an iteration and
stops the descent by returning true.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from derandcut.errors import InputError

__all__ = ["Adam", "Momentum", "Optimiser", "PerturbedGradientDescent"]

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
Watch = Callable[[np.ndarray, float, np.ndarray], object]
Optimiser = Callable[[Function, np.ndarray, Watch], np.ndarray]


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


def _in_ball(d: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform in the unit ball."""
    direction = rng.normal(size=d)
    return direction / np.linalg.norm(direction) * rng.random() ** (1 / d)
