"""Proved bound against CPU seconds: the relaxation first, then odd-set inequalities.

    python bench/bounds.py [--seconds 60] FILE ...

Each FILE is a rudy graph. The reductions, the analysis, the sweeps, the separation and
the factorisations are all inside the seconds; reading is not. A line is printed when a
bound is offered and the seconds have grown by a quarter since the last line.
"""

import argparse
import time
from pathlib import Path

from sdp import read

from derandcut.cut.bound import Factorisation
from derandcut.cut.cycles import Tightening
from derandcut.cut.presolve import presolve
from derandcut.cut.sdp import Relaxation, solve
from derandcut.run import Run


def tighten(path: str, seconds: float, verbose: bool) -> None:
    """Tighten the bound of one graph for so many CPU seconds."""
    graph = read(path)
    name = Path(path).name
    begin = time.process_time()
    shown, best = 0.0, float("inf")

    def offer(bound) -> None:
        nonlocal shown, best
        spent = time.process_time() - begin
        best = min(best, problem.bound(bound.unfloored))
        if spent > 1.25 * shown:
            shown = spent
            print(f"{name:6s} {spent:8.2f} s  {best:12.4f}  {bound.method}", flush=True)
            if verbose and bound.method == "odd cycles":
                print(f"    {detail(work)} rank {work.V.shape[1]}", flush=True)

    problem = presolve(graph)
    run = Run(graph)
    relaxation = Relaxation(problem.kernel)
    factorisation = Factorisation(problem.kernel)
    solve(relaxation, run, tolerance=1e-4, factorisation=factorisation, offer=offer)
    work = Tightening(problem.kernel, relaxation.V, factorisation)
    while time.process_time() - begin < seconds and not work.stalled:
        work.advance(run, 3_000_000, offer)
    shown = 0.0
    offer(work.prove(run))


def detail(work: Tightening) -> str:
    """Sizes inside the state, for the eye."""
    active = int((work.multiplier > 0).sum())
    return (
        f"rows {len(work.multiplier)} active {active} pairs {work.pattern.m} "
        f"pace {work.pace:.3f} estimate {work.estimate:.4f} chords {work.chords}"
    )


def main() -> None:
    """Parse, tighten, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    for path in options.files:
        tighten(path, options.seconds, options.verbose)


if __name__ == "__main__":
    main()
