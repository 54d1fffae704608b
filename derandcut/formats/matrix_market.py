"""Matrix Market: a symmetric matrix, coordinates or array, real, integer or pattern."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from derandcut.errors import InputError
from derandcut.formats.files import Text
from derandcut.formats.table import (
    count,
    edges_fit,
    number_lines,
    read_edges,
    read_rows,
    vertices,
)
from derandcut.graph import CutGraph

__all__ = ["read", "write"]

BANNER = (
    "the banner '%%MatrixMarket matrix coordinate|array real|integer|pattern "
    "symmetric|general'"
)


def read(text: Text) -> CutGraph:
    """Read an adjacency matrix; the diagonal is ignored."""
    first = text.data.split(b"\n", 1)[0]
    words = [word.decode("ascii", "replace").lower() for word in first.split()]
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"]:
        raise text.error(f"expected {BANNER}", 0)
    layout, field, symmetry = words[2:]
    if (
        layout not in {"coordinate", "array"}
        or field not in {"real", "double", "integer", "pattern"}
        or symmetry not in {"symmetric", "general"}
        or (layout == "array" and field == "pattern")
    ):
        raise text.error(f"expected {BANNER}", 0)
    offset, sizes, at = text.first_line(b"%")
    wanted = 3 if layout == "coordinate" else 2
    header = "the sizes 'n n entries'" if wanted == 3 else "the sizes 'n n'"
    if len(sizes) != wanted:
        raise text.error(f"expected {header}", offset)
    n, columns = (count(text, size, offset, header) for size in sizes[:2])
    if n != columns:
        raise text.error("expected a square matrix", offset)
    vertices(text, n, offset)
    if layout == "array":
        return _array(text, at, offset, n, symmetry)
    entries = edges_fit(text, count(text, sizes[2], offset, header), offset)
    u, v, w = read_edges(
        text,
        at,
        room=entries,
        lowest=1,
        highest=n,
        base=1,
        comment=b"%",
        weighted=field != "pattern",
    )
    if symmetry == "symmetric":
        return CutGraph.from_edges(u, v, w, n)
    return _from_matrix(text, sp.coo_array((w, (u, v)), shape=(n, n)))


def _array(text: Text, at: int, offset: int, n: int, symmetry: str) -> CutGraph:
    """One value a line, column by column; symmetric ones only the lower triangle."""
    wanted = n * n if symmetry == "general" else n * (n + 1) // 2
    _, values = read_rows(text, at, b"%")
    if len(values) != wanted:
        raise text.error(
            f"expected {wanted} entries for these sizes, the file has {len(values)}",
            offset,
        )
    if symmetry == "general":
        return _from_matrix(text, values.reshape(n, n))
    column, row = np.triu_indices(n)
    return CutGraph.from_edges(row, column, values, n)


def _from_matrix(text: Text, matrix: object) -> CutGraph:
    try:
        return CutGraph.from_scipy(matrix)
    except InputError as error:
        raise text.error(str(error)) from None


def write(graph: CutGraph) -> bytes:
    """Write the lower triangle, as symmetric matrices are stored."""
    u, v, w = graph.edges()
    field = "integer" if graph.integer else "real"
    head = f"%%MatrixMarket matrix coordinate {field} symmetric\n"
    return (
        f"{head}{graph.n} {graph.n} {graph.m}\n{number_lines(v + 1, u + 1, w)}".encode()
    )
