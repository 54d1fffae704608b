"""What the tests believe: brute force, and a validator of results."""

import json
import math
from itertools import pairwise

import numpy as np

from derandcut import CutGraph, check
from derandcut.result import CutResult, Status

LARGEST = 18  # vertices brute force takes


def all_cuts(graph: CutGraph) -> np.ndarray:
    """Value of every partition with the last vertex on side -1.

    Bit u of an entry's position says whether vertex u is on side +1.
    """
    assert graph.n <= LARGEST
    codes = np.arange(1 << max(graph.n - 1, 0))
    values = np.zeros(len(codes))
    for u, v, w in zip(*graph.edges(), strict=True):
        values += w * ((codes >> u ^ codes >> v) & 1)
    return values


def maximum_cut(graph: CutGraph) -> tuple[float, np.ndarray]:
    """The maximum cut and a partition that attains it, by brute force."""
    values = all_cuts(graph)
    best = int(values.argmax())
    bits = (best >> np.arange(graph.n)) & 1
    return values[best], (2 * bits - 1).astype(np.int8)


def verdict(graph: CutGraph, found: dict) -> check.Verdict:
    """What the checker says of a certificate, as read from a file."""
    u, v, w = (column.tolist() for column in graph.edges())
    edges = dict(zip(zip(u, v, strict=True), w, strict=True))
    return check.check(graph.n, edges, json.loads(json.dumps(found)))


def slack(graph: CutGraph) -> float:
    """Rounding allowed between two values of one graph."""
    return 0.0 if graph.integer else 1e-10 * graph.absolute_weight


def assert_valid(graph: CutGraph, result: CutResult) -> None:
    """Fail unless every statement of `result` that can be checked is true.

    To 12 vertices the bound and the status are held against brute force.
    """
    side = result.partition
    assert side.dtype == np.int8
    assert side.shape == (graph.n,)
    assert set(side.tolist()) <= {-1, 1}
    assert not side.flags.writeable
    assert result.labels == graph.labels

    u, v, w = graph.edges()
    counted = math.fsum(w[side[u] != side[v]].tolist())
    assert abs(result.cut - counted) <= slack(graph)
    assert isinstance(result.cut, int) == graph.integer

    if result.bound_kind == "none":
        assert result.upper_bound is None
        assert result.gap is None
    else:
        assert result.bound_kind in {"proved", "estimate"}
        assert result.cut <= result.upper_bound + slack(graph)
        room = result.upper_bound - result.cut
        if result.cut:
            assert result.gap == room / abs(result.cut)
        else:
            assert result.gap == (math.inf if room else 0)

    # Links may touch: the rounding of (2.7) is allowed for integer weights too.
    room = 1e-10 * graph.absolute_weight
    for below, above in pairwise(result.chain):
        assert below.value <= above.value + room, (below, above)

    if result.status is Status.OPTIMAL:
        assert result.bound_kind == "proved"
        allowed = 0 if graph.integer else 1e-9 * abs(result.cut)
        assert result.upper_bound - result.cut <= allowed

    for other in result.pool:
        assert other.shape == (graph.n,)
        assert graph.cut(other) <= result.cut + slack(graph)

    if graph.n <= 12:
        optimum = maximum_cut(graph)[0]
        assert result.cut <= optimum + slack(graph)
        if result.bound_kind == "proved":
            assert result.upper_bound >= optimum - slack(graph)
