"""Learning a projection of few rows that keeps the length of every secant.

Both methods minimise the Chernoff bound `chernoff` in the k x r matrix B, the
projection in the row space of the centred data. "direct" does so at s = 0 with t
growing, "derandomized" follows the variance s down from the Johnson-Lindenstrauss
start (0, 1/k), where the bound needs no data, to s = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from derandcut.jl.bounds import chernoff
from derandcut.jl.secants import AllPairs, SomePairs, pair_lengths, scan_pairs
from derandcut.lemma.optimise import LBFGS
from derandcut.lemma.schedules import geometric

__all__ = [
    "Scan",
    "Step",
    "best_scale",
    "derandomize_variance",
    "learn",
    "learn_streamed",
    "scan",
]

SHARPEN = 4.0  # factor on t between stages
SHRINK = 0.6  # factor on s between stages
WORKING_SET = 40_000  # pairs kept between scans
SCAN_LIMIT = 200_000_000  # pairs one scan may visit


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted stage of `n_iter` iterations: F_t(M, s), with its slope dF/ds."""

    t: float
    s: float
    value: float
    slope: float
    n_iter: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Extreme squares m over `pairs` secants, and the pairs (i, j) that reach far."""

    low: float
    high: float
    pairs: int
    i: np.ndarray
    j: np.ndarray
    squares: np.ndarray

    @property
    def distortion(self) -> float:
        """Largest | m - 1 |."""
        return float(max(self.high - 1, 1 - self.low))

    def certificate(self) -> float:
        """F_t(M, 0) at a t that keeps it within 2 % of the distortion.

        With pairs that are not listed, its largest possible value log(2 N) / t above
        the distortion.
        """
        logarithm = math.log(2 * max(1, self.pairs))
        distortion = self.distortion
        t = 50 * logarithm / max(distortion, 1e-14)
        if len(self.squares) < self.pairs:
            return distortion + logarithm / t
        return max(distortion, chernoff(self.squares, 1, t)[0])


def best_scale(squares: np.ndarray) -> tuple[float, float]:
    """Factor on the squares that centres them about one, and the distortion then."""
    high, low = float(squares.max()), float(squares.min())
    if high == 0:
        return 1.0, 1.0
    return 2 / (high + low), (high - low) / (high + low)


def descend(
    secants: AllPairs | SomePairs,
    B: np.ndarray,
    t: float,
    s: float,
    max_iter: int,
) -> tuple[np.ndarray, Step]:
    """Minimise F_t(., s) from B by L-BFGS; the value never rises."""
    k = B.shape[0]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, weight, _ = chernoff(secants.squares(flat.reshape(B.shape)), k, t, s)
        return value, secants.gradient(weight).ravel()

    steps = 0

    def count(*_) -> None:
        nonlocal steps
        steps += 1

    # the tolerance is relative to |F|; later stages decide what a gain is worth
    descent = LBFGS(max_iter, tolerance=1e-7)
    B = descent(objective, B.ravel(), count).reshape(B.shape)
    value, _, slope = chernoff(secants.squares(B), k, t, s)
    return B, Step(t, s, value, slope, steps)


def learn(
    secants: AllPairs, B: np.ndarray, stages: int, max_iter: int, t: float | None = None
) -> tuple[np.ndarray, list[Step]]:
    """Minimise the largest distortion from B: F_t(., 0) with t growing."""
    factor, best = best_scale(secants.squares(B))
    B = B * math.sqrt(factor)
    kept = B
    path: list[Step] = []
    logarithm = math.log(2 * secants.count)
    first = t or logarithm / max(best, 1e-12)
    for t in geometric(first, first * SHARPEN ** (stages - 1), stages):
        B, step = descend(secants, B, t, 0.0, max_iter)
        factor, distortion = best_scale(secants.squares(B))
        B = B * math.sqrt(factor)
        gain, sharp = best - distortion, t * distortion > 20 * logarithm
        if distortion < best:
            kept, best = B, distortion
            path.append(step)
        if best < 1e-13 or (sharp and gain < 0.01 * best):
            break
    return kept, path


def derandomize_variance(
    secants: AllPairs, B: np.ndarray, stages: int, max_iter: int
) -> tuple[np.ndarray, list[Step]]:
    """Follow s from 1/k to 0, F never rising, then sharpen at s = 0.

    By (1.2) F falls with s at a second-order stationary M, so a short enough step of
    s always keeps the value reached; a step that would not is shortened.
    """
    k = B.shape[0]
    logarithm = math.log(2 * secants.count)
    zero = np.where(secants.inverse > 0, 0.0, 1.0)
    s, value = 1 / k, math.inf
    path: list[Step] = []
    for t in np.linspace(0.05, 0.45, 17) / s:
        start, _, slope = chernoff(zero, k, t, s)
        if start < value:
            value, path = start, [Step(t, s, start, slope)]
    ratio = SHRINK
    while ratio < 0.99:
        trial, step = descend(secants, B, 0.2 / (ratio * s), ratio * s, max_iter)
        if step.value > value:
            ratio = math.sqrt(ratio)
            continue
        B, s, value, ratio = trial, ratio * s, step.value, SHRINK
        path.append(step)
        if step.t * best_scale(secants.squares(B))[1] > 4 * logarithm:
            break
    B, steps = learn(secants, B, stages, max_iter, t=path[-1].t)
    return B, path + steps


def learn_streamed(
    Y, B: np.ndarray, stages: int, max_iter: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[Step]]:
    """`learn` on a working set of pairs, renewed by a scan of all after each stage."""
    i, j = rng.integers(Y.shape[0], size=(2, WORKING_SET // 2))
    path: list[Step] = []
    kept, best = B, math.inf
    rounds = 3 * stages
    for sharper in geometric(1.0, 50.0, rounds + 1):
        found = scan(Y, B, rng)
        factor, distortion = best_scale(np.array([found.low, found.high]))
        B = B * math.sqrt(factor)
        if distortion < best:
            kept, best = B, distortion
        if len(path) == rounds or best < 1e-13:
            break
        i, j = _distinct(Y, np.append(i, found.i), np.append(j, found.j))
        if not len(i):
            break
        secants = SomePairs(Y, i, j)
        t = sharper * math.log(2 * len(i)) / distortion
        B, step = descend(secants, B, t, 0.0, max_iter)
        path.append(step)
        far = _farthest(secants.squares(B), 1.0, WORKING_SET)
        i, j = i[far], j[far]
    return kept, path


def scan(Y, B: np.ndarray, rng: np.random.Generator) -> Scan:
    """Measure all pairs of rows, beyond the limit those of random rows."""
    n = Y.shape[0]
    most = int(math.sqrt(2 * SCAN_LIMIT))
    rows = np.arange(n)
    if n > most:
        rows = np.sort(rng.choice(n, most, replace=False))
        Y = Y[rows]
    block = max(1, (1 << 22) // len(rows))
    share = max(64, 2 * WORKING_SET * block // len(rows))
    parts, pairs = [], 0
    low, high = 1.0, 1.0
    far = [np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.ones(0)]
    for i, j, squares in scan_pairs(Y, Y @ B.T, block):
        if not len(i):
            continue
        first = not pairs
        low = float(squares.min() if first else min(low, squares.min()))
        high = float(squares.max() if first else max(high, squares.max()))
        pairs += len(i)
        ends = _farthest(squares, (low + high) / 2, share)
        parts.append((i[ends], j[ends], squares[ends]))
    if parts:
        far = [np.concatenate(part) for part in zip(*parts, strict=True)]
        ends = _farthest(far[2], (low + high) / 2, WORKING_SET // 2)
        far = [part[ends] for part in far]
    else:
        far[2] = np.ones(1)
    return Scan(low, high, pairs, rows[far[0]], rows[far[1]], far[2])


def _farthest(squares: np.ndarray, centre: float, count: int) -> np.ndarray:
    """Indices of the `count` squares farthest from `centre`."""
    if len(squares) <= count:
        return np.arange(len(squares))
    return np.argpartition(-np.abs(squares - centre), count)[:count]


def _distinct(Y, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs i < j, each once, whose rows differ."""
    pairs = np.unique(np.sort(np.column_stack([i, j]), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    i, j = pairs.T
    keep = pair_lengths(Y, i, j) > 0
    return i[keep], j[keep]
