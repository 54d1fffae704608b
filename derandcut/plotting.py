"""Drawing a cut (needs the extra `plot`)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh

from derandcut.errors import InputError, MissingDependencyError
from derandcut.graph import CutGraph

__all__ = ["check_format", "draw", "layout"]

EIGENVECTORS = 8
LARGEST = 20_000  # vertices; beyond, a drawing is a blot and the layout is slow


def _figure() -> Any:
    """A new figure that draws without a display."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError(
            "drawing needs matplotlib: pip install 'derandcut[plot]'"
        ) from None
    figure = Figure(figsize=(8, 8))
    FigureCanvasAgg(figure)
    return figure


def check_format(path: str) -> None:
    """Raise unless matplotlib is there and knows the format that `path` names."""
    known = _figure().canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in known:
        raise InputError(f"{path}: expected a name ending in one of {', '.join(known)}")


def layout(graph: CutGraph) -> tuple[np.ndarray, np.ndarray]:
    """Place the vertices of the largest component in the plane.

    Parameters
    ----------
    graph : CutGraph

    Returns
    -------
    vertices : (k,) int array
        The largest component.
    places : (k, 2) float64 array
        A fixed random mixture of the first eigenvectors of its normalised Laplacian,
        each divided by the root of its eigenvalue. Two eigenvectors alone collapse to
        a circle on long structures; eight mixed do not.

    Examples
    --------
    >>> import derandcut
    >>> from derandcut.plotting import layout
    >>> vertices, places = layout(derandcut.CutGraph.from_edges([0, 1], [1, 2]))
    >>> places.shape
    (3, 2)
    """
    membership = graph.components
    vertices = np.flatnonzero(membership == np.bincount(membership).argmax())
    pattern = graph.adjacency[vertices][:, vertices]
    pattern.data = np.ones(len(pattern.data))
    # D^(-1/2) (D - A) D^(-1/2): pendant vertices do not take a direction of their own.
    scale = 1 / np.sqrt(np.maximum(pattern.sum(axis=1), 1))
    scaling = sp.diags_array(scale)
    laplacian = sp.eye_array(len(vertices)) - scaling @ pattern @ scaling
    k = len(vertices)
    count = min(EIGENVECTORS + 1, k)
    if k <= 4 * EIGENVECTORS:
        values, vectors = np.linalg.eigh(laplacian.toarray())
        values, vectors = values[:count], vectors[:, :count]
    else:
        start = np.random.default_rng(0).standard_normal(k)
        # Slightly below zero, where the shifted Laplacian is positive definite.
        values, vectors = eigsh(laplacian.tocsc(), k=count, sigma=-1e-4, v0=start)
    mixture = np.random.default_rng(1).standard_normal((count - 1, 2))
    spread = scale[:, None] * vectors[:, 1:] / np.sqrt(values[1:])
    return vertices, spread @ mixture


def draw(graph: CutGraph, partition: np.ndarray, format: str) -> bytes:
    """Draw a cut: two colours of vertices, the edges between them coloured.

    Parameters
    ----------
    graph : CutGraph
        Up to 20,000 vertices.
    partition : (n,) int8 array
        Sides +1 and -1.
    format : str
        A file format of matplotlib: "png", "svg", "pdf".

    Returns
    -------
    bytes
        The image file. Only the largest component is drawn.

    Raises
    ------
    InputError
        If the graph is too large to draw.
    MissingDependencyError
        If matplotlib is not installed.
    """
    if graph.n > LARGEST:
        raise InputError(
            f"only graphs of up to {LARGEST} vertices are drawn, got {graph.n}"
        )
    figure = _figure()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    if graph.n:
        _fill(axes, graph, partition)
    stream = io.BytesIO()
    figure.savefig(stream, format=format, dpi=150)
    return stream.getvalue()


def _fill(axes: Any, graph: CutGraph, partition: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    vertices, places = layout(graph)
    position = np.full(graph.n, -1)
    position[vertices] = np.arange(len(vertices))
    u, v, _ = graph.edges()
    inside = position[u] >= 0
    u, v = position[u[inside]], position[v[inside]]
    side = partition[vertices] > 0
    across = side[u] != side[v]
    width = min(1.0, 60 / np.sqrt(graph.m + 1))
    for chosen, colour in ((~across, "#c8c8c8"), (across, "#d1495b")):
        segments = np.stack([places[u[chosen]], places[v[chosen]]], axis=1)
        axes.add_collection(LineCollection(segments, colors=colour, linewidths=width))
    size = min(30.0, 9000 / len(vertices))
    for chosen, colour in ((side, "#00798c"), (~side, "#edae49")):
        x, y = places[chosen].T
        axes.scatter(x, y, s=size, c=colour, linewidths=0, zorder=3)
    axes.autoscale_view()
