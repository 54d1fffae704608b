"""The relaxation with cvxpy and SCS against derandcut, on one random graph.

    python bench/goemans_williamson.py

Both run on one thread; derandcut is repeated and its median taken. It runs with the
preset "quick": one short ascent instead of eight long ones.
"""

# ruff: noqa: E402  (the thread counts are read when numpy is imported)
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import statistics
import time

import numpy as np

import derandcut

VERTICES, EDGES, SEED = 200, 2000, 1
REPETITIONS = 9


def instance() -> derandcut.CutGraph:
    rng = np.random.default_rng(SEED)
    pairs = np.column_stack(np.triu_indices(VERTICES, 1))
    u, v = pairs[rng.choice(len(pairs), EDGES, replace=False)].T
    return derandcut.CutGraph.from_edges(u, v, n=VERTICES)


def measured(solve) -> tuple[derandcut.result.CutResult, float, float]:
    """Result, CPU seconds, wall clock seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = solve()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    graph = instance()
    # Imports and first calls are not what is compared.
    small = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 0])
    derandcut.goemans_williamson(small)
    derandcut.maxcut(small, method="derandomize", n_threads=1)

    baseline = measured(lambda: derandcut.goemans_williamson(graph))
    runs = [
        measured(
            lambda: derandcut.maxcut(
                graph, method="derandomize", n_threads=1, options="quick"
            )
        )
        for _ in range(REPETITIONS)
    ]
    ours = runs[0][0], *(statistics.median(run[k] for run in runs) for k in (1, 2))

    print(f"random graph, {graph.n} vertices, {graph.m} edges, seed {SEED}")
    print(f"{'':22}{'cut':>8}{'bound':>8}{'CPU s':>12}{'wall s':>12}")
    for name, (result, cpu, wall) in (("cvxpy + SCS", baseline), ("derandcut", ours)):
        bound = f"{result.upper_bound:.6g}"
        print(f"{name:22}{result.cut:8g}{bound:>8}{cpu:12.5f}{wall:12.5f}")
    print(f"{'ratio':38}{baseline[1] / ours[1]:12.0f}{baseline[2] / ours[2]:12.0f}")


if __name__ == "__main__":
    main()
