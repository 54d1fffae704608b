"""Schedules of a positive number over the steps of a run."""

from __future__ import annotations

import numpy as np

from derandcut.errors import InputError

__all__ = ["constant", "geometric", "linear"]


def constant(value: float, steps: int) -> np.ndarray:
    """The same value at every step.

    Examples
    --------
    >>> constant(0.1, 2).tolist()
    [0.1, 0.1]
    """
    return np.full(_checked(steps), float(value))


def geometric(start: float, end: float, steps: int, share: float = 1.0) -> np.ndarray:
    """From `start` to `end` by equal ratios over the first `share` of the steps.

    Parameters
    ----------
    start, end : float
        Positive.
    steps : int
        Number of values, at least 1.
    share : float, default 1
        Share of the steps, in (0, 1], in which `end` is reached; the rest stays there.

    Returns
    -------
    (steps,) float array

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> geometric(1.0, 0.01, 3).round(6).tolist()
    [1.0, 0.1, 0.01]
    """
    if not (start > 0 and end > 0 and 0 < share <= 1):
        raise InputError("geometric: expected start, end > 0 and share in (0, 1]")
    way = np.arange(_checked(steps)) / max(1.0, share * (steps - 1))
    return start * (end / start) ** np.minimum(way, 1.0)


def linear(start: float, end: float, steps: int) -> np.ndarray:
    """From `start` to `end` by equal differences.

    Examples
    --------
    >>> linear(1.0, 0.0, 3).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.linspace(start, end, _checked(steps))


def _checked(steps: int) -> int:
    if steps < 1:
        raise InputError(f"steps: expected at least 1, got {steps}")
    return int(steps)
