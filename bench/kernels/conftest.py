"""Kernel benchmarks: CPU seconds as ratios to a fixed loop, kept in a record file.

    pip install pytest-benchmark
    OMP_NUM_THREADS=1 python -m pytest -c bench/kernels/pytest.ini bench/kernels \
        --record bench/records/kernels.jsonl

The loop is `derandcut.benchmark.machine.reference_seconds`, measured right before each
kernel: a slow or busy machine slows both. With ``--record`` a line is appended for each
kernel, and the ratio to the last line of it in the file is printed.
"""

import json
import time
from pathlib import Path

import pytest

from derandcut.benchmark.machine import (
    describe_machine,
    reference_seconds,
    source_commit,
)
from derandcut.benchmark.records import RecordFile

RATIOS = pytest.StashKey[dict]()


def pytest_addoption(parser):
    parser.addoption("--record", type=Path, help="JSON lines file to append to")


def pytest_configure(config):
    config.stash[RATIOS] = {}


@pytest.fixture
def kernel(benchmark, request):
    """Time ``call(*setup())`` and keep the least time over the reference loop's."""

    def measure(call, setup, units):
        reference = reference_seconds()
        benchmark.pedantic(
            call, setup=lambda: (setup(), {}), rounds=20, warmup_rounds=1
        )
        least = benchmark.stats.stats.min
        benchmark.extra_info["ratio"] = least / min(reference, reference_seconds())
        request.config.stash[RATIOS][request.node.name] = {
            "seconds": least,
            "ns_per_unit": 1e9 * least / units,
            "ratio": benchmark.extra_info["ratio"],
        }

    return measure


def pytest_terminal_summary(terminalreporter, config):
    ratios = config.stash[RATIOS]
    path = config.getoption("--record")
    before = _last(path) if path is not None and path.exists() else {}
    for name, found in ratios.items():
        old = before.get(name)
        change = f", x {found['ratio'] / old['ratio']:.3f} of the last" if old else ""
        terminalreporter.write_line(
            f"{name}: {found['ns_per_unit']:.2f} ns a unit, "
            f"{found['ratio']:.2f} reference loops{change}"
        )
    if path is None or not ratios:
        return
    here = {
        "kind": "kernel",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": source_commit(),
        "processor": describe_machine()["processor"],
    }
    with RecordFile(path) as file:
        for name, found in ratios.items():
            file.append({**here, "name": name, **found})


def _last(path):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return {record["name"]: record for record in records}
