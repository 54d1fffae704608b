"""Families of instances, each from its parameters and a seed alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derandcut.datasets import _generators, rudy
from derandcut.errors import InputError
from derandcut.graph import CutGraph
from derandcut.models import QUBO, Max2Sat

__all__ = ["FAMILIES", "generate", "planted"]

Weights = str | tuple[int, int]


def generate(family: str, *, seed: int = 0, **parameters: Any) -> CutGraph:
    """Generate an instance.

    Parameters
    ----------
    family : str
        Of the generator rudy, with the graphs it would make from the same seed:
        ``"random"`` (n, density in percent), ``"planar"`` and ``"planar-union"``
        (n, density), ``"torus"`` (height, width); ``"planar-union"`` takes `seed` and
        ``seed + 1`` for its two graphs.
        Our own: ``"power-law"`` (n, attach), ``"geometric"`` (n, degree),
        ``"small-world"`` (n, neighbours, rewired), ``"delaunay"`` (n), ``"lattice"``
        (shape, a torus of any dimension), ``"sk"`` (n; Sherrington-Kirkpatrick),
        ``"planted"`` (n, loops, length; see `planted`), ``"qubo"`` (n, density,
        low, high), ``"max-2-sat"`` (n, clauses).
    seed : int, default 0
        Same seed and parameters, same graph.
    **parameters
        As listed; all have defaults. Graph families also take ``weights``: ``"unit"``,
        ``"pm1"`` (+1 or -1), ``"gaussian"`` (standard normal) or ``(low, high)``,
        uniform integers.

    Returns
    -------
    CutGraph

    Raises
    ------
    InputError
        If the family, a parameter's name or its value is not one of these.

    Examples
    --------
    >>> from derandcut import datasets
    >>> datasets.generate("lattice", shape=(6, 7), weights="pm1", seed=1)
    CutGraph(n=42, m=84, integer weights)
    >>> datasets.generate("geometric", n=100, weights="gaussian").n
    100
    """
    if family not in FAMILIES:
        raise InputError(f"unknown family {family!r}, expected {', '.join(FAMILIES)}")
    maker = FAMILIES[family]
    known = [name for name in inspect.signature(maker).parameters if name != "seed"]
    for name in parameters:
        if name not in known:
            raise InputError(
                f"{family} has no parameter {name!r}, expected {', '.join(known)}"
            )
    _whole("seed", seed, 0)
    return maker(seed=int(seed), **parameters)


# --------------------------------------------------------------------------- rudy


def _rudy_random(
    seed: int, n: int = 800, density: float = 6, weights: Weights = "unit"
) -> CutGraph:
    _whole("n", n, 0)
    _inside("density", density, 0, 100)
    return _rudy(*rudy.random(n, density, seed), n, weights, seed)


def _rudy_planar(
    seed: int, n: int = 800, density: float = 99, weights: Weights = "unit"
) -> CutGraph:
    _whole("n", n, 3)
    _inside("density", density, 0, 100)
    return _rudy(*rudy.planar(n, density, seed), n, weights, seed)


def _rudy_union(
    seed: int, n: int = 800, density: float = 99, weights: Weights = "unit"
) -> CutGraph:
    _whole("n", n, 3)
    _inside("density", density, 0, 100)
    two = rudy.planar(n, density, seed), rudy.planar(n, density, seed + 1)
    return _rudy(*rudy.union(*two), n, weights, seed)


def _rudy_torus(
    seed: int, height: int = 20, width: int = 20, weights: Weights = "pm1"
) -> CutGraph:
    _whole("height", height, 3)
    _whole("width", width, 3)
    return _rudy(*rudy.torus(height, width), height * width, weights, seed)


def _rudy(u, v, n: int, weights: Weights, seed: int) -> CutGraph:
    """Weights drawn with rudy's generator where it has them."""
    if isinstance(weights, str) and weights == "pm1":
        w = 2.0 * rudy.weights(len(u), 0, 1, seed) - 1
    elif isinstance(weights, tuple):
        w = rudy.weights(len(u), *_span(weights), seed)
    else:
        w = _weights(np.random.default_rng(seed), len(u), weights)
    return CutGraph.from_edges(u, v, w, n)


# ---------------------------------------------------------------------------- own


def _power_law(
    seed: int, n: int = 1000, attach: int = 3, weights: Weights = "unit"
) -> CutGraph:
    """Barabasi and Albert 1999, by the sampling of Batagelj and Brandes 2005."""
    _whole("n", n, 0)
    _whole("attach", attach, 1)
    ends = np.zeros(2 * n * attach, np.int64)
    state = np.random.SeedSequence(seed).generate_state(4, np.uint64)
    _generators.preferential_attachment(state, attach, ends)
    return _simple(ends[::2], ends[1::2], n, weights, seed)


def _geometric(
    seed: int, n: int = 1000, degree: float = 8, weights: Weights = "unit"
) -> CutGraph:
    """Points uniform in the unit square, joined within the radius of that degree."""
    from scipy.spatial import cKDTree

    _whole("n", n, 0)
    _inside("degree", degree, 0, 2**31)
    points = np.random.default_rng(seed).random((n, 2))
    if n == 0:
        return _simple(*np.empty((2, 0), np.int64), 0, weights, seed)
    radius = np.sqrt(degree / (np.pi * n))
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    return _simple(pairs[:, 0], pairs[:, 1], n, weights, seed)


def _small_world(
    seed: int,
    n: int = 1000,
    neighbours: int = 6,
    rewired: float = 0.1,
    weights: Weights = "unit",
) -> CutGraph:
    """Watts and Strogatz 1998; an end that is rewired goes anywhere."""
    _whole("n", n, 0)
    _whole("neighbours", neighbours, 0)
    _inside("rewired", rewired, 0, 1)
    if neighbours % 2 or neighbours >= max(n, 1):
        raise InputError(f"neighbours must be even and below n, got {neighbours}")
    rng = np.random.default_rng(seed)
    u = np.repeat(np.arange(n), neighbours // 2)
    v = (u + np.tile(np.arange(1, neighbours // 2 + 1), n)) % max(n, 1)
    moved = rng.random(len(u)) < rewired
    v[moved] = rng.integers(0, max(n, 1), np.count_nonzero(moved))
    return _simple(u, v, n, weights, seed)


def _delaunay(seed: int, n: int = 1000, weights: Weights = "unit") -> CutGraph:
    """The Delaunay triangulation of points uniform in the unit square: planar."""
    from scipy.spatial import Delaunay

    _whole("n", n, 4)
    corners = Delaunay(np.random.default_rng(seed).random((n, 2))).simplices
    u, v = corners.ravel(), np.roll(corners, 1, axis=1).ravel()
    return _simple(u, v, n, weights, seed)


def _lattice(
    seed: int, shape: Sequence[int] = (20, 20), weights: Weights = "pm1"
) -> CutGraph:
    """The torus of that shape: each vertex joined to the next along every axis."""
    try:
        shape = tuple(shape)
    except TypeError:
        shape = ()
    if not shape:
        raise InputError("shape must be a sequence of sides, such as (20, 20)")
    for side in shape:
        _whole("shape", side, 3)
    number = np.arange(int(np.prod(shape))).reshape(shape)
    u = np.tile(number.ravel(), len(shape))
    v = [np.roll(number, -1, axis).ravel() for axis in range(len(shape))]
    v = np.concatenate(v)
    return _simple(u, v, number.size, weights, seed)


def _sk(seed: int, n: int = 100, weights: Weights = "gaussian") -> CutGraph:
    """Sherrington and Kirkpatrick 1975: all pairs; Gaussian ones over sqrt(n)."""
    _whole("n", n, 0)
    u, v = np.triu_indices(n, 1)
    w = _weights(np.random.default_rng(seed), len(u), weights)
    return CutGraph.from_edges(u, v, w / np.sqrt(n) if weights == "gaussian" else w, n)


def planted(
    n: int = 1000, loops: int = 1500, length: int = 4, seed: int = 0
) -> tuple[CutGraph, np.ndarray]:
    """Generate a frustrated graph with a maximum cut known by construction.

    A sum of random cycles (Hen et al. 2015): each gains +1 on all its edges but one
    from the planted partition, and loses 1 on the last. A cycle with an odd number of
    such losses can lose no less, so the planted partition is best for each cycle and
    hence for the sum.

    Parameters
    ----------
    n : int, default 1000
    loops : int, default 1500
        Number of cycles.
    length : int, default 4
        Vertices of a cycle, 3..n.
    seed : int, default 0

    Returns
    -------
    CutGraph, (n,) int8 array
        The graph and the planted partition, which is a maximum cut.

    Examples
    --------
    >>> from derandcut import datasets
    >>> graph, best = datasets.planted(n=50, loops=80, seed=3)
    >>> graph.cut(best) >= graph.cut(-best[::-1])
    True
    """
    _whole("n", n, 3)
    _whole("loops", loops, 0)
    _whole("length", length, 3)
    if length > n:
        raise InputError(f"length must be at most n = {n}, got {length}")
    rng = np.random.default_rng(seed)
    partition = rng.choice(np.array([-1, 1], np.int8), n)
    u = np.array([rng.choice(n, length, replace=False) for _ in range(loops)], int)
    u = u.reshape(loops, length)
    v = np.roll(u, -1, axis=1)
    # An edge gains when it is positive across the planted sides, negative inside.
    w = np.where(partition[u] != partition[v], 1.0, -1.0)
    w[np.arange(loops), rng.integers(0, length, loops)] *= -1
    return CutGraph.from_edges(u.ravel(), v.ravel(), w.ravel(), n), partition


def _planted(seed: int, n: int = 1000, loops: int = 1500, length: int = 4) -> CutGraph:
    return planted(n, loops, length, seed)[0]


def _qubo(
    seed: int, n: int = 100, density: float = 10, low: int = -100, high: int = 100
) -> CutGraph:
    """Beasley 1998: a random symmetric integer Q; the graph minimises x'Qx."""
    _whole("n", n, 0)
    _inside("density", density, 0, 100)
    low, high = _span((low, high))
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n)
    kept = rng.random(len(i)) < density / 100
    i, j = i[kept], j[kept]
    value = rng.integers(low, high, len(i), endpoint=True)
    return QUBO.from_terms(i, j, np.where(i == j, value, 2 * value), n).graph


def _max2sat(seed: int, n: int = 100, clauses: int = 300) -> CutGraph:
    """Clauses of two distinct variables and random signs."""
    _whole("n", n, 2)
    _whole("clauses", clauses, 0)
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n, clauses)
    second = (first + rng.integers(1, n, clauses)) % n
    signs = rng.choice([-1, 1], (clauses, 2))
    literals = signs * (np.column_stack([first, second]) + 1)
    return Max2Sat(literals.tolist(), n=n).graph


FAMILIES: dict[str, Callable[..., CutGraph]] = {
    "random": _rudy_random,
    "planar": _rudy_planar,
    "planar-union": _rudy_union,
    "torus": _rudy_torus,
    "power-law": _power_law,
    "geometric": _geometric,
    "small-world": _small_world,
    "delaunay": _delaunay,
    "lattice": _lattice,
    "sk": _sk,
    "planted": _planted,
    "qubo": _qubo,
    "max-2-sat": _max2sat,
}


def _simple(u, v, n: int, weights: Weights, seed: int) -> CutGraph:
    """A simple graph from ends with loops and repetitions, then its weights."""
    keep = u != v
    low, high = np.minimum(u, v)[keep], np.maximum(u, v)[keep]
    low, high = np.divmod(np.unique(low * max(n, 1) + high), max(n, 1))
    # A stream of its own, so that the weights do not repeat the structure's draws.
    rng = np.random.default_rng([seed, 1])
    return CutGraph.from_edges(low, high, _weights(rng, len(low), weights), n)


def _weights(rng: np.random.Generator, m: int, weights: Weights) -> np.ndarray:
    if isinstance(weights, tuple):
        low, high = _span(weights)
        return rng.integers(low, high, m, endpoint=True).astype(np.float64)
    if weights == "unit":
        return np.ones(m)
    if weights == "pm1":
        return rng.choice([-1.0, 1.0], m)
    if weights == "gaussian":
        return rng.standard_normal(m)
    raise InputError(
        f"weights must be 'unit', 'pm1', 'gaussian' or (low, high), got {weights!r}"
    )


def _span(weights: tuple[int, int]) -> tuple[int, int]:
    whole = len(weights) == 2 and all(isinstance(x, int | np.integer) for x in weights)
    if not whole or not -(2**30) < weights[0] <= weights[1] < 2**30:
        raise InputError(f"expected integers low <= high below 2^30, got {weights!r}")
    return int(weights[0]), int(weights[1])


def _whole(name: str, value: Any, lowest: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not lowest <= value < 2**31:
        raise InputError(f"{name} must be an integer >= {lowest}, got {value!r}")


def _inside(name: str, value: Any, low: float, high: float) -> None:
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or not low <= value <= high:
        raise InputError(f"{name} must be in {low}..{high}, got {value!r}")
