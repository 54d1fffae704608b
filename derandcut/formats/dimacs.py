"""DIMACS graphs: ``c`` comments, ``p edge n m``, ``e u v [weight]``, 1-based."""

from __future__ import annotations

from derandcut.formats.files import Text
from derandcut.formats.table import (
    count,
    edges_fit,
    number_lines,
    read_edges,
    vertices,
)
from derandcut.graph import CutGraph

__all__ = ["read", "write"]

KINDS = {b"edge", b"edges", b"col", b"cut", b"maxcut"}


def read(text: Text) -> CutGraph:
    """Read a DIMACS edge file; every line ``e`` is one edge, parallel ones add up."""
    offset, words, at = text.first_line(b"c")
    header = "the header 'p edge n m'"
    if len(words) != 4 or words[0] != b"p" or words[1].lower() not in KINDS:
        raise text.error(f"expected {header}", offset)
    n = vertices(text, count(text, words[2], offset, header), offset)
    m = edges_fit(text, count(text, words[3], offset, header), offset)
    u, v, w = read_edges(
        text, at, room=m, lowest=1, highest=n, base=1, comment=b"c", lead="e"
    )
    return CutGraph.from_edges(u, v, w, n)


def write(graph: CutGraph) -> bytes:
    """Write DIMACS with weights as the fourth column."""
    u, v, w = graph.edges()
    body = number_lines(u + 1, v + 1, w, lead="e")
    return f"p edge {graph.n} {graph.m}\n{body}".encode()
