"""One benchmark a kernel, each on a graph of its kind; units are edges visited."""

import numpy as np
import pytest

from derandcut import CutGraph, datasets, formats
from derandcut.cut.anneal import population
from derandcut.cut.sampler import Sampler
from derandcut.cut.sdp import Relaxation
from derandcut.cut.surface.exact import solve_planar
from derandcut.run import Run

SPARSE, DENSE, TORUS = "gset:G55", "gset:G1", "gset:G32"
SWEEPS = 20


@pytest.mark.parametrize("name", [SPARSE, DENSE])
def bench_relaxation_sweeps(kernel, name):
    graph = datasets.load(name)

    def setup():
        return Relaxation(graph, rank=16), Run(graph)

    def call(relaxation, run):
        relaxation.advance(run, tolerance=1e-300, max_sweeps=SWEEPS)

    kernel(call, setup, SWEEPS * 2 * graph.m)


@pytest.mark.parametrize("name", [SPARSE, DENSE])
def bench_sampler_steps(kernel, name):
    graph = datasets.load(name)
    rng = np.random.default_rng(0)
    V = rng.standard_normal((graph.n, 16))
    V /= np.linalg.norm(V, axis=1, keepdims=True)

    def setup():
        return Sampler.start(graph, V), Run(graph)

    def call(sampler, run):
        sampler.advance(run, SWEEPS)

    kernel(call, setup, SWEEPS * graph.m)


@pytest.mark.parametrize("name", [SPARSE, DENSE, TORUS])
def bench_bitsliced_annealing(kernel, name):
    graph = datasets.load(name)

    def setup():
        return population(graph), Run(graph)

    def call(cuts, run):
        cuts.anneal(run, 10 * SWEEPS, 2.0, 0.2)

    kernel(call, setup, 10 * SWEEPS * graph.m)


def bench_scalar_annealing(kernel):
    graph = datasets.generate("lattice", shape=(60, 60), weights="gaussian", seed=1)

    def setup():
        return population(graph), Run(graph)

    def call(cuts, run):
        cuts.anneal(run, 10 * SWEEPS, 2.0, 0.2)

    kernel(call, setup, 10 * SWEEPS * graph.m)


def bench_planar_matching(kernel):
    graph = datasets.generate("delaunay", n=2000, weights="pm1", seed=1)
    kernel(solve_planar, lambda: (graph,), graph.m)


def bench_parsing(kernel, tmp_path):
    rng = np.random.default_rng(0)
    n, m = 50_000, 200_000
    table = np.column_stack([rng.integers(1, n + 1, (m, 2)), rng.integers(-9, 10, m)])
    path = tmp_path / "graph.mc"
    np.savetxt(path, table, fmt="%d", header=f"{n} {m}", comments="")
    kernel(formats.read_graph, lambda: (path,), m)


def bench_csr_construction(kernel):
    rng = np.random.default_rng(0)
    n, m = 50_000, 200_000
    u, v = rng.integers(0, n, (2, m))
    w = rng.standard_normal(m)
    kernel(CutGraph.from_edges, lambda: (u, v, w, n), m)


def bench_cut_value(kernel):
    graph = datasets.load(DENSE)
    side = np.random.default_rng(0).integers(0, 2, graph.n)
    kernel(graph.cut, lambda: (side,), graph.m)
