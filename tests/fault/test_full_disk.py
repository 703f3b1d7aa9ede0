"""A full disk refuses captures with a clear word, keeps what is stored, and does not stop the delivery."""

import subprocess
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from storage.errors import StorageFull
from storage.folder import StorageFolder
from storage.outbox import NewSignature
from storage.queries import reading
from storage.reserve import keep_reserve, release_reserve
from storage.schema import open_database
from storage.signatures import read_signature
from tests.support.scratch import DATABASE_ID, NOON, Scratch, entry_id, fresh_folder, signature

MIB = 1024 * 1024


def photo(number: int) -> NewSignature:
    return signature(number, 20_000)


def limit_pages(scratch: Scratch, room: int) -> None:
    """Let the one pooled connection grow the database by `room` pages, or by as many as it likes."""
    with scratch.database.read() as transaction:
        (pages,) = transaction.cursor.execute("PRAGMA page_count").fetchone()
        transaction.cursor.execute(f"PRAGMA max_page_count = {pages + room}").fetchall()


def test_capture_that_finds_no_room_is_refused_whole(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    scratch.put(1, signature=photo(1))
    limit_pages(scratch, 3)
    with pytest.raises(StorageFull, match="no room left"):
        scratch.put(2, signature=photo(2))
    assert scratch.all("SELECT id FROM entry") == [(entry_id(1),)]
    assert scratch.all("SELECT count(*) FROM signature") == [(1,)]
    assert scratch.all("SELECT state, n FROM counter WHERE n > 0") == [("pending", 1)]
    assert read_signature(scratch.database, scratch.seq(1)) == photo(1)
    scratch.close()


def test_delivery_goes_on_after_a_capture_found_no_room(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    scratch.put(1, signature=photo(1))
    limit_pages(scratch, 3)
    with pytest.raises(StorageFull):
        scratch.put(2, signature=photo(2))
    _, lease = scratch.accept(1, scratch.send(1), 501, upload_next=True)
    assert lease is not None
    assert scratch.upload(1, lease)
    assert scratch.state(1) == "done"
    scratch.put(2, signature=photo(2))
    assert scratch.state(2) == "pending"
    scratch.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 5 MB of this test's own."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk needs a privilege that this user lacks: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def take_all_room(disk: Path) -> None:
    with (disk / "photos").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)


def fill(scratch: Scratch, first: int = 1) -> list[int]:
    """Capture until the disk is full; the numbers that were acknowledged."""
    stored: list[int] = []
    for number in range(first, first + 1000):
        try:
            scratch.put(number, signature=photo(number))
        except StorageFull:
            return stored
        stored.append(number)
    pytest.fail("the disk never filled up")


@pytest.mark.parametrize(
    ("log_pages", "sent"),
    [
        # There is room to move the log into the database, after which it takes no more; and there is not.
        pytest.param(400, 20, id="room-for-a-checkpoint"),
        pytest.param(4000, 6, id="no-room-for-a-checkpoint"),
    ],
)
def test_real_full_disk_loses_nothing_and_the_reserve_lets_the_drain_write(
    small_disk: Path, log_pages: int, sent: int
) -> None:
    """Somebody filled the tablet with photos in the middle of the day."""
    folder = StorageFolder(small_disk / "queue")
    scratch = Scratch(folder.root, folder=folder)
    open_database(folder, new_id=DATABASE_ID, now=NOON).close()
    keep_reserve(folder, MIB)
    with scratch.database.read() as transaction:
        transaction.cursor.execute(f"PRAGMA wal_autocheckpoint = {log_pages}").fetchall()
    stored = fill(scratch)
    assert len(stored) > 20
    take_all_room(small_disk)
    assert [row[0] for row in scratch.all("SELECT id FROM entry ORDER BY seq")] == [
        entry_id(n) for n in stored
    ]
    with pytest.raises(StorageFull):
        scratch.put(2000, signature=photo(2000))
    release_reserve(folder)
    scratch.database.save_room()
    for number in stored[:sent]:
        _, lease = scratch.accept(number, scratch.send(number), 5000 + number, upload_next=True)
        assert lease is not None
        assert scratch.upload(number, lease)
    # Where the log took what was left of the reserve, nothing may be captured before somebody makes room.
    with nullcontext() if sent == 20 else pytest.raises(StorageFull):
        keep_reserve(folder, 32 * MIB)
    scratch.close()
    again = Scratch(folder.root, folder=folder)
    assert again.all("PRAGMA integrity_check") == [("ok",)]
    assert again.all("SELECT count(*) FROM entry") == [(len(stored),)]
    for number in stored:
        assert read_signature(again.database, again.seq(number)) == photo(number)
    again.close()


def test_disk_full_in_any_write_is_told_as_full(small_disk: Path) -> None:
    """Not as damage and not as read-only: the person is to make room, nothing else."""
    folder = StorageFolder(small_disk / "queue")
    open_database(folder, new_id=DATABASE_ID, now=NOON).close()
    scratch = Scratch(folder.root, folder=folder)
    for number in range(1, 21):
        scratch.put(number, signature=photo(number))
    scratch.close()
    take_all_room(small_disk)
    # The first write of a fresh process has to make the log and its shared memory too.
    again = Scratch(folder.root, folder=folder)
    with pytest.raises(StorageFull):
        again.put(5000, signature=photo(5000))
    again.close()
    (small_disk / "photos").unlink()
    again = Scratch(folder.root, folder=folder)
    again.put(5000, signature=photo(5000))
    assert again.all("SELECT count(*) FROM entry") == [(21,)]
    again.close()


def test_full_disk_can_still_be_looked_at(small_disk: Path) -> None:
    """That is when somebody asks what is going on; no worker is there to have the log open."""
    folder = fresh_folder(small_disk / "queue")
    scratch = Scratch(folder.root, folder=folder)
    scratch.put(1)
    scratch.close()
    take_all_room(small_disk)
    with reading(folder) as reader:
        assert reader is not None
        assert reader.counts()["pending"] == 1
