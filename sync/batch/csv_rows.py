"""Rows from CSV: the header names the columns, each row below it is one intervention.

The separator is the one of `,` `;` and tab that the header holds most of. Where a quote is not closed, nothing after it
can be told apart for certain, so the file is read no further than that.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from sync.batch.columns import Cell, all_columns, columns_of, value_of
from sync.batch.lines import MAX_LINE_BYTES, Lines, decoded
from sync.batch.row import TEXT_KEYS, Row, row_of
from sync.errors import InputRefused, Problem, UnknownKind, shown

SEPARATORS: Final = (",", ";", "\t")
_MOST_PROBLEMS: Final = 50  # nobody corrects more before asking whether it is the right file
_READ_NO_FURTHER: Final = "Nothing from here on was read. Correct it, and import the file again."
_HEADER: Final = "line 1"
_NAMED: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}


def csv_rows(lines: Lines, *, default_kind: str) -> Iterator[Row]:
    """The rows below the header, in the order of the file. A row of empty cells is none.

    Raises: InputRefused, before the first row, with every problem of the header.
    """
    feed = _Feed(lines)
    names, separator = _header(feed)
    # A generator of its own, so that the header is judged at the call and not at the first row.
    return _rows(feed, names, separator, default_kind)


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
            [Problem(_HEADER, "empty", "The file is empty: there is nothing to import.")]
        ) from None
    except _Unreadable as unreadable:
        raise InputRefused([replace(unreadable.problem, path=_HEADER)]) from None
    separator = _separator(line)
    try:
        (names,) = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error:
        names = []
    if not names:
        message = "The first line is no line of column names that ends like those of Unix or Windows do."
        raise InputRefused([Problem(_HEADER, "broken_header", f"{message} Is it the right file?")])
    names = [name.strip() for name in names]
    if problems := _header_problems(names):
        raise InputRefused(problems)
    return names, separator


def _separator(header: str) -> str:
    """`,` where there is none at all: then there is one column."""
    outside = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=outside.count)


def _header_problems(names: list[str]) -> list[Problem]:
    known = (*TEXT_KEYS, *all_columns())
    folded = {name.lower(): name for name in known}
    problems = []
    for number, name in enumerate(names, 1):
        where = f"column {number}"
        if not name:
            message = f"Column {number} has no name. Name it, or delete it."
            problems.append(Problem(where, "column_without_name", message))
        elif name not in known:
            nearest = get_close_matches(name[:60].lower(), folded, n=1)
            advice = f"Did you mean {folded[nearest[0]]}?" if nearest else "Delete it, or correct its name."
            problems.append(Problem(where, "unknown_column", f"There is no column {shown(name)}. {advice}"))
        elif name in names[: number - 1]:
            message = f"The column {name} is there more than once. Keep the one that is meant."
            problems.append(Problem(where, "duplicate_column", message))
        if len(problems) >= _MOST_PROBLEMS:
            break
    if len(names) == 1 and problems:
        message = f"The first line is one column; columns are separated by {' or '.join(_NAMED.values())}."
        problems.append(Problem(_HEADER, "one_column", message))
    return problems


def _rows(feed: _Feed, names: list[str], separator: str, default_kind: str) -> Iterator[Row]:
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Unreadable) as error:
            first = feed.first or feed.last
            if feed.last > first or feed.quotes % 2:
                yield Row(first, (_lost(error, feed.last),))
                return
            yield Row(first, (_broken(error),))
            continue
        if any(cell.strip() for cell in cells):
            yield _row(feed.first or feed.last, names, cells, default_kind)


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


def _row(line: int, names: list[str], cells: list[str], default_kind: str) -> Row:
    by_name = dict(zip(names, cells, strict=False))
    id = by_name.get("id", "").strip() or None
    if len(cells) != len(names):
        message = (
            f"The row has {len(cells)} cells, and the header {len(names)}. Put a cell that holds the separator into "
            "quotation marks, and write empty cells too."
        )
        return Row(line, (Problem("$", "wrong_number_of_cells", message),), id=id)
    given: dict[str, Any] = {name: text for name in TEXT_KEYS if (text := by_name.pop(name, "").strip())}
    given["data"] = _data(given.get("kind", default_kind), by_name)
    return row_of(line, given)


def _data(kind: str, cells: dict[str, str]) -> dict[str, Any]:
    """The body that the cells say, nested as their names are."""
    try:
        known = columns_of(kind)
    except UnknownKind:
        known = {}  # the check of the whole row says so
    data: dict[str, Any] = {}
    for name, text in cells.items():
        # A column that only other kinds have is text here, and refused as a field that this kind does not know.
        value = value_of(known.get(name, Cell.TEXT), text)
        if value is not None:
            *parents, key = name.split(".")
            place = data
            for parent in parents:
                place = place.setdefault(parent, {})
            place[key] = value
    return data
