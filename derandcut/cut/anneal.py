"""Populations of cuts annealed together: bit-sliced for small weights, else float64."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy.sparse.csgraph import reverse_cuthill_mckee

from derandcut._core import load_kernel
from derandcut.errors import InputError
from derandcut.graph import CutGraph
from derandcut.run import Run

__all__ = [
    "BitSlicedAnnealer",
    "Population",
    "ScalarAnnealer",
    "annealer",
    "bit_sliceable",
    "population",
    "schedule",
]

_search = load_kernel("derandcut.cut._search")

REPLICAS = 256  # bits of a word
SLICE = 8_000_000  # units of work of a kernel call, about 20 ms
LARGEST = 255  # weights up to here, in units, are counted by bit planes
BLOCK = 4096  # vertices sorted together by degree: their words stay in the L2 cache
CACHED = 32_768  # vertices up to here are not renumbered: their words fit a cache
AHEAD = 64  # words to fetch early where they do not fit it
EXACT = 2.0**51  # sums of integers up to here do not round, whatever their signs
FRESH = 1024  # sweeps after which fields are summed anew: rounding does not pile up
FINAL_SWEEPS = 8  # at temperature zero, uncharged, after a run that ended early


def bit_sliceable(graph: CutGraph) -> bool:
    """Return True if all weights are multiples, up to 255, of one unit.

    The unit is the greatest common divisor of integer weights, and the smallest
    absolute weight of real ones. A neighbour costs as many additions as its multiple
    has bits set, so that even eight bits stay far below 256 scalar replicas.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.anneal import bit_sliceable
    >>> bit_sliceable(derandcut.CutGraph.from_edges([0, 1], [1, 2], [-0.5, 1.5]))
    True
    >>> bit_sliceable(derandcut.CutGraph.from_edges([0, 1], [1, 2], [1.0, 3.14]))
    False
    """
    return _multiples(graph)[1] is not None


def _multiples(graph: CutGraph) -> tuple[float, np.ndarray | None]:
    """The unit and each weight's absolute multiple of it, None if there is no unit."""
    w = graph.weights
    if len(w) and w.min() == w.max() != 0:  # the usual case, without a copy
        return abs(float(w[0])), np.ones(len(w), np.uint8)
    size = np.abs(w)
    positive = size if size.all() else size[size > 0]
    if not len(positive):
        return 1.0, np.zeros(len(size), np.uint8)
    unit = float(positive.min())
    if unit == size.max() and len(positive) == len(size):
        return unit, np.ones(len(size), np.uint8)
    if graph.integer and unit > 1:
        unit = float(np.gcd.reduce(positive.astype(np.int64)))
    if size.max() / unit > LARGEST + 0.5:
        return unit, None
    ratio = size / unit
    multiple = np.rint(ratio)
    if np.abs(ratio - multiple).max() > 1e-12:
        return unit, None
    return unit, multiple.astype(np.uint8)


def schedule(graph: CutGraph, *, start: str = "random") -> tuple[float, float]:
    """Return temperatures (T_hot, T_cold) for a linear schedule.

    Parameters
    ----------
    graph : CutGraph
    start : {"random", "law"}, default "random"
        Whether the population is random, or good already (drawn from the relaxation's
        law, or around an incumbent), so that a hot start would throw it away.

    Returns
    -------
    T_hot, T_cold : float
        In the unit of the weights: they scale with w. Both 0 without an edge.

    Raises
    ------
    InputError
        If `start` is neither.

    Notes
    -----
    The field of a vertex among random sides has the standard deviation
    s_u = sqrt(sum_v w_uv^2), and freezing sets in at about 0.4 of it: measured best
    T_hot / s = 0.37 on sparse random graphs (mean degree 5), 0.45 (20), 0.43 (48), 0.4
    on complete graphs with random signs. With weights of one sign the typical vertex
    counts, the mean of s_u over vertices: the neighbours of a hub agree on the other
    side, so that its own side is never in doubt. With mixed signs the typical arc
    counts, the mean of s_u weighted by degree: the side of a hub is decided by a
    random sum, and it has to move for that to be searched (hubs of degree 500: 2.5
    instead of 1.2). In between the two are mixed by the balance of the signs.

    A population that starts good needs half of that. T_cold is a tenth of the median
    absolute weight: colder is wasted, at twice that the last defects stay.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.anneal import schedule
    >>> triangle = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 0])
    >>> [round(T, 3) for T in schedule(triangle)]
    [0.566, 0.1]
    """
    if start not in ("random", "law"):
        raise InputError(f"start must be 'random' or 'law', got {start!r}")
    if not graph.m or not graph.absolute_weight:
        return 0.0, 0.0
    # Relative to the largest weight, so that no square over- or underflows.
    largest = float(np.abs(graph.weights).max())
    relative = graph.weights / largest
    row = np.repeat(np.arange(graph.n), graph.degrees)
    s = np.sqrt(np.bincount(row, relative**2, graph.n))
    by_vertex = float(s[graph.degrees > 0].mean())
    by_arc = float((s * graph.degrees).sum() / graph.degrees.sum())
    balance = abs(float(relative.sum())) / float(np.abs(relative).sum())
    hot = 0.4 * (balance * by_vertex + (1 - balance) * by_arc)
    if start == "law":
        hot /= 2
    cold = 0.1 * float(np.median(np.abs(relative)))
    return largest * hot, largest * min(hot, cold)


class Population(ABC):
    """Cuts of one graph, annealed together.

    Parameters
    ----------
    graph : CutGraph
    islands : int
        Parts with a random stream of their own; threads share them out.
    seed : int
        The result depends on it and on `islands`, never on `n_threads`.
    n_threads : int

    Attributes
    ----------
    graph : CutGraph
    size : int
        Number of cuts.
    """

    graph: CutGraph
    size: int

    def __init__(self, graph: CutGraph, islands: int, seed: int, n_threads: int):
        if islands < 1:
            raise InputError(f"a population needs at least one part, got {islands}")
        self.graph = graph
        self.islands = islands
        self.n_threads = n_threads
        self._lay_out()
        self._begin(seed)

    def another(self, seed: int) -> Population:
        """Return a second population like this one, with other random streams.

        What depends on the graph alone is shared.
        """
        other = copy.copy(self)
        other._begin(seed)
        return other

    @property
    @abstractmethod
    def units(self) -> int:
        """Work of a sweep of all cuts."""

    @abstractmethod
    def _lay_out(self) -> None:
        """Set up what depends on the graph alone."""

    def _begin(self, seed: int) -> None:
        """Draw random streams; the cuts are the subclass's."""
        streams = [s.spawn(2) for s in np.random.SeedSequence(seed).spawn(self.islands)]
        self._rng = [sweeps.generate_state(4, np.uint64) for sweeps, _ in streams]
        self._draws = [np.random.default_rng(other) for _, other in streams]

    def anneal(self, run: Run, sweeps: int, T_hot: float, T_cold: float) -> int:
        """Anneal every cut, the temperature falling linearly.

        Parameters
        ----------
        run : Run
            Charged with `units` a sweep; asked for its end every 20 ms.
        sweeps : int
            A sweep offers a flip to every vertex of every cut.
        T_hot, T_cold : float
            First and last temperature, in the unit of the weights.

        Returns
        -------
        int
            Sweeps done: fewer if the run ended, in which case the last few are at
            temperature zero, so that the cuts are (nearly) local optima.

        Raises
        ------
        InputError
            If a temperature is negative or not finite.
        """
        for T in (T_hot, T_cold):
            if not 0 <= T < math.inf:
                raise InputError(f"a temperature must be finite and >= 0, got {T}")
        temperature = np.linspace(T_hot, T_cold, sweeps)
        price = max(1, self.units)
        done = 0
        while done < sweeps:
            some = max(1, SLICE // max(1, self.graph.m))
            if run.work_left is not None:
                some = max(1, min(some, run.work_left // price))
            some = min(some, sweeps - done)
            self.sweep(temperature[done : done + some])
            run.charge(price * some)
            done += some
            if run.exhausted():
                break
        if done < sweeps:
            self.sweep(np.zeros(FINAL_SWEEPS))
        return done

    def sweep(self, temperature: np.ndarray) -> None:
        """One sweep of every cut at each of the temperatures, as a kernel slice.

        Parameters
        ----------
        temperature : (sweeps,) float64 array
            In the unit of the weights, at least 0.
        """
        if self.graph.m:
            self._each(lambda island: self._anneal_island(island, temperature))

    def _each(self, work: Callable[[int], Any]) -> list[Any]:
        """The results of `work` for all islands, by the threads at hand."""
        workers = min(self.n_threads, self.islands)
        if workers <= 1:
            return [work(island) for island in range(self.islands)]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(work, range(self.islands)))

    @abstractmethod
    def _anneal_island(self, island: int, temperature: np.ndarray) -> None:
        """One sweep of the island for each temperature."""

    @abstractmethod
    def cuts(self) -> np.ndarray:
        """Return the (size,) values of the cuts: int64, exact, for integer weights.

        float64, up to rounding, for others.
        """

    @abstractmethod
    def partitions(self) -> np.ndarray:
        """Return all cuts as an (n, size) int8 array of +1 and -1."""

    @abstractmethod
    def partition(self, j: int) -> np.ndarray:
        """Return cut j as an (n,) int8 array of +1 and -1."""

    @abstractmethod
    def load(self, partitions: np.ndarray) -> None:
        """Replace the cuts.

        Parameters
        ----------
        partitions : (n, k) array_like, 1 <= k
            Sides, told apart by ``> 0``; cut j becomes column j modulo k.
        """

    def best(self) -> np.ndarray:
        """Return the best cut as an (n,) int8 array of +1 and -1."""
        return self.partition(int(self.cuts().argmax()))

    def _columns(self, partitions: np.ndarray) -> np.ndarray:
        """The partitions to load, one column a cut, True for side +1."""
        side = np.asarray(partitions) > 0
        if side.ndim != 2 or side.shape[0] != self.graph.n or side.shape[1] < 1:
            raise InputError(
                f"partitions must have shape ({self.graph.n}, k), got {side.shape}"
            )
        if side.shape[1] == self.size:
            return side
        return side[:, np.arange(self.size) % side.shape[1]]


def population(
    graph: CutGraph, words: int = 1, seed: int = 0, n_threads: int = 1
) -> Population:
    """Return a random population of the kind that suits the weights.

    Parameters
    ----------
    graph : CutGraph
    words : int, default 1
        256 cuts each if the graph is `bit_sliceable`, otherwise one cut each.
    seed : int, default 0
    n_threads : int, default 1
    """
    return annealer(graph)(graph, words, seed, n_threads)


def annealer(graph: CutGraph) -> type[Population]:
    """Return the kind of population that suits the weights."""
    return BitSlicedAnnealer if bit_sliceable(graph) else ScalarAnnealer


class BitSlicedAnnealer(Population):
    """256 cuts in the bits of each word a vertex; see `bit_sliceable`.

    Parameters
    ----------
    graph : CutGraph
        A `bit_sliceable` one.
    words : int, default 1
        Words a vertex; each has a random stream of its own.
    seed : int, default 0
    n_threads : int, default 1

    Raises
    ------
    InputError
        If the weights do not fit.

    Notes
    -----
    Vertices are visited in the order of the graph, except that blocks of 4096 are
    sorted by degree, so that the branches of the kernel repeat themselves. Graphs too
    large for the caches are first renumbered by reverse Cuthill-McKee (a shuffled
    torus of 300,000 vertices: 9 ns a vertex instead of 112).

    Examples
    --------
    >>> import derandcut, networkx
    >>> from derandcut.cut.anneal import BitSlicedAnnealer
    >>> from derandcut.run import Run
    >>> graph = derandcut.CutGraph.from_networkx(networkx.petersen_graph())
    >>> cuts = BitSlicedAnnealer(graph)
    >>> cuts.anneal(Run(graph), 50, 1.2, 0.1)
    50
    >>> int(cuts.cuts().max())
    12
    """

    def __init__(
        self, graph: CutGraph, words: int = 1, seed: int = 0, n_threads: int = 1
    ):
        super().__init__(graph, words, seed, n_threads)

    def _lay_out(self) -> None:
        graph = self.graph
        self._unit, multiple = _multiples(graph)
        if multiple is None:
            raise InputError(
                f"weights must be multiples of one unit up to {LARGEST}; "
                f"ScalarAnnealer takes any"
            )
        n = graph.n
        self.size = REPLICAS * self.islands
        below = np.append(0, np.cumsum(multiple, dtype=np.int64))[graph.indptr]
        size = np.diff(below)
        rank = np.arange(n)
        if n > CACHED:
            rank[reverse_cuthill_mckee(graph.adjacency.tocsr(), True)] = np.arange(n)
        # In a block by degree, last the vertices without an edge.
        order = np.lexsort((rank, graph.degrees, size, rank // BLOCK, size == 0))
        self._position = np.empty(n, np.int64)
        self._position[order] = np.arange(n)
        size = size[order]
        self._size = size[: np.count_nonzero(size)]
        self._signed = bool((graph.weights < 0).any())
        self._planes = max(1, int(multiple.max(initial=0)).bit_length())
        # Lists by vertex and plane; a negative edge reads the complement, n rows on.
        entries = sum(np.count_nonzero(multiple >> p & 1) for p in range(self._planes))
        self._begins = np.empty(n * self._planes + 1, np.int64)
        self._neighbour = np.empty(entries, np.int32)
        _search.lists(
            graph.indptr, graph.indices, graph.weights, multiple, order,
            self._position, self._planes, self._begins, self._neighbour,
        )  # fmt: skip
        # Row k0: bit p of ~k0, spread over a word's quarter.
        bit = np.arange(16, dtype=np.int64)[:, None] >> np.arange(4) & 1
        self._masks = (bit - 1).view(np.uint64)

    def _begin(self, seed: int) -> None:
        super()._begin(seed)
        n = self.graph.n
        longest = int(np.diff(self._begins[:: self._planes]).max(initial=0))
        rows = n * (1 + self._signed)
        self._state = [_aligned(rows) for _ in range(self.islands)]
        room = max(64, longest + self._planes)
        self._scratch = [_aligned(room) for _ in range(self.islands)]
        for island, rng in enumerate(self._draws):
            bits = rng.integers(0, 1 << 64, (n, 4), dtype=np.uint64)
            self._set_words(island, bits)

    @property
    def units(self) -> int:
        return self.graph.m * self.islands

    def _set_words(self, island: int, words: np.ndarray) -> None:
        state = self._state[island]
        state[self._position] = words
        if self._signed:
            state[self.graph.n :] = ~state[: self.graph.n]

    def _anneal_island(self, island: int, temperature: np.ndarray) -> None:
        T = temperature / self._unit
        hottest = float(T.max())
        # Gaps beyond 32 log 2 times T never pass, nor gaps beyond the largest D.
        most = int(min(int(self._size.max()) // 2, 11.1 * hottest)) + 2
        bits = min(12, max(6, math.ceil(math.log2(8 * hottest + 1))))
        _search.anneal(
            self._state[island],
            self.graph.n,
            self._signed,
            self._planes,
            self._begins,
            self._neighbour,
            self._size,
            T,
            most,
            bits,
            np.empty(2 * most, np.uint64),
            np.empty(2 << bits, np.int32),
            self._masks,
            self._scratch[island],
            self._rng[island],
            AHEAD if self.graph.n > CACHED else 0,
            # Small systems need it most, large ones hardly: coins cost a second draw.
            0 if self.graph.n <= 64 else 15 if self.graph.n <= 1024 else 63,
        )

    def cuts(self) -> np.ndarray:
        total = np.zeros((self.islands, REPLICAS), np.int64)
        if self.graph.m:
            self._each(
                lambda island: _search.count(
                    self._state[island],
                    self._planes,
                    self._begins,
                    self._neighbour,
                    len(self._size),
                    self._scratch[island],
                    total[island],
                )
            )
        # The kernel counts a negative edge where it is not cut.
        negative = round(self.graph.negative_weight / self._unit)
        cuts = total.ravel() // 2 + negative
        return cuts * int(self._unit) if self.graph.integer else cuts * self._unit

    def partition(self, j: int) -> np.ndarray:
        island, j = divmod(j, REPLICAS)
        quarter = self._state[island][self._position, j >> 6]
        bit = quarter >> np.uint64(j & 63) & np.uint64(1)
        return 2 * bit.astype(np.int8) - 1

    def partitions(self) -> np.ndarray:
        words = [np.ascontiguousarray(s[self._position]) for s in self._state]
        sides = [
            np.unpackbits(_bytes(w), axis=1, bitorder="little").view(np.int8)
            for w in words
        ]
        return 2 * np.concatenate(sides, axis=1) - 1

    def load(self, partitions: np.ndarray) -> None:
        columns = self._columns(partitions)
        for island in range(self.islands):
            part = columns[:, island * REPLICAS : (island + 1) * REPLICAS]
            packed = np.packbits(part, axis=1, bitorder="little")
            words = np.ascontiguousarray(packed).view("<u8").astype(np.uint64)
            self._set_words(island, words)


class ScalarAnnealer(Population):
    """Independent cuts, one float64 field a vertex and cut: for any weights.

    Parameters
    ----------
    graph : CutGraph
    replicas : int, default 1
        Number of cuts; each has a random stream of its own.
    seed : int, default 0
    n_threads : int, default 1

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.cut.anneal import ScalarAnnealer
    >>> from derandcut.run import Run
    >>> graph = derandcut.CutGraph.from_edges([0, 1, 2], [1, 2, 0], [0.3, -2.0, 1.7])
    >>> cuts = ScalarAnnealer(graph, replicas=4)
    >>> cuts.anneal(Run(graph), 50, 2.0, 0.1)
    50
    >>> float(cuts.cuts().max())
    2.0
    """

    def __init__(
        self, graph: CutGraph, replicas: int = 1, seed: int = 0, n_threads: int = 1
    ):
        super().__init__(graph, replicas, seed, n_threads)

    def _lay_out(self) -> None:
        self.size = self.islands
        with np.errstate(divide="ignore"):
            self._exponential = -np.log(np.arange(1025) / 1024)

    def _begin(self, seed: int) -> None:
        super()._begin(seed)
        shape = self.size, self.graph.n
        self._x = np.empty(shape)
        self._h = np.empty(shape)
        self._age = [FRESH] * self.size
        for x, rng in zip(self._x, self._draws, strict=True):
            x[:] = 2.0 * rng.integers(0, 2, self.graph.n) - 1

    @property
    def units(self) -> int:
        # Every vertex, and the edges of the few that flip.
        return (self.graph.n + self.graph.m // 8) * self.islands

    def _anneal_island(self, island: int, temperature: np.ndarray) -> None:
        graph = self.graph
        csr = graph.indptr, graph.indices, graph.weights
        x, h = self._x[island], self._h[island]
        if self._age[island] >= FRESH:
            _search.fields(*csr, x, h)
            self._age[island] = 0
        self._age[island] += len(temperature)
        _search.anneal_one(
            *csr, temperature, self._exponential, x, h, self._rng[island]
        )

    def cuts(self) -> np.ndarray:
        graph = self.graph
        if graph.integer and graph.absolute_weight > EXACT:
            return np.array([graph.cut(x) for x in self._x], np.int64)
        uncut = np.einsum("ru,ur->r", self._x, graph.adjacency @ self._x.T) / 2
        cuts = (graph.total_weight - uncut) / 2
        return cuts.astype(np.int64) if graph.integer else cuts

    def partition(self, j: int) -> np.ndarray:
        return self._x[j].astype(np.int8)

    def partitions(self) -> np.ndarray:
        return np.ascontiguousarray(self._x.T).astype(np.int8)

    def load(self, partitions: np.ndarray) -> None:
        self._x[:] = np.where(self._columns(partitions).T, 1.0, -1.0)
        self._age = [FRESH] * self.size


def _bytes(words: np.ndarray) -> np.ndarray:
    """The rows of words as bytes, the lowest first."""
    return words.astype("<u8", copy=False).view(np.uint8)


def _aligned(rows: int) -> np.ndarray:
    """Zeros of shape (rows, 4) that begin on a cache line."""
    store = np.zeros(4 * rows + 8, np.uint64)
    shift = -store.ctypes.data % 64 // 8
    return store[shift : shift + 4 * rows].reshape(rows, 4)
