"""What the solver asks first: is the graph planar or toroidal, may it be solved now."""

from __future__ import annotations

from derandcut.cut.surface.embedding import (
    Embedding,
    planar_embedding,
    torus_embedding,
)
from derandcut.graph import CutGraph
from derandcut.run import Run

__all__ = ["find_embedding", "matching_units", "needs_no_search"]

VISITS = 20  # of each edge by the planarity test, about
MATCHING = 1000  # units an edge that a matching on the plane takes at most: some 100
# visits, out of order in memory and thus as slow as ten of another kernel's
LARGEST = 1_000_000  # vertices: the matching of so many takes 1.5 GB, 15 seconds


def find_embedding(graph: CutGraph, run: Run) -> Embedding | None:
    """Return an embedding in the torus or the plane if one is found and affordable."""
    run.charge(graph.m)
    torus = torus_embedding(graph)
    if torus is not None:
        return torus
    units = VISITS * graph.m
    dense = graph.n > 2 and graph.m > 3 * graph.n - 6
    if dense or graph.n > LARGEST or not run.affordable(units):
        return None
    run.charge(units)
    return planar_embedding(graph)


def needs_no_search(embedding: Embedding, run: Run) -> bool:
    """True if matching may come first.

    On the plane it needs no incumbent; it shall still leave time for a search, if it
    does not come to an end.
    """
    return embedding.genus == 0 and run.affordable(matching_units(embedding.graph))


def matching_units(graph: CutGraph) -> int:
    """Work of a matching on the plane, at most.

    What is through is charged that: a limit of any work afterwards repeats it.
    """
    return MATCHING * graph.m
