"""Proofs by `method="exact"`: cut, bound, and CPU seconds of all threads, per instance.

    python bench/branch.py [FILE...] [--sparse] [--threads T] [--limit SECONDS]

With --sparse also on random regular graphs, random graphs of a mean degree, and 3-D
lattices with periodic boundaries, weights +-1 and Gaussian, three seeds each. Prints
one line an instance and, at the end, one a family (the name without its number): how
many were proved, the median and the largest time.
"""

import argparse
import re
import statistics
import time
from collections import defaultdict
from pathlib import Path

import networkx as nx

import derandcut
from derandcut.datasets import generate
from derandcut.result import Status


def sparse_families(seeds=3):
    """Named instances; the family is the part of the name before the dot."""
    for seed in range(seeds):
        for degree, n in ((3, 200), (3, 300), (4, 100), (5, 100), (6, 100)):
            graph = nx.random_regular_graph(degree, n, seed=seed)
            yield f"regular{degree}_{n}.{seed}", derandcut.CutGraph.from_networkx(graph)
        for degree, n in ((3, 300), (4, 200), (4, 300)):
            graph = nx.gnm_random_graph(n, degree * n // 2, seed=seed)
            yield f"gnm{degree}_{n}.{seed}", derandcut.CutGraph.from_networkx(graph)
        for side, weights in ((5, "pm1"), (6, "pm1"), (7, "gaussian"), (8, "gaussian")):
            shape = [side] * 3
            graph = generate("lattice", seed=seed, shape=shape, weights=weights)
            yield f"lattice{side}_{weights}.{seed}", graph


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--sparse", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=3600.0)
    options = parser.parse_args()
    families = defaultdict(list)
    print(f"{'instance':22}{'n':>5}{'m':>7}{'cut':>12}{'bound':>12}   wall    CPU")
    instances = [(path.name, derandcut.read_graph(path)) for path in options.files]
    if options.sparse:
        instances += sparse_families()
    for name, graph in sorted(instances, key=lambda instance: instance[0]):
        begin = time.process_time()
        result = derandcut.maxcut(
            graph,
            method="exact",
            time_limit=options.limit,
            n_threads=options.threads,
        )
        cpu = time.process_time() - begin
        proved = result.status is Status.OPTIMAL
        families[re.split(r"[.]|\d000", name)[0]].append((proved, cpu))
        print(
            f"{name:22}{graph.n:5}{graph.m:7}{result.cut:12.10g}{result.upper_bound:12.10g}"
            f"{result.seconds:7.2f}{cpu:7.2f}{'' if proved else '  not proved'}",
            flush=True,
        )
    for family, outcomes in families.items():
        times = [cpu for _, cpu in outcomes]
        print(
            f"{family}: {sum(proved for proved, _ in outcomes)} of {len(outcomes)} "
            f"proved, CPU median {statistics.median(times):.2f}, most {max(times):.2f}"
        )


if __name__ == "__main__":
    main()
