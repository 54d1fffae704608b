"""The command line: parses arguments, calls the library, prints."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

import derandcut
from derandcut import check as checker
from derandcut import datasets
from derandcut.benchmark.command import bench
from derandcut.errors import DerandcutError, InputError, MissingDependencyError
from derandcut.formats import as_graph, read_graph, write_graph
from derandcut.formats.files import write_text
from derandcut.graph import CutGraph
from derandcut.result import CutResult, Event, Status, relative_gap

__all__ = ["main", "run"]

BAD_INPUT, INTERNAL, REFUSED = 2, 1, 3
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIDES = {"1": 1, "+1": 1, "-1": -1}


def main() -> None:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:]))


def _terminate(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def run(arguments: list[str]) -> int:
    """Run one command; whatever ends it early is one line on stderr.

    Parameters
    ----------
    arguments : list of str
        What follows the program's name.

    Returns
    -------
    int
        The exit code: 0 an answer, 2 bad input or usage, 3 a certificate refused, 130
        and 143 interrupted, 1 an internal error.
    """
    try:
        # Not click's own main: it has several lines, and codes, of its own for these.
        with command.make_context("derandcut", arguments) as context:
            return command.invoke(context) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 128 + signal.SIGINT)
    except click.ClickException as error:
        return _fail(error.format_message(), BAD_INPUT)
    except (InputError, MissingDependencyError) as error:
        return _fail(str(error), BAD_INPUT)
    except BrokenPipeError:
        # The reader of stdout has left; keep the interpreter's last flush quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("DERANDCUT_TRACEBACK"):
            raise
        hint = "" if isinstance(error, DerandcutError) else f"{type(error).__name__}: "
        return _fail(
            f"{hint}{error} (internal error: DERANDCUT_TRACEBACK=1 shows where)",
            INTERNAL,
        )


def _fail(message: str, code: int) -> int:
    with suppress(OSError):
        print("derandcut: error:", " ".join(message.split()), file=sys.stderr)
    return code


@click.group(no_args_is_help=False, context_settings={"max_content_width": 100})
@click.version_option(derandcut.__version__, message="derandcut %(version)s")
def command() -> None:
    """MAXCUT with a proof attached: a cut, an upper bound, the gap between them."""


command.add_command(bench)


# -------------------------------------------------------------------------------- solve


@command.command()
@click.argument("file")
@click.option("--time-limit", type=float, metavar="S", help="Seconds of wall clock.")
@click.option("--work-limit", type=int, metavar="N", help="Units of work: repeatable.")
@click.option("--gap", type=float, default=0.0, metavar="G", help="Stop at this gap.")
@click.option("--target", type=float, metavar="C", help="Stop at a cut this large.")
@click.option("--seed", type=int, default=0, metavar="K", show_default=True)
@click.option("--threads", type=int, metavar="T", help="All allowed cores by default.")
@click.option(
    "--method",
    default="auto",
    metavar="M",
    show_default=True,
    help="auto, exact, derandomize, search or goemans-williamson.",
)
@click.option(
    "--bound",
    default="proved",
    metavar="B",
    show_default=True,
    help="proved, estimate or none.",
)
@click.option(
    "--initial",
    metavar="FILE",
    help="Start from these sides: lines `label side`, as --output writes them.",
)
@click.option("--fixed", metavar="FILE", help="Keep these sides: lines `label side`.")
@click.option("--pool-size", type=int, default=1, metavar="P", show_default=True)
@click.option("--format", metavar="F", help="Format of FILE; guessed by default.")
@click.option("--output", metavar="FILE", help="Write the partition: `label side`.")
@click.option("--json", "json_file", metavar="FILE|-", help="Write the result as JSON.")
@click.option("--certificate", metavar="FILE", help="Write a proof, as JSON.")
@click.option("--plot", metavar="FILE", help="Draw the cut (png, svg, pdf).")
@click.option("--quiet", is_flag=True, help="No progress, no report.")
def solve(
    file: str,
    time_limit: float | None,
    work_limit: int | None,
    gap: float,
    target: float | None,
    seed: int,
    threads: int | None,
    method: str,
    bound: str,
    initial: str | None,
    fixed: str | None,
    pool_size: int,
    format: str | None,
    output: str | None,
    json_file: str | None,
    certificate: str | None,
    plot: str | None,
    quiet: bool,
) -> int:
    """Cut the graph in FILE (- for stdin, or a dataset's name such as gset:G14)."""
    _check_outputs(output, json_file, certificate, plot)
    if plot is not None:
        from derandcut.plotting import check_format

        check_format(plot)
    graph = _read(file, format)
    arguments = {
        "time_limit": time_limit,
        "work_limit": work_limit,
        "gap": gap,
        "target": target,
        "seed": seed,
        "n_threads": threads,
        "method": method,
        "bound": bound,
        "initial": None if initial is None else _read_sides(initial, graph),
        "fixed": None if fixed is None else _read_sides(fixed, graph),
        "pool_size": pool_size,
    }
    with _signal_seen() as seen, _progress(not quiet) as callback:
        result = derandcut.maxcut(graph, callback=callback, **arguments)
        number = seen()
    if output is not None:
        write_text(_sides_text(result).encode(), output)
    if json_file is not None:
        text = json.dumps(_json(file, graph, result), allow_nan=False)
        write_text(f"{text}\n".encode(), json_file)
    if certificate is not None:
        text = json.dumps(result.certificate, separators=(",", ":"))
        write_text(f"{text}\n".encode(), certificate)
    if plot is not None:
        from derandcut.plotting import draw

        write_text(draw(graph, result.partition, Path(plot).suffix[1:]), plot)
    if not quiet and "-" not in (output, json_file, certificate):
        _report(file, graph, result)
    if result.status is Status.INTERRUPTED:
        return 128 + (number or signal.SIGINT)
    return 0


@contextmanager
def _signal_seen() -> Iterator[Callable[[], int | None]]:
    """Yield a function that tells which of SIGINT and SIGTERM came, if one did.

    The solver turns both into one status; the interpreter's wakeup pipe keeps the
    number, whoever handles the signal.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def seen() -> int | None:
        with suppress(BlockingIOError):
            for number in os.read(reader, 4096):
                if number in SIGNALS:
                    return number
        return None

    try:
        yield seen
    finally:
        signal.set_wakeup_fd(previous)
        os.close(reader)
        os.close(writer)


@contextmanager
def _progress(wanted: bool) -> Iterator[Callable[[Event], None] | None]:
    """Show stage, cut, bound, gap, seconds and work on stderr, if it is a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True) as live:
        yield lambda event: live.update(_progress_line(event))


def _progress_line(event: Event) -> str:
    cut, bound = event.cut, event.upper_bound
    parts = [f"{event.time:7.1f} s", f"{event.stage:<12}"]
    parts.append("cut -" if cut is None else f"cut {_plain(cut)}")
    parts.append("bound -" if bound is None else f"bound {_plain(bound)}")
    if cut is not None and bound is not None:
        parts.append(f"gap {100 * relative_gap(cut, bound):.3g} %")
    parts.append(f"work {event.work:.3g}")
    return "  ".join(parts)


def _json(instance: str, graph: CutGraph, result: CutResult) -> dict[str, Any]:
    """The JSON object of a result; what is not finite becomes null."""
    links = [{"name": link.name, "value": _number(link.value)} for link in result.chain]
    stages = [{"name": name, "seconds": seconds} for name, seconds in result.stages]
    return {
        "instance": instance,
        "n": graph.n,
        "m": graph.m,
        "cut": _number(result.cut),
        "partition": "".join("1" if side > 0 else "0" for side in result.partition),
        "upper_bound": _number(result.upper_bound),
        "bound_kind": result.bound_kind,
        "gap": _number(result.gap),
        "status": result.status.value,
        "seconds": result.seconds,
        "work": result.work,
        "work_limit": result.work_limit,
        "seed": result.seed,
        "threads": result.n_threads,
        "method": result.method,
        "chain": links,
        "stages": stages,
        "version": derandcut.__version__,
    }


def _number(value: Any) -> int | float | None:
    """A plain Python number, None if there is none to write in JSON."""
    if value is None or not abs(value) < float("inf"):
        return None
    return int(value) if isinstance(value, int) else float(value)


def _report(instance: str, graph: CutGraph, result: CutResult) -> None:
    """Print a result for people: the answer, the chain, the stages."""
    bound = "none"
    if result.upper_bound is not None:
        bound = f"{_plain(result.upper_bound)} ({result.bound_kind})"
    rows = [
        ("instance", f"{instance}: {graph.n} vertices, {graph.m} edges"),
        ("cut", _plain(result.cut)),
        ("upper bound", bound),
        ("gap", "unknown" if result.gap is None else f"{100 * result.gap:.4g} %"),
        ("status", f"{result.status.value}: {result.status.remedy}"),
        ("time", f"{result.seconds:.2f} s, {result.work} units of work"),
    ]
    blocks = [_aligned(rows)]
    if result.chain:
        whole = isinstance(result.cut, int)
        values = [
            _plain(int(link.value) if whole and link.value.is_integer() else link.value)
            for link in result.chain
        ]
        width = max(map(len, values))
        signs = ["  ", *["<="] * (len(values) - 1)]
        blocks.append("chain, each link checked on this run:")
        blocks[-1] += "".join(
            f"\n  {sign} {value:>{width}}  {link.name}"
            for sign, value, link in zip(signs, values, result.chain, strict=True)
        )
    if result.stages:
        total: dict[str, float] = {}  # search and bound take turns
        for name, seconds in result.stages:
            total[name] = total.get(name, 0.0) + seconds
        rows = [(f"  {name}", f"{seconds:.3f} s") for name, seconds in total.items()]
        blocks.append(f"stages:\n{_aligned(rows)}")
    click.echo("\n\n".join(blocks))


def _plain(value: int | float) -> str:
    """All digits of an integer, twelve of a real number."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"


def _aligned(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


# -------------------------------------------------------------------------------- check


@command.command()
@click.argument("graph")
@click.argument("certificate")
@click.option("--format", metavar="F", help="Format of GRAPH; guessed by default.")
def check(graph: str, certificate: str, format: str | None) -> int:
    """Check a CERTIFICATE for the GRAPH with exact numbers; print what it proves."""
    known = _read(graph, format)
    u, v, w = (column.tolist() for column in known.edges())
    edges = dict(zip(zip(u, v, strict=True), w, strict=True))
    try:
        verdict = checker.check(known.n, edges, checker.read_certificate(certificate))
    except checker.Unreadable as error:
        raise InputError(str(error)) from None
    except checker.Refused as reason:
        return _fail(f"certificate refused: {reason}", REFUSED)
    click.echo(verdict)
    return 0


# -------------------------------------------------------------- info, convert, generate


@command.command()
@click.argument("file")
@click.option("--format", metavar="F", help="Format of FILE; guessed by default.")
def info(file: str, format: str | None) -> None:
    """Describe the graph in FILE: size, weights, degrees, components, digest."""
    graph = _read(file, format)
    rows = [("vertices", f"{graph.n}"), ("edges", f"{graph.m}")]
    if graph.m:
        low, high = graph.weights.min(), graph.weights.max()
        least, most = graph.degrees.min(), graph.degrees.max()
        kind = "integer" if graph.integer else "real"
        rows += [
            ("weights", f"{kind}, {low:.12g} to {high:.12g}"),
            ("total weight", f"{graph.total_weight:.12g}"),
            ("negative weight", f"{graph.negative_weight:.12g}"),
            ("degrees", f"{least} to {most}, mean {graph.degrees.mean():.4g}"),
        ]
    components = int(graph.components.max(initial=-1)) + 1
    rows += [("components", f"{components}"), ("digest", graph.digest)]
    click.echo(_aligned(rows))


@command.command()
@click.argument("source", metavar="IN")
@click.argument("out")
@click.option("--from", "source_format", metavar="F", help="Format of IN.")
@click.option("--to", "out_format", metavar="F", help="Format of OUT.")
def convert(
    source: str, out: str, source_format: str | None, out_format: str | None
) -> None:
    """Read the graph IN and write it to OUT, in the format of its name."""
    _check_outputs(out)
    write_graph(_read(source, source_format), out, format=out_format)


@command.command()
@click.argument("family")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.argument("out")
@click.option("--format", metavar="F", help="Format of OUT; its name says by default.")
def generate(
    family: str, settings: tuple[str, ...], out: str, format: str | None
) -> None:
    """Generate a graph of a FAMILY, with KEY=VALUE parameters, into OUT."""
    parameters = dict(_setting(text) for text in settings)
    _check_outputs(out)
    write_graph(datasets.generate(family, **parameters), out, format=format)


def _setting(text: str) -> tuple[str, Any]:
    """Split ``key=value``; a value with commas becomes a tuple."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise InputError(f"{text!r}: expected KEY=VALUE")
    if "," in value:
        return key, tuple(map(_value, value.split(",")))
    return key, _value(value)


def _value(text: str) -> int | float | str:
    """An int or a float if it is one, else the text."""
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text


# --------------------------------------------------------------------- files in and out


def _read(file: str, format: str | None) -> CutGraph:
    """Read a graph from a file, from stdin (-), or by a dataset's name."""
    return as_graph(file) if format is None else read_graph(file, format=format)


def _read_sides(path: str, graph: CutGraph) -> dict[Any, int]:
    """Read lines ``label side`` into a map from the graph's labels to +1 or -1."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"{path}: expected lines `label side`: {reason}") from None
    labels = range(graph.n) if graph.labels is None else graph.labels
    known = {str(label): label for label in labels}
    sides: dict[Any, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, _, side = line.strip().replace("\t", " ").rpartition(" ")
        label = label.strip()
        if side not in SIDES:
            raise InputError(f"{path}:{number}: expected `label side`, side 1 or -1")
        if label not in known:
            raise InputError(f"{path}:{number}: expected a vertex, got {label!r}")
        if known[label] in sides:
            raise InputError(f"{path}:{number}: expected one side for {label!r}")
        sides[known[label]] = SIDES[side]
    return sides


def _sides_text(result: CutResult) -> str:
    sides = result.partition.tolist()
    labels = range(len(sides)) if result.labels is None else result.labels
    pairs = zip(labels, sides, strict=True)
    return "".join(f"{label} {side}\n" for label, side in pairs)


def _check_outputs(*paths: str | None) -> None:
    """Refuse what cannot be written before any time is spent on solving."""
    for path in paths:
        if path is None or path == "-":
            continue
        folder = Path(path).absolute().parent
        if Path(path).is_dir() or not os.access(folder, os.W_OK):
            raise InputError(f"{path}: expected a file in a folder one can write to")
    if paths.count("-") > 1:
        raise InputError("only one output can go to stdout (-)")
    files = [Path(path).resolve() for path in paths if path not in (None, "-")]
    for path in files:
        if files.count(path) > 1:
            raise InputError(f"{path}: expected a file of its own for each output")


if __name__ == "__main__":
    main()
