"""The note beside the database is never newer than the truth nor in the way; a database that knows less is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import DatabaseOutdated
from storage.folder import StorageFolder
from storage.guard import check_current, open_for_reading
from storage.schema import open_database
from storage.witness import Seen, Witness, known, seen
from tests.support.scratch import DATABASE_ID, NOON, Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def test_captures_and_sends_are_noted_once_they_are_durable(scratch: Scratch) -> None:
    assert seen(scratch.folder) == Seen(0, 0)
    scratch.put(1)
    scratch.put(2)
    assert seen(scratch.folder) == Seen(2, 0)
    scratch.send(1)
    assert seen(scratch.folder) == Seen(2, 1)
    with scratch.database.read() as transaction:
        assert known(transaction.cursor) == Seen(2, 1)


def test_capture_that_was_not_committed_is_not_noted(scratch: Scratch) -> None:
    with pytest.raises(RuntimeError), scratch.database.write() as transaction:  # noqa: PT012
        transaction.captured = 9
        raise RuntimeError
    assert seen(scratch.folder) == Seen(0, 0)


def test_smaller_number_does_not_take_back_a_larger_one(tmp_path: Path) -> None:
    """Two captures of two processes end in either order."""
    folder = StorageFolder(tmp_path)
    one, other = Witness(folder.witness), Witness(folder.witness)
    one.note(entries=7)
    other.note(entries=6, sends=3)
    one.note(sends=2)
    assert seen(folder) == Seen(7, 3)
    one.close()
    other.close()


@pytest.mark.parametrize(
    "content", [b"", b"12", b"x" * 41, bytes(41), b"-0000000000000000001\n", b"\xb2" * 30]
)
def test_note_that_makes_no_sense_says_nothing(tmp_path: Path, content: bytes) -> None:
    folder = StorageFolder(tmp_path)
    folder.witness.write_bytes(content)
    assert seen(folder) == Seen(0, 0)


def test_note_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    folder = StorageFolder(tmp_path / "nowhere")
    witness = Witness(folder.witness)
    witness.note(entries=1)
    assert seen(folder) == Seen(0, 0)


@pytest.mark.parametrize(
    ("here", "fits"),
    [(Seen(5, 3), True), (Seen(6, 9), True), (Seen(4, 3), False), (Seen(5, 2), False)],
    ids=["same", "newer", "capture lost", "send lost"],
)
def test_database_that_knows_less_is_refused(tmp_path: Path, here: Seen, fits: bool) -> None:
    folder = StorageFolder(tmp_path)
    if fits:
        check_current(here, Seen(5, 3), folder)
        return
    with pytest.raises(DatabaseOutdated, match="older than what was last seen"):
        check_current(here, Seen(5, 3), folder)


def test_purged_entries_make_no_database_older(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.deliver(1, 501)
    scratch.purge(1)
    open_database(scratch.folder, new_id=DATABASE_ID, now=NOON).close()
    connection = open_for_reading(scratch.folder)
    assert connection is not None
    connection.close()
