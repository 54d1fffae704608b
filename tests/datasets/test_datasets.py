"""Instances by name, exact; families, repeatable and what they claim to be."""

import dataclasses
import functools
import hashlib
import http.server
import inspect
import itertools
import shutil
import sys
import threading
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError, datasets
from derandcut.datasets import rudy
from derandcut.formats import read_graph, write_graph

DATA = Path(__file__).parents[2].parent / "shared" / "data"
RELAXED = settings(deadline=None, max_examples=25)
GSET = {f"G{k}": recipe for k, recipe in rudy.gset().items()}


def file_text(recipe):
    """The file as rudy writes it, with the blank that ends its header."""
    u, v, w, n = recipe.edges()
    columns = (u + 1).tolist(), (v + 1).tolist(), w.tolist()
    lines = [f"{a} {b} {c}\n" for a, b, c in zip(*columns, strict=True)]
    return f"{n} {len(u)} \n" + "".join(lines)


def test_every_gset_graph_is_made_byte_for_byte():
    numbers = [*range(1, 68), 70, 72, 77, 81]
    assert sorted(GSET, key=lambda x: int(x[1:])) == [f"G{k}" for k in numbers]
    for name, recipe in GSET.items():
        found = hashlib.sha256(file_text(recipe).encode()).hexdigest()
        assert found == datasets.info(name).sha256, name


@pytest.mark.gset
@pytest.mark.skipif(not (DATA / "gset").is_dir(), reason="no reference instances")
def test_every_gset_graph_is_the_reference_file():
    for name, recipe in GSET.items():
        assert file_text(recipe) == (DATA / "gset" / name).read_text(), name
    for name in ("G1", "G39", "G81"):
        found = read_graph(DATA / "gset" / name)
        assert datasets.load(f"gset:{name}").digest == found.digest


@pytest.mark.gset
@pytest.mark.skipif(not (DATA / "instances").is_dir(), reason="no reference instances")
def test_every_biqmac_graph_is_the_reference_file():
    compared = 0
    for name in rudy.biqmac():
        for path in DATA.glob(f"instances/biqmac_rudy*/{name}"):
            graph = datasets.load(f"biqmac:{name}")
            assert graph.digest == read_graph(path).digest, name
            compared += 1
    assert compared >= 60


def test_the_manifest_agrees_with_the_graphs():
    names = datasets.names()
    assert len(names) == len(set(names)) == 71 + 60 + 1 + 10
    for name in names:
        known = datasets.info(name)
        assert bool(known.proof) == known.proved
        assert known.best_known is None or known.sources
        if known.address:
            assert len(known.sha256) == 64 and known.address.startswith("https://")
            continue
        if name.startswith("gset"):
            u, _, w, n = GSET[name[5:]].edges()
            assert (known.n, known.m) == (n, len(u))
            assert known.weights == ("+-1" if w.min() < 0 else "unit")
            assert known.sources and known.best_known <= w[w > 0].sum()
        else:
            graph = datasets.load(name)
            assert (known.n, known.m) == (graph.n, graph.m)


@pytest.mark.parametrize(("name", "cut"), [("G48", 6000), ("G49", 6000), ("G50", 5880)])
def test_proved_values_of_the_unit_tori(name, cut):
    assert datasets.info(name).best_known == cut and datasets.info(name).proved
    if cut == 6000:
        sides = nx.bipartite.color(
            nx.from_scipy_sparse_array(datasets.load(name).adjacency)
        )
        assert datasets.load(name).cut([2 * sides[i] - 1 for i in range(3000)]) == cut


def test_the_shipped_instance_is_what_generate_makes():
    made = datasets.generate("torus", height=30, width=40, weights="pm1", seed=30040)
    for name in ("torus_30x40", "derandcut:torus_30x40"):
        assert datasets.load(name).digest == made.digest


def test_own_files_and_unknown_names(tmp_path, monkeypatch):
    monkeypatch.delenv("DERANDCUT_DATA", raising=False)
    for name in ("G68", "gset:G99", "mine:one", ""):
        with pytest.raises(InputError, match="unknown dataset"):
            datasets.load(name)
        with pytest.raises(InputError, match="unknown dataset"):
            datasets.info(name)
    graph = CutGraph.from_edges([0, 1], [1, 2])
    (tmp_path / "mine").mkdir()
    write_graph(graph, tmp_path / "mine" / "one.mtx.gz")
    write_graph(graph, tmp_path / "two")
    monkeypatch.setenv("DERANDCUT_DATA", str(tmp_path))
    assert datasets.load("mine:one").digest == graph.digest
    assert datasets.load("two").digest == graph.digest
    assert datasets.is_name("two") and not datasets.is_name("three")
    for name in ("..:two", "mine:../two", "mine:none", "a\0b"):
        with pytest.raises(InputError, match="unknown dataset"):
            datasets.load(name)


def listed(text, address):
    """An entry as the manifest's, for a file of that text."""
    digest = hashlib.sha256(text).hexdigest()
    known = datasets.info("toruspm3-8-50")
    return dataclasses.replace(known, name="set:one", sha256=digest, address=address)


@pytest.fixture
def far(tmp_path, monkeypatch):
    """A server, the text it serves, and a function that lists it in the manifest."""
    text = b"3 2\n1 2 1\n2 3 -1\n"
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "one.mc").write_bytes(text)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DERANDCUT_DATA", raising=False)
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=tmp_path / "served"
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"

        def enter(name="one.mc", text=text, address=address):
            entry = listed(text, f"{address}/{name}")
            monkeypatch.setattr(datasets, "_manifest", lambda: {"set:one": entry})

        yield enter
        server.shutdown()


def test_a_listed_file_is_downloaded_once(far, tmp_path):
    pytest.importorskip("pooch")
    far()
    assert datasets.load("one").m == 2
    (tmp_path / "served" / "one.mc").unlink()
    assert datasets.load("set:one").m == 2


def test_another_file_than_the_listed_one_is_refused(far, tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    far(text=b"1 0\n")
    with pytest.raises(InputError, match=r"cannot be downloaded.*SHA"):
        datasets.load("set:one")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "one.mc").write_bytes(b"2 0\n")
    monkeypatch.setenv("DERANDCUT_DATA", str(tmp_path))
    with pytest.raises(InputError, match="is not set:one: expected SHA-256"):
        datasets.load("set:one")


def test_without_a_network_the_error_says_what_to_do(far, tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    far(address="http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(InputError, match=r"put its file into .* set of \$DERANDCUT_DA"):
        datasets.load("set:one")
    (tmp_path / "set").mkdir()
    shutil.copy(tmp_path / "served" / "one.mc", tmp_path / "set")
    monkeypatch.setenv("DERANDCUT_DATA", str(tmp_path))
    assert datasets.load("set:one").m == 2


def test_without_pooch_the_error_names_it(far, monkeypatch):
    far()
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(InputError, match=r"derandcut\[data\]"):
        datasets.load("set:one")


@pytest.mark.gset
@pytest.mark.skipif(not (DATA / "instances").is_dir(), reason="no reference instances")
def test_listed_files_are_the_reference_files(tmp_path, monkeypatch):
    for source, collection in (("dimacs_torus", "dimacs"), ("mcsparse_mixed", "")):
        for path in (DATA / "instances" / source).iterdir():
            to = collection or ("network" if path.suffix == ".mc" else "imgseg")
            (tmp_path / to).mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / to / path.name.removeprefix("imgseg_"))
    monkeypatch.setenv("DERANDCUT_DATA", str(tmp_path))
    for name in datasets.names():
        known = datasets.info(name)
        if known.address:
            graph = datasets.load(name)
            assert (graph.n, graph.m) == (known.n, known.m)


@pytest.mark.parametrize("family", datasets.FAMILIES)
def test_families_repeat_from_their_seed(family):
    first, again = (datasets.generate(family, seed=5) for _ in range(2))
    assert first.digest == again.digest
    assert first.digest != datasets.generate(family, seed=6).digest
    assert first.n > 0 and first.m > 0


WEIGHTED = [
    family
    for family, maker in datasets.FAMILIES.items()
    if "weights" in inspect.signature(maker).parameters
]


@pytest.mark.parametrize("family", WEIGHTED)
def test_weights_of_every_family(family):
    unit = datasets.generate(family, weights="unit", seed=2)
    signs = datasets.generate(family, weights="pm1", seed=2)
    digits = datasets.generate(family, weights=(3, 9), seed=2)
    normal = datasets.generate(family, weights="gaussian", seed=2)
    assert set(unit.weights) == {1} and set(signs.weights) == {-1, 1}
    assert 3 <= digits.weights.min() <= digits.weights.max() <= 9
    assert not normal.integer and normal.weights.min() < 0 < normal.weights.max()
    for graph in (signs, digits, normal):
        assert np.array_equal(graph.indices, unit.indices)


def test_families_are_what_they_claim():
    for family in ("planar", "delaunay"):
        graph = datasets.generate(family, n=200, seed=1)
        assert nx.check_planarity(nx.from_scipy_sparse_array(graph.adjacency))[0]
    for shape in ((5, 6), (3, 4, 5), (7,)):
        graph = datasets.generate("lattice", shape=shape, seed=1)
        assert set(graph.degrees) == {2 * len(shape)}
    graph = datasets.generate("torus", height=5, width=8)
    assert (graph.n, graph.m) == (40, 80)
    assert datasets.generate("random", n=100, density=10).m == 495
    assert datasets.generate("random", n=30, density=100).m == 435
    graph = datasets.generate("power-law", n=3000, attach=2, seed=3)
    assert graph.degrees.max() > 20 * np.median(graph.degrees)
    graph = datasets.generate("small-world", n=100, neighbours=4, rewired=0.0)
    assert set(graph.degrees) == {4}
    graph = datasets.generate("geometric", n=4000, degree=8, seed=1)
    assert 7 < graph.degrees.mean() < 8.2
    graph = datasets.generate("sk", n=50, weights="pm1")
    assert graph.m == 1225


@RELAXED
@given(st.integers(4, 10), st.integers(0, 15), st.integers(3, 4), st.integers(0, 10**6))
def test_the_planted_cut_is_maximum(n, loops, length, seed):
    graph, best = datasets.planted(n, loops, length, seed)
    cuts = [graph.cut((1, *x)) for x in itertools.product([-1, 1], repeat=n - 1)]
    assert graph.cut(best) == max(cuts)


@pytest.mark.parametrize("family", datasets.FAMILIES)
def test_small_sizes(family):
    smallest = {"planar": 3, "planar-union": 3, "delaunay": 4, "planted": 4}
    smallest |= {"small-world": 7, "max-2-sat": 2}
    if family == "torus":
        assert datasets.generate(family, height=3, width=3).m == 18
    elif family == "lattice":
        assert datasets.generate(family, shape=(3,)).n == 3
    else:
        n = smallest.get(family, 0)
        assert datasets.generate(family, n=n).n in (n, n + 1)


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("hypercube", {}, "unknown family"),
        ("random", {"size": 5}, "no parameter 'size', expected n, density"),
        ("random", {"n": -1}, "n must be"),
        ("random", {"n": 2.5}, "n must be"),
        ("random", {"density": 101}, "density"),
        ("random", {"weights": "heavy"}, "weights must be"),
        ("random", {"weights": (5, 1)}, "low <= high"),
        ("random", {"seed": -1}, "seed"),
        ("torus", {"width": 2}, "width"),
        ("lattice", {"shape": (2, 5)}, "shape"),
        ("lattice", {"shape": 5}, "shape"),
        ("lattice", {"shape": ()}, "shape"),
        ("small-world", {"neighbours": 3}, "even"),
        ("planted", {"n": 5, "length": 6}, "length"),
    ],
)
def test_bad_parameters_are_refused(family, parameters, message):
    with pytest.raises(InputError, match=message):
        datasets.generate(family, **parameters)
