"""Value, proved bound, distance and CPU seconds of the relaxation, one line a graph.

    python bench/sdp.py [--tolerance 1e-5] [--bound proved] FILE ...

Each FILE is a rudy graph (``n m``, then ``u v w`` from 1). The analysis of the matrix,
the sweeps and the factorisations are all inside the seconds; reading is not.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from derandcut.cut.sdp import sdp
from derandcut.graph import CutGraph


def read(path: str) -> CutGraph:
    """Read a rudy file."""
    numbers = np.array(Path(path).read_text().split(), dtype=np.float64)
    edges = numbers[2:].reshape(-1, 3)
    ends = edges[:, :2].astype(np.int64) - 1
    return CutGraph.from_edges(ends[:, 0], ends[:, 1], edges[:, 2], int(numbers[0]))


def main() -> None:
    """Parse, solve, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--bound", choices=["proved", "estimate"], default="proved")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        f"{'graph':10s} {'n':>7s} {'m':>8s} {'value':>14s} {'bound':>14s} "
        f"{'gap':>8s} {'rank':>4s} {'sweeps':>6s} {'CPU s':>7s}  method"
    )
    for path in options.files:
        graph = read(path)
        begin = time.process_time()
        result = sdp(
            graph, tolerance=options.tolerance, bound=options.bound, seed=options.seed
        )
        seconds = time.process_time() - begin
        print(
            f"{Path(path).name:10s} {graph.n:7d} {graph.m:8d} {result.value:14.6f} "
            f"{result.upper_bound:14.6f} {result.gap:8.1e} {result.rank:4d} "
            f"{result.sweeps:6d} {seconds:7.3f}  {result.method}",
            flush=True,
        )


if __name__ == "__main__":
    main()
