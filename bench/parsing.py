"""How fast graph files are read: 5 million edges, against scipy and a plain loop.

    python bench/parsing.py [edges]

Prints CPU seconds (the best of three) of each step and the ratio to
``scipy.io.mmread`` of the same lines behind a Matrix Market header.
"""

import io
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.io

from derandcut import CutGraph
from derandcut.formats import files, read_graph, table


def user_and_system() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def best(call, repeats: int = 3) -> tuple[float, float]:
    """Least CPU seconds of a call, and how much of them was the system's."""
    found = []
    for _ in range(repeats):
        begin = user_and_system()
        call()
        user, system = np.subtract(user_and_system(), begin)
        found.append((user + system, system))
    return min(found)


def main(m: int) -> None:
    rng = np.random.default_rng(0)
    n = m // 5
    ends = rng.integers(1, n + 1, (m, 2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.mc")
        columns = np.column_stack([ends, rng.choice([-1, 1], m)])
        np.savetxt(path, columns, fmt="%d", header=f"{n} {m}", comments="")
        text = files.read_text(path)
        at = text.data.index(b"\n") + 1
        options = {"room": m, "lowest": 1, "highest": n, "base": 1, "comment": b"#"}
        u, v, w = table.read_edges(text, at, **options)
        head = f"%%MatrixMarket matrix coordinate real general\n{n} {n} {m}\n".encode()
        market = head + text.data[at:]
        steps = {
            "mmread": lambda: scipy.io.mmread(io.BytesIO(market)),
            "file to bytes": lambda: files.read_text(path),
            "bytes to arrays": lambda: table.read_edges(text, at, **options),
            "arrays to CutGraph": lambda: CutGraph.from_edges(u, v, w, n),
            "read_graph": lambda: read_graph(path),
        }
        print(f"{m} edges, {len(text.data) / 1e6:.0f} MB")
        reference = None
        for name, call in steps.items():
            seconds, system = best(call)
            reference = reference or seconds
            print(
                f"{name:20} {seconds:6.2f} s ({system:.2f} s system), "
                f"{seconds / reference:5.2f} x mmread"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000)
