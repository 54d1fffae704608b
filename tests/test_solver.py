"""`maxcut` as a user meets it: answers, proofs, limits, warm starts, repeatability."""

import itertools
import math
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import assert_valid, maximum_cut
from strategies import graphs

import derandcut
from derandcut import CutGraph, InputError, Status, solver
from derandcut.cut import bound, presolve, sampler, search
from derandcut.cut.surface import tjoin
from derandcut.run import Run

METHODS = ["derandomize", "search", "auto"]


@settings(max_examples=60, deadline=None)
@given(graphs(max_n=9))
def test_chain_and_bound_hold_on_any_graph(graph):
    result = derandcut.maxcut(graph, method="derandomize", options={"iterations": 60})
    assert_valid(graph, result)
    optimum, _ = maximum_cut(graph)
    slack = 1e-10 * graph.absolute_weight
    assert result.cut <= optimum + slack
    assert result.upper_bound >= optimum - (0 if graph.integer else slack)
    values = [link.value for link in result.chain]
    assert all(a <= b + slack for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("method", METHODS)
def test_small_graphs_are_solved(method):
    rng = np.random.default_rng(5)
    for n in (5, 11, 16):
        u, v = np.triu_indices(n, 1)
        keep = rng.random(len(u)) < 0.6
        graph = CutGraph.from_edges(
            u[keep], v[keep], rng.integers(-3, 4, keep.sum()), n
        )
        result = derandcut.maxcut(graph, method=method)
        assert_valid(graph, result)
        assert result.cut == maximum_cut(graph)[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "graph",
    [
        CutGraph.from_edges([], [], n=0),
        CutGraph.from_edges([], [], n=1),
        CutGraph.from_edges([], [], n=3),
        CutGraph.from_edges([0], [1], [-2.5]),
        CutGraph.from_edges([0, 2], [1, 3], [1, 1], n=6),
    ],
    ids=["empty", "one vertex", "no edge", "one negative edge", "disconnected"],
)
def test_degenerate_graphs_are_proved_optimal(graph, method):
    result = derandcut.maxcut(graph, method=method)
    assert_valid(graph, result)
    assert result.cut == maximum_cut(graph)[0]
    assert result.upper_bound == result.cut
    assert result.gap == 0
    assert result.status is Status.OPTIMAL


def sparse(n=300, m=900, seed=1, low=-2, high=3):
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, n, (2, m))
    return CutGraph.from_edges(*ends, rng.integers(low, high, m), n)


@pytest.mark.parametrize("method", METHODS)
def test_the_answer_does_not_depend_on_the_number_of_threads(method):
    graph = sparse()
    one = derandcut.maxcut(graph, method=method, n_threads=1, work_limit=10**7)
    two = derandcut.maxcut(graph, method=method, n_threads=2, work_limit=10**7)
    assert (one.partition == two.partition).all()
    assert one.chain == two.chain
    assert one.work == two.work


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("time_limit", [0.05, 0.4])
def test_a_timed_run_is_repeated_by_its_work_limit(method, time_limit):
    graph = sparse()
    timed = derandcut.maxcut(graph, method=method, time_limit=time_limit)
    again = derandcut.maxcut(graph, method=method, work_limit=timed.work_limit)
    assert_valid(graph, timed)
    assert (timed.partition == again.partition).all()
    assert timed.upper_bound == again.upper_bound
    assert timed.chain == again.chain


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bound": "none", "pool_size": 3},
        {"method": "exact", "pool_size": 3},
        {"method": "derandomize", "bound": "estimate"},
        {"method": "search"},
    ],
    ids=str,
)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kind", ["regular", "grid"])
def test_wherever_the_clock_ends_a_run_its_work_limit_repeats_it(
    monkeypatch, options, large, kind
):
    if large:
        for module in (presolve, search, sampler, bound, solver):
            monkeypatch.setattr(module, "LARGE", 0)
    if kind == "grid":
        monkeypatch.setattr(tjoin, "SLICE", 20)  # so that the matching is interrupted
        graph = CutGraph.from_networkx(nx.grid_2d_graph(14, 14))
        signs = np.random.default_rng(0).choice([-1, 1], graph.m)
        graph = graph.reweighted(signs)
    else:
        parts = [nx.random_regular_graph(6, 40, seed) for seed in range(20, 28)]
        graph = CutGraph.from_networkx(nx.disjoint_union_all(parts))
    options = options | {"options": {"iterations": 3, "starts": 1}}
    for last in range(25):
        looks = itertools.count()
        with monkeypatch.context() as patch:
            end = property(lambda run, k=last, n=looks: -1 if next(n) >= k else 1e9)
            patch.setattr(Run, "_deadline", end)
            timed = derandcut.maxcut(graph, time_limit=1e9, **options)
        again = derandcut.maxcut(graph, work_limit=timed.work_limit, **options)
        assert (timed.partition == again.partition).all()
        assert timed.upper_bound == again.upper_bound
        assert timed.chain == again.chain
        assert len(timed.pool) == len(again.pool)
        if timed.status is not Status.TIME_LIMIT:
            break


def test_a_limit_beyond_the_natural_end_is_used_and_the_natural_end_repeats():
    graph = sparse(n=230, m=2400)  # too large and too dense to be proved unasked
    natural = derandcut.maxcut(graph)
    again = derandcut.maxcut(graph, work_limit=natural.work_limit)
    assert again.work == natural.work
    assert (again.partition == natural.partition).all()
    assert again.upper_bound == natural.upper_bound
    longer = derandcut.maxcut(graph, work_limit=3 * natural.work)
    assert_valid(graph, longer)
    assert longer.work >= 3 * natural.work
    assert longer.cut >= natural.cut


@pytest.mark.parametrize("method", METHODS)
def test_a_time_limit_of_zero_still_answers(method):
    graph = sparse()
    result = derandcut.maxcut(graph, method=method, time_limit=0)
    assert_valid(graph, result)
    assert result.status is Status.TIME_LIMIT
    assert result.upper_bound is not None
    assert result.cut > 0


def test_the_first_cut_comes_before_all_else_and_holds_half_the_weight():
    graph = sparse(low=1, high=4)
    events = derandcut.maxcut(graph, work_limit=0).trace
    first = next(event for event in events if event.cut is not None)
    assert first.work == 0 and first.stage == "presolve"
    assert 2 * first.cut >= graph.total_weight
    start = derandcut.maxcut(graph, method="search", work_limit=10**6)
    warm = derandcut.maxcut(graph, initial=start, work_limit=0).trace
    assert next(event.cut for event in warm if event.cut is not None) == start.cut


def test_the_first_cut_keeps_fixed_sides():
    star = CutGraph.from_edges([0, 0, 0], [1, 2, 3])
    fixed = {1: 1, 2: 1, 3: -1, 0: 1}
    for initial in (None, [-1, -1, -1, -1]):
        result = derandcut.maxcut(star, fixed=fixed, initial=initial)
        assert [int(result.partition[label]) for label in fixed] == list(fixed.values())
        assert {event.cut for event in result.trace} <= {None, 1}


@pytest.mark.parametrize("time_limit", [0, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("kind", ["clique", "random", "real"])
def test_a_large_graph_ends_early_and_repeats(kind, time_limit):
    rng = np.random.default_rng(2)
    if kind == "clique":  # which the reductions solve, if there is time
        graph = CutGraph.from_edges(*np.triu_indices(800, 1), n=800)
    else:
        m = 300_000
        weights = np.ones(m) if kind == "random" else rng.standard_normal(m)
        graph = CutGraph.from_edges(*rng.integers(0, 20_000, (2, m)), weights, 20_000)
    timed = derandcut.maxcut(graph, time_limit=time_limit)
    assert_valid(graph, timed)
    assert timed.cut > 0
    again = derandcut.maxcut(graph, work_limit=timed.work_limit, n_threads=1)
    assert (timed.partition == again.partition).all()
    assert timed.upper_bound == again.upper_bound
    assert timed.chain == again.chain


def test_scale_does_not_matter():
    graph = sparse()
    reference = derandcut.maxcut(graph, method="derandomize", n_threads=1)
    for power in (-40, 40):
        scaled = graph.reweighted(graph.edges()[2] * 2.0**power)
        result = derandcut.maxcut(scaled, method="derandomize", n_threads=1)
        assert_valid(scaled, result)
        assert math.isclose(result.cut, reference.cut * 2.0**power, rel_tol=1e-12)


def test_fixed_sides_hold_and_lose_nothing_else():
    graph = sparse(n=12, m=30)
    fixed = {0: 1, 3: 1, 7: -1}
    result = derandcut.maxcut(graph, fixed=fixed)
    sides = [int(result.partition[label]) for label in fixed]
    assert sides == list(fixed.values())
    best = max(
        graph.cut(x)
        for x in (np.array(y) for y in itertools.product((-1, 1), repeat=graph.n))
        if [x[label] for label in fixed] == list(fixed.values())
    )
    assert result.cut == best
    assert result.upper_bound >= best


def test_integers_near_2_to_the_53_are_exact():
    weights = [148867706415198, 220188987847008, 2060965992890749, 3034066620236411]
    weights += [1861197785038356, 896084262988857, 785827899324410]
    path = CutGraph.from_edges(range(7), range(1, 8), weights)
    assert path.integer
    assert path.total_weight == sum(weights)
    for reductions in (True, False):
        result = derandcut.maxcut(path, options={"reductions": reductions})
        assert result.cut == result.upper_bound == sum(weights)
    more = CutGraph.from_edges(range(7), range(1, 8), [2**53 - 1, 1, 1, 1, 1, 1, 1])
    assert not more.integer


def test_what_adding_parallel_edges_rounds_is_in_the_bound():
    tenths = CutGraph.from_edges([0] * 10, [1] * 10, [0.1] * 10)
    assert tenths.rounding > 0
    exact = 10 * Fraction(0.1)
    assert Fraction(derandcut.maxcut(tenths).upper_bound) >= exact
    lost = CutGraph.from_edges([0, 0, 0], [1, 1, 1], [1e16, 1, -1e16])
    assert derandcut.maxcut(lost).upper_bound >= 1
    assert CutGraph.from_edges([0] * 3, [1] * 3, [0.5, 2, -7]).rounding == 0


def test_the_baseline_refuses_what_it_cannot_honour():
    for arguments in (
        {"fixed": {0: 1}},
        {"initial": [1, 1, 1]},
        {"time_limit": 1},
        {"gap": 0.1},
        {"target": 2},
        {"bound": "none"},
        {"pool_size": 2},
    ):
        with pytest.raises(InputError, match="goemans-williamson takes no"):
            derandcut.maxcut(
                ([0, 1], [1, 2], [1, 1]), method="goemans-williamson", **arguments
            )


def test_a_warm_start_is_never_lost():
    graph = sparse()
    good = derandcut.maxcut(graph, work_limit=10**7)
    for initial in (
        good,
        good.partition,
        (good.partition > 0).astype(int),
        good.sides()[0],
        dict(enumerate(good.partition.tolist())),
    ):
        result = derandcut.maxcut(graph, initial=initial, time_limit=0)
        assert result.cut >= good.cut


def test_pool_members_are_distinct_and_sorted():
    graph = sparse()
    result = derandcut.maxcut(graph, pool_size=4, work_limit=3 * 10**7)
    cuts = [graph.cut(member) for member in result.pool]
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] == result.cut
    assert len(cuts) == 4
    for a, b in itertools.combinations(result.pool, 2):
        assert 0 < np.count_nonzero(a != b) < graph.n


def test_bound_kinds():
    graph = sparse(n=60, m=200)
    none = derandcut.maxcut(graph, method="derandomize", bound="none")
    assert none.upper_bound is None
    assert none.gap is None
    assert none.bound_kind == "none"
    estimate = derandcut.maxcut(graph, method="derandomize", bound="estimate")
    assert estimate.bound_kind == "estimate"
    assert estimate.status is not Status.OPTIMAL
    proved = derandcut.maxcut(graph, method="derandomize")
    assert proved.bound_kind == "proved"


def test_target_gap_and_callback_stop_the_run():
    graph = sparse()
    assert derandcut.maxcut(graph, target=1).status is Status.TARGET_REACHED
    assert derandcut.maxcut(graph, gap=0.9).status is Status.GAP_REACHED
    stopped = derandcut.maxcut(
        graph, callback=lambda event: event.stage == "derandomize"
    )
    assert stopped.status is Status.STOPPED
    assert_valid(graph, stopped)


def test_trace_is_monotone_and_stages_are_timed():
    graph = sparse()
    result = derandcut.maxcut(graph, work_limit=10**7)
    cuts = [event.cut for event in result.trace if event.cut is not None]
    assert cuts == sorted(cuts)
    work = [event.work for event in result.trace]
    assert work == sorted(work)
    assert {"presolve", "relaxation", "derandomize", "search", "bound"} <= {
        name for name, _ in result.stages
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "magic"}, "method must be one of"),
        ({"bound": "maybe"}, "bound must be one of"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"n_threads": 0}, "n_threads must be"),
        ({"time_limit": -1}, "time_limit must be a number >= 0"),
        ({"time_limit": math.nan}, "time_limit must be a number >= 0"),
        ({"gap": -0.1}, "gap must be"),
        ({"work_limit": 1.5}, "work_limit must be a whole number"),
        ({"pool_size": 0}, "pool_size must be"),
        ({"fixed": {99: 1}}, "99"),
        ({"fixed": {0: 7}}, "side of 0"),
        ({"initial": [1, 1]}, "initial must hold 3 sides"),
        ({"initial": {0: 1}}, "initial names no side"),
        ({"initial": {5}}, "no vertex"),
        ({"options": "fast"}, "unknown preset"),
        ({"options": {"rank": 2.5}}, "rank must be a whole number"),
        ({"options": {"rank": 513}}, "rank must be between 2 and 512"),
        ({"target": "x"}, "target must be a number"),
        ({"target": math.nan}, "target must be a number"),
        ({"callback": 3}, "callback must be callable"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        derandcut.maxcut(([0, 1], [1, 2], [1, 1]), **arguments)


def test_gset_targets_of_the_derandomized_relaxation(gset):
    for name, least in (("G32", 1408), ("G70", 9560)):
        graph = derandcut.read_graph(gset(name))
        result = derandcut.maxcut(graph, method="derandomize", n_threads=1)
        assert_valid(graph, result)
        assert result.cut >= least


def test_the_rounding_of_parallel_edges_is_in_every_bound():
    weights = [1e16] + [1.0] * 40
    two = CutGraph.from_edges([0] * 41 + [1], [1] * 41 + [2], [*weights, 1.0], 3)
    exact = sum(map(Fraction, weights)) + 1
    for method in ("auto", "exact", "goemans-williamson"):
        assert Fraction(derandcut.maxcut(two, method=method).upper_bound) >= exact
    ends = [(0, 1)] * 41 + [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    whole = CutGraph.from_edges(*np.transpose(ends), [*weights, *[1e15] * 5], 4)
    result = derandcut.maxcut(
        whole,
        embedding={0: [1, 2, 3], 1: [0, 3, 2], 2: [0, 1, 3], 3: [0, 2, 1]},
        options={"reductions": False},
    )
    assert Fraction(result.upper_bound) >= sum(map(Fraction, weights)) + 3 * 10**15


def test_more_ascents_than_one_are_made_before_a_search_where_they_are_wanted():
    graph = sparse()

    def work(options):
        result = derandcut.maxcut(graph, work_limit=10**8, options=options)
        return [event.work for event in result.trace if event.stage == "derandomize"]

    assert work({"starts": 4})[-1] > work({"starts": 1})[-1]


def test_planar_graphs_are_matched_before_the_search():
    grid = nx.grid_2d_graph(12, 12)
    rng = np.random.default_rng(0)
    for edge in grid.edges:
        grid.edges[edge]["weight"] = int(rng.choice([-1, 1]))
    whole = {"reductions": False}
    result = derandcut.maxcut(grid, options=whole)
    assert result.status is Status.OPTIMAL
    assert "search" not in [name for name, _ in result.stages]
    assert [link.name for link in result.chain][:1] == ["guarantee"]
    result.certify()
    rotation = nx.check_planarity(grid)[1].get_data()
    drawn = derandcut.maxcut(grid, embedding=rotation)
    assert drawn.cut == result.cut and drawn.status is Status.OPTIMAL
    assert "search" not in [name for name, _ in drawn.stages]
    # a pool is what the search is for; too little work for a matching to be sure too
    many = derandcut.maxcut(grid, pool_size=5, options=whole)
    assert many.cut == result.cut and len(many.pool) > 1
    short = derandcut.maxcut(grid, work_limit=200 * grid.size())
    assert short.cut <= result.cut <= short.upper_bound


def test_planar_blocks_are_matched_several_at_a_time():
    rng = np.random.default_rng(1)
    parts, optimum = [], 0
    for _ in range(7):
        grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(6, 7))
        for edge in grid.edges:
            grid.edges[edge]["weight"] = int(rng.integers(-9, 10))
        optimum += derandcut.maxcut(grid).cut
        parts.append(grid)
    whole = nx.disjoint_union_all(parts)
    whole.add_edges_from((42 * k, 42 * k + 42, {"weight": 5}) for k in range(6))
    options = {"reductions": False}
    one, three = (derandcut.maxcut(whole, n_threads=k, options=options) for k in (1, 3))
    assert one.cut == one.upper_bound == optimum + 30
    assert "search" not in [name for name, _ in one.stages]
    assert (one.partition == three.partition).all() and one.work == three.work


def test_no_member_of_the_pool_is_better_than_the_cut():
    # blocks, whose best sides the pool puts together after the search has ended
    rng = np.random.default_rng(3)
    for _ in range(40):
        blocks = [
            nx.gnp_random_graph(6, 0.6, seed=int(rng.integers(99))) for _ in "123"
        ]
        whole = nx.disjoint_union_all(blocks)
        u, v = np.array(whole.edges()).T
        graph = CutGraph.from_edges(u, v, rng.uniform(1, 9, len(u)), 18)
        result = derandcut.maxcut(graph, work_limit=25, options={"reductions": False})
        assert max(map(graph.cut, result.pool)) <= result.cut
