"""Two closed forms: the exact union bound and the Chernoff bound.

Both speak of a random k x d matrix A = M + sqrt(s) G with G standard Gaussian, and of
N unit vectors v_i. With m_i = ||M v_i||^2 the square ||A v_i||^2 is s times a
noncentral chi-square variable with k degrees of freedom and noncentrality m_i / s.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtr, chdtrc
from scipy.stats import ncx2

from derandcut.errors import InputError

__all__ = ["chernoff", "jl_bound", "jl_min_dim", "union_bound"]


def union_bound(
    squares: np.ndarray, n_components: int, s: float, eps: float
) -> tuple[float, np.ndarray]:
    """Sum of P(| ||A v_i||^2 - 1 | > eps), and its derivative in the squares.

    Parameters
    ----------
    squares : (N,) float array
        m_i = ||M v_i||^2.
    n_components : int
        k, the number of rows of M.
    s : float
        Variance of one entry of A, positive.
    eps : float
        Distortion allowed, positive.

    Returns
    -------
    value : float
        Below one, some A distorts no v_i by more than `eps`.
    derivative : (N,) float array
        d value / d m_i.

    Examples
    --------
    >>> import numpy as np
    >>> value, _ = union_bound(np.zeros(1), 2, 0.5, 1.0)
    >>> bool(np.isclose(value, np.exp(-2)))
    True
    """
    k = n_components
    shift = np.asarray(squares, dtype=float) / s
    high, low = (1 + eps) / s, (1 - eps) / s
    value = ncx2.sf(high, k, shift)
    # d sf / d shift = f_{k+2},  d cdf / d shift = -f_{k+2}
    derivative = ncx2.pdf(high, k + 2, shift)
    if low > 0:
        value = value + ncx2.cdf(low, k, shift)
        derivative = derivative - ncx2.pdf(low, k + 2, shift)
    return float(value.sum()), derivative / s


def chernoff(
    squares: np.ndarray, n_components: int, t: float, s: float = 0.0
) -> tuple[float, np.ndarray, float]:
    """F_t = (1/t) log sum_i E[exp(t(q_i - 1)) + exp(t(1 - q_i))], q_i = ||A v_i||^2.

    Some A distorts no v_i by more than F_t; at s = 0 that A is M itself, and F_t is
    the log-sum-exp of the 2 N signed distortions, at most log(2 N) / t above their
    maximum.

    Parameters
    ----------
    squares : (N,) float array, N > 0
        m_i = ||M v_i||^2.
    n_components : int
        k, the number of rows of M.
    t : float
        Sharpness, positive, and below 1 / (2 s) if s > 0.
    s : float, default 0
        Variance of one entry of A.

    Returns
    -------
    value : float
        F_t(M, s).
    derivative : (N,) float array
        d F_t / d m_i.
    slope : float
        d F_t / d s, nonnegative at a second-order stationary M by (1.2).

    Examples
    --------
    >>> import numpy as np
    >>> value, _, _ = chernoff(np.array([1.2, 0.9]), 3, t=1000.0)
    >>> round(value, 3)
    0.2
    """
    k = n_components
    squares = np.asarray(squares, dtype=float)
    u, w = 1 / (1 - 2 * t * s), 1 / (1 + 2 * t * s)
    # E exp(t q) = exp(t u m) (1 - 2 t s)^(-k/2),  E exp(-t q) = exp(-t w m) (...)
    above = (t * u) * squares
    above += 0.5 * k * np.log(u) - t
    below = (-t * w) * squares
    below += 0.5 * k * np.log(w) + t
    shift = max(above.max(), below.max())
    above -= shift
    below -= shift
    np.exp(above, out=above)
    np.exp(below, out=below)
    total = above.sum() + below.sum()
    above /= total
    below /= total
    value = (shift + np.log(total)) / t
    slope = k * (u * above.sum() - w * below.sum())
    slope += 2 * t * (u * u * (above @ squares) + w * w * (below @ squares))
    above *= u
    below *= w
    above -= below
    return float(value), above, float(slope)


def jl_bound(n_samples: int, n_components: int) -> float:
    """Distortion that a Gaussian k x d matrix is sure to allow for n points.

    The smallest eps at which the exact union bound over the n(n-1)/2 secants is one
    at M = 0, s = 1/k: any larger distortion has positive probability to be kept by
    all secants at once.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 1.
    n_components : int
        k, at least 1.

    Returns
    -------
    float
        At least 0; above one, it says nothing (the zero matrix distorts by one).

    Raises
    ------
    InputError
        If an argument is below one.

    Examples
    --------
    >>> round(jl_bound(100, 30), 2)
    1.18
    """
    _require_positive(n_samples=n_samples, n_components=n_components)
    pairs = n_samples * (n_samples - 1) / 2
    if pairs <= 1:
        return 0.0

    def excess(eps: float) -> float:
        return pairs * _outside(n_components, eps) - 1

    high = 1.0
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-12))


def jl_min_dim(n_samples: int, eps: float) -> int:
    """Dimension at which the exact union bound keeps n points within `eps`.

    The same question as scikit-learn's ``johnson_lindenstrauss_min_dim``, answered
    with the chi-square tails themselves instead of their exponential estimate.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 1.
    eps : float
        Distortion of the squared distances, in (0, 1).

    Returns
    -------
    int
        Smallest k with ``jl_bound(n_samples, k) <= eps``.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> jl_min_dim(1000, 0.5)
    222
    """
    _require_positive(n_samples=n_samples)
    if not 0 < eps < 1:
        raise InputError(f"eps: expected a number in (0, 1), got {eps!r}")
    pairs = n_samples * (n_samples - 1) / 2
    if pairs <= 1:
        return 1
    high = 1
    while pairs * _outside(high, eps) > 1:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if pairs * _outside(middle, eps) > 1:
            low = middle
        else:
            high = middle
    return high


def _outside(k: int, eps: float) -> float:
    """P(|chi-square_k / k - 1| > eps)."""
    return float(chdtrc(k, k * (1 + eps)) + chdtr(k, k * max(0.0, 1 - eps)))


def _require_positive(**values: int) -> None:
    for name, value in values.items():
        if value != int(value) or value < 1:
            raise InputError(f"{name}: expected a positive integer, got {value!r}")
