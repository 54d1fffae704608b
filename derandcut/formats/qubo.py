"""``.qubo`` of qbsolv: ``p qubo 0 n nodes couplers``, then ``i j value``, 0-based."""

from __future__ import annotations

import numpy as np

from derandcut.formats.files import Text
from derandcut.formats.table import (
    count,
    edges_fit,
    number_lines,
    read_edges,
    vertices,
)
from derandcut.graph import CutGraph
from derandcut.models import QUBO

__all__ = ["read", "read_model", "write", "write_model"]


def read_model(text: Text) -> QUBO:
    """Read a QUBO: minimise the sum of value x_i x_j over the lines."""
    offset, words, at = text.first_line(b"c")
    header = "the header 'p qubo 0 n nodes couplers'"
    if len(words) != 6 or words[:2] != [b"p", b"qubo"]:
        raise text.error(f"expected {header}", offset)
    n, nodes, couplers = (count(text, word, offset, header) for word in words[3:])
    vertices(text, n, offset)
    u, v, w = read_edges(
        text,
        at,
        room=edges_fit(text, nodes + couplers, offset),
        lowest=0,
        highest=n - 1,
        base=0,
        comment=b"c",
        weighted=True,
    )
    found = int(np.count_nonzero(u == v))
    if found != nodes:
        raise text.error(f"expected {nodes} nodes 'i i value', the file has {found}")
    return QUBO.from_terms(u, v, w, n)


def read(text: Text) -> CutGraph:
    """Read a QUBO as its MAXCUT graph on one more vertex (`QUBO.graph`)."""
    return read_model(text).graph


def write_model(model: QUBO) -> bytes:
    """Write a QUBO without its constant."""
    i, j, value = model.terms()
    order = np.argsort(i != j, kind="stable")
    nodes = int(np.count_nonzero(i == j))
    head = "" if not model.constant else f"c constant {model.constant!r}\n"
    head += f"p qubo 0 {model.n} {nodes} {len(i) - nodes}\n"
    return (head + number_lines(i[order], j[order], value[order])).encode()


def write(graph: CutGraph) -> bytes:
    """Write the QUBO on n - 1 bits whose minimum is minus the maximum cut."""
    return write_model(QUBO.from_graph(graph))
