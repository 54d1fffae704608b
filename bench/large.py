"""A random sparse graph of a million vertices, read from a file and solved.

    python bench/large.py [--vertices 1000000] [--edges 5000000] [--threads 2]

Prints seconds to read and to solve, peak memory, the cut, and the bound as a share of
the sum of the positive weights.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import derandcut


def write_random(path: Path, n: int, m: int) -> None:
    """Write m random edges in rudy format, in blocks."""
    rng = np.random.default_rng(1)
    with path.open("w") as file:
        file.write(f"{n} {m}\n")
        while m:
            count = min(m, 500_000)
            u = rng.integers(1, n + 1, count)
            v = (u + rng.integers(1, n, count) - 1) % n + 1  # never a loop
            lines = map("%d %d 1\n".__mod__, zip(u.tolist(), v.tolist(), strict=True))
            file.writelines(lines)
            m -= count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=5_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--time-limit", type=float)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.mc")
        write_random(path, arguments.vertices, arguments.edges)
        start = time.perf_counter()
        graph = derandcut.read_graph(path)
        print(f"{graph}: read in {time.perf_counter() - start:.1f} s", flush=True)
    result = derandcut.maxcut(
        graph,
        method="derandomize",
        n_threads=arguments.threads,
        time_limit=arguments.time_limit,
    )
    print(result)
    for name, seconds in result.stages:
        print(f"  {name:12} {seconds:7.1f} s")
    for link in result.chain:
        print(f"  {link.name:24} {link.value:14.2f}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"bound / total weight {result.upper_bound / graph.total_weight:.4f}")
    print(f"peak memory {memory:.2f} GiB")


if __name__ == "__main__":
    main()
