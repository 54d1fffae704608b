"""Instances by name, with no download, and generators.

``load("gset:G14")`` makes the graph from its seed; ``generate("lattice", ...)`` makes
one of any size; `info` says what is known of a named one. Files of your own go into
the folder that the environment variable ``DERANDCUT_DATA`` names.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from derandcut.datasets import rudy
from derandcut.datasets.families import FAMILIES, generate, planted
from derandcut.errors import InputError
from derandcut.formats import read_graph
from derandcut.graph import CutGraph

__all__ = [
    "FAMILIES",
    "Info",
    "generate",
    "info",
    "is_name",
    "load",
    "names",
    "planted",
]

VARIABLE = "DERANDCUT_DATA"


@dataclass(frozen=True, slots=True)
class Info:
    """What is known of a named instance.

    Attributes
    ----------
    name, family, weights : str
    n, m : int
    best_known : int or None
        The largest cut found so far.
    sources : tuple of str
        Where that value stands.
    proved : bool
        True if no larger cut exists.
    proof : str
        How that is known; empty if it is not.
    other_values : str
        Values that differ, with their sources.
    sha256 : str
        Of the instance's file in rudy format as it is distributed; empty if there
        is none.
    """

    name: str
    family: str
    weights: str
    n: int
    m: int
    best_known: int | None
    sources: tuple[str, ...]
    proved: bool
    proof: str
    other_values: str
    sha256: str


@cache
def _manifest() -> dict[str, Info]:
    table = resources.files(__name__).joinpath("manifest.csv").read_text("utf-8")
    rows = csv.DictReader(table.splitlines())
    return {row["name"]: _info(row) for row in rows}


def _info(row: dict[str, str]) -> Info:
    return Info(
        name=row["name"],
        family=row["family"],
        weights=row["weights"],
        n=int(row["n"]),
        m=int(row["m"]),
        best_known=int(row["best_known"]) if row["best_known"] else None,
        sources=tuple(s for s in (row["source"], row["source2"]) if s),
        proved=bool(row["proof"]),
        proof=row["proof"],
        other_values=row["other_values"],
        sha256=row["sha256"],
    )


def names() -> tuple[str, ...]:
    """Return the names `load` knows without any file.

    Examples
    --------
    >>> from derandcut import datasets
    >>> datasets.names()[:3]
    ('gset:G1', 'gset:G2', 'gset:G3')
    """
    return tuple(_manifest())


def info(name: str) -> Info:
    """Return what is known of the instance `name` (``"gset:G14"`` or ``"G14"``).

    Raises
    ------
    InputError
        If there is no such name.

    Examples
    --------
    >>> from derandcut import datasets
    >>> datasets.info("G11").best_known, datasets.info("G11").proved
    (564, True)
    """
    found = _full_name(name)
    if found is None:
        raise _unknown(name)
    return _manifest()[found]


def is_name(name: str) -> bool:
    """True if `name` is a dataset's name, or has the form ``set:instance`` of one.

    Examples
    --------
    >>> from derandcut import datasets
    >>> datasets.is_name("gset:G14"), datasets.is_name("graph.mc")
    (True, False)
    """
    if re.fullmatch(r"[A-Za-z][\w-]+:[^/\\]+", name):
        return True
    return _full_name(name) is not None or _own_file(name) is not None


def load(name: str) -> CutGraph:
    """Load an instance by name.

    Parameters
    ----------
    name : str
        One of `names` (the part before the colon may be left out), or
        ``"set:instance"`` for the file ``set/instance`` in the folder
        ``DERANDCUT_DATA``, with any suffix `read_graph` knows.

    Returns
    -------
    CutGraph

    Raises
    ------
    InputError
        If there is no such name and no such file.

    Examples
    --------
    >>> from derandcut import datasets
    >>> datasets.load("gset:G14")
    CutGraph(n=800, m=4694, integer weights)
    >>> datasets.load("torus_30x40")
    CutGraph(n=1200, m=2400, integer weights)
    """
    found = _full_name(name)
    if found is not None:
        collection, _, member = found.partition(":")
        if collection == "gset":
            return CutGraph.from_edges(*rudy.gset()[int(member[1:])].edges())
        if collection == "biqmac":
            return CutGraph.from_edges(*rudy.biqmac()[member].edges())
        with resources.as_file(resources.files(__name__) / f"{member}.mc.gz") as path:
            return read_graph(path)
    path = _own_file(name)
    if path is None:
        raise _unknown(name)
    return read_graph(path)


def _full_name(name: str) -> str | None:
    known = _manifest()
    if name in known:
        return name
    return next((full for full in known if full.partition(":")[2] == name), None)


def _own_file(name: str) -> Path | None:
    """The file of that name below DERANDCUT_DATA, whatever its suffix."""
    folder = os.environ.get(VARIABLE)
    parts = name.split(":")
    if not folder or not name or any(p in ("", ".", "..") or "/" in p for p in parts):
        return None
    path = Path(folder, *parts)
    try:
        if path.is_file():
            return path
        return next(
            (
                p
                for p in sorted(path.parent.iterdir())
                if p.name.startswith(path.name + ".")
            ),
            None,
        )
    except (OSError, ValueError):
        return None


def _unknown(name: str) -> InputError:
    folder = os.environ.get(VARIABLE)
    where = f"not in {folder}" if folder else f"{VARIABLE} names no folder with it"
    return InputError(
        f"unknown dataset {name!r}: not one of derandcut.datasets.names(), and {where}"
    )
