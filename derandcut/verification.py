"""`verify`: prove again, from scratch, what a result says."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from derandcut.cut.sdp import sdp
from derandcut.errors import DerandcutError
from derandcut.formats import as_graph
from derandcut.graph import CutGraph
from derandcut.result import CHAIN_TOLERANCE, CutResult, Status, check_chain
from derandcut.solver import maxcut

__all__ = ["Check", "Verification", "verify"]


@dataclass(frozen=True, slots=True)
class Check:
    """One statement of a result, checked.

    Attributes
    ----------
    name : str
        What was checked: "partition", "cut", "bound", "proof", "chain", "status",
        "lemma" or "pool".
    passed : bool
    detail : str
        The figures compared, in one line.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found.

    Attributes
    ----------
    checks : tuple of Check
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True if every check passed."""
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(
            f"{'ok    ' if check.passed else 'FAILED'}  {check.name:9}  {check.detail}"
            for check in self.checks
        )


def verify(
    graph: Any, result: CutResult, *, weight: str = "weight", **arguments: Any
) -> Verification:
    """Check every statement of a result, believing nothing but the graph.

    Parameters
    ----------
    graph : CutGraph or anything `derandcut.maxcut` takes
        The graph that was solved.
    result : CutResult
        What a solver returned for it.
    weight : str, default "weight"
        The edge attribute of a networkx graph that holds the weight.
    **arguments
        The arguments of `derandcut.maxcut` that shape the run beyond what a result
        stores (`fixed`, `initial`, `embedding`, `options`), if it was given any.

    Returns
    -------
    Verification
        Its `ok` is True if all checks passed. A failed check is described, never
        raised.

    Raises
    ------
    InputError
        If `graph` is none that `derandcut.maxcut` takes.

    Notes
    -----
    A proved bound is proved again: by a semidefinite relaxation solved anew on the
    whole graph and, if that does not reach the bound, by repeating the run with its
    seed and its work. A bound that neither reaches counts as failed.

    Examples
    --------
    >>> import derandcut
    >>> ring = derandcut.CutGraph.from_edges([0, 1, 2, 3, 4], [1, 2, 3, 4, 0])
    >>> result = derandcut.maxcut(ring)
    >>> derandcut.verify(ring, result).ok
    True
    """
    graph = as_graph(graph, weight)
    partition = _partition(graph, result)
    if not partition.passed:
        return Verification((partition,))
    checks = [partition, _cut(graph, result), _bound(graph, result)]
    if result.bound_kind == "proved" and checks[-1].passed:
        checks.append(_proof(graph, result, arguments))
    checks += [_chain(graph, result), _status(graph, result)]
    if result.lemma is not None:
        checks.append(_lemma(result))
    if result.pool:
        checks.append(_pool(graph, result))
    return Verification(tuple(checks))


def _recount(graph: CutGraph, partition: np.ndarray) -> int | float:
    """Weight of the edges across, each edge once: exact integers, or correctly rounded.

    Not `CutGraph.cut`, on purpose: a second way to the same number.
    """
    u, v, w = graph.edges()
    across = w[partition[u] != partition[v]].tolist()
    return sum(map(int, across)) if graph.integer else math.fsum(across)


def _slack(graph: CutGraph) -> float:
    """Rounding allowed between two numbers of this graph."""
    return 0.0 if graph.integer else CHAIN_TOLERANCE * graph.absolute_weight


def _partition(graph: CutGraph, result: CutResult) -> Check:
    side = result.partition
    passed = (
        side.dtype == np.int8
        and side.shape == (graph.n,)
        and bool((np.abs(side) == 1).all())
        and result.labels == graph.labels
    )
    wanted = f"{graph.n} sides +1 or -1 (int8), labelled like the graph"
    return Check("partition", passed, wanted)


def _cut(graph: CutGraph, result: CutResult) -> Check:
    counted = _recount(graph, result.partition)
    passed = abs(counted - result.cut) <= _slack(graph)
    if graph.integer:
        passed = passed and isinstance(result.cut, int)
    return Check("cut", passed, f"counted {counted:.17g}, claimed {result.cut:.17g}")


def _bound(graph: CutGraph, result: CutResult) -> Check:
    bound, kind = result.upper_bound, result.bound_kind
    if kind == "none" or bound is None:
        absent = kind == "none" and bound is None and result.gap is None
        return Check("bound", absent, "no upper bound claimed")
    passed = (
        kind in {"proved", "estimate"}
        and math.isfinite(bound)
        and result.cut <= bound + _slack(graph)
    )
    return Check("bound", passed, f"cut {result.cut:.17g} <= {bound:.17g} ({kind})")


def _proof(graph: CutGraph, result: CutResult, arguments: dict[str, Any]) -> Check:
    claimed = result.upper_bound + _slack(graph)
    proved = sdp(graph, tolerance=1e-8, n_threads=result.n_threads).upper_bound
    if graph.integer:
        proved = math.floor(proved)
    way = "semidefinite relaxation"
    if proved > claimed:
        way = "the run repeated"
        try:
            again = maxcut(
                graph,
                method=result.method,
                seed=result.seed,
                work_limit=result.work_limit,
                n_threads=result.n_threads,
                **arguments,
            )
        except DerandcutError as error:
            return Check("proof", False, f"the run cannot be repeated: {error}")
        if again.cut > claimed:
            detail = f"refuted: a cut of {again.cut:.17g} exists"
            return Check("proof", False, detail)
        if again.bound_kind == "proved":
            proved = min(proved, again.upper_bound)
    detail = f"{proved:.17g} proved anew ({way}), claimed {result.upper_bound:.17g}"
    return Check("proof", proved <= claimed, detail)


def _chain(graph: CutGraph, result: CutResult) -> Check:
    values = [link.value for link in result.chain]
    slack = CHAIN_TOLERANCE * graph.absolute_weight
    try:
        check_chain(graph, result.chain)
    except DerandcutError as error:
        return Check("chain", False, str(error))
    bound = math.inf if result.upper_bound is None else result.upper_bound
    passed = all(value <= bound + slack for value in values)
    return Check("chain", passed, f"{len(values)} links ascend to the upper bound")


def _status(graph: CutGraph, result: CutResult) -> Check:
    closed = False
    if result.bound_kind == "proved" and result.upper_bound is not None:
        room = result.upper_bound - result.cut
        closed = room <= (0 if graph.integer else 1e-9 * abs(result.cut))
    if result.status is Status.OPTIMAL:
        return Check("status", closed, "optimal: the proved bound equals the cut")
    return Check("status", True, f"{result.status.value}: claims nothing to prove")


def _lemma(result: CutResult) -> Check:
    lemma = result.lemma
    sound = lemma.eps >= 0 and lemma.gamma >= 0 and lemma.norm >= 0
    if lemma.vacuous or lemma.gamma_kind != "proved":
        detail = f"(1.3) with gamma = {lemma.gamma:.3g} proves nothing here"
        return Check("lemma", sound, detail)
    passed = sound and lemma.norm <= lemma.bound * (1 + 1e-9)
    return Check("lemma", passed, f"||W|| = {lemma.norm:.6g} <= {lemma.bound:.6g}")


def _pool(graph: CutGraph, result: CutResult) -> Check:
    shapes = all(
        side.shape == (graph.n,) and bool((np.abs(side) == 1).all())
        for side in result.pool
    )
    if not shapes:
        return Check("pool", False, f"each has {graph.n} sides +1 or -1")
    # Up to the global flip: the first vertex on side +1.
    distinct = {(side * side[:1]).tobytes() for side in result.pool if graph.n}
    cuts = [_recount(graph, side) for side in result.pool]
    slack = _slack(graph)
    passed = (
        len(distinct) == (len(result.pool) if graph.n else 0)
        and all(better >= worse - slack for better, worse in itertools.pairwise(cuts))
        and abs(cuts[0] - result.cut) <= slack
    )
    return Check("pool", passed, f"{len(cuts)} distinct partitions, best first")
