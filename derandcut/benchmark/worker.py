"""The child process of one run: ``python -m derandcut.benchmark.worker FD``.

Reads a pickled job from standard input, writes JSON lines to the file descriptor FD:
"ready" when everything is imported and then, once it is told to go, "offer" for each
better partition on the way and one of "result", "refused", "failed" at the end. What
the solver prints goes to standard error. It trusts nobody with the judgement: that is
the parent's.
"""

from __future__ import annotations

import base64
import ctypes
import importlib
import json
import os
import pickle
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

PR_SET_PDEATHSIG = 1


def main() -> None:
    channel = int(sys.argv[1])
    _die_with_parent()
    job = pickle.load(sys.stdin.buffer)
    os.dup2(2, 1)
    if job["memory_limit"]:
        limit = int(job["memory_limit"])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def send(**message: Any) -> None:
        line = (json.dumps(message) + "\n").encode()
        while line:
            line = line[os.write(channel, line) :]

    try:
        message = _solve(job, send)
    except MemoryError:
        message = {"event": "failed", "status": "memory", "message": "MemoryError"}
    except BaseException as error:
        message = {
            "event": "failed",
            "status": "memory" if "bad_alloc" in str(error) else "crashed",
            "message": traceback.format_exc(limit=-3)[-2000:],
        }
    send(**message, memory=_peak_memory())
    sys.stderr.flush()
    os._exit(0)  # no teardown: it would count as the solver's time


def _solve(job: dict[str, Any], send: Any) -> dict[str, Any]:
    from derandcut.benchmark.task import (
        NotInstalled,
        Outcome,
        Task,
        Unsuitable,
        find_adaptor,
        read_adaptors,
    )

    for path in job["adaptor_files"]:
        read_adaptors(path)
    adaptor, options = find_adaptor(job["solver"])
    missing = adaptor.missing()
    if missing:
        return {"event": "refused", "status": "not installed", "message": missing}
    for module in adaptor.needs:
        importlib.import_module(module)

    def show(side: np.ndarray) -> None:
        send(event="offer", sides=_pack(side))

    send(event="ready", cpu=_cpu_seconds())
    sys.stdin.buffer.readline()  # the clock is the parent's, and it starts there
    task = Task(job["graph"], job["time_limit"], job["seed"], job["threads"], show)
    try:
        outcome = adaptor.solve(task, **options)
    except NotInstalled as error:
        return {"event": "refused", "status": "not installed", "message": str(error)}
    except Unsuitable as error:
        return {"event": "refused", "status": "unsuitable", "message": str(error)}
    if not isinstance(outcome, Outcome):
        outcome = Outcome(partition=outcome)
    partition = task.best if outcome.partition is None else outcome.partition
    message = {
        "event": "result",
        "cut": _number(outcome.cut),
        "upper_bound": _number(outcome.upper_bound),
        "bound_kind": outcome.bound_kind,
        "relaxation": _number(outcome.relaxation),
        "trace": [[_number(x) for x in point] for point in outcome.trace],
        "info": {key: str(value) for key, value in outcome.info.items()},
        "sides": None,
        "invalid": None,
    }
    if partition is not None:
        side = np.asarray(partition)
        message["invalid"] = _fault(side, job["graph"].n)
        if message["invalid"] is None:
            message["sides"] = _pack(side > 0)
    return message


def _fault(side: np.ndarray, n: int) -> str | None:
    """Why `side` is not a partition, None if it is."""
    if side.shape != (n,):
        return f"expected shape ({n},), got {side.shape}"
    try:
        values = set(np.unique(side).tolist())
    except TypeError:
        return f"expected numbers, got {side.dtype}"
    if values <= {-1, 1} or values <= {0, 1}:
        return None
    return f"expected sides 1 and -1 (or 1 and 0), got {sorted(values)[:4]}"


def _pack(side: np.ndarray) -> str:
    return base64.b64encode(np.packbits(side).tobytes()).decode()


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _cpu_seconds() -> float:
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


def _peak_memory() -> int:
    """Peak resident bytes of this process and its children.

    ru_maxrss of a process starts at what its parent had at the fork, so the kernel's
    own high-water mark is read where there is one.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = int(line.split()[1])
    except OSError:
        pass
    return 1024 * max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _die_with_parent() -> None:
    """A solver must not outlive a harness that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    main()
