"""Speed and cuts of the annealers on rudy files, one thread, CPU seconds.

    python bench/anneal.py [--sweeps 5000] [--seed 0] FILE...

One line a file: the kernel after the reductions and their time, then for both
annealers the time, nanoseconds a vertex (a spin update for the float64 one), the best
cut and the mean cut. The float64 annealer gets a tenth of the sweeps, eight replicas.
"""

import argparse
import time

import numpy as np

from derandcut import CutGraph
from derandcut.cut.anneal import BitSlicedAnnealer, ScalarAnnealer, schedule
from derandcut.cut.reduce import reduce
from derandcut.run import Run


def read(path: str) -> CutGraph:
    """A graph from a rudy file: `n m`, then `u v w`, 1-based."""
    with open(path) as file:
        n = int(file.readline().split()[0])
        u, v, w = np.loadtxt(file, ndmin=2).T
    return CutGraph.from_edges(u.astype(int) - 1, v.astype(int) - 1, w, n)


def measure(cuts, sweeps: int, reduction) -> str:
    begin = time.process_time()
    cuts.anneal(Run(cuts.graph), sweeps, *schedule(cuts.graph))
    seconds = time.process_time() - begin
    parts = cuts.islands * sweeps * max(1, cuts.graph.n)
    values = cuts.cuts() / reduction.scale + reduction.constant
    return (
        f"{seconds:7.3f} s {1e9 * seconds / parts:6.1f} ns "
        f"best {values.max():.10g} mean {values.mean():.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sweeps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("files", nargs="+", metavar="FILE")
    arguments = parser.parse_args()
    for path in arguments.files:
        graph = read(path)
        begin = time.process_time()
        reduction = reduce(graph)
        seconds = time.process_time() - begin
        kernel = reduction.kernel
        sweeps = arguments.sweeps
        bits = BitSlicedAnnealer(kernel, 1, arguments.seed)
        scalar = ScalarAnnealer(kernel, 8, arguments.seed)
        print(
            f"{path.rsplit('/', 1)[-1]:8} n {graph.n} -> {kernel.n} "
            f"m {graph.m} -> {kernel.m} in {seconds:.3f} s | bit-sliced "
            f"{measure(bits, sweeps, reduction)} | float64 "
            f"{measure(scalar, sweeps // 10, reduction)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
