"""The exact stage: matching, or branch and bound, on each leaf of the kernel.

Planar and toroidal leaves are solved by matching, small and sparse ones by branch and
bound. The leaves' bounds add up to a bound on the graph at any time.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from fractions import Fraction

import numpy as np

from derandcut.cut.bound import floor_to_values, positive_weight
from derandcut.cut.branch import SLOTS, BranchAndBound, work_at
from derandcut.cut.pieces import Leaf
from derandcut.cut.presolve import Presolved
from derandcut.cut.proof import Positive, Proof
from derandcut.cut.surface import (
    Embedding,
    SurfaceResult,
    find_embedding,
    matching_units,
    needs_no_search,
    solve_embedded,
)
from derandcut.run import Run, Trial

__all__ = ["Exact"]

LARGEST = 600  # vertices of a leaf that branch and bound takes
PROMISING = 200  # of a leaf where it likely pays, unasked
SPARSE, MOST_EDGES = 3.5, 3000  # edges a vertex, and in all, for the linear program
CONTESTED, TRIAL = 300, 2  # vertices, and work in roots of the program, to try both
FEW = 16  # nodes of a larger leaf, sparse, after which it likely does not
NATURAL_WORK = 100_000_000  # units an unlimited "auto" run spends on it, some seconds
SHARE, HALF = 4, 2  # of the work it gets one in 4, and one in 2 if search is stale
LEAST = 1 << 20  # but not in bits smaller than that
SHORT_SEARCH = 4  # rounds of the search before it, when asked for
SLICE = 1 << 22  # units between two offers of a bound
CLOSE = 4e-10  # of the cut: how far real weights' bounds may be in all


class Part:
    """A leaf of the kernel, and what is known of its maximum cut.

    Attributes
    ----------
    partition, cut
        The incumbent.
    bound : float
        Proved; for integer weights floored to what a cut can be.
    step : int
        Integer weights: cuts that matter differ by multiples of it.
    tree : BranchAndBound or None

    Notes
    -----
    Which relaxation bounds the nodes of the tree is found out. A leaf with few edges
    begins with the odd-cycle program (`lp`); where that leaves the root open and the
    leaf is not too large, the dense relaxation grows a tree for twice the work of that
    root, and the one that has proved less then goes on. CPU seconds to the proof (or
    the bound after so many, and the optimum):

        leaf                            n     m      program    dense
        power grid                    413  1057          0.1    open after 30
        3-D lattice, Gaussian         480  1500          10     -
        3-D lattice, Gaussian         329  1015          0.7    -
        3-D lattice, +-1              512  1536    464.7 (4)    478.9 (30), 458
        3-D lattice, +-1              216   648          9      211.6 (4), 202
                                      125   375          0.1    0.2
        random cubic, kernels         123   297          0.1    0.3
                                      183   441          0.3    2.3
                                      247   599          0.7    8.5
        random, 4-regular             150   300          0.1    0.3
                                      200   400    343.0 (30)   344.6 (30), 340
        random, 5-regular             200   500    418.8 (1)    416.0 (4), 415
        random, degree 6, kernels     116   350          1.7    0.2
                                      181   526    575.2 (25)   6.0, 570
        random, density .1             98   494    3956 (12)    0.3, 3938

    So short cycles or few edges decide for the program, and no number but the bounds
    tells which leaves have enough of them. From 3.5 edges a vertex on the program has
    won on none, from 300 vertices on the dense relaxation has not.
    """

    def __init__(self, leaf: Leaf, step: int, seed: int) -> None:
        self.graph = graph = leaf.graph
        self.leaf, self.seed = leaf, seed
        self.step = max(step, graph.modulus) if graph.integer else 0
        self.partition, self.cut = np.ones(graph.n, np.int8), 0
        self.tolerance = 0.0
        self.bound = math.inf
        self.proof: Proof = Positive()
        self.tree: BranchAndBound | None = None
        self.rival: BranchAndBound | None = None  # with the other relaxation
        self.sparse = graph.m <= min(SPARSE * graph.n, MOST_EDGES)
        self.contested = not self.sparse  # the relaxation is chosen
        self.trial = 0  # work the dense one has left to prove itself
        self.embedding: Embedding | None = None  # found, and not solved yet
        self.looked = False
        self.lower_bound(positive_weight(graph).unfloored)

    @property
    def closed(self) -> bool:
        """True if nothing is left to prove."""
        if self.tree is not None:
            return self.tree.done
        return self.bound <= self.cut + self.tolerance

    @property
    def possible(self) -> bool:
        """Whether branch and bound can take it at all."""
        return self.sparse or self.graph.n <= LARGEST

    @property
    def promising(self) -> bool:
        """Whether branch and bound likely pays: small, or done near the root."""
        early = self.tree is None or self.at_work.nodes <= FEW
        return self.graph.n <= PROMISING or (self.sparse and early)

    def offer(self, partition: np.ndarray) -> bool:
        """Take a better partition, if it is one."""
        cut = self.graph.cut(partition)
        if cut <= self.cut:
            return False
        self.partition, self.cut = np.asarray(partition, np.int8), cut
        for tree in (self.tree, self.rival):
            if tree is not None:
                tree.offer(self.partition)
        return True

    def lower_bound(self, bound: float) -> None:
        """Lower the bound, if this one is better."""
        if self.step and math.isfinite(bound):
            bound = self.cut + math.floor(bound - self.cut) // self.step * self.step
        self.bound = max(min(self.bound, bound), self.cut)

    def look(self, run: Run) -> None:
        """Find out, once, whether the graph is planar or a toroidal lattice."""
        if not self.looked:
            self.embedding, self.looked = find_embedding(self.graph, run), True

    def matched(self, run: Run | Trial) -> SurfaceResult:
        """What matching on the surface makes of the graph."""
        return solve_embedded(
            self.graph, self.embedding, run, self.partition, seed=self.seed
        )

    def take(self, found: SurfaceResult) -> None:
        """Take in what matching has found; it is not tried again."""
        self.embedding = None
        if found.partition is not None:
            self.offer(found.partition)
        self.lower_bound(found.upper_bound)
        if found.proof is not None:
            self.proof = found.proof

    def begin_round(self) -> int:
        """Take nodes to work; how many there are."""
        if self.tree is None:
            self.tree = self._tree(linear=self.sparse)
        self.at_work.fill()
        return len(self.at_work.slots)

    def end_round(self, run: Run) -> bool:
        """Take in what the nodes have brought; True if there is a better cut."""
        before, tree = run.work, self.at_work
        tree.settle(run)
        better = self.offer(tree.partition)
        self.lower_bound(tree.upper_bound)
        if not self.contested:
            self._contest(run.work - before)
        return better

    @property
    def at_work(self) -> BranchAndBound:
        """The tree whose turn it is."""
        return self.rival or self.tree

    def _tree(self, *, linear: bool) -> BranchAndBound:
        return BranchAndBound(
            self.graph,
            self.partition,
            step=self.step,
            tolerance=self.tolerance,
            seed=self.seed,
            linear=linear,
        )

    def _contest(self, units: int) -> None:
        """Let the dense relaxation try a leaf whose root the program has left open."""
        tree, rival = self.tree, self.rival
        if rival is not None:
            self.trial -= units
            if rival.done or (self.trial <= 0 and rival.upper_bound < tree.upper_bound):
                self.tree = rival
            if rival.done or self.trial <= 0:
                self.rival, self.contested = None, True
            return
        self.trial += TRIAL * units
        if tree.nodes and not tree.done:
            self.contested = self.graph.n > CONTESTED
            if not self.contested:
                self.rival = self._tree(linear=False)

    def best_proof(self) -> Proof:
        """Of the bound."""
        trees = [tree for tree in (self.tree, self.rival) if tree is not None]
        if not trees:
            return self.proof
        return min(trees, key=lambda tree: tree.upper_bound).proof()


class Exact:
    """The exact stage of one presolved graph.

    Parameters
    ----------
    problem : Presolved
    method : str
        "exact": the user wants a proof, at any price; "search": only by matching.
    prove : bool, default True
        Whether bounds are wanted.
    seed : int, default 0

    Attributes
    ----------
    parts : list of Part
        One a leaf.
    """

    def __init__(
        self,
        problem: Presolved,
        *,
        method: str,
        prove: bool = True,
        seed: int = 0,
    ) -> None:
        self.problem, self.method, self.prove = problem, method, prove
        graph = problem.graph
        exact = graph.integer and not problem.rounding
        step = graph.modulus * int(problem.denominator) if exact else 0
        self.parts = [
            Part(leaf, step * leaf.scale, seed) for leaf in problem.pieces.leaves
        ]
        self.spent = 0

    @property
    def open(self) -> list[Part]:
        """Parts with something left to prove, the smallest first."""
        left = [part for part in self.parts if not part.closed]
        return sorted(left, key=lambda part: part.graph.n)

    def allowance(
        self, run: Run, rounds: int, settled: bool, natural_end: bool
    ) -> float:
        """How many units branch and bound may take now, after so much search.

        Asked for, it takes over after a short search. Unasked it gets a share of the
        work if every open leaf is small enough to hope, a few seconds where the search
        is settled, and half of the work beyond the natural end.
        """
        left = self.open
        if not left or not self.prove or self.method == "search":
            return 0
        ready = rounds >= SHORT_SEARCH or settled
        if self.method == "exact":
            return math.inf if ready and any(part.possible for part in left) else 0
        if not ready or not all(part.promising for part in left):
            return 0
        if settled and not natural_end:
            return max(0, NATURAL_WORK - self.spent)
        due = run.work / (HALF if natural_end else SHARE) - self.spent
        return due if due > LEAST else 0

    @property
    def endless(self) -> bool:
        """True if the run has no natural end before the proof."""
        return self.method == "exact" and bool(self.open)

    def match(self, run: Run, executor: Executor, searched: bool) -> None:
        """Match on the planar leaves, several at a time, and after a search on tori."""
        self._take(run)
        for part in self.open:
            if run.exhausted():
                break
            part.look(run)
        left = [part for part in self.open if part.embedding is not None]
        planar = [part for part in left if needs_no_search(part.embedding, run)]
        while planar and not run.exhausted():
            together, planar = planar[:SLOTS], planar[SLOTS:]
            trials = [Trial(run) for _ in together]
            found = list(executor.map(Part.matched, together, trials))
            if run.exhausted():
                break  # a trial counts only if it is through
            for part, trial, result in zip(together, trials, found, strict=True):
                run.charge(max(trial.work, matching_units(part.graph)))
                part.take(result)
        for part in left if searched else ():
            if run.exhausted():
                break
            if part.embedding is not None:
                part.take(part.matched(run))
        self._offer(run)

    def advance(self, run: Run, executor: Executor, units: float) -> None:
        """Branch and bound until so many units are spent, or nothing is open.

        A part joins in while the smaller ones have few nodes at work.
        """
        self._take(run)
        begin = offered = run.work
        waiting = [part for part in self.open if part.possible]
        while run.work - begin < units and not run.exhausted():
            if self.method != "exact":
                waiting = [part for part in waiting if part.promising]
            nodes, together = 0, []
            for part in waiting:
                if nodes >= SLOTS:
                    break
                nodes += part.begin_round()
                together.append(part)
            if not together:
                break
            work_at([part.at_work for part in together], executor)
            better = [part.end_round(run) for part in together]
            waiting = [part for part in waiting if not part.closed]
            if any(better) or run.work - offered > SLICE:
                self._offer(run)
                offered = run.work
            run.tick()
        self._offer(run)
        self.spent += run.work - begin

    def _take(self, run: Run) -> None:
        """Take in the run's incumbent."""
        problem = self.problem
        kernel = problem.restrict(run.partition)
        share = CLOSE * abs(run.cut) * problem.scale / max(1, len(self.parts))
        for part in self.parts:
            part.offer(kernel[part.leaf.vertices])
            part.tolerance = 0.0 if part.graph.integer else share / part.leaf.factor

    def _offer(self, run: Run) -> None:
        sides = [part.partition for part in self.parts]
        kernel = np.concatenate([np.empty(0, np.int8), *sides])
        run.offer_cut(self.problem.lift(kernel))
        if self.prove:
            run.offer_bound(self._bound(), "proved")

    def _bound(self) -> int | float:
        """The parts' bounds as one on the user's graph, rounded upwards."""
        problem = self.problem
        total = sum(
            (Fraction(part.bound) * Fraction(part.leaf.factor) for part in self.parts),
            Fraction(0),
        )
        if problem.graph.integer:
            bound = problem.exact_bound(total)
            return int(floor_to_values(problem.graph, bound))
        return problem.bound(total)

    def certify(self, run: Run) -> None:
        """Tell the run what the bound is made of, if this stage has improved on W+."""
        if self.prove and self._bound() < run.certified:
            proof = self.problem.combined([part.best_proof() for part in self.parts])
            run.offer_bound(self._bound(), "proved", proof)
