"""Checks what users pass to `derandcut.maxcut` and turns it into what stages need."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Hashable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from derandcut.errors import InputError
from derandcut.graph import CutGraph
from derandcut.options import Options
from derandcut.result import CutResult

__all__ = [
    "Settings",
    "check_target_and_callback",
    "fixed_sides",
    "initial_partition",
    "limit",
    "natural",
    "refuse",
]

METHODS = ("auto", "exact", "derandomize", "search", "goemans-williamson")
BOUNDS = ("proved", "estimate", "none")


@dataclass(frozen=True)
class Settings:
    """The arguments that say how to solve; limits live in the `Run`."""

    method: str
    bound: str
    seed: int
    n_threads: int
    pool_size: int
    options: Options

    @classmethod
    def checked(
        cls,
        *,
        method: Any,
        bound: Any,
        seed: Any,
        n_threads: Any,
        pool_size: Any,
        options: Any,
    ) -> Settings:
        """Check each argument; raise InputError naming the one that is wrong."""
        return cls(
            method=_one_of("method", method, METHODS),
            bound=_one_of("bound", bound, BOUNDS),
            seed=natural("seed", seed),
            n_threads=threads(n_threads),
            pool_size=natural("pool_size", pool_size, least=1),
            options=Options.of(options),
        )


def _one_of(name: str, value: Any, names: tuple[str, ...]) -> str:
    if value not in names:
        raise InputError(f"{name} must be one of {', '.join(names)}, got {value!r}")
    return value


def natural(name: str, value: Any, least: int = 0) -> int:
    """Check a whole number of at least `least`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} must be a whole number >= {least}, got {value!r}")
    return int(value)


def limit(name: str, value: Any, least: float = 0.0) -> float:
    """Check a number that is not NaN and at least `least`."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or math.isnan(value) or value < least:
        raise InputError(f"{name} must be a number >= {least:g}, got {value!r}")
    return float(value)


def check_target_and_callback(target: Any, callback: Any) -> None:
    """Check a number or None, and a callable or None."""
    real = isinstance(target, numbers.Real) and not isinstance(target, bool)
    if target is not None and not (real and not math.isnan(target)):
        raise InputError(f"target must be a number, got {target!r}")
    if callback is not None and not callable(callback):
        raise InputError(f"callback must be callable, got {callback!r}")


def refuse(method: str, **given: Any) -> None:
    """Raise InputError naming the first argument that `method` cannot honour."""
    for name, value in given.items():
        if value is not None:
            raise InputError(f"method {method} takes no {name}")


def threads(n_threads: Any) -> int:
    """Return the number of threads: by default as many as cores may be used."""
    if n_threads is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    return natural("n_threads", n_threads, least=1)


def fixed_sides(graph: CutGraph, fixed: Any) -> np.ndarray:
    """Turn label -> side (+1 / -1 or 1 / 0) into an int8 vector, 0 where free."""
    sides = np.zeros(graph.n, np.int8)
    if fixed is None:
        return sides
    if not isinstance(fixed, Mapping):
        raise InputError(f"fixed must map labels to sides, got {type(fixed).__name__}")
    position = _positions(graph)
    for label, side in fixed.items():
        if label not in position:
            raise InputError(f"fixed names {label!r}, which is no vertex of the graph")
        if side not in (-1, 0, 1):
            raise InputError(f"fixed: side of {label!r} must be 1 or -1, got {side!r}")
        sides[position[label]] = 1 if side > 0 else -1
    return sides


def initial_partition(graph: CutGraph, initial: Any) -> np.ndarray:
    """Turn a warm start into an int8 vector of +1 and -1.

    Accepts a vector of +-1 or 0/1 in vertex order, a mapping label -> side, a set of
    labels (side +1), or a CutResult.
    """
    if isinstance(initial, CutResult):
        initial = initial.partition
    if isinstance(initial, Mapping):
        sides = fixed_sides(graph, initial)
        if not sides.all():
            missing = int(np.flatnonzero(sides == 0)[0])
            label = missing if graph.labels is None else graph.labels[missing]
            raise InputError(f"initial names no side for vertex {label!r}")
        return sides
    if isinstance(initial, Set):
        position = _positions(graph)
        sides = np.full(graph.n, -1, np.int8)
        for label in initial:
            if label not in position:
                raise InputError(f"initial names {label!r}, which is no vertex")
            sides[position[label]] = 1
        return sides
    vector = np.asarray(initial)
    if vector.shape != (graph.n,) or not np.isin(vector, (-1, 0, 1)).all():
        raise InputError(
            f"initial must hold {graph.n} sides, +1/-1 or 1/0, "
            f"got an array of shape {vector.shape}"
        )
    return np.where(vector > 0, 1, -1).astype(np.int8)


def _positions(graph: CutGraph) -> Mapping[Hashable, int]:
    labels = range(graph.n) if graph.labels is None else graph.labels
    return {label: i for i, label in enumerate(labels)}
