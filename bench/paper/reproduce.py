"""The paper's three experiments, each against its baseline, then larger.

    python bench/paper/reproduce.py [maxcut jl nn large] [--figures FOLDER]

Settings are those that the paper's abstract and its authors' code fix: MAXCUT on 15
vertices with edge probability .6; Johnson-Lindenstrauss with n = 100, d = 500, k = 30;
a two-layer student of 1000 hidden units. What the second one does not show is printed
beside it: keeping 100 norms is possible with k = 1.
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
DATA = Path(__file__).parents[3] / "shared" / "data"


def unit_rows(graph, rank: int, sweeps: int, seed: int = 0) -> np.ndarray:
    """Rows of the relaxation by coordinate sweeps: V_u <- -normalise(sum w V_v)."""
    n = graph.n
    V = np.random.default_rng(seed).normal(size=(n, rank))
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    for _ in range(sweeps):
        for i in range(n):
            row = slice(graph.indptr[i], graph.indptr[i + 1])
            pull = graph.weights[row] @ V[graph.indices[row]]
            V[i] = -pull / max(np.linalg.norm(pull), 1e-300)
    return V


def hyperplanes(graph, V: np.ndarray, rounds: int, seed: int = 0) -> np.ndarray:
    """Cuts of `rounds` random hyperplanes."""
    x = np.random.default_rng(seed).normal(size=(rounds, V.shape[1]))
    return np.array([graph.cut(np.where(V @ row > 0, 1, -1)) for row in x])


def maxcut() -> None:
    from derandcut.cut.sampler import derandomize
    from derandcut.graph import CutGraph
    from derandcut.run import Run

    n, graphs = 15, 20
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    signs = np.array(list(itertools.product([1, -1], repeat=n - 1)))
    signs = np.column_stack([np.ones(len(signs), dtype=int), signs])
    found, mean, best_of_100 = [], [], []
    for seed in range(graphs):
        kept = pairs[np.random.default_rng(seed).random(len(pairs)) < 0.6]
        graph = CutGraph.from_edges(kept[:, 0], kept[:, 1])
        optimum = (signs[:, kept[:, 0]] != signs[:, kept[:, 1]]).sum(axis=1).max()
        V = unit_rows(graph, 6, 200)
        rounds = hyperplanes(graph, V, 100)
        found.append(derandomize(graph, V, Run(graph)).cut / optimum)
        mean.append(rounds.mean() / optimum)
        best_of_100.append(rounds.max() / optimum)
    print(
        f"maxcut  {graphs} graphs of 15 vertices, p = .6, share of the optimum: "
        f"derandomized {np.mean(found):.4f} (optimal in {found.count(1.0)}), "
        f"one hyperplane {np.mean(mean):.4f}, best of 100 {np.mean(best_of_100):.4f}"
    )
    figure(
        "maxcut",
        lambda axes: axes.boxplot(
            [found, best_of_100, mean],
            tick_labels=["derandomized", "best of 100", "one hyperplane"],
        ),
    )


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
        axes.hist(draws, bins=40)
        axes.axvline(reached, color="k")
        axes.set_xlabel("largest distortion of 100 norms")

    figure("jl", draw)


def nn() -> None:
    import torch

    from derandcut.nn import StructureNetwork, train

    torch.set_num_threads(1)
    curves = {}
    schedules = {
        "annealed": (2e-3, 1e-5),
        "fixed": (1e-5, 1e-5),
        "without decay": (1e-12, 1e-12),
    }
    for name, (start, final) in schedules.items():
        curves[name] = student(StructureNetwork, train, 2, 1000, start, final)
        print(
            f"nn      1000 hidden units, d = 20, lambda {start:g} -> {final:g}: "
            f"||W_perp|| / ||W|| {curves[name][0]:.2f} -> {curves[name][-1]:.4f}"
        )

    def draw(axes) -> None:
        for name, curve in curves.items():
            axes.semilogy(np.arange(len(curve)) * 50, curve, label=name)
        axes.set_xlabel("step")
        axes.set_ylabel("||W_perp|| / ||W||")
        axes.legend()

    figure("nn", draw)


def student(network, train, depth, width, start, final) -> list[float]:
    """Share of W off the teacher's direction every 50 steps of one training."""
    import torch

    generator = torch.Generator().manual_seed(0)
    u = torch.nn.functional.normalize(torch.randn(20, generator=generator), dim=0)
    model = network(20, width, depth)
    shares: list[float] = []
    count = itertools.count()

    def sampler():
        if next(count) % 50 == 0:
            W = model.layers[0].weight.detach()
            shares.append(float((W - torch.outer(W @ u, u)).norm() / W.norm()))
        X = torch.randn(256, 20, generator=generator)
        return X, torch.tanh(X @ u)[:, None]

    loss = torch.nn.functional.mse_loss
    train(model, sampler, loss, steps=2000, lambda_start=start, lambda_final=final)
    sampler()
    return shares


def large() -> None:
    import torch
    from jl import patches

    from derandcut.jl import BaselineProjection, DerandomizedProjection
    from derandcut.nn import StructureNetwork, train

    X = patches(1000)
    model = DerandomizedProjection(50, stages=4, max_iter=60).fit(X)
    random = BaselineProjection(50, n_draws=20).fit(X)
    print(
        f"large   jl: {model.n_pairs_} pairs of image patches, k = 50: "
        f"{model.max_distortion_:.3f}, of 20 Gaussians {random.max_distortion_:.3f}"
    )
    torch.set_num_threads(1)
    shares = student(StructureNetwork, train, 4, 200, 1e-2, 1e-5)
    print(
        f"large   nn: depth 4: ||W_perp|| / ||W|| {shares[0]:.2f} -> {shares[-1]:.4f}"
    )
    path = next((DATA / "gset").glob("G81*"), None) if DATA.exists() else None
    if path is None:
        print("large   maxcut: G81 is not here")
        return
    from derandcut.cut.sampler import derandomize
    from derandcut.graph import CutGraph
    from derandcut.run import Run

    rows = np.loadtxt(path, skiprows=1)
    graph = CutGraph.from_edges(
        rows[:, 0].astype(int) - 1, rows[:, 1].astype(int) - 1, rows[:, 2]
    )
    V = unit_rows(graph, 12, 15)
    begin = time.process_time()
    found = derandomize(graph, V, Run(graph), iterations=300)
    seconds = time.process_time() - begin
    rounds = hyperplanes(graph, V, 20)
    print(
        f"large   maxcut: G81 {found.cut:g} in {seconds:.1f} s, "
        f"20 hyperplanes mean {rounds.mean():g}, best {rounds.max():g}"
    )


def figure(name: str, draw) -> None:
    """Save a figure if a folder was given."""
    if FIGURES is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sheet, axes = plt.subplots()
    draw(axes)
    FIGURES.mkdir(parents=True, exist_ok=True)
    sheet.savefig(FIGURES / f"{name}.png", dpi=150)


EXPERIMENTS = {"maxcut": maxcut, "jl": jl, "nn": nn, "large": large}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="*", metavar="experiment")
    parser.add_argument("--figures", type=Path)
    arguments = parser.parse_args()
    FIGURES = arguments.figures
    for experiment in arguments.experiments or EXPERIMENTS:
        EXPERIMENTS[experiment]()
