"""What a proved bound is made of: plain data, turned into statements by `certificate`.

A proof speaks of one graph, or of one graph under decisions "u and v on the same side"
or "on different sides" (a context). Whoever proves a bound fills these records with the
float64 numbers it used; the certificate rounds them to exact fractions and proves again
from those, so a record need not be exact, only good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Branch", "Inequalities", "Infeasible", "Proof", "Psd", "Reduced", "Split"]


@dataclass(frozen=True, slots=True, eq=False)
class Psd:
    """cut <= sum y - n lambda_min(Diag(y) - L/4) (MATH.md section 3).

    Attributes
    ----------
    y : (n,) float64 array
        One number a vertex; under decisions, one a class of joined vertices, in the
        order of the classes' smallest vertices.
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
        The pairs; they need not be edges (chords).
    odd : bool array
        Whether the pair is in F.
    multiplier : (k,) float64 array
    inner : Psd or None
    """

    starts: np.ndarray
    u: np.ndarray
    v: np.ndarray
    odd: np.ndarray
    multiplier: np.ndarray
    inner: Psd | None = None


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
    steps : tuple of (str, int, int)
        ("eliminate", u, -1) for a vertex of at most three neighbours (4.1)-(4.3), and
        ("contract", u, v) for one dominated by its edge to v (4.4), in order.
    inner : Proof
        Of the kernel, its vertices numbered as there.
    """

    steps: tuple[tuple[str, int, int], ...]
    inner: Proof


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


Proof = Psd | Inequalities | Infeasible | Branch | Reduced | Split
