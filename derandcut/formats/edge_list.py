"""Edge lists as SNAP publishes them: ``u v [weight]``, any integers, no header."""

from __future__ import annotations

import numpy as np

from derandcut.errors import InputError
from derandcut.formats.files import Text
from derandcut.formats.table import number_lines, read_edges
from derandcut.graph import CutGraph

__all__ = ["read", "write"]


def read(text: Text) -> CutGraph:
    """Read an edge list; the vertices are the numbers met, in increasing order."""
    text.first_line(b"#%")
    u, v, w = read_edges(
        text,
        0,
        room=text.data.count(b"\n") + 1,
        lowest=0,
        highest=1 << 56,
        base=0,
        comment=b"#%",
        exact=False,
    )
    names, position = np.unique(np.concatenate([u, v]), return_inverse=True)
    n = len(names)
    plain = n == 0 or int(names[-1]) == n - 1
    labels = None if plain else names.tolist()
    return CutGraph.from_edges(
        position[: len(u)], position[len(u) :], w, n, labels=labels
    )


def write(graph: CutGraph) -> bytes:
    """Write the edges between the labels if all are integers >= 0."""
    labels = np.arange(graph.n)
    if graph.labels is not None:
        if not all(
            type(label) is int and 0 <= label < 1 << 56 for label in graph.labels
        ):
            raise InputError(
                "an edge list needs integers >= 0 as labels, write another format"
            )
        labels = np.array(graph.labels, dtype=np.int64)
    if not (graph.degrees > 0).all():
        raise InputError(
            "an edge list cannot hold isolated vertices, write another format"
        )
    u, v, w = graph.edges()
    head = f"# Nodes: {graph.n} Edges: {graph.m}\n# FromNodeId ToNodeId Weight\n"
    return (head + number_lines(labels[u], labels[v], w)).encode()
