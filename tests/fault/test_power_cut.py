"""A capture that was acknowledged is there after the power went, at whatever moment it went (promise P1).

Two ways to lose power: a disk that forgets all that was never synced, and a process killed in the middle of its work.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from storage.database import Database
from storage.folder import StorageFolder
from storage.queries import reading
from storage.schema import open_database
from storage.signatures import read_signature
from tests.support.fsyncs import counted_syncs
from tests.support.scratch import DATABASE_ID, NOON, Scratch, entry_id, fresh_folder, signature

KILLS = 20


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


def test_acknowledged_capture_survives_a_disk_that_forgets_what_was_not_synced(tmp_path: Path) -> None:
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


def test_power_cut_at_any_sync_leaves_a_sound_database(tmp_path: Path) -> None:
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


def test_acknowledged_capture_survives_the_kill_of_its_writer(tmp_path: Path) -> None:
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


def test_files_copied_at_any_moment_open_with_what_was_acknowledged(tmp_path: Path) -> None:
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
