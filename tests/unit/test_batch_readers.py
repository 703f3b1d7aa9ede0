"""Reading a batch: every row is found at its line, typed as its field is, or refused with what is wrong there."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from sync.batch.columns import Cell, all_columns, columns_of, value_of
from sync.batch.csv_rows import csv_rows
from sync.batch.errors import SourceLost
from sync.batch.identity import entry_of_content, entry_of_row
from sync.batch.jsonl import jsonl_rows
from sync.batch.lines import MAX_LINE_BYTES, Lines
from sync.batch.row import Row, row_of
from sync.batch.source import Source
from sync.errors import InputRefused
from sync.operations import KINDS

UNPLANNED = "unplanned-preventive"


def csv_of(content: str | bytes, kind: str = UNPLANNED) -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    return list(csv_rows(Lines(io.BytesIO(data)), default_kind=kind))


def jsonl_of(content: str | bytes) -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    return list(jsonl_rows(Lines(io.BytesIO(data))))


def codes(row: Row) -> list[tuple[str, str]]:
    return [(each.path, each.code) for each in row.problems]


def header_refused(content: str | bytes) -> list[tuple[str, str]]:
    with pytest.raises(InputRefused) as caught:
        csv_of(content)
    return [(each.path, each.code) for each in caught.value.problems]


class Endless(io.RawIOBase):
    """`size` bytes of one line, made as they are read; remembers the most that was asked for at once."""

    def __init__(self, size: int, rest: bytes) -> None:
        self._left, self._rest, self.most = size, rest, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.most = max(self.most, len(buffer))
        if self._left:
            count = min(len(buffer), self._left)
            buffer[:count] = b"x" * count
            self._left -= count
            return count
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


# Lines


def test_line_of_gigabytes_is_one_problem_and_the_next_line_is_read() -> None:
    stream = io.BufferedReader(Endless(200 * 2**20, b'\n{"data": {}}\n'))
    lines = Lines(stream)
    first, second = list(lines)
    assert first.problem is not None
    assert (first.number, first.problem.code, first.content) == (1, "line_too_long", b"")
    assert (second.number, second.content) == (2, b'{"data": {}}\n')
    assert lines.bytes_read == 200 * 2**20 + 14


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_longest_line_that_is_allowed_is_read_whole(ending: bytes) -> None:
    (line,) = Lines(io.BytesIO(b"x" * MAX_LINE_BYTES + ending))
    assert (line.problem, len(line.content)) == (None, MAX_LINE_BYTES + len(ending))
    (line,) = Lines(io.BytesIO(b"x" * (MAX_LINE_BYTES + 1) + ending))
    assert line.problem is not None


def test_zero_bytes_are_a_problem_of_their_line_alone() -> None:
    rows = jsonl_of(b'{"data": {}}\n' + bytes(4096) + b'\n{"data": {}}\n')
    assert [(row.line, codes(row)) for row in rows] == [(1, []), (2, [("$", "zero_bytes")]), (3, [])]


def test_disk_that_gives_no_more_ends_the_reading_by_name() -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().readline(size)

    lines = Lines(Broken(b"a\nb\n"))
    assert next(lines).content == b"a\n"
    with pytest.raises(SourceLost, match="line 2 of the file cannot be read"):
        next(lines)


# JSON Lines


def test_json_lines_with_mark_blank_lines_and_windows_ends_keep_their_numbers() -> None:
    rows = jsonl_of(b'\xef\xbb\xbf{"data": {"a": 1}}\r\n\r\n  \n{"data": {"b": 2}, "id": 17}')
    assert [(row.line, row.id, row.data) for row in rows] == [(1, None, {"a": 1}), (4, "17", {"b": 2})]


@pytest.mark.parametrize(
    ("line", "path", "code", "named"),
    [
        ('{"data": {}', "$", "broken_json", "at column"),
        ('{"data": {"a": 1, "a": 2}}', "$.data.a", "duplicate_key", "more than once"),
        ('{"data": {"a": NaN}}', "$.data.a", "not_json", "NaN"),
        ("[1]", "$", "not_an_object", "one object"),
        ('{"companyId": 1}', "$.data", "missing", "Put the fields of the request into it"),
        ('{"data": [1]}', "$.data", "wrong_type", "an object"),
        ('{"data": {}, "Id": "x"}', "$.Id", "unknown_field", "Did you mean id?"),
        ('{"data": {}, "id": true}', "$.id", "wrong_type", "must be text"),
        ('{"data": {}, "id": null}', "$.id", "wrong_type", "leave it out"),
        ('{"data": {}, "id": " "}', "$.id", "empty", "empty"),
        ('{"data": {}, "kind": 7}', "$.kind", "wrong_type", "must be text"),
        ('{"data": {}, "after": "' + "x" * 201 + '"}', "$.after", "too_long", "201"),
        ('{"data": {}, "signature": "a\\u0000b"}', "$.signature", "not_printable", "a"),
    ],
)
def test_line_of_json_is_refused_with_its_place(line: str, path: str, code: str, named: str) -> None:
    (row,) = jsonl_of(line)
    assert (path, code) in codes(row)
    told = " ".join(each.message for each in row.problems)
    assert named in told
    assert "line 1" not in told, "the line is that of the file, and told beside"


def test_all_that_is_wrong_in_a_row_is_told_at_once() -> None:
    row = row_of(3, {"id": "", "kind": 1, "what": 2})
    assert codes(row) == [
        ("$.kind", "wrong_type"),
        ("$.id", "empty"),
        ("$.what", "unknown_field"),
        ("$.data", "missing"),
    ]


def test_line_that_is_not_utf8_is_refused_alone() -> None:
    first, second = jsonl_of(b'{"data": {"a": "caf\xe9"}}\n{"data": {}}\n')
    assert codes(first) == [("$", "not_utf8")]
    assert codes(second) == []


# CSV


def test_csv_is_typed_by_the_payload_model() -> None:
    (row,) = csv_of(
        "id,companyId,siteIds,ruleIds,provider.firstName,provider.comment,actualStart,signature\n"
        ' A1 , 7 ,1;2; 3,4,12,,2024-12-01T12:34:56Z,"a, b.png"\n'
    )
    assert (row.line, row.id, row.signature, row.problems) == (2, "A1", "a, b.png", ())
    assert row.data == {
        "companyId": 7,
        "siteIds": [1, 2, 3],
        "ruleIds": [4],
        "provider": {"firstName": "12"},
        "actualStart": "2024-12-01T12:34:56Z",
    }


def test_kind_of_the_row_decides_the_types() -> None:
    rows = csv_of(
        "kind,target,decision,decisionComment,validateIntervention,siteIds,description\n"
        "verification,12,1,fine,,,\n"
        "training-update,local:A1,,,TRUE,1;2,\n"
        "training-update,13,,,faux,,007\n"
    )
    assert [(row.kind, row.target, row.data) for row in rows] == [
        ("verification", "12", {"decision": 1, "decisionComment": "fine"}),
        ("training-update", "local:A1", {"validateIntervention": True, "siteIds": [1, 2]}),
        ("training-update", "13", {"validateIntervention": False, "description": "007"}),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separator_is_the_one_that_the_header_has(separator: str) -> None:
    header = separator.join(("companyId", "siteIds", "provider.comment"))
    (row,) = csv_of(f'\ufeff{header}\r\n1{separator}"1;2"{separator}"x{separator}y"\r\n')
    assert row.data == {"companyId": 1, "siteIds": [1, 2], "provider": {"comment": f"x{separator}y"}}


def test_lines_inside_quotes_are_counted() -> None:
    rows = csv_of('companyId,provider.comment\n1,"a\r\nb\n\nc"\n\n2,x\n,\n3,"y\n"\n4,z\n')
    assert [(row.line, row.data) for row in rows] == [
        (2, {"companyId": 1, "provider": {"comment": "a\r\nb\n\nc"}}),
        (7, {"companyId": 2, "provider": {"comment": "x"}}),
        (9, {"companyId": 3, "provider": {"comment": "y\n"}}),
        (11, {"companyId": 4, "provider": {"comment": "z"}}),
    ]


@pytest.mark.parametrize(
    ("cell", "text", "value"),
    [
        (Cell.INTEGER, "+7", 7),
        (Cell.INTEGER, "1.0", "1.0"),
        (Cell.INTEGER, "1 000", "1 000"),
        (Cell.INTEGER, "٣", "٣"),
        (Cell.INTEGER, "9" * 5000, "9" * 5000),
        (Cell.INTEGERS, "1;;2", [1, "", 2]),
        (Cell.INTEGERS, "1,2", ["1,2"]),
        (Cell.TEXTS, "a; b", ["a", "b"]),
        (Cell.FLAG, "Vrai", True),
        (Cell.FLAG, "1", "1"),
        (Cell.INTERVENTION, "local:A1", {"$entry": "A1"}),
        (Cell.INTERVENTION, "12", 12),
        (Cell.INTERVENTION, "A1", "A1"),
        (Cell.TEXT, "  ", "  "),
        (Cell.TEXT, "", None),
        (Cell.INTEGER, "  ", None),
        (Cell.INTEGERS, "", None),
    ],
)
def test_cell_that_does_not_fit_stays_text_for_the_check_to_refuse(cell: Cell, text: str, value: Any) -> None:
    assert value_of(cell, text) == value
    assert type(value_of(cell, text)) is type(value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_has_a_column(kind: str) -> None:
    properties = columns_of(kind)
    assert properties
    assert set(properties) <= set(all_columns())


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("companyId,companyId", [("column 2", "duplicate_column")]),
        ("companyId,,siteIds", [("column 2", "column_without_name")]),
        ("company_id,what", [("column 1", "unknown_column"), ("column 2", "unknown_column")]),
        ("what is this", [("column 1", "unknown_column"), ("line 1", "one_column")]),
        ("companyId|siteIds", [("column 1", "unknown_column"), ("line 1", "one_column")]),
        ("companyId,siteIds\rx,1\ry,2", [("line 1", "broken_header")]),
        ('"companyId,siteIds', [("line 1", "broken_header")]),
        ("\n1,2", [("line 1", "broken_header")]),
        (b"companyId,caf\xe9", [("line 1", "not_utf8")]),
        (b"c\0o\0m\0", [("line 1", "zero_bytes")]),
    ],
)
def test_header_is_refused_before_the_first_row(header: str | bytes, expected: list[tuple[str, str]]) -> None:
    assert header_refused(header) == expected


def test_one_column_is_a_csv_where_it_is_a_column() -> None:
    (row,) = csv_of("companyId\n7\n")
    assert row.data == {"companyId": 7}


@pytest.mark.parametrize("line", ["1", "1,2,3", '1,2,"'[:-1] + ",,"])
def test_row_of_another_length_than_the_header_is_refused(line: str) -> None:
    rows = csv_of(f"id,companyId\n{line}\n5,6\n")
    assert [(row.line, row.id, codes(row)) for row in rows] == [
        (2, "1", [("$", "wrong_number_of_cells")]),
        (3, "5", []),
    ]


def test_quotes_that_are_broken_and_closed_cost_one_row() -> None:
    rows = csv_of('companyId,provider.comment\n1,"12" hose"\n2,x\n3,"a""b"\n')
    assert [(row.line, codes(row)) for row in rows][:1] == [(2, [("$", "quote_not_closed")])], "three quotes"
    rows = csv_of('companyId,provider.comment\n1,"12"" x" hose\n2,x\n')
    assert [(row.line, codes(row)) for row in rows][:1] == [(2, [("$", "broken_csv")])]
    assert rows[1].data == {"companyId": 2, "provider": {"comment": "x"}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('1,"open\n2,x\n3,"y"\n4,z\n', "quote_not_closed"),
        ('1,"open\n2,x\n', "quote_not_closed"),
        ('1,"open' + "\nx,y" * 50_000, "quote_not_closed"),
        ('1,"a\ncaf\udce9\n9,inside",\n4,z\n', "not_utf8"),
    ],
)
def test_nothing_is_read_after_a_quote_that_is_not_closed(body: str, code: str) -> None:
    """What follows could be the inside of a comment that looks like a row."""
    source = ("companyId,provider.comment\n0,before\n" + body).encode("utf-8", "surrogateescape")
    first, lost = csv_of(source)
    assert first.data == {"companyId": 0, "provider": {"comment": "before"}}
    assert (lost.line, codes(lost)) == (3, [("$", code)])
    assert "Nothing from here on was read" in lost.problems[0].message


def test_line_of_csv_that_is_no_text_is_refused_alone_where_it_stands_alone() -> None:
    body = b"companyId,provider.comment\n1,caf\xe9\n2,x\n3,\0\n4,y\n"
    assert [(row.line, codes(row)) for row in csv_of(body)] == [
        (2, [("$", "not_utf8")]),
        (3, []),
        (4, [("$", "zero_bytes")]),
        (5, []),
    ]


# Identity


def test_row_id_that_is_a_uuid_is_the_entry_and_others_are_derived() -> None:
    uuid = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    assert entry_of_row(uuid) == uuid.lower()
    # Fixed for good: a row that was imported once must be known again by every later version.
    assert entry_of_row("A1") == "59bc209d-b68e-553e-8cbb-cba194583404"
    assert entry_of_row("a1") != entry_of_row("A1")
    # 32 digits are somebody's checksum, not a UUID that a person wrote.
    assert entry_of_row(uuid.replace("-", "")) != uuid.lower()
    assert entry_of_content("A1") != entry_of_row("A1")


# The file


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(InputRefused) as caught, Source(path) as source:
        list(source.rows(default_kind=UNPLANNED))
    (problem,) = caught.value.problems
    return problem.code, problem.message


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        ("companyId\n1\n".encode("utf-16"), "not_utf8"),
        ("companyId\n1\n".encode("utf-16-le"), "not_utf8"),
        (b'[{"data": {}}]', "not_json_lines"),
        (b'{\n "data": {}\n}', "not_json_lines"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not_utf8"),
        (b"\n" * 5000, "broken_header"),
    ],
)
def test_file_that_is_no_batch_is_refused_as_a_whole(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "batch.txt"
    path.write_bytes(content)
    assert refused(path)[0] == code


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """A pipe that nobody writes to must not hang the command."""
    os.mkfifo(tmp_path / "pipe")
    for path, code in (
        (tmp_path / "pipe", "not_a_file"),
        (tmp_path, "not_a_file"),
        (tmp_path / "missing", "file_not_found"),
        (Path("x\0y"), "file_not_found"),
    ):
        assert refused(path)[0] == code


def test_format_is_known_by_content_before_name(tmp_path: Path) -> None:
    for name, content, expected in (
        ("a.csv", b'\xef\xbb\xbf\n {"data": {"x": 1}}\n', {"x": 1}),
        ("b.jsonl", b"companyId\n", None),
        ("c.txt", b"companyId\n5\n", {"companyId": 5}),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with Source(path) as source:
            (row,) = source.rows(default_kind=UNPLANNED)
        assert row.data == expected


def test_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(b"companyId\n1\n")
    with Source(path) as source:
        assert not source.changed()
        with path.open("ab") as stream:
            stream.write(b"2\n")
        assert source.changed()
    with Source(path) as source:
        (tmp_path / "other").write_bytes(json.dumps({"data": {}}).encode())
        os.replace(tmp_path / "other", path)
        assert source.changed()


# The documentation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_documented_columns_are_those_that_are_read(kind: str) -> None:
    (line,) = re.findall(
        rf"^\| `{kind}` \| (.+) \|$", (ROOT / "docs" / "import.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert re.findall(r"`([^`]+)`", line) == list(columns_of(kind))
