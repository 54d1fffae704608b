"""The formats that networkx reads and writes: GML, GraphML, graph6."""

from __future__ import annotations

import io
import warnings

from derandcut.errors import InputError
from derandcut.formats.files import Text
from derandcut.graph import CutGraph

__all__ = [
    "read_gml",
    "read_graph6",
    "read_graphml",
    "write_gml",
    "write_graph6",
    "write_graphml",
]


def _read(text: Text, name: str, parse) -> CutGraph:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = parse(text.data)
    # The parsers raise whatever they stumble over, from KeyError to RecursionError.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise text.error(f"expected {name}, networkx says: {reason}") from None
    try:
        return CutGraph.from_networkx(graph)
    except InputError as error:
        raise text.error(str(error)) from None


def read_gml(text: Text) -> CutGraph:
    """Read GML; nodes are named by their label if all have one, else by their id."""
    import networkx as nx

    label = "label" if b"label" in text.data else "id"
    return _read(text, "GML", lambda data: nx.read_gml(io.BytesIO(data), label=label))


def read_graphml(text: Text) -> CutGraph:
    """Read GraphML; the ids are strings, the weight is the edge attribute "weight"."""
    import networkx as nx

    return _read(text, "GraphML", lambda data: nx.read_graphml(io.BytesIO(data)))


def read_graph6(text: Text) -> CutGraph:
    """Read one graph6 line; all weights are 1."""
    import networkx as nx

    line = text.data.strip().removeprefix(b">>graph6<<")
    if b"\n" in line:
        raise text.error("expected one graph, this file holds several")
    return _read(text, "graph6", lambda _: nx.from_graph6_bytes(line))


def _to_networkx(graph: CutGraph):
    import networkx as nx

    labels = range(graph.n) if graph.labels is None else graph.labels
    labels = list(labels)
    result = nx.Graph()
    result.add_nodes_from(labels)
    u, v, w = graph.edges()
    numbers = map(int, w.tolist()) if graph.integer else w.tolist()
    result.add_weighted_edges_from(
        (labels[a], labels[b], x) for a, b, x in zip(u, v, numbers, strict=True)
    )
    return result


def write_gml(graph: CutGraph) -> bytes:
    """Write GML; labels become strings."""
    import networkx as nx

    stream = io.BytesIO()
    nx.write_gml(_to_networkx(graph), stream, stringizer=str)
    return stream.getvalue()


def write_graphml(graph: CutGraph) -> bytes:
    """Write GraphML; labels become strings."""
    import networkx as nx

    stream = io.BytesIO()
    nx.write_graphml(_to_networkx(graph), stream)
    return stream.getvalue()


def write_graph6(graph: CutGraph) -> bytes:
    """Write graph6, which has neither weights nor labels."""
    import networkx as nx

    if (graph.weights != 1).any():
        raise InputError("graph6 has no weights, write another format")
    return nx.to_graph6_bytes(_to_networkx(graph), header=False)
