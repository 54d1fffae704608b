"""The Goemans-Williamson algorithm with cvxpy: the baseline to compare with.

Goemans & Williamson 1995: solve the semidefinite relaxation, then round with random
hyperplanes. Everything is dense, and the relaxation is solved by whatever conic solver
cvxpy finds: simple, independent of the rest of derandcut, and slow.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from derandcut.cut.bound import UNIT
from derandcut.cut.certificate import certificate
from derandcut.cut.proof import Positive, Psd
from derandcut.errors import DerandcutError, InputError
from derandcut.formats import as_graph
from derandcut.result import CutResult, Link, Status

__all__ = ["goemans_williamson"]

MEMORY = 4 * 2**30  # bytes the conic solver may take

# Peak memory measured: SCS 1.1 kB an entry of X; Clarabel factors a dense block with
# one row an entry of X, 14 bytes n^4. Others are taken to be like SCS.
SOLVER_BYTES = {"CLARABEL": lambda n: 14.0 * n**4}


def goemans_williamson(
    graph: Any,
    *,
    solver: str | None = None,
    rounds: int = 100,
    seed: int = 0,
    weight: str = "weight",
    solver_options: Mapping[str, Any] | None = None,
) -> CutResult:
    """Cut a graph by the algorithm of Goemans and Williamson, with cvxpy.

    Parameters
    ----------
    graph : CutGraph or anything `derandcut.maxcut` takes
        Up to about 1,900 vertices with SCS and 130 with Clarabel.
    solver : str, optional
        Name of an installed cvxpy solver with semidefinite cones, "SCS" by default.
    rounds : int, default 100
        Random hyperplanes; the best cut is kept.
    seed : int, default 0
        Seed of `numpy.random.default_rng`.
    weight : str, default "weight"
        The edge attribute of a networkx graph that holds the weight.
    solver_options : mapping, optional
        Passed to the solver, for example ``{"eps": 1e-7}`` for SCS.

    Returns
    -------
    CutResult
        With a proved upper bound: the solver's dual variables y, whatever their
        quality, give ``sum y - n lambda_min(Diag(y) - L/4)``, and the eigenvalue is
        bounded by a Cholesky factorisation with its rounding margin (Rump 2006).
        `work` and `work_limit` are 0: nothing here counts work.

    Raises
    ------
    InputError
        If the solver is not installed, or the dense relaxation does not fit in memory.
    DerandcutError
        If the solver returns no solution.

    Examples
    --------
    >>> import derandcut
    >>> ring = derandcut.CutGraph.from_edges([0, 1, 2, 3, 4], [1, 2, 3, 4, 0])
    >>> result = derandcut.goemans_williamson(ring)
    >>> result.cut, result.upper_bound, result.status.value
    (4, 4, 'optimal')
    """
    begin = time.perf_counter()
    graph = as_graph(graph, weight)
    solver = "SCS" if solver is None else str(solver).upper()
    for name, value, least in (("rounds", rounds, 1), ("seed", seed, 0)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise InputError(f"{name} must be a whole number >= {least}, got {value!r}")
    _check_memory(graph.n, solver)

    # A power of two keeps the scaled weights exact and the solver's numbers near one.
    largest = float(np.abs(graph.weights).max(initial=0.0))
    exponent = math.frexp(largest)[1]
    adjacency = np.zeros((graph.n, graph.n))
    u, v, w = graph.edges()
    w = np.ldexp(w, -exponent)
    adjacency[u, v] = adjacency[v, u] = w

    marks = [time.perf_counter()]
    if graph.m:
        gram, dual = _relaxation(adjacency, solver, dict(solver_options or {}))
    else:
        gram, dual = np.eye(graph.n), np.zeros(graph.n)
    marks.append(time.perf_counter())
    partition = _best_hyperplane(adjacency, gram, rounds, seed)
    cut = graph.cut(partition)
    marks.append(time.perf_counter())
    # Every cut is also at most the sum of the positive weights.
    positive = _up(math.fsum(w[w > 0])) if graph.m else 0.0
    bound = dual_bound(adjacency, w, dual) if graph.m else 0.0
    proof = Psd(np.ldexp(dual, exponent)) if bound < positive else Positive()
    scaled = min(bound, positive)
    upper_bound = _up(math.ldexp(scaled, exponent)) if scaled else 0.0
    upper_bound = _up(upper_bound + graph.rounding) if graph.rounding else upper_bound
    if graph.integer:
        upper_bound = math.floor(upper_bound)
    marks.append(time.perf_counter())

    room = upper_bound - cut
    closed = room <= (0 if graph.integer else 1e-9 * abs(cut))
    names = ("sdp", "rounding", "bound")
    return CutResult(
        cut=cut,
        partition=partition,
        upper_bound=upper_bound,
        bound_kind="proved",
        status=Status.OPTIMAL if closed else Status.FINISHED,
        seconds=time.perf_counter() - begin,
        seed=int(seed),
        work=0,
        work_limit=0,
        method="goemans-williamson",
        n_threads=1,
        chain=(Link("cut", float(cut)), Link("upper bound", float(upper_bound))),
        stages=tuple(zip(names, np.diff(marks).tolist(), strict=True)),
        pool=(partition,),
        certify=partial(certificate, graph, partition, proof),
        labels=graph.labels,
    )


def _check_memory(n: int, solver: str) -> None:
    needed = SOLVER_BYTES.get(solver, lambda n: 1100.0 * n**2)(n)
    if needed > MEMORY:
        raise InputError(
            f"the dense relaxation of {n} vertices needs about {needed / 2**30:.0f} GB "
            f"in {solver}, more than {MEMORY / 2**30:.0f} GB; derandcut.maxcut does "
            "without it"
        )


def _relaxation(
    adjacency: np.ndarray, solver: str, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Solve max <L/4, X>, diag X = 1, X >= 0; return X and the dual y of diag X = 1."""
    import cvxpy

    n = len(adjacency)
    if solver not in cvxpy.installed_solvers():
        raise InputError(
            f"solver {solver!r} is not installed, "
            f"cvxpy finds {', '.join(cvxpy.installed_solvers())}"
        )
    quarter = (np.diag(adjacency.sum(axis=1)) - adjacency) / 4
    gram = cvxpy.Variable((n, n), PSD=True)
    unit = cvxpy.diag(gram) == 1
    problem = cvxpy.Problem(
        cvxpy.Maximize(cvxpy.sum(cvxpy.multiply(quarter, gram))), [unit]
    )
    try:
        with warnings.catch_warnings():
            # An inaccurate solution costs quality, not truth: the bound is proved anew.
            warnings.simplefilter("ignore")
            problem.solve(solver=solver, **options)
    except (cvxpy.error.SolverError, ValueError, TypeError) as error:
        raise DerandcutError(f"{solver} cannot solve the relaxation: {error}") from None
    if gram.value is None or unit.dual_value is None:
        raise DerandcutError(f"{solver} found no solution: status {problem.status}")
    return gram.value, np.asarray(unit.dual_value, dtype=np.float64).ravel()


def _best_hyperplane(
    adjacency: np.ndarray, gram: np.ndarray, rounds: int, seed: int
) -> np.ndarray:
    """Return the best of `rounds` hyperplane roundings as an int8 vector."""
    values, vectors = np.linalg.eigh(gram)
    rows = vectors * np.sqrt(np.maximum(values, 0))
    normals = np.random.default_rng(seed).standard_normal((len(rows), rounds))
    sides = np.where(rows @ normals >= 0, 1.0, -1.0)
    # cut(x) = (W - x'Ax / 2) / 2: the best cut has the least x'Ax.
    products = np.einsum("ur,ur->r", sides, adjacency @ sides)
    return sides[:, int(products.argmin())].astype(np.int8)


def dual_bound(adjacency: np.ndarray, w: np.ndarray, dual: np.ndarray) -> float:
    """Return a proved upper bound on every cut, from any y.

    For any y, OPT <= sum y - n lambda_min(M), M = Diag(y) - L/4.

    Parameters
    ----------
    adjacency : (n, n) float64 array
        Symmetric, zero diagonal, entries of order one.
    w : (m,) float64 array
        The edge weights, each once.
    dual : (n,) float64 array
        y; only the quality of the bound depends on it.

    Returns
    -------
    float
        Not below the maximum cut, rounding errors included.

    Notes
    -----
    The diagonal t = y - d/4 of M is rounded once and then *defines* y = t + d/4, so M
    is exact in float64 and sum y = sum t + sum w / 2. If the Cholesky factorisation of
    M - s I, rounded on its diagonal, runs to completion, then
    lambda_min(M) >= s - g tr(M - s I) - u max|t - s| with g = k u / (1 - k u),
    k = n + 2, u = 2^-53 (Rump 2006, Theorem 2.3; valid for any order of summation).
    """
    n = len(adjacency)
    diagonal = np.nan_to_num(dual - adjacency.sum(axis=1) / 4)
    matrix = adjacency / 4
    index = np.arange(n)
    matrix[index, index] = diagonal
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    growth = (n + 2) * UNIT / (1 - (n + 2) * UNIT)
    step = growth * (float(np.abs(diagonal - lowest).sum()) + 1.0)
    while True:
        shift = lowest - step
        shifted = diagonal - shift
        matrix[index, index] = shifted
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            step *= 2
            continue
        break
    # Twice the theorem's margin also covers the rounding of the margin itself, and
    # 1e-280 the underflows.
    margin = 2 * (growth * math.fsum(shifted) + UNIT * float(shifted.max())) + 1e-280
    shortfall = _up(n * _up(margin - shift))
    return _up(_up(math.fsum(diagonal)) + _up(math.fsum(w) / 2) + shortfall, 3)


def _up(value: float, times: int = 1) -> float:
    """Return the float64 `times` steps above `value`."""
    for _ in range(times):
        value = math.nextafter(value, math.inf)
    return value
