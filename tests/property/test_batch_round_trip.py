"""Laws of a CSV: what a spreadsheet writes is read back cell by cell at its line, whatever the cells hold."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.batch.csv_rows import csv_rows
from sync.batch.lines import Lines
from sync.batch.row import Row
from sync.errors import InputRefused

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("companyId", "siteIds", "provider.comment", "provider.firstName", "actualStart")

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.integers(-(2**53), 2**53)
rows = st.lists(
    st.tuples(numbers, st.lists(numbers, min_size=1, max_size=4), cells, cells, cells), max_size=8
)


def read(content: bytes) -> list[Row]:
    return list(csv_rows(Lines(io.BytesIO(content)), default_kind="unplanned-preventive"))


@UNHURRIED
@given(rows, st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_is_written_is_read_back_at_its_line(
    given_rows: list[tuple[int, list[int], str, str, str]], separator: str, ending: str, quoted: bool
) -> None:
    text = io.StringIO(newline="")
    # Python's writer leaves a lone carriage return bare, which spreadsheets do not.
    bare = not quoted and "\r" not in "".join(cell for row in given_rows for cell in row[2:])
    how = csv.QUOTE_MINIMAL if bare else csv.QUOTE_ALL
    out = csv.writer(text, delimiter=separator, lineterminator=ending, quoting=how)
    out.writerow(NAMES)
    expected = []
    for company, sites, comment, name, start in given_rows:
        line = text.getvalue().count("\n") + 1
        out.writerow((company, ";".join(map(str, sites)), comment, name, start))
        data: dict[str, Any] = {"companyId": company, "siteIds": sites}
        provider = {key: value for key, value in (("comment", comment), ("firstName", name)) if value}
        expected.append((line, data, provider, start))
    found = read(text.getvalue().encode())
    assert [row.line for row in found] == [line for line, *_ in expected]
    for row, (_, data, provider, start) in zip(found, expected, strict=True):
        assert row.problems == ()
        assert row.data is not None
        assert {key: row.data[key] for key in data} == data
        assert row.data.get("provider", {}) == provider
        assert row.data.get("actualStart", "") == start


@UNHURRIED
@given(st.binary(max_size=200))
def test_anything_is_rows_or_a_refusal(content: bytes) -> None:
    header = b"id,companyId,provider.comment\n"
    found = read(header + content)
    assert [row.line for row in found] == sorted({row.line for row in found}), "one row a line, in order"
    assert all(row.problems or row.data is not None for row in found)
    with suppress(InputRefused):  # which asserts that it says why
        read(content)
