"""One run in a process of its own: started, timed, killed, judged.

The clock, the limits and the recount are on this side of the pipe; the solver can
influence none of them.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from derandcut.graph import CutGraph

__all__ = ["Job", "run_isolated"]

STARTUP_SECONDS = 120.0  # imports, reading the graph: before the clock starts
TRACE_POINTS = 200
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


@dataclass(frozen=True)
class Job:
    """What one run is asked to do.

    Parameters
    ----------
    solver : str
        Adaptor and options as `parse_spec` reads them.
    time_limit : float
        Seconds of wall clock from the call of the adaptor.
    seed, threads : int
    memory_limit : int or None
        Bytes of address space (RLIMIT_AS).
    grace : float
        Seconds beyond 1.1 `time_limit` after which the process is killed.
    adaptor_files : tuple of str
        Python files that register further adaptors.
    """

    solver: str
    time_limit: float
    seed: int = 0
    threads: int = 1
    memory_limit: int | None = None
    grace: float = 5.0
    adaptor_files: tuple[str, ...] = ()

    @property
    def late_after(self) -> float:
        """Seconds after which an answer no longer counts."""
        return self.time_limit + max(0.25, 0.1 * self.time_limit)

    @property
    def kill_after(self) -> float:
        """Seconds after which the process is killed."""
        return 1.1 * self.time_limit + self.grace


def run_isolated(graph: CutGraph, job: Job) -> dict[str, Any]:
    """Run `job` on `graph` in a child process and judge what comes back.

    Returns
    -------
    dict
        ``status`` (see `derandcut.benchmark.records.STATUSES`), ``message``, ``cut``
        (recounted), ``claimed``, ``upper_bound``, ``bound_kind``, ``relaxation``,
        ``trace``, ``seconds``, ``cpu_seconds``, ``waited_seconds``, ``peak_memory``,
        ``info``.
    """
    read_end, write_end = os.pipe()
    try:
        with tempfile.TemporaryFile() as printed:
            try:
                process = _start(write_end, printed, job)
            finally:
                os.close(write_end)
            try:
                _hand_over(process, graph, job)
                heard = _listen(process, read_end, job)
                _await_exit(process, 2.0 if heard.final else 0.0, heard)
            finally:
                usage = _reap(process)
            return _judge(graph, job, heard, usage, process.returncode, _tail(printed))
    finally:
        os.close(read_end)


def _start(channel: int, printed: IO[bytes], job: Job) -> subprocess.Popen:
    environment = dict(os.environ)
    environment.update(dict.fromkeys(THREAD_VARIABLES, str(job.threads)))
    root = str(Path(__file__).parents[2])
    inherited = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{root}:{inherited}" if inherited else root
    return subprocess.Popen(
        [sys.executable, "-m", "derandcut.benchmark.worker", str(channel)],
        stdin=subprocess.PIPE,
        stdout=printed,
        stderr=printed,
        pass_fds=(channel,),
        start_new_session=True,  # so that the whole group can be killed
        env=environment,
    )


def _hand_over(process: subprocess.Popen, graph: CutGraph, job: Job) -> None:
    _tell(process, pickle.dumps({"graph": graph, **vars(job)}, protocol=5))


def _tell(process: subprocess.Popen, what: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(what)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it died: `_judge` says so


class _Heard:
    """Messages of the child with the parent's time of arrival.

    The child waits to be told to start, so that its time begins on this side of the
    pipe before it does anything, however late its "ready" was read.
    """

    def __init__(self) -> None:
        self.ready: float | None = None
        self.cpu_at_ready = 0.0
        self.waited_at_ready = 0.0
        self.waited = 0.0
        self.offers: list[tuple[float, str]] = []
        self.final: dict[str, Any] | None = None
        self.seconds: float | None = None
        self.killed = False
        self.peak_at_kill = 0

    def take(self, message: dict[str, Any]) -> None:
        now = time.perf_counter()
        if message["event"] == "ready" and self.ready is None:
            self.ready, self.cpu_at_ready = now, message["cpu"]
        elif message["event"] == "offer" and self.ready is not None:
            self.offers.append((now - self.ready, message["sides"]))
        elif message["event"] in ("result", "refused", "failed"):
            self.final = message
            self.seconds = None if self.ready is None else now - self.ready


def _listen(process: subprocess.Popen, read_end: int, job: Job) -> _Heard:
    heard = _Heard()
    deadline = time.perf_counter() + STARTUP_SECONDS
    poller = select.poll()  # unlike select, takes any file descriptor
    poller.register(read_end, select.POLLIN | select.POLLHUP)
    pending = b""
    while heard.final is None:
        wait = deadline - time.perf_counter()
        if wait <= 0 or not poller.poll(1000 * wait):
            break
        block = os.read(read_end, 1 << 16)
        if not block:
            break
        *lines, pending = (pending + block).split(b"\n")
        waiting = heard.ready is None
        for message in _messages(lines):
            heard.take(message)
        if waiting and heard.ready is not None:
            deadline = heard.ready + job.kill_after
            heard.waited_at_ready = _waited(process.pid)
            _tell(process, b"go\n")
    if heard.ready is not None and heard.seconds is None:
        heard.seconds = time.perf_counter() - heard.ready
    if heard.seconds is not None:
        waited = _waited(process.pid) - heard.waited_at_ready
        heard.waited = min(heard.seconds, max(0.0, waited))
    heard.killed = heard.final is None and time.perf_counter() >= deadline
    return heard


def _messages(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and "event" in message:
            yield message


def _await_exit(process: subprocess.Popen, seconds: float, heard: _Heard) -> None:
    """Let the process end by itself, if it is about to."""
    if not heard.killed and heard.final is None:
        seconds = 1.0  # its end of the pipe is closed
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not _ended(process):
        time.sleep(0.001)
    heard.peak_at_kill = _high_water(process.pid)


def _ended(process: subprocess.Popen) -> bool:
    state = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return state is not None


def _high_water(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0


def _waited(pid: int) -> float:
    """Seconds its main thread could have run and had no core; 0 where not told."""
    try:
        return 1e-9 * int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0


def _reap(process: subprocess.Popen) -> Any:
    """Kill what is left of the group, collect the child, return its resource usage."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _tail(printed: IO[bytes]) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - 2000))
    return printed.read().decode(errors="replace").strip()


# -------------------------------------------------------------------- judgement


def _judge(
    graph: CutGraph,
    job: Job,
    heard: _Heard,
    usage: Any,
    exit_code: int,
    printed: str,
) -> dict[str, Any]:
    final = heard.final or {}
    cpu = usage.ru_utime + usage.ru_stime - heard.cpu_at_ready
    record: dict[str, Any] = {
        "status": final.get("status", "ok"),
        "message": final.get("message", ""),
        "seconds": heard.seconds,
        "cpu_seconds": max(0.0, cpu) if heard.ready is not None else None,
        "waited_seconds": heard.waited if heard.ready is not None else None,
        "peak_memory": final.get("memory")
        or heard.peak_at_kill
        or 1024 * usage.ru_maxrss,
        "trace": _recount(graph, heard.offers),
    }
    if heard.final is None:
        record.update(_post_mortem(heard, job, exit_code, printed))
    elif final["event"] == "result":
        record.update(_verdict(graph, job, record, final))
    return record


def _post_mortem(
    heard: _Heard, job: Job, exit_code: int, printed: str
) -> dict[str, Any]:
    if heard.killed:
        if heard.ready is None:
            text = f"not ready after {STARTUP_SECONDS:g} s"
        else:
            text = f"no answer {job.kill_after:g} s after the start"
        return {"status": "timeout", "message": text}
    if exit_code >= 0:
        text = f"ended without an answer, exit code {exit_code}"
    else:
        text = f"killed by {signal.Signals(-exit_code).name}"
    signs = ("memory allocation", "bad_alloc", "MemoryError", "out of memory")
    starved = any(sign in printed for sign in signs) or exit_code == -signal.SIGKILL
    if printed:
        text = f"{text}\n{printed}"
    return {"status": "memory" if starved else "crashed", "message": text}


def _verdict(
    graph: CutGraph, job: Job, record: dict[str, Any], final: dict[str, Any]
) -> dict[str, Any]:
    verdict: dict[str, Any] = {
        "cut": None,
        "claimed": final["cut"],
        "upper_bound": final["upper_bound"],
        "bound_kind": final["bound_kind"],
        "relaxation": final["relaxation"],
        "info": final["info"],
    }
    if final["invalid"]:
        return {**verdict, "status": "invalid", "message": final["invalid"]}
    if final["sides"] is not None:
        verdict["cut"] = graph.cut(_unpack(final["sides"], graph.n))
    if final["trace"]:
        verdict["trace"] = _thin(final["trace"])
    lie = _lie(graph, verdict)
    # A process that had to wait for a busy machine is not to blame for it.
    took = record["seconds"] - record["waited_seconds"]
    if lie:
        verdict.update(status="lied", message=lie)
    elif verdict["cut"] is None and verdict["upper_bound"] is None:
        verdict.update(status="invalid", message="neither a partition nor a bound")
    elif took > job.late_after:
        verdict.update(
            status="late", message=f"answered after {record['seconds']:.2f} s"
        )
    return verdict


def _lie(graph: CutGraph, verdict: dict[str, Any]) -> str | None:
    """What was claimed and is false, None if nothing is."""
    cut, claimed, bound = verdict["cut"], verdict["claimed"], verdict["upper_bound"]
    slack = 1e-7 * graph.absolute_weight
    if graph.integer:
        slack = min(slack, 0.5)
    if cut is None:
        return (
            None if claimed is None else f"claimed {claimed:.10g} without a partition"
        )
    if claimed is not None and not claimed <= cut + slack:
        return f"claimed a cut of {claimed:.10g}, the recount is {cut:.10g}"
    if bound is not None and not bound >= cut - slack:
        return f"claimed an upper bound of {bound:.10g} below its own cut {cut:.10g}"
    shown = [point[1] for point in verdict.get("trace", ()) if point[1] is not None]
    if shown and not max(shown) <= cut + slack:
        return f"its trace shows {max(shown):.10g}, the recount is {cut:.10g}"
    return None


def _recount(graph: CutGraph, offers: list[tuple[float, str]]) -> list[list[Any]]:
    trace: list[list[Any]] = []
    for seconds, sides in offers:
        cut = graph.cut(_unpack(sides, graph.n))
        if not trace or cut > trace[-1][1]:
            trace.append([round(seconds, 4), cut, None])
    return _thin(trace)


def _thin(trace: list[list[Any]]) -> list[list[Any]]:
    """At most TRACE_POINTS points: evenly chosen, the last one always."""
    if len(trace) <= TRACE_POINTS:
        return trace
    chosen = np.linspace(0, len(trace) - 1, TRACE_POINTS).astype(int)
    return [trace[i] for i in chosen]


def _unpack(sides: str, n: int) -> np.ndarray:
    packed = np.frombuffer(base64.b64decode(sides), np.uint8)
    return np.unpackbits(packed, count=n)
