"""The paper's three experiments, each against its baseline, then larger.

    python bench/paper/reproduce.py [maxcut jl nn large] [--figures FOLDER]

Settings are those that the paper's abstract and its authors' code fix: MAXCUT on 15
vertices with edge probability .6; Johnson-Lindenstrauss with n = 100, d = 500, k = 30;
a two-layer student of 1000 hidden units. What the second one does not show is printed
beside it: keeping 100 norms is possible with k = 1. "large" does the same on G81, on
all pairs of 1000 points, and at depth 4. CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

FIGURES: Path | None = None
EVERY = 50  # training steps between two points of a curve


def hyperplanes(graph, V: np.ndarray, rounds: int, seed: int = 0) -> np.ndarray:
    """Cuts of `rounds` random hyperplanes: Goemans-Williamson rounding."""
    x = np.random.default_rng(seed).normal(size=(rounds, V.shape[1]))
    return np.array([graph.cut(np.where(V @ row > 0, 1, -1)) for row in x])


def maxcut() -> None:
    import derandcut
    from derandcut.cut.sampler import derandomize
    from derandcut.run import Run

    n, graphs = 15, 20
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    signs = np.array(list(itertools.product([1, -1], repeat=n - 1)))
    signs = np.column_stack([np.ones(len(signs), dtype=int), signs])
    found, mean, best_of_100 = [], [], []
    for seed in range(graphs):
        kept = pairs[np.random.default_rng(seed).random(len(pairs)) < 0.6]
        graph = derandcut.CutGraph.from_edges(kept[:, 0], kept[:, 1])
        optimum = (signs[:, kept[:, 0]] != signs[:, kept[:, 1]]).sum(axis=1).max()
        V = derandcut.sdp(graph, bound="none").V
        rounds = hyperplanes(graph, V, 100)
        found.append(derandomize(graph, V, Run(graph)).cut / optimum)
        mean.append(rounds.mean() / optimum)
        best_of_100.append(rounds.max() / optimum)
    print(
        f"maxcut  {graphs} graphs of 15 vertices, p = .6, share of the optimum: "
        f"derandomized {np.mean(found):.4f} (optimal in {found.count(1.0)}), "
        f"one hyperplane {np.mean(mean):.4f}, best of 100 {np.mean(best_of_100):.4f}"
    )
    columns = {
        "derandomized": found,
        "best of 100\nhyperplanes": best_of_100,
        "one hyperplane\n(mean)": mean,
    }

    def draw(axes) -> None:
        # a point a graph: the first column is one line, at the optimum
        for place, shares in enumerate(columns.values()):
            shift = np.linspace(-0.2, 0.2, graphs)
            axes.plot(place + shift, shares, "o", alpha=0.6)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_ylabel("cut / optimum")
        axes.set_title(f"{graphs} graphs of {n} vertices, edge probability .6")

    figure("maxcut", draw)


def jl() -> None:
    from derandcut.jl.learning import learn
    from derandcut.jl.secants import SomePairs

    n, d, k = 100, 500, 30
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    draws = np.array(
        [
            np.abs(((X @ rng.normal(size=(d, k))) ** 2).sum(axis=1) / k - 1).max()
            for _ in range(1000)
        ]
    )
    worst = draws.reshape(-1, 20).max(axis=1)
    rows = np.vstack([X, np.zeros(d)])
    pairs = SomePairs(rows, np.arange(n), np.full(n, n))
    B, _ = learn(pairs, rng.normal(size=(k, d)) / np.sqrt(k), 12, 200)
    reached = np.abs(((X @ B.T) ** 2).sum(axis=1) - 1).max()
    one = np.linalg.lstsq(X, np.ones(n), rcond=None)[0]
    exact = np.abs((X @ one) ** 2 - 1).max()
    print(
        f"jl      norms of {n} points, d = {d}, k = {k}: learned {reached:.1e}, "
        f"1000 Gaussians mean {draws.mean():.2f}, best {draws.min():.2f} "
        f"(as the worst of batches of 20: {worst.mean():.2f}, {worst.min():.2f}); "
        f"trivial: k = 1 by least squares reaches {exact:.1e}"
    )

    def draw(axes) -> None:
        axes.hist(draws, bins=40, label="1000 Gaussian matrices")
        axes.axvline(reached, color="k", label=f"learned: {reached:.0e}")
        axes.axvline(
            exact, color="0.5", linestyle="--", label=f"k = 1, exact: {exact:.0e}"
        )
        axes.set_xlabel(f"largest distortion of {n} norms, k = {k}")
        axes.set_title("A trivial task: n norms are kept by one row")
        axes.legend()

    figure("jl", draw)


def nn() -> None:
    curves = {}
    schedules = {
        "annealed": (2e-3, 1e-5),
        "fixed": (1e-5, 1e-5),
        "without decay": (1e-12, 1e-12),
    }
    for name, (start, final) in schedules.items():
        curves[name] = student(2, 1000, start, final)
        print(
            f"nn      1000 hidden units, d = 20, lambda {start:g} -> {final:g}: "
            f"||W_perp|| / ||W|| {curves[name][0]:.2f} -> {curves[name][-1]:.4f}"
        )

    def draw(axes) -> None:
        for name, curve in curves.items():
            axes.semilogy(np.arange(len(curve)) * EVERY, curve, label=name)
        axes.set_xlabel("step")
        axes.set_ylabel("||W_perp|| / ||W||")
        axes.set_title("Two-layer student of 1000 hidden units, one direction")
        axes.legend()

    figure("nn", draw)


def student(depth: int, width: int, start: float, final: float) -> list[float]:
    """Share of W off the teacher's direction every 50 steps of one training."""
    import torch

    from derandcut.nn import StructureNetwork, train

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    u = torch.nn.functional.normalize(torch.randn(20, generator=generator), dim=0)
    model = StructureNetwork(20, width, depth)
    shares: list[float] = []
    count = itertools.count()

    def sampler():
        if next(count) % EVERY == 0:
            W = model.layers[0].weight.detach()
            shares.append(float((W - torch.outer(W @ u, u)).norm() / W.norm()))
        X = torch.randn(256, 20, generator=generator)
        return X, torch.tanh(X @ u)[:, None]

    loss = torch.nn.functional.mse_loss
    train(model, sampler, loss, steps=2000, lambda_start=start, lambda_final=final)
    sampler()
    return shares


def large() -> None:
    found, rounds = large_maxcut()
    reached, draws = large_jl()
    shares = student(4, 200, 1e-2, 1e-5)
    print(
        f"large   nn: depth 4: ||W_perp|| / ||W|| {shares[0]:.2f} -> {shares[-1]:.4f}"
    )

    def draw(axes) -> None:
        cut, embedding, network = axes
        cut.hist(rounds, bins=12, label="20 hyperplanes")
        cut.axvline(found, color="k", label="derandomized")
        cut.set_xlabel("cut of G81")
        embedding.hist(draws, bins=8, label="20 Gaussians")
        embedding.axvline(reached, color="k", label="learned")
        embedding.set_xlabel("largest distortion, all pairs of 1000 patches, k = 50")
        network.semilogy(np.arange(len(shares)) * EVERY, shares)
        network.set_xlabel("step")
        network.set_ylabel("||W_perp|| / ||W||, depth 4")
        for each in (cut, embedding):
            each.legend()

    figure("large", draw, columns=3)


def large_maxcut() -> tuple[float, np.ndarray]:
    """Cuts of G81: derandomized, and by 20 hyperplanes of the same relaxation."""
    import derandcut
    from derandcut.cut.sampler import derandomize
    from derandcut.datasets import info, load
    from derandcut.run import Run

    graph = load("gset:G81")
    begin = time.process_time()
    relaxed = derandcut.sdp(graph, bound="none", tolerance=1e-4)
    relaxation_seconds = time.process_time() - begin
    begin = time.process_time()
    cut = derandomize(graph, relaxed.V, Run(graph), iterations=1000).cut
    seconds = time.process_time() - begin
    rounds = hyperplanes(graph, relaxed.V, 20)
    print(
        f"large   maxcut: G81 {cut:g} in {seconds:.1f} s after a relaxation of "
        f"{relaxation_seconds:.1f} s; 20 hyperplanes mean {rounds.mean():g}, best "
        f"{rounds.max():g}; best known {info('gset:G81').best_known}"
    )
    return cut, rounds


def large_jl() -> tuple[float, np.ndarray]:
    """Distortions of all pairs of 1000 patches: learned, and by 20 Gaussians."""
    from jl import patches

    from derandcut.jl import BaselineProjection, DerandomizedProjection

    X = patches(1000)
    model = DerandomizedProjection(50, stages=4, max_iter=60).fit(X)
    random = BaselineProjection(50, n_draws=20).fit(X)
    print(
        f"large   jl: {model.n_pairs_} pairs of image patches, k = 50: "
        f"{model.max_distortion_:.3f}, of 20 Gaussians {random.max_distortion_:.3f}"
    )
    return model.max_distortion_, random.draws_


def figure(name: str, draw, columns: int = 1) -> None:
    """Save a figure if a folder was given."""
    if FIGURES is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    size = (6.4 * columns, 4.8)
    sheet, axes = plt.subplots(1, columns, figsize=size, layout="constrained")
    draw(axes)
    FIGURES.mkdir(parents=True, exist_ok=True)
    sheet.savefig(FIGURES / f"{name}.png", dpi=120)


EXPERIMENTS = {"maxcut": maxcut, "jl": jl, "nn": nn, "large": large}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # no `choices`: argparse would refuse the empty list
    parser.add_argument("experiments", nargs="*", metavar="experiment")
    parser.add_argument("--figures", type=Path)
    arguments = parser.parse_args()
    FIGURES = arguments.figures
    for experiment in arguments.experiments or EXPERIMENTS:
        if experiment not in EXPERIMENTS:
            parser.error(f"{experiment}: expected one of {', '.join(EXPERIMENTS)}")
        EXPERIMENTS[experiment]()
