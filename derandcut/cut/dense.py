"""The semidefinite relaxation with triangle inequalities, for small graphs.

With x_u x_v = X_uv, every cut of a graph satisfies (8.1) for each triple of vertices
and each choice of signs with product one:

    (8.1)  s_ij X_ij + s_ik X_ik + s_jk X_jk >= -1
    (8.2)  cut <= W_tot/2 + (sum gamma)/2 - min { <M, X>/4 : X_uu = 1, X >= 0 }
           for any gamma >= 0, M = W - sum gamma_t s_t

Multipliers gamma and the matrix X = V V' come from the method of multipliers: minimise

    (8.3)  <W, X>/2 + sum_t [ (gamma_t - sigma slack_t)_+^2 - gamma_t^2 ] / (2 sigma)

over the unit rows of V by a quasi-Newton method, then set
gamma_t <- (gamma_t - sigma slack_t)_+: V is then stationary for M, and
y_u = (M V)_u . V_u nearly the dual solution of (8.2). (8.3) is convex in X; where V is
stationary but X is not optimal, M - Diag(y) has negative eigenvalues, and their
vectors, put into columns of V that are nearly zero, are directions of descent. The
number of columns follows the rank of V.

    (8.4)  min <M, X> >= sum y' where M - Diag(y') passed a Cholesky factorisation,
           less the rounding margin (Rump 2006)

Cost: a round is some 25 evaluations of 1.5 n^2 rank multiply-adds; all else, Lanczos,
separation and a proof, about as much as ten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from derandcut._core import load_kernel
from derandcut.cut.bound import UNIT

__all__ = ["DenseRelaxation", "ProvedBound", "Triangles"]

_dense = load_kernel("derandcut.cut._dense")

SIGMA = 1.0  # of weights with mean one: the penalty of (8.3)
ITERATIONS, ROUND = 25, 200_000_000  # quasi-Newton steps a round, multiply-adds at most
TOLERANCE = 1e-3  # times sqrt(n): tangent gradient at which they end
NEW = 5  # times n: triangles added a round, at most
LEAST = 0.01  # violation worth adding
BINS = 1024  # of the histogram that finds the most violated
STEPS = 32  # of Lanczos
SWEEPS = 12  # of Jacobi's method, at most
NEGATIVE = 1e-3  # times mean |y|: eigenvalues below minus that are directions of escape
PUSH = 0.3  # how far to escape, of sqrt(n |lambda|)
FLAT = 0.02  # columns of V smaller than that, times sqrt(n), are free
BLOCK = 8  # rows and columns come in multiples of it
NONE = np.empty(0, np.int64)


def padded(count: int) -> int:
    """Round up to a multiple of the kernels' block."""
    return -(-count // BLOCK) * BLOCK


@dataclass(slots=True, eq=False)
class Triangles:
    """Triangle inequalities (8.1) with their multipliers.

    Attributes
    ----------
    ends : (k, 3) int32 array
        Vertices i < j < k.
    kind : (k,) int8 array
        0: all signs plus; 1, 2, 3: plus at ij, ik, jk alone, i.e. the signs of kind 0
        after vertex k, j, i changed sides.
    gamma : (k,) float64 array
    """

    ends: np.ndarray
    kind: np.ndarray
    gamma: np.ndarray

    @classmethod
    def none(cls) -> Triangles:
        """Return an empty list."""
        return cls(np.empty((0, 3), np.int32), np.empty(0, np.int8), np.empty(0))

    def __len__(self) -> int:
        return len(self.kind)

    def keys(self, n: int) -> np.ndarray:
        """One integer an inequality."""
        i, j, k = self.ends.T.astype(np.int64)
        return ((i * n + j) * n + k) * 4 + self.kind

    def signs(self) -> np.ndarray:
        """(k, 3): the signs at ij, ik and jk."""
        ij, ik = np.where(self.kind >= 2, -1, 1), np.where(self.kind & 1, -1, 1)
        return np.stack([ij, ik, ij * ik], axis=1)

    def chosen(self, which: np.ndarray) -> Triangles:
        """The inequalities at these positions."""
        return Triangles(self.ends[which], self.kind[which], self.gamma[which])

    def joined(self, other: Triangles) -> Triangles:
        """Both lists, one after the other."""
        return Triangles(
            np.concatenate([self.ends, other.ends]),
            np.concatenate([self.kind, other.kind]),
            np.concatenate([self.gamma, other.gamma]),
        )

    def contracted(self, i: int, j: int, sign: int, n: int) -> Triangles:
        """After x_j = sign x_i, j > i, the later vertices moving up by one."""
        both = (self.ends == i).any(axis=1) & (self.ends == j).any(axis=1)
        kept = self.chosen(~both)
        ends = kept.ends.astype(np.int64)
        # the vertex whose change of side makes kind 0 of it, in the numbers below
        odd = np.choose(kept.kind, [np.full(len(ends), -1), *ends.T[::-1]])
        if sign < 0:
            moved = (ends == j).any(axis=1)
            odd = np.where(moved, _flip(odd, j, ends), odd)
        number = np.arange(n)
        number[j] = i
        number[j + 1 :] -= 1
        odd = np.where(odd >= 0, number[odd], -1)
        ends = np.sort(number[ends], axis=1)
        position = (ends == odd[:, None]) @ np.array([3, 2, 1])
        result = Triangles(
            ends.astype(np.int32), position.astype(np.int8), kept.gamma.copy()
        )
        _, first, group = np.unique(
            result.keys(n - 1), return_index=True, return_inverse=True
        )
        merged = result.chosen(first)
        merged.gamma = np.bincount(group, result.gamma, minlength=len(first))
        return merged


def _flip(odd: np.ndarray, j: int, ends: np.ndarray) -> np.ndarray:
    """Compose the change of side of `odd` (-1: none) with that of j, in a triangle.

    Changing all three sides changes nothing, so two changes are one of the third.
    """
    third = ends.sum(axis=1) - odd - j
    return np.where(odd < 0, j, np.where(odd == j, -1, third))


@dataclass(frozen=True, slots=True, eq=False)
class ProvedBound:
    """A bound that (8.4) proved, with what it is made of.

    Attributes
    ----------
    value : float
        No cut is above it.
    s : (n,) float64 array
        M + Diag(s) is positive semidefinite, up to the margin in `value`.
    triangles : Triangles
    """

    value: float
    s: np.ndarray
    triangles: Triangles


class DenseRelaxation:
    """The relaxation of one (contracted) graph: a state that goes on round by round.

    Parameters
    ----------
    W : (n, n) float64 array
        Weights with mean size about one, symmetric, the diagonal zero.
    offset : float
        cut = offset - sum_{u<v} w_uv x_u x_v / 2.
    error : float
        Bound on the error of that equation.
    V : (n, rank) float64 array
        Start, any rows that are not zero.
    triangles : Triangles

    Attributes
    ----------
    expected : float
        What `prove` would give now, about.
    work : int
        Edges visited so far: n^2 / 2 an evaluation.
    """

    def __init__(
        self,
        W: np.ndarray,
        offset: float,
        error: float,
        V: np.ndarray,
        triangles: Triangles,
    ) -> None:
        n = len(W)
        self.n, self.ld = n, padded(n)
        self.W = np.zeros((n, self.ld))
        self.W[:, :n] = W
        self.offset, self.error = offset, error
        self.size = float(np.abs(W).sum() / 2)
        self.triangles = triangles
        self.M, self.X = np.zeros((2, n, self.ld))
        self.y = np.zeros(n)
        self.work = self.rounds = 0
        self.expected = self.estimate = math.inf
        self._load(V)

    def _load(self, V: np.ndarray) -> None:
        """Take V, normalised, its columns padded."""
        rank = padded(V.shape[1])
        self.V = np.zeros((self.n, rank))
        self.V[:, : V.shape[1]] = V
        norm = np.sqrt((self.V**2).sum(axis=1))
        self.V[norm == 0, 0] = 1.0
        self.V /= np.where(norm == 0, 1.0, norm)[:, None]
        if getattr(self, "_room", None) is None or self._room.shape[2] != rank:
            self._room = np.empty((20, self.n, rank))
            self._VT = np.zeros((rank, self.ld))

    def round(self) -> None:
        """Descend, update the multipliers, look for violated triangles, escape."""
        old = self.triangles
        count = len(old)
        gamma = np.empty(max(1, count))
        ends, kind = old.ends, old.kind
        if not count:
            ends, kind = np.zeros((1, 3), np.int32), np.zeros(1, np.int8)
        before = old.gamma if count else np.zeros(1)
        evaluations, _ = _dense.descend(
            self.W,
            ends,
            kind,
            before,
            SIGMA,
            count,
            max(8, min(ITERATIONS, ROUND // self.V.size // self.n)),
            TOLERANCE * math.sqrt(self.n),
            self.V,
            gamma,
            self.y,
            self.M,
            self.X,
            self._VT,
            self._room,
        )
        self.rounds += 1
        self.work += evaluations * self.n**2 // 2
        old = Triangles(old.ends, old.kind, gamma[:count])
        self.triangles = old.chosen(old.gamma > 0)
        # (8.2) at the multipliers just found
        self.estimate = self.offset + self.triangles.gamma.sum() / 2 - self.y.sum() / 4
        values, vectors = self._lowest()
        self.lowest = float(values[0])
        self.expected = self.estimate - min(self.lowest, 0.0) * self.n / 4
        self.proof_triangles, self.proof_y = self.triangles, self.y.copy()
        self._separate()
        self._escape(values, vectors)

    def _lowest(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values and vectors of M - Diag(y), the lowest first."""
        steps = min(STEPS, self.n)
        basis = np.zeros((steps + 1, self.ld))
        start = np.random.default_rng(self.rounds).standard_normal(self.n)
        basis[0, : self.n] = start / np.sqrt((start**2).sum())
        alpha, beta = np.zeros(steps), np.zeros(steps)
        used = _dense.lanczos(self.M, self.y, basis, alpha, beta)
        values, z = eigh_tridiagonal(alpha[:used], beta[: used - 1])
        return values, z.T @ basis[:used, : self.n]

    def _separate(self) -> None:
        """Add the most violated triangles that are not there."""
        n, most = self.n, NEW * self.n
        row, empty = np.empty(self.ld), Triangles.none()
        histogram = np.zeros(BINS, np.int64)
        total = _dense.separate(
            self.X, LEAST, histogram, row, empty.ends, empty.kind, empty.gamma
        )
        if not total:
            return
        above = np.cumsum(histogram[::-1])[::-1]
        # the lowest bin from which there is room for all above it
        least = max(LEAST, int((above > most).sum()) / BINS)
        found = Triangles(
            np.empty((most, 3), np.int32), np.empty(most, np.int8), np.zeros(most)
        )
        violation = np.empty(most)
        count = _dense.separate(
            self.X, least, NONE, row, found.ends, found.kind, violation
        )
        found = found.chosen(slice(count))
        new = ~np.isin(found.keys(n), self.triangles.keys(n), assume_unique=True)
        self.triangles = self.triangles.joined(found.chosen(new))

    def _escape(self, values: np.ndarray, vectors: np.ndarray) -> None:
        """Rotate V to its principal columns and put descent into the free ones."""
        n = self.n
        gram = self.V.T @ self.V
        rotation = np.empty_like(gram)
        _dense.diagonalise(gram, rotation, SWEEPS)
        size = np.diagonal(gram)
        order = np.argsort(-size, kind="stable")
        V = self.V @ rotation[order].T
        used = int((size > (FLAT**2) * n).sum())
        bar = -NEGATIVE * max(float(np.abs(self.y).mean()), 1e-9)
        negative = min(int((values < bar).sum()), n - used, BLOCK)
        rank = min(padded(used + max(negative, 2)), padded(n))
        wide = np.zeros((n, rank))
        columns = min(rank, V.shape[1])
        wide[:, :columns] = V[:, :columns]
        for k in range(negative):
            push = PUSH * math.sqrt(-float(values[k]) * n / (1 + abs(values[k])))
            wide[:, used + k] += push * vectors[k]
        self._load(wide)

    def prove(self) -> ProvedBound | None:
        """Prove (8.2) at the last round's multipliers; None if no shift passed."""
        n, triangles = self.n, self.proof_triangles
        count = len(triangles)
        M, U = np.zeros((2, n, self.ld))
        if count:
            _dense.apply(
                self.W, triangles.ends, triangles.kind, triangles.gamma, count, M
            )
        else:
            M[:] = self.W
        base = 1e-8 * (float(np.abs(self.proof_y).mean()) + 1e-300)
        shift = max(1.01 * -self.lowest, 0.0) + base
        for _ in range(12):
            s = shift - self.proof_y
            if (s > 0).all() and _dense.factor(M, s, U):
                break
            shift = 1.5 * shift + 10 * base
        else:
            return None
        # (8.4): s as in bound.Factorisation.margin, every row counting n terms
        g = 2 * (n + 8) * UNIT
        margin = math.fsum(g / (1 - g) ** 2 * s) * (1 + 1e-9) + 1e-280
        load = math.fsum(triangles.gamma)
        total = math.fsum(s)
        # a pair is in at most 4 (n - 2) triangles: so often M was rounded
        error = self.error + (4 * n + 16) * UNIT * (
            self.size + 3 * load + total + abs(self.offset)
        )
        value = self.offset + load / 2 + (total + n * margin) / 4 + error
        return ProvedBound(value, s, triangles)
