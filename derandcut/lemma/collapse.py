"""The exact collapse (2.5): from any (W, b) to W = 0, the expectation never lower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Collapse", "collapse", "collapse_direction"]

Value = Callable[[np.ndarray, np.ndarray], float]
NODES = (3, 7, 16, 33, 64)  # Gauss-Hermite rules tried in turn until F does not fall
REFINEMENTS = 2
ROUNDING = 1e-13  # relative error of F itself, below which it has not fallen


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """The end of a collapse.

    Attributes
    ----------
    b : (n,) float64 array
        The deterministic point: W is 0.
    value : float
        F(0, b).
    evaluations : int
        How often F was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> def F(W, b):  # E cos(W x + b)
    ...     return float(np.exp(-((W**2).sum()) / 2) * np.cos(b[0]))
    >>> end = collapse(F, np.ones((1, 1)), np.ones(1))
    >>> end.value > F(np.ones((1, 1)), np.ones(1))
    True
    """

    b: np.ndarray
    value: float
    evaluations: int


def collapse_direction(
    value: Value, W: np.ndarray, b: np.ndarray, q: np.ndarray, current: float
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Take one Gaussian direction out of (W, b) without lowering F (2.5).

    F(W, b) = E_t F(W - W q q', b + t W q), t ~ N(0, 1): some t does at least as well.
    The nodes of Gauss-Hermite rules are tried, finer ones until F does not fall, then
    the best t is refined by parabolas.

    Parameters
    ----------
    value : callable (W, b) -> float
        F, to be maximised.
    W : (n, k) float array
    b : (n,) float array
    q : (k,) float array
        A unit vector.
    current : float
        F(W, b).

    Returns
    -------
    W, b, F, evaluations
        The new point, its value, and the number of evaluations.

    Examples
    --------
    >>> def F(W, b):  # E (1 - (W x + b)^2)
    ...     return 1 - float((W**2).sum() + (b**2).sum())
    >>> one, zero = np.ones((1, 1)), np.zeros(1)
    >>> W, b, best, _ = collapse_direction(F, one, zero, one[0], F(one, zero))
    >>> float(W[0, 0]), best
    (0.0, 1.0)
    """
    step = W @ q
    rest = W - np.outer(step, q)
    seen: dict[float, float] = {}

    def at(t: float) -> float:
        if t not in seen:
            seen[t] = value(rest, b + t * step)
        return seen[t]

    for count in NODES:
        nodes, _ = np.polynomial.hermite_e.hermegauss(count)
        for t in nodes:
            at(float(t))
        best = max(seen, key=seen.get)
        if seen[best] >= current:
            break
    for _ in range(REFINEMENTS):
        order = sorted(seen)
        i = order.index(best)
        if i in (0, len(order) - 1):
            break
        t = _vertex(*((s, seen[s]) for s in order[i - 1 : i + 2]))
        if t is None or t in seen:
            break
        at(t)
        best = max(seen, key=seen.get)
    return rest, b + best * step, seen[best], len(seen)


def _vertex(left, middle, right) -> float | None:
    """The maximum of the parabola through three points, if it has one between them."""
    (x0, y0), (x1, y1), (x2, y2) = left, middle, right
    s0, s1 = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    if not s0 > s1:
        return None
    t = 0.5 * (x0 + x1) - 0.5 * s0 * (x2 - x0) / (s1 - s0)
    return t if x0 < t < x2 else None


def collapse(
    value: Value,
    W: np.ndarray,
    b: np.ndarray,
    current: float | None = None,
    draws: int = 0,
    hurry: bool = False,
) -> Collapse:
    """Bring (W, b) to W = 0 along W's right singular vectors; F never falls (2.5).

    The method of conditional expectations on Gaussian coordinates (cf. Mahajan and
    Ramesh 1999). Small singular values go first. Where W = 0 with the same b is already
    as good, as after a converged ascent, that is the answer at once.

    Parameters
    ----------
    value : callable (W, b) -> float
        F, to be maximised.
    W : (n, k) float array
    b : (n,) float array
    current : float, optional
        F(W, b), if known.
    draws : int, default 0
        F(W, b) is also E F(0, b + W g), g standard normal: this many fixed draws of all
        directions at once are tried first, and the best is the answer if it does at
        least as well. Cheap where a line search is not; the line searches gain more.
    hurry : bool, default False
        Whether the first draw that does at least as well is good enough.

    Returns
    -------
    Collapse

    Examples
    --------
    >>> def F(W, b):  # E (1 - (W x + b)^2)
    ...     return 1 - float((W**2).sum() + (b**2).sum())
    >>> collapse(F, np.ones((2, 1)), np.zeros(2)).value
    1.0
    """
    W, b = np.array(W, dtype=np.float64), np.array(b, dtype=np.float64)
    evaluations = 0
    if current is None:
        current, evaluations = value(W, b), 1
    if not W.any():
        return Collapse(b, current, evaluations)
    settled = value(np.zeros_like(W), b)
    evaluations += 1
    if settled >= current - ROUNDING * abs(current):
        return Collapse(b, settled, evaluations)
    best, best_b = -np.inf, b
    for g in np.random.default_rng(1).standard_normal((draws, W.shape[1])):
        shifted = b + W @ g
        drawn = value(np.zeros_like(W), shifted)
        evaluations += 1
        if drawn > best:
            best, best_b = drawn, shifted
        if hurry and best >= current:
            break
    if best >= current:
        return Collapse(best_b, best, evaluations)
    # Right singular vectors from the small Gram matrix, smallest values first.
    scale = float(np.abs(W).max())
    squares, vectors = np.linalg.eigh((W / scale).T @ (W / scale))
    for square, q in zip(squares, vectors.T, strict=True):
        if square <= 1e-30 * squares[-1]:
            continue
        W, b, current, count = collapse_direction(value, W, b, q, current)
        evaluations += count
    zero = np.zeros_like(W)
    return Collapse(b, value(zero, b), evaluations + 1)
