"""What the first layer of a trained network found, and how sure the lemma makes it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.linalg import norm
from scipy.linalg import subspace_angles
from scipy.sparse.linalg import LinearOperator
from torch import nn

from derandcut.errors import InputError
from derandcut.lemma.certificate import certify
from derandcut.lemma.picture import new_axes
from derandcut.nn.training import Loss, first_linear, single_threaded
from derandcut.result import LemmaCertificate

__all__ = ["StructureReport", "diagnose", "snap", "stein_subspace"]

CHUNK = 1024
ROUGH_ROWS = 2000  # enough for the range of the Stein matrix
SKETCH = 8  # directions of the Stein matrix looked at, if rank is not given


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StructureReport:
    """The first layer after training.

    Attributes
    ----------
    singular_values : (min(h, d),) float array
        Of W, descending.
    effective_rank : float
        exp of the entropy of the squared singular values' shares.
    rank_99 : int
        Singular values that hold 99 % of ||W||_F^2.
    certificate : LemmaCertificate
        (1.3) on W_perp, the rows of W off span(U), or off the Stein subspace if U is
        not known. eps is ||grad_W L|| off that span plus `identity_error`: then the
        bound holds on the sample given, whatever its law. gamma is a Lanczos estimate.
    identity_error : float
        ||C||_F off that span. Zero by Stein's identity for a standard Gaussian x
        without end and the span of the teacher; what is left is the sample's.
    stein_values : (p,) float array
        Leading singular values of C = E[grad_u l x'] - H W, descending.
    stein_rank : int
        Where their largest relative gap is.
    stein_basis : (stein_rank, d) float array
        Orthonormal rows: the subspace found, also far from stationarity.
    loss : float
        Mean loss of the sample.
    perpendicular : float or None
        ||W_perp||_F / ||W||_F, if U is known.
    angles : (r,) float array or None
        Principal angles (radians, descending) between U and the leading right singular
        vectors of W, if U is known.
    stein_sine : float or None
        Sine of the largest angle between U and as many leading rows of C.

    Examples
    --------
    >>> import torch
    >>> from derandcut.nn import StructureNetwork
    >>> X = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> model, mse = StructureNetwork(3, width=20), torch.nn.functional.mse_loss
    >>> report = diagnose(model, X, X[:, :1], mse, weight_decay=9.0, U=[[1, 0, 0]])
    >>> report.singular_values.shape, report.angles.shape
    ((3,), (1,))
    >>> report.certificate.norm <= report.certificate.bound
    True
    """

    singular_values: np.ndarray
    effective_rank: float
    rank_99: int
    certificate: LemmaCertificate
    identity_error: float
    stein_values: np.ndarray
    stein_rank: int
    stein_basis: np.ndarray
    loss: float
    perpendicular: float | None = None
    angles: np.ndarray | None = None
    stein_sine: float | None = None

    def __repr__(self) -> str:
        return f"StructureReport({str(self).splitlines()[0]})"

    def __str__(self) -> str:
        known = self.certificate
        bound = "vacuous" if known.vacuous else f"{known.bound:.3g}"
        lines = [
            f"effective rank {self.effective_rank:.2f}, 99 % rank {self.rank_99}, "
            f"Stein rank {self.stein_rank}, loss {self.loss:.3g}",
            f"eps {known.eps:.3g} ({self.identity_error:.3g} of it the sample's), "
            f"gamma {known.gamma:.3g} ({known.gamma_kind}), "
            f"lambda {known.weight_decay:.3g}: norm {known.norm:.3g}, bound {bound}",
        ]
        if self.perpendicular is not None:
            lines.append(
                f"W_perp / W {self.perpendicular:.3g}, largest angle "
                f"{self.angles.max(initial=0.0):.3g} rad"
            )
        return "\n".join(lines)

    def plot(self, axes=None):
        """Draw both spectra; returns the matplotlib axes.

        Raises
        ------
        MissingDependencyError
            Without matplotlib.
        """
        axes = axes or new_axes()
        for values, label in (
            (self.singular_values, "W"),
            (self.stein_values, "Stein matrix"),
        ):
            share = values / (values.max(initial=0.0) or 1.0)
            axes.semilogy(np.arange(1, len(values) + 1), share, "o-", label=label)
        axes.set_xlabel("index")
        axes.set_ylabel("singular value / largest")
        axes.legend()
        return axes


def stein_subspace(
    model: nn.Module, X, y, loss: Loss, rank: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The subspace the targets depend on, from C = E[grad_u l x'] - H W.

    By Stein's identity the rows of C lie in span(U) at any W, trained or not, if x is
    standard Gaussian. C is looked at through a few Hessian-vector products in b.

    Parameters
    ----------
    model : torch.nn.Module
        First layer linear.
    X : (n, d) tensor or array
    y : (n, ...) tensor or array
    loss : callable (prediction, y) -> scalar tensor
        Mean over the batch.
    rank : int, optional
        Dimension wanted; by default where the largest relative gap of C's singular
        values is, among the first 8.
    seed : int, default 0
        Of the random sketch.

    Returns
    -------
    basis : (rank, d) float array
        Orthonormal rows.
    values : (p,) float array
        Leading singular values of C, descending.

    Raises
    ------
    InputError
        If the model's first layer is not linear, or the rank exceeds d or h.

    Examples
    --------
    >>> import torch
    >>> from derandcut.nn import StructureNetwork
    >>> X = torch.randn(20000, 5, generator=torch.Generator().manual_seed(0))
    >>> model = StructureNetwork(5, width=30)
    >>> mse = torch.nn.functional.mse_loss
    >>> basis, values = stein_subspace(model, X, torch.tanh(X[:, :1]), mse)
    >>> basis.shape, bool(abs(basis[0, 0]) > 0.99)
    ((1, 5), True)
    """
    with single_threaded(), evaluating(model):
        problem = _Problem(model, X, y, loss)
        return _stein(problem, rank, seed)


def diagnose(
    model: nn.Module,
    X,
    y,
    loss: Loss,
    *,
    weight_decay: float,
    U: np.ndarray | None = None,
    seed: int = 0,
) -> StructureReport:
    """Report what the first layer of any network found.

    Parameters
    ----------
    model : torch.nn.Module
        First layer linear; any depth and loss after it. Looked at in evaluation mode
        (no dropout, fixed batch normalisation) and left as it was.
    X : (n, d) tensor or array
        Standard Gaussian inputs, for W_perp to vanish by the lemma; for others the
        report is still true of the sample, with an `identity_error` that need not be
        small. Costs d Hessian-vector products and some 60 more.
    y : (n, ...) tensor or array
    loss : callable (prediction, y) -> scalar tensor
        Mean over the batch.
    weight_decay : float
        lambda of the training's end.
    U : (r, d) array, optional
        Orthonormal rows of the teacher, if known.
    seed : int, default 0

    Returns
    -------
    StructureReport

    Raises
    ------
    InputError
        If the model's first layer is not linear or U does not fit it.

    Examples
    --------
    >>> import torch
    >>> from derandcut.nn import StructureNetwork
    >>> X = torch.randn(500, 5, generator=torch.Generator().manual_seed(0))
    >>> mse = torch.nn.functional.mse_loss
    >>> report = diagnose(StructureNetwork(5), X, X[:, :1], mse, weight_decay=0.1)
    >>> report.rank_99
    5
    """
    with single_threaded(), evaluating(model):
        problem = _Problem(model, X, y, loss)
        slope, value = problem.gradient()
        basis, values = _stein(problem, None, seed)
        W = problem.W
        _, singular, V = np.linalg.svd(W, full_matrices=False)
        share = singular**2 / max((singular**2).sum(), 1e-300)
        entropy = -(share * np.log(np.maximum(share, 1e-300))).sum()
        kept, span = {}, basis
        if U is not None:
            U = np.atleast_2d(np.asarray(U, dtype=float))
            if U.shape[1] != W.shape[1] or not np.allclose(U @ U.T, np.eye(len(U))):
                raise InputError(f"U: expected orthonormal rows of length {W.shape[1]}")
            span = U
            lead = _stein(problem, len(U), seed)[0]
            kept = {
                "perpendicular": _ratio(norm(W - W @ U.T @ U), norm(W)),
                "angles": subspace_angles(U.T, V[: len(U)].T),
                "stein_sine": math.sin(subspace_angles(U.T, lead.T).max()),
            }
        # grad_W L = (H + lambda) W + C: off the span, ||W_perp|| (lambda - gamma) is at
        # most ||grad_W L|| + ||C||
        off = np.eye(W.shape[1]) - span.T @ span
        identity_error = norm((slope - problem.curved(W)) @ off)
        certificate = certify(
            (slope + weight_decay * W) @ off,
            problem.hessian(),
            W @ off,
            weight_decay,
            identity_error,
        )
    return StructureReport(
        singular_values=singular,
        effective_rank=float(np.exp(entropy)),
        rank_99=int(np.searchsorted(np.cumsum(share), 0.99) + 1),
        certificate=certificate,
        identity_error=identity_error,
        stein_values=values,
        stein_rank=len(basis),
        stein_basis=basis,
        loss=value,
        **kept,
    )


def snap(model: nn.Module, basis: np.ndarray) -> None:
    """Project the rows of the first layer on a subspace: W <- W P.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    basis : (r, d) float array
        Orthonormal rows, as `stein_subspace` returns them.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.nn import StructureNetwork
    >>> model = StructureNetwork(3, width=4)
    >>> snap(model, np.eye(3)[:1])
    >>> int((model.layers[0].weight != 0).sum())
    4
    """
    weight = first_linear(model).weight
    Q = torch.as_tensor(basis, dtype=weight.dtype)
    with torch.no_grad():
        weight.copy_(weight @ Q.T @ Q)


class _Problem:
    """Mean loss of a sample as a function of the first layer's matrix and shift."""

    def __init__(self, model: nn.Module, X, y, loss: Loss) -> None:
        self.model, self.loss = model, loss
        self.layer = first_linear(model)
        weight = self.layer.weight
        self.X = torch.as_tensor(X).to(weight.dtype)
        y = torch.as_tensor(y)
        self.y = y.to(weight.dtype) if y.is_floating_point() else y
        if self.X.ndim != 2 or self.X.shape[1] != weight.shape[1]:
            raise InputError(f"X: expected shape (n, {weight.shape[1]})")
        if len(self.X) != len(self.y) or not len(self.X):
            raise InputError("y: expected one target for each of at least one row of X")
        self._check_first()
        self.W = weight.detach().numpy().astype(float)
        with torch.no_grad():
            self.units = self.layer(self.X)

    def _check_first(self) -> None:
        seen: list[torch.Tensor] = []
        hook = self.layer.register_forward_pre_hook(
            lambda _, args: seen.append(args[0])
        )
        try:
            with torch.no_grad():
                self.model(self.X[:2])
        finally:
            hook.remove()
        if len(seen) != 1 or not torch.equal(seen[0], self.X[:2]):
            raise InputError("model: expected its first layer, and it alone, to see x")

    def part(self, share: int) -> _Problem:
        """The problem on every `share`-th row."""
        X, y = self.X[::share], self.y[::share]
        return _Problem(self.model, X, y, self.loss)

    def chunks(
        self,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]]:
        """(X, units, y, share of the rows), piece by piece."""
        n = len(self.X)
        for begin in range(0, n, CHUNK):
            rows = slice(begin, min(n, begin + CHUNK))
            units = self.units[rows]
            yield self.X[rows], units, self.y[rows], len(units) / n

    def tail(self, X, units: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Loss with the first layer's outputs given."""
        with _answering(self.layer, units):
            return self.loss(self.model(X), y)

    def gradient(self) -> tuple[np.ndarray, float]:
        """E[grad_u l x'], shape (h, d), and the mean loss."""
        total, _, value = self._slopes()
        return total, value

    def regression(self) -> np.ndarray:
        """Coefficients (h, d) of the linear regression of grad_u l on x."""
        slope, shift, _ = self._slopes()
        mean = np.zeros(self.W.shape[1])
        square = np.zeros((len(mean), len(mean)))
        for X, _, _, share in self.chunks():
            mean += share * X.mean(dim=0).double().numpy()
            square += (X.T @ X).double().numpy() / len(self.X)
        covariance = square - np.outer(mean, mean)
        inverse = np.linalg.pinv(covariance, rcond=1e-6, hermitian=True)
        return (slope - np.outer(shift, mean)) @ inverse

    def _slopes(self) -> tuple[np.ndarray, np.ndarray, float]:
        """E[grad_u l x'], E[grad_u l] and the mean loss."""
        total, shift, value = np.zeros(self.W.shape), np.zeros(len(self.W)), 0.0
        for X, units, y, share in self.chunks():
            units = units.clone().requires_grad_()
            loss = self.tail(X, units, y)
            (slope,) = torch.autograd.grad(loss, units)
            total += share * (slope.T @ X).double().numpy()
            shift += share * slope.sum(dim=0).double().numpy()
            value += share * loss.item()
        return total, shift, value

    def curved(self, V: np.ndarray) -> np.ndarray:
        """H V for H = hess_b E loss (h x h), column by column of V."""
        tangents = torch.as_tensor(V.T.copy(), dtype=self.units.dtype)
        result = np.zeros((V.shape[1], V.shape[0]))
        for X, units, y, share in self.chunks():
            shift = torch.zeros(V.shape[0], dtype=units.dtype, requires_grad=True)
            loss = self.tail(X, units + shift, y)
            (slope,) = torch.autograd.grad(loss, shift, create_graph=True)
            if not slope.requires_grad:
                continue  # the loss is linear in the shift
            for row, tangent in enumerate(tangents):
                (product,) = torch.autograd.grad(
                    slope, shift, tangent, retain_graph=True, materialize_grads=True
                )
                result[row] += share * product.numpy()
        return result.T

    def hessian(self) -> LinearOperator:
        """H as an operator of products."""
        h = self.W.shape[0]

        def product(v: np.ndarray) -> np.ndarray:
            return self.curved(v.reshape(h, 1)).ravel()

        return LinearOperator((h, h), matvec=product, dtype=float)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every part of the model in evaluation mode, and back in its own after."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _answering(layer: nn.Linear, units: torch.Tensor) -> Iterator[None]:
    """Let `layer` return `units` whatever it is given."""
    layer.forward = lambda _: units
    try:
        yield
    finally:
        del layer.forward


def _stein(
    problem: _Problem, rank: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Randomised singular value decomposition of C = E[grad_u l x'] - H W.

    The expectation is taken as a regression of grad_u l on x: the same for a standard
    Gaussian x, without the noise of the sample's covariance.
    """
    h, d = problem.W.shape
    most = min(h, d)
    if rank is not None and not 1 <= rank <= most:
        raise InputError(f"rank: expected 1..{most}, got {rank}")
    rng = np.random.default_rng(seed)
    # a rough range, on a sixteenth of a large sample, tells which columns are worth it
    rough = problem.part(16) if len(problem.X) >= 16 * ROUGH_ROWS else problem
    p = min(most, max(SKETCH, 2 * (rank or 0)))
    test = rng.normal(size=(d, p))
    sketch = rough.regression() @ test - rough.curved(problem.W @ test)
    left, values, _ = np.linalg.svd(sketch, full_matrices=False)
    Q = left[:, : min(p, (rank or _gap(values)) + 2)]
    core = Q.T @ problem.regression() - problem.curved(Q).T @ problem.W
    _, values, V = np.linalg.svd(core, full_matrices=False)
    return V[: rank or _gap(values)], values


def _gap(values: np.ndarray) -> int:
    """Number of singular values before their largest relative gap."""
    floor = np.maximum(values, 1e-12 * max(values[0], 1e-300))
    gaps = floor[:-1] / floor[1:]
    return int(gaps.argmax()) + 1 if len(gaps) else 1


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
