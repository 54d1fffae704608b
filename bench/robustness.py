"""Bounds, proofs and certificates against brute force on random small graphs.

    python bench/robustness.py [--graphs 10000] [--seed 0]

Weights of any sign, integer or real, at scales 1e-12 to 1e12 or mixing them; empty
graphs, stars, bipartite, complete and disconnected graphs, 3 x 3 tori, all weights
negative. Each bound that the relaxation offers must be finite and at least the maximum
cut. Then `maxcut` solves the graph, by "exact" and "auto" in turns: what it calls
optimal must be, and the checker must accept its certificate. Prints the count of each
method and status.
"""

import argparse
import math
from collections import Counter

import numpy as np

import derandcut
from derandcut import check
from derandcut.cut.bounding import Bounding
from derandcut.cut.presolve import presolve
from derandcut.cut.sdp import Relaxation
from derandcut.graph import CutGraph
from derandcut.run import Run

SHAPES = (
    *("random", "sparse", "empty", "star", "bipartite", "complete", "ring"),
    *("disconnected", "torus"),
)
KINDS = ("unit", "sign", "integer", "real", "negative", "scaled", "mixed")


def draw(rng: np.random.Generator) -> CutGraph:
    """One graph of 1 to 10 vertices."""
    shape, kind = rng.choice(SHAPES), rng.choice(KINDS)
    n = 9 if shape == "torus" else int(rng.integers(1, 11))
    u, v = np.triu_indices(n, 1)
    keep = {
        "random": rng.random(len(u)) < 0.6,
        "sparse": rng.random(len(u)) < 2.5 / n,
        "empty": np.zeros(len(u), bool),
        "star": u == 0,
        "bipartite": (u + v) % 2 == 1,
        "complete": np.ones(len(u), bool),
        "ring": (v - u == 1) | ((u == 0) & (v == n - 1)),
        "disconnected": (u < n // 2) == (v < n // 2),
        "torus": (u // 3 == v // 3) ^ (u % 3 == v % 3),
    }[shape]
    u, v = u[keep], v[keep]
    real = rng.uniform(-10, 10, len(u))
    w = {
        "unit": np.ones(len(u)),
        "sign": rng.choice([-1.0, 1.0], len(u)),
        "integer": rng.integers(-20, 21, len(u)).astype(float),
        "real": real,
        "negative": -np.abs(real),
        "scaled": real * 10.0 ** rng.integers(-12, 13),
        "mixed": real * 10.0 ** rng.integers(-12, 13, len(u)),
    }[kind]
    return CutGraph.from_edges(u, v, w, n)


def maximum_cut(graph: CutGraph) -> float:
    """By brute force."""
    codes = np.arange(1 << max(graph.n - 1, 0))
    values = np.zeros(len(codes))
    for u, v, w in zip(*graph.edges(), strict=True):
        values += w * ((codes >> u ^ codes >> v) & 1)
    return float(values.max())


def accepted(graph: CutGraph, certificate: dict) -> bool:
    """What the checker says."""
    u, v, w = (column.tolist() for column in graph.edges())
    edges = dict(zip(zip(u, v, strict=True), w, strict=True))
    try:
        check.check(graph.n, edges, certificate)
    except check.Refused:
        return False
    return True


def main() -> None:
    """Draw, bound, solve, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    methods, statuses, gaps, wrong = Counter(), Counter(), [], 0
    for number in range(options.graphs):
        graph = draw(rng)
        problem = presolve(graph, reductions=number % 2 == 0)
        run = Run(graph, work_limit=1_000_000)
        bounding = Bounding(
            problem, Relaxation(problem.kernel), kind="proved", tolerance=1e-5
        )
        bounding.finish(run)
        optimum = maximum_cut(graph)
        rounding = 0.0 if graph.integer else 1e-15 * graph.absolute_weight
        for bound in (event.upper_bound for event in run.trace):
            if bound is not None and not optimum - rounding <= bound < math.inf:
                wrong += 1
                print("WRONG", number, graph, list(zip(*graph.edges(), strict=True)))
        methods[bounding.method] += 1
        if optimum > 0:
            gaps.append(run.upper_bound / optimum - 1)
        method = ("exact", "auto")[number % 2]
        result = derandcut.maxcut(graph, method=method, n_threads=1)
        lacking = optimum - result.cut
        room = 0 if graph.integer else max(rounding, 1e-9 * abs(optimum))
        false = result.status is derandcut.Status.OPTIMAL and lacking > room
        if false or not accepted(graph, result.certificate):
            wrong += 1
            print("FALSE", number, graph, list(zip(*graph.edges(), strict=True)))
        statuses[f"{method}: {result.status.value}"] += 1
    print(f"{options.graphs} graphs, {wrong} wrong")
    print(f"bounds of the relaxation by {dict(methods)}, {dict(statuses)}")
    print(f"median gap {np.median(gaps):.1e}, largest {max(gaps):.1e}")


if __name__ == "__main__":
    main()
