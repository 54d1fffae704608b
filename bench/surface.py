"""Planar and toroidal instances: value, bound, proof, wall clock and CPU seconds.

    python bench/surface.py tori [G11 G12 ...]                  toroidal Gset graphs
    python bench/surface.py planar                              Delaunay and grids
    python bench/surface.py random COUNT                        against brute force

The first two go through `derandcut.maxcut`, the tori with a limit of 60 s, as they are
and renumbered at random; the embedding is found from the edges alone.
"""

import sys
import time
from pathlib import Path

import numpy as np

import derandcut
from derandcut import CutGraph, datasets

TORI = "G11 G12 G13 G32 G33 G34 G48 G49 G50 G57 G62 G65 G66 G67 G72 G77 G81".split()
HEADER = f"{'instance':14}{'n':>7}{'bound':>10}{'cut':>10} status       wall s  CPU s"


def report(name, graph, time_limit=None):
    begin = time.process_time()
    result = derandcut.maxcut(graph, time_limit=time_limit)
    cpu = time.process_time() - begin
    print(
        f"{name:14}{graph.n:7}{result.upper_bound:10}{result.cut:10} "
        f"{result.status.value:11} {result.seconds:7.2f}{cpu:7.2f}",
        flush=True,
    )


def tori(names):
    for name in names or TORI:
        graph = datasets.load(f"gset:{name}")
        report(name, graph, 60)
        u, v, w = graph.edges()
        number = np.random.default_rng(0).permutation(graph.n)
        report("  renumbered", CutGraph.from_edges(number[u], number[v], w), 60)


def planar():
    from scipy.spatial import Delaunay

    for n in (5_000, 20_000, 50_000):
        rng = np.random.default_rng(0)
        simplices = Delaunay(rng.random((n, 2))).simplices
        pairs = np.concatenate([simplices[:, :2], simplices[:, 1:], simplices[:, ::2]])
        edges = np.unique(np.sort(pairs, axis=1), axis=0)
        w = rng.integers(-100, 101, len(edges))
        graph = CutGraph.from_edges(edges[:, 0], edges[:, 1], w, n)
        report(f"delaunay{n}", graph)
    for side in (100, 300):
        at = np.arange(side * side).reshape(side, side)
        u = np.concatenate([at[:, :-1].ravel(), at[:-1].ravel()])
        v = np.concatenate([at[:, 1:].ravel(), at[1:].ravel()])
        rng = np.random.default_rng(0)
        for kind, w in (
            ("w", rng.integers(-100, 101, len(u))),
            ("pm", rng.choice([-1, 1], len(u))),
        ):
            graph = CutGraph.from_edges(u, v, w, side * side)
            report(f"grid{side}{kind}", graph)


def random(count):
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "cut"))
    import test_surface

    checks = (
        test_surface.check_planar,
        test_surface.check_planar,
        test_surface.check_torus,
        test_surface.check_rotation,
    )
    for seed in range(count):
        checks[seed % 4](10**6 + seed)
    print(f"{count} random graphs: every one proved, every proof true")


if __name__ == "__main__":
    if sys.argv[1] == "random":
        random(int(sys.argv[2]))
    elif sys.argv[1] == "planar":
        print(HEADER)
        planar()
    else:
        print(HEADER)
        tori(sys.argv[2:])
