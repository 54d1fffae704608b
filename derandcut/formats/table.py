"""Lines of numbers to arrays: what every text format below has in common."""

from __future__ import annotations

import numpy as np

from derandcut.formats import _numbers
from derandcut.formats.files import Text
from derandcut.graph import INT32_MAX

__all__ = ["count", "number_lines", "read_edges", "read_rows", "vertices"]

WANT_VERTEX, OUTSIDE, WANT_WEIGHT, NOT_FINITE, ROUNDED, EXTRA, LEAD, MANY = range(1, 9)


def comments(characters: bytes) -> np.ndarray:
    """The kernel's table of first characters that make a line a comment."""
    table = np.zeros(256, np.uint8)
    table[list(characters)] = 1
    return table


def count(text: Text, word: bytes, offset: int, expected: str) -> int:
    """A nonnegative integer of a header."""
    if not (word.isdigit() and len(word) < 19):
        raise text.error(f"expected {expected}", offset)
    return int(word)


def vertices(text: Text, n: int, offset: int) -> int:
    """Check a header's number of vertices before anything is allocated for it."""
    if n > max(1_000_000, len(text.data)):
        raise text.error(
            f"expected at most {max(1_000_000, len(text.data))} vertices "
            f"in a file of {len(text.data)} bytes",
            offset,
        )
    return n


def edges_fit(text: Text, m: int, offset: int) -> int:
    """Check a header's number of edges: a line takes four bytes at least."""
    if m > (len(text.data) + 1) // 4:
        raise text.error(
            f"expected at most {(len(text.data) + 1) // 4} edges "
            f"in a file of {len(text.data)} bytes",
            offset,
        )
    return m


def read_edges(
    text: Text,
    at: int,
    *,
    room: int,
    lowest: int,
    highest: int,
    base: int,
    comment: bytes,
    lead: str = "",
    weighted: bool | None = None,
    exact: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read lines ``u v [weight]``, each behind the letter `lead` if given.

    With ``weighted=None`` the first line tells whether there is a third column; all
    lines must agree. `base` is subtracted from the vertex numbers. `room` records are
    expected if `exact`, at most that many if not.
    """
    if weighted is None:
        weighted = _has_weights(text, at, comment, bool(lead))
    index = np.int32 if highest <= INT32_MAX else np.int64
    u, v = np.empty(room, index), np.empty(room, index)
    w = np.empty(room, np.float64)
    read, fault, offset = _numbers.edges(
        text.data,
        at,
        comments(comment),
        ord(lead or "\0"),
        weighted,
        lowest,
        highest,
        base,
        u,
        v,
        w,
    )
    if fault:
        start = f"{lead} " if lead else ""
        columns = f"'{start}u v weight'" if weighted else f"'{start}u v'"
        span = f" in {lowest}..{highest}" if highest < 1 << 56 else ""
        reason = {
            WANT_VERTEX: f"expected {columns} with vertex numbers{span}",
            OUTSIDE: f"expected vertex numbers{span}"
            if highest >= lowest
            else "expected no edge in a graph without vertices",
            WANT_WEIGHT: f"expected {columns} with a finite weight",
            NOT_FINITE: "expected a finite weight, this one overflows",
            ROUNDED: "expected an integer weight up to 2^53, this one would be rounded",
            EXTRA: f"expected the columns {columns} and nothing else",
            LEAD: f"expected {columns}",
            MANY: f"expected no more than the {room} edges the header announces",
        }[fault]
        raise text.error(reason, offset)
    if exact and read < room:
        raise text.ends_early(f"expected {room} edges, the file ends after {read}")
    return u[:read], v[:read], w[:read]


def _has_weights(text: Text, at: int, comment: bytes, lead: bool) -> bool:
    while at < len(text.data):
        end = text.data.find(b"\n", at)
        end = len(text.data) if end < 0 else end
        words = text.data[at : min(end, at + 4096)].split()
        if words and words[0][0] not in comment:
            return len(words) - lead >= 3
        at = end + 1
    return False


def read_rows(text: Text, at: int, comment: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read rows of numbers; returns how many each line holds, and all of them."""
    counts = np.empty(text.data.count(b"\n", at) + 1, np.int64)
    values = np.empty((len(text.data) - at) // 2 + 1, np.float64)
    rows, read, fault, offset = _numbers.rows(
        text.data, at, comments(comment), counts, values
    )
    if fault:
        raise text.error("expected finite numbers", offset)
    return counts[:rows], values[:read].copy()


def number_lines(*columns: np.ndarray, lead: str = "") -> str:
    """Lines of integer columns, the last one weights that read back exactly."""
    *ends, weights = columns
    texts = [map(str, column.tolist()) for column in ends]
    if lead:
        texts.insert(0, (lead for _ in range(len(weights))))
    lines = zip(*texts, map(weight_text, weights.tolist()), strict=True)
    return "".join(" ".join(line) + "\n" for line in lines)


def weight_text(weight: float) -> str:
    """An integer as one, anything else in Python's shortest exact form."""
    if weight == int(weight) and abs(weight) <= 2**53:
        return str(int(weight))
    return repr(weight)
