"""Rinaldi's generator rudy, and every Gset and Biq Mac graph made with it.

Files list, for each vertex u in order, the neighbours v > u newest first; that order
decides which weight an edge gets, so all functions here return edges in file order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derandcut.datasets import _generators

__all__ = ["Recipe", "biqmac", "gset", "planar", "random", "torus", "union", "weights"]

Edges = tuple[np.ndarray, np.ndarray]


def _state(seed: int) -> np.ndarray:
    state = np.zeros(56, np.int64)
    _generators.seed(int(seed) % 2**31, state)
    return state


def _file_order(u: np.ndarray, v: np.ndarray) -> Edges:
    """Edges in the order they were added to the order of the file."""
    low, high = np.minimum(u, v)[::-1], np.maximum(u, v)[::-1]
    order = np.argsort(low, kind="stable")
    return low[order], high[order]


def random(n: int, density: float, seed: int) -> Edges:
    """``-rnd_graph``: a uniformly random graph with `density` percent of all edges."""
    wanted = n * (n - 1.0) * density / 200.0
    m = int(wanted)
    m += wanted - m >= 0.5
    u, v = np.empty(m, np.int64), np.empty(m, np.int64)
    table = np.zeros(1 << (2 * m + 1).bit_length(), np.uint64)
    _generators.random_edges(_state(seed), n, table, u, v)
    return _file_order(u, v)


def planar(n: int, density: float, seed: int) -> Edges:
    """``-planar``: a stacked triangulation thinned to `density` percent."""
    kept = int(density * 3 * (n - 2) / 100.0)
    u, v = np.empty(3 * n - 6, np.int64), np.empty(3 * n - 6, np.int64)
    faces = np.empty((2 * n - 5, 3), np.int64)
    _generators.stacked_triangulation(_state(seed), n, kept, faces, u, v)
    return _file_order(u[:kept], v[:kept])


def torus(height: int, width: int) -> Edges:
    """``-toroidal_grid_2D``: vertex i * width + j has four neighbours."""
    u = np.arange(height * width)
    i, j = np.divmod(u, width)
    right, below = i * width + (j + 1) % width, (i + 1) % height * width + j
    return _file_order(np.concatenate([u, u]), np.concatenate([right, below]))


def union(first: Edges, second: Edges) -> Edges:
    """``+``: the edges of either graph."""
    u, v = (np.concatenate(ends) for ends in zip(first, second, strict=True))
    order = np.argsort(u, kind="stable")
    u, v = u[order], v[order]
    _, earliest = np.unique(u * (v.max(initial=0) + 1) + v, return_index=True)
    earliest.sort()
    return _file_order(u[earliest], v[earliest])


def weights(m: int, low: int, high: int, seed: int) -> np.ndarray:
    """``-random low high seed``: uniform integers along the file."""
    draws = np.empty(m, np.int64)
    _generators.uniforms(_state(seed), high - low + 1, draws)
    return low + draws


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a file was made: the graph, its arguments, what weights with which seed."""

    family: str
    arguments: tuple[float, ...]
    signs: int | None = None  # the seed of the +-1 weights
    digits: int | None = None  # the seed of weights 1..10

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Arrays (u, v, w) in the order of the file, and n."""
        if self.family == "torus":
            height, width = self.arguments
            (u, v), n = torus(height, width), height * width
        elif self.family == "random":
            (u, v), n = random(*self.arguments), self.arguments[0]
        else:
            n, density, seed = self.arguments
            u, v = union(planar(n, density, seed), planar(n, density, seed + 1))
        if self.signs is not None:
            w = 2 * weights(len(u), 0, 1, self.signs) - 1
        elif self.digits is not None:
            w = weights(len(u), 1, 10, self.digits)
        else:
            w = np.ones(len(u), np.int64)
        return u, v, w, n


TORI = {
    11: (100, 8, 8001),
    12: (50, 16, 8002),
    13: (25, 32, 8003),
    32: (100, 20, 20003),
    33: (80, 25, 20002),
    34: (50, 40, 20001),
    48: (50, 60, None),
    49: (30, 100, None),
    50: (25, 120, None),
    57: (100, 50, 50001),
    62: (100, 70, 50001),
    65: (100, 80, 80001),
    66: (90, 100, 90001),
    67: (100, 100, 100001),
    72: (100, 100, 10001),
    77: (140, 100, 140001),
    81: (200, 100, 200001),
}
# First number, how many, n, density, first seed, step of the seed, +-1 weights.
RANDOM = [
    (1, 5, 800, 6, 8001, False),
    (6, 5, 800, 6, 8001, True),
    (22, 5, 2000, 1, 20001, False),
    (27, 5, 2000, 1, 20001, True),
    (43, 5, 1000, 2, 10001, False),
    (55, 1, 5000, 0.1, 50001, False),
    (56, 1, 5000, 0.1, 50001, True),
    (60, 1, 7000, 0.07, 70001, False),
    (61, 1, 7000, 0.07, 70001, True),
    (70, 1, 10000, 0.02, 100001, False),
]
PLANAR = [
    (14, 4, 800, 99, 8001, False),
    (18, 4, 800, 99, 8001, True),
    (35, 4, 2000, 99, 20001, False),
    (39, 4, 2000, 99, 20001, True),
    (51, 4, 1000, 100, 10001, False),
    (58, 1, 5000, 99, 50001, False),
    (59, 1, 5000, 99, 50001, True),
    (63, 1, 7000, 99, 70001, False),
    (64, 1, 7000, 99, 70001, True),
]


def gset() -> dict[int, Recipe]:
    """The recipe of every graph G1..G67, G70, G72, G77, G81."""
    made = {k: Recipe("torus", (h, w), signs) for k, (h, w, signs) in TORI.items()}
    for first, how_many, n, density, start, signed in RANDOM:
        for i in range(how_many):
            # G23's seed has a digit less than its neighbours': so the file was made.
            seed = 2002 if first + i == 23 else start + i
            signs = seed if signed else None
            made[first + i] = Recipe("random", (n, density, seed), signs)
    for first, how_many, n, density, start, signed in PLANAR:
        for i in range(how_many):
            signs = start + i if signed else None
            arguments = (n, density, start + 2 * i)
            made[first + i] = Recipe("planar union", arguments, signs)
    return made


def biqmac() -> dict[str, Recipe]:
    """The recipes of the Biq Mac families g05, pm1s and pw01, ten graphs a size."""
    made = {}
    for i in range(10):
        for n in (60, 80, 100):
            made[f"g05_{n}.{i}"] = Recipe("random", (n, 50, 100 * n + i))
        for n in (80, 100):
            seed = 10 * n + i
            made[f"pm1s_{n}.{i}"] = Recipe("random", (n, 10, seed), signs=seed)
        seed = 1000 + i
        made[f"pw01_100.{i}"] = Recipe("random", (100, 10, seed), digits=seed)
    return made
