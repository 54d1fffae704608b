"""scikit-learn transformers: the learned projection and its baselines."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import qr, svd
from scipy.sparse import issparse
from scipy.spatial.distance import pdist
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from derandcut.errors import InputError
from derandcut.jl.bounds import jl_bound
from derandcut.jl.learning import (
    Scan,
    Step,
    best_scale,
    derandomize_variance,
    learn,
    learn_streamed,
    scan,
)
from derandcut.jl.secants import AllPairs

__all__ = [
    "BaselineProjection",
    "DerandomizedProjection",
    "max_distortion",
    "smallest_projection",
]

FULL_ROWS = 2000  # above it, pairs are streamed instead of held
FULL_NUMBERS = 100_000_000  # largest array a sparse input may be expanded to


def max_distortion(X, Z) -> float:
    """Largest | ||z_i - z_j||^2 / ||x_i - x_j||^2 - 1 | over all pairs of rows.

    Parameters
    ----------
    X : (n, d) array
        Points.
    Z : (n, k) array
        Their images.

    Returns
    -------
    float
        Zero without a pair of distinct points; infinite if equal points have
        different images.

    Raises
    ------
    InputError
        If the arrays differ in their number of rows or are not finite.

    Examples
    --------
    >>> max_distortion([[0.0], [1.0], [3.0]], [[0.0], [1.0], [4.0]])
    1.25
    """
    X, Z = (np.atleast_2d(np.asarray(a, dtype=float)) for a in (X, Z))
    if len(X) != len(Z) or not (np.isfinite(X).all() and np.isfinite(Z).all()):
        raise InputError(
            "max_distortion: expected finite X, Z with equal numbers of rows"
        )
    length, image = pdist(X, "sqeuclidean"), pdist(Z, "sqeuclidean")
    if (image[length == 0] > 0).any():
        return math.inf
    image, length = image[length > 0], length[length > 0]
    return float(np.abs(image / length - 1).max(initial=0.0))


class _Points:
    """The rows of a fit: held with all their pairs, or streamed when they are many."""

    def __init__(self, X, rng: np.random.Generator) -> None:
        self.rng = rng
        self.streamed = X.shape[0] > FULL_ROWS or (
            issparse(X) and X.shape[0] * X.shape[1] > FULL_NUMBERS
        )
        if self.streamed:
            self.X = X if issparse(X) else X - X.mean(axis=0)
            return
        X = X.toarray() if issparse(X) else X
        self.Y, self.V = row_space(X - X.mean(axis=0))
        self.pairs = AllPairs(self.Y)

    def measure(self, A: np.ndarray) -> Scan:
        """Extreme squares of the unit secants under `A`."""
        if self.streamed:
            return scan(self.X, A, self.rng)
        squares = self.pairs.squares(A @ self.V.T)
        if not self.pairs.count:
            squares = np.ones(1)
        none = np.zeros(0, dtype=int)
        return Scan(squares.min(), squares.max(), self.pairs.count, none, none, squares)


class _Projection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What all projections share: validation, the row space, the measurement."""

    def fit(self, X, y=None):
        """Fit the projection to the rows of `X`.

        Parameters
        ----------
        X : (n, d) array or sparse matrix
            Finite; repeated and constant rows are mapped without distortion.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a parameter is out of range.
        ValueError
            If `X` is not a finite two-dimensional array.
        """
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        self._check_parameters()
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rng = np.random.default_rng(seed)
        # distortion is a ratio: after division no square overflows
        points = _Points(X / (abs(X).max() or 1.0), rng)
        self.components_ = self._fit_components(points, X.shape[1], rng)
        found = points.measure(self.components_)
        self.n_pairs_ = found.pairs
        self.max_distortion_ = found.distortion
        self.certificate_ = found.certificate()
        self.jl_bound_ = jl_bound(X.shape[0], self.n_components)
        return self

    def transform(self, X):
        """Project rows: ``X @ components_.T``.

        Parameters
        ----------
        X : (n, d) array or sparse matrix

        Returns
        -------
        (n, k) float array
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        return np.asarray(X @ self.components_.T)

    @property
    def _n_features_out(self) -> int:
        return self.components_.shape[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self) -> None:
        k = self.n_components
        if not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"n_components: expected a positive integer, got {k!r}")


class DerandomizedProjection(_Projection):
    """A linear projection learned to keep every pairwise distance of the data.

    Minimises the largest distortion | ||A(x_i - x_j)||^2 / ||x_i - x_j||^2 - 1 | over
    all pairs of rows, through the Chernoff bound F_t of `derandcut.jl.chernoff`.

    Parameters
    ----------
    n_components : int, default 2
        k, the dimension projected to. From the rank of the centred data on, the
        projection is an isometry of the data.
    method : {"direct", "derandomized"}, default "direct"
        "direct" sharpens F_t at s = 0. "derandomized" starts at the random matrix of
        Johnson and Lindenstrauss (M = 0, s = 1/k) and lowers its variance to 0 while
        F never rises: `path_` is the chain. Both reach the same distortion; on the
        data they were compared on neither was better.
    init : {"gaussian", "pca"}, default "gaussian"
        Start of "direct". "pca" is a little better on the data itself, and worse than
        a random matrix on points that were not seen.
    stages : int, default 6
        Largest number of values of t.
    max_iter : int, default 100
        L-BFGS iterations a stage.
    random_state : int or RandomState, default 0

    Attributes
    ----------
    components_ : (n_components, d) float array
        The matrix A.
    max_distortion_ : float
        Largest distortion over `n_pairs_` pairs, from differences of rows.
    certificate_ : float
        F_t(A, 0) >= max_distortion_.
    jl_bound_ : float
        What the union bound promises of a Gaussian matrix: `derandcut.jl.jl_bound`.
    n_pairs_ : int
        Pairs of distinct rows looked at: all of them up to 20,000 rows, those of a
        random subset of 20,000 rows beyond.
    path_ : tuple of Step
        The stages that lowered the bound: t, s, value F_t, slope dF/ds.
    t_path_ : (len(path_),) float array
        Their t.
    n_iter_ : int
        L-BFGS iterations in them, at least 1.

    References
    ----------
    Tsikouras, Caramanis, Tzamos, "Optimization Can Learn Johnson Lindenstrauss
    Embeddings", arXiv 2412.07242 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(30, 12))
    >>> model = DerandomizedProjection(n_components=8).fit(X)
    >>> model.transform(X).shape
    (30, 8)
    >>> model.max_distortion_ <= model.certificate_ <= model.jl_bound_
    True
    """

    def __init__(
        self,
        n_components=2,
        *,
        method="direct",
        init="gaussian",
        stages=6,
        max_iter=100,
        random_state=0,
    ):
        self.n_components = n_components
        self.method = method
        self.init = init
        self.stages = stages
        self.max_iter = max_iter
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name}: expected one of {', '.join(choices)}, "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("stages", "max_iter"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1")

    def _fit_components(
        self, points: _Points, d: int, rng: np.random.Generator
    ) -> np.ndarray:
        k = self.n_components
        start = _gaussian(k, d, rng)
        if points.streamed:
            return self._fit_streamed(points, start, rng)
        V, pairs, path = points.V, points.pairs, []
        principal = np.eye(k, len(V))
        B = inside = start @ V.T
        if k >= len(V):
            B = principal
        elif self.method == "derandomized":
            small = 1e-2 * _gaussian(k, len(V), rng)
            B, path = derandomize_variance(pairs, small, self.stages, self.max_iter)
        else:
            start_here = principal if self.init == "pca" else B
            B, path = learn(pairs, start_here, self.stages, self.max_iter)
        self._store_path(path)
        # off the row space of the data the random start is kept, for points to come
        return start + (B - inside) @ V

    def _fit_streamed(
        self, points: _Points, start: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        k, d = start.shape
        if self.method == "derandomized" or self.init == "pca":
            raise InputError(
                f'method, init: above {FULL_ROWS} rows expected "direct", "gaussian"'
            )
        self._store_path([])
        if k >= d:
            return np.eye(k, d)
        A, path = learn_streamed(points.X, start, self.stages, self.max_iter, rng)
        self._store_path(path)
        return A

    def _store_path(self, path: list[Step]) -> None:
        self.path_ = tuple(path)
        self.t_path_ = np.array([step.t for step in path])
        self.n_iter_ = max(1, sum(step.n_iter for step in path))


def smallest_projection(X, eps: float, **options) -> DerandomizedProjection:
    """Learn a projection to the fewest dimensions found that are certified for `eps`.

    Where `jl_min_dim` says what a random matrix needs for any n points, this asks the
    points at hand: k doubles until the certificate is at most `eps`, and is bisected
    from there. About 2 log2(k) fits.

    Parameters
    ----------
    X : (n, d) array or sparse matrix
    eps : float
        Distortion of the squared distances, in (0, 1).
    **options
        As for `DerandomizedProjection`, without `n_components`.

    Returns
    -------
    DerandomizedProjection
        Fitted: `n_components` is k, `certificate_` at most `eps`. A smaller k may do;
        it was not found.

    Raises
    ------
    InputError
        If `eps` or an option is out of range.
    ValueError
        If `X` is not a finite two-dimensional array.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.jl import jl_min_dim
    >>> X = np.random.default_rng(0).normal(size=(40, 20))
    >>> model = smallest_projection(X, eps=0.5)
    >>> model.certificate_ <= 0.5, model.n_components < jl_min_dim(40, 0.5) / 8
    (True, True)
    """
    if not 0 < eps < 1:
        raise InputError(f"eps: expected a number in (0, 1), got {eps!r}")
    low, k = 0, 1
    while True:
        best = DerandomizedProjection(k, **options).fit(X)
        d = best.n_features_in_
        if best.certificate_ <= eps or k == d:  # from d on an isometry
            break
        low, k = k, min(2 * k, d)
    while best.n_components - low > 1:
        middle = (low + best.n_components) // 2
        model = DerandomizedProjection(middle, **options).fit(X)
        if model.certificate_ <= eps:
            best = model
        else:
            low = middle
    return best


class BaselineProjection(_Projection):
    """The projections to compare with, under the same interface.

    Parameters
    ----------
    n_components : int, default 2
        k, the dimension projected to.
    kind : {"gaussian", "achlioptas", "srht", "pca"}, default "gaussian"
        Gaussian entries of variance 1/k; sparse signs (Achlioptas 2003); the
        subsampled randomised Hadamard transform (Ailon-Chazelle 2006); the leading
        principal directions.
    n_draws : int, default 1
        Random matrices drawn; the one of least distortion is kept.
    rescale : bool, default False
        Multiply by the scalar that makes the largest distortion least.
    random_state : int or RandomState, default 0

    Attributes
    ----------
    components_, max_distortion_, certificate_, jl_bound_, n_pairs_
        As in `DerandomizedProjection`.
    draws_ : (n_draws,) float array
        Largest distortion of each draw.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(30, 12))
    >>> BaselineProjection(8, kind="srht").fit_transform(X).shape
    (30, 8)
    """

    def __init__(
        self,
        n_components=2,
        *,
        kind="gaussian",
        n_draws=1,
        rescale=False,
        random_state=0,
    ):
        self.n_components = n_components
        self.kind = kind
        self.n_draws = n_draws
        self.rescale = rescale
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.kind not in _DRAWS and self.kind != "pca":
            expected = ", ".join([*_DRAWS, "pca"])
            raise InputError(f"kind: expected one of {expected}, got {self.kind!r}")
        if self.n_draws < 1:
            raise InputError(f"n_draws: expected at least 1, got {self.n_draws}")

    def _fit_components(
        self, points: _Points, d: int, rng: np.random.Generator
    ) -> np.ndarray:
        best, draws = math.inf, []
        for _ in range(1 if self.kind == "pca" else self.n_draws):
            trial = self._draw(points, d, rng)
            found = points.measure(trial)
            distortion = found.distortion
            if self.rescale:
                factor, distortion = best_scale(np.array([found.low, found.high]))
                trial = trial * math.sqrt(factor)
            draws.append(distortion)
            if distortion < best:
                best, A = distortion, trial
        self.draws_ = np.array(draws)
        return A

    def _draw(self, points: _Points, d: int, rng: np.random.Generator) -> np.ndarray:
        k = self.n_components
        if self.kind != "pca":
            return _DRAWS[self.kind](k, d, rng)
        V = row_space(points.X)[1] if points.streamed else points.V
        return np.pad(V[:k], ((0, max(0, k - len(V))), (0, 0)))


def row_space(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Y, V): X = Y V with orthonormal rows V, principal directions first."""
    if issparse(X):
        raise InputError(
            "X: the principal directions of so many sparse rows are not computed"
        )
    n, d = X.shape
    core = qr(X, mode="r")[0][:d] if n > d else X
    _, singular, V = svd(core, full_matrices=False)
    floor = singular.max(initial=0.0) * max(n, d) * np.finfo(float).eps
    V = V[singular > floor]
    return X @ V.T, V


def _gaussian(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(k, d)) / math.sqrt(k)


def _achlioptas(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    signs = rng.choice([-1.0, 0.0, 1.0], size=(k, d), p=[1 / 6, 2 / 3, 1 / 6])
    return signs * math.sqrt(3 / k)


def _hadamard(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """k rows of H D / sqrt(k), H the Hadamard matrix on a power of two >= d, k."""
    size = 1 << (max(k, d) - 1).bit_length()
    rows = rng.choice(size, size=k, replace=False)
    parity = np.bitwise_count(rows[:, None] & np.arange(d)[None, :]) & 1
    return (1.0 - 2.0 * parity) * rng.choice([-1.0, 1.0], size=d) / math.sqrt(k)


_CHOICES = {"method": ("direct", "derandomized"), "init": ("gaussian", "pca")}
_DRAWS = {"gaussian": _gaussian, "achlioptas": _achlioptas, "srht": _hadamard}
