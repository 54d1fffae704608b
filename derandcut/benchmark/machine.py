"""What a record says about where it was made, and how fast that place was then."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["describe_machine", "reference_seconds", "source_commit", "versions"]


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, system, Python."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "host": platform.node(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version of each installed distribution among `packages`."""
    found = {}
    for name in sorted({"derandcut", "numpy", "scipy", *packages}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "derandcut" not in found:
        import derandcut

        found["derandcut"] = derandcut.__version__
    return found


def source_commit() -> str | None:
    """The git commit the package runs from, with "+" if it was changed; else None."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD").strip()
        dirty = _git(root, "status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if dirty else "")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=10
    ).stdout


def reference_seconds(repeats: int = 5) -> float:
    """CPU seconds of a fixed loop: the least of `repeats` (about 1 ms each).

    Gathers, sorts and adds, as the solvers do. Times divided by it compare between
    machines and between busy and idle hours far better than seconds do. It allocates
    nothing while it is timed: what memory costs depends on the process's past.
    """
    rng = np.random.default_rng(0)
    values = rng.standard_normal(30_000)
    order = rng.permutation(30_000)
    current, gathered = np.empty_like(values), np.empty_like(values)
    best = float("inf")
    for _ in range(repeats):
        current[:] = values
        begin = time.process_time()
        for _ in range(6):
            np.take(current, order, out=gathered, mode="clip")
            np.multiply(gathered, 0.5, out=gathered)
            np.add(gathered, values, out=current)
        current.sort()
        best = min(best, time.process_time() - begin)
    return best
