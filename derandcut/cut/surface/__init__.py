"""Exact MAXCUT on surfaces: planar graphs, toroidal lattices, any rotation system."""

from derandcut.cut.surface.embedding import (
    Embedding,
    planar_embedding,
    torus_embedding,
)
from derandcut.cut.surface.exact import SurfaceResult, solve_embedded, solve_planar
from derandcut.cut.surface.stage import (
    find_embedding,
    matching_units,
    needs_no_search,
)

__all__ = [
    "Embedding",
    "SurfaceResult",
    "find_embedding",
    "matching_units",
    "needs_no_search",
    "planar_embedding",
    "solve_embedded",
    "solve_planar",
    "torus_embedding",
]
