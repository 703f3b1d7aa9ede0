"""The file of a batch: opened once, known by what it begins with, and watched for changes while it is read."""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sync.batch.csv_rows import csv_rows
from sync.batch.jsonl import jsonl_rows
from sync.batch.lines import Lines
from sync.batch.row import Row
from sync.errors import InputRefused, Problem, shown

_JSON_LINES: Final = frozenset({".jsonl", ".ndjson"})
_HEAD_BYTES: Final = 4096
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class Source:
    """A regular file that is open for reading. Leave it by `with`.

    Raises: InputRefused, where there is none that can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Without O_NONBLOCK, opening a pipe waits for a writer that may never come. Windows has only O_BINARY.
            descriptor = os.open(
                path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            )
        except (OSError, ValueError) as error:
            raise _refused("file_not_found", self._why_not(error)) from None
        self._facts = os.fstat(descriptor)
        if not stat.S_ISREG(self._facts.st_mode):
            os.close(descriptor)
            raise _refused("not_a_file", f"{self.name} is no regular file. Give a CSV or JSON Lines file.")
        self._stream = os.fdopen(descriptor, "rb")
        self.head = self._stream.read(_HEAD_BYTES)
        self._stream.seek(0)
        self._lines = Lines(self._stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def name(self) -> str:
        return shown(self._path.name)

    @property
    def size_bytes(self) -> int:
        return self._facts.st_size

    @property
    def bytes_read(self) -> int:
        return self._lines.bytes_read

    @property
    def line(self) -> int:
        """The last line that was read."""
        return self._lines.number

    def changed(self) -> bool:
        """Whether it is another file than when it was opened: somebody was still writing it, or replaced it."""
        try:
            now = os.stat(self._path)
        except OSError:
            return True
        before = self._facts
        return (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns) != (
            before.st_dev, before.st_ino, before.st_size, before.st_mtime_ns,
        )  # fmt: skip

    def must_not_be(self, path: Path) -> None:
        """
        Raises: InputRefused, where `path` is this very file: it must not be written over.
        """
        try:
            there = os.stat(path)
        except OSError:
            return
        if (there.st_dev, there.st_ino) == (self._facts.st_dev, self._facts.st_ino):
            message = f"{shown(str(path))} is the file that is imported. Name another with --rejects PATH."
            raise InputRefused([Problem("--rejects", "rejects_not_possible", message)])

    def rows(self, *, default_kind: str) -> Iterator[Row]:
        """Every row, in the order of the file.

        Raises: InputRefused, where it is no file of rows at all.
        """
        head = self.head.removeprefix(BOM_UTF8)
        begin = head.strip()
        if not begin and self.size_bytes <= _HEAD_BYTES:
            raise _refused("empty", f"{self.name} is empty: there is nothing to import.")
        if self.head.startswith(_UTF16) or b"\0" in head:
            message = f"{self.name} is not UTF-8 text. Save it as UTF-8 (Excel: CSV UTF-8)."
            raise _refused("not_utf8", message)
        json_like = begin.startswith((b"{", b"["))
        if begin.startswith(b"[") or (json_like and begin.splitlines()[0].strip() == b"{"):
            message = (
                f"{self.name} is JSON, but not JSON Lines: each row must be one object on one line, "
                "without brackets around or commas between them."
            )
            raise _refused("not_json_lines", message)
        if json_like or self._path.suffix.lower() in _JSON_LINES:
            return jsonl_rows(self._lines)
        return csv_rows(self._lines, default_kind=default_kind)

    def _why_not(self, error: Exception) -> str:
        if isinstance(error, FileNotFoundError):
            return f"{self.name} does not exist. Give a CSV or JSON Lines file."
        reason = getattr(error, "strerror", None) or "it is not a path that can exist"
        return f"{self.name} cannot be read ({reason}). Give a CSV or JSON Lines file."


def _refused(code: str, message: str) -> InputRefused:
    return InputRefused([Problem("FILE", code, message)])
