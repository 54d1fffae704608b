"""Partition crossover: never worse than its parents, and additive."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from derandcut import CutGraph
from derandcut.cut.crossover import combine


@st.composite
def graphs_with_parents(draw):
    n = draw(st.integers(1, 30))
    m = draw(st.integers(0, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    real = draw(st.booleans())
    w = rng.normal(size=m) if real else rng.integers(-3, 4, m)
    graph = CutGraph.from_edges(rng.integers(0, n, m), rng.integers(0, n, m), w, n)
    parents = rng.choice(np.array([-1, 1], np.int8), size=(draw(st.integers(1, 5)), n))
    return graph, parents


@given(graphs_with_parents())
def test_the_child_is_at_least_as_good_as_every_parent(case):
    graph, parents = case
    child, gain = combine(graph, parents)
    tolerance = 0 if graph.integer else 1e-12 * graph.absolute_weight
    assert abs(graph.cut(child) - graph.cut(parents[0]) - gain) <= tolerance
    assert graph.cut(child) >= max(graph.cut(parent) for parent in parents) - tolerance


def test_components_of_a_difference_are_taken_one_by_one():
    # Four disjoint edges; each parent cuts two of them.
    graph = CutGraph.from_edges([0, 2, 4, 6], [1, 3, 5, 7])
    parents = np.array(
        [[1, -1, 1, -1, 1, 1, 1, 1], [1, 1, 1, 1, 1, -1, 1, -1]], np.int8
    )
    child, gain = combine(graph, parents)
    assert gain == 2
    assert graph.cut(child) == 4


def test_parents_are_left_alone():
    graph = CutGraph.from_edges([0], [1])
    parents = np.array([[1, 1], [1, -1]], np.int8)
    combine(graph, parents)
    assert parents.tolist() == [[1, 1], [1, -1]]
