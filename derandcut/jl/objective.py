"""Secant lengths as an objective of `derandcut.lemma`, closed form for any (W, b)."""

from __future__ import annotations

import numpy as np

from derandcut.errors import InputError

__all__ = ["SecantObjective"]

LARGEST = 300.0  # exponents beyond count as infinite: squares still fit a float


class SecantObjective:
    """g(A) = sum_i 2 cosh(t (||A v_i||^2 - 1)) over unit secants v_i of the rows of X.

    An `Objective` of the lemma with its expectation in closed form for *any* Gaussian
    matrix, vec(A) = W x + b: A v is then Gaussian with some mean m and covariance S,
    and with P = (I - 2 t S)^(-1)

        E exp(t ||A v||^2) = det(P)^(1/2) exp(t m' P m).

    log(g) / t bounds the largest distortion of A. For matrices small enough that the
    (k d) x (k d) Hessian may be held; `chernoff` is the case W = sqrt(s) I, and
    `DerandomizedProjection` the method for data.

    Parameters
    ----------
    X : (n, d) float array
        Points; equal ones make no secant.
    n_components : int
        k. The vector z of the objective is the k x d matrix A row by row.
    t : float
        Sharpness, positive. E g is infinite where 2 t times the largest variance of
        some A v_i reaches one.

    Raises
    ------
    InputError
        If X is not a finite matrix with two distinct rows, or k or t is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.lemma import derandomize
    >>> rng = np.random.default_rng(0)
    >>> X, k = rng.normal(size=(6, 4)), 3
    >>> g = SecantObjective(X, k, t=4.0)
    >>> random = rng.normal(size=12) / np.sqrt(k)
    >>> result = derandomize(g, 0.1 * np.eye(12), random)
    >>> bool(g.distortion(result.b) < 0.5 * g.distortion(random))
    True
    >>> bool(g.distortion(result.b) <= np.log(result.value) / g.t)
    True
    """

    def __init__(self, X: np.ndarray, n_components: int, t: float) -> None:
        X = np.asarray(X, dtype=float)
        if X.ndim != 2 or not np.isfinite(X).all():
            raise InputError("X: expected a finite matrix of points")
        if n_components < 1 or not t > 0:
            raise InputError("n_components, t: expected positive numbers")
        i, j = np.triu_indices(len(X), 1)
        secants = X[i] - X[j]
        length = np.linalg.norm(secants, axis=1)
        if not length.any():
            raise InputError("X: expected at least two distinct rows")
        self.V = secants[length > 0] / length[length > 0, None]
        self.k, self.d, self.t = int(n_components), X.shape[1], float(t)
        self.n = self.k * self.d

    def distortion(self, z: np.ndarray) -> float:
        """Largest | ||A v_i||^2 - 1 | of one matrix."""
        return float(np.abs((self._images(z) ** 2).sum(axis=-1) - 1).max())

    def value(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """g at each row, shape (N,)."""
        return 2 * np.cosh(self._excess(self._images(z))).sum(axis=1)

    def gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """grad_z g at each row, shape (N, n)."""
        image = self._images(z)
        pull = 4 * self.t * np.sinh(self._excess(image))[..., None] * image
        return self._back(pull)

    def hessian_action(
        self, z: np.ndarray, v: np.ndarray, theta: np.ndarray
    ) -> np.ndarray:
        """hess_z g v at each row, shape (N, n)."""
        image, moved = self._images(z), self._images(v)
        excess = self._excess(image)
        along = 2 * self.t * np.cosh(excess) * (image * moved).sum(axis=-1)
        pull = along[..., None] * image + np.sinh(excess)[..., None] * moved
        return self._back(4 * self.t * pull)

    def theta_gradient(self, z: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Nothing but A is trained, shape (N, 0)."""
        return np.zeros((len(z), 0))

    def expected(
        self, W: np.ndarray, b: np.ndarray, theta: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """E g, its gradient in b, and H; infinite with zeros beyond the domain."""
        mean = self._images(b)
        root = np.einsum("nj,kjp->nkp", self.V, W.reshape(self.k, self.d, -1))
        covariance = root @ root.swapaxes(1, 2)
        value, slope, curved = 0.0, np.zeros_like(mean), np.zeros_like(covariance)
        for t in (self.t, -self.t):
            precision = np.eye(self.k) - 2 * t * covariance
            eigenvalues = np.linalg.eigvalsh(precision)
            if eigenvalues.min() <= 0:
                return np.inf, np.zeros(self.n), np.zeros((self.n, self.n))
            P = np.linalg.inv(precision)
            pulled = np.einsum("nab,nb->na", P, mean)
            exponent = t * ((mean * pulled).sum(axis=1) - 1)
            exponent -= 0.5 * np.log(eigenvalues).sum(axis=1)
            if exponent.max() > LARGEST:
                return np.inf, np.zeros(self.n), np.zeros((self.n, self.n))
            mass = np.exp(exponent)
            value += float(mass.sum())
            # the derivatives in m of exp(t m' P m): 2 t P m, and of that
            slope += 2 * t * mass[:, None] * pulled
            outer = pulled[:, :, None] * pulled[:, None, :]
            curved += mass[:, None, None] * (2 * t * P + 4 * t * t * outer)
        H = np.einsum("nab,nj,nl->ajbl", curved, self.V, self.V, optimize=True)
        return value, self._back(slope), H.reshape(self.n, self.n)

    def _images(self, z: np.ndarray) -> np.ndarray:
        """A v_i for each matrix in z, shape (..., secants, k)."""
        A = z.reshape(*z.shape[:-1], self.k, self.d)
        return np.moveaxis(A @ self.V.T, -1, -2)

    def _excess(self, image: np.ndarray) -> np.ndarray:
        return self.t * ((image**2).sum(axis=-1) - 1)

    def _back(self, pull: np.ndarray) -> np.ndarray:
        """sum_i pull_i v_i' as a vector, for each matrix."""
        A = np.moveaxis(pull, -1, -2) @ self.V
        return A.reshape(*pull.shape[:-2], self.n)
