"""Value, proved bound, distance and seconds of the relaxation, beside its peers'.

    python bench/sdp.py [--tolerance 1e-5] [--threads 2] [--rerun G14] [GRAPH ...]

GRAPH is a file or a dataset's name, by default the graphs that the peers were timed
on. Each is solved as it is and, where a reduction applies, as its kernel. The analysis
of the matrix, the sweeps and the factorisations are all inside the seconds; reading is
not. `--rerun` solves one graph with cvxpy and SCS in the same process for a ratio.
"""

import argparse
import time
from pathlib import Path

from derandcut.cut.presolve import presolve
from derandcut.cut.sdp import sdp
from derandcut.formats import as_graph
from derandcut.graph import CutGraph

GRAPHS = "G1 G14 G22 G32 G35 G43 G48 G55 G60 G70 G81"

# CPU seconds and relative distance of value and bound (or of value and optimum, where
# the peer proves nothing), one core of an AMD EPYC of the Zen 4 class, November 2026.
# mixing: Wang, Chang and Kolter's code, eps 1e-3, the bound computed outside its time;
# LoRADS at 1e-5 (its dual is no valid bound); SDPLR at 1e-5 (value only); DSDP 5.8 at
# 1e-5 (a valid bound); SCS by cvxpy at 1e-4 (bound from its dual).
PEERS = {
    "mixing": {
        "G1": (0.058, 7.0e-6), "G14": (0.018, 3.5e-5), "G22": (0.164, 1.9e-5),
        "G32": (0.158, 1.7e-4), "G35": (0.129, 3.1e-5), "G43": (0.044, 1.8e-5),
        "G48": (0.260, 3.7e-6), "G55": (0.484, 2.5e-5), "G60": (1.064, 3.2e-5),
        "G70": (2.129, 4.3e-5), "G81": (23.05, 6.0e-5),
    },
    "LoRADS": {
        "G1": (0.83, 1e-6), "G14": (0.15, 1.2e-5), "G22": (0.61, 3e-6),
        "G32": (0.62, 2.2e-5), "G35": (0.91, 1.8e-5), "G43": (0.46, 1e-6),
        "G48": (0.48, 2e-6),
    },
    "SDPLR": {
        "G1": (1.13, 1e-7), "G14": (0.40, 3e-7), "G22": (2.82, 1e-7),
        "G32": (2.22, 4e-6), "G35": (2.80, 1e-7), "G43": (0.81, 1e-7),
        "G48": (1.40, 1e-8),
    },
    "DSDP": {"G1": (5.04, 1.8e-6), "G14": (1.84, 9e-7), "G43": (8.28, 7e-7)},
    "SCS": {"G1": (45.5, 4.8e-4), "G14": (38.3, 3.2e-3)},
}  # fmt: skip


def read(name: str) -> CutGraph:
    """Read a file, or load a dataset; G14 is gset:G14."""
    return as_graph(name if Path(name).exists() or ":" in name else f"gset:{name}")


def line(name: str, graph: CutGraph, constant: float, scale: float, options) -> None:
    """Solve one graph and print its line."""
    wall, begin = time.perf_counter(), time.process_time()
    result = sdp(
        graph,
        tolerance=options.tolerance,
        bound=options.bound,
        seed=options.seed,
        n_threads=options.threads,
    )
    seconds, wall = time.process_time() - begin, time.perf_counter() - wall
    known = name.split()[0].rpartition("/")[2]
    peers = "  ".join(
        f"{peer} {rows[known][0]:.3g} s {rows[known][1]:.0e}"
        for peer, rows in PEERS.items()
        if known in rows and constant == 0
    )
    value, above = result.value / scale, result.upper_bound / scale
    print(
        f"{name:11s} {graph.n:6d} {graph.m:6d} {constant + value:13.5f} "
        f"{constant + above:13.5f} {result.gap:7.1e} {result.rank:3d} "
        f"{result.sweeps:5d} {wall:6.3f} {seconds:6.3f}  {peers}",
        flush=True,
    )


def main() -> None:
    """Parse, solve, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", nargs="*", default=GRAPHS.split())
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--bound", choices=["proved", "estimate"], default="proved")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rerun", metavar="GRAPH", help="also with cvxpy and SCS")
    options = parser.parse_args()
    print(
        f"{'graph':11s} {'n':>6s} {'m':>6s} {'value':>13s} {'bound':>13s} "
        f"{'gap':>7s} {'k':>3s} {'swps':>5s} {'wall s':>6s} {'CPU s':>6s}  "
        "peers: CPU s, distance"
    )
    for name in options.graphs:
        graph = read(name)
        line(name, graph, 0.0, 1.0, options)
        problem = presolve(graph)
        if problem.kernel.n < graph.n:
            kernel = problem.kernel
            line(f"{name} kernel", kernel, problem.constant, problem.scale, options)
    if options.rerun:
        rerun(read(options.rerun), options)


def rerun(graph: CutGraph, options) -> None:
    """One graph by cvxpy and SCS, and again by derandcut, in CPU seconds."""
    from derandcut.cut.goemans_williamson import goemans_williamson

    begin = time.process_time()
    result = goemans_williamson(graph, solver="SCS", rounds=1)
    theirs = time.process_time() - begin
    begin = time.process_time()
    ours = sdp(graph, tolerance=options.tolerance, seed=options.seed)
    own = time.process_time() - begin
    print(
        f"{options.rerun}: SCS {theirs:.1f} s, bound {result.upper_bound}; derandcut "
        f"{own:.3f} s, bound {ours.upper_bound:.3f}: {theirs / own:.0f} times"
    )


if __name__ == "__main__":
    main()
