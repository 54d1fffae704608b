"""The sampler: any graph, any state, any build, any number of threads."""

import importlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut._core import _cpu
from derandcut.cut import sampler as module
from derandcut.cut.rounding import guarantee
from derandcut.cut.sampler import Sampler, derandomize
from derandcut.errors import InputError
from derandcut.graph import CutGraph
from derandcut.result import Status
from derandcut.run import Run

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "gset"


def random_graph(n, m, seed, negative=False):
    rng = np.random.default_rng(seed)
    w = rng.choice([-1.0, 1.0], m) if negative else np.ones(m)
    return CutGraph.from_edges(*rng.integers(0, n, (2, m)), w, n)


def unit_rows(graph, rank=8, seed=0, sweeps=40):
    """V of a rough SDP solution: V_u <- -normalise(sum w V_v)."""
    V = np.random.default_rng(seed).standard_normal((graph.n, rank))
    V /= np.linalg.norm(V, axis=1)[:, None]
    for _ in range(sweeps):
        for u in range(graph.n):
            row = slice(graph.indptr[u], graph.indptr[u + 1])
            g = graph.weights[row] @ V[graph.indices[row]]
            size = np.linalg.norm(g)
            if size > 0:
                V[u] = -g / size
    return V


def sdp_value(graph, V):
    u, v, w = graph.edges()
    return float((w * (1 - (V[u] * V[v]).sum(1)) / 2).sum())


def best_cut(graph):
    sides = itertools.product([1, -1], repeat=max(0, graph.n - 1))
    return max((graph.cut([1, *x][: graph.n]) for x in sides), default=0)


def check_chain(graph, found, V, c=12.0):
    slack = 1e-10 * graph.absolute_weight
    values = [link.value for link in found.links]
    assert values[0] >= guarantee(graph, sdp_value(graph, V), c) - slack
    for low, high in itertools.pairwise(values):
        assert high >= low - slack
    assert found.cut == graph.cut(found.partition) == values[-1]
    assert found.lemma.norm <= found.lemma.bound * (1 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_chain_holds_for_any_graph(data):
    n = data.draw(st.integers(0, 9))
    m = data.draw(st.integers(0, 18)) if n else 0
    end = st.lists(st.integers(0, max(0, n - 1)), min_size=m, max_size=m)
    number = st.floats(-2, 2).map(lambda x: x if abs(x) > 1e-3 else 0.0)
    w = data.draw(st.lists(number, min_size=m, max_size=m))
    scale = 10.0 ** data.draw(st.integers(-12, 12))
    wild = 10.0 ** data.draw(st.integers(0, 12)) if m else 1.0
    w = scale * np.array(w) * np.r_[wild, np.ones(max(0, m - 1))][:m]
    graph = CutGraph.from_edges(
        np.array(data.draw(end), dtype=int), np.array(data.draw(end), dtype=int), w, n
    )
    V = unit_rows(graph, rank=4, sweeps=5)
    iterations = data.draw(st.sampled_from([0, 1, 30, 300]))
    found = derandomize(graph, V, Run(graph), iterations=iterations, starts=1)
    check_chain(graph, found, V)
    assert found.cut <= best_cut(graph) + 1e-10 * graph.absolute_weight


@pytest.mark.parametrize("negative", [False, True])
def test_converged_run_has_a_proved_certificate(negative):
    graph = random_graph(60, 200, 1, negative)
    V = unit_rows(graph)
    found = derandomize(graph, V, Run(graph), starts=2)
    check_chain(graph, found, V)
    assert not found.lemma.vacuous
    # W is small against b: nothing is random any more
    ratio = np.linalg.norm(found.W, axis=1) / np.maximum(np.abs(found.b), 1)
    assert np.median(ratio) < 0.05


def test_small_graphs_are_solved():
    solved = 0
    for seed in range(6):
        graph = random_graph(12, 30, seed, negative=seed % 2 == 1)
        found = derandomize(graph, unit_rows(graph), Run(graph))
        solved += found.cut == best_cut(graph)
    assert solved >= 5


def test_exhausted_run_still_gives_a_whole_chain():
    graph = random_graph(50, 150, 2)
    V = unit_rows(graph)
    run = Run(graph, work_limit=0)
    found = derandomize(graph, V, run)
    assert run.ended is Status.WORK_LIMIT
    check_chain(graph, found, V)


def test_work_is_charged_and_limits_the_ascent():
    graph = random_graph(50, 150, 2)
    run = Run(graph, work_limit=10 * graph.m)
    sampler = Sampler.start(graph, unit_rows(graph))
    sampler.advance(run, 10)
    assert run.work == 10 * graph.m
    assert sampler.iterations == 10
    assert sampler.advance(run, 10) == np.inf


def test_scaling_weights_by_a_power_of_two_scales_everything():
    graph = random_graph(40, 120, 3, negative=True)
    u, v, w = graph.edges()
    small = CutGraph.from_edges(u, v, w * 2.0**-40, graph.n)
    V = unit_rows(graph)
    one = derandomize(graph, V, Run(graph), iterations=100)
    two = derandomize(small, V, Run(small), iterations=100)
    assert np.array_equal(one.partition, two.partition)
    assert np.array_equal(one.b, two.b)


def test_tau_scales_with_the_state():
    graph = random_graph(30, 80, 3)
    V, zero = unit_rows(graph), np.zeros(30)
    one = Sampler(graph, 3 * V, zero)
    two = Sampler(graph, 24 * V, zero, tau=8.0)
    assert one.expected_cut() == two.expected_cut()


def test_escape_leaves_the_symmetric_saddle():
    graph = CutGraph.from_edges([0, 1, 2, 3], [1, 2, 3, 0])
    sampler = Sampler(graph, np.zeros((4, 1)), np.zeros(4))
    assert np.abs(sampler.gradient()[1]).max() == 0
    before = sampler.expected_cut()
    assert sampler.escape()
    assert sampler.expected_cut() > before
    sampler.set_state(np.zeros((4, 1)), 9 * np.array([1.0, -1, 1, -1]))
    assert not sampler.escape()


def test_climb_never_lowers_the_expected_cut():
    graph = random_graph(40, 120, 4, negative=True)
    sampler = Sampler.start(graph, unit_rows(graph), dtype=np.float64)
    value = sampler.expected_cut()
    for _ in range(5):
        reached = sampler.climb(3)
        assert reached >= value
        assert sampler.expected_cut() == pytest.approx(reached, rel=1e-12)
        value = reached


def test_samples_follow_the_law():
    graph = random_graph(30, 80, 5)
    sampler = Sampler.start(graph, unit_rows(graph), c=100.0)
    samples = sampler.sample(4000, seed=1)
    assert samples.shape == (30, 4000) and samples.dtype == np.int8
    assert np.array_equal(samples, sampler.sample(4000, seed=1))
    mean = np.mean([graph.cut(x) for x in samples.T[:2000]])
    assert mean == pytest.approx(sampler.expected_cut(), rel=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [1, 8, 16, 20, 40])
def test_kernel_follows_the_formulas(dtype, rank):
    """One Adam step is lr times the unit gradient of each vertex, lambda included."""
    graph = random_graph(300, 700, 6, negative=True)
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((graph.n, rank)), rng.standard_normal(graph.n)
    sampler = Sampler(graph, W, b, dtype=dtype, learning_rate=0.25)
    W, b = sampler.W, sampler.b
    grad_W, grad_b = sampler.gradient()
    grad_W = grad_W - sampler.weight_decay * W
    size = np.sqrt((grad_W**2).sum(1) + grad_b**2)
    norm = sampler.advance(Run(graph), 1)
    assert norm == pytest.approx(np.linalg.norm(size), rel=1e-4)
    size = np.maximum(size, 1e-9)
    tolerance = 2e-4 if dtype == np.float32 else 1e-8
    moving = size > 1e-3
    step = 0.25 * grad_W / size[:, None]
    assert np.abs(sampler.W - W - step)[moving].max() < tolerance
    assert np.abs(sampler.b - b - 0.25 * grad_b / size)[moving].max() < tolerance


@pytest.mark.parametrize("name", ["_ascent32", "_ascent64"])
@pytest.mark.skipif(not _cpu.supports_avx2(), reason="needs AVX2")
def test_builds_and_threads_return_the_same_bits(name, monkeypatch):
    dtype = np.dtype(np.float32 if name == "_ascent32" else np.float64)
    graph = random_graph(900, 4000, 7, negative=True)
    V = unit_rows(graph, rank=20, sweeps=1)
    states = []
    for suffix, threads in itertools.product(("", "_avx2"), (1, 2)):
        kernel = importlib.import_module(f"derandcut.cut.{name}{suffix}")
        values = importlib.import_module(f"derandcut.cut._sampler{suffix}")
        monkeypatch.setitem(module._ascent, dtype, kernel)
        monkeypatch.setattr(module, "_sampler", values)
        sampler = Sampler.start(graph, V, dtype=dtype, n_threads=threads)
        norm = sampler.advance(Run(graph), 25)
        states.append((sampler.W, sampler.b, norm, sampler.expected_cut()))
    for state in states[1:]:
        for one, other in zip(states[0], state, strict=True):
            assert np.array_equal(one, other)


SCRIPT = """
import hashlib, numpy as np
from derandcut.graph import CutGraph
from derandcut.run import Run
from derandcut.cut.sampler import derandomize
rng = np.random.default_rng(0)
graph = CutGraph.from_edges(*rng.integers(0, 300, (2, 900)))
V = rng.standard_normal((300, 16)); V /= np.linalg.norm(V, axis=1)[:, None]
d = derandomize(graph, V, Run(graph), iterations=60, starts=1, n_threads={threads})
values = np.array([link.value for link in d.links])
print(hashlib.sha256(d.W.tobytes() + d.b.tobytes() + values.tobytes()).hexdigest())
"""


def test_whole_pipeline_repeats_bit_for_bit():
    digests = set()
    for isa, threads in (("", 1), ("", 2), ("base", 1)):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(threads=threads)],
            env={**os.environ, "DERANDCUT_ISA": isa, "OPENBLAS_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        digests.add(done.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("W", "b", "options"),
    [
        (np.zeros((3, 1)), np.zeros(2), {}),
        (np.zeros((2, 1)), np.zeros(3), {}),
        (np.zeros((2, 1)), np.array([0, np.nan]), {}),
        (np.zeros((2, 1)), np.zeros(2), {"tau": 0.0}),
        (np.zeros((2, 1)), np.zeros(2), {"weight_decay": 0.0}),
        (np.zeros((2, 1)), np.zeros(2), {"learning_rate": -1.0}),
        (np.zeros((2, 1)), np.zeros(2), {"dtype": np.int32}),
    ],
)
def test_bad_arguments_are_input_errors(W, b, options):
    with pytest.raises(InputError):
        Sampler(CutGraph.from_edges([0], [1]), W, b, **options)


@pytest.mark.gset
@pytest.mark.skipif(not DATA.exists(), reason="needs the reference instances")
def test_reference_instance():
    rows = np.loadtxt(DATA / "G32", skiprows=1)
    u, v = rows[:, :2].astype(int).T - 1
    graph = CutGraph.from_edges(u, v, rows[:, 2], 2000)
    V = unit_rows(graph, rank=16, sweeps=30)
    found = derandomize(graph, V, Run(graph), starts=2)
    check_chain(graph, found, V)
    assert found.cut >= 1400
    assert not found.lemma.vacuous
