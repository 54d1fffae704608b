"""METIS: ``n m [fmt [ncon]]``, then a line of neighbours a vertex, 1-based."""

from __future__ import annotations

import numpy as np

from derandcut.formats.files import Text
from derandcut.formats.table import (
    count,
    edges_fit,
    read_rows,
    vertices,
    weight_text,
)
from derandcut.graph import CutGraph

__all__ = ["read", "write"]


def read(text: Text) -> CutGraph:
    """Read METIS; vertex sizes and weights are skipped, edge weights kept."""
    offset, words, at = text.first_line(b"%")
    header = "the header 'n m [fmt [ncon]]'"
    form = words[2].rjust(3, b"0") if len(words) > 2 else b"000"
    if not 2 <= len(words) <= 4 or len(form) != 3 or set(form) - set(b"01"):
        raise text.error(f"expected {header}", offset)
    n = vertices(text, count(text, words[0], offset, header), offset)
    m = edges_fit(text, count(text, words[1], offset, header), offset)
    constraints = count(text, words[3], offset, header) if len(words) > 3 else 1
    skipped = (form[0] == 49) + (form[1] == 49) * constraints
    stride = 2 if form[2] == 49 else 1
    counts, values = read_rows(text, at, b"%")
    if len(counts) < n:
        raise text.ends_early(
            f"expected a line for each of {n} vertices, the file ends after "
            f"{len(counts)}"
        )
    lines = _Lines(text, at)
    if counts[n:].any():
        row = n + int(np.flatnonzero(counts[n:])[0])
        raise lines.error(f"expected {n} vertex lines and no more", row)
    counts = counts[:n]
    wrong = (counts < skipped) | ((counts - skipped) % stride != 0)
    if wrong.any():
        pairs = "pairs 'neighbour weight'" if stride == 2 else "neighbours"
        before = f"{skipped} numbers, then " if skipped else ""
        raise lines.error(f"expected {before}{pairs}", int(np.flatnonzero(wrong)[0]))
    row = np.repeat(np.arange(n), counts)
    place = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    place -= skipped
    ends = (place >= 0) & (place % stride == 0)
    v = values[ends]
    u = row[ends]
    weights = values[np.flatnonzero(ends) + 1] if stride == 2 else np.ones(len(v))
    wrong = (v != np.rint(v)) | (v < 1) | (v > n)
    if wrong.any():
        raise lines.error(
            f"expected neighbours in 1..{n}", int(u[np.flatnonzero(wrong)[0]])
        )
    v = v.astype(np.int64) - 1
    _check_symmetric(lines, n, u, v, weights)
    if len(v) != 2 * m:
        raise text.error(
            f"expected {m} edges, each listed by both its vertices, "
            f"the file has {len(v)} neighbours"
        )
    once = u < v
    return CutGraph.from_edges(u[once], v[once], weights[once], n)


def _check_symmetric(lines, n, u, v, weights) -> None:
    forth = np.lexsort((weights, v, u))
    back = np.lexsort((weights, u, v))
    differ = (u[forth] != v[back]) | (v[forth] != u[back])
    differ |= weights[forth] != weights[back]
    if differ.any():
        at = int(np.flatnonzero(differ)[0])
        row, other = min((u[forth][at], v[forth][at]), (v[back][at], u[back][at]))
        raise lines.error(
            f"expected the edge between {row + 1} and {other + 1} on both its lines "
            "with one weight",
            int(row),
        )


class _Lines:
    """Finds a vertex line's offset, to name it in an error."""

    def __init__(self, text: Text, at: int) -> None:
        self.text, self.at = text, at

    def error(self, message: str, row: int):
        at, data = self.at, self.text.data
        while True:
            end = data.find(b"\n", at)
            if data[at : end + 1 or None].lstrip(b" \t\r")[:1] != b"%":
                if row == 0 or end < 0:
                    return self.text.error(message, at)
                row -= 1
            at = end + 1


def write(graph: CutGraph) -> bytes:
    """Write METIS with edge weights (format 001)."""
    lines = [f"{graph.n} {graph.m} 001"]
    ends, weights = (graph.indices + 1).tolist(), graph.weights.tolist()
    for first, last in zip(graph.indptr, graph.indptr[1:], strict=False):
        pairs = zip(ends[first:last], weights[first:last], strict=True)
        lines.append(" ".join(f"{end} {weight_text(w)}" for end, w in pairs))
    return ("\n".join(lines) + "\n").encode()
