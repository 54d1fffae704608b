"""Iterated derandomization: the search stage.

One round, on one island:

1. *Re-noise.* Take a member of the elite pool, or a crossing of two members (their
   mean: 0 where they disagree), as b = beta x, and the SDP's rows in a random rotation
   as W = gamma V Q; the first round starts from W = c V, or samples the law of the
   derandomize stage as it is.
2. *Relax* part-way by the derandomized relaxation (2.1)-(2.4).
3. *Sample* 256 replicas of the law sign(W g + b).
4. *Anneal* them from a low temperature. It comes from the samples themselves: T* is
   where a Metropolis sweep over them would neither raise nor lower the mean cut, i.e.
   where they look like equilibrium; annealing starts at `HEAT` T*, just hot enough to
   forget the law's mistakes and keep its structure (and never above what `schedule`
   says of this graph's degrees and weights).
5. *Combine* the replicas by partition crossover, and offer the best to the pool; the
   pool's members are combined as well. So the parts of a kernel of several components
   are searched as if each were alone.

The islands of a round go forward together, slice by slice, each with a random stream of
its own; between slices the run may end, and then the replicas are quenched and the
round is closed as it is, or dropped if none was annealed yet. So the answer depends on
the work done and on nothing else: not on the threads, not on the limit. Rounds double
in length at first, so that there is an answer early and the last round, the one cut
off, is never most of the run; later they grow only when they bring nothing, first in
sweeps, then in islands. When some rounds in a row bring nothing, an unlimited run ends;
with time left, and twice as many, a new epoch begins with an empty pool; every third
starts from the champions of the earlier ones instead, and crosses them.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import cached_property

import numpy as np

from derandcut.cut.anneal import BitSlicedAnnealer, Population, annealer, schedule
from derandcut.cut.crossover import combine
from derandcut.cut.pool import Pool
from derandcut.cut.rounding import one_flip_descent
from derandcut.cut.sampler import Layout, Sampler
from derandcut.graph import CutGraph
from derandcut.run import LARGE, Run, Scratch

__all__ = ["Search", "neutral_temperature"]

SCALAR_REPLICAS = 8  # where the weights are not bit-sliceable
START = 12.0  # c of a fresh start W = c V
TILT = 0.001  # |b| against |W| there: a firmer b would cost diversity
BETA = 4.0  # how firmly a re-noised start holds its base: b = beta x, tau = 1
GAMMA = 4.0  # its noise W = gamma V Q: samples about 2 % of the vertices from x
WIDER, WIDEST = 1.2, 8.0  # how gamma grows with failures: 8 is nearly a fresh start
RELAX_FRESH, RELAX_AGAIN = 100, 50  # iterations; later ones cost diversity
RATE_FRESH, RATE_AGAIN = 0.4, 0.2  # learning rates
DECAY = 1e-6  # lambda, of the mean |w|: the law is used, not its limit
HEAT = 2.0  # annealing starts at HEAT times the temperature of zero drift
SWEEPS = 250  # of the first round
DOUBLING = 6  # rounds that double whether or not they bring anything
GROWTH = 1.4  # of later rounds that bring nothing
LONGEST = 30_000  # sweeps; from there on rounds grow by islands
ISLANDS, MOST_ISLANDS = 2, 16
ENOUGH = 4  # rounds without a better cut: the natural end of an unlimited run,
ENOUGH_WORK = 2_000_000_000  # or so much work, some seconds
PATIENCE = 8  # the end of an epoch
EPOCH_SWEEPS = 4000  # of the first round of a later epoch
REUNION = 3  # every third epoch starts from the champions
QUENCH = 8  # sweeps at temperature zero that close a round cut short
RELAX_SLICE, ANNEAL_SLICE = 1_000_000, 4_000_000  # edges, up to 50 ms each


class Search:
    """The state between rounds: elite pool, length of the next round, islands.

    Parameters
    ----------
    graph : CutGraph
        The kernel.
    V : (n, k) float64 array
        Unit rows of its relaxation.
    seed : int
    law : ((n, k) array, (n,) array), optional
        (W, b) of a relaxation that was stopped part-way: the first round samples it.
    pool_size : int
        Distinct partitions wanted.
    components : (n,) int array, optional
        The component of each vertex, counted from 0. None: there is one.
    """

    def __init__(
        self,
        graph: CutGraph,
        V: np.ndarray,
        *,
        seed: int,
        law: tuple[np.ndarray, np.ndarray] | None = None,
        pool_size: int = 1,
        components: np.ndarray | None = None,
    ) -> None:
        self.graph = graph
        self.layout = Layout(graph)
        self.V = V
        self.law = law
        self.seed = seed
        self.pool, self.champions = (
            Pool(max(8, pool_size), graph.n // 100, components) for _ in range(2)
        )
        self.islands: list[Island] = []
        self.width = ISLANDS
        self.sweeps = float(SWEEPS)
        self.round = 0
        self.epoch = 0
        self.failures = self.work = 0
        self.late = False  # no time to combine

    @cached_property
    def replicas(self) -> Population:
        """What islands' replicas are like; only a search that is begun needs it."""
        return island_replicas(self.graph)

    @cached_property
    def schedule(self) -> tuple[float, float]:
        """The hottest and the last temperature."""
        return schedule(self.graph, start="law")

    @property
    def settled(self) -> bool:
        """True once `ENOUGH` rounds in a row brought nothing, or it took long."""
        return self.failures >= ENOUGH or self.work >= ENOUGH_WORK

    @property
    def stale(self) -> bool:
        """True once `PATIENCE` rounds in a row brought nothing."""
        return self.failures >= PATIENCE

    @property
    def best(self) -> Pool:
        """The best partitions of all epochs."""
        better = [
            self.champions.offer(partition, cut)
            for partition, cut in zip(self.pool.partitions, self.pool.cuts, strict=True)
        ]
        if any(better):
            self._fold(self.champions)
        return self.champions

    def restart(self) -> None:
        """Begin a new epoch, from nothing or from the champions of the earlier ones."""
        champions = self.best
        self.epoch += 1
        self.pool = Pool(champions.size, champions.distance, champions.components)
        if self.epoch % REUNION == 0:
            for partition, cut in zip(
                champions.partitions, champions.cuts, strict=True
            ):
                self.pool.offer(partition, cut)
        self.law = None
        self.width = ISLANDS
        self.sweeps = float(min(EPOCH_SWEEPS, LONGEST))
        self.failures = 0

    def advance(self, run: Run, executor: Executor) -> None:
        """Do one round; when the run ends within it, close it as it is or drop it."""
        rng, begin = self._rng(self.round), run.work
        while len(self.islands) < self.width:
            self.islands.append(Island(self, self._seed(len(self.islands))))
        islands = self.islands[: self.width]
        if run.exhausted(undone=True):  # setting up a large graph took long
            return
        bases = [self._base(number, rng) for number in range(len(islands))]
        noise = min(WIDEST, GAMMA * WIDER**self.failures)
        list(executor.map(Island.start, islands, bases, [noise] * len(islands)))

        iterations = RELAX_AGAIN
        if bases[0] is None:
            iterations = RELAX_FRESH if self.law is None else 0
        step = max(1, RELAX_SLICE // self.graph.m)
        for done in range(0, iterations, step):
            count = min(step, iterations - done)
            list(executor.map(Island.relax, islands, [count] * len(islands)))
            run.charge(len(islands) * count * self.graph.m)
            run.tick()
            if run.exhausted():
                break

        large = self.graph.m > LARGE
        dispensable = large or self.round > 0  # as long as nothing is annealed
        if dispensable and run.exhausted():
            return
        list(executor.map(Island.sample, islands))
        if dispensable and run.exhausted(undone=True):
            return
        fall = np.linspace(1.0, 0.0, int(self.sweeps))
        units = islands[0].units
        step = max(1, ANNEAL_SLICE // self.graph.m)
        for done in range(0, len(fall), step):
            if run.exhausted():
                list(executor.map(Island.quench, islands))
                break
            part = fall[done : done + step]
            list(executor.map(Island.anneal, islands, [part] * len(islands)))
            run.charge(len(islands) * len(part) * units)
            run.tick()

        self.late = large and run.exhausted()
        harvest = Island.best if self.late else Island.harvest
        self._learn(list(executor.map(harvest, islands)))
        run.charge(len(islands) * self.graph.m)
        self.work += run.work - begin

    def _base(self, island: int, rng: np.random.Generator) -> np.ndarray | None:
        """None at first; later the incumbent, a member, or a crossing of two."""
        members = self.pool.partitions
        if self.round == 0 or not members:
            return None
        if island % 2 == 0:
            return members[0].astype(np.float64)
        x = members[int(rng.integers(len(members)))].astype(np.float64)
        y = members[int(rng.integers(len(members)))].astype(np.float64)
        return (x + self.pool.aligned(x, y)) / 2

    def _learn(self, outcomes: list[np.ndarray]) -> None:
        """Take in a round's outcomes and set the length of the next."""
        best = self.pool.cuts[0] if self.pool else -np.inf
        for partition in outcomes:
            self.pool.offer(partition, float(self.graph.cut(partition)))
        self._fold(self.pool)
        self.round += 1
        self.failures = 0 if self.pool.cuts[0] > best else self.failures + 1
        if self.round <= DOUBLING:
            self.sweeps *= 2
        elif not self.failures:
            return
        elif self.sweeps * GROWTH <= LONGEST:
            self.sweeps *= GROWTH
        else:
            self.width = min(2 * self.width, MOST_ISLANDS)

    def _fold(self, pool: Pool) -> None:
        """Offer a pool the best of all its members, component by component."""
        if self.late:
            return
        child, gain = combine(self.graph, np.stack(pool.partitions))
        if gain > 0:
            pool.offer(child, float(self.graph.cut(child)))

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _seed(self, island: int) -> int:
        return int(self._rng(0, island).integers(1 << 62))


class Island:
    """One population with its own random stream; its methods run in any thread."""

    def __init__(self, search: Search, seed: int) -> None:
        self.graph, self.V, self.layout = search.graph, search.V, search.layout
        self.search = search
        self.replicas = search.replicas.another(seed)
        self.units = self.replicas.units
        self.rng = np.random.default_rng(seed)
        self.hottest, self.cold = search.schedule
        weight = self.graph.absolute_weight / self.graph.m
        self.options = {"layout": self.layout, "weight_decay": DECAY * weight}

    def start(self, base: np.ndarray | None, noise: float) -> None:
        """Put the relaxation at its start, or re-noise around `base`."""
        k = self.V.shape[1]
        if base is None and self.search.law is not None:
            W, b = self.search.law
        elif base is None:
            W = START * self.V
            b = TILT * (W @ self.rng.standard_normal(k))
        else:
            rotation = np.linalg.qr(self.rng.standard_normal((k, k)))[0]
            W, b = noise * (self.V @ rotation), BETA * base
        rate = RATE_FRESH if base is None else RATE_AGAIN
        self.sampler = Sampler(self.graph, W, b, learning_rate=rate, **self.options)

    def relax(self, iterations: int) -> None:
        """Some steps of the ascent."""
        self.sampler.advance(Scratch(), iterations)

    def sample(self) -> None:
        """Draw the population from the law, and its temperature with it."""
        replicas = self.sampler.sample(
            self.replicas.size, int(self.rng.integers(1 << 62))
        )
        hot = HEAT * neutral_temperature(self.graph, replicas[:, :PROBES])
        self.hot = max(self.cold, min(hot, self.hottest))
        self.replicas.load(replicas)

    def anneal(self, fall: np.ndarray) -> None:
        """Sweeps at temperatures from hot (1) to cold (0)."""
        self.replicas.sweep(self.cold + (self.hot - self.cold) * fall)

    def quench(self) -> None:
        """To the nearest local optima."""
        large = self.graph.m > LARGE  # there the best one alone descends to the end
        self.replicas.sweep(np.zeros(1 if large else QUENCH))

    def best(self) -> np.ndarray:
        """The best replica."""
        return one_flip_descent(self.graph, self.replicas.best())

    def harvest(self) -> np.ndarray:
        """The best cut that the replicas combine to."""
        ranking = np.argsort(-self.replicas.cuts(), kind="stable")
        ranked = np.ascontiguousarray(self.replicas.partitions().T[ranking])
        child, _ = combine(self.graph, ranked)
        return one_flip_descent(self.graph, child)


def island_replicas(graph: CutGraph) -> Population:
    """The replicas of one island: a word of 256, or `SCALAR_REPLICAS` single ones."""
    kind = annealer(graph)
    return kind(graph, 1 if kind is BitSlicedAnnealer else SCALAR_REPLICAS)


PROBES = 16  # replicas that set the temperature


def neutral_temperature(graph: CutGraph, replicas: np.ndarray) -> float:
    """The temperature at which a Metropolis sweep leaves the mean cut as it is.

    With gain g of flipping a vertex, a sweep at T changes the cut by
    sum g min(1, exp(g / T)) on average: negative when T is hot for these replicas,
    positive when they are hot for T. The root tells the temperature they look like.

    Parameters
    ----------
    graph : CutGraph
    replicas : (n, r) int8 array

    Returns
    -------
    float
        0 if no replica can be improved by any flip.
    """
    x = replicas.astype(np.float64)
    gains = ((graph.adjacency @ x) * x).ravel()
    gains = gains[gains != 0]
    improving = gains[gains > 0].sum()
    if not improving:
        return 0.0
    losses = gains[gains < 0]
    low, high = 0.0, float(np.abs(gains).max()) * 2.0
    for _ in range(20):
        middle = (low + high) / 2
        drift = improving + (losses * np.exp(losses / middle)).sum()
        low, high = (middle, high) if drift > 0 else (low, middle)
    return (low + high) / 2
