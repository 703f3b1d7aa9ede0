"""Damage of every kind is told by every command, and recovered from by order: nothing is ever silently empty.

One outbox, damaged in a different way each time: 8 delivered entries, 20 that were captured after them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage import revisions
from storage.database import Database
from storage.digests import intact
from storage.folder import StorageFolder
from storage.lifecycle import Event
from storage.locks import FileLock
from sync.sandbox.server import Sandbox
from tests.support import broken_disk as disk
from tests.support.builders import signature_png
from tests.support.command import Tablet
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.rig import FakeRig, FakeServer, FakeTime
from tests.support.scratch import Scratch, entry_id

DELIVERED, WAITING = 8, 20
TOTAL = DELIVERED + WAITING
EXAMPLE = Path(__file__).parents[2] / "docs" / "example"
COMMANDS = (
    ("status", "--json"),
    ("list", "--json"),
    ("sync", "--json"),
    ("run",),
    ("resync", "--json"),
    ("db", "backup", "--json"),
    ("capture", "unplanned-preventive", "--data", str(EXAMPLE / "intervention.json"), "--signature",
     str(EXAMPLE / "signature.png"), "--json"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Original:
    """An outbox on disk, closed, and the ids in it: all, and those that are delivered."""

    root: Path
    ids: list[str]
    delivered: list[str]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    root = tmp_path_factory.mktemp("original") / "outbox"
    rig = FakeRig(root, FakeServer(), FakeTime())
    doomed = rig.capture(900)
    delivered = rig.capture_many(DELIVERED)
    rig.sync()
    waiting = rig.capture_many(WAITING, first=DELIVERED + 1)
    with rig.database.write() as transaction:
        # What retention will do: it leaves free pages behind.
        transaction.cursor.execute("DELETE FROM entry WHERE id = ?", (doomed,))
    rig.close()
    return Original(root, [*delivered, *waiting], delivered)


class Broken(Tablet):
    """A device with a copy of that outbox."""

    def __init__(self, folder: Path, original: Original) -> None:
        super().__init__(
            folder, API__BASE_URL="http://127.0.0.1:9/main", UPLOAD__ALLOW_INSECURE_LOOPBACK="true"
        )
        self.original = original
        self.ids = original.ids
        shutil.copytree(original.root, self.storage)
        self.place = StorageFolder(self.storage)

    @property
    def database(self) -> Path:
        return self.place.database

    def listed(self) -> dict[str, dict[str, Any]]:
        return {entry["id"]: entry for entry in self.run("list", "--json").document}

    def assert_refuses(self, *codes: str) -> None:
        """Every command ends with 8 and says what to run, and the file stays as it is."""
        before = hashlib.sha256(self.database.read_bytes()).hexdigest() if self.database.exists() else None
        for command in COMMANDS:
            ended = self.run(*command)
            assert ended.code == 8, (command, ended.out, ended.err)
            assert "fieldsync db recover" in ended.out + ended.err, command
            assert any(code in ended.out for code in codes) or command == ("run",), (command, ended.out)
        checked = self.run("db", "check", "--json")
        assert (checked.code, checked.document["ok"]) == (8, False)
        after = hashlib.sha256(self.database.read_bytes()).hexdigest() if self.database.exists() else None
        assert after == before

    def recover(self, *options: str) -> dict[str, Any]:
        ended = self.run("db", "recover", "--json", *options)
        assert ended.code in (0, 3), ended.out + ended.err
        report: dict[str, Any] = ended.document
        return report

    def assert_works(self) -> None:
        """Everything does again, and what is there is sound."""
        assert self.run("status", "--check").code in (0, 3, 4, 5)
        assert self.run("db", "check", "--full", "--json").document["problems"] == []
        assert self.run("sync", "--json").code in (3, 4, 5)
        captured = self.run(*COMMANDS[-1])
        assert captured.code == 0, captured.out
        assert self.run("db", "recover").code == 0


@pytest.fixture
def broken(tmp_path: Path, original: Original) -> Broken:
    return Broken(tmp_path, original)


def entry_leaf(broken: Broken) -> set[str]:
    number, ids = disk.entry_leaf(broken.database, broken.ids)
    disk.write_page(broken.database, number, disk.garbage())
    return set(ids)


def entry_root(broken: Broken) -> set[str]:
    """The page that leads to every entry: what it leads to is still there."""
    number = disk.root_of(broken.database, "entry")
    assert disk.is_inner(broken.database, number)
    disk.write_page(broken.database, number, disk.garbage())
    return set()


def index(broken: Broken) -> set[str]:
    disk.write_page(broken.database, disk.root_of(broken.database, "ix_entry_state"), disk.garbage(200))
    return set()


def index_of_ids(broken: Broken) -> set[str]:
    disk.write_page(
        broken.database, disk.root_of(broken.database, "sqlite_autoindex_entry_1"), disk.garbage(200)
    )
    return set()


def image_root(broken: Broken) -> set[str]:
    disk.write_page(broken.database, disk.root_of(broken.database, "signature"), disk.garbage())
    return set()


def counters(broken: Broken) -> set[str]:
    disk.write_page(broken.database, disk.root_of(broken.database, "counter"), disk.garbage(40))
    return set()


def header(broken: Broken) -> set[str]:
    disk.write_page(broken.database, 1, disk.garbage(100))
    return set()


def first_page(broken: Broken) -> set[str]:
    disk.write_page(broken.database, 1, bytes(disk.PAGE))
    return set()


def free_list(broken: Broken) -> set[str]:
    disk.write_page(broken.database, disk.free_page(broken.database), disk.garbage())
    return set()


PAGES = (entry_leaf, entry_root, index, index_of_ids, image_root, counters, header, first_page, free_list)


@pytest.mark.parametrize("damage", PAGES, ids=lambda damage: damage.__name__)
def test_damaged_page_costs_only_the_rows_in_it(broken: Broken, damage: Callable[[Broken], set[str]]) -> None:
    """P1: a tired flash cell takes a page with it; the worker was cut off at the same time."""
    lost = damage(broken)
    disk.cut_off_mark(broken.place)
    assert broken.run("sync", "--json").code == 8, "the pages are looked at after a drain that was cut off"
    broken.assert_refuses("database_damaged")
    report = broken.recover()
    assert set(report["lost_ids"]) == lost
    assert report["tables"]["entry"] == {"read": TOTAL - len(lost), "lost": len(lost)}
    assert report["tables"]["signature"]["read"] == TOTAL
    assert report["broken_images"] == []
    listed = broken.listed()
    assert set(listed) == set(broken.ids) - lost
    for id, entry in listed.items():
        # Nothing that was not finished is believed to be unsent.
        assert entry["state"] == ("done" if id in broken.original.delivered else "in_doubt"), entry
    assert broken.run("status", "--json").document["in_doubt"] == WAITING - len(
        lost - set(broken.original.delivered)
    )
    broken.assert_works()


def test_damaged_image_is_held_and_its_entry_kept(broken: Broken) -> None:
    """P4: the page was in the middle of a signature."""
    victim = DELIVERED + 5
    disk.write_page(broken.database, disk.image_page(broken.database, signature_png(victim)), disk.garbage())
    disk.cut_off_mark(broken.place)
    assert broken.run("sync", "--json").code == 8
    broken.assert_refuses("database_damaged")
    report = broken.recover()
    id = broken.ids[victim - 1]
    assert report["tables"]["entry"] == {"read": TOTAL, "lost": 0}
    assert report["broken_images"] == [id]
    assert report["damaged"] == [{"id": id, "reason": "signature_damaged", "state": "parked"}]
    entry = broken.listed()[id]
    assert (entry["state"], entry["reason"]) == ("parked", "signature_damaged")
    broken.assert_works()


def test_file_cut_in_half_gives_what_is_left_and_names_the_rest(broken: Broken) -> None:
    """P1: a copy that was broken off, or a file system that lost the end."""
    content = broken.database.read_bytes()
    broken.database.write_bytes(content[: len(content) // 2])
    broken.run("list")
    broken.assert_refuses("database_damaged")
    report = broken.recover()
    read = report["tables"]["entry"]["read"]
    assert read == len(broken.listed()) > 0
    # Whoever is gone is told of, by id or at least by number.
    assert read + len(report["lost_ids"]) + report["lost_unknown"] == TOTAL
    assert set(broken.listed()) | set(report["lost_ids"]) <= {*broken.ids, *report["lost_ids"]}
    broken.assert_works()


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_lost_database_is_told_and_counted_and_never_silently_empty(broken: Broken, how: str) -> None:
    """P1: somebody tidied up."""
    if how == "deleted":
        broken.database.unlink()
    else:
        broken.database.write_bytes(b"")
    broken.assert_refuses("database_missing")
    told = broken.run("db", "recover")
    assert told.code == 3
    assert "EMPTY" in told.out
    report = json.loads(next(broken.place.damaged.glob("*/report.json")).read_bytes())
    assert report["tables"]["entry"]["read"] == 0
    assert report["lost_unknown"] >= TOTAL
    assert broken.listed() == {}
    broken.assert_works()


def test_backup_brings_back_what_was_lost_and_sends_none_of_it(broken: Broken) -> None:
    """P2: the backup of this morning knows nothing of what was delivered since."""
    copy = broken.run("db", "backup", "--json").document["path"]
    broken.database.unlink()
    report = broken.recover()
    assert report["backup"] == copy
    assert report["next_command"] == f"fieldsync db recover --from {copy}"
    again = broken.recover("--from", copy)
    assert again["from_entries"] == TOTAL
    assert {id: entry["state"] for id, entry in broken.listed().items()} == {
        id: "done" if id in broken.original.delivered else "in_doubt" for id in broken.ids
    }
    broken.assert_works()


def test_backup_fills_only_the_gaps(broken: Broken) -> None:
    """A page was lost, and the backup has the entries that were in it."""
    copy = broken.run("db", "backup", "--json").document["path"]
    lost = entry_leaf(broken)
    broken.run("list")
    report = broken.recover("--from", copy)
    assert report["lost_ids"] == []
    assert report["from_entries"] == len(lost)
    assert set(broken.listed()) == set(broken.ids)
    broken.assert_works()


def test_backup_is_added_whole_where_a_new_queue_gave_its_numbers_again(
    broken: Broken, tmp_path: Path
) -> None:
    """P1: everything but the backup was lost, and people went on working before anybody thought of it."""
    copy = tmp_path / "bk.db"
    assert broken.run("db", "backup", "-o", str(copy)).code == 0
    broken.database.unlink()
    broken.place.witness.unlink()
    assert broken.recover()["tables"]["entry"] == {"read": 0, "lost": 0}
    rig = FakeRig(broken.storage, FakeServer(), FakeTime())
    since = rig.capture_many(8, first=101)
    rig.close()
    again = broken.recover("--from", str(copy))
    assert again["from_entries"] == TOTAL
    assert (again["lost_ids"], again["lost_unknown"], again["broken_images"], again["damaged"]) == (
        [],
        0,
        [],
        [],
    )
    assert set(broken.listed()) == {*broken.ids, *since}
    broken.assert_works()


def test_receipt_of_a_lost_entry_is_not_given_to_another_that_has_its_number(
    broken: Broken, tmp_path: Path
) -> None:
    """P1: the copy is of a queue that had begun anew; taken for delivered, its captures would never be sent."""
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    assert broken.run("db", "backup", "-o", str(first)).code == 0
    broken.database.unlink()
    broken.place.witness.unlink()
    broken.recover()
    rig = FakeRig(broken.storage, FakeServer(), FakeTime())
    since = rig.capture_many(TOTAL, first=101)
    rig.close()
    assert broken.run("db", "backup", "-o", str(second)).code == 0
    for left in broken.storage.glob("fieldsync.db*"):
        left.unlink()
    broken.database.write_bytes(first.read_bytes())
    number, lost = disk.entry_leaf(broken.database, broken.original.delivered)
    disk.write_page(broken.database, number, disk.garbage())
    assert set(lost) & set(broken.original.delivered)
    broken.recover("--from", str(second))
    listed = broken.listed()
    assert {id: (listed[id]["state"], listed[id]["server_id"]) for id in since} == dict.fromkeys(
        since, ("in_doubt", None)
    )


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_lost_database_is_no_success_and_names_the_backup_also_when_nothing_counts_it(
    broken: Broken, how: str
) -> None:
    """P1: the worker's script goes on after a 0, and the queue is empty."""
    copy = broken.run("db", "backup", "--json").document["path"]
    broken.database.unlink() if how == "deleted" else broken.database.write_bytes(b"")
    broken.place.witness.unlink()
    ended = broken.run("db", "recover", "--json")
    assert (ended.code, ended.document["database_lost"]) == (3, True)
    assert ended.document["next_command"] == f"fieldsync db recover --from {copy}"


def test_lost_database_is_no_success_where_nothing_else_is_left(broken: Broken) -> None:
    """Nobody knows what was in it, so nobody may say that nothing was lost."""
    broken.database.unlink()
    broken.place.witness.unlink()
    assert broken.run("db", "recover").code == 3


def test_identity_is_taken_from_the_backup_where_the_marker_is_lost_too(broken: Broken) -> None:
    copy = broken.run("db", "backup", "--json").document["path"]
    marked = broken.place.marked_id()
    broken.database.unlink()
    broken.place.marker.unlink()
    assert broken.recover()["backup"] == copy
    assert broken.place.marked_id() == marked
    assert broken.recover("--from", copy)["from_entries"] == TOTAL


def no_database(path: Path, original: Original) -> None:
    path.write_text("not a database at all\n" * 500)


def of_a_newer_program(path: Path, original: Original) -> None:
    shutil.copy(original.root / "fieldsync.db", path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def of_nobody(path: Path, original: Original) -> None:
    shutil.copy(original.root / "fieldsync.db", path)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM control WHERE key = 'database_id'")
    connection.commit()
    connection.execute("VACUUM")
    connection.close()


@pytest.mark.parametrize("made", [no_database, of_a_newer_program, of_nobody], ids=lambda made: made.__name__)
def test_refused_copy_changes_nothing(
    broken: Broken, tmp_path: Path, made: Callable[[Path, Original], None]
) -> None:
    """P2: what is not certainly of this outbox may be sent from elsewhere."""
    made(tmp_path / "copy.db", broken.original)
    before = broken.listed()
    refused = broken.run("db", "recover", "--json", "--from", str(tmp_path / "copy.db"))
    assert refused.code == 8, refused.out
    assert broken.listed() == before
    assert not broken.place.damage_note.exists()
    assert not broken.place.recovering.exists()


def test_recovering_where_nothing_ever_was_ends_with_8(tmp_path: Path) -> None:
    ended = Tablet(tmp_path).run("db", "recover", "--json")
    assert (ended.code, ended.error["code"]) == (8, "nothing_to_recover")


@pytest.mark.parametrize("name", ["fieldsync.damaged", "recovering"])
def test_recovery_says_what_is_in_its_way(broken: Broken, name: str) -> None:
    """A folder where a file belongs, or a file where a folder does: an error in words, never one of ours."""
    path = broken.storage / name
    path.mkdir() if name == "fieldsync.damaged" else path.write_bytes(b"")
    ended = broken.run("db", "recover", "--force", "--json")
    assert ended.code not in (0, 1, 3), ended.out + ended.err
    assert name in ended.error["message"]


def test_marker_of_another_database_gets_no_advice_that_is_then_refused(broken: Broken) -> None:
    broken.place.mark("0193a000-0000-7000-8000-000000000bad")
    checked = broken.run("db", "check", "--json")
    assert checked.code == 8
    assert "recover" not in checked.document["next_command"]


def test_numbers_that_a_backup_knows_are_not_given_again(broken: Broken) -> None:
    """The note of the last number was lost together with the database."""
    assert broken.run("db", "backup").code == 0
    broken.database.unlink()
    broken.place.witness.unlink()
    assert broken.recover()["lost_unknown"] >= TOTAL
    rig = FakeRig(broken.storage, FakeServer(), FakeTime())
    id = rig.capture(101)
    with rig.database.read() as transaction:
        (number,) = transaction.cursor.execute("SELECT seq FROM entry WHERE id = ?", (id,)).fetchone()
    assert number > TOTAL
    rig.close()


def test_note_of_the_last_number_is_made_good_when_the_database_is_opened(broken: Broken) -> None:
    """As after an upgrade: nobody has kept the note before."""
    from storage import witness

    before = witness.seen(broken.place)
    assert before.entries >= TOTAL
    broken.place.witness.write_bytes(bytes(20) + b"\n")
    assert broken.run("sync", "--json").code in (3, 4, 5)
    assert witness.seen(broken.place).entries == before.entries


def test_copy_of_another_outbox_adds_nothing(broken: Broken, tmp_path: Path) -> None:
    other = FakeRig(tmp_path / "other", FakeServer(), FakeTime())
    with other.database.write() as transaction:
        sql = (
            "UPDATE control SET value = '\"0193a000-0000-7000-8000-000000000bad\"' WHERE key = 'database_id'"
        )
        transaction.cursor.execute(sql)
    other.close()
    before = broken.listed()
    refused = broken.run("db", "recover", "--json", "--from", str(tmp_path / "other" / "fieldsync.db"))
    assert (refused.code, refused.error["code"]) == (8, "database_unusable")
    assert broken.run("db", "recover").code == 0
    assert broken.listed() == before


@pytest.fixture
def with_log(tmp_path: Path, original: Original) -> Broken:
    """The newest five captures are in the log alone: nobody has closed the database since."""
    broken = Broken(tmp_path, original)
    rig = FakeRig(broken.storage, FakeServer(), FakeTime())
    broken.ids = [*broken.ids, *rig.capture_many(5, first=TOTAL + 1)]
    kept = {path: path.read_bytes() for path in broken.storage.iterdir() if path.is_file()}
    rig.close()
    for path, content in kept.items():
        path.write_bytes(content)
    assert broken.place.side_files[0].stat().st_size > 5 * disk.PAGE
    return broken


def test_lost_log_is_noticed(with_log: Broken) -> None:
    """P1, P2: somebody copied `fieldsync.db` alone; what is left is a sound database without the newest captures."""
    for path in with_log.place.side_files:
        path.unlink(missing_ok=True)
    with_log.assert_refuses("database_outdated")
    report = with_log.recover()
    assert report["lost_unknown"] == 5
    listed = with_log.listed()
    assert set(listed) == set(with_log.ids[:TOTAL])
    # One of them may have been sent by a pass of which only the log knew.
    assert {listed[id]["state"] for id in with_log.ids[DELIVERED:TOTAL]} == {"in_doubt"}
    with_log.assert_works()


def test_damaged_log_loses_only_what_lay_in_the_damaged_place(with_log: Broken) -> None:
    """P1: SQLite stops at the first frame that is not right; the captures behind it were acknowledged too."""
    log = with_log.place.side_files[0]
    content = bytearray(log.read_bytes())
    middle = 32 + (len(content) - 32) // (24 + disk.PAGE) // 2 * (24 + disk.PAGE)
    content[middle + 8 : middle + 24] = disk.garbage(16)
    log.write_bytes(content)
    for path in with_log.place.side_files[1:]:
        path.unlink(missing_ok=True)
    with_log.assert_refuses("database_outdated")
    with_log.recover()
    listed = with_log.listed()
    assert len(set(with_log.ids) - set(listed)) <= 1
    assert with_log.ids[-1] in listed
    with_log.assert_works()


def test_old_copy_in_the_place_of_the_database_is_refused_and_sends_nothing_again(tmp_path: Path) -> None:
    """P2: the copy says `pending` of what was delivered long ago."""
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    ids = rig.capture_many(3)
    rig.database.checkpoint()
    old = rig.database.folder.database.read_bytes()
    rig.sync()
    rig.close()
    tablet = Tablet(tmp_path, API__BASE_URL="http://127.0.0.1:9/main", UPLOAD__ALLOW_INSECURE_LOOPBACK="true")
    folder = StorageFolder(tablet.storage)
    folder.database.write_bytes(old)
    for command in (("status", "--json"), ("sync", "--json"), ("list", "--json")):
        refused = tablet.run(*command)
        assert (refused.code, "database_outdated" in refused.out) == (8, True), command
    assert tablet.run("db", "recover").code == 3
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    assert rig.states() == ["in_doubt"] * 3
    rig.sync()
    assert len(server.sent) == len(ids), "nothing was sent a second time"
    rig.close()


def test_flipped_letter_in_a_payload_is_named_and_never_sent(tmp_path: Path) -> None:
    """P1, P2: SQLite sees nothing wrong with it; nobody would have found out."""
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    ids = rig.capture_many(3)
    rig.close()
    tablet = Tablet(tmp_path)
    folder = StorageFolder(tablet.storage)
    disk.flip(folder.database, b'"companyId":2,', replace=b'"companyId":7,')
    checked = tablet.run("db", "check", "--json")
    assert checked.code == 8
    assert [(each["id"], each["code"]) for each in checked.document["problems"]] == [
        (ids[1], "payload_damaged")
    ]
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    rig.sync()
    assert rig.states() == ["done", "parked", "done"]
    assert rig.entry(ids[1])["reason"] == "payload_damaged"
    assert len(server.sent) == 2
    rig.close()


@pytest.mark.parametrize("text", [b"unplanned-preventive", b"boot-1"], ids=["kind", "boot"])
def test_flipped_letter_anywhere_in_what_a_capture_fixed_is_noticed(tmp_path: Path, text: bytes) -> None:
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    (id,) = rig.capture_many(1)
    rig.close()
    tablet = Tablet(tmp_path)
    flipped = bytes([text[0] ^ 1]) + text[1:]
    disk.flip(StorageFolder(tablet.storage).database, text, replace=flipped)
    checked = tablet.run("db", "check", "--json")
    assert (checked.code, [each["id"] for each in checked.document["problems"]]) == (8, [id])
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    rig.sync()
    assert rig.states() == ["parked"]
    assert server.sent == []
    rig.close()


def test_bytes_that_are_no_text_stop_only_their_own_entry(tmp_path: Path) -> None:
    """P5: the flipped bit was the highest one of a letter."""
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    ids = rig.capture_many(3)
    rig.close()
    folder = StorageFolder(tmp_path / "outbox")
    disk.flip(folder.database, b'"companyId":1,', replace=b'"companyId\xa2:1,')
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    rig.sync()
    assert rig.states() == ["parked", "done", "done"]
    rig.close()
    tablet = Tablet(tmp_path)
    assert tablet.run("list", "--json").code == 0
    report = tablet.run("db", "recover", "--json").document
    assert report["damaged"] == [{"id": ids[0], "reason": "payload_damaged", "state": "parked"}]
    assert [entry["state"] for entry in tablet.entries()] == ["parked", "done", "done"]


def test_single_damaged_row_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    """All pages are sound, so what the other rows say can be believed: nobody has to settle a hundred doubts."""
    rig = FakeRig(tmp_path / "outbox", FakeServer(), FakeTime())
    ids = rig.capture_many(4)
    rig.close()
    tablet = Tablet(tmp_path)
    disk.flip(StorageFolder(tablet.storage).database, b'"companyId":3,', replace=b'"companyId":8,')
    report = tablet.run("db", "recover", "--json").document
    assert [each["id"] for each in report["damaged"]] == [ids[2]]
    assert [entry["state"] for entry in tablet.entries()] == ["pending", "pending", "parked", "pending"]


def test_digest_that_went_missing_is_damage_and_not_age(tmp_path: Path) -> None:
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    rig.capture_many(2)
    with rig.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET row_digest = NULL WHERE seq = 1")
    rig.sync()
    assert rig.states() == ["parked", "done"]
    with rig.database.write() as transaction:
        transaction.cursor.execute("UPDATE control SET value = '5' WHERE key = 'undigested_upto'")
        transaction.cursor.execute("UPDATE entry SET state = 'pending', stage = NULL WHERE seq = 1")
    rig.sync()
    assert rig.states() == ["done", "done"], "what was captured before there were digests is sent"
    rig.close()


def test_recovery_waits_for_nobody_and_takes_nothing_from_a_worker(broken: Broken) -> None:
    """The worker is alive: whatever is wrong, its file is not moved away under it."""
    entry_leaf(broken)
    lock = FileLock(broken.place.worker_lock)
    assert lock.take()
    refused = broken.run("db", "recover", "--json")
    assert (refused.code, refused.error["code"]) == (7, "outbox_in_use")
    lock.give()
    assert not broken.place.damaged.exists()


def test_recovery_moves_no_file_that_somebody_has_open(broken: Broken) -> None:
    """A capture opened the database right before; its commit must not go into a file that was moved away."""
    import subprocess
    import sys

    entry_leaf(broken)
    code = (
        "import sys; from pathlib import Path; from storage import driver\n"
        "connection = driver.connect(Path(sys.argv[1])); connection.execute('SELECT 1 FROM control').fetchall()\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(broken.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    refused = broken.run("db", "recover", "--json")
    assert (refused.code, refused.error["code"]) == (5, "storage_busy")
    assert broken.database.exists()
    holder.communicate()
    assert broken.recover()["recovered"]


def test_recovery_that_was_cut_off_is_finished_by_the_next_one(
    broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: the power went between the old file's way out and the new one's way in."""
    from storage import aside

    entry_root(broken)
    replaced = Path.replace

    def dies(path: Path, target: Path) -> Path:
        if path.parent.name == "recovering" and path.name == "fieldsync.db":
            raise KeyboardInterrupt
        return replaced(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        assert broken.run("db", "recover").code == 130
    assert not broken.database.exists()
    assert broken.run("status").code == 8
    assert aside.finish(broken.place) is not None
    assert broken.run("list").code == 8, "until it is ordered again and told"
    told = broken.run("db", "recover", "--json")
    assert told.code == 3, "what was put in doubt is told, if late"
    assert len(told.document["in_doubt"]) == WAITING
    assert Path(told.document["report"]).is_file()
    assert broken.run("db", "recover").code == 0, "and once"
    assert set(broken.listed()) == set(broken.ids)
    assert len(list(broken.place.damaged.glob("*/fieldsync.db"))) == 1


def test_write_that_began_before_a_recovery_does_not_go_into_the_old_file(broken: Broken) -> None:
    """P1: it would be acknowledged, and lie in the file that was moved away."""
    from storage.errors import DatabaseMissing

    database = Database(broken.place)
    broken.database.rename(broken.storage / "elsewhere.db")
    shutil.copy(broken.original.root / "fieldsync.db", broken.database)
    with pytest.raises(DatabaseMissing, match="replaced"), database.write():
        pass
    database.close()


def test_clean_end_of_a_drain_asks_for_no_look(broken: Broken) -> None:
    """And one that was cut off asks for one, once."""
    disk.cut_off_mark(broken.place)
    assert broken.run("sync", "--json").code in (4, 5)
    assert list(broken.place.in_use.iterdir()) == []


def test_check_changes_nothing(broken: Broken) -> None:
    def state() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in broken.storage.iterdir()
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    entry_leaf(broken)
    before = state()
    assert broken.run("db", "check", "--full").code == 8
    assert state() == before


def checkpointed(folder: StorageFolder) -> None:
    """All that was committed is in the file itself, where a test can damage it."""
    database = Database(folder)
    database.checkpoint()
    database.close()


def test_worker_ends_with_8_once_anybody_has_come_upon_damage(tmp_path: Path) -> None:
    """Its own passes read other pages; going on would write into a file that is no whole one any more."""
    with Sandbox() as sandbox:
        device = Device(tmp_path, sandbox, SYNC__INTERVAL_S=1)
        device.capture_many(20)
        folder = StorageFolder(device.storage)
        worker = device.start("run")
        try:
            eventually(lambda: device.json("status")["counts"]["done"] == 20, within_s=60)
            checkpointed(folder)
            # No pass without an upload reads this page.
            disk.write_page(folder.database, disk.root_of(folder.database, "signature"), disk.garbage())
            listed = device.run("list").returncode
            _, told = worker.communicate(timeout=60)
        finally:
            worker.kill()
            worker.communicate()
    assert (listed, worker.returncode) == (8, 8), told
    assert "fieldsync db recover" in told


def test_killed_worker_is_followed_by_a_look_at_the_pages(tmp_path: Path) -> None:
    """The battery fell out, and took an index page with it that the next pass would not have come upon."""
    with Sandbox() as sandbox:
        device = Device(tmp_path, sandbox)
        device.capture_many(3)
        folder = StorageFolder(device.storage)
        worker = device.start("run")
        try:
            eventually(lambda: device.json("status")["counts"]["done"] == 3, within_s=60)
        finally:
            worker.kill()
            worker.communicate()
        assert len(list(folder.in_use.iterdir())) == 1
        assert device.run("sync").returncode == 0, "all is well: one look, and on"
        assert list(folder.in_use.iterdir()) == []
        disk.cut_off_mark(folder)
        disk.write_page(
            folder.database, disk.root_of(folder.database, "sqlite_autoindex_entry_1"), disk.garbage(99)
        )
        ended = device.run("sync", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (8, "database_damaged")


def test_what_an_edited_entry_said_and_whom_a_body_names_survive_a_recovery(tmp_path: Path) -> None:
    """A body was corrected, another one names an entry; then the file was damaged."""
    tablet = Tablet(tmp_path)
    box = Scratch(tablet.storage)
    for number in (1, 2):
        box.put(number)
    names = json.dumps({"otherId": {"$entry": entry_id(1)}, "others": [{"$entry": entry_id(2)}]})
    box.put(3, kind="join", creates=False, signed=False, payload=names, references=(entry_id(1), entry_id(2)))
    lease = box.send(1)
    box.set_back(1, lease, Event.REJECT, reason="refused")
    with box.database.write() as transaction:
        said = revisions.said(transaction, entry_id(1))
        facts = {"start_at": None, "key": entry_id(1001), "image_name": None, "detail": "n", "now": box.now}
        revisions.revise(transaction, said, payload='{"n":9}', **facts)
    tables = ("SELECT * FROM revision", "SELECT * FROM reference ORDER BY parent")
    before = [box.all(sql) for sql in tables]
    assert [len(rows) for rows in before] == [1, 2]
    box.close()
    ended = tablet.run("db", "recover", "--force", "--json")
    assert ended.code in (0, 3), ended
    again = Database(StorageFolder(tablet.storage))
    try:
        with again.read() as transaction:
            assert [transaction.cursor.execute(sql).fetchall() for sql in tables] == before
            assert intact(transaction.cursor, 1)
    finally:
        again.close()
    assert tablet.run("show", entry_id(1), "--json").document["revisions"][0]["payload"] == {"n": 1}
