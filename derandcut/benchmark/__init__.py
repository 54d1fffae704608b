"""Benchmarks of MAXCUT solvers, derandcut's and others': runner, adaptors, report."""

from derandcut.benchmark.comparison import compare
from derandcut.benchmark.records import Records, read_records
from derandcut.benchmark.report import write_report
from derandcut.benchmark.runner import run_suite
from derandcut.benchmark.suite import Suite, load_suite, suite_names
from derandcut.benchmark.task import (
    NotInstalled,
    Outcome,
    Task,
    Unsuitable,
    adaptor,
)

__all__ = [
    "NotInstalled",
    "Outcome",
    "Records",
    "Suite",
    "Task",
    "Unsuitable",
    "adaptor",
    "compare",
    "load_suite",
    "read_records",
    "run_suite",
    "suite_names",
    "write_report",
]
