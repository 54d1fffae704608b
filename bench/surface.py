"""Planar and toroidal instances: value, bound, proof and CPU seconds.

    python bench/surface.py ../shared/data/gset [G11 G12 ...]   toroidal Gset files
    python bench/surface.py planar                              Delaunay and grids
    python bench/surface.py random COUNT                        against brute force

Instances are renumbered at random; the embedding is found from the edges alone.
"""

import sys
import time
from pathlib import Path

import numpy as np

from derandcut import CutGraph
from derandcut.cut.surface import solve_embedded, solve_planar, torus_embedding

TORI = "G11 G12 G13 G32 G33 G34 G48 G49 G50 G57 G62 G65 G66 G67 G72 G77 G81".split()
HEADER = (
    f"{'instance':14}{'n':>7}{'bound':>10}{'value':>10} proved method       seconds"
)


def report(name, graph, solve):
    begin = time.process_time()
    result = solve(graph)
    seconds = time.process_time() - begin
    print(
        f"{name:14}{graph.n:7}{result.upper_bound:10}{result.cut:10} "
        f"{'yes' if result.proved else 'no':6} {result.method:12} {seconds:7.2f}",
        flush=True,
    )


def tori(folder, names):
    for name in names or TORI:
        data = np.loadtxt(folder / name, skiprows=1, dtype=np.int64)
        number = np.random.default_rng(0).permutation(data[:, :2].max())
        u, v = number[data[:, 0] - 1], number[data[:, 1] - 1]
        graph = CutGraph.from_edges(u, v, data[:, 2])
        report(name, graph, lambda g: solve_embedded(g, torus_embedding(g)))


def planar():
    from scipy.spatial import Delaunay

    for n in (5_000, 20_000, 50_000):
        rng = np.random.default_rng(0)
        simplices = Delaunay(rng.random((n, 2))).simplices
        pairs = np.concatenate([simplices[:, :2], simplices[:, 1:], simplices[:, ::2]])
        edges = np.unique(np.sort(pairs, axis=1), axis=0)
        w = rng.integers(-100, 101, len(edges))
        graph = CutGraph.from_edges(edges[:, 0], edges[:, 1], w, n)
        report(f"delaunay{n}", graph, solve_planar)
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
            report(f"grid{side}{kind}", graph, solve_planar)


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
        tori(Path(sys.argv[1]), sys.argv[2:])
