#!/usr/bin/env python3
"""Check a certificate for a maximum cut: one file, the standard library, exact numbers.

    python check.py GRAPH CERTIFICATE

GRAPH is a list of edges: a line ``n m``, then m lines ``u v [weight]`` with vertices
1..n (rudy, the format of the Gset), plain or gzipped. CERTIFICATE is JSON, plain or
gzipped. Exit code 0: accepted, and what is printed has been proved here; 3: refused;
2: the files could not be read.

All arithmetic is done with integers. Nothing in a certificate is believed: a statement
is a recipe, and the number printed is the one this program derives by following it. A
changed certificate is refused, or proves something else that is true.

A *problem* is a constant and a weight for each pair of vertices, all of them integers
times 2^-unit. Its value at a cut is the constant plus the weights of the pairs whose
ends lie on different sides. Every rule bounds the value of every cut from above. Rules
stand in prefix order: one is followed by the statements it is made of.

    box         constant + the positive weights
    psd         constant + W/2 + tr G + sum_{i<j} |2 G_ij - w_ij/2|,  G = C C':
                the value at x in {-1, 1}^n is W/2 - sum w_ij x_i x_j / 2, and adding
                |C'x|^2 >= 0 can only raise it. W is the sum of the weights.
    lin         adds y (|F| - 1 - c(F) + c(D - F)) with y >= 0 to the problem: it is not
                negative where D meets every vertex evenly and |F| is odd, because a cut
                meets D evenly. What remains is bounded by the next statement.
    rnd         all values agree with the constant modulo gcd(degrees, 2 w_ij): the next
                statement's bound is rounded down to such a value
    branch      vertices u, v on the same side, then on different sides: two statements
    infeasible  the decisions contradict each other
    reduce      best sides of vertices with few neighbours, and of cliques; dominated
                vertices, twins
    add         parts that share no weight: one statement for each
"""

# ruff: noqa: B905 (zip is not strict yet in Python 3.9)
from __future__ import annotations

import gzip
import hashlib
import json
import math
import sys
import zlib
from collections import defaultdict
from fractions import Fraction

__all__ = ["Problem", "Refused", "Unreadable", "Verdict", "check", "main", "read_edges"]

FORMAT = "derandcut certificate 1"
MAX_UNIT = 4096  # exponents beyond this serve no float64 weight
MAX_BYTES = 1 << 33  # after decompression
BLOCK = 16  # rows between two truncations of a packed column


class Refused(Exception):
    """The certificate does not prove anything about this graph."""


class Unreadable(Exception):
    """A file is not what it should be."""


# --------------------------------------------------------------------------- problems


class Problem:
    """A constant and symmetric weights, integers times 2^-unit.

    Decisions join vertices to classes, numbered in the order of their smallest
    vertices; the side of a class is that of its smallest vertex. `place[v]` is the
    class of vertex v and `flip[v]` tells whether v lies on the other side.
    """

    def __init__(self, rows, unit=0, constant=0, place=None, flip=None):
        self.rows = rows  # for each class its neighbours: {class: weight}
        self.unit = unit
        self.constant = constant
        self.place = list(range(len(rows))) if place is None else place
        self.flip = [0] * len(rows) if flip is None else flip

    @property
    def n(self):
        return len(self.rows)

    def pairs(self):
        """Every weight once, as (u, v, weight) with u < v."""
        for u, row in enumerate(self.rows):
            for v, w in row.items():
                if u < v:
                    yield u, v, w

    def value(self, number):
        """A number of this problem's unit, as a fraction."""
        return Fraction(number) / Fraction(2) ** self.unit

    def finer(self, unit):
        """A copy whose numbers are integers times 2^-max(unit, own unit)."""
        shift = max(0, unit - self.unit)
        rows = [{v: w << shift for v, w in row.items()} for row in self.rows]
        return Problem(
            rows, self.unit + shift, self.constant << shift, self.place, self.flip
        )

    def add(self, u, v, w):
        """Add w to the weight of the pair of classes u, v."""
        if u == v:
            return  # never cut
        w += self.rows[u].get(v, 0)
        if w:
            self.rows[u][v] = self.rows[v][u] = w
        else:
            self.rows[u].pop(v, None)
            self.rows[v].pop(u, None)

    def merge(self, gone, kept, opposite):
        """Give all weights of class `gone` to `kept`, on the opposite side or not."""
        row, self.rows[gone] = self.rows[gone], {}
        for v in row:
            del self.rows[v][gone]
        for v, w in row.items():
            if opposite:
                # c_gone,v = 1 - c_kept,v
                self.constant += w
                self.add(kept, v, -w)
            else:
                self.add(kept, v, w)

    def without(self, gone):
        """Renumber: the classes not in `gone`, in order; new vertices, no decisions."""
        number, count = [-1] * self.n, 0
        for u in range(self.n):
            if u not in gone:
                number[u] = count
                count += 1
        rows = [
            {number[v]: w for v, w in row.items()}
            for u, row in enumerate(self.rows)
            if u not in gone
        ]
        return Problem(rows, self.unit, self.constant), number

    def decided(self, u, v, different):
        """The problem with vertices u and v joined; None if that contradicts."""
        a, b = self.place[u], self.place[v]
        opposite = self.flip[u] ^ self.flip[v] ^ different
        if a == b:
            return None if opposite else self
        kept, gone = min(a, b), max(a, b)
        joined = self.finer(self.unit)
        joined.merge(gone, kept, opposite)
        joined, number = joined.without({gone})
        number[gone] = number[kept]
        joined.flip = [
            f ^ (opposite and p == gone) for p, f in zip(self.place, self.flip)
        ]
        joined.place = [number[p] for p in self.place]
        return joined


def problem_of(n, edges):
    """The problem of a graph: float weights as exact integers of one unit."""
    ratios = [w.as_integer_ratio() for w in edges.values()]
    unit = max((q.bit_length() - 1 for _, q in ratios), default=0)
    rows = [{} for _ in range(n)]
    for (u, v), (p, q) in zip(edges, ratios):
        rows[u][v] = rows[v][u] = p << unit + 1 - q.bit_length()
    return Problem(rows, unit)


# ------------------------------------------------------------------------------ fields


def field(statement, name, kind):
    """One entry of a JSON object, of exactly this type (True is no integer)."""
    value = statement.get(name)
    if type(value) is not kind:
        raise Refused(f"{name!r} is missing or of the wrong type")
    return value


def integers(values, low=None, high=None):
    """A list of integers, each in low..high."""
    if type(values) is not list or any(type(x) is not int for x in values):
        raise Refused("expected a list of integers")
    if values and low is not None and min(values) < low:
        raise Refused(f"{min(values)} is below {low}")
    if values and high is not None and max(values) > high:
        raise Refused(f"{max(values)} is above {high}")
    return values


def unit_of(statement):
    unit = field(statement, "unit", int)
    if abs(unit) > MAX_UNIT:
        raise Refused(f"unit {unit} is out of range")
    return unit


# ------------------------------------------------------------------------------- rules
# A rule takes its statement and problem and returns the problems of the statements that
# follow (functions, so that each is made when its turn comes) and a function that makes
# one bound of theirs. None stands for the problem, and the bound, where no cut is left.


def box(statement, problem):
    positive = sum(w for _, _, w in problem.pairs() if w > 0)
    value = problem.value(problem.constant + positive)
    return [], lambda bounds: value


def psd(statement, problem):
    unit, n = unit_of(statement), problem.n
    order = integers(field(statement, "order", list), 0, n - 1)
    position = dict(zip(order, range(n)))
    if len(order) != n or len(position) != n:
        raise Refused("psd: the order is no permutation of the vertices")
    meets = [[] for _ in range(n)]
    for front in field(statement, "fronts", list):
        front = Front(front, position)
        for a, u in enumerate(front.rows):
            meets[u].append((front, a))
    # One unit for everything: 2 G_ij has 2^-(2 unit - 1), w_ij / 2 has 2^-(own + 1).
    common = max(2 * unit - 1, problem.unit + 1)
    g, h = common - 2 * unit + 1, common - problem.unit - 1
    trace = distance = weight = 0
    for u in order:
        here, G = position[u], defaultdict(int)
        for front, a in meets[u]:
            for q, value in zip(front.positions[a:], front.products(a)):
                G[q] += value
        trace += G.pop(here, 0)
        if g:
            G = defaultdict(int, {q: value << g for q, value in G.items()})
        for v, w in problem.rows[u].items():
            if position[v] > here:
                weight += w
                G[position[v]] -= w << h
        distance += sum(map(abs, G.values()))
        meets[u] = None
    # tr G in 2^-common is half of what 2 G would be there.
    total = (trace << g) + 2 * distance + (weight << h + 1)
    value = Fraction(total) / Fraction(2) ** (common + 1)
    value += problem.value(problem.constant)
    return [], lambda bounds: value


class Front:
    """Columns of C with the same rows, the k-th without the first k of them.

    The rows' products with each other are sums of small times large integers: a column
    is packed into one integer, `width` bytes a row.
    """

    def __init__(self, front, position):
        if type(front) is not list or not front:
            raise Refused("psd: a front is a list of rows and columns")
        self.rows = integers(front[0], 0, len(position) - 1)
        self.positions = [position[u] for u in self.rows]
        self.columns = [integers(column) for column in front[1:]]
        size = len(self.rows)
        if any(p >= q for p, q in zip(self.positions, self.positions[1:])):
            raise Refused("psd: the rows of a front must follow the order")
        if any(len(c) != size - k for k, c in enumerate(self.columns)):
            raise Refused("psd: a column has the wrong length")
        # |sum_k c_ak c_bk| <= the largest sum of squares (Cauchy and Schwarz).
        squares = [0] * size
        for k, column in enumerate(self.columns):
            for a, c in enumerate(column, k):
                squares[a] += c * c
        self.width = 8 * (max(squares, default=0).bit_length() // 64 + 1)
        self.half = 1 << 8 * self.width - 1
        self.bias = int.from_bytes((bytes(self.width - 1) + b"\x80") * size, "little")
        self.first = 0  # row of the lowest place of every packed column
        self.packed = []

    def products(self, a):
        """Sum over the columns of c_ak c_bk for the rows b = a, a + 1, ...

        To be called for a = 0, 1, 2, ... in order.
        """
        bits = 8 * self.width
        if a - self.first == BLOCK:
            # The places below are balanced: rounding drops them.
            drop = bits * BLOCK
            self.packed = [((p >> drop - 1) + 1) >> 1 for p in self.packed]
            self.first = a
        if a < len(self.columns):
            size = len(self.columns[a])
            raw = b"".join(
                (c + self.half).to_bytes(self.width, "little") for c in self.columns[a]
            )
            value = int.from_bytes(raw, "little") - self.low(size)
            self.packed.append(value << bits * (a - self.first))
        total = 0
        for k, value in enumerate(self.packed):
            c = self.columns[k][a - k]
            if c:
                total += c * value
        if a > self.first:
            total = ((total >> bits * (a - self.first) - 1) + 1) >> 1
        left = len(self.rows) - a
        raw = (total + self.low(left)).to_bytes(left * self.width, "little")
        half, width, from_bytes = self.half, self.width, int.from_bytes
        return [
            from_bytes(raw[i : i + width], "little") - half
            for i in range(0, len(raw), width)
        ]

    def low(self, size):
        """The number with one half in each of `size` places."""
        return self.bias >> 8 * self.width * (len(self.rows) - size)


def lin(statement, problem):
    unit, vertices = unit_of(statement), len(problem.place)
    rest = problem.finer(unit)
    shift = rest.unit - unit
    for numbers in field(statement, "sets", list):
        if len(integers(numbers)) < 2 or len(numbers) % 2:
            raise Refused("lin: a set is a multiplier, |F|, and pairs")
        y, n_odd, ends = numbers[0] << shift, numbers[1], numbers[2:]
        integers(ends, 0, vertices - 1)
        if y < 0 or not 0 <= n_odd <= len(ends) // 2:
            raise Refused("lin: a multiplier is negative, or |F| impossible")
        odd, degree, size = [], defaultdict(int), 0
        for k, (u, v) in enumerate(zip(ends[::2], ends[1::2])):
            a, b = problem.place[u], problem.place[v]
            degree[a] ^= 1
            degree[b] ^= 1
            # c_uv = 1 - c_ab where the decisions put just one of u, v opposite.
            in_F = (k < n_odd) ^ problem.flip[u] ^ problem.flip[v]
            size += in_F
            odd.append((a, b, in_F))
        if any(degree.values()) or size % 2 == 0:
            raise Refused("lin: a set of pairs is not even, or its odd part not odd")
        # sum over F of (1 - c) + sum over D - F of c >= 1; c = 0 within a class
        rest.constant += y * (size - 1)
        for a, b, in_F in odd:
            rest.add(a, b, -y if in_F else y)
    return [lambda: rest], lambda bounds: bounds[0]


def rnd(statement, problem):
    modulus = 0
    for row in problem.rows:
        modulus = math.gcd(modulus, sum(row.values()))
        for w in row.values():
            modulus = math.gcd(modulus, 2 * w)

    def floor(bounds):
        if bounds[0] is None:
            return None
        room = math.floor(bounds[0] * Fraction(2) ** problem.unit) - problem.constant
        room = room // modulus * modulus if modulus else 0
        return problem.value(problem.constant + room)

    return [lambda: problem], floor


def branch(statement, problem):
    last = len(problem.place) - 1
    u, v = integers([field(statement, "u", int), field(statement, "v", int)], 0, last)
    children = [lambda: problem.decided(u, v, 0), lambda: problem.decided(u, v, 1)]

    def worse(bounds):
        return max((b for b in bounds if b is not None), default=None)

    return children, worse


def reduce(statement, problem):
    unit, last = unit_of(statement), problem.n - 1
    # The values are integers; halves of them occur as weights, but nothing finer.
    rest = problem.finer(max(unit, problem.unit) + 1)
    gone = set()
    for step in field(statement, "steps", list):
        if type(step) is list and len(step) == 1 and type(step[0]) is list:
            members = integers(step[0], 0, last)
            if not gone.isdisjoint(members):
                raise Refused("reduce: a vertex is already gone")
            take_clique(rest, members)
            gone.update(members)
            continue
        integers(step)
        integers(step[:2], 0, last)
        if not gone.isdisjoint(step[:2]) or len(set(step[:2])) < len(step[:2]):
            raise Refused("reduce: a vertex is already gone")
        if len(step) == 1:
            eliminate(rest, step[0])
            gone.add(step[0])
        elif len(step) == 2:
            contract(rest, step[0], step[1])
            gone.add(step[0])
        elif len(step) == 3:
            shift_weight(rest, step[0], step[1], step[2] << rest.unit - unit)
        else:
            raise Refused("reduce: a step has one to three numbers, or is a clique")
    kernel, _ = rest.without(gone)
    return [lambda: kernel], lambda bounds: bounds[0]


def eliminate(problem, u):
    """The better side of u as a function of at most three neighbours (4.1)-(4.3)."""
    row, problem.rows[u] = problem.rows[u], {}
    for v in row:
        del problem.rows[v][u]
    if len(row) > 3:
        raise Refused(f"reduce: {u} has {len(row)} neighbours")
    ends, w = list(row), list(row.values())
    total = sum(w)
    # The value with all neighbours on one side; with one of them opposite.
    f0 = max(0, total)
    f = [max(x, total - x) for x in w]
    problem.constant += f0
    if len(w) == 2:
        problem.add(ends[0], ends[1], f[0] - f0)
    elif len(w) == 3:
        for i, j, k in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
            twice = f[i] + f[j] - f[k] - f0
            if twice % 2:
                raise Refused("reduce: a weight finer than half a unit")
            problem.add(ends[i], ends[j], twice // 2)


def take_clique(problem, members):
    """The best sides of vertices that can balance themselves and all others (4.13).

    w_ij = w t_i t_j for i in the clique and any other j, where t is 1 or -1 in the
    clique and the |t| of its neighbours add up to one more than its size at most. With
    weights w t_i t_j between the neighbours, too, the value would be
    w ((sum t)^2 - (sum t x)^2) / 4, and the clique can make |sum t x| 0 or 1.
    """
    if len(members) < 2 or len(set(members)) < len(members):
        raise Refused("reduce: a clique has two vertices or more, each once")
    u, inside = members[0], set(members)
    w = abs(problem.rows[u].get(members[1], 0))
    if w == 0 or any(x % w for x in problem.rows[u].values()):
        raise Refused(f"reduce: no clique at {u}: weights are no multiples of one")
    t = {u: 1, **{z: x // w for z, x in problem.rows[u].items()}}
    for v in members:
        row = problem.rows[v]
        if abs(t.get(v, 0)) != 1 or len(row) != len(t) - 1:
            raise Refused(f"reduce: {v} is not in a clique with {u}")
        if any(x != w * t[v] * t.get(z, 0) for z, x in row.items()):
            raise Refused(f"reduce: {v} is not in a clique with {u}")
    others = [z for z in t if z not in inside]
    if sum(abs(t[z]) for z in others) > len(members) + 1:
        raise Refused(f"reduce: the clique at {u} cannot balance its neighbours")
    problem.constant += w * (sum(t.values()) ** 2 // 4)
    for v in members:
        for z in problem.rows[v]:
            if z not in inside:
                del problem.rows[z][v]
        problem.rows[v] = {}
    for k, a in enumerate(others):
        for b in others[:k]:
            problem.add(a, b, -w * t[a] * t[b])


def contract(problem, u, v):
    """Join u and v where their edge decides on which sides, or they are twins."""
    w = problem.rows[u].get(v, 0)
    opposite = w > 0 if lacking(problem, u, v) <= 0 else twins(problem, u, v) < 0
    problem.add(u, v, -w)
    problem.constant += max(0, w)
    problem.merge(u, v, opposite)


def lacking(problem, u, v):
    """How much more weight the edge uv would need to decide on u and v.

    (4.4): as much as the other edges of u together, or of v. (4.12): in a triangle
    u, v, z with w_uv w_uz w_vz < 0, w_uv and w_uz as much as the others of u, and w_uv
    and w_vz as those of v: if u and v do not suit each other, z does not suit one of
    them, and this one can change sides.
    """
    mine, yours = problem.rows[u], problem.rows[v]
    w = mine.get(v, 0)
    a, b = (sum(map(abs, row.values())) - 2 * abs(w) for row in (mine, yours))
    needed = min(a, b)
    if needed > 0:
        for z in mine.keys() & yours.keys():
            if w * mine[z] * yours[z] < 0:
                heavy = max(a - 2 * abs(mine[z]), b - 2 * abs(yours[z]))
                needed = min(needed, heavy)
    return needed


def twins(problem, u, v):
    """The sign of c where w_uz = c w_vz for all others z, and w_uv c <= 0 (4.10).

    The others pull u and v to the same side if c > 0, to different ones if c < 0, and
    their own edge does not object.
    """
    mine, yours = ({**problem.rows[x]} for x in (u, v))
    w, _ = mine.pop(v, 0), yours.pop(u, 0)
    if not mine or mine.keys() != yours.keys():
        raise Refused(f"reduce: the pair {u}, {v} neither dominates nor is alike")
    z = next(iter(mine))
    p, q = mine[z], yours[z]
    if any(x * q != yours[z] * p for z, x in mine.items()) or w * p * q > 0:
        raise Refused(f"reduce: the pair {u}, {v} neither dominates nor is alike")
    return 1 if p * q > 0 else -1


def shift_weight(problem, u, v, t):
    """w c = (w - t) c + t c <= (w - t) c + max(0, t)."""
    problem.add(u, v, -t)
    problem.constant += max(0, t)


def add(statement, problem):
    parts = field(statement, "parts", list)
    inside = defaultdict(set)  # the parts that hold a vertex
    for k, part in enumerate(parts):
        for u in integers(part, 0, problem.n - 1):
            if k in inside[u]:
                raise Refused("add: a vertex twice in one part")
            inside[u].add(k)
    rows = [[{} for _ in part] for part in parts]
    number = [{u: i for i, u in enumerate(part)} for part in parts]
    for u, v, w in problem.pairs():
        home = inside[u] & inside[v]
        if len(home) != 1:
            raise Refused(f"add: the pair {u}, {v} is in {len(home)} parts, not in one")
        (k,) = home
        a, b = number[k][u], number[k][v]
        rows[k][a][b] = rows[k][b][a] = w
    constant = problem.value(problem.constant)

    def total(bounds):
        return None if None in bounds else constant + sum(bounds)

    return [lambda r=r: Problem(r, problem.unit) for r in rows], total


RULES = {
    "box": box,
    "psd": psd,
    "lin": lin,
    "rnd": rnd,
    "branch": branch,
    "reduce": reduce,
    "add": add,
}


def derive(statements, problem):
    """The bound that statements in prefix order prove for a problem."""
    # Each frame: problems still to be bounded, last first; bounds so far; their use.
    stack = [([lambda: problem], [], lambda bounds: bounds[0])]
    for index, statement in enumerate(statements):
        if not stack:
            raise Refused(f"statement {index} follows a finished proof")
        if type(statement) is not dict:
            raise Refused(f"statement {index} is no JSON object")
        rule, current = statement.get("rule"), stack[-1][0].pop()()
        if rule == "infeasible":
            if current is not None:
                raise Refused(f"statement {index}: the decisions do not contradict")
            children, combine = [], lambda bounds: None
        elif type(rule) is not str or rule not in RULES:
            raise Refused(f"statement {index}: no rule {str(rule)[:60]!r}")
        elif current is None:
            raise Refused(f"statement {index}: the decisions contradict each other")
        else:
            try:
                children, combine = RULES[rule](statement, current)
            except Refused as reason:
                raise Refused(f"statement {index}: {reason}") from None
        stack.append((children[::-1], [], combine))
        while stack and not stack[-1][0]:
            _, bounds, combine = stack.pop()
            bound = combine(bounds)
            if stack:
                stack[-1][1].append(bound)
    if stack:
        raise Refused("the proof ends early")
    return bound


# ------------------------------------------------------------------------- certificates


class Verdict:
    """What a certificate proves: exact fractions, derived here.

    Attributes
    ----------
    cut : Fraction
        Value of the cut it gives.
    bound : Fraction or None
        No cut (with the fixed sides, if any) has a larger value.
    fixed : int
        How many vertices have a fixed side.
    """

    def __init__(self, cut, bound, fixed):
        self.cut, self.bound, self.fixed = cut, bound, fixed

    def __str__(self):
        lines = [f"cut          {decimal(self.cut, -1)}"]
        if self.bound is None:
            lines.append("upper bound  none stated")
        else:
            lines.append(f"upper bound  {decimal(self.bound, 1)}")
            if self.bound == self.cut:
                lines.append("optimal      the bound equals the cut")
            else:
                lines.append(f"gap          {decimal(self.bound - self.cut, 1)}")
        if self.fixed:
            lines.append(
                f"             among the cuts with the {self.fixed} fixed sides given"
            )
        return "\n".join(lines)


def check(n, edges, certificate):
    """Check a certificate against a graph.

    Parameters
    ----------
    n : int
    edges : dict
        (u, v) with u < v -> float weight, not 0.
    certificate : dict
        The JSON object.

    Returns
    -------
    Verdict

    Raises
    ------
    Refused
        If it is not a proof about this graph.

    Examples
    --------
    >>> certificate = {
    ...     "format": "derandcut certificate 1",
    ...     "graph": {"vertices": 2, "edges": 1, "sha256": digest(2, {(0, 1): 3.0})},
    ...     "claim": {"cut": 3, "upper_bound": 3},
    ...     "sides": "01",
    ...     "proof": [{"rule": "box"}],
    ... }
    >>> print(check(2, {(0, 1): 3.0}, certificate))
    cut          3
    upper bound  3
    optimal      the bound equals the cut
    """
    if type(certificate) is not dict or certificate.get("format") != FORMAT:
        raise Refused(f"the format is not {FORMAT!r}")
    named = field(certificate, "graph", dict)
    sizes = named.get("vertices"), named.get("edges")
    if sizes != (n, len(edges)) or named.get("sha256") != digest(n, edges):
        raise Refused("it speaks of another graph")
    problem = problem_of(n, edges)
    sides = bits(field(certificate, "sides", str), n)
    fixed, whole = {}, problem
    if "fixed" in certificate:
        fixed, problem = fix(field(certificate, "fixed", dict), problem)
    if any(sides[u] != side for u, side in fixed.items()):
        raise Refused("the cut does not keep the fixed sides")
    cut = whole.value(sum(w for u, v, w in whole.pairs() if sides[u] != sides[v]))
    claim, bound = field(certificate, "claim", dict), None
    if cut < number(claim.get("cut")):
        raise Refused(f"the cut is {decimal(cut, -1)}, less than claimed")
    if certificate.get("proof") is not None:
        bound = derive(field(certificate, "proof", list), problem)
        if bound is None or bound > number(claim.get("upper_bound")):
            raise Refused("the bound proved is larger than claimed")
        if bound < cut:
            raise AssertionError("a bound below a cut: please report this certificate")
    return Verdict(cut, bound, len(fixed))


def fix(statement, problem):
    """Join the vertices with a fixed side to vertex 0; the others follow in order."""
    vertices = integers(field(statement, "vertices", list), 0, problem.n - 1)
    sides = bits(field(statement, "sides", str), len(vertices))
    fixed = dict(zip(vertices, sides))
    if len(fixed) != len(vertices) or not fixed:
        raise Refused("a vertex is fixed twice, or none is")
    ground = [{}, *problem.finer(problem.unit).rows]
    ground = [{v + 1: w for v, w in row.items()} for row in ground]
    grounded = Problem(ground, problem.unit, problem.constant)
    for u, side in fixed.items():
        grounded.merge(u + 1, 0, side == 0)  # the ground lies on side 1
    return fixed, grounded.without({u + 1 for u in fixed})[0]


def bits(text, n):
    if len(text) != n or not set(text) <= {"0", "1"}:
        raise Refused(f"expected {n} sides, each 0 or 1")
    return [int(c) for c in text]


def number(claimed):
    """A claim: an integer, or a float in hexadecimal."""
    if type(claimed) is int:
        return claimed
    try:
        return Fraction(float.fromhex(claimed))
    except (TypeError, ValueError, OverflowError):
        raise Refused("a claim is neither an integer nor hexadecimal") from None


def decimal(value, direction):
    """An integer as it is; else a float, rounded down (-1) or up (1)."""
    if value.denominator == 1 and value.numerator.bit_length() <= 128:
        return str(value.numerator)
    try:
        near = float(value)
    except OverflowError:
        if value > 0:
            return "above 1e308" if direction < 0 else "infinite"
        return "-infinite" if direction < 0 else "below -1e308"
    if (Fraction(near) - value) * direction < 0:
        near = math.nextafter(near, direction * math.inf)
    return repr(near)


def digest(n, edges):
    """SHA-256 of n and the sorted edges with exact hexadecimal weights."""
    sha = hashlib.sha256(f"{n}\n".encode())
    for u, v in sorted(edges):
        sha.update(f"{u} {v} {edges[u, v].hex()}\n".encode())
    return sha.hexdigest()


# ------------------------------------------------------------------------------- files


def read_bytes(path):
    try:
        with open(path, "rb") as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
        with (gzip.open if zipped else open)(path, "rb") as stream:
            parts, size = [], 0
            for part in iter(lambda: stream.read(1 << 20), b""):
                parts.append(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise Unreadable(f"{path}: is too large")
            return b"".join(parts)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise Unreadable(f"{path}: cannot be read ({error})") from None


def read_edges(path):
    """Read ``n m`` and m lines ``u v [weight]``; merge parallel edges, drop loops."""
    edges, n, m, expected = {}, None, 0, "a line `n m`"
    for at, line in enumerate(read_bytes(path).splitlines(), 1):
        words = line.split()
        if not words or words[0][:1] in b"#%c":
            continue
        try:
            if n is None:
                n, expected = int(words[0]), "edges `u v weight`"
                announced = int(words[1])
                if n < 0 or len(words) != 2:
                    raise ValueError
                continue
            u, v = int(words[0]) - 1, int(words[1]) - 1
            w = float(words[2]) if len(words) > 2 else 1.0
            if not (0 <= u < n and 0 <= v < n and math.isfinite(w)) or len(words) > 3:
                raise ValueError
            if (
                len(words) > 2
                and words[2].lstrip(b"+-").isdigit()
                and int(words[2]) != w
            ):
                raise ValueError  # an integer that a float cannot hold
        except (ValueError, IndexError):
            raise Unreadable(f"{path}, line {at}: expected {expected}") from None
        m += 1
        if u != v:
            pair = (u, v) if u < v else (v, u)
            edges[pair] = (
                w if pair not in edges else Fraction(edges[pair]) + Fraction(w)
            )
    if n is None or m != announced:
        raise Unreadable(f"{path}: expected {expected}, as many as announced")
    return n, {pair: merged(path, w) for pair, w in edges.items() if w}


def merged(path, weight):
    """The float that a sum of parallel edges is; one that needs rounding is refused."""
    if isinstance(weight, float):
        return weight
    try:
        near = float(weight)
    except OverflowError:
        near = math.inf
    if not math.isfinite(near) or Fraction(near) != weight:
        raise Unreadable(f"{path}: parallel edges add up to no float64")
    return near


def read_certificate(path):
    """Read JSON; what is no JSON at all is unreadable."""
    try:
        return json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        raise Unreadable(f"{path}: is no JSON") from None


def main(arguments=None):
    """Check GRAPH and CERTIFICATE, print what is proved, return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if len(arguments) != 2:
            raise Unreadable("usage: check.py GRAPH CERTIFICATE")
        n, edges = read_edges(arguments[0])
        certificate = read_certificate(arguments[1])
        print(check(n, edges, certificate))
    except MemoryError:
        print("check: error: not enough memory to check this", file=sys.stderr)
        return 2
    except Unreadable as error:
        print(f"check: error: {error}", file=sys.stderr)
        return 2
    except Refused as reason:
        print(f"check: refused: {reason}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
