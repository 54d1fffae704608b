"""Johnson-Lindenstrauss targets T1-T8: ``python bench/jl.py [T1 T3 ...]``.

Every line states a target and what was measured. Distances are between all pairs of
points; "raw" compares with the best of the random matrices as drawn, "rescaled" after
each was given its best scalar.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.feature_extraction.text import TfidfVectorizer

from derandcut.jl import BaselineProjection, DerandomizedProjection, max_distortion
from derandcut.jl.learning import best_scale, learn
from derandcut.jl.projection import row_space
from derandcut.jl.secants import AllPairs, SomePairs


def digits(n: int) -> np.ndarray:
    X = load_digits().data
    return X[np.random.default_rng(0).permutation(len(X))[:n]]


def patches(n: int) -> np.ndarray:
    image = load_sample_image("china.jpg").mean(axis=2)
    return extract_patches_2d(image, (28, 28), max_patches=n, random_state=0).reshape(
        n, -1
    )


def words(n: int) -> np.ndarray:
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(folder.glob("*.py"))[:n]
    texts = [file.read_text(encoding="utf-8", errors="ignore") for file in files]
    return TfidfVectorizer(max_features=5000).fit_transform(texts)


def gaussian(n: int, d: int = 500) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d))


DATA = {"digits": digits, "patches": patches, "words": words, "gaussian": gaussian}


def learned(X, k: int, **options) -> tuple[DerandomizedProjection, float]:
    begin = time.process_time()
    model = DerandomizedProjection(k, **options).fit(X)
    return model, time.process_time() - begin


def best_gaussian(X, k: int, draws: int, rescale: bool = False) -> float:
    return BaselineProjection(k, n_draws=draws, rescale=rescale).fit(X).max_distortion_


def t1() -> None:
    """k = 30, n = 100: >= 5x below the best of 1000 Gaussians raw, >= 4x rescaled."""
    _ratios("T1", 30)


def t2() -> None:
    """k = 20, n = 100: >= 4x below the best of 1000 Gaussians raw."""
    _ratios("T2", 20)


def _ratios(name: str, k: int) -> None:
    for data, load in DATA.items():
        X = load(100)
        model, seconds = learned(X, k, max_iter=400)
        raw, scaled = best_gaussian(X, k, 1000), best_gaussian(X, k, 1000, True)
        reached = model.max_distortion_
        report(
            name,
            f"{data}: {reached:.4f} in {seconds:.1f} s, best of 1000 {raw:.3f} "
            f"({scaled:.3f}): {raw / reached:.1f}x raw, "
            f"{scaled / reached:.1f}x rescaled",
        )


def t3() -> None:
    """n = 1000, d = 784, k = 50: >= 6x below the best of 100 in <= 60 s."""
    X = patches(1000)
    raw = best_gaussian(X, 50, 100)
    for init in ("pca", "gaussian"):
        model, seconds = learned(X, 50, init=init, max_iter=150)
        report(
            "T3",
            f"{init}: {model.max_distortion_:.4f} in {seconds:.1f} s, best of 100 "
            f"{raw:.3f}: {raw / model.max_distortion_:.1f}x",
        )


def t4() -> None:
    """The norms task, n = 100, d = 500, k = 30: <= 1e-8 in < 1 s. Trivial."""
    X = gaussian(100)
    begin = time.process_time()
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    # norms are the secants from the origin: pairs (point, 0)
    rows = np.vstack([X, np.zeros(X.shape[1])])
    Y, V = row_space(rows)
    pairs = SomePairs(Y, np.arange(100), np.full(100, 100))
    start = np.random.default_rng(0).normal(size=(30, X.shape[1])) / np.sqrt(30)
    B, _ = learn(pairs, start @ V.T, 12, 200)
    reached = np.abs(((X @ (B @ V).T) ** 2).sum(axis=1) - 1).max()
    seconds = time.process_time() - begin
    one = np.linalg.lstsq(X, np.ones(100), rcond=None)[0]
    exact = np.abs((X @ one) ** 2 - 1).max()
    report(
        "T4", f"{reached:.1e} in {seconds:.2f} s; k = 1 by least squares {exact:.1e}"
    )


def t5_t6() -> None:
    """Against NuMax (n = 40): value <= 1.03x, k at most .75x its rank."""
    import cvxpy as cp

    for data in ("digits", "gaussian"):
        X = DATA[data](40)
        Y = row_space(X - X.mean(axis=0))[0]
        i, j = np.triu_indices(40, 1)
        secants = Y[i] - Y[j]
        secants /= np.linalg.norm(secants, axis=1, keepdims=True)
        for k in (5, 10):
            model, seconds = learned(X, k, init="pca", max_iter=400)
            delta = model.max_distortion_
            P = cp.Variable((Y.shape[1],) * 2, PSD=True)
            lengths = cp.sum(cp.multiply(secants @ P, secants), axis=1)
            problem = cp.Problem(
                cp.Minimize(cp.trace(P)), [cp.abs(lengths - 1) <= delta]
            )
            begin = time.process_time()
            problem.solve(solver=cp.SCS, eps=1e-5, max_iters=20000)
            sdp_seconds = time.process_time() - begin
            value, vectors = np.linalg.eigh(P.value)
            rank = int((value > 1e-3 * value[-1]).sum())
            start = np.sqrt(np.maximum(value[-k:], 0))[:, None] * vectors[:, -k:].T
            pairs = AllPairs(Y)
            polished, _ = learn(pairs, start, 6, 400)
            theirs = best_scale(pairs.squares(polished))[1]
            report(
                "T5",
                f"{data} k={k}: {delta:.4f} in {seconds:.1f} s, NuMax polished "
                f"{theirs:.4f} (SDP {sdp_seconds:.1f} s): {delta / theirs:.3f}x",
            )
            report(
                "T6",
                f"{data} k={k}: NuMax rank {rank} at the same delta: {k / rank:.2f}",
            )


def t7() -> None:
    """final <= certificate <= the Johnson-Lindenstrauss start, always."""
    rng = np.random.default_rng(0)
    runs = held = 0
    for _ in range(60):
        n, d, k = rng.integers(2, 40), rng.integers(1, 30), rng.integers(1, 12)
        X = rng.normal(size=(n, d)) * np.exp(rng.normal(size=d) * 2)
        for method in ("direct", "derandomized"):
            model, _ = learned(X, int(k), method=method)
            runs += 1
            exact = max_distortion(X, model.transform(X))
            chain = [step.value for step in model.path_]
            held += (
                exact <= model.certificate_ + 1e-9
                and model.certificate_ <= model.jl_bound_ + 1e-9
                and (method == "direct" or (np.diff(chain) <= 1e-9).all())
            )
    report("T7", f"the chain held in {held} of {runs} runs")


def t8() -> None:
    """Points not seen, Gaussian start: q99 <= .75x a Gaussian's."""
    X = patches(1500)
    train, test = X[:1000], X[1000:]
    random = BaselineProjection(50).fit(train)
    for init in ("gaussian", "pca"):
        model, _ = learned(train, 50, init=init, max_iter=150)
        mine, theirs = (_quantiles(test, A) for A in (model, random))
        report(
            "T8",
            f"{init}: test max {mine[2]:.3f} vs {theirs[2]:.3f}, q99 {mine[1]:.3f} vs "
            f"{theirs[1]:.3f} ({mine[1] / theirs[1]:.2f}x), median {mine[0]:.3f} vs "
            f"{theirs[0]:.3f}",
        )


def _quantiles(X: np.ndarray, model) -> np.ndarray:
    from scipy.spatial.distance import pdist

    ratio = pdist(model.transform(X), "sqeuclidean") / pdist(X, "sqeuclidean")
    return np.quantile(np.abs(ratio - 1), [0.5, 0.99, 1.0])


def report(name: str, text: str) -> None:
    print(f"{name}  {text}", flush=True)


TARGETS = {"T1": t1, "T2": t2, "T3": t3, "T4": t4, "T5": t5_t6, "T7": t7, "T8": t8}

if __name__ == "__main__":
    for target in sys.argv[1:] or TARGETS:
        print(f"{target}  {' '.join((TARGETS[target].__doc__ or '').split())}")
        TARGETS[target]()
