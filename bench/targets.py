"""Cuts and gaps to the best known at several moments, and the seconds to reach it.

    python bench/targets.py [--limit 60] [--seeds 0 1] [--threads 2] [--at 1 10] [G14]

Every graph of the Gset (or those named) is solved by `derandcut.maxcut` with a time
limit; a run stops early when the best known cut of the manifest is reached, so that
records are not seen here. What a run holds at a moment depends on the work done and not
on the limit: the trace of a long run tells the answers of shorter ones, except that a
short one also combines the replicas it holds when its time is up. Prints a markdown
table: the cut at each moment and at the end, the seconds when the last one was found,
the proved bound, the status.
"""

import argparse
import statistics

import derandcut
from derandcut import datasets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--at", type=float, nargs="*", default=[1.0, 10.0])
    options = parser.parse_args()
    every = [name for name in datasets.names() if name.startswith("gset:")]
    chosen = [f"gset:{name}" for name in options.names] or every
    moments = [at for at in options.at if at < options.limit] + [options.limit]
    titles = " | ".join(f"{at:g} s" for at in moments)
    print(f"| graph | best known | seed | {titles} | found at | bound | status |")
    print("| --- " * (len(moments) + 6) + "|")
    gaps = {at: [] for at in moments}
    reached = {at: set() for at in moments}
    for name in chosen:
        graph, known = datasets.load(name), datasets.info(name).best_known
        for seed in options.seeds:
            result = derandcut.maxcut(
                graph,
                time_limit=options.limit,
                n_threads=options.threads,
                target=known,
                seed=seed,
            )
            cuts = []
            for at in moments:
                seen = [e.cut for e in result.trace if e.time <= at and e.cut]
                cuts.append(result.cut if at == moments[-1] else max(seen, default=0))
                gaps[at].append((known - cuts[-1]) / known)
                if cuts[-1] >= known:
                    reached[at].add(name)
            found = min(e.time for e in result.trace if e.cut == result.cut)
            print(
                f"| {name} | {known} | {seed} | {' | '.join(map(str, cuts))} | "
                f"{found:.2f} | {result.upper_bound} | {result.status.value} |",
                flush=True,
            )
    for at in moments:
        print(
            f"\n{at:g} s: mean gap {100 * statistics.mean(gaps[at]):.4f} %, best known "
            f"reached on {len(reached[at])} of {len(chosen)} by at least one seed"
        )


if __name__ == "__main__":
    main()
