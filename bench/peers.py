"""Seconds until derandcut holds the best cut that any peer held after 1, 10, 60 s.

    python bench/peers.py [--seeds 3] [NAME ...]

One thread against one thread. The peers' cuts are the best single value of any of
MQLib's heuristics, dwave-samplers' annealing and tabu search, openjij, simulated
bifurcation and rmaxcut, in CPU seconds on one core of an AMD EPYC of the Zen 4 class
(November 2026), the running maximum over shorter times. Each run has that time as its
limit and the peer's cut as its target. Prints for each seed the CPU seconds to the
target, or the cut at the limit in brackets, and the mean cut at the limit of runs
without a target where one fell short.
"""

import argparse
import time

import derandcut
from derandcut import datasets

PEERS = {  # cut after 1 s, 10 s, 60 s; None: not run
    "G1": (11624, 11624, None),
    "G14": (3058, 3062, 3062),
    "G22": (13358, 13358, None),
    "G32": (1408, 1408, 1408),
    "G35": (7679, 7679, 7684),
    "G43": (6660, 6660, None),
    "G48": (6000, 6000, None),
    "G55": (10290, 10290, 10292),
    "G57": (3472, 3480, None),
    "G60": (14165, 14181, 14181),
    "G63": (26931, 26972, None),
    "G70": (9555, 9563, 9582),
    "G77": (9814, 9864, None),
    "G81": (13900, 13942, 13988),
}
LIMITS = (1.0, 10.0, 60.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(PEERS))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| graph | peer, 1 s | ours | peer, 10 s | ours | peer, 60 s | ours |")
    print("| --- " * 7 + "|")
    for name in options.names:
        graph = datasets.load(f"gset:{name}")
        cells = []
        for limit, target in zip(LIMITS, PEERS[name], strict=True):
            if target is None:
                cells += ["", ""]
                continue
            seen, cuts = [], []
            for seed in range(options.seeds):
                begin = time.process_time()
                result = derandcut.maxcut(
                    graph, time_limit=limit, n_threads=1, target=target, seed=seed
                )
                spent = time.process_time() - begin
                seen.append(
                    f"{spent:.2f}" if result.cut >= target else f"({result.cut})"
                )
                cuts.append(result.cut)
            if min(cuts) < target:
                free = [
                    derandcut.maxcut(graph, time_limit=limit, n_threads=1, seed=s).cut
                    for s in range(options.seeds)
                ]
                seen.append(f"mean {sum(free) / len(free):.1f}")
            cells += [str(target), " ".join(seen)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
