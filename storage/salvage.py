"""Every row of a damaged database that can still be read, table by table; and which rows are known to be lost.

SQLite is asked first, for ranges of rows that are halved around whatever it cannot read. What it cannot reach is then
looked for in the pages themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlcipher3 import dbapi2

from storage import driver
from storage.lifecycle import State
from storage.pages import Cell, Pages, Unreadable

_AT_ONCE: Final = 128
_UUID_LENGTH: Final = 36
# How wide a row of each table was when the table was new; later steps only add columns at the end.
_FIRST_WIDTH: Final = {
    "entry": 45, "signature": 7, "attempt": 11, "receipt": 8, "revision": 7, "purged": 5, "control": 3,
}  # fmt: skip
_NUMBERED: Final = {
    "entry": "seq", "signature": "entry_seq", "attempt": "id", "receipt": "id", "revision": "id",
}  # fmt: skip
# Indexes that hold every row of their table, with a column that names its entry: read without the table itself.
_LISTED: Final = {
    "entry": ("SELECT seq, id FROM entry ORDER BY id", "SELECT seq, NULL FROM entry ORDER BY state, seq"),
    "attempt": ("SELECT rowid, NULL FROM attempt ORDER BY entry_seq, n",),
    "receipt": ("SELECT rowid, NULL FROM receipt ORDER BY entry_seq",),
    "revision": ("SELECT rowid, NULL FROM revision ORDER BY entry_seq",),
}


class Column(NamedTuple):
    """A column of the table as this program knows it."""

    name: str
    default: Any


Layout = Mapping[str, tuple[Column, ...]]


def layout_of(cursor: Any) -> Layout:
    """The tables of a sound database, with their columns in their order on disk."""
    found = {}
    for table in _FIRST_WIDTH:
        columns = cursor.execute(f"PRAGMA table_info({table})").fetchall()
        found[table] = tuple(
            Column(name, None if default is None else int(default.strip("'")))
            for _, name, _, _, default, _ in columns
        )
    return found


class Salvage:
    """One damaged database, read only. `ids` are the local ids of entries whose row may be gone, by number."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._layout = layout
        self._pages = Pages(path)
        self._connection = _opened(path)
        self._names: dict[str, list[str]] = {}
        self.ids: dict[int, str] = {}
        self._cells: dict[str, dict[int, list[Cell]]] = {table: {} for table in layout}
        for cell in self._pages.cells():
            for table in self._tables_of(cell):
                self._cells[table].setdefault(cell.rowid, []).append(cell)

    def close(self) -> None:
        self._pages.close()
        if self._connection is not None:
            self._connection.close()

    def _tables_of(self, cell: Cell) -> Iterator[str]:
        for table, width in _FIRST_WIDTH.items():
            if width <= cell.columns <= len(self._layout[table]):
                yield table

    def rows(self, table: str) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Each row that was there, by number, in order; None for one that is known and cannot be read."""
        known = self._known(table)
        numbers = sorted(known)
        for first in range(0, len(numbers), _AT_ONCE):
            wanted = numbers[first : first + _AT_ONCE]
            found = self._asked(table, wanted[0], wanted[-1])
            for number in wanted:
                row = found.pop(number, None) or self._searched(table, number)
                # What only looked like a row of this table was never known to be one.
                if row is not None or known[number]:
                    yield number, row

    def learn_ids(self) -> None:
        """Fill `ids` as far as the indexes tell, before any row is read."""
        self._known("entry")

    def _known(self, table: str) -> dict[int, bool]:
        """The numbers of rows that may be there; True where SQLite itself lists them."""
        known = dict.fromkeys(self._cells[table], False)
        number = _NUMBERED.get(table, "rowid")
        for sql in (*_LISTED.get(table, ()), f"SELECT {number}, NULL FROM {table}"):  # noqa: S608  names of ours
            for found, id in self._all(sql):
                if isinstance(found, int):
                    known[found] = True
                if isinstance(id, str) and len(id) == _UUID_LENGTH:
                    self.ids[found] = id
        return known

    def _all(self, sql: str) -> Iterator[Any]:
        """What a statement gives before it comes to a page that it cannot read."""
        if self._connection is None:
            return
        with suppress(dbapi2.Error):
            yield from self._connection.execute(sql)

    def _asked(self, table: str, first: int, last: int) -> dict[int, dict[str, Any]]:
        if self._connection is None:
            return {}
        number = _NUMBERED.get(table, "rowid")
        sql = f"SELECT rowid, * FROM {table} WHERE {number} BETWEEN ? AND ?"  # noqa: S608  names of ours
        try:
            cursor = self._connection.execute(sql, (first, last))
            names = [column[0] for column in cursor.description][1:]
            return {
                row[0]: self._completed(table, dict(zip(names, row[1:], strict=True)))
                for row in cursor.fetchall()
            }
        except dbapi2.Error:
            if first >= last:
                return {}
            middle = (first + last) // 2
            return self._asked(table, first, middle) | self._asked(table, middle + 1, last)

    def _searched(self, table: str, number: int) -> dict[str, Any] | None:
        for cell in self._cells[table].get(number, ()):
            with suppress(Unreadable):
                values = self._pages.row(cell)
                names = [column.name for column in self._layout[table]]
                row = dict(zip(names, values, strict=False))
                if table in _NUMBERED:
                    row[_NUMBERED[table]] = number
                if _is_one_of(table, row):
                    return self._completed(table, row)
        return None

    def _completed(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """The row with every column that this program knows, and no other."""
        return {column.name: row.get(column.name, column.default) for column in self._layout[table]}

    def sequence(self) -> int:
        """The highest number that an entry ever had here, as far as is known."""
        listed = [
            n
            for (n,) in self._all("SELECT seq FROM sqlite_sequence WHERE name = 'entry'")
            if isinstance(n, int)
        ]
        return max([0, *listed])


def _opened(path: Path) -> Any | None:
    try:
        connection = driver.connect_for_reading(path)
        connection.execute("PRAGMA cell_size_check = ON").fetchall()
    except dbapi2.Error:
        return None
    return connection


_SHAPES: Final[Mapping[str, Mapping[str, type]]] = {
    "entry": {"payload": str, "captured_at": int},
    "signature": {"data": bytes, "size": int, "sha256": str},
    "attempt": {"entry_seq": int, "n": int, "step": str},
    "receipt": {"server_id": int, "answer": str, "at": int},
    "revision": {"entry_seq": int, "n": int, "at": int, "payload": str, "payload_sha256": str},
    "purged": {"purged_at": int},
    "control": {"at": int},
}


def _is_one_of(table: str, row: Mapping[str, Any]) -> bool:
    """Whether values that were found make a row of this table: a page does not say whose rows it holds."""
    if not all(isinstance(row[name], kind) for name, kind in _SHAPES[table].items()):
        return False
    if table in ("entry", "purged"):
        return _is_id(row["id"])
    # The counts have the same shape as `control`; they are made anew.
    return table != "control" or (row["key"] not in set(State) and is_json(row["value"]))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == _UUID_LENGTH and value.count("-") == 4


def is_json(value: Any) -> bool:
    try:
        json.loads(value)
    except (TypeError, ValueError):
        return False
    return True
