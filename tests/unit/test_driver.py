"""The pragmas that the promises rest on are in force, errors get their meaning, and what was erased is gone."""

from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2

from storage import driver
from storage.driver import storage_problem, wal_is_safe
from storage.errors import DatabaseDamaged, StorageBusy, StorageFull, StorageReadOnly
from tests.support.scratch import Scratch

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "busy_timeout": 10_000,
    "temp_store": 2,
    "mmap_size": 0,
    "wal_autocheckpoint": driver.AUTOCHECKPOINT_PAGES,
}


def in_force(cursor: Any) -> dict[str, Any]:
    found = {}
    for name in PRAGMAS:
        row = cursor.execute(f"PRAGMA {name}").fetchone()
        found[name] = row[0] if row else 0  # mmap_size says nothing where it is compiled out
    return found


def test_every_connection_of_the_pool_has_every_pragma(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    connections = [scratch.database.engine_connection() for _ in range(6)]
    for connection in connections:
        assert in_force(connection.connection.cursor()) == PRAGMAS
    for connection in connections:
        connection.close()
    scratch.close()


def test_connection_opened_after_an_error_has_every_pragma(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    with pytest.raises(ZeroDivisionError), scratch.database.write():
        _ = 1 / 0
    with scratch.database.write() as transaction:
        transaction.cursor.execute("COMMIT")
        assert in_force(transaction.cursor) == PRAGMAS
        transaction.cursor.execute("BEGIN")
    scratch.close()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_wal_is_used_from_the_versions_that_do_not_lose_commits(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_sqlite_with_the_wal_bug_gets_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbapi2, "sqlite_version_info", (3, 40, 1))
    connection = driver.connect(tmp_path / "x.db")
    assert in_force(connection.cursor()) == PRAGMAS | {"journal_mode": "delete"}
    connection.close()


class DriverError(Exception):
    def __init__(self, code: int, name: str) -> None:
        super().__init__(name)
        self.sqlite_errorcode, self.sqlite_errorname = code, name


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (dbapi2.SQLITE_FULL, StorageFull),
        (dbapi2.SQLITE_READONLY, StorageReadOnly),
        (dbapi2.SQLITE_READONLY | 4 << 8, StorageReadOnly),
        (dbapi2.SQLITE_CANTOPEN, StorageReadOnly),
        (dbapi2.SQLITE_PERM, StorageReadOnly),
        (dbapi2.SQLITE_IOERR | 3 << 8, StorageReadOnly),
        (dbapi2.SQLITE_BUSY, StorageBusy),
        (dbapi2.SQLITE_BUSY | 1 << 8, StorageBusy),
        (dbapi2.SQLITE_LOCKED, StorageBusy),
        (dbapi2.SQLITE_CORRUPT, DatabaseDamaged),
        (dbapi2.SQLITE_NOTADB, DatabaseDamaged),
    ],
)
def test_driver_error_has_its_meaning(code: int, problem: type[Exception]) -> None:
    found = storage_problem(DriverError(code, "SQLITE_SOMETHING"), Path("/queue/fieldsync.db"))
    assert type(found) is problem
    assert "/queue/fieldsync.db" in str(found)


@pytest.mark.parametrize(
    "error", [DriverError(dbapi2.SQLITE_CONSTRAINT, "x"), DriverError(1, "x"), KeyError("x")]
)
def test_error_that_is_a_bug_of_ours_stays_what_it_is(error: Exception) -> None:
    assert storage_problem(error, Path("x")) is None


def test_real_driver_error_carries_its_code(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(dbapi2.DatabaseError) as raised:
        driver.connect(tmp_path / "x.db")
    assert isinstance(storage_problem(raised.value, tmp_path), DatabaseDamaged)


def test_connection_for_reading_cannot_write(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    scratch.put(1)
    connection = driver.connect_for_reading(scratch.folder.database)
    assert connection.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    with pytest.raises(dbapi2.OperationalError, match="readonly"):
        connection.execute("DELETE FROM entry")
    connection.close()
    scratch.close()


CANARY = "https://bucket.s3.amazonaws.com/anna.png?X-Amz-Signature=" + "cafe5eed" * 40


def files_with(scratch: Scratch, needle: bytes) -> list[str]:
    return [path.name for path in sorted(scratch.folder.root.iterdir()) if needle in path.read_bytes()]


def test_presigned_url_is_gone_from_every_file_when_it_was_used(tmp_path: Path) -> None:
    """A stolen tablet must not tell where to put a signature."""
    scratch = Scratch(tmp_path / "queue")
    for number in range(1, 6):
        scratch.put(number)
        _, lease = scratch.accept(number, scratch.send(number), 500 + number, upload_next=True, url=CANARY)
        assert files_with(scratch, CANARY.encode())
        assert lease is not None
        assert scratch.upload(number, lease)
    scratch.database.checkpoint()
    assert files_with(scratch, CANARY.encode()) == []
    scratch.close()
    assert files_with(scratch, CANARY.encode()) == []


def test_removed_signature_is_gone_from_the_database_file(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    scratch.put(1)
    scratch.deliver(1, 501)
    scratch.database.checkpoint()
    assert files_with(scratch, b"image 1 image 1")
    scratch.purge(1)
    scratch.close()
    assert files_with(scratch, b"image 1 image 1") == []
