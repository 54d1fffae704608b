"""Distance to the best known cuts, from records, as markdown.

    derandcut bench --suite bench/suites/quality.toml --output records
    python bench/quality.py records

The gap of a run is (best known - cut) / best known, negative above it; of an instance,
the mean over its seeds; a run without a counted cut has gap 1. The best known value is
the manifest's, not what these records found.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np

from derandcut.benchmark import read_records
from derandcut.benchmark.statistics import Study

SUMMARY = [
    "solver",
    "limit",
    "instances",
    "mean gap",
    "median",
    "worst",
    "best known reached by a seed",
    "by every seed",
    "raised",
    "runs without a counted cut",
]


def tried(study, instance, solver, limit):
    """The runs that were really started, of solvers that cut at all."""
    runs = study.cell(instance, solver, limit)
    started = [r for r in runs if r["status"] not in ("unsuitable", "not installed")]
    return [r for r in started if r["status"] != "ok" or r["cut"] is not None]


def gaps(study, instance, solver, limit):
    """Gaps over the seeds; empty if nothing was run or nothing is known."""
    known = study.known.get(instance)
    runs = tried(study, instance, solver, limit)
    if not known:
        return np.empty(0)
    cuts = [run["cut"] if study.counts(run) else 0.0 for run in runs]
    return (known - np.array(cuts, dtype=np.float64)) / known


def columns(study):
    """The solvers and limits that were run."""
    pairs = itertools.product(study.solvers, study.limits)
    return [pair for pair in pairs if study.of_solver(*pair)]


def summary(study):
    """One row a solver and limit."""
    yield SUMMARY
    for solver, limit in columns(study):
        found = {i: gaps(study, i, solver, limit) for i in study.instances}
        found = {i: gap for i, gap in found.items() if len(gap)}
        if not found:
            continue
        means = {i: gap.mean() for i, gap in found.items()}
        worst = max(means, key=means.get)
        runs = study.tried(solver, limit)
        yield [
            solver,
            f"{limit:g} s",
            len(found),
            percent(np.mean(list(means.values()))),
            percent(np.median(list(means.values()))),
            f"{percent(means[worst])} ({worst})",
            sum(gap.min() <= 0 for gap in found.values()),
            sum(gap.max() <= 0 for gap in found.values()),
            sum(gap.min() < 0 for gap in found.values()),
            sum(not study.counts(run) for run in runs),
        ]


def table(study):
    """One row an instance: best cut (mean over the seeds, its gap)."""
    pairs = columns(study)
    heads = [f"{solver}, {limit:g} s" for solver, limit in pairs]
    yield ["instance", "n", "m", "best known", *heads]
    for instance in study.instances:
        facts, known = study.facts(instance), study.known.get(instance)
        cells = [cell(study, instance, solver, limit) for solver, limit in pairs]
        yield [instance, facts.get("n"), facts.get("m"), known, *cells]


def cell(study, instance, solver, limit):
    """Best cut, then the mean and its gap if it is another one."""
    runs = study.cell(instance, solver, limit)
    cuts = [run["cut"] for run in runs if study.counts(run)]
    if not cuts:
        return ", ".join(sorted({run["status"] for run in runs}))
    gap = gaps(study, instance, solver, limit)
    mean = f", mean {np.mean(cuts):.10g}" if min(cuts) < max(cuts) else ""
    missed = f", {len(runs) - len(cuts)} missed" if len(cuts) < len(runs) else ""
    far = f" ({percent(gap.mean())})" if len(gap) and gap.mean() else ""
    return f"{max(cuts):.10g}{mean}{missed}{far}"


def percent(gap):
    """Three decimals."""
    return f"{100 * gap:.3f} %"


def markdown(rows):
    """Print rows as a table; the first is its head."""
    head, *rest = rows
    print("|", " | ".join(head), "|")
    print("|" + " --- |" * len(head))
    for row in rest:
        print("|", " | ".join(map(str, row)), "|")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path, help="folder or record file")
    study = Study(read_records(parser.parse_args().records))
    markdown(summary(study))
    markdown(table(study))


if __name__ == "__main__":
    main()
