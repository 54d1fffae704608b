"""What an adaptor sees: Task in, Outcome out, and the register of adaptors."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import runpy
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derandcut.errors import InputError
from derandcut.graph import CutGraph

__all__ = [
    "ADAPTORS",
    "Adaptor",
    "NotInstalled",
    "Outcome",
    "Task",
    "Unsuitable",
    "adaptor",
    "find_adaptor",
    "parse_spec",
]


class Unsuitable(Exception):
    """Raised by an adaptor whose solver is not made for this instance."""


class NotInstalled(Exception):
    """Raised by an adaptor that finds a part of its solver missing."""


@dataclass(frozen=True)
class Outcome:
    """What a solver claims to have reached; the harness recounts the cut.

    Parameters
    ----------
    partition : (n,) array_like, optional
        Sides +1 and -1, or 1 and 0. None: the best partition offered, if any.
    cut : float, optional
        The value the solver states. More than the recount is recorded as a lie.
    upper_bound : float, optional
        No cut is above it.
    bound_kind : {"proved", "claimed", "estimate"}, optional
        "proved": rigorous in floating point; "claimed": a solver's own dual value,
        true up to its tolerances; "estimate": no claim.
    relaxation : float, optional
        Primal value of the relaxation behind the bound.
    trace : sequence of (seconds, cut, upper_bound), optional
        The solver's own history, for solvers that do not call `Task.offer`. It may
        not rise above the recounted cut.
    info : dict, optional
        Options that were worked out during the run (sweeps, reads, status).
    """

    partition: Any = None
    cut: float | None = None
    upper_bound: float | None = None
    bound_kind: str | None = None
    relaxation: float | None = None
    trace: Sequence[tuple[float, float | None, float | None]] = ()
    info: dict[str, Any] = field(default_factory=dict)


class Task:
    """One instance to solve within one limit.

    Attributes
    ----------
    graph : CutGraph
    time_limit : float
        Seconds of wall clock; they start when the adaptor is called.
    seed, threads : int
    """

    def __init__(
        self,
        graph: CutGraph,
        time_limit: float,
        seed: int,
        threads: int,
        send: Callable[[np.ndarray], None] = lambda partition: None,
    ) -> None:
        self.graph = graph
        self.time_limit = time_limit
        self.seed = seed
        self.threads = threads
        self._send = send
        self._start = time.perf_counter()
        self.best_cut = -np.inf
        self.best: np.ndarray | None = None

    def elapsed(self) -> float:
        """Seconds since the adaptor was called."""
        return time.perf_counter() - self._start

    def left(self) -> float:
        """Seconds left of the limit, negative once it is over."""
        return self.time_limit - self.elapsed()

    def offer(self, partition: Any) -> bool:
        """Show a partition on the way; True if it is the best so far.

        The harness stamps it with its own clock and recounts it.
        """
        side = np.asarray(partition) > 0
        cut = self.graph.cut(side)
        if cut <= self.best_cut:
            return False
        self.best_cut, self.best = cut, side
        self._send(side)
        return True


Solve = Callable[..., Any]


@dataclass(frozen=True)
class Adaptor:
    """A solver as the harness calls it: see `adaptor`."""

    name: str
    solve: Solve
    needs: tuple[str, ...]
    program: str | None
    packages: tuple[str, ...]
    install: str

    @property
    def about(self) -> str:
        """First paragraph of the docstring: how the solver is used here."""
        return " ".join((inspect.getdoc(self.solve) or "").split("\n\n")[0].split())

    @property
    def options(self) -> dict[str, Any]:
        """Names and defaults of the options."""
        parameters = list(inspect.signature(self.solve).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def missing(self) -> str | None:
        """None if the solver can be called here, otherwise what to install."""
        absent = [name for name in self.needs if not _importable(name)]
        if self.program is not None and shutil.which(self.program) is None:
            absent.append(f"the program {self.program}")
        if not absent:
            return None
        hint = f": {self.install}" if self.install else ""
        return f"{', '.join(absent)} not found{hint}"


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


ADAPTORS: dict[str, Adaptor] = {}


def adaptor(
    name: str,
    *,
    needs: Sequence[str] = (),
    program: str | None = None,
    packages: Sequence[str] = (),
    install: str = "",
) -> Callable[[Solve], Solve]:
    """Register a function ``solve(task, **options)`` under `name`.

    Parameters
    ----------
    name : str
        As ``--solver`` and the suites write it; no colon.
    needs : sequence of str, optional
        Modules that must be importable; they are imported before the clock starts.
    program : str, optional
        An executable that must be on the path.
    packages : sequence of str, optional
        Distributions whose versions the records state.
    install : str, optional
        The command that installs what is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from derandcut.benchmark import adaptor
    >>> @adaptor("coin")
    ... def toss(task, *, rounds=10):
    ...     "The best of some random partitions."
    ...     rng = np.random.default_rng(task.seed)
    ...     for _ in range(rounds):
    ...         task.offer(rng.integers(0, 2, task.graph.n))
    """

    def register(solve: Solve) -> Solve:
        ADAPTORS[name] = Adaptor(
            name, solve, tuple(needs), program, tuple(packages), install
        )
        return solve

    return register


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """Split ``name:key=value,key=value``.

    Values are numbers, booleans, shapes (``20x30``), ranges (``1..10``) or words.

    Examples
    --------
    >>> parse_spec("derandcut:method=search")
    ('derandcut', {'method': 'search'})
    >>> parse_spec("lattice:shape=20x30,seed=1")
    ('lattice', {'shape': (20, 30), 'seed': 1})
    >>> parse_spec("gset:G14")
    ('gset:G14', {})
    """
    name, colon, rest = spec.rpartition(":")
    if not colon or "=" not in rest:
        return spec, {}
    options = {}
    for item in rest.split(","):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise InputError(f"{spec!r}: expected key=value, got {item!r}")
        options[key.strip()] = _value(value.strip())
    return name, options


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for separator in ("x", ".."):
        parts = text.split(separator)
        if len(parts) > 1 and all(part.lstrip("-").isdigit() for part in parts):
            return tuple(int(part) for part in parts)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def find_adaptor(spec: str) -> tuple[Adaptor, dict[str, Any]]:
    """Return the adaptor and the options that a solver's name stands for."""
    import derandcut.benchmark.adaptors  # noqa: F401  registers the shipped ones

    name, options = parse_spec(spec)
    found = ADAPTORS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, ADAPTORS, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(ADAPTORS)}"
        raise InputError(f"no adaptor is called {name!r}; {hint}")
    for key in options:
        if key not in found.options:
            known = ", ".join(found.options) or "none"
            raise InputError(f"{name} has no option {key!r}; its options: {known}")
    return found, options


def read_adaptors(path: str) -> None:
    """Run a Python file that registers adaptors."""
    runpy.run_path(path, run_name=f"derandcut adaptors {path}")
