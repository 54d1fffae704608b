"""The record file: JSON lines, appended whole or not at all.

Two kinds of lines. ``{"kind": "session", ...}`` opens each start of the runner:
machine, versions, command, commit. ``{"kind": "run", "key": ..., ...}`` is one run; the
last line with a key counts.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from derandcut.errors import InputError

__all__ = ["STATUSES", "RecordFile", "Records", "read_records"]

STATUSES = {
    "ok": "answered within the limit",
    "late": "answered after the limit (more than 10 % and .25 s); not counted",
    "timeout": "killed: no answer by the limit and the grace",
    "lied": "claimed more than the recount shows; not counted",
    "invalid": "returned nothing, or something that is not a partition",
    "crashed": "an exception or a signal",
    "memory": "out of memory, or over the memory cap",
    "unsuitable": "declined by its adaptor: not made for this instance",
    "not installed": "its package or program is absent",
}


class RecordFile:
    """Append-only writer; one at a time per file.

    Each line is one ``os.write`` followed by ``fsync``, so that a run is either in the
    file or not. A torn last line (a full disk, a power cut) is dropped on opening.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise InputError(f"{path}: another benchmark is writing to it") from None
        self._drop_torn_line()

    def _drop_torn_line(self) -> None:
        size = end = os.fstat(self._fd).st_size
        while end > 0:
            begin = max(0, end - 65536)
            at = os.pread(self._fd, end - begin, begin).rfind(b"\n")
            if at >= 0:
                end = begin + at + 1
                break
            end = begin
        if end < size:
            os.ftruncate(self._fd, end)

    def append(self, record: dict[str, Any]) -> None:
        """Write one record durably."""
        line = (json.dumps(_plain(record), allow_nan=False) + "\n").encode()
        if os.write(self._fd, line) != len(line):
            raise OSError("the disk is full: the last record is torn")
        os.fsync(self._fd)

    def close(self) -> None:
        """Release the file."""
        os.close(self._fd)

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plain(value: Any) -> Any:
    """JSON has neither numpy scalars nor infinities (they become null)."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


@dataclass(frozen=True)
class Records:
    """The content of a record file.

    Attributes
    ----------
    sessions : list of dict
    runs : dict of dict
        By key, in the order of first appearance.
    """

    sessions: list[dict[str, Any]] = field(default_factory=list)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_records(path: str | Path) -> Records:
    """Read a record file, or the ``records.jsonl`` of a folder.

    A line that is not complete JSON is ignored: its run is repeated on resuming.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "records.jsonl"
    records = Records()
    if not path.exists():
        raise InputError(f"{path}: no such record file")
    for record in _lines(path):
        if record.get("kind") == "session":
            records.sessions.append(record)
        elif record.get("kind") == "run":
            records.runs[record["key"]] = record
    return records


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record
