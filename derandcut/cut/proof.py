"""What a proved bound is made of: plain data, turned into statements by `certificate`.

A proof speaks of one graph, or of one graph under decisions "u and v on the same side"
or "on different sides" (a context). Whoever proves a bound fills these records with the
float64 numbers it used; the certificate rounds them to exact fractions and proves again
from those, so a record need not be exact, only good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from derandcut.cut.surface.embedding import Embedding

__all__ = [
    "Branch",
    "Inequalities",
    "Infeasible",
    "Packing",
    "Positive",
    "Proof",
    "Psd",
    "Reduced",
    "Split",
    "TJoin",
]


@dataclass(frozen=True, slots=True)
class Positive:
    """cut <= sum of the positive weights."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Frustrated cycles that `bound.cycles` packs, packed when they are to be stated.

    Attributes
    ----------
    depth : int or None
        Cycles have at most 2 depth + 1 edges; None: as many as `bound.cycles` takes.
    """

    depth: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TJoin:
    """A minimum T-join of the dual of an embedded graph (4.6).

    The packing of T-cuts (4.9), or the tree of decisions (4.8) with a packing at each
    leaf, is made when it is to be stated.

    Attributes
    ----------
    embedding : Embedding
    cost : int or None
        No cut costs less: to be proved by decisions, where the minimum T-join does not.
    decided : dict or None
        Edge -> whether it is cut; the T-join is one of the other edges.
    """

    embedding: Embedding
    cost: int | None = None
    decided: dict[int, bool] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Psd:
    """cut <= sum y - n lambda_min(Diag(y) - L/4).

    Attributes
    ----------
    y : (n,) float64 array
        One number a vertex; under decisions, one a class of joined vertices, in the
        order of the classes' smallest vertices. The side of a class is that of its
        smallest vertex: vertices on the other side have their weights negated first.
    """

    y: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Inequalities:
    """Odd-set inequalities on even subgraphs, moved out of the weights.

    Let D be a set of pairs that meets every vertex evenly (a cycle, or a sum of
    cycles) and F an odd part of D. A cut meets D evenly, so with c = 1 on cut pairs

        c(F) - c(D - F) <= |F| - 1.

    With multipliers y >= 0 the rest w' = w - sum y (F - (D - F)) is bounded by `inner`
    or, where that is None, pair by pair by sum max(0, w'). T-cut packings of a minimum
    T-join (4.9) and packed frustrated cycles are of the second kind, F the pairs of
    positive weight in D.

    Attributes
    ----------
    starts : (k + 1,) int64 array
        Set i holds the pairs starts[i] to starts[i + 1].
    u, v : int32 arrays
        The pairs; they need not be edges (chords). Vertices, also under decisions:
        D must be even, and F odd, after joined vertices are taken as one and the pairs
        whose ends are decided to differ have entered or left F.
    odd : bool array
        Whether the pair is in F.
    multiplier : (k,) float64 array
    inner : Proof or None
        Of what is left, w'.
    """

    starts: np.ndarray
    u: np.ndarray
    v: np.ndarray
    odd: np.ndarray
    multiplier: np.ndarray
    inner: Proof | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Infeasible:
    """The decisions contradict each other: there is no cut to bound."""


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Either u and v lie on the same side or they do not."""

    u: int
    v: int
    same: Proof
    different: Proof


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """Exact reductions, then a proof for the kernel.

    Attributes
    ----------
    steps : (k, 2) int array
        (u, -1) for a vertex of at most three neighbours (4.1)-(4.3), (u, v) for u
        joined to v by (4.4), (4.10) or (4.12), and k rows (u, -k) for the k vertices of
        a clique (4.13), in order.
    inner : Proof
        Of the kernel, its vertices numbered as there.
    scale : float
        By which the kernel's weights were multiplied.
    """

    steps: np.ndarray
    inner: Proof
    scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Components or blocks, each with its own proof: cuts add up over them.

    Attributes
    ----------
    parts : tuple of ((k,) int64 array, Proof)
        The vertices of each part, and the proof for the graph induced on them. Every
        edge lies in exactly one part, and the parts meet like a tree: cutting vertices
        belong to several.
    """

    parts: tuple[tuple[np.ndarray, Proof], ...]


Proof = Positive | Psd | Packing | Inequalities | Infeasible | Branch | Reduced | Split
