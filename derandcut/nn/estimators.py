"""Thin scikit-learn estimators around `StructureNetwork` and `train`."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn import functional

from derandcut.errors import InputError
from derandcut.nn.diagnosis import StructureReport, diagnose, snap, stein_subspace
from derandcut.nn.training import StructureNetwork, single_threaded, train

__all__ = ["StructureClassifier", "StructureRegressor"]

LOSSES = {"squared": functional.mse_loss, "huber": functional.huber_loss}
KEPT = 0.999  # share of the variance that whitening keeps


class _Structure(BaseEstimator):
    def __init__(
        self,
        *,
        width=200,
        depth=2,
        activation="gelu",
        lambda_final=1e-4,
        lambda_start=1e-2,
        lr="auto",
        momentum=0.9,
        steps=3000,
        batch_size=256,
        whiten=False,
        snap=False,
        random_state=0,
    ):
        self.width = width
        self.depth = depth
        self.activation = activation
        self.lambda_final = lambda_final
        self.lambda_start = lambda_start
        self.lr = lr
        self.momentum = momentum
        self.steps = steps
        self.batch_size = batch_size
        self.whiten = whiten
        self.snap = snap
        self.random_state = random_state

    def diagnose(self, X, y, U=None) -> StructureReport:
        """Report the first layer on a sample, in the standardised inputs.

        Parameters
        ----------
        X : (n, d) array
        y : (n,) array
        U : (r, d') array, optional
            Orthonormal rows in the standardised inputs, if known.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        inputs, targets = self._inputs(X), self._targets(y)
        return diagnose(
            self.model_,
            inputs,
            targets,
            self._loss,
            weight_decay=self.lambda_final,
            U=U,
        )

    def _train(self, X: np.ndarray, y, n_outputs: int) -> None:
        if self.steps < 1 or self.batch_size < 1:
            raise InputError("steps, batch_size: expected at least 1")
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.mean_ = X.mean(axis=0)
        self.transform_ = _standardiser(X - self.mean_, self.whiten)
        inputs, targets = self._inputs(X).float(), self._targets(y)
        if targets.is_floating_point():
            targets = targets.float()
        self.model_ = StructureNetwork(
            inputs.shape[1], self.width, self.depth, n_outputs, self.activation, seed
        )
        generator = torch.Generator().manual_seed(seed)

        def sampler() -> tuple[torch.Tensor, torch.Tensor]:
            rows = torch.randint(len(X), (self.batch_size,), generator=generator)
            return inputs[rows], targets[rows]

        self.losses_ = train(
            self.model_,
            sampler,
            self._loss,
            steps=self.steps,
            lambda_final=self.lambda_final,
            lambda_start=self.lambda_start,
            lr=None if self.lr == "auto" else self.lr,
            momentum=self.momentum,
        )
        # trained in single precision, looked at and used in double
        self.model_ = self.model_.double()
        if self.snap:
            basis, _ = stein_subspace(self.model_, inputs, targets, self._loss)
            snap(self.model_, basis)
        self.n_iter_ = self.steps
        W = self.model_.layers[0].weight.detach().numpy()
        self.singular_values_ = np.linalg.svd(W, compute_uv=False)

    def _inputs(self, X: np.ndarray) -> torch.Tensor:
        Z = (X - self.mean_) @ self.transform_
        return torch.as_tensor(Z)

    def _outputs(self, X) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        with torch.no_grad(), single_threaded():
            return self.model_(self._inputs(X)).numpy()


class StructureRegressor(RegressorMixin, _Structure):
    """A network trained so that its first layer keeps the directions that matter.

    Parameters
    ----------
    loss : {"squared", "huber"}, default "squared"
        On standardised targets.
    width, depth, activation
        As in `StructureNetwork`.
    lambda_final, lambda_start, momentum, steps
        As in `train`.
    lr : "auto" or float, default "auto"
        First learning rate.
    batch_size : int, default 256
        Rows drawn with replacement at each step.
    whiten : bool, default False
        Whiten the inputs in place of scaling each to unit variance.
    snap : bool, default False
        Project the first layer on the Stein subspace at the end.
    random_state : int or RandomState, default 0

    Attributes
    ----------
    model_ : StructureNetwork
    losses_ : (steps,) float array
    singular_values_ : float array
        Of the first layer, descending.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(2000, 6))
    >>> model = StructureRegressor(width=50, steps=600).fit(X, np.tanh(X[:, 0]))
    >>> bool(model.singular_values_[1] < 0.2 * model.singular_values_[0])
    True
    """

    def __init__(
        self,
        *,
        loss="squared",
        width=200,
        depth=2,
        activation="gelu",
        lambda_final=1e-4,
        lambda_start=1e-2,
        lr="auto",
        momentum=0.9,
        steps=3000,
        batch_size=256,
        whiten=False,
        snap=False,
        random_state=0,
    ):
        super().__init__(
            width=width,
            depth=depth,
            activation=activation,
            lambda_final=lambda_final,
            lambda_start=lambda_start,
            lr=lr,
            momentum=momentum,
            steps=steps,
            batch_size=batch_size,
            whiten=whiten,
            snap=snap,
            random_state=random_state,
        )
        self.loss = loss

    def fit(self, X, y):
        """Fit to (n, d) inputs and (n,) targets.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if self.loss not in LOSSES:
            raise InputError(f"loss: expected one of {', '.join(LOSSES)}")
        self.target_mean_, self.target_scale_ = y.mean(), y.std() or 1.0
        self._train(X, y, 1)
        return self

    def predict(self, X):
        """Predicted targets, shape (n,)."""
        outputs = self._outputs(X)
        return outputs[:, 0] * self.target_scale_ + self.target_mean_

    def _targets(self, y) -> torch.Tensor:
        y = (np.asarray(y, dtype=float) - self.target_mean_) / self.target_scale_
        return torch.as_tensor(y[:, None])

    def _loss(self, prediction, y):
        return LOSSES[self.loss](prediction, y)


class StructureClassifier(ClassifierMixin, _Structure):
    """The classifier beside `StructureRegressor`: cross-entropy over the classes.

    Parameters
    ----------
    width, depth, activation, lambda_final, lambda_start, lr, momentum, steps
        As in `StructureRegressor`, and so are those below.
    batch_size, whiten, snap, random_state
        As in `StructureRegressor`.

    Attributes
    ----------
    classes_ : (c,) array
    model_, losses_, singular_values_
        As in `StructureRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(2000, 6))
    >>> model = StructureClassifier(width=50, steps=300).fit(X, X[:, 0] > 0)
    >>> model.score(X, X[:, 0] > 0) > 0.95
    True
    """

    def fit(self, X, y):
        """Fit to (n, d) inputs and (n,) labels.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise InputError("y: expected more than one class")
        self._train(X, y, len(self.classes_))
        return self

    def predict_proba(self, X):
        """Probabilities of the classes, shape (n, c)."""
        outputs = self._outputs(X)
        share = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return share / share.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Predicted labels, shape (n,)."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def _targets(self, y) -> torch.Tensor:
        return torch.as_tensor(np.searchsorted(self.classes_, y))

    def _loss(self, prediction, y):
        return functional.cross_entropy(prediction, y)


def _standardiser(X: np.ndarray, whiten: bool) -> np.ndarray:
    """Matrix that brings centred rows to unit variance, whitened on request."""
    if not whiten:
        scale = X.std(axis=0)
        return np.diag(np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0))
    _, singular, V = np.linalg.svd(X, full_matrices=False)
    share = np.cumsum(singular**2) / max((singular**2).sum(), 1e-300)
    kept = int(np.searchsorted(share, KEPT) + 1)
    return V[:kept].T * (np.sqrt(len(X)) / np.maximum(singular[:kept], 1e-300))
