"""Bytes in and out: compression, limits, and errors that name the file and line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from derandcut.errors import InputError

__all__ = ["Text", "read_text", "write_text"]

MAX_BYTES = 1 << 33  # after decompression: a small file must not fill the memory
CHUNK = 1 << 24
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
OPEN = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}


@dataclass(frozen=True)
class Text:
    """The bytes of a file after decompression, and the name to blame."""

    name: str
    data: bytes

    def error(self, message: str, offset: int | None = None) -> InputError:
        """The one-line error at the line that holds byte `offset`."""
        if offset is None:
            return InputError(f"{self.name}: {message}")
        line = self.data.count(b"\n", 0, offset) + 1
        return InputError(f"{self.name}, line {line}: {message}, got {self.at(offset)}")

    def at(self, offset: int) -> str:
        """The line that begins at `offset`, quoted and cut to a readable length."""
        line = self.data[offset : offset + 60].split(b"\n", 1)[0].strip()
        if not line and offset + 60 >= len(self.data):
            return (
                "the end of the file" if offset >= len(self.data) else "an empty line"
            )
        shown = line[:40].decode("ascii", "backslashreplace")
        return repr(shown) + ("..." if len(line) > 40 else "")

    def ends_early(self, message: str) -> InputError:
        """The error of a file that stops before it should."""
        last = self.data.rstrip().count(b"\n") + 1
        return InputError(f"{self.name}, line {last}: {message}")

    def first_line(self, comment: bytes, at: int = 0) -> tuple[int, list[bytes], int]:
        """Offset, words and end of the first line that holds data.

        Lines that begin with a byte of `comment` are skipped.
        """
        data = self.data
        while at < len(data):
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            line = data[at : min(end, at + 4096)].strip()
            if line and line[:1] not in _bytes(comment):
                return at, line.split(), min(end + 1, len(data))
            at = end + 1
        raise self.error("expected a graph, the file is empty")


def _bytes(values: bytes) -> set[bytes]:
    return {bytes([value]) for value in values}


def printable(path: str | os.PathLike[str]) -> str:
    """The name of a file as it may stand in a one-line message."""
    name = os.fspath(path)
    name = os.fsdecode(name)
    if name == "-":
        return "<stdin>"
    return (
        name if re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff]+", name) else ascii(name)
    )


def read_text(path: str | os.PathLike[str]) -> Text:
    """Read a file, or standard input for ``"-"``, decompressed by its first bytes.

    Raises
    ------
    InputError
        If it cannot be read, is damaged, holds binary data or is too large.
    """
    name = printable(path)
    try:
        if os.fspath(path) == "-":
            data = _all(sys.stdin.buffer, name)
        else:
            with open(path, "rb") as stream:
                data = _all(stream, name)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file, expected a graph") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a directory, expected a graph file") from None
    except PermissionError:
        raise InputError(f"{name}: no permission to read it") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read ({reason})") from None
    return Text(name, data)


def _all(stream: IO[bytes], name: str) -> bytes:
    data = _capped(stream, name)
    kind = next((k for magic, k in MAGIC.items() if data.startswith(magic)), None)
    if kind is not None:
        try:
            with OPEN[kind](io.BytesIO(data), "rb") as unpacked:
                data = _capped(unpacked, name)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{name}: damaged {kind} data ({error})") from None
    data = data.removeprefix(b"\xef\xbb\xbf")  # the mark some editors put first
    if b"\0" in data:
        raise InputError(f"{name}: holds binary data, expected a graph as text")
    return data


def _capped(stream: IO[bytes], name: str) -> bytes:
    parts, size = [], 0
    while part := stream.read(CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise InputError(f"{name}: is larger than {MAX_BYTES >> 30} GiB unpacked")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_text(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write a file whole or not at all; the suffix compresses, ``"-"`` is stdout.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    if os.fspath(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    kind = SUFFIXES.get(target.suffix.lower())
    if kind == "gzip":
        data = gzip.compress(data, mtime=0)
    elif kind == "bzip2":
        data = bz2.compress(data)
    elif kind == "xz":
        data = lzma.compress(data)
    temporary = None
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a pipe or /dev/stdout cannot be replaced
            return
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as stream:
            temporary = stream.name
            stream.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except (OSError, ValueError) as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(path)}: cannot be written ({reason})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
