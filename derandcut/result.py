"""What a run returns: status, chain, trace, certificate of the lemma, CutResult."""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derandcut.errors import DerandcutError
from derandcut.graph import CutGraph

__all__ = [
    "CutResult",
    "Event",
    "LemmaCertificate",
    "Link",
    "Status",
    "check_chain",
    "relative_gap",
]

CHAIN_TOLERANCE = 1e-10  # times sum |w|: rounding allowed between two links


class Status(enum.Enum):
    """Why a run ended. `remedy` says what to try next."""

    OPTIMAL = "optimal"
    GAP_REACHED = "gap reached"
    TARGET_REACHED = "target reached"
    FINISHED = "finished"
    TIME_LIMIT = "time limit"
    WORK_LIMIT = "work limit"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"

    @property
    def remedy(self) -> str:
        """What a user can do next."""
        return _REMEDIES[self]


_REMEDIES = {
    Status.OPTIMAL: "proved optimal: nothing is left to do",
    Status.GAP_REACHED: "lower `gap` to go on",
    Status.TARGET_REACHED: "raise `target`, or drop it, to go on",
    Status.FINISHED: "the pipeline came to its natural end; "
    "method auto with a `time_limit` searches on",
    Status.TIME_LIMIT: "raise `time_limit`, or start from this result with `initial`",
    Status.WORK_LIMIT: "raise `work_limit`, or start from this result with `initial`",
    Status.INTERRUPTED: "start from this result with `initial` to go on",
    Status.STOPPED: "the callback asked to stop; go on with `initial`",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One moment of a run, as the callback and the trace see it.

    Attributes
    ----------
    time : float
        Wall clock seconds since the run began.
    work : int
        Units of work done.
    stage : str
        Name of the stage.
    cut, upper_bound : float or None
        Best so far.
    """

    time: float
    work: int
    stage: str
    cut: int | float | None
    upper_bound: float | None


@dataclass(frozen=True, slots=True)
class Link:
    """One quantity of the chain (2.7)."""

    name: str
    value: float


def check_chain(graph: CutGraph, chain: Sequence[Link]) -> None:
    """Raise DerandcutError unless the links ascend: no broken chain is ever shown.

    Parameters
    ----------
    graph : CutGraph
        Rounding of 1e-10 times its absolute weight is allowed; none between cut and
        upper bound (the last two links) if its weights are integers.
    chain : sequence of Link

    Raises
    ------
    DerandcutError

    Examples
    --------
    >>> edge = CutGraph.from_edges([0], [1])
    >>> check_chain(edge, [Link("cut", 1.0), Link("upper bound", 1.0)])
    """
    for below, above in itertools.pairwise(chain):
        exact = graph.integer and above.name == "upper bound"
        slack = 0.0 if exact else CHAIN_TOLERANCE * graph.absolute_weight
        if not below.value <= above.value + slack:  # a NaN breaks the chain, too
            raise DerandcutError(
                f"the chain is broken: {below.name} = {below.value!r} is above "
                f"{above.name} = {above.value!r}; please report this graph"
            )


@dataclass(frozen=True, slots=True)
class LemmaCertificate:
    """What (1.3) says of the point where the relaxation stopped.

    Attributes
    ----------
    eps : float
        ||grad_W L||_F.
    gamma : float
        max(0, -lambda_min(H)), H the Hessian of the minimised objective.
    gamma_kind : {"estimate", "proved"}
        Lanczos gives an estimate; Gershgorin discs or a factorisation a proof.
    weight_decay : float
        lambda of the lemma.
    norm : float
        ||W||_F there.
    bound : float
        eps / (lambda - gamma), infinite if the certificate is vacuous.
    """

    eps: float
    gamma: float
    gamma_kind: str
    weight_decay: float
    norm: float

    @property
    def vacuous(self) -> bool:
        """True if gamma >= lambda, so that (1.3) says nothing."""
        return self.gamma >= self.weight_decay

    @property
    def bound(self) -> float:
        """The bound on ||W||_F by (1.3)."""
        return math.inf if self.vacuous else self.eps / (self.weight_decay - self.gamma)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CutResult:
    """A cut, an upper bound, and how they were reached.

    Attributes
    ----------
    cut : int or float
        Weight of the best cut found; an int for integer weights.
    partition : (n,) int8 array
        Sides +1 and -1 in the graph's node order.
    upper_bound : int, float or None
        No cut is above it; an int for integer weights, None with ``bound="none"``.
    bound_kind : {"proved", "estimate", "none"}
    gap : float or None
        (upper_bound - cut) / abs(cut); 0 if equal, inf if cut = 0 < bound.
    status : Status
    chain : tuple of Link
        The chain (2.7) of this run, ascending from guarantee to bound. Where a limit
        ends a run on more than 250,000 edges before the relaxation of the sampler has
        begun, cut and bound alone.
    trace : tuple of Event
    stages : tuple of (str, float)
        Name and seconds of each stage.
    lemma : LemmaCertificate or None
    pool : tuple of (n,) int8 arrays
        Distinct good partitions, best first, up to ``pool_size``.
    certify : callable or None
        Makes `certificate`.
    seed, work, work_limit : int
        ``work_limit`` repeats the run bit for bit with the same seed.
    seconds : float
        Wall clock inside the call.
    method : str
    n_threads : int
    labels : tuple or None
        The graph's vertex labels.
    """

    cut: int | float
    partition: np.ndarray
    upper_bound: int | float | None
    bound_kind: str
    status: Status
    seconds: float
    seed: int
    work: int
    work_limit: int
    method: str
    n_threads: int
    chain: tuple[Link, ...] = ()
    trace: tuple[Event, ...] = ()
    stages: tuple[tuple[str, float], ...] = ()
    lemma: LemmaCertificate | None = None
    pool: tuple[np.ndarray, ...] = ()
    certify: Callable[[], dict[str, Any]] | None = None
    labels: tuple[Hashable, ...] | None = None

    def __post_init__(self) -> None:
        self.partition.flags.writeable = False

    @property
    def gap(self) -> float | None:
        """Relative distance between bound and cut."""
        if self.upper_bound is None:
            return None
        return relative_gap(self.cut, self.upper_bound)

    @property
    def certificate(self) -> dict[str, Any] | None:
        """A proof that a stranger can check (docs/certificate), made when asked for.

        What it proves can differ from `upper_bound` by a rounding error.
        """
        return None if self.certify is None else self.certify()

    def sides(self) -> tuple[set[Hashable], set[Hashable]]:
        """The two sets of labels: side +1, side -1."""
        labels = self.labels or range(len(self.partition))
        plus: set[Hashable] = set()
        minus: set[Hashable] = set()
        for label, side in zip(labels, self.partition.tolist(), strict=True):
            (plus if side > 0 else minus).add(label)
        return plus, minus

    def __repr__(self) -> str:
        bound = "none" if self.upper_bound is None else f"{self.upper_bound:.10g}"
        gap = "" if self.gap is None else f", gap={100 * self.gap:.3g} %"
        return (
            f"CutResult(cut={self.cut:.10g}, upper_bound={bound} ({self.bound_kind})"
            f"{gap}, {self.status.value}, {self.seconds:.2f} s)"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{link.name}</td><td>{link.value:.10g}</td></tr>"
            for link in self.chain
        )
        return f"<p>{self!r}</p><table>{rows}</table>"


def relative_gap(cut: float, upper_bound: float) -> float:
    """(upper_bound - cut) / |cut|; 0 if equal, inf if cut = 0 < upper_bound."""
    if upper_bound == cut:
        return 0.0
    return (upper_bound - cut) / abs(cut) if cut else math.inf
