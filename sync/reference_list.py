"""Which names a CSV gives to companies, sites and rules, or all that is wrong with it. Pure.

The list helps whoever fills in a form. It is replaced as a whole, so a file that is not right in every line changes
nothing. What it is for, and what its columns are: docs/reference.md.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final

from storage.listed import COMPANY, RULE, SITE, TYPES, Line
from sync.answer import MAX_INT
from sync.batch.csv_records import HEADER, Record, Records, one_column_problem
from sync.batch.lines import Lines
from sync.errors import InputRefused, Problem, shown

MAX_BYTES: Final = 16 * 2**20
MAX_NAME_CHARS: Final = 250
COLUMNS: Final = ("type", "id", "name", "company_id")
_REQUIRED: Final = ("type", "id", "name")
# Nobody corrects more before asking whether it is the right file.
_MOST_PROBLEMS: Final = 1000
_ID: Final = re.compile(r"[0-9]{1,16}")
_PLURALS: Final = {COMPANY: "companies", SITE: "sites", RULE: "rules"}


def parse(content: bytes) -> tuple[Line, ...]:
    """The lines that `content` (CSV, UTF-8, at most `MAX_BYTES`) holds, in its order; never none.

    Raises: InputRefused, with everything that is wrong, by line and column.
    """
    if len(content) > MAX_BYTES:
        message = f"The file is larger than the {MAX_BYTES} bytes that are allowed. Is it the right one?"
        raise InputRefused([Problem("FILE", "too_large", message)])
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = "The file is not UTF-8 text. Save it as UTF-8 (Excel: CSV UTF-8)."
        raise InputRefused([Problem("FILE", "not_utf8", message)])
    records = Records(Lines(io.BytesIO(content)))
    names = [name.lower() for name in records.names]
    if problems := _header_problems(names):
        raise InputRefused(problems)
    return _Reading(names).lines_of(records)


def to_json(
    lines: Iterable[Line], *, imported_at: str | None = None, types: Sequence[str] = TYPES
) -> dict[str, Any]:
    """The document of `reference list --json`: of each type its names, in the given order. Other types are left out."""
    document: dict[str, Any] = {"schema": 1, "imported_at": imported_at}
    document |= {_PLURALS[type]: [] for type in TYPES if type in types}
    for line in lines:
        if line.type in types:
            told: dict[str, Any] = {"id": line.id, "name": line.name}
            if line.type == SITE:
                told["company_id"] = line.company_id
            document[_PLURALS[line.type]].append(told)
    return document


def counts(lines: Iterable[Line]) -> dict[str, int]:
    """How many of each type: `{"companies", "sites", "rules"}`."""
    found = Counter(line.type for line in lines)
    return {_PLURALS[type]: found[type] for type in TYPES}


def _header_problems(names: list[str]) -> list[Problem]:
    problems = []
    for number, name in enumerate(names, 1):
        where = f"column {number}"
        if not name:
            message = f"Column {number} has no name. Name it, or delete it."
            problems.append(Problem(where, "column_without_name", message))
        elif name not in COLUMNS:
            nearest = get_close_matches(name[:60], COLUMNS, n=1)
            advice = f"Did you mean {nearest[0]}?" if nearest else f"There are: {', '.join(COLUMNS)}."
            problems.append(Problem(where, "unknown_column", f"There is no column {shown(name)}. {advice}"))
        elif name in names[: number - 1]:
            message = f"The column {name} is there more than once. Keep the one that is meant."
            problems.append(Problem(where, "duplicate_column", message))
        if len(problems) >= _MOST_PROBLEMS:
            return problems
    problems += (
        Problem(HEADER, "column_missing", f"The column {name} is missing. The first line names the columns.")
        for name in _REQUIRED
        if name not in names
    )
    if len(names) == 1 and problems:
        problems.append(one_column_problem())
    return problems


class _Reading:
    """Goes through the records once; what a site says of its company can be judged at the end alone."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._problems: list[Problem] = []
        self._first_line: dict[tuple[str, int], int] = {}
        self._owned: list[tuple[int, int]] = []  # line, company_id

    def lines_of(self, records: Iterable[Record]) -> tuple[Line, ...]:
        found = [line for record in self._few_enough(records) if (line := self._line(record)) is not None]
        for number, company_id in self._owned:
            if (COMPANY, company_id) not in self._first_line:
                message = f"No line of the file has the company {company_id}. Add it, or correct the number."
                self._wrong(number, "company_id", "unknown_company", message)
        if not self._problems and not found:
            message = "The file names nothing. To have no list at all: fieldsync reference clear."
            self._problems.append(Problem("FILE", "empty", message))
        if self._problems:
            raise InputRefused(sorted(self._problems[:_MOST_PROBLEMS], key=_line_of))
        return tuple(found)

    def _few_enough(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            yield record
            if len(self._problems) >= _MOST_PROBLEMS:
                message = f"The lines up to here have {_MOST_PROBLEMS} problems; the rest was not read."
                self._problems[_MOST_PROBLEMS - 1 :] = [
                    Problem(f"line {record.line}", "too_many_problems", message)
                ]
                return

    def _wrong(self, line: int, column: str | None, code: str, message: str) -> None:
        where = f"line {line}" if column is None else f"line {line}, {column}"
        self._problems.append(Problem(where, code, message))

    def _line(self, record: Record) -> Line | None:
        if record.problem is not None:
            self._wrong(record.line, None, record.problem.code, record.problem.message)
            return None
        before = len(self._problems)
        cells = dict(zip(self._names, record.cells, strict=True))
        type = self._type(record.line, cells["type"].strip().lower())
        id = self._id(record.line, "id", cells["id"].strip())
        name = self._name(record.line, cells["name"])
        company_id = self._company(record.line, type, cells.get("company_id", "").strip())
        if type is not None and id is not None:
            first = self._first_line.setdefault((type, id), record.line)
            if first != record.line:
                message = f"The {type} {id} is in line {first} already. Keep the one that is meant."
                self._wrong(record.line, "id", "duplicate", message)
        if type is None or id is None or len(self._problems) > before:
            return None
        return Line(type, id, name, company_id)

    def _type(self, line: int, text: str) -> str | None:
        if text in TYPES:
            return text
        what = f"There is no type {shown(text)}" if text else "The type is missing"
        self._wrong(line, "type", "unknown_type" if text else "missing", f"{what}. Write {', '.join(TYPES)}.")
        return None

    def _id(self, line: int, column: str, text: str) -> int | None:
        if _ID.fullmatch(text) and 0 < (number := int(text)) <= MAX_INT:
            return number
        if not text:
            self._wrong(line, column, "missing", f"{column} is missing. Give the number that the API has.")
        elif re.fullmatch(r"[+-]?[0-9]+", text):
            message = f"{column} is {shown(text)}, and must be from 1 to {MAX_INT}."
            self._wrong(line, column, "out_of_range", message)
        else:
            self._wrong(line, column, "wrong_type", f"{column} is {shown(text)}, and must be a whole number.")
        return None

    def _name(self, line: int, text: str) -> str:
        # Every kind of space is one, as typing it in a search is; what a spreadsheet wraps is not.
        spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
        name = unicodedata.normalize("NFC", spaced.strip())
        if not name:
            self._wrong(line, "name", "missing", "name is missing. What is it called?")
        elif len(name) > MAX_NAME_CHARS:
            message = f"name has {len(name)} characters, and {MAX_NAME_CHARS} are allowed."
            self._wrong(line, "name", "too_long", message)
        elif not name.isprintable():
            message = f"name holds something that cannot be printed: {shown(name)}. Type it again."
            self._wrong(line, "name", "not_printable", message)
        return name

    def _company(self, line: int, type: str | None, text: str) -> int | None:
        if not text:
            return None
        if type in (COMPANY, RULE):
            message = f"Only a site has a company; leave it empty for a {type}."
            self._wrong(line, "company_id", "not_wanted", message)
            return None
        number = self._id(line, "company_id", text)
        if number is not None:
            self._owned.append((line, number))
        return number


def _line_of(problem: Problem) -> int:
    number = re.match(r"line ([0-9]+)", problem.path)
    return int(number[1]) if number else 0
