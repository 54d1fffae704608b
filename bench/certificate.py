"""Certificates of Gset graphs: what they prove, size, time to write and check.

    python bench/certificate.py [NAME ...]

Each graph is solved to the natural end, its certificate written to a temporary folder
and checked by the single file `check.py` in an isolated interpreter, which reads graph
and certificate from disk. Seconds are CPU seconds: of the solve, of making and writing
the JSON, of the whole checking process. docs/certificate shows the table.
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import derandcut
from derandcut import check, datasets
from derandcut.formats import write_graph

NAMES = ("G1", "G14", "G22", "G60", "G81")


def row(name: str, folder: Path) -> tuple[str, ...]:
    """Solve, write, check; the cells of one line."""
    graph = datasets.load(f"gset:{name}")
    source, target = folder / f"{name}.mc", folder / f"{name}.json"
    write_graph(graph, source)
    begin = time.process_time()
    result = derandcut.maxcut(graph)
    solved = time.process_time()
    found = result.certificate
    data = json.dumps(found, separators=(",", ":")).encode()
    target.write_bytes(data)
    written = time.process_time()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-I", check.__file__, str(source), str(target)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    checked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    words = out.split()
    return (
        name,
        words[words.index("cut") + 1],
        words[words.index("bound") + 1],
        " ".join(statement["rule"] for statement in found["proof"][:6]),
        f"{len(data) / 1e6:.1f}",
        f"{len(gzip.compress(data, 6)) / 1e6:.2f}",
        f"{solved - begin:.1f}",
        f"{written - solved:.1f}",
        f"{checked:.1f}",
    )


def main() -> None:
    """Print the table."""
    heads = "graph|cut|bound|rules|MB|MB gzipped|solve s|write s|check s".split("|")
    print("|", " | ".join(heads), "|")
    print("|", " | ".join("---" for _ in heads), "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or NAMES:
            print("|", " | ".join(row(name, Path(folder))), "|", flush=True)


if __name__ == "__main__":
    main()
