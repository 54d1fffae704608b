"""Instances by name, and generators.

``load("gset:G14")`` makes the graph from its seed; ``generate("lattice", ...)`` makes
one of any size; `info` says what is known of a named one. The few that nobody can make
again (``dimacs:``, ``imgseg:``, ``network:``) are downloaded once. Files of your own,
or copies of those for a machine without a network, go into the folder that the
environment variable ``DERANDCUT_DATA`` names.
"""

from __future__ import annotations

import csv
import hashlib
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
    best_known : int, float or None
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
    address : str
        Where `load` gets the file; empty if it makes the graph itself.
    """

    name: str
    family: str
    weights: str
    n: int
    m: int
    best_known: int | float | None
    sources: tuple[str, ...]
    proved: bool
    proof: str
    other_values: str
    sha256: str
    address: str


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
        best_known=_value(row["best_known"]),
        sources=tuple(s for s in (row["source"], row["source2"]) if s),
        proved=bool(row["proof"]),
        proof=row["proof"],
        other_values=row["other_values"],
        sha256=row["sha256"],
        address=row["address"],
    )


def _value(text: str) -> int | float | None:
    if not text:
        return None
    return int(text) if text.isdigit() else float(text)


def names() -> tuple[str, ...]:
    """Return the names `load` knows; `Info.address` tells which are downloaded.

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
        If there is no such name and no such file, or it cannot be downloaded, or the
        file is not the one the manifest means.

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
        if info(found).address:
            return read_graph(_own_copy(info(found)) or _download(info(found)))
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


def _own_copy(wanted: Info) -> Path | None:
    """The file of `wanted` below DERANDCUT_DATA, checked."""
    path = _own_file(wanted.name)
    if path is None:
        return None
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted.sha256:
        raise InputError(
            f"{path} is not {wanted.name}: expected SHA-256 {wanted.sha256}, "
            f"got {found}"
        )
    return path


def _download(wanted: Info) -> Path:
    """The file of `wanted` from its address, or from an earlier download."""
    collection, _, member = wanted.name.partition(":")
    way_out = f"put its file into the folder {collection} of ${VARIABLE}"
    try:
        import pooch
    except ImportError:
        raise InputError(
            f"{wanted.name} has to be downloaded, which takes pooch: "
            f"pip install 'derandcut[data]'; or {way_out}"
        ) from None
    try:
        path = pooch.retrieve(
            wanted.address,
            known_hash=f"sha256:{wanted.sha256}",
            fname=member + Path(wanted.address).suffix,
            path=pooch.os_cache("derandcut") / collection,
        )
    except (OSError, ValueError) as error:  # no network; another file than expected
        raise InputError(
            f"{wanted.name} cannot be downloaded from {wanted.address} ({error}); "
            f"{way_out}"
        ) from None
    return Path(path)


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
