"""Squared lengths of projected unit secants, over all pairs of rows or chosen ones.

For rows y_i and a k x r matrix B the square of secant (i, j) is
m_ij = ||B (y_i - y_j)||^2 / ||y_i - y_j||^2. With Z = Y B' and h_ij = g_ij / D_ij its
weighted gradient is sum g_ij dm_ij/dB = 2 (L_h Z)' Y, L_h the Laplacian of the
weights h: the secants themselves are never formed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist, squareform

__all__ = ["AllPairs", "SomePairs", "pair_lengths", "scan_pairs"]


class AllPairs:
    """Every pair of distinct rows, in the order of `scipy.spatial.distance.pdist`.

    Parameters
    ----------
    Y : (n, r) float array
        Rows; equal ones make no secant and are left out of the sums.
    """

    def __init__(self, Y: np.ndarray) -> None:
        self.Y = Y
        length = pdist(Y, "sqeuclidean")
        self.inverse = np.divide(1.0, length, out=length, where=length > 0)
        self.repeated = np.flatnonzero(self.inverse == 0)

    @property
    def count(self) -> int:
        """Number of secants."""
        return len(self.inverse) - len(self.repeated)

    def squares(self, B: np.ndarray) -> np.ndarray:
        """m, shape (n(n-1)/2,); 1 for a pair of equal rows."""
        self.Z = self.Y @ B.T
        squares = pdist(self.Z, "sqeuclidean")
        squares *= self.inverse
        squares[self.repeated] = 1.0
        return squares

    def gradient(self, weight: np.ndarray) -> np.ndarray:
        """Gradient in B of sum weight_i m_i at the last `squares`."""
        h = squareform(weight * self.inverse, checks=False)
        pulled = h.sum(axis=0)[:, None] * self.Z
        pulled -= h @ self.Z
        return 2 * (pulled.T @ self.Y)


class SomePairs:
    """Chosen pairs (i, j) of distinct rows; the same interface as `AllPairs`."""

    def __init__(self, Y, i: np.ndarray, j: np.ndarray) -> None:
        self.Y = Y
        pairs = len(i)
        indices = np.column_stack([i, j]).ravel()
        signs = np.tile([1.0, -1.0], pairs)
        self.incidence = csr_array(
            (signs, indices, 2 * np.arange(pairs + 1)), shape=(pairs, Y.shape[0])
        )
        self.transposed = self.incidence.T.tocsr()
        self.inverse = 1 / pair_lengths(Y, i, j)

    @property
    def count(self) -> int:
        """Number of secants."""
        return len(self.inverse)

    def squares(self, B: np.ndarray) -> np.ndarray:
        """m, shape (pairs,)."""
        self.difference = self.incidence @ (self.Y @ B.T)
        return np.einsum("ij,ij->i", self.difference, self.difference) * self.inverse

    def gradient(self, weight: np.ndarray) -> np.ndarray:
        """Gradient in B of sum weight_i m_i at the last `squares`."""
        pulled = self.transposed @ (self.difference * (weight * self.inverse)[:, None])
        return 2 * (self.Y.T @ pulled).T


def scan_pairs(
    Y, Z: np.ndarray, rows: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Blocks of m over all pairs i < j: (i, j, m), equal rows left out.

    Lengths come from Gram blocks, `rows` rows at a time; a pair so close that the
    Gram form would lose its digits is measured again by its difference.
    """
    n = Y.shape[0]
    norm = _row_squares(Y)
    norm_z = _row_squares(Z)
    for begin in range(0, n, rows):
        end = min(n, begin + rows)
        inner = Y[begin:end] @ Y[begin:].T
        inner = inner.toarray() if hasattr(inner, "toarray") else inner
        scale = norm[begin:end, None] + norm[None, begin:]
        length = scale - 2 * inner
        square = norm_z[begin:end, None] + norm_z[None, begin:]
        square -= 2 * (Z[begin:end] @ Z[begin:].T)
        i, j = np.triu_indices(end - begin, 1, n - begin)
        length, square, scale = length[i, j], square[i, j], scale[i, j]
        i, j = i + begin, j + begin
        close = np.flatnonzero(length <= 1e-7 * scale)
        if len(close):
            length[close] = pair_lengths(Y, i[close], j[close])
            square[close] = pair_lengths(Z, i[close], j[close])
        keep = length > 0
        yield i[keep], j[keep], square[keep] / length[keep]


def _row_squares(Y) -> np.ndarray:
    """||y_i||^2 of dense or sparse rows."""
    if hasattr(Y, "toarray"):
        return np.asarray(Y.multiply(Y).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", Y, Y)


def pair_lengths(Y, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """||y_i - y_j||^2 from differences, in blocks of about 2^22 numbers."""
    block = max(1, (1 << 22) // max(1, Y.shape[1]))
    parts = [
        _row_squares(Y[i[begin : begin + block]] - Y[j[begin : begin + block]])
        for begin in range(0, len(i), block)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
