"""The certificate (1.3) of an approximate second-order stationary point."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from derandcut.result import LemmaCertificate

__all__ = ["certify", "gershgorin", "largest_eigenvalue"]

LANCZOS_STEPS = 30
ROUNDOFF = float(np.finfo(np.float64).eps)


def gershgorin(matrix: sp.sparray) -> float:
    """Return a proved upper bound on the largest eigenvalue of a symmetric matrix.

    Parameters
    ----------
    matrix : (n, n) scipy sparse array, symmetric

    Examples
    --------
    >>> round(gershgorin(sp.csr_array([[1.0, -2.0], [-2.0, 0.0]])), 12)
    3.0
    """
    if not matrix.shape[0]:
        return 0.0
    diagonal = matrix.diagonal()
    rows = np.asarray(abs(matrix).sum(axis=1)).ravel()
    # Each row's sums round at most once an entry.
    entries = np.diff(sp.csr_array(matrix).indptr) + 2
    margin = np.where(rows > np.abs(diagonal), entries * ROUNDOFF * rows, 0.0)
    return float((diagonal + (rows - np.abs(diagonal)) + margin).max())


def largest_eigenvalue(
    matrix: sp.sparray | LinearOperator,
    steps: int = LANCZOS_STEPS,
    accuracy: float = 0.0,
) -> tuple[float, np.ndarray, float]:
    """Estimate the largest eigenvalue of a symmetric matrix by Lanczos.

    Every step orthogonalises, twice, against all before; the start vector is fixed and
    the steps are limited: it always returns, and always the same.

    Parameters
    ----------
    matrix : (n, n) scipy sparse array or LinearOperator, symmetric
    steps : int, default 30
    accuracy : float, default 0.0
        End as soon as the residual is at most that part of the value.

    Returns
    -------
    value : float
        The largest Ritz value: a lower bound on the largest eigenvalue.
    vector : (n,) float64 array
        Its unit Ritz vector.
    residual : float
        Some eigenvalue is that near to `value`: not a proof that it is the largest.

    Examples
    --------
    >>> value, vector, residual = largest_eigenvalue(sp.diags_array([1.0, 3.0, 2.0]))
    >>> round(value, 12)
    3.0
    """
    n = matrix.shape[0]
    if n == 0:
        return 0.0, np.zeros(0), 0.0
    start = np.random.default_rng(1).standard_normal(n)
    basis = np.empty((min(steps, n), n))
    basis[0] = start / np.linalg.norm(start)
    if isinstance(matrix, LinearOperator):
        scale = float(np.linalg.norm(matrix @ basis[0]))
    else:
        matrix = sp.csr_array(matrix)
        scale = float(abs(matrix).max()) if matrix.nnz else 0.0
    if scale == 0.0:
        return 0.0, basis[0], 0.0
    alpha, beta = [], []
    while True:
        j = len(alpha)
        image = (matrix @ basis[j]) / scale
        alpha.append(float(basis[j] @ image))
        known = basis[: j + 1]
        for _ in range(2):  # once leaves the rounding errors of a small remainder
            image -= known.T @ (known @ image)
        beta.append(float(np.linalg.norm(image)))
        last = j + 1 == len(basis) or beta[-1] < 1e-14
        if last or (accuracy and j % 4 == 3):
            values, vectors = scipy.linalg.eigh_tridiagonal(
                np.array(alpha), np.array(beta[:-1])
            )
            value, top = float(values[-1]), vectors[:, -1]
            residual = float(abs(beta[-1] * top[-1]))
            if last or residual <= accuracy * abs(value):
                return scale * value, basis[: j + 1].T @ top, scale * residual
        basis[j + 1] = image / beta[-1]


def certify(
    gradient: np.ndarray,
    hessian: sp.sparray | LinearOperator,
    W: np.ndarray,
    weight_decay: float,
    identity_error: float = 0.0,
) -> LemmaCertificate:
    """Say what (1.3) says of a point: ||W||_F <= eps / (lambda - gamma).

    Parameters
    ----------
    gradient : (n, k) float array
        grad_W L at the point, the weight decay's term included.
    hessian : (n, n) scipy sparse array or LinearOperator
        H = E (hess g) of the minimised objective, without the weight decay.
    W : (n, k) float array
    weight_decay : float
        lambda > 0.
    identity_error : float, default 0.0
        ||gradient - (H + lambda) W||_F, where (1.1) holds but for a sample or a
        quadrature. Added to eps: (1.3) is then true of that sample.

    Returns
    -------
    LemmaCertificate
        gamma is "proved" by Gershgorin's discs where they suffice, else an "estimate":
        the Lanczos value plus its residual. An operator has no discs.

    Examples
    --------
    >>> certify(np.zeros((1, 1)), sp.csr_array([[2.0]]), np.zeros((1, 1)), 0.1).bound
    0.0
    """
    eps = float(np.linalg.norm(gradient)) + float(identity_error)
    norm = float(np.linalg.norm(W))
    operator = isinstance(hessian, LinearOperator)
    proved = np.inf if operator else max(0.0, gershgorin(-hessian))
    if proved < 0.5 * weight_decay:
        return LemmaCertificate(eps, proved, "proved", weight_decay, norm)
    value, _, residual = largest_eigenvalue(-hessian)
    estimate = max(0.0, value + residual)
    if proved <= estimate:
        return LemmaCertificate(eps, proved, "proved", weight_decay, norm)
    return LemmaCertificate(eps, estimate, "estimate", weight_decay, norm)
