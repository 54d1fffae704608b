"""The derandomized relaxation alone on Gset graphs: cut, bound, chain, seconds.

    python bench/derandomize.py [--threads 1] [--time-limit 3] [G1 G14 ...]

Graphs are regenerated from their seeds. The last column says whether every link of the
chain holds to 1e-10 of the sum of the absolute weights.
"""

import argparse
import time
from itertools import pairwise

import derandcut
from derandcut import datasets

DEFAULT = ["G1", "G14", "G22", "G32", "G48", "G55", "G60", "G70", "G81"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=DEFAULT)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("graph       cut  best known       bound    wall s   cpu s  chain")
    for name in arguments.names:
        graph = datasets.load(f"gset:{name}")
        begin = time.process_time()
        result = derandcut.maxcut(
            graph,
            method="derandomize",
            n_threads=arguments.threads,
            time_limit=arguments.time_limit,
            seed=arguments.seed,
        )
        cpu = time.process_time() - begin
        room = 1e-10 * graph.absolute_weight
        unbroken = all(a.value <= b.value + room for a, b in pairwise(result.chain))
        known = datasets.info(f"gset:{name}").best_known
        row = f"{name:5} {result.cut:9} {known:11} {result.upper_bound:11g}"
        row += f" {result.seconds:9.2f} {cpu:7.2f}  "
        print(row + ("unbroken" if unbroken else "BROKEN"), flush=True)


if __name__ == "__main__":
    main()
