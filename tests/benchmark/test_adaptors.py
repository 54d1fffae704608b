"""The shipped adaptors against brute force, and suites, names and commands."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from derandcut import CutGraph, InputError
from derandcut.benchmark import Suite, load_suite, read_records, suite_names
from derandcut.benchmark.command import bench
from derandcut.benchmark.suite import load_instance
from derandcut.benchmark.task import (
    ADAPTORS,
    Outcome,
    Task,
    Unsuitable,
    find_adaptor,
    parse_spec,
)

find_adaptor("highs")  # registers the shipped ones
SOLVERS = (
    "networkx-exchange",
    "highs",
    "cp-sat",
    "gurobi",
    "dimod-exact",
    "dwave-annealing",
    "dwave-tabu",
    "openjij",
    "simulated-bifurcation",
    "mqlib",
)


def graph(kind, n=9):
    rng = np.random.default_rng(3)
    u, v = np.triu_indices(n, 1)
    keep = rng.random(len(u)) < 0.5
    weights = {
        "unit": np.ones(len(u)),
        "pm1": rng.choice([-1.0, 1.0], len(u)),
        "real": rng.standard_normal(len(u)),
    }[kind]
    return CutGraph.from_edges(u[keep], v[keep], weights[keep], n)


def brute_force(graph):
    rest = itertools.product([0, 1], repeat=graph.n - 1)
    return max(graph.cut(np.array([1, *sides])) for sides in rest)


@pytest.mark.parametrize("kind", ["unit", "pm1", "real"])
@pytest.mark.parametrize("name", SOLVERS)
def test_finds_the_optimum_of_a_small_graph(name, kind):
    adaptor = ADAPTORS[name]
    if adaptor.missing():
        pytest.skip(adaptor.missing())
    small = graph(kind)
    # The exact ones end by themselves; the others use up what they get.
    exact = name in ("highs", "cp-sat", "gurobi")
    # torch alone can take most of a short limit to import.
    limit = 20.0 if exact else 2.0 if name == "simulated-bifurcation" else 0.3
    task = Task(small, limit, seed=1, threads=1)
    outcome = adaptor.solve(task)
    if not isinstance(outcome, Outcome):
        outcome = Outcome(partition=outcome)
    partition = task.best if outcome.partition is None else outcome.partition
    best = brute_force(small)
    assert small.cut(partition) == pytest.approx(best)
    if outcome.upper_bound is not None:
        assert outcome.upper_bound == pytest.approx(best)
        assert outcome.bound_kind == "claimed"


STAND_IN = """#!/bin/sh
echo "$*" > "$(dirname "$0")/arguments"
echo "1,BURER2002,\\"$2\\",2,0.98,[1:0.1;2:0.2]"
echo
echo "Solution:"
echo "1 -1 1 "
"""


def test_mqlib_is_called_and_read_as_its_program_prints(tmp_path, monkeypatch):
    program = tmp_path / "MQLib"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    task = Task(CutGraph.from_edges([0, 1], [1, 2]), 1.0, seed=7, threads=1)
    outcome = ADAPTORS["mqlib"].solve(task)
    assert outcome.cut == 2 and outcome.partition.tolist() == [1, -1, 1]
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[2:6] == ["-h", "BURER2002", "-nv", "-ps"]
    assert arguments[8:] == ["-s", "7"]


@pytest.mark.parametrize("name", ["networkx-exchange", "highs", "cp-sat", "openjij"])
@pytest.mark.parametrize("n", [1, 4])
def test_graph_without_edges(name, n):
    adaptor = ADAPTORS[name]
    if adaptor.missing():
        pytest.skip(adaptor.missing())
    task = Task(CutGraph.from_edges([], [], n=n), 0.1, seed=0, threads=1)
    outcome = adaptor.solve(task)
    partition = task.best if outcome.partition is None else outcome.partition
    assert len(partition) == n


def test_large_instances_are_declined():
    large = Task(CutGraph.from_edges([], [], n=6000), 1.0, 0, 1)
    for name in ("dimod-exact", "simulated-bifurcation", "goemans-williamson"):
        if not ADAPTORS[name].missing():
            with pytest.raises(Unsuitable, match="6000"):
                ADAPTORS[name].solve(large)


def test_every_adaptor_says_what_it_does():
    for adaptor in ADAPTORS.values():
        assert adaptor.about, adaptor.name
        assert (
            adaptor.install
            or not adaptor.needs
            or adaptor.name
            in (
                "goemans-williamson",
                "networkx-exchange",
                "highs",
            )
        )


def test_offers_keep_the_best():
    shown = []
    task = Task(graph("unit"), 1.0, 0, 1, shown.append)
    assert task.offer(np.arange(9) % 2)
    assert not task.offer(np.ones(9))
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("highs", ("highs", {})),
        ("gset:G1", ("gset:G1", {})),
        (
            "a:b=1,c=2.5,d=true,e=word",
            ("a", {"b": 1, "c": 2.5, "d": True, "e": "word"}),
        ),
        ("a:b=3x-4,c=1..10", ("a", {"b": (3, -4), "c": (1, 10)})),
    ],
)
def test_parse_spec(spec, expected):
    assert parse_spec(spec) == expected


def test_malformed_spec():
    with pytest.raises(InputError, match="expected key=value"):
        parse_spec("a:b=1,c")


def test_shipped_suites_name_what_exists():
    assert set(suite_names()) == {"quick", "gset"}
    own = Path(__file__).parents[2] / "bench" / "suites"
    for name in (*suite_names(), *map(str, own.glob("*.toml"))):
        suite = load_suite(name)
        assert suite.instances and suite.description
        for solver in suite.solvers:
            find_adaptor(solver)
    quick = load_suite("quick")
    assert len(quick.instances) >= 6 and len(quick.solvers) >= 4
    for spec in quick.instances:
        assert load_instance(spec)[0].n > 0
    assert len(load_suite("gset").instances) == 71


def test_patterns_of_instances():
    suite = Suite("s", instances=("gset:G1", "gset:G[12]", "lattice:shape=3x3"))
    assert suite.instances == ("gset:G1", "gset:G2", "lattice:shape=3x3")
    with pytest.raises(InputError, match="matches 'gest"):
        Suite("s", instances=("gest:*",))


def test_suite_file_with_its_own_adaptors(tmp_path):
    (tmp_path / "mine.py").write_text("")
    path = tmp_path / "mine.toml"
    path.write_text('instances = ["gset:G1"]\nadaptor_files = ["mine.py"]\n')
    suite = load_suite(str(path))
    assert suite.name == "mine"
    assert suite.adaptor_files == (str(tmp_path / "mine.py"),)
    path.write_text("solver = 1\n")
    with pytest.raises(InputError, match="unknown field 'solver'"):
        load_suite(str(path))
    path.write_text("solvers = [\n")
    with pytest.raises(InputError, match=r"mine\.toml"):
        load_suite(str(path))
    with pytest.raises(InputError, match="quick"):
        load_suite("no such suite")


def test_known_values_of_instances():
    planted, known = load_instance("planted:n=40,loops=60,seed=1")
    assert known["proved"] and known["best_known"] <= planted.absolute_weight
    assert load_instance("gset:G11")[1] == {
        "family": "torus",
        "best_known": 564,
        "proved": True,
    }


def test_jobs_are_the_product():
    suite = Suite("s", instances=("a", "b"), solvers=("x",), seeds=(1, 2, 3))
    jobs = list(suite.jobs())
    assert len(jobs) == 6
    assert {(instance, job.seed) for instance, job in jobs} == {
        (i, s) for i in "ab" for s in (1, 2, 3)
    }


def test_the_adaptor_of_the_documentation_runs(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "benchmark.md"
    path = tmp_path / "mine.py"
    path.write_text(page.read_text().split("```python\n")[1].split("```")[0])
    given = ["--adaptors", str(path), "--solver", "greedy:passes=5", "--output"]
    given += [str(tmp_path), "--instance", "lattice:shape=4x4", "--time-limit", "0.2"]
    assert CliRunner().invoke(bench, given).exit_code == 0
    (run,) = read_records(tmp_path).runs.values()
    assert run["cut"] == 8  # the maximum


def test_bench_report_and_compare_commands(tmp_path):
    call = CliRunner().invoke
    folder = str(tmp_path / "out")
    given = ["--instance", "random:n=12,density=50", "--solver", "highs"]
    given += ["--time-limit", "10", "--memory-limit", "8G", "--output", folder]
    made = call(bench, given)
    assert made.exit_code == 0, made.output
    assert "1 runs, 0 without" in made.output
    (run,) = read_records(folder).runs.values()
    assert run["status"] == "ok" and run["upper_bound"] == run["cut"]
    assert "report: " in call(bench, ["report", folder]).output
    same = call(bench, ["compare", folder, folder, "--check"])
    assert same.exit_code == 0 and "nothing got worse" in same.output
    assert "ready" in call(bench, ["list"]).output
    assert call(bench, ["--memory-limit", "much"]).exit_code == 2
