"""Rows from CSV: the header names the columns, each record below it is one intervention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from sync.batch.columns import Cell, all_columns, columns_of, value_of
from sync.batch.csv_records import Record, Records, one_column_problem
from sync.batch.lines import Lines
from sync.batch.row import TEXT_KEYS, Row, row_of
from sync.errors import InputRefused, Problem, UnknownKind, shown

_MOST_PROBLEMS: Final = 50  # nobody corrects more before asking whether it is the right file


def csv_rows(lines: Lines, *, default_kind: str) -> Iterator[Row]:
    """The rows below the header, in the order of the file. A row of empty cells is none.

    Raises: InputRefused, before the first row, with every problem of the header.
    """
    records = Records(lines)
    if problems := _header_problems(records.names):
        raise InputRefused(problems)
    # An iterator of its own, so that the header is judged at the call and not at the first row.
    return (_row(record, records.names, default_kind) for record in records)


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
        problems.append(one_column_problem())
    return problems


def _row(record: Record, names: list[str], default_kind: str) -> Row:
    by_name = dict(zip(names, record.cells, strict=False))
    if record.problem is not None:
        return Row(record.line, (record.problem,), id=by_name.get("id", "").strip() or None)
    given: dict[str, Any] = {name: text for name in TEXT_KEYS if (text := by_name.pop(name, "").strip())}
    given["data"] = _data(given.get("kind", default_kind), by_name)
    return replace(row_of(record.line, given), from_cells=True)


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
