"""P1: a capture that was acknowledged is never lost: not by kill, power cut, full disk or upgrade.

Ways to lose power: a disk that forgets all that was never synced, one that kept any part of it, and a process killed in
the middle of its work, at every single write. What a damaged disk takes with it is in `test_damage.py`, what is on the
wire in `test_kill_points.py`.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from storage import schema
from storage.database import Database
from storage.digests import intact, text_sha256
from storage.folder import StorageFolder
from storage.queries import reading
from storage.schema import open_database
from storage.signatures import read_signature
from tests.support.fsyncs import Write, counted_syncs
from tests.support.scratch import DATABASE_ID, NOON, Scratch, entry_id, fresh_folder, signature

KILLS = 20
SECTOR = 512


class ForgetfulDisk:
    """Remembers each file as it was at its last sync: that is all a disk has after the power went."""

    def __init__(self, folder: StorageFolder) -> None:
        self.folder = folder
        self.synced = {path.name: path.read_bytes() for path in folder.root.iterdir()}

    def sync(self, path: Path) -> None:
        if path.parent == self.folder.root:
            self.synced[path.name] = path.read_bytes()

    def after_power_cut(self, place: Path) -> StorageFolder:
        place.mkdir(mode=0o700)
        for name, content in self.synced.items():
            if not name.endswith("-shm"):  # shared memory is not on any disk
                (place / name).write_bytes(content)
        return StorageFolder(place)


def found_ids(folder: StorageFolder) -> list[str]:
    with reading(folder) as reader:
        assert reader is not None
        return [entry["id"] for entry in reader.entries()]


def test_p1_acknowledged_capture_survives_a_disk_that_forgets_what_was_not_synced(tmp_path: Path) -> None:
    """Battery out right after `capture` printed its id; a checkpoint may have been under way."""
    disk = ForgetfulDisk(fresh_folder(tmp_path / "queue"))
    with counted_syncs(after=disk.sync):
        scratch = Scratch(disk.folder.root, folder=disk.folder)
        for number in range(1, 25):
            scratch.put(number)
            if number % 7 == 0:
                scratch.database.checkpoint()
            left = disk.after_power_cut(tmp_path / f"after-{number}")
            assert found_ids(left) == [entry_id(n) for n in range(1, number + 1)]
        scratch.close()


def test_p1_power_cut_at_any_sync_leaves_a_sound_database(tmp_path: Path) -> None:
    """Also between two syncs of one checkpoint: what was acknowledged before is there, and nothing is half there."""
    disk = ForgetfulDisk(fresh_folder(tmp_path / "queue"))
    acknowledged: list[str] = []
    cuts: list[tuple[StorageFolder, int]] = []

    def cut(path: Path) -> None:
        disk.sync(path)
        cuts.append((disk.after_power_cut(tmp_path / f"cut-{len(cuts)}"), len(acknowledged)))

    with counted_syncs(after=cut):
        scratch = Scratch(disk.folder.root, folder=disk.folder)
        for number in range(1, 13):
            acknowledged.append(scratch.put(number).id)
            if number % 3 == 0:
                scratch.deliver(number, 500 + number)
            if number % 4 == 0:
                scratch.database.checkpoint()
        scratch.close()
    assert len(cuts) > 15
    for left, promised in cuts:
        database = open_database(left, new_id=DATABASE_ID, now=NOON)
        with database.read() as transaction:
            cursor = transaction.cursor
            assert cursor.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            ids = [row[0] for row in cursor.execute("SELECT id FROM entry ORDER BY seq").fetchall()]
            counted = cursor.execute("SELECT coalesce(sum(n), 0) FROM counter").fetchone()[0]
        assert ids[:promised] == acknowledged[:promised]
        assert len(ids) <= promised + 1
        assert counted == len(ids)
        database.close()


# Forks a writer for each line it reads, so that twenty of them need not import everything twenty times.
WRITERS = """
import os, sys
from pathlib import Path
from storage.folder import StorageFolder
from tests.support.scratch import Scratch

def write(root, first):
    scratch = Scratch(root, folder=StorageFolder(root))
    for number in range(first, first + 100_000):
        os.write(1, scratch.put(number).id.encode() + b"\\n")
        if number % 50 == 0:
            scratch.database.checkpoint()

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        write(Path(sys.argv[1]), int(line))
    os.write(1, b"pid %d\\n" % pid)
    os.waitpid(pid, 0)
    os.write(1, b"ended\\n")
"""


def test_p1_acknowledged_capture_survives_the_kill_of_its_writer(tmp_path: Path) -> None:
    """The app is closed by the system, twenty times, in the middle of captures."""
    folder = fresh_folder(tmp_path / "queue")
    rng = random.Random(7)
    acknowledged: list[str] = []
    first = 1
    with subprocess.Popen(
        [sys.executable, "-c", WRITERS, str(folder.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writers:
        assert writers.stdin is not None
        assert writers.stdout is not None
        for _ in range(KILLS):
            writers.stdin.write(f"{first}\n")
            writers.stdin.flush()
            pid, patience = 0, rng.randrange(1, 60)
            while (said := writers.stdout.readline().strip()) != "ended":
                assert said, "the writer ended by itself"
                if said.startswith("pid "):
                    pid = int(said[4:])
                else:
                    acknowledged.append(said)
                    patience -= 1
                # What it says between the signal and its end was acknowledged too.
                if pid and patience <= 0:
                    os.kill(pid, signal.SIGKILL)
                    patience = 1_000_000
            first = int(acknowledged[-1][-12:]) + 1000
        writers.stdin.close()
    assert len(acknowledged) > KILLS
    database = Database(folder)
    with database.read() as transaction:
        rows = transaction.cursor.execute("SELECT id, seq FROM entry ORDER BY seq").fetchall()
    ids = [row[0] for row in rows]
    assert [id for id in ids if id in set(acknowledged)] == acknowledged
    assert len(ids) <= len(acknowledged) + KILLS
    for id, seq in rows[:: max(1, len(rows) // 20)]:
        assert read_signature(database, seq) == signature(int(id[-12:])), id
    database.close()


def test_p1_files_copied_at_any_moment_open_with_what_was_acknowledged(tmp_path: Path) -> None:
    """A backup program copies database and log while captures go on elsewhere; the copies are of one moment."""
    scratch = Scratch(tmp_path / "queue")
    for number in range(1, 11):
        scratch.put(number)
        copy = tmp_path / f"copy-{number}"
        copy.mkdir()
        for name in ("fieldsync.db", "fieldsync.db-wal", "fieldsync.id"):
            (copy / name).write_bytes((scratch.folder.root / name).read_bytes())
        assert found_ids(StorageFolder(copy)) == [entry_id(n) for n in range(1, number + 1)]
    scratch.close()


class ShufflingDisk(ForgetfulDisk):
    """Of what was not yet synced any part may have reached it, in any order, sector by sector."""

    def __init__(self, folder: StorageFolder) -> None:
        super().__init__(folder)
        self.unsynced: dict[str, list[Write]] = {}

    def sync(self, path: Path) -> None:
        super().sync(path)
        self.unsynced.pop(path.name, None)

    def write(self, write: Write) -> None:
        if write.path.parent == self.folder.root:
            self.unsynced.setdefault(write.path.name, []).append(write)

    def left(self, place: Path, rng: random.Random) -> StorageFolder:
        left = self.after_power_cut(place)
        for name, writes in self.unsynced.items():
            if name.endswith("-shm"):
                continue
            content = bytearray((place / name).read_bytes() if (place / name).exists() else b"")
            for write in writes:
                for at in range(0, len(write.data), SECTOR):
                    if rng.random() < 0.5:
                        start = write.offset + at
                        content.extend(bytes(max(0, start - len(content))))
                        content[start : start + SECTOR] = write.data[at : at + SECTOR]
            (place / name).write_bytes(content)
        return left


def assert_sound(left: StorageFolder, promised: list[str], where: object) -> None:
    """Everything that was acknowledged is there, whole, and counted, and at most one capture more."""
    database = open_database(left, new_id=DATABASE_ID, now=NOON)
    with database.read() as transaction:
        cursor = transaction.cursor
        assert cursor.execute("PRAGMA integrity_check").fetchall() == [("ok",)], where
        rows = cursor.execute("SELECT id, seq FROM entry ORDER BY seq").fetchall()
        assert all(intact(cursor, seq) for _, seq in rows), where
        counted = cursor.execute("SELECT coalesce(sum(n), 0) FROM counter").fetchone()[0]
    assert [id for id, _ in rows][: len(promised)] == promised, where
    assert len(promised) <= len(rows) <= len(promised) + 1, where
    assert counted == len(rows), where
    for id, seq in rows:
        assert read_signature(database, seq) == signature(int(id[-12:])), where
    database.close()


def capture_and_deliver(scratch: Scratch, acknowledged: list[str], captures: int) -> None:
    for number in range(1, captures + 1):
        acknowledged.append(scratch.put(number).id)
        if number % 3 == 0:
            scratch.deliver(number, 500 + number)
        if number % 4 == 0:
            scratch.database.checkpoint()


def test_p1_kill_at_any_write_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """The system ends the app before the n-th write, for every n: what was written before it stays in its memory."""
    folder = fresh_folder(tmp_path / "queue")
    acknowledged: list[str] = []
    deaths: list[tuple[StorageFolder, list[str]]] = []

    def dies(_: Write) -> None:
        left = tmp_path / f"left-{len(deaths)}"
        shutil.copytree(folder.root, left, ignore=shutil.ignore_patterns("*-shm"))
        deaths.append((StorageFolder(left), list(acknowledged)))

    with counted_syncs(before_write=dies):
        scratch = Scratch(folder.root, folder=folder)
        capture_and_deliver(scratch, acknowledged, 9)
        scratch.close()
    assert len(deaths) > 60
    for number, (left, promised) in enumerate(deaths):
        assert_sound(left, promised, f"before write {number}")


def test_p1_power_cut_may_keep_any_part_of_what_was_not_synced(tmp_path: Path) -> None:
    """A flash card reorders: some sectors of the last writes are there and others are not."""
    disk = ShufflingDisk(fresh_folder(tmp_path / "queue"))
    acknowledged: list[str] = []
    rng = random.Random(11)
    cuts: list[tuple[StorageFolder, list[str]]] = []

    def write(write: Write) -> None:
        disk.write(write)
        if rng.random() < 0.4:
            cuts.append((disk.left(tmp_path / f"cut-{len(cuts)}", rng), list(acknowledged)))

    with counted_syncs(after=disk.sync, before_write=write):
        scratch = Scratch(disk.folder.root, folder=disk.folder)
        capture_and_deliver(scratch, acknowledged, 9)
        scratch.close()
    assert len(cuts) > 30
    for number, (left, promised) in enumerate(cuts):
        assert_sound(left, promised, f"cut {number}")


def outbox_of_the_first_version(folder: StorageFolder, entries: int) -> list[str]:
    """A device that was set up by the first version, with captures that were never sent."""
    folder.make()
    database = Database(folder)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    image = signature(1)
    with database.engine_connection() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        run = connection.exec_driver_sql
        run("INSERT INTO control VALUES ('database_id', ?, 0)", (f'"{DATABASE_ID}"',))
        for number in range(1, entries + 1):
            run(
                "INSERT INTO entry (id, kind, state, due_at, creates, has_signature, payload_version, payload,"
                " payload_sha256, input_digest, idempotency_key, attempts, attempt_n, link_failures, lease_fence,"
                " certainly_created, lookups, clean_misses, captured_at, clock_suspect)"
                " VALUES (?, 'unplanned-preventive', 'pending', 0, 1, 1, 1, '{}', ?, '', ?, 0, 0, 0, 0, 0, 0, 0, 1, 0)",
                (entry_id(number), text_sha256("{}"), entry_id(number)),
            )
            facts = (number, image.name, image.mime_type, image.size, image.sha256, image.md5, image.data)
            run("INSERT INTO signature VALUES (?, ?, ?, ?, ?, ?, ?)", facts)
        run("PRAGMA user_version = 1")
    database.close()
    folder.mark(DATABASE_ID)
    return [entry_id(number) for number in range(1, entries + 1)]


@pytest.mark.parametrize("lost", ["nothing", "unsynced"])
def test_p1_upgrade_cut_off_at_any_write_keeps_every_capture(tmp_path: Path, lost: str) -> None:
    """The battery falls out while the new version meets the old database for the first time."""
    folder = StorageFolder(tmp_path / "queue")
    ids = outbox_of_the_first_version(folder, 3)
    disk = ForgetfulDisk(folder)
    cuts: list[StorageFolder] = []

    def cut(_: Write) -> None:
        left = tmp_path / f"cut-{len(cuts)}"
        if lost == "unsynced":
            cuts.append(disk.after_power_cut(left))
        else:
            ignored = shutil.ignore_patterns("*-shm", "backups")
            cuts.append(StorageFolder(Path(shutil.copytree(folder.root, left, ignore=ignored))))

    with counted_syncs(after=disk.sync, before_write=cut):
        open_database(folder, new_id=DATABASE_ID, now=NOON).close()
    assert len(cuts) > 10
    for number, left in enumerate(cuts):
        database = open_database(left, new_id=DATABASE_ID, now=NOON)
        with database.read() as transaction:
            rows = transaction.cursor.execute("SELECT id, seq FROM entry ORDER BY seq").fetchall()
            assert [id for id, _ in rows] == ids, f"cut {number}"
            assert all(intact(transaction.cursor, seq) for _, seq in rows), f"cut {number}"
        assert all(read_signature(database, seq) == signature(1) for _, seq in rows), f"cut {number}"
        database.close()
