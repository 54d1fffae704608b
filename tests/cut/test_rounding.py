"""Conditional expectations, 1-flip descent, and the guarantee's right-hand side."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut.cut.rounding import (
    ALPHA_GW,
    conditional_expectations,
    guarantee,
    one_flip_descent,
    product_means,
)
from derandcut.graph import CutGraph
from derandcut.run import Run


@st.composite
def graphs(draw, integer=False):
    n = draw(st.integers(0, 9))
    m = draw(st.integers(0, 20)) if n else 0
    ends = st.lists(st.integers(0, max(0, n - 1)), min_size=m, max_size=m)
    scale = 1.0 if integer else 10.0 ** draw(st.integers(-12, 12))
    number = st.integers(-5, 5) if integer else st.floats(-3, 3)
    w = draw(st.lists(number, min_size=m, max_size=m))
    if not integer and m:
        w[0] *= 1e9  # wild scales side by side
    return CutGraph.from_edges(
        np.array(draw(ends), dtype=int), np.array(draw(ends), dtype=int),
        scale * np.array(w, dtype=float), n,
    )  # fmt: skip


def product_value(graph, mean):
    u, v, w = graph.edges()
    return float((w * (1 - mean[u] * mean[v]) / 2).sum())


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 99))
def test_rounding_never_lowers(graph, seed):
    mean = np.random.default_rng(seed).uniform(-1, 1, graph.n)
    slack = 1e-10 * graph.absolute_weight
    partition = conditional_expectations(graph, mean)
    assert set(partition.tolist()) <= {-1, 1}
    cut = graph.cut(partition)
    assert cut >= product_value(graph, mean) - slack
    assert graph.cut(one_flip_descent(graph, partition)) >= cut - slack


@settings(max_examples=60, deadline=None)
@given(graph=graphs(integer=True), seed=st.integers(0, 99))
def test_descent_ends_where_no_flip_gains(graph, seed):
    start = np.random.default_rng(seed).choice([-1, 1], graph.n)
    side = one_flip_descent(graph, start).astype(int)
    assert (side * (graph.adjacency @ side) <= 0).all()
    assert graph.cut(side) >= graph.cut(start)


def test_descent_charges_its_run_and_stops_with_it():
    n = 200
    graph = CutGraph.from_edges(np.arange(n - 1), np.arange(1, n))
    run = Run(graph)
    side = one_flip_descent(graph, np.ones(n), run)
    assert run.work >= graph.m
    assert graph.cut(side) >= graph.m // 2


def test_product_means_are_those_of_the_normal_law():
    b = np.array([-np.inf, -1.0, 0.0, 2.0])
    found = product_means(b, tau=2.0)
    assert np.allclose(found, [-1, -0.38292492254802624, 0, 0.6826894921370859])


def test_alpha_is_the_goemans_williamson_constant():
    t = np.linspace(1e-3, np.pi, 2_000_001)
    assert abs((2 / np.pi * t / (1 - np.cos(t))).min() - ALPHA_GW) < 1e-12


def test_guarantee_shifts_by_the_negative_weight():
    graph = CutGraph.from_edges([0, 1], [1, 2], [2.0, -1.0])
    assert np.isclose(guarantee(graph, 2.0, c=1e9), ALPHA_GW * 3 - 1)
