"""The command line, run as users run it: in a process of its own."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import derandcut
from derandcut import CutGraph
from derandcut.cli import _number, run
from derandcut.formats import read_graph, write_graph

KEYS = [
    "instance",
    "n",
    "m",
    "cut",
    "partition",
    "upper_bound",
    "bound_kind",
    "gap",
    "status",
    "seconds",
    "work",
    "work_limit",
    "seed",
    "threads",
    "method",
    "chain",
    "stages",
    "version",
]
COMMAND = [sys.executable, "-m", "derandcut.cli"]
# The package these tests import, installed or not.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(derandcut.__file__).parents[1])}
SHIPPED = "torus_30x40"
SQUARE = "4 5\n1 2 1\n2 3 1\n3 4 1\n4 1 1\n1 3 1\n"


def process(*arguments, cwd, stdin="", environment=None):
    """Run the command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, **(environment or {})},
        timeout=120,
    )


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def answer(here, capfd):
    """A function that runs a command in this process and returns its output."""

    def call(*arguments) -> str:
        code = run([*map(str, arguments)])
        out, error = capfd.readouterr()
        assert (code, error) == (0, "")
        return out

    return call


@pytest.fixture
def refusal(here, capfd):
    """A function that runs a command that must fail and returns its one line."""

    def call(*arguments) -> str:
        code = run([*map(str, arguments)])
        out, error = capfd.readouterr()
        assert (code, out) == (2, "")
        return one_line(error)

    return call


def one_line(error: str) -> str:
    assert error.startswith("derandcut: error: ")
    assert error.count("\n") == 1, error
    return error.removeprefix("derandcut: error: ").strip()


def strict(text: str) -> dict:
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def square(here) -> Path:
    path = here / "square.mc"
    path.write_text(SQUARE)
    return path


# ----------------------------------------------------------------------------- solving


def test_a_shipped_instance_from_end_to_end(here):
    """Solve, write everything, and check what was written against the graph."""
    name = SHIPPED
    done = process(
        *("solve", name, "--method", "derandomize", "--threads", 1),
        *("--json", "answer.json", "--output", "sides.txt"),
        cwd=here,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    graph = derandcut.datasets.load(name)
    found = strict((here / "answer.json").read_text())
    assert list(found) == KEYS
    assert (found["instance"], found["n"], found["m"]) == (name, graph.n, graph.m)
    sides = np.array([1 if side == "1" else -1 for side in found["partition"]])
    assert graph.cut(sides) == found["cut"] <= found["upper_bound"]
    assert found["gap"] == (found["upper_bound"] - found["cut"]) / found["cut"]
    values = [link["value"] for link in found["chain"]]
    room = 1e-10 * graph.absolute_weight
    assert all(a <= b + room for a, b in pairwise(values))
    assert found["cut"] in values
    written = [line.split() for line in (here / "sides.txt").open()]
    labels = graph.labels or range(graph.n)
    assert [label for label, _ in written] == [str(label) for label in labels]
    assert [int(side) for _, side in written] == sides.tolist()
    for link in found["chain"]:
        assert link["name"] in text
    listed = re.findall(r"^  (\w+) +[.\d]+ s$", text, re.M)
    assert listed == list(dict.fromkeys(stage["name"] for stage in found["stages"]))
    assert re.search(rf"^cut +{found['cut']}$", text, re.M)
    assert "upper bound" in text and "proved" in text and "gap" in text


def test_json_alone_on_stdout(square, answer):
    found = strict(answer("solve", square, "--json", "-"))
    assert list(found) == KEYS
    assert (found["cut"], found["upper_bound"], found["gap"]) == (4, 4, 0)
    assert found["status"] == "optimal"
    assert found["version"] == derandcut.__version__
    assert set(found["partition"]) == {"0", "1"}


def test_no_graph_is_too_small(here, answer):
    for text in ("0 0\n", "1 0\n", "2 0\n"):
        (here / "tiny.mc").write_text(text)
        found = strict(answer("solve", "tiny.mc", "--json", "-"))
        assert (found["cut"], found["gap"]) == (0, 0)
        assert len(found["partition"]) == int(text[0])


def test_what_is_not_finite_is_null():
    assert _number(float("inf")) is None
    assert _number(float("nan")) is None
    assert _number(None) is None
    assert _number(np.float64(0.5)) == 0.5
    assert type(_number(np.float64(0.5))) is float


def test_without_a_bound_the_json_says_null(square, answer):
    found = strict(answer("solve", square, "--bound", "none", "--json", "-"))
    assert (found["upper_bound"], found["gap"]) == (None, None)
    assert found["bound_kind"] == "none"


def test_standard_input_and_compression(square, answer):
    by_file = answer("solve", square, "--output", "-")
    done = process("solve", "-", "--output", "-", cwd=square.parent, stdin=SQUARE)
    assert (done.returncode, done.stdout, done.stderr) == (0, by_file, "")
    packed = square.with_suffix(".mc.gz")
    packed.write_bytes(gzip.compress(SQUARE.encode()))
    assert answer("solve", packed, "--output", "-") == by_file


def test_quiet_prints_nothing(square, answer):
    assert answer("solve", square, "--quiet") == ""


def test_same_seed_same_answer(square, answer):
    first, again = (
        strict(answer("solve", square, "--seed", 3, "--json", "-")) for _ in range(2)
    )
    for key in ("cut", "partition", "upper_bound", "work", "work_limit", "chain"):
        assert first[key] == again[key]


def test_fixed_sides_are_kept_and_written_sides_are_read(here, answer):
    path = here / "path.mc"
    path.write_text("3 2\n1 2 5\n2 3 1\n")
    labels = read_graph(path).labels or range(3)
    (here / "fixed.txt").write_text(f"{labels[0]} 1\n\n{labels[1]} 1\n")
    out = ("--output", "sides.txt")
    answer("solve", path, "--fixed", "fixed.txt", *out)
    lines = (here / "sides.txt").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["1", "1", "-1"]
    answer("solve", path, "--initial", "sides.txt", "--quiet")


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("zero 1\n", 1, "a vertex"),
        ("\n{0} 2\n", 2, "side 1 or -1"),
        ("{0} 1\n{0} 1\n", 2, "one side"),
        ("{0}\n", 1, "side 1 or -1"),
    ],
)
def test_wrong_sides_are_named_by_file_and_line(square, text, line, expected, refusal):
    label = (read_graph(square).labels or range(4))[0]
    (square.parent / "f.txt").write_text(text.format(label))
    error = refusal("solve", square, "--fixed", "f.txt")
    assert error.startswith(f"f.txt:{line}: ")
    assert expected in error


def test_goemans_williamson_by_method(square, answer):
    arguments = ("--method", "goemans-williamson", "--json", "-")
    found = strict(answer("solve", square, *arguments))
    assert (found["cut"], found["method"]) == (4, "goemans-williamson")
    text = answer("solve", square, "--method", "goemans-williamson")
    assert re.search(r"^ +4  cut\n +<= 4  upper bound$", text, re.M)


def test_plot(square, answer, refusal):
    pytest.importorskip("matplotlib")
    answer("solve", square, "--plot", "cut.png", "--quiet")
    assert (square.parent / "cut.png").read_bytes().startswith(b"\x89PNG")
    error = refusal("solve", square, "--plot", "cut.xyz")
    assert "cut.xyz" in error and "png" in error


def test_plot_without_matplotlib_names_the_install(square, refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    error = refusal("solve", square, "--plot", "cut.png")
    assert "pip install 'derandcut[plot]'" in error


# --------------------------------------------------------------------------- bad input

BAD = {
    "truncated": ("4 4\n1 2 1\n2 3 1\n3 4 1\n", 4),
    "vertex 0": ("3 2\n1 2 1\n0 3 1\n", 3),
    "vertex n+1": ("3 2\n1 2 1\n3 4 1\n", 3),
    "nan": ("3 2\n1 2 1\n2 3 nan\n", 3),
    "inf": ("3 2\n1 2 inf\n2 3 1\n", 2),
    "too many edges": ("3 1\n1 2 1\n2 3 1\n", 3),
    "half a line": ("3 2\n1 2 1\n2\n", 3),
    "no header": ("one two\n", 1),
    "words": ("3 2\n1 2 1\n2 three 1\n", 3),
    "empty": ("", None),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_by_file_and_line(name, here, refusal):
    text, line = BAD[name]
    path = here / "bad.mc"
    path.write_text(text)
    out = ("--json", "answer.json", "--output", "sides.txt")
    error = refusal("solve", "bad.mc", *out)
    assert error.startswith("bad.mc")
    assert "expected" in error
    if line is not None:
        assert re.match(rf"bad\.mc(:|, line ){line}\b", error), error
    assert sorted(file.name for file in here.iterdir()) == ["bad.mc"]


def test_what_is_no_text_file_is_refused(here, refusal):
    (here / "folder").mkdir()
    (here / "binary").write_bytes(bytes(range(256)) * 16)
    (here / "cut.gz").write_bytes(gzip.compress(SQUARE.encode())[:-12])
    for name in ("folder", "binary", "cut.gz", "missing"):
        assert name in refusal("solve", name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(square, refusal):
    square.chmod(0)
    assert "permission" in refusal("solve", square)


def test_unwritable_outputs_are_refused_before_solving(square, refusal):
    (square.parent / "folder").mkdir()
    for option in ("--json", "--output", "--plot"):
        for target in ("folder", "no/such/folder.png"):
            error = refusal("solve", square, option, target)
            assert target in error
    both = ("--json", "-", "--output", "-")
    assert "stdout" in refusal("solve", square, *both)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "command"),
        (("solve",), "FILE"),
        (("unknown",), "unknown"),
        (("solve", "square.mc", "--time-limit", "soon"), "--time-limit"),
        (("solve", "square.mc", "--time-limit", "-1"), "time_limit"),
        (("solve", "square.mc", "--time-limit", "nan"), "time_limit"),
        (("solve", "square.mc", "--seed", "-1"), "seed"),
        (("solve", "square.mc", "--threads", "0"), "n_threads"),
        (("solve", "square.mc", "--pool-size", "0"), "pool_size"),
        (("solve", "square.mc", "--method", "magic"), "magic"),
        (("solve", "square.mc", "--bound", "maybe"), "maybe"),
        (("solve", "square.mc", "--nonsense"), "--nonsense"),
        (("solve", "square.mc", "--format", "klingon"), "klingon"),
        (("solve", "gset:G9999"), "G9999"),
        (("generate", "nosuchfamily", "out.mc"), "nosuchfamily"),
        (("generate", "nosuchfamily", "n", "out.mc"), "KEY=VALUE"),
        (("convert", "square.mc", "no/such/out.mc"), "no/such/out.mc"),
    ],
)
def test_wrong_usage_is_one_line(square, arguments, named, refusal):
    error = refusal(*arguments)
    assert named in error
    assert [file.name for file in square.parent.iterdir()] == ["square.mc"]


def test_an_internal_error_says_how_to_see_more(square, capfd, monkeypatch):
    def broken(*arguments, **keywords):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(derandcut, "maxcut", broken)
    monkeypatch.delenv("DERANDCUT_TRACEBACK", raising=False)
    assert run(["solve", "square.mc"]) == 1
    error = one_line(capfd.readouterr().err)
    assert "ZeroDivisionError: two lines" in error
    assert "DERANDCUT_TRACEBACK=1" in error
    monkeypatch.setenv("DERANDCUT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run(["solve", "square.mc"])


# -------------------------------------------------------------------- signals and pipes


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_keeps_the_best_answer(tmp_path, number, code):
    rng = np.random.default_rng(1)
    u, v = rng.integers(0, 2000, (2, 10_000))
    graph = CutGraph.from_edges(u, v, rng.choice([-1, 1], 10_000), 2000)
    write_graph(graph, tmp_path / "g.mc")
    # The callback tells when the run is under way; then the process stops itself.
    code_text = (
        "import os, signal, derandcut, derandcut.cli\n"
        "solve = derandcut.maxcut\n"
        "def stop(event):\n"
        "    if event.cut is not None and event.cut > 0 and not stop.sent:\n"
        "        stop.sent = True\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "stop.sent = False\n"
        "def maxcut(graph, **arguments):\n"
        "    arguments['callback'] = stop\n"
        "    return solve(graph, **arguments)\n"
        "derandcut.maxcut = maxcut\n"
        "derandcut.cli.main()\n"
    )
    options = ["--time-limit", "60", "--json", "a.json", "--output", "a.txt"]
    done = subprocess.run(
        [sys.executable, "-c", code_text, "solve", "g.mc", *options],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done
    found = strict((tmp_path / "a.json").read_text())
    assert found["status"] == "interrupted"
    sides = np.array([1 if side == "1" else -1 for side in found["partition"]])
    assert graph.cut(sides) == found["cut"] > 0
    assert found["upper_bound"] is None or found["upper_bound"] >= found["cut"]
    assert len((tmp_path / "a.txt").read_text().splitlines()) == graph.n
    assert {file.name for file in tmp_path.iterdir()} == {"g.mc", "a.json", "a.txt"}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_while_reading_leaves_quietly(tmp_path, number, code):
    command = [*COMMAND, "solve", "-", "--json", "answer.json"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # More than a pipe holds: when this returns, the command is reading.
    process.stdin.write("300000 300000\n" + "1 2 1\n" * 30_000)
    process.stdin.flush()
    time.sleep(0.1)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert error.count("\n") <= 1, error
    assert not list(tmp_path.iterdir())


def test_a_reader_that_leaves_is_no_error(square):
    command = " ".join(COMMAND) + f" solve {square} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.stdout.strip() == "0"
    assert done.stderr == ""


# --------------------------------------------------------------- the other commands


def test_info(square, answer):
    text = answer("info", square)
    assert re.search(r"^vertices +4$", text, re.M)
    assert re.search(r"^edges +5$", text, re.M)
    assert read_graph(square).digest in text


def test_convert_keeps_the_graph(square, answer):
    folder = square.parent
    answer("convert", square, "a.mtx")
    answer("convert", "a.mtx", "b.mc.gz")
    assert read_graph(folder / "b.mc.gz").digest == read_graph(square).digest
    assert answer("convert", square, "-", "--to", "rudy").startswith("4 5")


def test_generate_repeats_by_seed(here, answer):
    arguments = ("generate", "random", "n=50", "seed=3")
    answer(*arguments, "a.mc")
    answer(*arguments, "b.mc")
    assert (here / "a.mc").read_bytes() == (here / "b.mc").read_bytes()
    assert read_graph(here / "a.mc").n == 50
    answer("generate", "lattice", "shape=4,5", "weights=pm1", "c.mc")
    assert read_graph(here / "c.mc").m == 40


def test_version_and_help(here, answer):
    assert answer("--version") == f"derandcut {derandcut.__version__}\n"
    for command in ("solve", "info", "convert", "generate"):
        assert f"Usage: derandcut {command}" in answer(command, "--help")
        assert command in answer("--help")
