"""Rows from JSON Lines: one object a line, blank lines between them allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sync.batch.lines import Line
from sync.batch.row import Row, row_of
from sync.errors import InputRefused
from sync.json_input import read_json

# The reader of JSON counts within what it is given, and that is one line of the file.
_OWN_LINE = re.compile(r"\bat line 1, column\b")


def jsonl_rows(lines: Iterable[Line]) -> Iterator[Row]:
    """Each line that is not blank as a row, in the order of the file."""
    for line in lines:
        if line.problem is not None:
            yield Row(line.number, (line.problem,))
        elif line.content.strip():
            yield _row(line)


def _row(line: Line) -> Row:
    try:
        given = read_json(line.content)
    except InputRefused as refusal:
        problems = (
            replace(each, message=_OWN_LINE.sub("at column", each.message)) for each in refusal.problems
        )
        return Row(line.number, tuple(problems))
    return row_of(line.number, given)
