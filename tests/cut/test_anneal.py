"""The annealers: exact counts, the right law, the right answers, the same bits."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError
from derandcut.cut import anneal
from derandcut.cut.anneal import (
    BitSlicedAnnealer,
    ScalarAnnealer,
    bit_sliceable,
    population,
    schedule,
)
from derandcut.run import Run

KINDS = [BitSlicedAnnealer, ScalarAnnealer]


def random_graph(n, m, seed, weights=(1.0,)):
    rng = np.random.default_rng(seed)
    u, v = np.sort(rng.integers(0, n, (2, m)), axis=0)
    pair = np.unique(u * n + v)  # no parallel edges, whose weights would add up
    return CutGraph.from_edges(pair // n, pair % n, rng.choice(weights, len(pair)), n)


def all_cuts(graph):
    """The cut of every partition, vertex u on side +1 where bit u of the index is 1."""
    u, v, w = graph.edges()
    x = np.arange(1 << graph.n)[:, None] >> np.arange(graph.n) & 1
    return ((x[:, u] ^ x[:, v]) * w).sum(axis=1)


def check_counts(cuts):
    graph = cuts.graph
    values, columns = cuts.cuts(), cuts.partitions()
    assert values.shape == (cuts.size,)
    assert columns.shape == (graph.n, cuts.size) and columns.dtype == np.int8
    for j in range(cuts.size):
        expected = graph.cut(columns[:, j])
        if graph.integer:
            assert values[j] == expected
        else:
            assert abs(values[j] - expected) <= 1e-12 * graph.absolute_weight
    for j in (0, cuts.size - 1):
        assert (cuts.partition(j) == columns[:, j]).all()


# ------------------------------------------------------------------- counting


@pytest.mark.parametrize(
    "weights", [(1,), (-1,), (1, -1), (1, 2), (-3, 2, 5), (7, -15, 4), (255, -254, 1)]
)
@pytest.mark.parametrize("shape", [(2, 1), (30, 40), (60, 900), (200, 700)])
def test_cuts_are_exact(weights, shape):
    graph = random_graph(*shape, seed=3, weights=np.array(weights, float))
    cuts = BitSlicedAnnealer(graph, seed=1)
    check_counts(cuts)
    cuts.anneal(Run(graph), 3, *schedule(graph))
    check_counts(cuts)


@pytest.mark.parametrize("degree", [1, 7, 15, 16, 31, 32, 100, 3000, 100_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_any_degree(degree, sign):
    """A star: its centre flips into the majority, whatever the counter's width."""
    graph = CutGraph.from_edges(
        np.zeros(degree, int), np.arange(1, degree + 1), np.full(degree, sign)
    )
    cuts = BitSlicedAnnealer(graph, seed=2)
    before = cuts.partitions()[0]
    run = Run(graph)
    cuts.anneal(run, 2, 0.0, 0.0)
    assert (cuts.cuts() == (degree if sign > 0 else 0)).all()
    if 1 < degree < 4096:  # the leaves are visited first and follow the centre
        assert (cuts.partitions()[0] == before).all()
    cuts.anneal(run, 3, 2.0 * degree, 2.0 * degree)
    cuts.anneal(run, 2, 0.0, 0.0)
    assert (cuts.cuts() == (degree if sign > 0 else 0)).all()
    assert run.work == 7 * degree


def test_a_hub_follows_its_leaves():
    """Leaves held by pairs of heavy edges: the hub counts them, gain by gain."""
    leaves = 3000
    hub = np.zeros(leaves, int)
    leaf = np.arange(1, leaves + 1)
    graph = CutGraph.from_edges(
        np.r_[hub, leaf], np.r_[leaf, leaf + leaves], np.r_[hub + 1, hub + 255]
    )
    cuts = BitSlicedAnnealer(graph, seed=4)
    columns = cuts.partitions()
    columns[leaves + 1 :] = -columns[1 : leaves + 1]  # each heavy edge is cut
    cuts.load(columns)
    cuts.anneal(Run(graph), 1, 0.0, 0.0)
    after = cuts.partitions()
    assert (after[1:] == columns[1:]).all()
    pull = columns[1 : leaves + 1].sum(axis=0, dtype=np.int64)
    decided = pull != 0
    assert (after[0, decided] == -np.sign(pull[decided])).all()
    assert (after[0, ~decided] == -columns[0, ~decided]).all()


# ------------------------------------------------------------------------ law


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        (BitSlicedAnnealer, (1.0, -1.0)),
        (BitSlicedAnnealer, (1.0, 2.0, -3.0)),
        (ScalarAnnealer, (0.7, -1.3, 1.9)),
    ],
)
@pytest.mark.parametrize("T", [0.8, 2.5])
def test_boltzmann_law_at_fixed_temperature(kind, weights, T):
    """P(x) ~ exp(cut(x) / T): chi-square over the 32 states of 5 vertices."""
    # Two edges of K5 are missing: with even degrees alone, gains of zero, which always
    # pass, would keep a sweep in fixed order from reaching every state.
    u, v = np.triu_indices(5, 1)[0][2:], np.triu_indices(5, 1)[1][2:]
    rng = np.random.default_rng(7)
    graph = CutGraph.from_edges(u, v, rng.choice(weights, 8))
    expected = np.exp(all_cuts(graph) / T)
    expected /= expected.sum()
    counts = np.zeros(32)
    cuts = kind(graph, 8, seed=11)
    run = Run(graph)
    rounds = 500
    for _ in range(rounds):
        cuts.anneal(run, 8, T, T)
        # One replica a word: the others share its random numbers.
        columns = cuts.partitions()[:, :: cuts.size // 8]
        counts += np.bincount((columns > 0).T @ (1 << np.arange(5)), minlength=32)
    total = counts.sum()
    chi_square = ((counts - total * expected) ** 2 / (total * expected)).sum()
    assert chi_square < 75  # 31 degrees of freedom: p = 2e-5


def test_each_replica_follows_the_law():
    """The marginal of a replica: mean cut over time, for all 256 at once."""
    graph = random_graph(12, 24, 5, (1.0, -1.0))
    values = all_cuts(graph)
    T = 1.5
    weight = np.exp((values - values.max()) / T)
    mean = (weight * values).sum() / weight.sum()
    cuts = BitSlicedAnnealer(graph, seed=6)
    run = Run(graph)
    cuts.anneal(run, 50, T, T)
    series = []
    for _ in range(1500):
        cuts.anneal(run, 4, T, T)
        series.append(cuts.cuts())
    error = np.mean(series, axis=0) - mean
    assert np.abs(error).max() < 0.5
    assert abs(error.mean()) < 0.15


# -------------------------------------------------------------------- answers


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 12),
    st.integers(0, 40),
    st.integers(0, 1000),
    st.sampled_from([1e-12, 1e-3, 1.0, 1e12]),
    st.booleans(),
)
def test_finds_the_optimum_of_small_graphs(n, m, seed, scale, small):
    rng = np.random.default_rng(seed)
    u, v = rng.integers(0, n, (2, m))
    w = scale * (rng.integers(-4, 5, m) if small else rng.normal(size=m))
    graph = CutGraph.from_edges(u, v, w, n)
    cuts = population(graph, 1 if bit_sliceable(graph) else 24, seed)
    cuts.anneal(Run(graph), 60, *schedule(graph))
    check_counts(cuts)
    best = all_cuts(graph).max()
    assert graph.cut(cuts.best()) >= best - 1e-9 * graph.absolute_weight


def test_both_kinds_agree_on_a_graph_of_200():
    graph = random_graph(200, 600, 8)
    best = []
    for kind, parts in ((BitSlicedAnnealer, 1), (ScalarAnnealer, 20)):
        cuts = kind(graph, parts, seed=1)
        cuts.anneal(Run(graph), 2000, *schedule(graph))
        best.append(cuts.cuts().max())
    assert best[0] == best[1]


def test_complete_graph_with_real_weights():
    """Rows without indices give the fields that rows with indices give."""
    rng = np.random.default_rng(2)
    u, v = np.triu_indices(40, 1)
    graph = CutGraph.from_edges(u, v, rng.normal(size=len(u)))
    # One more vertex without an edge: the same rows, no longer full.
    larger = CutGraph.from_edges(*graph.edges(), n=41)
    start = rng.choice([-1, 1], (41, 2))
    ends = []
    for instance in (graph, larger):
        cuts = ScalarAnnealer(instance, 2, seed=3)
        cuts.load(start[: instance.n])
        cuts.anneal(Run(instance), 30, 0.0, 0.0)
        ends.append(cuts.partitions()[:40])
    assert (ends[0] == ends[1]).all()


# ----------------------------------------------------------- load, edges, rule


@pytest.mark.parametrize("kind", KINDS)
def test_load_and_back(kind):
    graph = random_graph(50, 120, 9, (1.0, -2.0))
    cuts = kind(graph, 3, seed=0)
    columns = np.random.default_rng(1).choice([-1, 1], (50, cuts.size))
    cuts.load(columns)
    assert (cuts.partitions() == columns).all()
    check_counts(cuts)
    cuts.load(columns[:, :2])
    assert (cuts.partition(cuts.size - 1) == columns[:, (cuts.size - 1) % 2]).all()
    with pytest.raises(InputError, match="shape"):
        cuts.load(columns[1:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_graphs_without_edges(kind, n):
    graph = CutGraph.from_edges([], [], [], n)
    cuts = kind(graph, 1)
    assert schedule(graph) == (0.0, 0.0)
    assert cuts.anneal(Run(graph), 10, 0.0, 0.0) == 10
    assert (cuts.cuts() == 0).all()
    assert cuts.partition(0).shape == (n,)


@pytest.mark.parametrize("kind", KINDS)
def test_stops_with_the_run_and_cools_down(kind):
    graph = random_graph(300, 900, 10)
    cuts = kind(graph, 2)
    run = Run(graph, work_limit=50 * cuts.units)
    assert cuts.anneal(run, 10_000, *schedule(graph)) == 50
    assert run.work == run.work_limit and run.exhausted()
    x = cuts.partition(0).astype(float)
    assert (x * (graph.adjacency @ x) > 0).mean() <= 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_another_population_is_like_a_new_one(kind):
    graph = random_graph(300, 900, 10, (1.0, -2.0))
    first = kind(graph, 2, seed=1)
    first.anneal(Run(graph), 20, *schedule(graph))
    before = first.partitions()
    second, new = first.another(5), kind(graph, 2, seed=5)
    for cuts in (second, new):
        cuts.anneal(Run(graph), 20, *schedule(graph))
    assert (second.partitions() == new.partitions()).all()
    assert (first.partitions() == before).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_is_the_best_also_after_loading(kind):
    graph = random_graph(50, 300, 4, (0.5, -1.5))
    cuts = kind(graph, 4, seed=3)
    for _ in range(3):
        assert graph.cut(cuts.best()) == pytest.approx(cuts.cuts().max())
        cuts.sweep(np.full(5, 0.4))
        assert graph.cut(cuts.best()) == pytest.approx(cuts.cuts().max())
        cuts.load(-cuts.partitions()[:, ::-1])


def test_scalar_fields_stay_exact_over_many_slices():
    """At temperature zero in the end no flip improves, whatever came before."""
    rng = np.random.default_rng(0)
    graph = random_graph(60, 900, 1)
    graph = graph.reweighted(rng.standard_normal(graph.m))
    cuts = ScalarAnnealer(graph, 4)
    for _ in range(50):
        cuts.sweep(np.full(100, 2.0))
    cuts.sweep(np.zeros(50))
    x = cuts.partitions().astype(float)
    assert (x * (graph.adjacency @ x)).max() <= 1e-12 * graph.absolute_weight


@pytest.mark.parametrize("T", [-1.0, np.inf, np.nan])
def test_temperature_must_be_finite(T):
    graph = random_graph(5, 5, 0)
    with pytest.raises(InputError, match="temperature"):
        BitSlicedAnnealer(graph).anneal(Run(graph), 5, T, 0.1)


def test_very_hot_is_uniform():
    """T far above all gaps: every flip passes, no table overflows."""
    graph = random_graph(100, 2000, 1, (1.0, 100.0))
    cuts = BitSlicedAnnealer(graph)
    before = cuts.partitions()
    cuts.anneal(Run(graph), 1, 1e30, 1e30)
    assert (cuts.partitions() == -before).all()


def test_bit_sliceable_rule():
    def star(*w):
        return CutGraph.from_edges(np.zeros(len(w), int), 1 + np.arange(len(w)), w)

    assert bit_sliceable(star(1, -1, 15))
    assert bit_sliceable(star(1000, -2000))
    assert bit_sliceable(star(0.1, 0.3, -0.7))
    assert bit_sliceable(star(1e-12, 2e-12))
    assert not bit_sliceable(star(1, 256))
    assert not bit_sliceable(star(1.0, np.pi))
    assert isinstance(population(star(1.0, np.pi)), ScalarAnnealer)
    with pytest.raises(InputError, match="multiples"):
        BitSlicedAnnealer(star(1, 1000))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 30), st.integers(0, 100), st.sampled_from([2.0**-40, 2.0**40]))
def test_schedule_scales_with_the_weights(n, seed, scale):
    rng = np.random.default_rng(seed)
    u, v = rng.integers(0, n, (2, 3 * n))
    w = rng.normal(size=3 * n)
    graph = CutGraph.from_edges(u, v, w, n)
    for start in ("random", "law"):
        hot, cold = schedule(graph, start=start)
        assert 0 <= cold <= hot
        scaled = schedule(CutGraph.from_edges(u, v, scale * w, n), start=start)
        assert scaled == (scale * hot, scale * cold)


def test_schedule_rejects_an_unknown_start():
    with pytest.raises(InputError, match="start"):
        schedule(random_graph(5, 5, 0), start="warm")


# ----------------------------------------------------------------- reproducible


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [(1.0,), (1.0, -3.0)])
def test_same_bits_for_any_number_of_threads(kind, weights):
    graph = random_graph(300, 1000, 12, weights)
    ends = []
    for n_threads in (1, 3):
        cuts = kind(graph, 4, seed=5, n_threads=n_threads)
        cuts.anneal(Run(graph), 40, *schedule(graph))
        ends.append(cuts.partitions())
    assert (ends[0] == ends[1]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [(1.0,), (1.0, -3.0, 7.0)])
def test_same_bits_on_both_builds(kind, weights, monkeypatch):
    fast = pytest.importorskip("derandcut.cut._search_avx2")
    base = importlib.import_module("derandcut.cut._search")
    graph = random_graph(200, 3000, 13, weights)
    ends = []
    for kernel in (base, fast):
        monkeypatch.setattr(anneal, "_search", kernel)
        cuts = kind(graph, 1, seed=5)
        cuts.anneal(Run(graph), 40, *schedule(graph))
        ends.append((cuts.partitions(), cuts.cuts()))
    assert (ends[0][0] == ends[1][0]).all() and (ends[0][1] == ends[1][1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_slices_do_not_show(kind, monkeypatch):
    """A run cut into small slices makes the same moves (integer weights: exactly)."""
    graph = random_graph(150, 450, 14, (1.0, 2.0))
    ends = []
    for size in (anneal.SLICE, 3 * graph.m):
        monkeypatch.setattr(anneal, "SLICE", size)
        cuts = kind(graph, 1, seed=5)
        cuts.anneal(Run(graph), 40, *schedule(graph))
        ends.append(cuts.partitions())
    assert (ends[0] == ends[1]).all()


def test_equal_replicas_part():
    """256 copies of one cut go different ways."""
    graph = random_graph(200, 600, 16)
    cuts = BitSlicedAnnealer(graph, seed=1)
    cuts.load(cuts.partition(0)[:, None])
    assert len(np.unique(cuts.partitions(), axis=1).T) == 1
    hot, _ = schedule(graph)
    cuts.anneal(Run(graph), 50, hot, hot)
    assert len(np.unique(cuts.partitions(), axis=1).T) > 128


def test_words_and_seeds_differ():
    graph = random_graph(100, 300, 15)
    cuts = BitSlicedAnnealer(graph, 2, seed=1)
    columns = cuts.partitions()
    assert len(np.unique(columns, axis=1).T) == 512
    other = BitSlicedAnnealer(graph, 2, seed=2).partitions()
    assert (columns != other).any()
