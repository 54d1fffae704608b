"""Problems that are MAXCUT in disguise: QUBO, Ising, MAX-2-SAT, MAX-DICUT.

Each model has a `graph` on one vertex more than it has variables; that last vertex
fixes which side means 1. Cuts and assignments correspond one to one, with

    objective = offset - factor * cut        (QUBO, Ising: minimised)
    objective = offset + factor * cut        (MAX-2-SAT, MAX-DICUT: maximised)

exact for integer data (`factor` is 1/2, 1 or 2, so that integers stay integers). The
other way, ``Model.from_graph`` gives the model whose objective is the cut, and its
`graph` is the graph it came from (MAX-DICUT: with an isolated vertex more).

    w_ij = q_ij / 2,  w_i0 = -(q_i + sum_j q_ij / 2)      QUBO, x_i = [s_i != s_0]
    w_ij = j_ij,      w_i0 = h_i                          Ising
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp

from derandcut.errors import InputError
from derandcut.graph import EXACT, CutGraph, vertex_array, weight_array
from derandcut.result import CutResult

if TYPE_CHECKING:
    import networkx

__all__ = ["QUBO", "Ising", "Max2Sat", "MaxDicut", "Solution", "max_dicut"]


@dataclass(frozen=True, slots=True)
class Solution:
    """A cut in a model's own terms.

    Attributes
    ----------
    values : (n,) int8 array
        Bits 0 and 1, or spins -1 and +1.
    objective : int or float
        Its objective, computed from the model's own data.
    bound : float or None
        What a result's upper bound says of the best objective: a lower bound where
        the model minimises, an upper bound where it maximises. As good as the
        result's (proved or estimated); for real coefficients up to rounding.
    """

    values: np.ndarray
    objective: int | float
    bound: float | None


class _Model:
    """What the models share: the way from a partition to values, and back."""

    sense: ClassVar[int]  # -1: minimised, +1: maximised
    n: int
    graph: CutGraph
    offset: float
    factor: float

    def values(self, partition: Any) -> np.ndarray:
        """Turn a partition of `graph` (or a CutResult) into (n,) int8 values."""
        if isinstance(partition, CutResult):
            partition = partition.partition
        side = np.asarray(partition)
        if side.shape != (self.n + 1,):
            raise InputError(
                f"expected a partition of {self.n + 1} vertices, got shape {side.shape}"
            )
        side = side > 0
        return (side[:-1] != side[-1]).astype(np.int8)

    def partition(self, values: Any) -> np.ndarray:
        """Turn values into a partition of `graph`, its last vertex on side +1."""
        ones = _bits(values, self.n)
        return np.append(np.where(ones, -1, 1), 1).astype(np.int8)

    def objective(self, values: Any) -> int | float:
        """The objective of an assignment, from the model's own data."""
        raise NotImplementedError

    def solution(self, result: CutResult | Any) -> Solution:
        """Turn a CutResult, or a bare partition, into values, objective and bound."""
        values = self.values(result)
        bound = None
        if isinstance(result, CutResult) and result.upper_bound is not None:
            bound = self.offset + self.sense * self.factor * result.upper_bound
        return Solution(values, self.objective(values), bound)


@dataclass(frozen=True, eq=False)
class QUBO(_Model):
    """Minimise x'Qx + constant over bits x in {0, 1}^n.

    Parameters
    ----------
    Q : (n, n) array_like or scipy sparse matrix
        Any square matrix; Q_ij and Q_ji act as their sum.
    constant : float, default 0
        Added to the objective.

    Raises
    ------
    InputError
        If Q is not square or not finite.

    Examples
    --------
    >>> from derandcut.models import QUBO
    >>> qubo = QUBO([[-1, 2], [0, -1]])
    >>> qubo.graph
    CutGraph(n=3, m=1, integer weights)
    >>> qubo.solution([1, -1, -1])
    Solution(values=array([1, 0], dtype=int8), objective=-1, bound=None)
    """

    Q: Any
    constant: float = 0
    sense: ClassVar[int] = -1

    def __post_init__(self) -> None:
        object.__setattr__(self, "Q", _square("Q", self.Q))
        object.__setattr__(self, "constant", _number("constant", self.constant))

    @classmethod
    def from_terms(
        cls, i: Any, j: Any, value: Any, n: int, constant: float = 0
    ) -> QUBO:
        """Build from terms value x_i x_j, i = j the linear ones; repeated ones add up.

        Examples
        --------
        >>> from derandcut.models import QUBO
        >>> QUBO.from_terms([0, 0], [0, 1], [-3, 2], n=2).objective([1, 1])
        -1
        """
        i, j, value = (
            vertex_array("i", i),
            vertex_array("j", j),
            weight_array("value", value),
        )
        _check_range(n, i, j)
        return cls(sp.coo_array((value, (i, j)), shape=(n, n)), constant)

    @classmethod
    def from_graph(cls, graph: CutGraph) -> QUBO:
        """The QUBO on n - 1 bits whose objective is minus the cut.

        Examples
        --------
        >>> import derandcut
        >>> from derandcut.models import QUBO
        >>> path = derandcut.CutGraph.from_edges([0, 1], [1, 2])
        >>> QUBO.from_graph(path).objective([0, 1])
        -2
        """
        n = max(graph.n - 1, 0)
        inner = graph.adjacency[:n, :n]
        return cls(inner - sp.diags_array(graph.weighted_degrees[:n]))

    @property
    def n(self) -> int:
        """Number of bits."""
        return self.Q.shape[0]

    def terms(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Arrays (i, j, value), i <= j, of the upper triangular form."""
        form = self._upper
        return form.row, form.col, form.data

    @cached_property
    def _upper(self) -> sp.coo_array:
        form = (sp.triu(self.Q) + sp.tril(self.Q, -1).T).tocsr()
        form.eliminate_zeros()
        return form.tocoo()

    @cached_property
    def factor(self) -> float:
        """1/2 if an integer Q has an odd pair (the graph's weights are doubled)."""
        i, j, value = self.terms()
        pairs = value[i != j]
        odd = (value == np.rint(value)).all() and (pairs % 2 != 0).any()
        return 0.5 if odd else 1

    @property
    def offset(self) -> float:
        """The constant."""
        return self.constant

    @cached_property
    def graph(self) -> CutGraph:
        """The MAXCUT graph: objective = constant - factor * cut."""
        i, j, value = self.terms()
        pair = i != j
        i, j, value, own = i[pair], j[pair], value[pair], self.Q.diagonal()
        n = self.n
        ends, half = np.concatenate([i, j]), np.concatenate([value, value]) / 2
        to_last = -(own + np.bincount(ends, half, n))
        size = np.abs(own) + np.bincount(ends, np.abs(half), n)
        whole = (value == np.rint(value)).all() and (own == np.rint(own)).all()
        if not (whole and size.sum() <= 2.0**51):  # then halves are exact
            # What rounding leaves of a sum that vanishes is no edge.
            to_last[np.abs(to_last) <= 4 * np.finfo(float).eps * size] = 0
        return CutGraph.from_edges(
            np.concatenate([i, np.arange(n)]),
            np.concatenate([j, np.full(n, n)]),
            np.concatenate([value / 2, to_last]) / self.factor,
            n + 1,
        )

    def objective(self, values: Any) -> int | float:
        """x'Qx + constant; an int if all coefficients are integers."""
        ones = _bits(values, self.n)
        i, j, value = self.terms()
        return _total(value[ones[i] & ones[j]], self.constant)


@dataclass(frozen=True, eq=False)
class Ising(_Model):
    """Minimise s'Js + h's + constant over spins s in {-1, +1}^n.

    Parameters
    ----------
    J : (n, n) array_like or scipy sparse matrix
        Any square matrix; J_ij and J_ji act as their sum, the diagonal is a constant.
    h : (n,) array_like, optional
        External field, 0 by default.
    constant : float, default 0
        Added to the objective.

    Examples
    --------
    >>> from derandcut.models import Ising
    >>> ising = Ising([[0, 1], [0, 0]], h=[1, 0])
    >>> ising.graph
    CutGraph(n=3, m=2, integer weights)
    >>> ising.solution([-1, 1, 1])
    Solution(values=array([-1,  1], dtype=int8), objective=-2, bound=None)
    """

    J: Any
    h: Any = None
    constant: float = 0
    sense: ClassVar[int] = -1
    factor: ClassVar[float] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "J", _square("J", self.J))
        field = np.zeros(self.n) if self.h is None else weight_array("h", self.h)
        if len(field) != self.n or not np.isfinite(field).all():
            raise InputError(f"h must have {self.n} finite entries")
        object.__setattr__(self, "h", field)
        object.__setattr__(self, "constant", _number("constant", self.constant))

    @classmethod
    def from_graph(cls, graph: CutGraph) -> Ising:
        """The Ising model on n - 1 spins whose objective is minus the cut.

        Its couplings are halves of the weights: s_i s_j w_ij / 2 - w_ij / 2.

        Examples
        --------
        >>> import derandcut
        >>> from derandcut.models import Ising
        >>> path = derandcut.CutGraph.from_edges([0, 1], [1, 2])
        >>> Ising.from_graph(path).objective([1, -1])
        -2.0
        """
        n = max(graph.n - 1, 0)
        upper = sp.triu(graph.adjacency)
        field = graph.adjacency[:n, n:].toarray().ravel() if n else np.zeros(0)
        return cls(upper.tocsr()[:n, :n] / 2, field / 2, -graph.total_weight / 2)

    @property
    def n(self) -> int:
        """Number of spins."""
        return self.J.shape[0]

    @cached_property
    def _upper(self) -> sp.coo_array:
        form = (sp.triu(self.J, 1) + sp.tril(self.J, -1).T).tocsr()
        form.eliminate_zeros()
        return form.tocoo()

    @cached_property
    def offset(self) -> float:
        """constant + sum of J + sum of h: the objective with all spins up."""
        return _total(np.concatenate([self.J.data, self.h]), self.constant)

    @cached_property
    def graph(self) -> CutGraph:
        """The MAXCUT graph: objective = offset - 2 cut."""
        form, n = self._upper, self.n
        return CutGraph.from_edges(
            np.concatenate([form.row, np.arange(n)]),
            np.concatenate([form.col, np.full(n, n)]),
            np.concatenate([form.data, self.h]),
            n + 1,
        )

    def values(self, partition: Any) -> np.ndarray:
        """Turn a partition of `graph` (or a CutResult) into (n,) int8 spins."""
        return (1 - 2 * super().values(partition)).astype(np.int8)

    def partition(self, values: Any) -> np.ndarray:
        """Turn spins into a partition of `graph`, its last vertex on side +1."""
        return np.append(_spins(values, self.n), 1).astype(np.int8)

    def objective(self, values: Any) -> int | float:
        """s'Js + h's + constant; an int if all coefficients are integers."""
        s = _spins(values, self.n)
        form = self._upper
        parts = form.data * s[form.row] * s[form.col], self.h * s, self.J.diagonal()
        return _total(np.concatenate(parts), self.constant)


@dataclass(frozen=True, eq=False)
class Max2Sat(_Model):
    """Maximise the weight of satisfied clauses of one or two literals.

    Parameters
    ----------
    clauses : sequence of sequences of int
        Literals as in DIMACS CNF: k says variable k is true, -k false, k >= 1.
    weights : (number of clauses,) array_like, optional
        1 by default; any sign.
    n : int, optional
        Number of variables; the largest met by default.

    Raises
    ------
    InputError
        If a clause has no literal or more than two, or a literal is 0 or beyond n.

    Examples
    --------
    >>> from derandcut.models import Max2Sat
    >>> model = Max2Sat([(1, 2), (-1, 2), (-2,)])
    >>> model.objective([1, 1])
    2
    >>> model.solution(model.partition([1, 1])).values
    array([1, 1], dtype=int8)
    """

    clauses: Sequence[Sequence[int]]
    weights: Any = None
    n: int | None = None
    sense: ClassVar[int] = 1

    def __post_init__(self) -> None:
        clauses = tuple(_clause(clause) for clause in self.clauses)
        if self.weights is None:
            weights = np.ones(len(clauses))
        else:
            weights = weight_array("weights", self.weights)
        if len(weights) != len(clauses) or not np.isfinite(weights).all():
            raise InputError(f"weights must have {len(clauses)} finite entries")
        highest = max((abs(x) for clause in clauses for x in clause), default=0)
        n = highest if self.n is None else self.n
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < highest:
            raise InputError(f"n must be at least {highest}, got {n!r}")
        object.__setattr__(self, "clauses", clauses)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "n", int(n))

    @classmethod
    def from_graph(cls, graph: CutGraph) -> Max2Sat:
        """Clauses on n - 1 variables whose satisfied weight is W + cut, W all edges'.

        Examples
        --------
        >>> import derandcut
        >>> from derandcut.models import Max2Sat
        >>> path = derandcut.CutGraph.from_edges([0, 1], [1, 2])
        >>> Max2Sat.from_graph(path).objective([0, 1])
        4
        """
        clauses, weights, last = [], [], graph.n - 1
        for u, v, w in zip(*(x.tolist() for x in graph.edges()), strict=True):
            # x_u != x_v satisfies both clauses, x_u = x_v one; the last vertex is 0.
            a, b = u + 1, v + 1
            clauses += [(a,), (a, -a)] if v == last else [(a, b), (-a, -b)]
            weights += [w, w]
        return cls(clauses, np.array(weights, float), max(last, 0))

    @cached_property
    def _falsified(self) -> QUBO:
        """The weight of falsified clauses: each literal false is x or 1 - x."""
        i, j, value, constant = [], [], [], 0.0
        for clause, w in zip(self.clauses, self.weights.tolist(), strict=True):
            if len(clause) == 2 and clause[0] == -clause[1]:
                continue
            # False literals as a + b x: 1 - x for a positive one, x for a negative.
            (a, b, x), *rest = [(z > 0, -1 if z > 0 else 1, abs(z) - 1) for z in clause]
            c, d, y = rest[0] if rest else (1, 0, x)
            constant += w * a * c
            i += [x, y, x]
            j += [x, y, y]
            value += [w * b * c, w * a * d, w * b * d]
        i, j = np.array(i, np.int64), np.array(j, np.int64)
        return QUBO.from_terms(i, j, np.array(value, float), self.n, constant)

    @property
    def graph(self) -> CutGraph:
        """The MAXCUT graph: objective = offset + factor * cut."""
        return self._falsified.graph

    @property
    def factor(self) -> float:
        """1/2 if the graph's weights are doubled to stay integers, else 1."""
        return self._falsified.factor

    @property
    def offset(self) -> float:
        """The weight satisfied when all variables are false."""
        return _total(self.weights, -self._falsified.constant)

    def objective(self, values: Any) -> int | float:
        """The satisfied weight; an int if all weights are integers."""
        ones = _bits(values, self.n)
        held = [any(ones[abs(x) - 1] == (x > 0) for x in c) for c in self.clauses]
        return _total(self.weights[np.array(held, bool)], 0)


@dataclass(frozen=True, eq=False)
class MaxDicut(_Model):
    """Maximise the weight of arcs that leave the set {u : x_u = 1}.

    Parameters
    ----------
    tail, head : (m,) array_like of int
        Ends of the arcs, 0-based.
    weights : (m,) array_like, optional
        1 by default; any sign.
    n : int, optional
        Number of vertices; the largest number plus one by default.

    Examples
    --------
    >>> from derandcut.models import MaxDicut
    >>> model = MaxDicut([0, 1, 2], [1, 2, 0])
    >>> model.objective([1, 0, 0])
    1
    >>> model.graph.n
    4
    """

    tail: Any
    head: Any
    weights: Any = None
    n: int | None = None
    sense: ClassVar[int] = 1

    def __post_init__(self) -> None:
        tail, head = vertex_array("tail", self.tail), vertex_array("head", self.head)
        if self.weights is None:
            weights = np.ones(len(tail))
        else:
            weights = weight_array("weights", self.weights)
        if not len(tail) == len(head) == len(weights):
            raise InputError("tail, head and weights must have the same length")
        if not np.isfinite(weights).all():
            raise InputError("weights must be finite")
        n = self.n
        if n is None:
            n = int(max(tail.max(), head.max())) + 1 if len(tail) else 0
        _check_range(n, tail, head)
        for name, value in zip(
            ("tail", "head", "weights", "n"), (tail, head, weights, int(n)), strict=True
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_graph(cls, graph: CutGraph) -> MaxDicut:
        """Both arcs of every edge: objective = cut.

        Examples
        --------
        >>> import derandcut
        >>> from derandcut.models import MaxDicut
        >>> path = derandcut.CutGraph.from_edges([0, 1], [1, 2])
        >>> MaxDicut.from_graph(path).objective([0, 1, 0])
        2
        """
        u, v, w = graph.edges()
        both = np.concatenate
        return cls(both([u, v]), both([v, u]), both([w, w]), graph.n)

    @cached_property
    def _kept(self) -> QUBO:
        """Minus the arcs' weight: w x_u (1 - x_v) as linear and pair terms."""
        i, j = np.concatenate([self.tail] * 2), np.concatenate([self.tail, self.head])
        value = np.concatenate([-self.weights, self.weights])
        return QUBO.from_terms(i, j, value, self.n)

    @property
    def graph(self) -> CutGraph:
        """The MAXCUT graph: objective = factor * cut."""
        return self._kept.graph

    @property
    def factor(self) -> float:
        """1/2 if the graph's weights are doubled to stay integers, else 1."""
        return self._kept.factor

    @property
    def offset(self) -> float:
        """0: the empty set has no leaving arc."""
        return 0

    def objective(self, values: Any) -> int | float:
        """The weight that leaves the set; an int if all weights are integers."""
        ones = _bits(values, self.n)
        return _total(self.weights[ones[self.tail] & ~ones[self.head]], 0)


def max_dicut(graph: networkx.DiGraph, *, weight: str = "weight") -> MaxDicut:
    """MAX-DICUT on a networkx DiGraph, vertices numbered in its node order.

    Parameters
    ----------
    graph : networkx.DiGraph or MultiDiGraph
    weight : str, default "weight"
        The arc attribute that holds the weight; a missing one counts as 1.

    Examples
    --------
    >>> import networkx
    >>> from derandcut.models import max_dicut
    >>> max_dicut(networkx.DiGraph([("a", "b"), ("b", "c")])).objective([1, 0, 0])
    1
    """
    position = {label: i for i, label in enumerate(graph.nodes)}
    tail, head, weights = [], [], []
    for u, v, w in graph.edges(data=weight, default=1):
        tail.append(position[u])
        head.append(position[v])
        weights.append(1 if w is None else w)
    ends = np.array(tail, np.int64), np.array(head, np.int64)
    return MaxDicut(*ends, weights, len(position))


# ----------------------------------------------------------------------- checking


def _square(name: str, matrix: Any) -> sp.csr_array:
    try:
        coo = sp.coo_array(matrix)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a square matrix: {error}") from None
    if coo.ndim != 2 or coo.shape[0] != coo.shape[1]:
        raise InputError(f"{name} must be square, got shape {coo.shape}")
    data = weight_array(name, coo.data)
    if not np.isfinite(data).all():
        raise InputError(f"{name} has an entry that is not finite")
    return sp.coo_array((data, coo.coords), shape=coo.shape).tocsr()


def _number(name: str, value: Any) -> int | float:
    value = weight_array(name, [value])[0]
    if not np.isfinite(value):
        raise InputError(f"{name} must be finite, got {value}")
    return int(value) if value == int(value) and abs(value) <= EXACT else float(value)


def _check_range(n: Any, *ends: np.ndarray) -> None:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise InputError(f"n must be a number of variables >= 0, got {n!r}")
    for array in ends:
        if len(array) and not 0 <= array.min() <= array.max() < n:
            raise InputError(f"expected indices in 0..{n - 1}")


def _clause(clause: Iterable[int]) -> tuple[int, ...]:
    literals = tuple(clause)
    good = all(isinstance(x, int | np.integer) and x != 0 for x in literals)
    if not 1 <= len(literals) <= 2 or not good:
        raise InputError(
            f"expected a clause of one or two nonzero ints, got {clause!r}"
        )
    literals = tuple(int(x) for x in literals)
    return literals[:1] if literals[0] == literals[-1] else literals


def _bits(values: Any, n: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (n,) or not np.isin(array, (0, 1)).all():
        raise InputError(f"expected {n} bits 0 or 1")
    return array.astype(bool)


def _spins(values: Any, n: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (n,) or not np.isin(array, (-1, 1)).all():
        raise InputError(f"expected {n} spins -1 or 1")
    return array.astype(np.int8)


def _total(values: np.ndarray, constant: float) -> int | float:
    """Sum plus constant: an exact int where all are integers below 2^53 in sum."""
    if isinstance(constant, int | np.integer) or float(constant).is_integer():
        whole = (values == np.rint(values)).all()
        if whole and np.abs(values).sum() <= EXACT:
            return int(values.astype(np.int64).sum()) + int(constant)
    return float(values.sum() + constant)
