"""Reading and writing graphs.

`read_graph` and `write_graph` know the formats by suffix and content, `as_graph` takes
whatever a user may call a graph. Every refusal is one line that names the file, the
line and what was expected there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import scipy.sparse as sp

from derandcut.errors import InputError
from derandcut.formats import (
    by_networkx,
    dimacs,
    edge_list,
    matrix_market,
    metis,
    qubo,
    rudy,
)
from derandcut.formats.files import SUFFIXES, Text, printable, read_text, write_text
from derandcut.graph import CutGraph
from derandcut.models import QUBO

__all__ = ["FORMATS", "as_graph", "read_graph", "read_qubo", "write_graph"]


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its suffixes, its reader, its writer."""

    suffixes: tuple[str, ...]
    read: Callable[[Text], CutGraph]
    write: Callable[[CutGraph], bytes]


FORMATS = {
    "rudy": Format((".rudy", ".rud", ".mc", ".sparse"), rudy.read, rudy.write),
    "mtx": Format((".mtx",), matrix_market.read, matrix_market.write),
    "dimacs": Format((".dimacs", ".col", ".max"), dimacs.read, dimacs.write),
    "edgelist": Format(
        (".edgelist", ".edges", ".el", ".wel", ".snap"), edge_list.read, edge_list.write
    ),
    "metis": Format((".metis", ".graph"), metis.read, metis.write),
    "qubo": Format((".qubo",), qubo.read, qubo.write),
    "gml": Format((".gml",), by_networkx.read_gml, by_networkx.write_gml),
    "graphml": Format(
        (".graphml",), by_networkx.read_graphml, by_networkx.write_graphml
    ),
    "graph6": Format(
        (".g6", ".graph6"), by_networkx.read_graph6, by_networkx.write_graph6
    ),
}


def read_graph(path: str | os.PathLike[str], *, format: str | None = None) -> CutGraph:
    """Read a graph file.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed (gzip, bzip2, xz: told by the content); ``"-"``
        reads standard input.
    format : str, optional
        One of ``"rudy"`` (the Gset, ``.mc``), ``"mtx"``, ``"dimacs"``, ``"edgelist"``
        (SNAP), ``"metis"``, ``"qubo"`` (qbsolv), ``"gml"``, ``"graphml"``,
        ``"graph6"``. By default the suffix tells, or else the content; what shows no
        sign of another format is read as rudy.

    Returns
    -------
    CutGraph
        Loops dropped, parallel edges added up. A ``.qubo`` file gives the graph of
        `derandcut.models.QUBO`, on one more vertex.

    Raises
    ------
    InputError
        If the file cannot be read or is not what its format asks for; one line with
        the file, the line and what was expected.

    Examples
    --------
    >>> import derandcut.formats, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "triangle.mc")
    >>> _ = path.write_text("3 3\\n1 2 1\\n2 3 1\\n1 3 -2\\n")
    >>> derandcut.formats.read_graph(path)
    CutGraph(n=3, m=3, integer weights)
    """
    chosen = _format(path, format)
    text = read_text(path)
    if chosen is None:
        chosen = _sniff(text)
    try:
        return chosen.read(text)
    except MemoryError:
        raise InputError(f"{text.name}: does not fit in memory") from None
    except InputError as error:
        message = str(error)
        if not message.startswith(text.name):
            raise text.error(message) from None
        raise


def read_qubo(path: str | os.PathLike[str]) -> QUBO:
    """Read a ``.qubo`` file (qbsolv) as a model, which turns cuts back into bits.

    Examples
    --------
    >>> import derandcut.formats, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tiny.qubo")
    >>> _ = path.write_text("p qubo 0 2 1 1\\n0 0 -1\\n0 1 2\\n")
    >>> derandcut.formats.read_qubo(path).objective([1, 0])
    -1
    """
    return qubo.read_model(read_text(path))


def write_graph(
    graph: CutGraph, path: str | os.PathLike[str], format: str | None = None
) -> None:
    """Write a graph file, whole or not at all.

    Parameters
    ----------
    graph : CutGraph
    path : str or path
        Suffixes ``.gz``, ``.bz2``, ``.xz`` compress; ``"-"`` writes standard output.
    format : str, optional
        As in `read_graph`; by default the suffix tells, rudy if it says nothing.

    Raises
    ------
    InputError
        If the file cannot be written, or the format cannot hold the graph.

    Notes
    -----
    rudy, DIMACS, METIS, Matrix Market and QUBO files number the vertices in order;
    GML and GraphML turn labels into strings.

    Examples
    --------
    >>> import derandcut, derandcut.formats
    >>> graph = derandcut.CutGraph.from_edges([0, 1], [1, 2], [1, 0.5])
    >>> derandcut.formats.rudy.write(graph)
    b'3 2\\n1 2 1\\n2 3 0.5\\n'
    """
    chosen = _format(path, format) or FORMATS["rudy"]
    try:
        data = chosen.write(graph)
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from None
    write_text(data, path)


def _format(path: str | os.PathLike[str], name: str | None) -> Format | None:
    if name is not None:
        if name not in FORMATS:
            raise InputError(f"unknown format {name!r}, expected {', '.join(FORMATS)}")
        return FORMATS[name]
    try:
        pure = PurePath(os.fsdecode(os.fspath(path)))
    except TypeError:
        raise InputError(f"expected a path, got {type(path).__name__}") from None
    if pure.suffix.lower() in SUFFIXES:
        pure = pure.with_suffix("")
    suffix = pure.suffix.lower()
    return next((f for f in FORMATS.values() if suffix in f.suffixes), None)


def _sniff(text: Text) -> Format:
    """The format of a file whose name does not tell."""
    head = text.data[:4096].lstrip().lower()
    if head.startswith(b"%%matrixmarket"):
        return FORMATS["mtx"]
    if head.startswith((b"<?xml", b"<graphml")):
        return FORMATS["graphml"]
    if head.startswith(b">>graph6<<"):
        return FORMATS["graph6"]
    if head.startswith(b"#") and b"fromnodeid" in head:
        return FORMATS["edgelist"]
    lines = (line.split() for line in head.split(b"\n"))
    words = next((w for w in lines if w and w[0] not in (b"c", b"#")), [])
    if words[:1] == [b"p"]:
        return FORMATS["qubo" if words[1:2] == [b"qubo"] else "dimacs"]
    if words[:1] in ([b"graph"], [b"creator"], [b"graph["]):
        return FORMATS["gml"]
    return FORMATS["rudy"]


ACCEPTED = (
    "a CutGraph, a file or dataset name, a networkx graph, a symmetric scipy or numpy "
    "matrix, or a tuple of arrays (u, v, w) or (u, v, w, n)"
)


def as_graph(graph: Any, weight: str = "weight") -> CutGraph:
    """Turn whatever a user may call a graph into a CutGraph.

    Parameters
    ----------
    graph : CutGraph, str, path, networkx.Graph, matrix or tuple of arrays
        A string that is no file may name a dataset (``"gset:G14"``). A tuple is edge
        arrays ``(u, v, w)`` or ``(u, v, w, n)``, 0-based, w None for unit weights; a
        list or array is a matrix.
    weight : str, default "weight"
        The edge attribute of a networkx graph that holds the weight; missing is 1.

    Raises
    ------
    InputError
        If it is none of these, or not a valid one.

    Examples
    --------
    >>> from derandcut.formats import as_graph
    >>> as_graph(([0, 1], [1, 2], [1, 1]))
    CutGraph(n=3, m=2, integer weights)
    >>> as_graph([[0, 2.5], [2.5, 0]])
    CutGraph(n=2, m=1, real weights)
    >>> as_graph("gset:G14")
    CutGraph(n=800, m=4694, integer weights)
    """
    if isinstance(graph, CutGraph):
        return graph
    if isinstance(graph, str | os.PathLike):
        return _named(graph)
    if isinstance(graph, tuple):
        if len(graph) not in (3, 4):
            raise InputError(f"expected {ACCEPTED}; got a tuple of {len(graph)}")
        return CutGraph.from_edges(*graph)
    if sp.issparse(graph) or isinstance(graph, list | np.ndarray):
        return CutGraph.from_scipy(graph)
    networkx = sys.modules.get("networkx")  # a networkx graph cannot come without it
    if networkx is not None and isinstance(graph, networkx.Graph):
        return CutGraph.from_networkx(graph, weight=weight)
    raise InputError(f"expected {ACCEPTED}; got {type(graph).__name__}")


def _named(name: str | os.PathLike[str]) -> CutGraph:
    if isinstance(name, str) and name != "-" and not os.path.exists(name):
        from derandcut import datasets

        if datasets.is_name(name):
            return datasets.load(name)
    return read_graph(name)
