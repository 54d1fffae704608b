"""The student network and its training with an annealed lambda."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from derandcut.errors import InputError
from derandcut.lemma.schedules import geometric, linear

__all__ = ["StructureNetwork", "first_linear", "train"]

ACTIVATIONS = {
    "gelu": nn.functional.gelu,
    "softplus": nn.functional.softplus,
    "tanh": torch.tanh,
}
HIDDEN_WIDTH = 64  # of the layers between the first and the last

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Sampler = Callable[[], tuple[torch.Tensor, torch.Tensor]]


class StructureNetwork(nn.Module):
    """A smooth network phi_theta(W x + b) whose layers all learn at one rate.

    Layers between the first and the last are divided by the square root of their
    inputs, the last by their number (its bias by the root of it): with that every
    block of parameters sees a curvature of order 1 / (last width), so one step of
    the order of the last width fits all.

    Parameters
    ----------
    n_features : int
        d.
    width : int, default 200
        h, the units of the first layer.
    depth : int, default 2
        Linear layers, at least 2.
    n_outputs : int, default 1
    activation : {"gelu", "softplus", "tanh"}, default "gelu"
        Smooth, as the lemma asks.
    seed : int, default 0

    Examples
    --------
    >>> import torch
    >>> StructureNetwork(5, width=8)(torch.zeros(3, 5)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self,
        n_features: int,
        width: int = 200,
        depth: int = 2,
        n_outputs: int = 1,
        activation: str = "gelu",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if depth < 2 or width < 1:
            raise InputError("depth, width: expected at least 2 and 1")
        if activation not in ACTIVATIONS:
            raise InputError(f"activation: expected one of {', '.join(ACTIVATIONS)}")
        generator = torch.Generator().manual_seed(seed)
        sizes = [n_features, width, *[HIDDEN_WIDTH] * (depth - 2), n_outputs]
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, *pair) for pair in pairwise(sizes)
        )
        for layer in self.layers:
            nn.init.normal_(layer.weight, generator=generator)
            nn.init.normal_(layer.bias, generator=generator)
        with torch.no_grad():
            self.layers[0].weight /= math.sqrt(n_features)
        self.activation = ACTIVATIONS[activation]

    @property
    def rate(self) -> float:
        """Learning rate that fits the curvature, for momentum 0.9."""
        return 0.1 * self.layers[-1].in_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs, shape (batch, n_outputs)."""
        x = self.activation(self.layers[0](x))
        for layer in self.layers[1:-1]:
            x = nn.functional.linear(x, layer.weight / math.sqrt(x.shape[1]))
            x = self.activation(x + layer.bias)
        last = self.layers[-1]
        bias = last.bias / math.sqrt(x.shape[1])
        return nn.functional.linear(x, last.weight / x.shape[1], bias)


def first_linear(model: nn.Module) -> nn.Linear:
    """The first linear layer of a module, in the order of its definition.

    Raises
    ------
    InputError
        If there is none.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            return module
    raise InputError("model: expected a torch module whose first layer is linear")


@contextmanager
def single_threaded() -> Iterator[None]:
    """Small matrices: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train(
    model: nn.Module,
    sampler: Sampler,
    loss: Loss,
    *,
    steps: int = 3000,
    lambda_final: float = 1e-4,
    lambda_start: float = 1e-2,
    lr: float | None = None,
    momentum: float = 0.9,
) -> np.ndarray:
    """Minimise E loss + (lambda/2) ||W||^2 with lambda annealed and the rate decaying.

    All parameters are trained; only W, the first layer's matrix, is decayed. lambda
    falls by equal ratios over the first 70 % of the steps: a small lambda from the
    start leaves W_perp where it was. The noise of the samples does what perturbation
    does in perturbed gradient descent.

    Parameters
    ----------
    model : torch.nn.Module
        First layer linear; changed in place.
    sampler : callable () -> (X, y)
        A fresh batch; X standard Gaussian for the lemma to apply.
    loss : callable (prediction, y) -> scalar tensor
        Mean over the batch, smooth.
    steps : int, default 3000
    lambda_final, lambda_start : float, default 1e-4, 1e-2
        Ends of the schedule; equal for a constant lambda.
    lr : float, optional
        First learning rate, by default `StructureNetwork.rate`; it falls linearly to 0.
    momentum : float, default 0.9

    Returns
    -------
    (steps,) float array
        Loss of each batch.

    Raises
    ------
    InputError
        If no learning rate is known, or the loss stops being finite.

    Examples
    --------
    >>> import torch
    >>> generator = torch.Generator().manual_seed(0)
    >>> def sampler():
    ...     X = torch.randn(64, 4, generator=generator)
    ...     return X, torch.tanh(X[:, :1])
    >>> model = StructureNetwork(4, width=20)
    >>> losses = train(model, sampler, torch.nn.functional.mse_loss, steps=200)
    >>> bool(losses[-1] < losses[0])
    True
    """
    if lr is None and not isinstance(model, StructureNetwork):
        raise InputError("lr: expected a learning rate for a network of your own")
    lr = model.rate if lr is None else lr
    W = first_linear(model).weight
    others = [p for p in model.parameters() if p is not W]
    groups = [{"params": [W]}, {"params": others}]
    optimiser = torch.optim.SGD(groups, lr=lr, momentum=momentum, foreach=True)
    lambdas = geometric(lambda_start, lambda_final, steps, share=0.7)
    losses = np.empty(steps)
    with single_threaded():
        for step, rate in enumerate(linear(lr, 0.0, steps)):
            optimiser.param_groups[0]["weight_decay"] = lambdas[step]
            for group in optimiser.param_groups:
                group["lr"] = rate
            X, y = sampler()
            value = loss(model(X), y)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            losses[step] = value.item()
            if not math.isfinite(losses[step]):
                raise InputError(f"lr: the loss left the finite numbers at step {step}")
    return losses
