"""`maxcut`: the whole method on a page.

presolve -> SDP relaxation -> derandomized relaxation, collapse, rounding -> search,
matching on surfaces, branch and bound -> upper bound. Each stage is one call into
`derandcut.cut`; this module orders them and ties what they return into one chain of
inequalities (docs/method).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from derandcut.arguments import (
    Settings,
    check_target_and_callback,
    fixed_sides,
    initial_partition,
    limit,
    natural,
    refuse,
)
from derandcut.budget import work_budget
from derandcut.cut.bound import floor_to_values
from derandcut.cut.bounding import Bounding
from derandcut.cut.certificate import certificate
from derandcut.cut.exact import Exact
from derandcut.cut.goemans_williamson import goemans_williamson
from derandcut.cut.pool import Pool
from derandcut.cut.presolve import Presolved, presolve
from derandcut.cut.proof import Positive
from derandcut.cut.rounding import (
    conditional_expectations,
    guarantee,
    one_flip_descent,
)
from derandcut.cut.sampler import DRAWS, Derandomized, derandomize
from derandcut.cut.sdp import Relaxation
from derandcut.cut.search import Search
from derandcut.cut.surface import (
    Embedding,
    matching_units,
    needs_no_search,
    solve_embedded,
)
from derandcut.errors import InputError
from derandcut.formats import as_graph
from derandcut.graph import CutGraph
from derandcut.options import Options
from derandcut.result import (
    CutResult,
    Event,
    LemmaCertificate,
    Link,
    Status,
    check_chain,
)
from derandcut.run import LARGE, Run, Trial

__all__ = ["maxcut"]

SHORT_ASCENT, SHORT_WORK = 200, 50_000_000  # iterations; units, a second
LEAST_ASCENT = 10  # iterations


def maxcut(
    graph: Any,
    *,
    time_limit: float | None = None,
    work_limit: int | None = None,
    gap: float = 0.0,
    target: float | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    method: str = "auto",
    bound: str = "proved",
    initial: Any = None,
    fixed: Mapping[Hashable, int] | None = None,
    embedding: Mapping[Hashable, Iterable[Hashable]] | None = None,
    weight: str = "weight",
    pool_size: int = 1,
    options: Options | str | dict[str, Any] | None = None,
    callback: Callable[[Event], object] | None = None,
) -> CutResult:
    """Find a large cut of a weighted graph and prove how good it is.

    Parameters
    ----------
    graph : CutGraph, path, networkx graph, matrix, or tuple (u, v, w[, n])
        Weights of any sign; loops are ignored, parallel edges added.
    time_limit : float, optional
        Seconds of wall clock. Turned into a work limit once, by a short measurement;
        the clock otherwise only ends a run. None: the pipeline's natural end.
    work_limit : int, optional
        Units of work, one edge visited by one kernel pass. ``result.work_limit`` with
        the same seed repeats a run bit for bit, for any number of threads.
    gap : float, default 0.0
        Stop once (upper_bound - cut) / abs(cut) is at most this.
    target : float, optional
        Stop once a cut is at least this.
    seed : int, default 0
        Same seed, same answer.
    n_threads : int, optional
        All cores allowed to the process by default; no influence on the answer.
    method : {"auto", "exact", "derandomize", "search", "goemans-williamson"}
        Everything; until the optimum is proved or a limit is met; the derandomized
        relaxation alone; without its chain; the cvxpy baseline (takes a seed and no
        limit, start, pool or other bound).
    bound : {"proved", "estimate", "none"}
        Rigorous (a factorisation, or a weaker proof where none is affordable); by
        Lanczos; none.
    initial : vector, mapping, set or CutResult, optional
        A warm start: +-1 or 0/1 a vertex, label -> side, labels of one side.
    fixed : mapping, optional
        label -> side (+1 or -1) of vertices that must stay there.
    embedding : mapping, optional
        A rotation system of the graph, label -> neighbours in cyclic order: graphs of
        small genus are then solved exactly by matching. Plane graphs and toroidal
        square lattices are recognised without it. Not with `fixed`.
    weight : str, default "weight"
        Edge attribute of a networkx graph.
    pool_size : int, default 1
        How many distinct good partitions to return in ``result.pool``.
    options : Options, preset name or dict, optional
        Settings of the stages.
    callback : callable, optional
        Called with an `Event` on every new cut or bound and regularly between; a true
        return value stops the run.

    Returns
    -------
    CutResult

    Raises
    ------
    InputError
        If an argument is not what it has to be.

    References
    ----------
    Tsikouras, Pantis, Mitliagkas, Tzamos: A Derandomization Framework for Structure
    Discovery (arXiv 2510.19382); Goemans and Williamson 1995.

    Examples
    --------
    >>> import derandcut, networkx
    >>> result = derandcut.maxcut(networkx.petersen_graph())
    >>> result.cut, result.status.value
    (12, 'optimal')
    """
    graph = as_graph(graph, weight)
    settings = Settings.checked(
        method=method,
        bound=bound,
        seed=seed,
        n_threads=n_threads,
        pool_size=pool_size,
        options=options,
    )
    check_target_and_callback(target, callback)
    if settings.method == "goemans-williamson":
        refuse(
            "goemans-williamson",
            time_limit=time_limit,
            work_limit=work_limit,
            gap=gap or None,
            target=target,
            bound=None if settings.bound == "proved" else settings.bound,
            initial=initial,
            fixed=fixed,
            embedding=embedding,
            pool_size=None if settings.pool_size == 1 else settings.pool_size,
        )
        return goemans_williamson(graph, seed=settings.seed)
    if settings.method == "exact" and settings.bound != "proved":
        raise InputError(f"exact needs bound='proved', got {settings.bound!r}")
    sides = fixed_sides(graph, fixed)
    start = None if initial is None else initial_partition(graph, initial)
    surface = None if embedding is None else Embedding.from_rotation(graph, embedding)
    if surface is not None and sides.any():
        raise InputError("embedding cannot be combined with fixed")
    run = Run(
        graph,
        time_limit=None if time_limit is None else limit("time_limit", time_limit),
        work_limit=None if work_limit is None else natural("work_limit", work_limit),
        gap=limit("gap", gap),
        target=target,
        callback=callback,
    )
    with run.catching_signals():
        solution = _solve(graph, run, settings, sides, start, surface)
    return _result(graph, run, settings, solution, sides)


@dataclass
class Solution:
    """What the stages found, beside the run's incumbent and bound."""

    chain: list[Link] = field(default_factory=list)
    lemma: LemmaCertificate | None = None
    pool: list[np.ndarray] = field(default_factory=list)


def _solve(
    graph: CutGraph,
    run: Run,
    settings: Settings,
    sides: np.ndarray,
    start: np.ndarray | None,
    embedding: Embedding | None,
) -> Solution:
    """The method, stage by stage."""
    options, solution = settings.options, Solution()
    known, law = [], None  # partitions and the law that the search starts from
    with run.stage("presolve"):
        first = _offer_first(run, sides, start)
        problem = presolve(graph, sides, reductions=options.reductions, run=run)
        kernel = problem.kernel
        first = problem.restrict(first)
        if run.ended is None or graph.m <= LARGE:
            first = one_flip_descent(kernel, first)
        known.append(first)
        run.offer_cut(problem.lift(first))
        if run.time_limit is not None:
            run.work_limit = work_budget(kernel, run, settings)

    with run.stage("relaxation"):
        relaxation = Relaxation(
            kernel,
            rank=options.rank,
            seed=settings.seed,
            n_threads=settings.n_threads,
        )
        relaxation.advance(run, tolerance=options.sdp_tolerance)
        bounding = Bounding(
            problem,
            relaxation,
            kind=settings.bound,
            tolerance=options.bound_tolerance,
            beyond=settings.method != "derandomize",
        )

    if settings.method != "search":
        with run.stage("derandomize"):
            found = _derandomize(problem, relaxation, run, settings, solution)
        if found is not None:
            known.append(found.partition)
            if settings.method in ("auto", "exact"):
                law = found.W, found.b

    if run.exhausted():
        solution.pool = [problem.lift(x) for x in known]
    elif settings.method != "derandomize" and kernel.m:
        search = Search(
            kernel,
            relaxation.V.copy(),
            seed=settings.seed,
            law=law,
            pool_size=settings.pool_size,
            components=problem.pieces.components,
        )
        for partition in known:
            search.pool.offer(partition, kernel.cut(partition))
        exact = Exact(
            problem,
            method=settings.method,
            prove=settings.bound != "none",
            seed=settings.seed,
        )
        run.charge(kernel.m)  # setting up looks at every edge
        with ThreadPoolExecutor(settings.n_threads) as executor:
            natural_end = False  # reached, and there is a limit to use up
            matching = settings.bound != "none" and settings.pool_size == 1
            if matching and not run.exhausted():
                with run.stage("surface"):  # on the plane that is all
                    _surface(run, settings, exact, executor, embedding, searched=False)
            while not run.exhausted():
                units = exact.allowance(run, search.round, search.settled, natural_end)
                if units > 0:
                    with run.stage("branch"):
                        exact.advance(run, executor, units)
                    continue
                if search.settled and not natural_end:
                    with run.stage("bound"):
                        bounding.finish(run)
                    natural_end = True
                    if run.exhausted() or not (run.limited or exact.endless):
                        break
                if search.stale:
                    search.restart()
                with run.stage("search"):
                    search.advance(run, executor)
                    run.offer_cut(problem.lift(search.best.partitions[0]))
                if search.round == 1 and not run.exhausted():
                    with run.stage("surface"):
                        _surface(
                            run, settings, exact, executor, embedding, searched=True
                        )
                if bounding.due(run):
                    with run.stage("bound"):
                        bounding.step(run)
        exact.certify(run)
        solution.pool = [problem.lift(x) for x in search.best.partitions]
        run.offer_cut(solution.pool[0])  # their crossings may be new

    with run.stage("bound"):
        bounding.finish(run)
    return solution


def _offer_first(run: Run, sides: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    """Offer the user's start, or (2.6) at the uniform law, before all else."""
    graph = run.graph
    if start is None:
        first = conditional_expectations(graph, sides, sides != 0)
    else:
        first = np.where(sides == 0, start, sides)
    run.offer_cut(first)
    if run.cut < 0 and not sides.any():  # then nothing cut is better
        first = np.ones(graph.n, np.int8)
        run.offer_cut(first)
    return first


def _derandomize(
    problem: Presolved,
    relaxation: Relaxation,
    run: Run,
    settings: Settings,
    solution: Solution,
) -> Derandomized | None:
    """The derandomized relaxation and its chain, from the SDP's guarantee to a cut."""
    options, kernel = settings.options, problem.kernel
    iterations, starts, draws = options.iterations, options.starts, 0
    if settings.method in ("auto", "exact") and iterations is None:
        # The search ascends again and again: here only the chain is needed.
        fitting = max(LEAST_ASCENT, SHORT_WORK // max(1, kernel.m))
        iterations = min(SHORT_ASCENT, fitting)
        starts, draws = starts or 1, DRAWS
    found = derandomize(
        kernel,
        relaxation.V,
        run,
        iterations=iterations,
        starts=starts,
        c=options.start_scale,
        seed=settings.seed,
        n_threads=settings.n_threads,
        draws=draws,
    )
    if found is not None:
        run.offer_cut(problem.lift(found.partition))
        solution.lemma = found.lemma
        promised = guarantee(kernel, relaxation.value, options.start_scale)
        links = [Link("guarantee", promised), *found.links]
        solution.chain = [Link(x.name, problem.value(x.value)) for x in links]
    return found


def _surface(
    run: Run,
    settings: Settings,
    exact: Exact,
    executor: Executor,
    embedding: Embedding | None,
    *,
    searched: bool,
) -> None:
    """Match on the plane at once, on other surfaces after some search.

    The user's embedding is one of the graph as it came, without reductions.
    """
    if embedding is None:
        exact.match(run, executor, searched)
        return
    if not searched and not needs_no_search(embedding, run):
        return
    graph, trial = run.graph, Trial(run)
    within = run if searched else trial
    found = solve_embedded(graph, embedding, within, run.partition, seed=settings.seed)
    if not searched:
        if run.exhausted():
            return  # a trial counts only if it is through
        run.charge(max(trial.work, matching_units(graph)))
    if found.partition is not None:
        run.offer_cut(found.partition)
    if settings.bound != "none":
        bound = found.upper_bound
        if graph.rounding:
            bound = math.nextafter(bound + graph.rounding, math.inf)
        bound = floor_to_values(graph, bound)
        bound = int(bound) if graph.integer else bound
        run.offer_bound(bound, "proved", found.proof)


def _result(
    graph: CutGraph,
    run: Run,
    settings: Settings,
    solution: Solution,
    sides: np.ndarray,
) -> CutResult:
    """Close the chain, check every link, and put everything into one record."""
    chain = [*solution.chain, Link("cut", float(run.cut))]
    if run.upper_bound is not None:
        chain.append(Link("upper bound", float(run.upper_bound)))
    check_chain(graph, chain)
    proof = run.proof
    if proof is None and run.bound_kind == "proved":
        proof = Positive()
    status = run.ended or Status.FINISHED
    several = settings.pool_size > 1
    pool = Pool(settings.pool_size, components=graph.components if several else None)
    pool.offer(run.partition, float(run.cut))
    for partition in solution.pool if several else ():
        pool.offer(partition, float(graph.cut(partition)))
    return CutResult(
        cut=run.cut,
        partition=run.partition,
        upper_bound=run.upper_bound,
        bound_kind=run.bound_kind,
        status=status,
        seconds=run.seconds,
        seed=settings.seed,
        work=run.work,
        work_limit=run.repeatable_limit,
        method=settings.method,
        n_threads=settings.n_threads,
        chain=tuple(chain),
        trace=tuple(run.trace),
        stages=tuple(run.stages),
        lemma=solution.lemma,
        pool=tuple(pool.partitions),
        certify=partial(certificate, graph, run.partition, proof, sides),
        labels=graph.labels,
    )
