"""Suites: which instances, solvers, limits and seeds; and how an instance is named."""

from __future__ import annotations

import fnmatch
import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from derandcut.benchmark.process import Job
from derandcut.benchmark.task import parse_spec
from derandcut.errors import InputError
from derandcut.graph import CutGraph

__all__ = ["Suite", "load_instance", "load_suite", "suite_names"]


@dataclass(frozen=True)
class Suite:
    """A benchmark: every solver on every instance, at every limit, with every seed.

    Parameters
    ----------
    name, description : str
    instances : tuple of str
        Names of `derandcut.datasets.load` (``gset:G14``), or patterns of them
        (``gset:*``), generators with parameters (``lattice:shape=20x20,seed=1``), or
        files.
    solvers : tuple of str
        Adaptors with options (``derandcut:method=search``). The first one is the
        reference the others are compared with.
    time_limits : tuple of float
        Seconds of wall clock.
    seeds : tuple of int
    threads : int
        What each run is allowed; libraries are told through their variables.
    memory_limit : int or None
        Bytes of address space a run may have.
    grace : float
        Seconds beyond 1.1 times the limit after which a run is killed.
    adaptor_files : tuple of str
        Python files that register further adaptors.
    """

    name: str
    description: str = ""
    instances: tuple[str, ...] = ()
    solvers: tuple[str, ...] = ()
    time_limits: tuple[float, ...] = (1.0,)
    seeds: tuple[int, ...] = (0,)
    threads: int = 1
    memory_limit: int | None = None
    grace: float = 5.0
    adaptor_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [name for spec in self.instances for name in _matching(spec)]
        object.__setattr__(self, "instances", tuple(dict.fromkeys(names)))

    def jobs(self) -> Iterator[tuple[str, Job]]:
        """All runs; the solvers of one comparison follow each other directly."""
        for limit, seed, instance, solver in itertools.product(
            self.time_limits, self.seeds, self.instances, self.solvers
        ):
            yield (
                instance,
                Job(
                    solver=solver,
                    time_limit=float(limit),
                    seed=seed,
                    threads=self.threads,
                    memory_limit=self.memory_limit,
                    grace=self.grace,
                    adaptor_files=self.adaptor_files,
                ),
            )


def _matching(spec: str) -> list[str]:
    """The names a pattern stands for; anything else stands for itself."""
    if not set("*?[") & set(spec):
        return [spec]
    from derandcut import datasets

    found = fnmatch.filter(datasets.names(), spec)
    if not found:
        raise InputError(f"no dataset's name matches {spec!r}")
    return found


def suite_names() -> list[str]:
    """Names of the suites that come with the package."""
    folder = resources.files("derandcut.benchmark")
    names = [entry.name for entry in folder.iterdir()]
    return sorted(name[:-5] for name in names if name.endswith(".toml"))


def load_suite(name: str) -> Suite:
    """Load a suite by name, or from a TOML file with the fields of `Suite`.

    Examples
    --------
    >>> from derandcut.benchmark import load_suite
    >>> load_suite("quick").time_limits
    (2.0,)
    """
    if name in suite_names():
        text = (resources.files("derandcut.benchmark") / f"{name}.toml").read_text()
        folder = None
    elif Path(name).is_file():
        text, folder = Path(name).read_text(), Path(name).parent
    else:
        known = ", ".join(suite_names())
        raise InputError(f"no suite and no file is called {name!r}; suites: {known}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: {error}") from None
    known_fields = [entry.name for entry in fields(Suite)]
    for key in values:
        if key not in known_fields:
            raise InputError(f"{name}: unknown field {key!r}, expected {known_fields}")
    values.setdefault("name", Path(name).stem)
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = tuple(value)
    if folder is not None and "adaptor_files" in values:
        files = values["adaptor_files"]
        values["adaptor_files"] = tuple(str((folder / f).resolve()) for f in files)
    return Suite(**values)


@lru_cache(maxsize=2)
def load_instance(spec: str) -> tuple[CutGraph, dict[str, Any]]:
    """Return the graph a suite's `spec` names and what is known of it.

    The dictionary has ``family``, ``best_known`` and ``proved`` where known.
    """
    from derandcut import datasets, formats

    name, parameters = parse_spec(spec)
    if name == "planted":
        graph, best = datasets.planted(**parameters)
        known = {"best_known": graph.cut(best), "proved": True}
        return graph, {"family": name, **known}
    if name in datasets.FAMILIES:
        return datasets.generate(name, **parameters), {"family": name}
    if spec in datasets.names():
        listed = datasets.info(spec)
        known = {"best_known": listed.best_known, "proved": listed.proved}
        return datasets.load(spec), {"family": listed.family, **known}
    if Path(spec).is_file():
        return formats.read_graph(spec), {"family": "file"}
    return datasets.load(spec), {"family": spec.partition(":")[0]}
