"""Records survive whatever interrupts their writing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from derandcut import InputError
from derandcut.benchmark import Suite, read_records, run_suite
from derandcut.benchmark.records import RecordFile
from derandcut.benchmark.runner import run_key

FAKES = str(Path(__file__).with_name("fakes.py"))
SUITE = Suite(
    "small",
    instances=("lattice:shape=4x4,seed=1", "lattice:shape=4x5,seed=2"),
    solvers=("honest", "liar", "raises", "absent"),
    time_limits=(5.0,),
    adaptor_files=(FAKES,),
)


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_whole_suite_despite_failures(tmp_path):
    seen = []
    suite = replace(SUITE, instances=SUITE.instances[:1])
    records = run_suite(suite, tmp_path, progress=lambda *step: seen.append(step))
    statuses = Counter(run["status"] for run in records.runs.values())
    assert statuses == {"ok": 1, "lied": 1, "crashed": 1, "not installed": 1}
    assert seen[0][:2] == (0, 4)
    assert seen[-1][:2] == (4, 4)
    session = records.sessions[0]
    assert session["machine"]["cores"] >= 1
    assert "numpy" in session["versions"]
    # Again: only what may have been installed since is asked again.
    run_suite(suite, tmp_path)
    counts = Counter(
        run["solver"] for run in lines(tmp_path / "records.jsonl") if "key" in run
    )
    assert counts == {"honest": 1, "liar": 1, "raises": 1, "absent": 2}


def test_retry_failed(tmp_path):
    suite = Suite(
        "retry",
        instances=("lattice:shape=4x4",),
        solvers=("raises",),
        adaptor_files=(FAKES,),
    )
    run_suite(suite, tmp_path)
    run_suite(suite, tmp_path, retry_failed=True)
    records = lines(tmp_path / "records.jsonl")
    assert sum(record["kind"] == "run" for record in records) == 2
    assert len(read_records(tmp_path).runs) == 1


def dask_cluster():
    """Workers on this machine, the current ones for joblib's "dask" backend."""
    distributed = pytest.importorskip("distributed")
    return distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
    )


@pytest.mark.parametrize(
    ("backend", "cluster"), [("threading", nullcontext), ("dask", dask_cluster)]
)
def test_same_answer_from_several_at_a_time(tmp_path, backend, cluster):
    suite = Suite(
        "parallel",
        instances=SUITE.instances,
        solvers=("honest",),
        time_limits=(20.0,),
        adaptor_files=(FAKES,),
    )
    one = run_suite(suite, tmp_path / "one")
    with cluster():
        two = run_suite(suite, tmp_path / "two", jobs=2, backend=backend)
    assert {k: r["cut"] for k, r in one.runs.items()} == {
        k: r["cut"] for k, r in two.runs.items()
    }


def test_missing_instance_is_a_failed_run(tmp_path):
    suite = Suite("missing", instances=("no:such",), solvers=("networkx-exchange",))
    (run,) = run_suite(suite, tmp_path).runs.values()
    assert run["status"] == "crashed"
    assert "no:such" in run["message"]


def test_unknown_solver_and_option_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="did you mean highs"):
        run_suite(Suite("x", solvers=("high",)), tmp_path)
    with pytest.raises(InputError, match="no option 'metod'"):
        run_suite(Suite("x", solvers=("derandcut:metod=auto",)), tmp_path)


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_torn_last_line_is_dropped(tmp_path, cut):
    path = tmp_path / "records.jsonl"
    with RecordFile(path) as file:
        file.append({"kind": "run", "key": "a", "cut": np.float64(3)})
        file.append({"kind": "run", "key": "b", "cut": float("inf")})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert list(read_records(path).runs) in (["a"], ["a", "b"])
    with RecordFile(path) as file:
        file.append({"kind": "run", "key": "c"})
    assert list(read_records(path).runs) == ["a", "c"]
    assert [record["key"] for record in lines(path)] == ["a", "c"]


def test_one_writer_at_a_time(tmp_path):
    path = tmp_path / "records.jsonl"
    with RecordFile(path), pytest.raises(InputError, match="another benchmark"):
        RecordFile(path)


PROGRAM = """
import sys
from derandcut.benchmark.command import bench
bench(sys.argv[1:], standalone_mode=False)
"""


def test_kill_loses_at_most_the_run_in_progress(tmp_path):
    solvers = [f"honest:offset={i}" for i in range(4)]
    arguments = [sys.executable, "-c", PROGRAM, "--output", str(tmp_path)]
    arguments += ["--adaptors", FAKES, "--instance", "lattice:shape=4x4"]
    for solver in solvers:
        arguments += ["--solver", solver]
    path = tmp_path / "records.jsonl"
    moment = random.Random(os.getpid())
    known = 0
    for _ in range(3):
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        target = min(known + 1, len(solvers))
        while process.poll() is None and _complete(path) < target:
            time.sleep(0.01)
        time.sleep(0.6 * moment.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert _complete(path) >= target
        known = _complete(path)
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    counts = Counter(record["key"] for record in lines(path) if "key" in record)
    assert len(counts) == len(solvers)
    assert set(counts.values()) == {1}  # what was written was never repeated


def _complete(path):
    if not path.exists():
        return 0
    return path.read_bytes().count(b'"kind": "run"')


def test_key_depends_on_everything_asked():
    (instance, job), *_ = SUITE.jobs()
    changed = [
        run_key(other, task)
        for suite in (
            SUITE,
            Suite(**{**vars(SUITE), "seeds": (1,)}),
            Suite(**{**vars(SUITE), "time_limits": (6.0,)}),
            Suite(**{**vars(SUITE), "threads": 2}),
        )
        for other, task in suite.jobs()
    ]
    assert len(set(changed)) == len(changed)
    assert run_key(instance, job) in changed
