"""The adaptors that come with the package, each as a competent user would call it.

An adaptor is a function of a `Task`. It offers partitions while it works, or returns
one, or returns an `Outcome` with claims and bounds; the harness does the rest. The
first paragraph of its docstring is printed in the report. See docs/benchmark.md.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from derandcut.benchmark.task import NotInstalled, Outcome, Task, Unsuitable, adaptor
from derandcut.graph import CutGraph

# ------------------------------------------------------------------- derandcut


@adaptor("derandcut")
def derandcut_maxcut(
    task: Task, *, method: str = "auto", bound: str = "proved", gap: float = 0.0
) -> Outcome:
    """derandcut.maxcut with the time limit; everything else at its default."""
    import derandcut

    result = derandcut.maxcut(
        task.graph,
        time_limit=task.time_limit,
        seed=task.seed,
        n_threads=task.threads,
        method=method,
        bound=bound,
        gap=gap,
    )
    return _from_result(result)


@adaptor("derandcut-sdp")
def derandcut_sdp(task: Task, *, tolerance: float = 1e-6) -> Outcome:
    """derandcut.sdp: the relaxation and its proved dual bound, no cut."""
    import derandcut

    result = derandcut.sdp(
        task.graph,
        tolerance=tolerance,
        seed=task.seed,
        time_limit=task.time_limit,
        n_threads=task.threads,
    )
    return Outcome(
        upper_bound=result.upper_bound,
        bound_kind=result.bound_kind,
        relaxation=result.value,
    )


@adaptor("goemans-williamson", needs=["cvxpy"], packages=["cvxpy", "scs", "clarabel"])
def goemans_williamson(
    task: Task, *, solver: str | None = None, rounds: int = 100, largest: int = 400
) -> Outcome:
    """derandcut.goemans_williamson: the SDP by cvxpy with the solver named (cvxpy's
    choice by default), the best of 100 hyperplane roundings. It knows no time limit;
    graphs of more than `largest` vertices, or that do not fit in memory, are declined.
    """
    import cvxpy

    import derandcut
    from derandcut.errors import InputError

    if solver is not None and solver not in cvxpy.installed_solvers():
        raise NotInstalled(f"cvxpy finds no {solver}; see cvxpy.installed_solvers()")
    if task.graph.n > largest:
        raise Unsuitable(f"n = {task.graph.n} > {largest}: raise the option largest")
    try:
        result = derandcut.goemans_williamson(
            task.graph, solver=solver, rounds=rounds, seed=task.seed
        )
    except InputError as error:
        raise Unsuitable(str(error)) from None
    return _from_result(result)


def _from_result(result: Any) -> Outcome:
    return Outcome(
        partition=result.partition,
        cut=result.cut,
        upper_bound=result.upper_bound,
        bound_kind=None if result.bound_kind == "none" else result.bound_kind,
        trace=[(e.time, e.cut, e.upper_bound) for e in result.trace],
        info={"status": result.status.value, "work": result.work},
    )


# ------------------------------------------------------------------- annealing


def _in_reads(
    task: Task, anneal: Callable[[int, int, int], Any], read_sweeps: int
) -> dict[str, Any]:
    """Fill the limit with reads of about `read_sweeps` sweeps each.

    ``anneal(reads, sweeps, seed)`` returns the spins of the best read. A calibration of
    some 5 % of the limit finds the seconds of a call and of a sweep; then as many reads
    as fit, equally long, and a shorter one where at least 5 % of the limit are left
    over. Reads share calls where calls are dear, as they are to openjij.
    """
    seeds = np.random.default_rng(task.seed)

    def timed(reads: int, sweeps: int) -> float:
        begin = time.perf_counter()
        task.offer(anneal(reads, sweeps, int(seeds.integers(2**31))))
        return time.perf_counter() - begin

    # seconds = call + pace * sweeps. Taking off less than the whole call errs on the
    # safe side, by less the longer the run.
    call, sweeps = timed(1, 1), 64
    seconds = timed(1, sweeps)
    while seconds < 3 * call and task.left() > 0.94 * task.time_limit:
        sweeps *= 4
        seconds = timed(1, sweeps)
    call = min(call, seconds)
    pace = (seconds - 0.8 * call) / sweeps
    done = longest = 0
    while task.left() > 0.05 * task.time_limit:
        affordable = (0.97 * task.left() - call) / pace
        reads = max(1, round(affordable / read_sweeps))
        sweeps = int(affordable / reads)
        if sweeps < 4:
            break
        calls = min(reads, max(1, int(0.1 * task.left() / call)))
        shared = -(-reads // calls)
        seconds = timed(shared, sweeps)
        call = min(call, seconds)
        pace = (seconds - 0.8 * call) / (shared * sweeps)
        done, longest = done + shared, max(longest, sweeps)
    return {"reads": done, "sweeps": longest}


def _spins(graph: CutGraph) -> Any:
    """The graph as an Ising model: each cut is (W - energy) / 2."""
    import dimod

    u, v, w = graph.edges()
    vectors = dimod.BinaryQuadraticModel.from_numpy_vectors
    return vectors(np.zeros(graph.n), (u, v, w), 0.0, "SPIN")


@adaptor(
    "dwave-annealing",
    needs=["dwave.samplers", "dimod"],
    packages=["dwave-samplers", "dimod"],
    install="pip install dwave-samplers",
)
def dwave_annealing(task: Task, *, read_sweeps: int = 100_000) -> Outcome:
    """dwave.samplers.SimulatedAnnealingSampler with its default temperatures; sweeps
    calibrated to fill the time limit, in one anneal, or in several of about
    `read_sweeps` sweeps where more fit."""
    from dwave.samplers import SimulatedAnnealingSampler

    model, sampler = _spins(task.graph), SimulatedAnnealingSampler()

    def anneal(reads: int, sweeps: int, seed: int) -> np.ndarray:
        found = sampler.sample(model, num_reads=reads, num_sweeps=sweeps, seed=seed)
        return _first(found)

    return Outcome(info=_in_reads(task, anneal, read_sweeps))


@adaptor(
    "openjij",
    needs=["openjij", "dimod"],
    packages=["openjij"],
    install="pip install openjij",
)
def openjij_annealing(task: Task, *, read_sweeps: int = 10_000) -> Outcome:
    """openjij.SASampler, sparse, default temperatures; sweeps calibrated to fill the
    time limit with reads of about `read_sweeps` sweeps."""
    import openjij

    model, sampler = _spins(task.graph), openjij.SASampler()

    def anneal(reads: int, sweeps: int, seed: int) -> np.ndarray:
        found = sampler.sample(
            model, num_reads=reads, num_sweeps=sweeps, seed=seed, sparse=True
        )
        return _first(found)

    return Outcome(info=_in_reads(task, anneal, read_sweeps))


def _first(samples: Any) -> np.ndarray:
    """Best sample of a dimod sample set, in vertex order."""
    order = np.argsort(np.asarray(samples.variables, dtype=np.int64))
    best = int(np.argmin(samples.record.energy))
    return samples.record.sample[best][order]


@adaptor(
    "dwave-tabu",
    needs=["dwave.samplers", "dimod"],
    packages=["dwave-samplers", "dimod"],
    install="pip install dwave-samplers",
)
def dwave_tabu(task: Task) -> None:
    """dwave.samplers.TabuSampler, one read with its restarts until the time limit,
    everything else at its default."""
    from dwave.samplers import TabuSampler

    model = _spins(task.graph)
    milliseconds = max(1, int(1000 * 0.98 * task.left()))
    found = TabuSampler().sample(
        model, num_reads=1, timeout=milliseconds, seed=task.seed % 2**32
    )
    task.offer(_first(found))


@adaptor(
    "simulated-bifurcation",
    needs=["torch", "simulated_bifurcation"],
    packages=["simulated-bifurcation", "torch"],
    install="pip install torch simulated-bifurcation",
)
def simulated_bifurcation(
    task: Task, *, mode: str = "ballistic", agents: int = 32, largest: int = 2000
) -> Outcome:
    """simulated_bifurcation.minimize on the dense coupling matrix in float32: 32
    agents, at most 2000 steps (or what fits, by a trial of 10) with early stopping,
    restarted until the time limit."""
    import simulated_bifurcation as bifurcation
    import torch

    if task.graph.n > largest:
        raise Unsuitable(f"n = {task.graph.n} > {largest}: it prepares for n^3")
    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)
    matrix = torch.tensor(task.graph.adjacency.toarray(), dtype=torch.float32)

    def timed(steps: int) -> float:
        begin = task.elapsed()
        spins, _ = bifurcation.minimize(
            matrix,
            domain="spin",
            agents=agents,
            max_steps=steps,
            mode=mode,
            verbose=False,
            timeout=max(0.01, task.left()),
        )
        task.offer(spins.numpy().ravel())
        return task.elapsed() - begin

    pace = timed(10) / 10  # the package looks at its timeout too rarely to rely on it
    steps = min(2000, int(0.9 * task.left() / pace))
    calls, slowest = 0, 0.0
    while steps >= 10 and task.left() > slowest:
        calls, slowest = calls + 1, max(slowest, timed(steps))
    return Outcome(info={"calls": calls, "steps": steps})


# -------------------------------------------------------------- small and simple


@adaptor(
    "dimod-exact", needs=["dimod"], packages=["dimod"], install="pip install dimod"
)
def dimod_exact(task: Task, *, largest: int = 20) -> None:
    """dimod.ExactSolver: all 2^n assignments, to n = 20."""
    import dimod

    if task.graph.n > largest:
        raise Unsuitable(f"n = {task.graph.n} > {largest}")
    if task.graph.n == 0:
        return np.empty(0, np.int8)
    task.offer(_first(dimod.ExactSolver().sample(_spins(task.graph))))
    return None


@adaptor("networkx-exchange", needs=["networkx"], packages=["networkx"])
def networkx_exchange(task: Task) -> Outcome:
    """networkx.approximation.one_exchange from the empty cut, then from random ones as
    long as another call fits the time limit. A call cannot be interrupted."""
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(task.graph.n))
    u, v, w = task.graph.edges()
    graph.add_weighted_edges_from(zip(u.tolist(), v.tolist(), w.tolist(), strict=True))
    rng = np.random.default_rng(task.seed)
    start: set[int] = set()
    calls, slowest = 0, 0.0
    while calls == 0 or task.left() > slowest:
        begin = task.elapsed()
        _, (side, _) = networkx.approximation.one_exchange(
            graph, initial_cut=start, seed=task.seed + calls, weight="weight"
        )
        partition = np.zeros(task.graph.n, np.int8)
        partition[list(side)] = 1
        task.offer(partition)
        calls, slowest = calls + 1, max(slowest, task.elapsed() - begin)
        start = set(np.flatnonzero(rng.integers(0, 2, task.graph.n)).tolist())
    return Outcome(info={"calls": calls})


# ------------------------------------------------------------ mathematical programs


@adaptor("highs", needs=["highspy"], packages=["highspy"])
def highs_mip(task: Task) -> Outcome:
    """HiGHS on the linear model: binary x_u, y_uv in [0, 1] with y <= x_u + x_v and
    y <= 2 - x_u - x_v where w > 0, y >= |x_u - x_v| where w < 0; the vertex of largest
    degree fixed; relative gap 0."""
    import highspy

    graph = task.graph
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("threads", task.threads)
    model.setOptionValue("random_seed", task.seed % 2**31)
    model.setOptionValue("mip_rel_gap", 0.0)
    if graph.m == 0:
        return Outcome(partition=np.ones(graph.n), cut=0.0, upper_bound=0.0)
    model.passModel(_linear_model(highspy, graph))
    model.setOptionValue("time_limit", max(0.01, 0.98 * task.left()))
    model.run()
    info, solution = model.getInfo(), model.getSolution()
    side = None
    if solution.value_valid:
        side = np.asarray(solution.col_value[: graph.n]) > 0.5
    return Outcome(
        partition=side,
        upper_bound=_finite(info.mip_dual_bound),
        bound_kind="claimed",
        info={"nodes": info.mip_node_count},
    )


def _linear_model(highspy: Any, graph: CutGraph) -> Any:
    n, m = graph.n, graph.m
    u, v, w = graph.edges()
    y = n + np.arange(m)
    # Two rows an edge over (x_u, x_v, y): y - x_u - x_v <= 0 and y + x_u + x_v <= 2 for
    # w > 0; y - x_u + x_v >= 0 and y + x_u - x_v >= 0 for w < 0.
    plus = w > 0
    rows = np.stack([u, v, y, u, v, y], axis=1).ravel()
    first = np.where(plus, -1.0, 1.0)
    second = np.where(plus, 1.0, -1.0)
    ones = np.ones(m)
    signs = np.stack([-ones, first, ones, ones, second, ones], axis=1).ravel()
    lower = np.where(plus, -highspy.kHighsInf, 0.0).repeat(2)
    upper = np.where(plus[:, None], [0.0, 2.0], highspy.kHighsInf).ravel()
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = n + m, 2 * m
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.concatenate([np.zeros(n), w])
    model.col_lower_ = np.zeros(n + m)
    top = np.ones(n + m)
    top[int(np.argmax(graph.degrees))] = 0.0
    model.col_upper_ = top
    model.row_lower_, model.row_upper_ = lower, upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.arange(0, 6 * m + 1, 3)
    model.a_matrix_.index_, model.a_matrix_.value_ = rows, signs
    kinds = highspy.HighsVarType
    model.integrality_ = [kinds.kInteger] * n + [kinds.kContinuous] * m
    return model


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) and abs(value) < 1e20 else None


@adaptor(
    "cp-sat",
    needs=["ortools.sat.python.cp_model"],
    packages=["ortools"],
    install="pip install ortools",
)
def cp_sat(task: Task) -> Outcome:
    """OR-tools CP-SAT with the same linear model, clauses instead of rows, the empty
    cut as a hint, the threads of the run. Real weights are scaled to integers of seven
    digits (no bound then)."""
    from ortools.sat.python import cp_model

    graph = task.graph
    u, v, w = graph.edges()
    scale = 1.0 if graph.integer else 1e7 / max(1e-300, float(np.abs(w).max()))
    gains = np.rint(w * scale).astype(np.int64)
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(graph.n)]
    y = [model.new_bool_var("") for _ in range(graph.m)]
    for a, b, across, gain in zip(u.tolist(), v.tolist(), y, gains, strict=True):
        if gain > 0:
            model.add_bool_or(x[a], x[b], ~across)
            model.add_bool_or(~x[a], ~x[b], ~across)
        else:
            model.add_bool_or(~x[a], x[b], across)
            model.add_bool_or(x[a], ~x[b], across)
    if graph.n:
        model.add(x[int(np.argmax(graph.degrees))] == 0)
    for variable in (*x, *y):
        model.add_hint(variable, 0)  # the empty cut, to have one to improve
    model.maximize(cp_model.LinearExpr.weighted_sum(y, gains.tolist()))

    class Show(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            task.offer([self.value(variable) for variable in x])

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = task.threads
    solver.parameters.random_seed = task.seed % 2**31
    solver.parameters.max_time_in_seconds = max(0.01, 0.98 * task.left())
    status = solver.solve(model, Show())
    exact = graph.integer and status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return Outcome(
        upper_bound=_finite(solver.best_objective_bound) if exact else None,
        bound_kind="claimed" if exact else None,
        info={"status": solver.status_name(status)},
    )


@adaptor(
    "gurobi",
    needs=["gurobipy"],
    packages=["gurobipy"],
    install="pip install gurobipy, and a licence for more than 2000 variables",
)
def gurobi(task: Task) -> Outcome:
    """Gurobi on the binary quadratic objective sum w (x_u + x_v - 2 x_u x_v), one
    vertex fixed, MIPGap 0, its own linearisation."""
    import gurobipy

    graph = task.graph
    environment = gurobipy.Env(params={"OutputFlag": 0})
    model = gurobipy.Model(env=environment)
    x = model.addMVar(graph.n, vtype="B")
    if graph.n:
        x[int(np.argmax(graph.degrees))].UB = 0
    # x'Ax counts each edge twice, as the formula wants.
    cut = graph.weighted_degrees @ x - x @ graph.adjacency @ x
    model.setObjective(cut, gurobipy.GRB.MAXIMIZE)
    model.Params.Threads = task.threads
    model.Params.Seed = task.seed % 2_000_000_000
    model.Params.MIPGap = 0.0
    model.Params.TimeLimit = max(0.01, 0.98 * task.left())

    def show(found: Any, where: int) -> None:
        if where == gurobipy.GRB.Callback.MIPSOL:
            task.offer(found.cbGetSolution(x) > 0.5)

    try:
        model.optimize(show)
    except gurobipy.GurobiError as error:
        raise Unsuitable(str(error)) from None
    return Outcome(
        partition=x.X > 0.5 if model.SolCount else None,
        upper_bound=_finite(model.ObjBound),
        bound_kind="claimed",
    )


# ------------------------------------------------------------------------- MQLib


@adaptor(
    "mqlib",
    program="MQLib",
    install="build github.com/MQLib/MQLib and put bin/MQLib on the path",
)
def mqlib(task: Task, *, heuristic: str = "BURER2002") -> Outcome:
    """The MQLib program with one heuristic (BURER2002 by default, the strongest of its
    collection on most of the Gset) and the time limit."""
    graph = task.graph
    u, v, w = graph.edges()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "graph")
        table = np.column_stack([u + 1, v + 1, w])
        header = f"{graph.n} {graph.m}"
        np.savetxt(path, table, fmt="%d %d %.17g", header=header, comments="")
        command = ["MQLib", "-fM", str(path), "-h", heuristic, "-nv", "-ps"]
        command += ["-r", f"{0.98 * task.left():.3f}", "-s", str(task.seed % 2**16)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    head, _, solution = answer.stdout.partition("Solution:")
    fields = head.strip().splitlines()[-1].split('"')[-1].split(",")
    return Outcome(
        partition=np.array(solution.split(), dtype=np.int8), cut=float(fields[1])
    )
