"""Captures into storage that cannot take them: told apart from bad input, and nothing that was there is touched."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import signature_png, unplanned_body
from tests.support.command import Ended, Tablet
from tests.support.small_disk import fill, mounted

KIND = "unplanned-preventive"


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def capture(tablet: Tablet, seed: int = 1) -> Ended:
    """One capture; its files stand outside the storage folder."""
    picture = tablet.folder / "signature.png"
    picture.write_bytes(signature_png(seed))
    body = unplanned_body(companyId=seed)
    del body["actualStart"]
    return tablet.run(
        "capture", KIND, "--data", "-", "--signature", str(picture), "--json", stdin=json.dumps(body)
    )


def kept(tablet: Tablet, seed: int = 1) -> str:
    ended = capture(tablet, seed)
    assert ended.code == 0, ended
    return str(ended.document["id"])


def refused(tablet: Tablet, code: int, *names: str) -> None:
    """Exit code and name, a sentence that says what to do, and no problem laid on the input."""
    ended = capture(tablet)
    assert ended.code == code, ended
    assert ended.error["code"] in names, ended
    assert ended.error["problems"] == []
    assert "Traceback" not in ended.err


def hashes(folder: Path) -> dict[str, str]:
    """Every file of an outbox; empty side files that a look may leave, and the note of what it saw, do not count."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file()
        and path.suffix not in (".lock", ".damaged")
        and not path.name.endswith(("-wal", "-shm"))
    }


def database(tablet: Tablet) -> Path:
    return tablet.storage / "fieldsync.db"


# 9: could not be stored.


def test_folder_below_a_file_is_not_stored_and_says_which(tablet: Tablet) -> None:
    (tablet.folder / "file").write_bytes(b"")
    tablet.environment["FIELDSYNC_STORAGE__DIR"] = str(tablet.folder / "file" / "outbox")
    refused(tablet, 9, "storage_read_only")
    ended = capture(tablet)
    assert str(tablet.folder / "file") in ended.error["message"]
    assert ended.error["retryable"] is True
    assert (tablet.folder / "file").read_bytes() == b""


def test_folder_that_is_a_file_is_not_stored(tablet: Tablet) -> None:
    tablet.storage.write_bytes(b"mine")
    refused(tablet, 9, "storage_read_only")
    assert tablet.storage.read_bytes() == b"mine"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Tablet]:
    """A tablet whose outbox lies on a disk of 4 MiB."""
    for disk in mounted(tmp_path / "disk"):
        tablet = Tablet(tmp_path)
        tablet.environment["FIELDSYNC_STORAGE__DIR"] = str(disk / "outbox")
        tablet.storage = disk / "outbox"
        yield tablet


def test_full_disk_refuses_captures_keeps_what_was_captured_and_takes_more_after_room_was_made(
    small_disk: Tablet,
) -> None:
    """P1: the photos have filled the tablet."""
    ids = [kept(small_disk, seed) for seed in range(1, 4)]
    filler = fill(small_disk.storage.parent)
    for _ in range(3):
        ended = capture(small_disk)
        if ended.code == 0:  # the log may have had room left in it
            ids.append(ended.document["id"])
            continue
        assert (ended.code, ended.error["retryable"]) == (9, True), ended
    assert ended.code == 9
    filler.unlink()
    assert [entry["id"] for entry in small_disk.entries()] == ids
    ids.append(kept(small_disk, 9))
    assert [entry["id"] for entry in small_disk.entries()] == ids


def test_capture_that_finds_no_reserve_on_a_full_disk_is_refused(small_disk: Tablet) -> None:
    """The drain has taken the reserve to empty the queue: what room there is belongs to it."""
    kept(small_disk)
    (small_disk.storage / "fieldsync.reserve").unlink()
    filler = fill(small_disk.storage.parent)
    refused(small_disk, 9, "storage_full")
    filler.unlink()
    kept(small_disk)


def test_full_disk_is_called_full(small_disk: Tablet) -> None:
    """What to do about it is to make room, and not to look for a write protection."""
    kept(small_disk)
    fill(small_disk.storage.parent)
    refused(small_disk, 9, "storage_full")


def test_full_disk_can_still_be_looked_at(small_disk: Tablet) -> None:
    """Who asks what waits on a full tablet must get the answer."""
    id = kept(small_disk)
    fill(small_disk.storage.parent)
    assert [entry["id"] for entry in small_disk.entries()] == [id]


def test_first_capture_on_a_full_disk_leaves_a_folder_that_the_next_one_can_use(small_disk: Tablet) -> None:
    filler = fill(small_disk.storage.parent)
    ended = capture(small_disk)
    assert (ended.code, ended.error["code"]) == (9, "storage_full")
    filler.unlink()
    kept(small_disk)
    assert len(small_disk.entries()) == 1


# 8: not usable as it is, and left as it is.


def test_missing_database_is_damage_and_not_a_new_queue(tablet: Tablet) -> None:
    """A restore that forgot the file must not look like an empty, healthy device."""
    kept(tablet)
    for path in tablet.storage.glob("fieldsync.db*"):
        path.unlink()
    before = hashes(tablet.storage)
    refused(tablet, 8, "database_missing")
    message = capture(tablet).error["message"]
    assert str(database(tablet)) in message
    assert "bring it back" in message
    assert hashes(tablet.storage) == before
    assert not database(tablet).exists()


def test_emptied_database_is_damage_too(tablet: Tablet) -> None:
    kept(tablet)
    for path in tablet.storage.glob("fieldsync.db-*"):
        path.unlink()
    database(tablet).write_bytes(b"")
    refused(tablet, 8, "database_missing")
    assert database(tablet).read_bytes() == b""


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_garbage_is_not_opened_and_not_changed(tablet: Tablet, known: bool) -> None:
    if known:
        kept(tablet)
        for path in tablet.storage.glob("fieldsync.db-*"):
            path.unlink()
    else:
        tablet.storage.mkdir(0o700)
    database(tablet).write_bytes(b"this was a database once\n" * 400)
    before = hashes(tablet.storage)
    refused(tablet, 8, "database_damaged")
    error = capture(tablet).error
    assert "do not delete" in error["message"]
    assert error["next_command"] == "fieldsync db recover"
    assert hashes(tablet.storage) == before


def test_cut_database_is_not_taken_for_a_good_one(tablet: Tablet) -> None:
    """Half of the file is gone: a capture into the rest must not be acknowledged."""
    kept(tablet)
    fold_in_log(tablet)
    content = database(tablet).read_bytes()
    database(tablet).write_bytes(content[: len(content) // 2])
    before = hashes(tablet.storage)
    refused(tablet, 8, "database_damaged")
    assert hashes(tablet.storage) == before


def test_newer_schema_is_left_alone(tablet: Tablet) -> None:
    """The tablet was downgraded: nothing may be written into what a newer program understands better."""
    kept(tablet)
    fold_in_log(tablet, "PRAGMA user_version = 99")
    before = hashes(tablet.storage)
    refused(tablet, 8, "database_newer")
    message = capture(tablet).error["message"]
    assert "99" in message
    assert "newer fieldsync" in message
    assert hashes(tablet.storage) == before


def test_database_of_another_device_is_refused(tablet: Tablet, tmp_path: Path) -> None:
    """Two copies in use would send everything twice."""
    kept(tablet)
    other = Tablet(tmp_path / "other")
    other.folder.mkdir()
    kept(other)
    fold_in_log(tablet)
    fold_in_log(other)
    shutil.copyfile(database(other), database(tablet))
    before = hashes(tablet.storage)
    refused(tablet, 8, "database_unusable")
    assert "marker" in capture(tablet).error["message"]
    assert hashes(tablet.storage) == before


@pytest.mark.parametrize("command", ["sync", "resync", "pause", "resume"])
def test_other_commands_refuse_a_newer_schema_in_the_same_way(tablet: Tablet, command: str) -> None:
    tablet.environment["FIELDSYNC_API__BASE_URL"] = "https://api.example.invalid/main"
    kept(tablet)
    fold_in_log(tablet, "PRAGMA user_version = 99")
    before = hashes(tablet.storage)
    ended = tablet.run(command, "--json")
    assert (ended.code, ended.error["code"]) == (8, "database_newer")
    assert hashes(tablet.storage) == before


def fold_in_log(tablet: Tablet, statement: str | None = None) -> None:
    """Leave one file that holds everything, after `statement`."""
    connection = sqlite3.connect(database(tablet), isolation_level=None)
    try:
        if statement is not None:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    for path in tablet.storage.glob("fieldsync.db-*"):
        path.unlink()
