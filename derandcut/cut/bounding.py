"""The upper bound as an anytime process: tighten the relaxation, prove, come again.

Once the relaxation is tight, inequalities on odd cycles take over (`cycles`).
Between the rounds of the search the bound gets a fixed share of the work done so far;
at the end it gets what is left. What a step does depends on the work alone.
"""

from __future__ import annotations

from derandcut.cut.bound import (
    Bound,
    Factorisation,
    cycles,
    floor_to_values,
    positive_weight,
    upper_bound,
)
from derandcut.cut.cycles import Tightening
from derandcut.cut.presolve import Presolved
from derandcut.cut.sdp import Relaxation, solve
from derandcut.run import Run

__all__ = ["Bounding"]

SHARE = 3  # a step may take 1/SHARE of the work done so far
BEYOND, STEPS = 4, 16  # inequalities take 1/BEYOND of the work, 1/STEPS at a time
CYCLES = 300  # units an edge that packing cycles takes, about


class Bounding:
    """Bounds of one presolved graph, each offered to the run in the user's terms.

    Parameters
    ----------
    problem : Presolved
    relaxation : Relaxation
        Tightened in place.
    kind : {"proved", "estimate", "none"}
    tolerance : float
        Relative primal-dual gap at which the relaxation is tight enough.
    beyond : bool, default True
        Whether inequalities follow the relaxation.

    Attributes
    ----------
    method : str
        How the best bound was reached.
    """

    def __init__(
        self,
        problem: Presolved,
        relaxation: Relaxation,
        *,
        kind: str,
        tolerance: float,
        beyond: bool = True,
    ) -> None:
        self.problem = problem
        self.relaxation = relaxation
        self.kind = kind
        self.beyond = beyond and kind == "proved"
        self.tolerance = tolerance
        self.factorisation: Factorisation | None = None
        self.tight = kind == "none"
        self.tightening: Tightening | None = None
        self.next_work = self.spent = 0  # work; what inequalities took of it
        self.finished_at = -1
        self.method = "none"

    def due(self, run: Run) -> bool:
        """True when the work done calls for another step."""
        if run.exhausted() or run.work < self.next_work:
            return False
        return not self.tight or self._improvable

    @property
    def _improvable(self) -> bool:
        """Whether inequalities can still tighten a relaxation that is tight."""
        if not self.beyond or not self.problem.kernel.m:
            return False
        if self.tightening is None:
            return self.factorisation is None or self.factorisation.possible
        return not self.tightening.stalled

    def step(self, run: Run) -> None:
        """Tighten and prove within a share of the work done so far."""
        if self.tight:
            self._tighten(run, run.work // STEPS)
            return
        kernel, allowed = self.problem.kernel, run.work // SHARE
        self._analyse(run)
        possible = self.factorisation.possible
        proof_units = 2 * self.factorisation.units if possible else CYCLES * kernel.m
        self.next_work = max(2 * run.work, SHARE * proof_units)
        if proof_units > allowed or run.exhausted():
            return
        if possible:
            self.relaxation.widen_for_a_bound()
            sweeps = (allowed - proof_units) // max(1, 2 * kernel.m)
            self.tight = self.relaxation.advance(
                run, tolerance=self.tolerance / 5, max_sweeps=max(1, sweeps)
            )
        else:
            self.tight = True
        found = upper_bound(
            kernel,
            self.relaxation.dual(),
            kind=self.kind,
            run=run,
            tolerance=self.tolerance,
            factorisation=self.factorisation,
        )
        self._offer(found, run)
        if self.tight and found.vector is not None:
            relaxation, rank = self.relaxation, self.relaxation.rank
            if relaxation.stuck(relaxation.gap(found), self.tolerance):
                relaxation.widen(rank + 8, found.vector)
                self.tight = relaxation.rank == rank

    def finish(self, run: Run) -> None:
        """Use what is left; at the least the bound that costs next to nothing."""
        if self.kind == "none":
            return
        if self.kind == "proved" or run.exhausted():
            self._offer(positive_weight(self.problem.kernel), run)
        if run.exhausted() or run.work == self.finished_at:
            return
        if not self.tight:
            self._finish_relaxation(run)
            self.tight = True
        if self._improvable:
            self._tighten(run, run.work // BEYOND - self.spent)
        if self.tightening is not None:
            self.tightening.conclude(run, lambda bound: self._offer(bound, run))
        self.finished_at = run.work

    def _finish_relaxation(self, run: Run) -> None:
        """Solve the relaxation to the tolerance and prove its bound."""
        self._analyse(run)
        kernel = self.problem.kernel
        if kernel.m and self.kind == "proved" and not self.factorisation.possible:
            # Without a factorisation a tighter relaxation proves nothing.
            self._offer(cycles(kernel, run), run)
            return
        solve(
            self.relaxation,
            run,
            tolerance=self.tolerance,
            bound=self.kind,
            factorisation=self.factorisation,
            offer=lambda bound: self._offer(bound, run),
        )

    def _tighten(self, run: Run, units: int) -> None:
        """Spend so much work on inequalities beyond the relaxation."""
        self._analyse(run)
        if not self.factorisation.possible:
            return
        begin = run.work
        if self.tightening is None:
            kernel, V = self.problem.kernel, self.relaxation.V
            self.tightening = Tightening(kernel, V.copy(), self.factorisation)
        self.tightening.advance(run, units, lambda bound: self._offer(bound, run))
        self.spent += run.work - begin
        self.next_work = BEYOND * self.spent

    def _analyse(self, run: Run) -> None:
        """Order the kernel for its factorisation, once."""
        if self.factorisation is None and self.problem.kernel.m:
            self.factorisation = Factorisation(
                self.problem.kernel, n_threads=self.relaxation.n_threads
            )
            run.charge(self.factorisation.steps)

    def _offer(self, bound: Bound, run: Run) -> None:
        graph = self.problem.graph
        value = self.problem.bound(bound.unfloored)
        proof = None
        if bound.kind == "proved":
            proof, whole = self.problem.proof(bound.proof), positive_weight(graph)
            if whole.unfloored < value:
                value, proof = whole.unfloored, whole.proof
        if graph.integer:
            value = int(floor_to_values(graph, value))
        if run.offer_bound(value, bound.kind, proof):
            self.method = bound.method
