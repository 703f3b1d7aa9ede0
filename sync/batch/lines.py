"""The physical lines of a file that may hold anything: numbered from 1, and never more than one of them in memory.

What cannot be a line of a text file (longer than any row, or with zero bytes in it) is passed on as a problem in its
place, so that the lines after it keep their numbers and can still be read.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from sync.batch.errors import SourceLost
from sync.errors import Problem
from sync.json_input import MAX_JSON_BYTES

MAX_LINE_BYTES: Final = MAX_JSON_BYTES
_SKIPPED_AT_ONCE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line end, as it stands in the file. With a `problem` there is no content.

    `quotes` counts the quotation marks of the line, also of one with a problem.
    """

    number: int
    content: bytes
    quotes: int
    problem: Problem | None = None


class Lines(Iterator[Line]):
    """Reads `stream` from its beginning; a byte order mark there is no part of the first line.

    Raises: SourceLost, where the disk or stick that it is on gives no more of it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0  # of the last line that was read
        self.bytes_read = 0

    def __next__(self) -> Line:
        # One byte more than the largest line is enough to know that it is too long; its end takes up to two.
        content = self._read(MAX_LINE_BYTES + 3)
        if not content:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            content = content.removeprefix(BOM_UTF8)
        quotes = content.count(b'"')
        if len(content.rstrip(b"\r\n")) > MAX_LINE_BYTES:
            quotes += self._skip_rest(content)
            message = (
                f"The line is longer than {MAX_LINE_BYTES} bytes. No row needs that: is it the right file?"
            )
            return Line(self.number, b"", quotes, Problem("$", "line_too_long", message))
        if b"\0" in content:
            message = "The line holds zero bytes, as damaged files and UTF-16 text do. Save the file as UTF-8 again."
            return Line(self.number, b"", quotes, Problem("$", "zero_bytes", message))
        return Line(self.number, content, quotes)

    def _read(self, at_most: int) -> bytes:
        try:
            content = self._stream.readline(at_most)
        except OSError as error:
            raise SourceLost(
                f"line {self.number + 1} of the file cannot be read ({error.strerror or error})"
            ) from None
        self.bytes_read += len(content)
        return content

    def _skip_rest(self, content: bytes) -> int:
        """Answers how many quotation marks were passed over."""
        quotes = 0
        while content and not content.endswith(b"\n"):
            content = self._read(_SKIPPED_AT_ONCE)
            quotes += content.count(b'"')
        return quotes


def decoded(line: Line) -> str | Problem:
    """The text of a line that has no problem, or that it is not UTF-8 and where."""
    try:
        return line.content.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(line.content[: error.start].decode("utf-8")) + 1
        message = f"The line is not UTF-8 text at column {column}. Save the file as UTF-8 (Excel: CSV UTF-8)."
        return Problem("$", "not_utf8", message)
