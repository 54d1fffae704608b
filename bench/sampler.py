"""Nanoseconds an edge and iteration of the ascent, and the cuts the method reaches.

    python bench/sampler.py FOLDER [NAME ...]

FOLDER holds rudy files (the Gset); without names every file in it is run. CPU time, one
thread, median of slices; the cut is that of `derandomize` alone, V from 60 sweeps.
"""

import resource
import statistics
import sys
from pathlib import Path

import numpy as np

from derandcut._core import isa
from derandcut.cut.sampler import Sampler, derandomize
from derandcut.graph import CutGraph
from derandcut.run import Run

RANK, SWEEPS, SLICES = 16, 60, 9
STEPS_WORK = 400_000  # edge visits of one timed slice


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def read(path: Path) -> CutGraph:
    n = int(path.open().readline().split()[0])
    rows = np.loadtxt(path, skiprows=1)
    u, v = rows[:, :2].astype(np.int64).T - 1
    return CutGraph.from_edges(u, v, rows[:, 2], n)


def relax(graph: CutGraph) -> np.ndarray:
    """Unit rows by sweeps of V_u <- -normalise(sum w V_v), colour class by class."""
    colour = np.zeros(graph.n, dtype=np.int64)
    for u in range(graph.n):
        near = graph.indices[graph.indptr[u] : graph.indptr[u + 1]]
        near = near[near < u]
        used = set(colour[near].tolist())
        colour[u] = next(c for c in range(graph.n + 1) if c not in used)
    V = np.random.default_rng(0).standard_normal((graph.n, RANK))
    V /= np.linalg.norm(V, axis=1)[:, None]
    classes = [np.flatnonzero(colour == c) for c in range(colour.max() + 1)]
    rows = [(block, graph.adjacency[block]) for block in classes]
    for _ in range(SWEEPS):
        for block, A in rows:
            G = A @ V
            size = np.linalg.norm(G, axis=1)
            move = size > 0
            V[block[move]] = -G[move] / size[move, None]
    return V


def speed(graph: CutGraph, V: np.ndarray) -> float:
    """Median nanoseconds an edge and iteration over slices of the first iterations."""
    sampler, run = Sampler.start(graph, V), Run(graph)
    steps = max(2, STEPS_WORK // graph.m)
    times = []
    for _ in range(SLICES):
        begin = cpu()
        sampler.advance(run, steps)
        times.append((cpu() - begin) / (steps * graph.m))
    return 1e9 * statistics.median(times)


def main(folder: str, *names: str) -> None:
    paths = [Path(folder, name) for name in names] or sorted(
        (p for p in Path(folder).glob("G*") if p.name[1:].isdigit()),
        key=lambda p: int(p.name[1:]),
    )
    print(f"isa {isa()}, rank {RANK}, float32, one thread")
    print(f"{'graph':8}{'n':>7}{'m':>8}{'ns':>7}{'cut':>8}{'CPU s':>8}  W settled")
    rates = []
    for path in paths:
        graph = read(path)
        V = relax(graph)
        rates.append(speed(graph, V))
        begin = cpu()
        found = derandomize(graph, V, Run(graph))
        spent = cpu() - begin
        print(
            f"{path.name:8}{graph.n:7}{graph.m:8}{rates[-1]:7.1f}{found.cut:8}"
            f"{spent:8.2f}  |W| {found.lemma.norm:.2g} <= {found.lemma.bound:.2g}"
            f" ({found.lemma.gamma_kind})",
            flush=True,
        )
    print(f"average of {len(rates)}: {statistics.mean(rates):.1f} ns")


if __name__ == "__main__":
    main(*sys.argv[1:])
