"""rudy, the format of the Gset: ``n m``, then ``u v [weight]``, 1-based."""

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

COMMENT = b"#%"


def read(text: Text) -> CutGraph:
    """Read rudy: also ``.mc`` with # comments, and headers ``n m 0``."""
    offset, words, at = text.first_line(COMMENT)
    header = "the header 'n m': numbers of vertices and edges"
    if len(words) not in (2, 3) or (len(words) == 3 and words[2] != b"0"):
        raise text.error(f"expected {header}", offset)
    n = vertices(text, count(text, words[0], offset, header), offset)
    m = edges_fit(text, count(text, words[1], offset, header), offset)
    u, v, w = read_edges(text, at, room=m, lowest=1, highest=n, base=1, comment=COMMENT)
    return CutGraph.from_edges(u, v, w, n)


def write(graph: CutGraph) -> bytes:
    """Write rudy; labels are not kept, the order of the vertices is."""
    u, v, w = graph.edges()
    return f"{graph.n} {graph.m}\n{number_lines(u + 1, v + 1, w)}".encode()
