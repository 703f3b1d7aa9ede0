"""The two ways to read a damaged database, each on its own: SQLite in halved ranges, and the pages themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage import revisions
from storage.pages import Pages, Unreadable
from storage.salvage import Salvage, layout_of
from tests.support import broken_disk as disk
from tests.support.scratch import Scratch, entry_id, signature

ENTRIES = 60
IMAGE = 20_000


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    for number in range(1, ENTRIES + 1):
        text = f'{{"kind":"unplanned-preventive","comment":"{"é" * 300}","n":{number}}}'
        made.put(number, payload=text, signature=signature(number, IMAGE if number % 10 == 0 else 30))
    made.deliver(1, 501)
    with made.database.write() as transaction:
        revisions.revise(
            transaction,
            revisions.said(transaction, entry_id(2)),
            payload='{"n":2}',
            start_at=None,
            key=entry_id(1002),
            image_name=None,
            detail="comment",
            now=made.now,
        )
    made.database.checkpoint()
    yield made
    made.close()


def salvage(scratch: Scratch) -> Salvage:
    with scratch.database.read() as transaction:
        layout = layout_of(transaction.cursor)
    scratch.database.close()
    return Salvage(scratch.folder.database, layout)


def everything(scratch: Scratch) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: scratch.all(f"SELECT rowid, * FROM {table} ORDER BY rowid")
        for table in ("entry", "signature", "attempt", "receipt", "revision", "purged", "control")
    }


def read(source: Salvage) -> dict[str, list[tuple[object, ...]]]:
    tables = ("entry", "signature", "attempt", "receipt", "revision", "purged", "control")
    return {
        table: [(number, *row.values()) for number, row in source.rows(table) if row is not None]
        for table in tables
    }


def test_both_ways_read_the_same_as_sqlite(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = everything(scratch)
    source = salvage(scratch)
    assert read(source) == expected
    monkeypatch.setattr(source, "_connection", None)
    assert read(source) == expected, "from the pages alone"
    source.close()


def test_ranges_are_halved_around_what_sqlite_cannot_read(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, gone = disk.entry_leaf(scratch.folder.database, [entry_id(n) for n in range(1, ENTRIES + 1)])
    monkeypatch.setattr(Pages, "cells", lambda _: iter(()))
    scratch.database.close()
    disk.write_page(scratch.folder.database, number, disk.garbage())
    fresh = Scratch(scratch.folder.root.parent / "fresh")
    with fresh.database.read() as transaction:
        layout = layout_of(transaction.cursor)
    fresh.close()
    source = Salvage(scratch.folder.database, layout)
    rows = dict(source.rows("entry"))
    source.close()
    lost = {source.ids[number] for number, row in rows.items() if row is None}
    # One more may have had its beginning in that page, and its end elsewhere.
    assert set(gone) <= lost
    assert len(lost) <= len(gone) + 1
    assert len(rows) == ENTRIES


@pytest.mark.parametrize("seed", range(40))
def test_no_garbage_ends_the_reading(scratch: Scratch, tmp_path: Path, seed: int) -> None:
    """Whatever a page holds, it costs rows and raises nothing."""
    scratch.database.close()
    content = bytearray(scratch.folder.database.read_bytes())
    rubbish = disk.garbage(len(content) // 4096 * 8, seed)
    for page in range(len(content) // 4096):
        # A few bytes in the header and in the middle of every page.
        at = page * 4096
        content[at + rubbish[page * 8] % 12] ^= rubbish[page * 8 + 1]
        content[at + rubbish[page * 8 + 2] * 16] ^= rubbish[page * 8 + 3]
    path = tmp_path / "rubbish.db"
    path.write_bytes(content)
    pages = Pages(path)
    for cell in pages.cells():
        with suppress(Unreadable):
            pages.row(cell)
    pages.close()
    with scratch.database.read() as transaction:
        layout = layout_of(transaction.cursor)
    source = Salvage(path, layout)
    read_back = {table: [row for _, row in source.rows(table) if row is not None] for table in layout}
    source.close()
    assert len(read_back["entry"]) <= ENTRIES + 5
