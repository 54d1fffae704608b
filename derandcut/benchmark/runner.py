"""The runner: every run of a suite that the record file does not hold yet."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from derandcut.benchmark.machine import (
    describe_machine,
    reference_seconds,
    source_commit,
    versions,
)
from derandcut.benchmark.process import Job, run_isolated
from derandcut.benchmark.records import RecordFile, Records, read_records
from derandcut.benchmark.suite import Suite, load_instance
from derandcut.benchmark.task import find_adaptor, read_adaptors
from derandcut.errors import DerandcutError

__all__ = ["run_key", "run_suite"]

FAILURES = ("timeout", "lied", "invalid", "crashed", "memory")


def run_suite(
    suite: Suite,
    folder: str | Path,
    *,
    jobs: int = 1,
    backend: str | None = None,
    retry_failed: bool = False,
    command: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Records:
    """Make every run of `suite` that ``folder/records.jsonl`` does not hold yet.

    Parameters
    ----------
    suite : Suite
    folder : path
        Created if needed; start again with the same folder to resume.
    jobs : int, default 1
        Runs at the same time. More than one on one machine disturbs the times.
    backend : str, optional
        A joblib backend ("loky", "threading", "dask"); by default the one set by
        `joblib.parallel_config`.
    retry_failed : bool, default False
        Repeat what crashed, lied or ran out of time or memory.
    command : str, optional
        Recorded; ``sys.argv`` by default.
    progress : callable, optional
        Called with runs done, runs in all, and a line about the last one.

    Returns
    -------
    Records
        All records of the folder.

    Raises
    ------
    InputError
        If a solver or option is unknown, or another process writes to the folder.
    """
    import joblib

    for path in suite.adaptor_files:
        read_adaptors(path)
    packages = {
        package for s in suite.solvers for package in find_adaptor(s)[0].packages
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "records.jsonl"
    with RecordFile(path) as file:
        settled = _settled(read_records(path), retry_failed)
        todo = [
            (instance, job)
            for instance, job in suite.jobs()
            if run_key(instance, job) not in settled
        ]
        if not todo:
            return read_records(path)
        file.append(_session(suite, packages, command))
        total = len(list(suite.jobs()))
        done = total - len(todo)
        progress(done, total, "")
        with _backend(joblib, backend):
            parallel = joblib.Parallel(
                n_jobs=jobs,
                return_as="generator_unordered",
                batch_size=1,
                pre_dispatch="n_jobs",
            )
            for record in parallel(joblib.delayed(_execute)(*item) for item in todo):
                file.append(record)
                done += 1
                progress(done, total, _line(record))
    return read_records(path)


def run_key(instance: str, job: Job) -> str:
    """Name of a run: a digest of everything that decides what it does."""
    asked = [instance, job.solver, job.time_limit, job.seed, job.threads]
    text = json.dumps([*asked, job.memory_limit, job.grace])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _settled(records: Records, retry_failed: bool) -> set[str]:
    """Keys that need no run: not what has been installed since, or is to be retried."""

    def settled(record: dict[str, Any]) -> bool:
        if record["status"] == "not installed":
            return False  # costs nothing to ask again
        return not (retry_failed and record["status"] in FAILURES)

    return {key for key, record in records.runs.items() if settled(record)}


def _backend(joblib: Any, backend: str | None) -> AbstractContextManager:
    return nullcontext() if backend is None else joblib.parallel_config(backend)


def _session(suite: Suite, packages: set[str], command: str | None) -> dict[str, Any]:
    return {
        "kind": "session",
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "suite": suite.name,
        "description": suite.description,
        "solvers": suite.solvers,
        "command": " ".join(sys.argv) if command is None else command,
        "commit": source_commit(),
        "machine": describe_machine(),
        "versions": versions(packages),
        "threads": suite.threads,
        "memory_limit": suite.memory_limit,
        "grace": suite.grace,
        "adaptors": {s: _adaptor_note(s) for s in suite.solvers},
    }


def _adaptor_note(spec: str) -> dict[str, Any]:
    found, options = find_adaptor(spec)
    return {"about": found.about, "options": {**found.options, **options}}


def _execute(instance: str, job: Job) -> dict[str, Any]:
    """One run, wherever joblib puts it; never raises on a solver's account."""
    record: dict[str, Any] = {
        "kind": "run",
        "key": run_key(instance, job),
        "instance": instance,
        "solver": job.solver,
        "time_limit": job.time_limit,
        "seed": job.seed,
        "threads": job.threads,
        "host": os.uname().nodename,
    }
    try:
        graph, known = load_instance(instance)
    except (DerandcutError, OSError, AttributeError, TypeError, ValueError) as error:
        text = f"the instance cannot be loaded: {error}"
        return {**record, "status": "crashed", "message": text}
    record.update(
        n=graph.n,
        m=graph.m,
        weight=graph.absolute_weight,
        family=known.get("family"),
        best_known=known.get("best_known"),
        best_proved=bool(known.get("proved")),
        reference_seconds=reference_seconds(),
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    record.update(run_isolated(graph, job))
    return record


def _line(record: dict[str, Any]) -> str:
    cut = record.get("cut")
    what = record["status"] if cut is None else f"{cut:.10g} {record['status']}"
    limit = f"{record['time_limit']:g} s"
    return f"{record['instance']}  {record['solver']}  {limit}  {what}"
