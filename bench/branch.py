"""Proofs by `method="exact"`: cut, bound, and CPU seconds of all threads, per instance.

    python bench/branch.py FILE... [--threads T] [--limit SECONDS]

Prints one line a file and, at the end, one a family (the name without its number):
how many were proved, the median and the largest time.
"""

import argparse
import re
import statistics
import time
from collections import defaultdict
from pathlib import Path

import derandcut
from derandcut.result import Status


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=3600.0)
    options = parser.parse_args()
    families = defaultdict(list)
    print(f"{'instance':22}{'n':>5}{'m':>7}{'cut':>12}{'bound':>12}   wall    CPU")
    for path in sorted(options.files):
        graph = derandcut.read_graph(path)
        begin = time.process_time()
        result = derandcut.maxcut(
            graph,
            method="exact",
            time_limit=options.limit,
            n_threads=options.threads,
        )
        cpu = time.process_time() - begin
        proved = result.status is Status.OPTIMAL
        families[re.split(r"[.]|\d000", path.name)[0]].append((proved, cpu))
        print(
            f"{path.name:22}{graph.n:5}{graph.m:7}{result.cut:12}{result.upper_bound:12}"
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
