"""Records from CSV of any kind: a header that names the columns, then the cells below it, each record with its line.

The separator is the one of `,` `;` and tab that the header holds most of. Where a quote is not closed, nothing after it
can be told apart for certain, so the file is read no further than that. What the cells mean is for others to say.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from sync.batch.lines import MAX_LINE_BYTES, Lines, decoded
from sync.errors import InputRefused, Problem

HEADER: Final = "line 1"
SEPARATORS: Final = (",", ";", "\t")
_READ_NO_FURTHER: Final = "Nothing from here on was read. Correct it, and import the file again."
_NAMED: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `line` is its first line, from 1; with a `problem` there are no cells."""

    line: int
    cells: list[str]
    problem: Problem | None = None


class Records:
    """The records of `lines`, in the order of the file. A record of empty cells is none.

    Raises: InputRefused, at once, where the first line is no header.
    """

    def __init__(self, lines: Lines) -> None:
        self._feed = _Feed(lines)
        self.names, self._separator = _header(self._feed)

    def __iter__(self) -> Iterator[Record]:
        feed = self._feed
        reader = csv.reader(feed, delimiter=self._separator, strict=True)
        while True:
            feed.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _Unreadable) as error:
                first = feed.first or feed.last
                if feed.last > first or feed.quotes % 2:
                    yield Record(first, [], _lost(error, feed.last))
                    return
                yield Record(first, [], _broken(error))
                continue
            if not any(cell.strip() for cell in cells):
                continue
            first = feed.first or feed.last
            if len(cells) == len(self.names):
                yield Record(first, cells)
            else:
                yield Record(first, cells, _wrong_number(len(cells), len(self.names)))


def one_column_problem() -> Problem:
    """What a header of one column that nobody knows most likely is."""
    message = f"The first line is one column; columns are separated by {' or '.join(_NAMED.values())}."
    return Problem(HEADER, "one_column", message)


class _Unreadable(Exception):
    """A line that is no text."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class _Feed(Iterator[str]):
    """Hands lines to the CSV reader, and remembers those of the record that is being read."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.begin()

    def begin(self) -> None:
        self.first: int | None = None
        self.last = 0
        self.size = 0
        self.quotes = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.first = self.first or line.number
        self.last = line.number
        self.quotes += line.quotes
        text = line.problem or decoded(line)
        if isinstance(text, Problem):
            raise _Unreadable(text)
        self.size += len(text)
        if self.size > MAX_LINE_BYTES:
            raise csv.Error("record too long")
        return text


def _header(feed: _Feed) -> tuple[list[str], str]:
    try:
        line = next(feed)
    except StopIteration:
        # It held something when it was opened.
        raise InputRefused(
            [Problem(HEADER, "empty", "The file is empty: there is nothing to import.")]
        ) from None
    except _Unreadable as unreadable:
        raise InputRefused([replace(unreadable.problem, path=HEADER)]) from None
    separator = _separator(line)
    try:
        (names,) = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error:
        names = []
    if not names:
        message = "The first line is no line of column names that ends like those of Unix or Windows do."
        raise InputRefused([Problem(HEADER, "broken_header", f"{message} Is it the right file?")])
    return [name.strip() for name in names], separator


def _separator(header: str) -> str:
    """`,` where there is none at all: then there is one column."""
    outside = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=outside.count)


def _lost(error: csv.Error | _Unreadable, last: int) -> Problem:
    """Where a cell ends is not known any more, so nor is where the next row begins."""
    if isinstance(error, _Unreadable):
        what = f"Line {last}, in a cell of several lines, cannot be read: {error.problem.message}"
        return Problem("$", error.problem.code, f"{what} {_READ_NO_FURTHER}")
    what = (
        f"A quotation mark that opens in this row is not closed properly (noticed in line {last}). One that belongs "
        'to the text of a cell is written twice: "".'
    )
    return Problem("$", "quote_not_closed", f"{what} {_READ_NO_FURTHER}")


def _broken(error: csv.Error | _Unreadable) -> Problem:
    if isinstance(error, _Unreadable):
        return error.problem
    message = (
        f"The row cannot be read ({error}). Put a cell that holds a separator, a quotation mark or a line end into "
        'quotation marks, and write each of its own twice: "".'
    )
    return Problem("$", "broken_csv", message)


def _wrong_number(cells: int, names: int) -> Problem:
    message = (
        f"The row has {cells} cells, and the header {names}. Put a cell that holds the separator into "
        "quotation marks, and write empty cells too."
    )
    return Problem("$", "wrong_number_of_cells", message)
