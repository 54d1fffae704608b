"""``derandcut bench``: run a suite, write its report, compare two runs of it."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from derandcut.errors import InputError

__all__ = ["bench"]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bytes(context: Any, parameter: Any, value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)B?\s*", value, re.IGNORECASE)
    if not match:
        raise click.BadParameter(f"expected a size such as 4G, got {value!r}")
    return int(float(match[1]) * UNITS[match[2].upper()])


@click.group(invoke_without_command=True)
@click.option("--suite", default="quick", help="Name of a suite, or a TOML file.")
@click.option("--instance", multiple=True, help="Replace the suite's instances.")
@click.option("--solver", multiple=True, help="Replace the suite's solvers.")
@click.option("--time-limit", multiple=True, type=float, help="Seconds; repeatable.")
@click.option("--seed", multiple=True, type=int, help="Repeatable.")
@click.option("--threads", type=click.IntRange(1), help="What each run may use.")
@click.option("--memory-limit", callback=_bytes, help="Address space a run, e.g. 4G.")
@click.option("--grace", type=float, help="Seconds from 1.1 x the limit to the kill.")
@click.option(
    "--adaptors",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="Python file that registers further adaptors; repeatable.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of records and report; the same one resumes. [bench-SUITE]",
)
@click.option("--jobs", default=1, help="Runs at the same time.")
@click.option("--backend", help="A joblib backend: loky, threading, dask.")
@click.option("--scheduler", help="Address of a dask scheduler; implies dask.")
@click.option("--retry-failed", is_flag=True, help="Repeat crashes, timeouts, lies.")
@click.pass_context
def bench(context: click.Context, **given: Any) -> None:
    """Run a benchmark suite and write its report.

    Started again with the same output folder it goes on where it was stopped, at
    whatever moment that was.
    """
    if context.invoked_subcommand is not None:
        return
    from derandcut.benchmark.report import write_report
    from derandcut.benchmark.runner import run_suite

    suite = _suite(given)
    folder = given["output"] or Path(f"bench-{suite.name}")
    with _cluster(given["scheduler"], given["backend"]) as backend, _bar() as progress:
        records = run_suite(
            suite,
            folder,
            jobs=given["jobs"],
            backend=backend,
            retry_failed=given["retry_failed"],
            command=shlex.join(["derandcut", *sys.argv[1:]]),
            progress=progress,
        )
    path = write_report(records, folder)
    failed = sum(run["status"] != "ok" for run in records.runs.values())
    click.echo(f"{len(records.runs)} runs, {failed} without a counted answer")
    click.echo(f"report: {path}")


def _suite(given: dict[str, Any]) -> Any:
    from derandcut.benchmark.suite import load_suite

    suite = load_suite(given["suite"])
    lists = {
        "instances": given["instance"],
        "solvers": given["solver"],
        "time_limits": given["time_limit"],
        "seeds": given["seed"],
        "threads": given["threads"],
        "memory_limit": given["memory_limit"],
        "grace": given["grace"],
    }
    changed = {key: value for key, value in lists.items() if value not in ((), None)}
    files = (*suite.adaptor_files, *given["adaptors"])
    return replace(suite, **changed, adaptor_files=files)


@contextmanager
def _cluster(scheduler: str | None, backend: str | None) -> Iterator[str | None]:
    """The joblib backend, connected to the dask scheduler if one is named."""
    if scheduler is None:
        yield backend
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "dask is not installed: pip install 'derandcut[dist]'"
        ) from None
    with Client(scheduler):
        yield "dask"


@contextmanager
def _bar() -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on standard error, on a terminal only."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, text: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, text: str) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield show


@bench.command("report")
@click.argument("records", type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path))
def report_command(records: Path, output: Path | None) -> None:
    """Write the report of a record file, or of a folder with one."""
    from derandcut.benchmark.report import write_report

    folder = output or (records if records.is_dir() else records.parent)
    click.echo(f"report: {write_report(records, folder)}")


@bench.command("compare")
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
@click.option("--time-tolerance", default=0.05, show_default=True)
@click.option("--cut-tolerance", default=1e-4, show_default=True)
@click.option("--bound-tolerance", default=1e-4, show_default=True)
@click.option("--check", is_flag=True, help="Exit with 4 if anything got worse.")
def compare_command(old: Path, new: Path, check: bool, **tolerances: float) -> None:
    """Flag what got worse from OLD to NEW records of a suite."""
    from derandcut.benchmark.comparison import compare

    found = compare(old, new, **tolerances)
    click.echo(f"{found.pairs} runs in both")
    if found.machine_ratio is not None:
        click.echo(
            f"reference loop: x {found.machine_ratio:.3f} (divided out of the times)"
        )
    for change in found.changes:
        flag = "WORSE" if change.regression else "     "
        click.echo(
            f"{flag} {change.measure:5s} {change.solver} {change.time_limit:g} s: "
            f"{change.text}, {change.units} units, p = {change.p:.2g}"
        )
    for text in found.failures:
        click.echo(f"FAILS {text}")
    for text in found.lost_proofs:
        click.echo(f"PROOF lost: {text}")
    click.echo("something got worse" if found.worse else "nothing got worse")
    if check and found.worse:
        raise SystemExit(4)


@bench.command("list")
def list_command() -> None:
    """List the suites and the adaptors, and what is not installed."""
    import derandcut.benchmark.adaptors  # noqa: F401  registers them
    from derandcut.benchmark.suite import load_suite, suite_names
    from derandcut.benchmark.task import ADAPTORS

    for name in suite_names():
        click.echo(f"suite    {name:22s} {load_suite(name).description}")
    for adaptor in ADAPTORS.values():
        click.echo(f"adaptor  {adaptor.name:22s} {adaptor.missing() or 'ready'}")
