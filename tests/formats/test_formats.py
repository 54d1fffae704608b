"""Every reader: golden file, round trip, and one clear line for what is wrong."""

import bz2
import gzip
import io
import lzma
import math
import os
import sys

import networkx as nx
import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derandcut import CutGraph, InputError
from derandcut.formats import FORMATS, as_graph, read_graph, read_qubo, write_graph
from derandcut.formats import table as numbers
from derandcut.formats.files import Text
from derandcut.models import QUBO

RELAXED = settings(deadline=None, max_examples=60)

# The triangle 0-1 (1), 1-2 (-2), 0-2 (0.5) and the isolated vertex 3.
EXPECTED = [(0, 1, 1.0), (0, 2, 0.5), (1, 2, -2.0)]
GOLDEN = {
    "rudy": "4 3\n1 2 1\n2 3 -2\n1 3 0.5\n",
    "dimacs": "c a comment\np edge 4 3\ne 1 2 1\nc\ne 2 3 -2\ne 1 3 5e-1\n",
    "mtx": "%%MatrixMarket matrix coordinate real symmetric\n% a comment\n"
    "4 4 4\n2 1 1.0\n3 2 -2\n3 1 .5\n4 4 7\n",
    "metis": "% a comment\n4 3 001\n2 1 3 0.5\n1 1 3 -2\n2 -2 1 0.5\n\n",
    "gml": 'graph [ node [ id 0 label "0" ] node [ id 1 label "1" ] '
    'node [ id 2 label "2" ] node [ id 3 label "3" ] '
    "edge [ source 0 target 1 ] edge [ source 1 target 2 weight -2 ] "
    "edge [ source 0 target 2 weight 0.5 ] ]\n",
}


def edges(graph):
    return [
        tuple(edge) for edge in zip(*(x.tolist() for x in graph.edges()), strict=True)
    ]


def write(tmp_path, content, name="graph.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("format", GOLDEN)
def test_golden_files(tmp_path, format):
    for name in ("file.unknown", "file" + FORMATS[format].suffixes[0]):
        if name.endswith("unknown") and format == "metis":
            continue  # METIS shows no sign of itself
        path = write(tmp_path, GOLDEN[format], name)
        graph = read_graph(path)
        assert (graph.n, edges(graph)) == (4, EXPECTED)
    assert edges(read_graph(path, format=format)) == EXPECTED


def test_golden_edge_list(tmp_path):
    text = "# FromNodeId\tToNodeId\r\n10\t7\r\n7\t900\r\n\r\n"
    graph = read_graph(write(tmp_path, text))
    assert graph.labels == (7, 10, 900)
    assert edges(graph) == [(0, 1, 1.0), (0, 2, 1.0)]
    weighted = read_graph(write(tmp_path, "0 1 2.5\n2 1 -1\n", "x.edges"))
    assert weighted.labels is None
    assert edges(weighted) == [(0, 1, 2.5), (1, 2, -1.0)]


def test_golden_qubo(tmp_path):
    text = "c x\np qubo 0 3 2 1\nc nodes\n0 0 -1.0\n2 2 3\nc couplers\n0 2 4\n"
    path = write(tmp_path, text, "tiny.qubo")
    model = read_qubo(path)
    assert model.objective([1, 0, 1]) == 6
    assert read_graph(path).digest == model.graph.digest
    assert model.graph.n == 4


def test_golden_graph6_and_graphml(tmp_path):
    assert read_graph(write(tmp_path, b"C~\n", "k4.g6")).m == 6
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=2)
    nx.write_graphml(graph, tmp_path / "x.graphml")
    found = read_graph(tmp_path / "x.graphml")
    assert found.labels == ("a", "b") and edges(found) == [(0, 1, 2.0)]


def test_matrix_market_variants(tmp_path):
    matrix = np.array([[9, 1, 0], [1, 0, -2.5], [0, -2.5, 0]])
    expected = CutGraph.from_scipy(matrix).digest
    for source in (matrix, sp.coo_array(matrix)):
        for symmetry in ("general", "symmetric"):
            path = tmp_path / "x.mtx"
            scipy.io.mmwrite(path, source, symmetry=symmetry)
            assert read_graph(path).digest == expected
    pattern = "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 1\n3 1\n"
    assert edges(read_graph(write(tmp_path, pattern))) == [(0, 2, 1.0)]
    skew = "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 1\n"
    with pytest.raises(InputError, match="symmetric"):
        read_graph(write(tmp_path, skew))


@pytest.mark.parametrize(
    "text",
    [
        "4 3\n1 2\n2 3\n1 3\n",
        "4 3 0\r\n1\t2\t1\r\n2 3 1\r\n 1  3 1 \r\n\r\n\n",
        "# comment\n4 3\n% more\n1 2 1\n\n2 3 1\n1 3 1",
        "\ufeff4 3 \n1 2 +1.0\n2 3 1E0\n3 1 10e-1\n   \n",
    ],
)
def test_rudy_as_people_write_it(tmp_path, text):
    graph = read_graph(write(tmp_path, text))
    assert (graph.n, edges(graph)) == (4, [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)])


def test_rudy_loops_parallels_and_empty_graphs(tmp_path):
    graph = read_graph(write(tmp_path, "3 4\n1 2 1\n2 1 2\n3 3 9\n1 3 0\n"))
    assert edges(graph) == [(0, 1, 3.0)]
    assert read_graph(write(tmp_path, "0 0\n")).n == 0
    assert read_graph(write(tmp_path, "5 0")).n == 5


BAD_RUDY = {
    "truncated": ("3 3\n1 2 1\n2 3 1\n", "line 3: expected 3 edges"),
    "cut in a line": ("3 2\n1 2 1\n2 ", "line 3: expected 'u v weight'"),
    "too many": ("3 1\n1 2 1\n2 3 1\n", "line 3: expected no more than the 1 edges"),
    "vertex 0": ("3 2\n1 2 1\n0 3 1\n", "line 3: expected vertex numbers in 1..3"),
    "vertex n+1": ("3 2\n1 4 1\n2 3 1\n", "line 2: expected vertex numbers in 1..3"),
    "huge vertex": ("3 1\n1 99999999999999999999999 1\n", "line 2: .* in 1..3"),
    "negative": ("3 1\n-1 2 1\n", "line 2: .* in 1..3"),
    "nan": ("3 1\n1 2 nan\n", "line 2: .*finite weight"),
    "inf": ("3 1\n1 2 -inf\n", "line 2: .*finite weight"),
    "overflow": ("3 1\n1 2 1e999\n", "line 2: .*overflows"),
    "rounded": ("3 1\n1 2 9007199254740993\n", "line 2: .*2\\^53"),
    "rounded more": ("3 1\n1 2 123456789012345678901\n", "line 2: .*2\\^53"),
    "four columns": ("3 2\n1 2 1\n2 3 1 7\n", "line 3: expected the columns"),
    "two after three": ("3 2\n1 2 1\n2 3\n", "line 3: expected 'u v weight'"),
    "three after two": ("3 2\n1 2\n2 3 1\n", "line 3: expected the columns"),
    "fraction": ("3 1\n1 2.5 3\n", "line 2: .*vertex numbers"),
    "glued": ("3 1\n1 2 3x\n", "line 2: .*finite weight"),
    "two points": ("3 1\n1 2 1.5.5\n", "line 2: .*finite weight"),
    "hexadecimal": ("3 1\n1 2 0x10\n", "line 2: .*finite weight"),
    "fortran": ("3 1\n1 2 1d4\n", "line 2: .*finite weight"),
    "underscore": ("3 1\n1 2 1_0\n", "line 2: .*finite weight"),
    "commas": ("3 1\n1,2,3\n", "line 2: .*vertex numbers"),
    "edge without vertices": ("0 1\n1 2 1\n", "line 2: .*without vertices"),
    "empty": ("", "the file is empty"),
    "blank": ("\n \n\n", "the file is empty"),
    "words": ("hello world\n", "line 1: expected the header 'n m'"),
    "header of one": ("\n3\n1 2 1\n", "line 2: expected the header 'n m'"),
    "real header": ("3.0 1\n1 2 1\n", "line 1: expected the header 'n m'"),
    "negative header": ("-3 1\n", "line 1: expected the header 'n m'"),
    "huge m": ("3 99999999999999999\n1 2 1\n", "line 1: expected at most"),
    "huge n": ("99999999999999999 1\n1 2 1\n", "line 1: expected at most"),
    "more digits": (f"{'9' * 40} 1\n1 2 1\n", "line 1: expected the header"),
}


@pytest.mark.parametrize("case", BAD_RUDY)
def test_bad_rudy_names_file_line_and_expectation(tmp_path, case):
    content, message = BAD_RUDY[case]
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=message) as refused:
        read_graph(path)
    text = str(refused.value)
    assert text.startswith(str(path)) and "\n" not in text


BAD_OTHERS = {
    "dimacs": {
        "": "empty",
        "p edge 3\n": "line 1: expected the header",
        "c\np edge 3 1\nx 1 2\n": "line 3: expected 'e u v",
        "p edge 3 1\nedge 1 2\n": "line 2: expected 'e u v",
        "p edge 3 2\ne 1 2\n": "line 2: expected 2 edges",
        "p edge 3 1\ne 1 4\n": "line 2: .*1..3",
    },
    "mtx": {
        "3 3 1\n1 2 1\n": "line 1: expected the banner",
        "%%MatrixMarket matrix coordinate complex symmetric\n": "line 1: .*banner",
        "%%MatrixMarket matrix coordinate real symmetric\n3 2 1\n": "line 2: .*square",
        "%%MatrixMarket matrix coordinate real symmetric\n%\n": "empty",
        "%%MatrixMarket matrix coordinate real symmetric\n3 3 1\n1 2\n": "line 3",
        "%%MatrixMarket matrix array real general\n3 3\n1\n2\n": "line 2: .*9 entries",
    },
    "metis": {
        "3\n": "line 1: expected the header",
        "3 1 7\n": "line 1: expected the header",
        "3 1\n2\n1\n": "line 3: expected a line for each of 3",
        "3 1\n2\n1\n\n3\n": "line 5: expected 3 vertex lines",
        "3 1\n2\n%\n4\n\n": "line 4: expected neighbours in 1..3",
        "3 1\n2\n3\n\n": "both its lines",
        "2 1 1\n2 5\n1 6\n": "both its lines",
        "2 1 1\n2\n1 6\n": "line 2: expected pairs",
        "2 2\n2\n1\n": "expected 2 edges",
        "2 1\n2 x\n1\n": "line 2: expected finite numbers",
    },
    "qubo": {
        "p qubo 0 3\n": "line 1: expected the header",
        "p qubo 0 3 1 0\n0 1 2\n": "expected 1 nodes",
        "p qubo 0 3 1 0\n3 3 2\n": "line 2: .*0..2",
        "p qubo 0 3 1 1\n1 1 2\n": "line 2: expected 2 edges",
    },
    "edgelist": {
        "a b\n": "line 1: expected 'u v'",
        "1 2\n3\n": "line 2: expected 'u v'",
        "1 2 3\n1 2\n": "line 2: expected 'u v weight'",
        "-1 2\n": "line 1",
        "# only\n": "empty",
    },
    "gml": {"graph [ node [ id 0 ] edge [ source 0 target 5 ] ]": "GML", "x": "GML"},
    "graphml": {"<graphml>": "GraphML", "": "GraphML"},
    "graph6": {"C": "graph6", "C~\nC~\n": "one graph", "\x7f~~": "graph6"},
}


@pytest.mark.parametrize(
    ("format", "content"),
    [(name, content) for name, cases in BAD_OTHERS.items() for content in cases],
)
def test_other_bad_files_are_refused(tmp_path, format, content):
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=BAD_OTHERS[format][content]) as refused:
        read_graph(path, format=format)
    text = str(refused.value)
    assert text.startswith(str(path)) and "\n" not in text


def test_what_is_no_readable_file(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such file"):
        read_graph(tmp_path / "missing.mc")
    with pytest.raises(InputError, match="is a directory"):
        read_graph(tmp_path)
    with pytest.raises(InputError, match="binary"):
        read_graph(write(tmp_path, b"\x7fELF\0\0\1"))
    with pytest.raises(InputError, match="damaged gzip"):
        read_graph(write(tmp_path, gzip.compress(b"3 1\n1 2 1\n")[:-9]))
    with pytest.raises(InputError, match="damaged bzip2"):
        read_graph(write(tmp_path, b"BZh9 nothing"))
    with pytest.raises(InputError, match="damaged xz"):
        read_graph(write(tmp_path, b"\xfd7zXZ\x00 nothing"))
    with pytest.raises(InputError, match="cannot be read"):
        read_graph("a\0b")
    with pytest.raises(InputError, match="unknown format"):
        read_graph(tmp_path / "x", format="excel")
    with pytest.raises(InputError, match="larger than"):
        monkeypatch.setattr("derandcut.formats.files.MAX_BYTES", 1000)
        read_graph(write(tmp_path, gzip.compress(b"3 1\n" + b" " * 10**6)))


def test_no_permission(tmp_path, monkeypatch):
    path = write(tmp_path, "3 1\n1 2 1\n")

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="no permission"):
        read_graph(path)


def test_a_name_with_a_newline_stays_on_one_line(tmp_path):
    with pytest.raises(InputError) as refused:
        read_graph(tmp_path / "a\nb.mc")
    assert "\n" not in str(refused.value)


def test_compression_and_standard_streams(tmp_path, monkeypatch, capfdbinary):
    graph = CutGraph.from_edges([0, 1], [1, 2], [1, 0.5])
    for pack, suffix in ((gzip, ".gz"), (bz2, ".bz2"), (lzma, ".xz")):
        path = tmp_path / f"x.mtx{suffix}"
        write_graph(graph, path)
        assert pack.open(path).read().startswith(b"%%MatrixMarket")
        assert read_graph(path).digest == graph.digest
        disguised = write(tmp_path, path.read_bytes(), "plain")
        assert read_graph(disguised).digest == graph.digest
    write_graph(graph, "-")
    data = capfdbinary.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read_graph("-").digest == graph.digest


def test_nothing_half_written(tmp_path):
    graph = CutGraph.from_edges([0, 0], [1, 2], [1, 2])
    with pytest.raises(InputError, match="cannot be written"):
        write_graph(graph, tmp_path / "missing" / "x.mc")
    with pytest.raises(InputError, match="no weights"):
        write_graph(graph, tmp_path / "x.g6")
    with pytest.raises(InputError, match="isolated"):
        write_graph(CutGraph.from_edges([], [], n=2), tmp_path / "x.edges")
    with pytest.raises(InputError, match="integers"):
        named = CutGraph.from_edges([0], [1], labels=["a", "b"])
        write_graph(named, tmp_path / "x.edges")
    assert os.listdir(tmp_path) == []


WEIGHTS = st.one_of(
    st.integers(-(2**53), 2**53).map(float),
    st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-300),
    st.sampled_from([1e-12, 1e12, 2.0**60, 0.1, 1e22, 1e23, 5e-324]),
)


@st.composite
def graphs(draw, weights=WEIGHTS):
    n = draw(st.integers(1, 8))
    vertex = st.integers(0, n - 1)
    found = draw(st.lists(st.tuples(vertex, vertex, weights), max_size=15))
    u, v, w = ([edge[i] for edge in found] for i in range(3))
    return CutGraph.from_edges(u, v, w, n)


@RELAXED
@given(graphs())
def test_round_trips_keep_every_bit(graph):
    for name in ("rudy", "dimacs", "mtx", "metis", "gml"):
        data = FORMATS[name].write(graph)
        again = FORMATS[name].read(Text(name, data))
        assert (again.n, again.digest) == (graph.n, graph.digest), name
    if (graph.degrees > 0).all():
        data = FORMATS["edgelist"].write(graph)
        assert FORMATS["edgelist"].read(Text("x", data)).digest == graph.digest


@RELAXED
@given(graphs(st.integers(-100, 100).map(float)))
def test_round_trips_of_integers(graph):
    for name in ("qubo", "graphml"):
        data = FORMATS[name].write(graph)
        assert FORMATS[name].read(Text(name, data)).digest == graph.digest, name
    model = QUBO.from_graph(graph)
    assert model.graph.digest == graph.digest
    ones = graph.reweighted(np.ones(graph.m))
    data = FORMATS["graph6"].write(ones)
    assert FORMATS["graph6"].read(Text("x", data)).digest == ones.digest


@RELAXED
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 25))
def test_numbers_are_read_as_python_reads_them(value, digits):
    texts = {repr(value), f"{value:.{digits}e}", f"{value:.17g}"}
    if abs(value) < 1e15:
        texts.add(f"{value:.{digits}f}")
    for written in texts:
        if not math.isfinite(float(written)) or float(written) == 0:
            continue
        if written.lstrip("-").isdigit() and abs(int(written)) > 2**53:
            continue
        text = Text("x", f"1 2 {written}".encode())
        options = {"lowest": 1, "highest": 2, "base": 1, "comment": b""}
        w = numbers.read_edges(text, 0, room=1, **options)[2]
        assert w[0] == float(written), written


def reference(data: bytes):
    """What rudy means, by the slowest reading."""
    lines = [line.split() for line in data.decode("latin-1").split("\n")]
    lines = [x for x in lines if x and x[0][0] not in "#%"]
    n, m = int(lines[0][0]), int(lines[0][1])
    assert len(lines) == m + 1
    triples = [(int(x[0]) - 1, int(x[1]) - 1, float((*x, 1)[2])) for x in lines[1:]]
    u, v, w = ([t[i] for t in triples] for i in range(3))
    return CutGraph.from_edges(u, v, w, n)


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut", "repeat"]),
        st.integers(0, 400),
        st.one_of(
            st.sampled_from([b"\n", b" ", b"0", b"9", b"-", b".", b"e", b"nan", b"#"]),
            st.binary(min_size=1, max_size=3),
        ),
    ),
    min_size=1,
    max_size=4,
)


def mutate(data, mutations):
    for kind, place, token in mutations:
        place %= len(data) + 1
        rest = {"replace": 1, "insert": 0, "delete": 3, "cut": len(data), "repeat": 0}
        tail = data[place + rest[kind] :]
        middle = data[place : place + 30] if kind == "repeat" else token
        data = data[:place] + (b"" if kind in ("delete", "cut") else middle) + tail
    return data


@settings(deadline=None, max_examples=250)
@given(st.sampled_from([*GOLDEN, "edgelist", "qubo", "graphml", "graph6"]), MUTATIONS)
def test_mutated_files_are_read_or_refused_never_crash(format, mutations):
    graph = CutGraph.from_edges([0, 1, 0], [1, 2, 2], [1, 1, 1], 3)
    data = GOLDEN[format].encode() if format in GOLDEN else FORMATS[format].write(graph)
    data = mutate(data, mutations)
    path = "/dev/fd/0"  # never opened: the bytes below stand for the file
    try:
        found = FORMATS[format].read(Text(path, data))
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(found, CutGraph)
    if format == "rudy" and b"\r" not in data:
        assert found.digest == reference(data).digest


def test_as_graph_takes_what_users_have(tmp_path):
    graph = CutGraph.from_edges([0, 1], [1, 2], [1.0, 2.0])
    path = write(tmp_path, "3 2\n1 2 1\n2 3 2\n")
    network = nx.Graph()
    network.add_nodes_from(range(3))
    network.add_weighted_edges_from([(0, 1, 1), (1, 2, 2)], weight="cost")
    for source in (
        graph,
        path,
        str(path),
        graph.adjacency,
        sp.coo_matrix(graph.adjacency),
        graph.adjacency.toarray(),
        graph.adjacency.toarray().tolist(),
        ([0, 1], [1, 2], [1, 2]),
        (np.array([0, 1]), np.array([1, 2]), np.array([1.0, 2.0]), 3),
    ):
        assert as_graph(source).digest == graph.digest
    assert as_graph(network, weight="cost").digest == graph.digest
    assert as_graph("gset:G14").n == as_graph("G14").n == 800


@pytest.mark.parametrize(
    "source", [None, 3, 2.5, {}, {1, 2}, ([0], [1]), (1, 2, 3), b"x"]
)
def test_as_graph_says_what_it_takes(source):
    with pytest.raises(InputError):
        as_graph(source)
    with pytest.raises(InputError, match="gset:G99"):
        as_graph("gset:G99")
