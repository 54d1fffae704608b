"""Solvers that lie, crash, hang or eat memory, each in its own process."""

import os
import re
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from derandcut import CutGraph
from derandcut.benchmark.process import Job, run_isolated

FAKES = str(Path(__file__).with_name("fakes.py"))
READ = os.read
CYCLE = CutGraph.from_edges(np.arange(30), (np.arange(30) + 1) % 30)


def run(solver, **changes):
    given = {"time_limit": 20.0, "adaptor_files": (FAKES,)} | changes
    return run_isolated(CYCLE, Job(solver, **given))


def test_answer_is_recounted_and_offers_are_traced():
    record = run("honest:offset=1")
    assert record["status"] == "ok"
    assert record["cut"] == 30
    assert [point[1] for point in record["trace"]] == [0]
    assert record["seconds"] > 0
    assert record["peak_memory"] > 10_000_000


def test_time_is_not_lost_by_a_harness_that_listens_late(monkeypatch):
    def late(descriptor, size):
        block = READ(descriptor, size)
        time.sleep(0.3)
        return block

    monkeypatch.setattr("derandcut.benchmark.process.os.read", late)
    assert run("naps:seconds=0.05")["seconds"] >= 0.05


@pytest.mark.parametrize(
    ("solver", "status", "text"),
    [
        ("liar", "lied", "claimed a cut of 31, the recount is 30"),
        ("low-bound", "lied", "below its own cut"),
        ("false-trace", "lied", "its trace shows"),
        ("forger", "lied", "the recount is 0"),
        ("claims-nothing-shown", "lied", "without a partition"),
        ("empty-handed", "invalid", "neither a partition nor a bound"),
        ("short", "invalid", r"expected shape \(30,\)"),
        ("not-a-number", "invalid", "nan"),
        ("words", "invalid", "left"),
        ("raises", "crashed", "the solver's own message"),
        ("segfault", "crashed", "killed by SIGSEGV"),
        ("exits", "crashed", "without an answer, exit code 0"),
        ("leaves", "crashed", "SystemExit: 3"),
        ("glutton-outside-python", "memory", "memory allocation"),
        ("absent", "not installed", "pip install no-such-module"),
        ("half-absent", "not installed", "plug-in"),
        ("picky", "unsuitable", "prime"),
    ],
)
def test_misbehaviour_is_named(solver, status, text):
    record = run(solver)
    assert record["status"] == status
    assert re.search(text, record["message"])


def test_hanging_solver_is_killed_with_its_children():
    sleepers = _sleepers()
    record = run("hangs", time_limit=0.3, grace=0.3)
    assert record["status"] == "timeout"
    assert record["seconds"] >= 0.63
    assert [point[1] for point in record["trace"]] == [30]
    assert _sleepers() == sleepers


def _sleepers():
    listed = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return listed.stdout.count("sleep 600")


@pytest.mark.parametrize("solver", ["slow", "naps:seconds=0.6"])
def test_answer_after_the_limit_is_late(solver):
    record = run(solver, time_limit=0.2, grace=60.0)
    assert record["status"] == "late"


def test_memory_cap_holds():
    record = run("glutton", memory_limit=700_000_000)
    assert record["status"] == "memory"
    assert record["peak_memory"] < 700_000_000


def test_printing_does_not_disturb_the_answer():
    assert run("chatty")["cut"] == 30


def test_bound_without_a_cut_is_an_answer():
    record = run("bound-only")
    assert record["status"] == "ok"
    assert record["cut"] is None
    assert record["upper_bound"] == 1e6


def test_libraries_are_told_the_threads():
    assert run("threads", threads=3)["status"] == "ok"
