"""How late runs with a time limit end, and when they hold their first cut.

    python bench/limits.py [--repeat] [SECONDS ...]

Promised for up to 20,000 vertices and a million edges: an end within .2 s of the limit
or 5 % of it, whichever is more, and a first cut within .1 s. Prints, for each graph and
limit, the seconds beyond the limit (less than 0 if a proof ended the run), the seconds
to the first cut, the cut, and with --repeat whether the run's `work_limit`, with one
thread, repeats it bit for bit.
"""

import argparse
import time

import numpy as np

import derandcut
from derandcut import CutGraph, datasets

N, M = 20_000, 1_000_000
CLIQUE = 1400  # vertices: 979,300 edges


def instances():
    """Names and graphs, made one at a time."""
    rng = np.random.default_rng(0)
    for name in ("G1", "G63", "G70", "G81"):
        yield name, datasets.load(f"gset:{name}")
    for m in (60_000, 300_000, M):
        ends = rng.integers(0, N, (2, m))
        yield f"random, m = {m}", CutGraph.from_edges(*ends, np.ones(m), N)
        weights = rng.standard_normal(m)
        yield f"random, m = {m}, real", CutGraph.from_edges(*ends, weights, N)
    ends = np.triu_indices(CLIQUE, 1)
    m = len(ends[0])
    some = rng.random(m) < 0.9
    for kind, weights in (
        ("", np.ones(m)),
        (", 9 of 10 edges", some.astype(float)),
        (", +-1", rng.choice([-1.0, 1.0], m)),
        (", real", rng.standard_normal(m)),
    ):
        yield f"complete{kind}", CutGraph.from_edges(*ends, weights, CLIQUE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", action="store_true")
    parser.add_argument("limits", nargs="*", type=float, default=[0, 0.1, 0.3, 1, 3, 6])
    options = parser.parse_args()
    print("| graph | n | m | limit | beyond | first cut | cut | repeated |")
    print("| --- " * 8 + "|")
    for name, graph in instances():
        for limit in options.limits:
            begin = time.perf_counter()
            result = derandcut.maxcut(graph, time_limit=limit)
            beyond = time.perf_counter() - begin - limit
            first = min(event.time for event in result.trace if event.cut is not None)
            late = " (late)" if beyond > max(0.2, 0.05 * limit) else ""
            repeated = ""
            if options.repeat:
                again = derandcut.maxcut(
                    graph, work_limit=result.work_limit, n_threads=1
                )
                same = (again.partition == result.partition).all()
                same = same and again.upper_bound == result.upper_bound
                repeated = "yes" if same else "NO"
            print(
                f"| {name} | {graph.n} | {graph.m} | {limit:g} | {beyond:.3f}{late} | "
                f"{first:.3f} | {result.cut:.10g} | {repeated} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
