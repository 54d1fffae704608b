"""One solver run: limits, interrupts, work, incumbent, bound, trace, log rows.

Every stage of the pipeline receives a `Run`. It charges the work of each kernel slice
and asks `exhausted` between slices; nothing else in the package looks at a clock or
catches a signal. The clock ends a run and never steers it: whatever is computed up to
a given amount of work depends on the input and the seed alone. For a limit of the work
done so far to repeat a run that the clock has ended, the clock ends it only at the
first look at that amount of work: there the limit ends the repetition.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from derandcut.graph import CutGraph
from derandcut.result import Event, Status

__all__ = ["LARGE", "Run", "Scratch", "Trial"]

LARGE = 250_000  # edges of a graph where a run whose time is up does without all
# that takes long: passes over its edges, .1 s and more, that nothing can interrupt
CLOSING = 6e-8  # seconds an edge to round, recount and bound at the end

logger = logging.getLogger("derandcut")


class Scratch:
    """Stands in for a run where a kernel is used on the side: no limits, no clock."""

    ended = None
    work_left = None

    def __init__(self) -> None:
        self.work = 0

    def charge(self, units: int) -> None:
        """Add the work of a kernel slice."""
        self.work += int(units)

    def affordable(self, units: int) -> bool:
        """Always."""
        return True

    def exhausted(self, *, undone: bool = False) -> bool:
        """Never."""
        return False


class Trial(Scratch):
    """Work that counts only once it is through; the clock may end it before.

    A run that ends inside ends with the work it had when the trial began, so that a
    limit of that work repeats it. Who began it charges the run with what it took.

    Parameters
    ----------
    run : Run, Scratch or Trial
    """

    def __init__(self, run: Run | Scratch) -> None:
        super().__init__()
        self.run = run

    def affordable(self, units: int) -> bool:
        """True if the run can afford that on top of the trial so far."""
        return self.run.affordable(self.work + units)

    def exhausted(self, *, undone: bool = True) -> bool:
        """True once the clock, a signal or the callback has ended the run."""
        return self.run.exhausted(undone=undone)


@dataclass
class Run:
    """State of one run, shared by its stages.

    Parameters
    ----------
    graph : CutGraph
        The graph as the user gave it; incumbents are recounted on it.
    time_limit : float, optional
        Seconds of wall clock from construction.
    work_limit : int, optional
        Units of work: one edge visited by one kernel pass.
    gap, target : float, optional
        Stop once the relative gap is at most `gap`, or the cut at least `target`.
    callback : callable, optional
        Called with an `Event` on every new incumbent, bound and stage, and regularly
        between; a true return value stops the run. Its exceptions propagate.
    """

    graph: CutGraph
    time_limit: float | None = None
    work_limit: int | None = None
    gap: float = 0.0
    target: float | None = None
    callback: Callable[[Event], object] | None = None

    def __post_init__(self) -> None:
        self.start = time.perf_counter()
        self.work = 0
        self.cut: int | float | None = None
        self.partition: np.ndarray | None = None
        self.upper_bound: float | None = None
        self.bound_kind = "none"
        self.certified, self.proof = math.inf, None
        self.trace: list[Event] = []
        self.stages: list[tuple[str, float]] = []
        self.stage_name = "start"
        self.ended: Status | None = None
        self.signal_received: int | None = None
        self.cut_short_at: int | None = None  # work when clock, signal or callback hit
        self._looked_at = -1  # work when it was last asked whether the run must end

    # ------------------------------------------------------------------- limits

    @property
    def seconds(self) -> float:
        """Wall clock since the run began."""
        return time.perf_counter() - self.start

    @property
    def _deadline(self) -> float:
        """When the clock ends the run: early enough to close it, on a large graph."""
        if self.time_limit is None:
            return math.inf
        return self.time_limit - min(CLOSING * self.graph.m, 0.05 * self.time_limit)

    @property
    def limit_status(self) -> Status:
        """A time limit is turned into a work limit once, and still called by name."""
        return Status.WORK_LIMIT if self.time_limit is None else Status.TIME_LIMIT

    @property
    def limited(self) -> bool:
        """True if there is a limit of time or work to use up."""
        return self.work_limit is not None or self.time_limit is not None

    @property
    def work_left(self) -> int | None:
        """Units left of the work limit, None without one."""
        return None if self.work_limit is None else max(0, self.work_limit - self.work)

    def charge(self, units: int) -> None:
        """Add the work of a kernel slice."""
        self.work += int(units)

    def affordable(self, units: int) -> bool:
        """True if an indivisible step of `units` fits what is left of the limit."""
        return self.ended is None and (
            self.work_limit is None or self.work + units <= self.work_limit
        )

    def exhausted(self, *, undone: bool = False) -> bool:
        """True once the run must end; asked between kernel slices.

        Parameters
        ----------
        undone : bool, default False
            Whether nothing has an effect, if the run ends here, that was done since
            it was first asked at this amount of work: then the clock may end it.
        """
        if self.ended is None:
            self.ended = self._reason_to_end(undone or self.work != self._looked_at)
            self._looked_at = self.work
        return self.ended is not None

    def _reason_to_end(self, repeatable: bool) -> Status | None:
        if self.signal_received is not None and repeatable:
            self.cut_short_at = self.work
            return Status.INTERRUPTED
        if self.work_limit is not None and self.work >= self.work_limit:
            return self.limit_status
        if repeatable and self.seconds >= self._deadline:
            self.cut_short_at = self.work
            return Status.TIME_LIMIT
        return None

    @property
    def repeatable_limit(self) -> int:
        """The work limit that repeats this run with the same seed, bit for bit."""
        if self.cut_short_at is not None:
            return self.cut_short_at
        return self.work if self.work_limit is None else self.work_limit

    # --------------------------------------------------------- incumbent, bound

    def offer_cut(self, partition: np.ndarray) -> bool:
        """Recount `partition` on the user's graph; keep it if it is better."""
        if self.partition is not None and np.array_equal(partition, self.partition):
            return False
        cut = self.graph.cut(partition)
        if self.cut is not None and cut <= self.cut:
            return False
        self.cut = cut
        self.partition = np.where(np.asarray(partition) > 0, 1, -1).astype(np.int8)
        self._announce()
        if self.target is not None and cut >= self.target:
            self._end(Status.TARGET_REACHED)
        self._check_gap()
        return True

    def offer_bound(self, value: float, kind: str, proof: object = None) -> bool:
        """Keep an upper bound on the user's graph if it is better.

        A proved bound replaces any estimate; an estimate never replaces a proof. The
        best bound that came with what a certificate is made of is remembered too.
        """
        if proof is not None and value < self.certified:
            self.certified, self.proof = value, proof
        if kind == "estimate" and self.bound_kind == "proved":
            return False
        promoted = kind == "proved" and self.bound_kind != "proved"
        if not promoted and self.upper_bound is not None and value >= self.upper_bound:
            return False
        self.upper_bound, self.bound_kind = value, kind
        self._announce()
        self._check_gap()
        return True

    def _check_gap(self) -> None:
        if self.cut is None or self.upper_bound is None or self.bound_kind != "proved":
            return
        room = self.upper_bound - self.cut
        if room <= (0 if self.graph.integer else 1e-9 * abs(self.cut)):
            self._end(Status.OPTIMAL)
        elif self.gap > 0 and room <= self.gap * abs(self.cut):
            self._end(Status.GAP_REACHED)

    def _end(self, status: Status) -> None:
        if self.ended is None or status is Status.OPTIMAL:
            self.ended = status

    # ------------------------------------------------------------ stages, trace

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and announce it."""
        outer, self.stage_name = self.stage_name, name
        begin = time.perf_counter()
        self._announce()
        try:
            yield
        finally:
            seconds = time.perf_counter() - begin
            self.stages.append((name, seconds))
            self.stage_name = outer
            logger.info(
                "%-10s %8.3f s  cut %s  bound %s",
                name,
                seconds,
                self.cut,
                self.upper_bound,
            )

    def tick(self) -> None:
        """Let the callback see that the run is alive (no trace entry)."""
        self._call(self._event())

    def _event(self) -> Event:
        return Event(
            time=self.seconds,
            work=self.work,
            stage=self.stage_name,
            cut=self.cut,
            upper_bound=self.upper_bound,
        )

    def _announce(self) -> None:
        event = self._event()
        self.trace.append(event)
        self._call(event)

    def _call(self, event: Event) -> None:
        if self.callback is not None and self.callback(event) and self.ended is None:
            self.cut_short_at = self.work
            self._end(Status.STOPPED)

    # --------------------------------------------------------------- interrupts

    @contextmanager
    def catching_signals(self) -> Iterator[None]:
        """Turn SIGINT and SIGTERM into the status INTERRUPTED inside the block.

        A second signal of the same kind falls through to the previous handler. Only
        the main thread can install handlers; elsewhere this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous: dict[int, object] = {}

        def note(number: int, frame: object) -> None:
            self.signal_received = number
            signal.signal(number, previous[number])

        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None:
                previous[number] = handler
                signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
