"""From outbox to outbox: each entry can be sent from one device at a time, whatever is done with the file, and when."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage import handovers, outbox
from storage.database import Database
from storage.digests import intact
from storage.errors import DatabaseOutdated, StorageFull
from storage.handovers import Became
from storage.lifecycle import Event
from storage.orders import resync
from storage.schema import open_database
from sync import revising
from sync.bundle import handing
from sync.bundle.errors import BundleConflict, BundleDamaged, BundleRefused, WrongSecret
from sync.bundle.handing import FileInTheWay, LeftParked, NotHandedOver, write_again
from sync.bundle.sealed_file import Sealer
from sync.capture import ImageLimits as Limits
from sync.capture import Input, capture_in, check_input
from sync.editing import read_changes
from sync.image import read_image
from tests.support.builders import signature_png
from tests.support.bundles import CLOCK, KEY, NOON, OTHER_KEY, given_away, taken_in
from tests.support.device import distinct_body
from tests.support.scratch import NOON_MS, Scratch, entry_id

UPDATE = {"description": "Moved by a day"}


class Box(Scratch):
    """One device."""

    def visit(self, number: int, **changes: Any) -> str:
        body, image = json.dumps(distinct_body(number)), signature_png(number)
        return self._capture("unplanned-preventive", body, image, number, **changes)

    def update(self, number: int, target: str, **changes: Any) -> str:
        return self._capture("preventive-update", json.dumps(UPDATE), None, number, target=target, **changes)

    def _capture(self, kind: str, body: str, image: bytes | None, number: int, **changes: Any) -> str:
        given = Input(kind, body.encode(), image, entry_id(number), **changes)
        with self.database.write() as transaction:
            checked = check_input(given, Limits(2**21, 4_000_000))
            return capture_in(transaction, checked, clock=CLOCK, new_id="", owner=given.owner).id

    def states(self) -> dict[int, tuple[str, str | None]]:
        rows = self.all("SELECT id, state, reason FROM entry ORDER BY seq")
        return {int(id[-12:]): (state, reason) for id, state, reason in rows}

    def sendable(self) -> set[int]:
        return {number for number, (state, _) in self.states().items() if state == "pending"}


PARKED = ("parked", "handed_over")
PENDING = ("pending", None)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path / "here")
    yield box
    box.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path / "there")
    yield box
    box.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monday.bundle"


def test_entry_arrives_as_it_was_captured(here: Box, there: Box, file: Path) -> None:
    here.visit(1, owner="anna")
    here.update(2, f"local:{entry_id(1)}")
    here.visit(3, after=entry_id(2))
    before = [here.row(number) for number in (1, 2, 3)]
    given_away(here.database, file)
    taken_in(there.database, file)
    for was in before:
        now = there.row(int(was["id"][-12:]))
        same = (
            "id",
            "kind",
            "payload",
            "payload_sha256",
            "input_digest",
            "idempotency_key",
            "start_at",
            "owner",
        )
        for name in (
            *same,
            "captured_at",
            "target_entry",
            "after_entry",
            "chain_key",
            "creates",
            "has_signature",
        ):
            assert now[name] == was[name], name
    image = "SELECT name, sha256, data FROM signature ORDER BY entry_seq"
    assert there.all(image) == here.all(image)
    assert there.history(1) == [(1, "person", "Imported")]
    assert (here.sendable(), there.sendable()) == (set(), {1, 2, 3})
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.with_name(file.name + ".part").exists()


def test_import_twice_is_as_good_as_once(here: Box, there: Box, file: Path) -> None:
    here.visit(1)
    given_away(here.database, file)
    assert taken_in(there.database, file).count(Became.IMPORTED) == 1
    again = taken_in(there.database, file)
    assert (again.count(Became.IMPORTED), again.count(Became.DUPLICATE)) == (0, 1)
    assert there.states() == {1: PENDING}


def test_what_was_delivered_there_meanwhile_is_not_taken_in_again(here: Box, there: Box, file: Path) -> None:
    here.visit(1)
    given_away(here.database, file)
    taken_in(there.database, file)
    there.edit(1, state="done", server_id=77)
    assert taken_in(there.database, file).count(Became.DUPLICATE) == 1
    there.purge(1)
    assert taken_in(there.database, file).count(Became.DUPLICATE) == 1
    assert there.states() == {}


def test_origin_takes_its_entries_back_with_the_same_bundle_and_is_warned(here: Box, file: Path) -> None:
    """The bundle went nowhere: the colleague's tablet was flat, too."""
    here.visit(1)
    given_away(here.database, file)
    assert here.states() == {1: PARKED}
    done = taken_in(here.database, file)
    assert here.states() == {1: PENDING}
    (warning,) = done.to_json()["warnings"]
    assert (warning["code"], "both send them" in warning["message"]) == ("taken_back", True)
    assert taken_in(here.database, file).count(Became.DUPLICATE) == 1


def test_resync_leaves_alone_what_was_handed_over_unless_it_is_forced(here: Box, file: Path) -> None:
    here.visit(1)
    given_away(here.database, file)
    with here.database.write() as transaction:
        assert resync(transaction, entry_id(1), now=NOON_MS).did == "skipped"
    assert here.states() == {1: PARKED}
    with here.database.write() as transaction:
        assert resync(transaction, entry_id(1), now=NOON_MS, force=True).did == "released"
    assert here.states() == {1: PENDING}
    assert here.history(1) == [(1, "person", "HandedOver"), (2, "person", "TakenBack")]


def test_entry_comes_back_in_another_bundle_and_the_old_one_is_worth_nothing(
    here: Box, there: Box, file: Path, tmp_path: Path
) -> None:
    """Handed over on Monday, handed back on Tuesday; on Wednesday somebody finds Monday's file."""
    here.visit(1)
    given_away(here.database, file)
    taken_in(there.database, file)
    tuesday = tmp_path / "tuesday.bundle"
    given_away(there.database, tuesday, 2)
    assert taken_in(here.database, tuesday).count(Became.RETURNED) == 1
    assert (here.states(), there.states()) == ({1: PENDING}, {1: PARKED})
    assert taken_in(there.database, file).count(Became.MOVED_ON) == 1
    assert (here.sendable(), there.sendable()) == ({1}, set())
    given_away(here.database, tmp_path / "thursday.bundle", 3)
    assert taken_in(here.database, tuesday).count(Became.MOVED_ON) == 1
    assert taken_in(there.database, tmp_path / "thursday.bundle").count(Became.RETURNED) == 1
    assert (here.sendable(), there.sendable()) == (set(), {1})


def test_what_was_edited_there_comes_back_as_it_is_now(
    here: Box, there: Box, file: Path, tmp_path: Path
) -> None:
    here.visit(1)
    given_away(here.database, file)
    taken_in(there.database, file, owner="bert")
    given_away(there.database, tmp_path / "back", 2)
    taken_in(here.database, tmp_path / "back")
    assert here.row(1)["owner"] == "bert"
    with here.database.read() as transaction:
        assert intact(transaction.cursor, here.seq(1))


def test_another_image_than_the_one_that_left_does_not_come_back(
    here: Box, there: Box, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed by somebody who has the key: the body would speak of an image that is not here."""
    here.visit(1)
    given_away(here.database, file)
    taken_in(there.database, file)
    other = read_image(signature_png(2), max_bytes=2**21, max_pixels=4_000_000)
    whole = handing.Writer.entry

    def forged(self: Any, entry: Any, image: Any) -> bytes:
        facts = {"size": other.size_bytes, "sha256": other.sha256, "md5": other.md5, "data": other.data}
        body = json.loads(entry.payload)
        body["signature"]["size"] = other.size_bytes
        return whole(self, replace(entry, payload=json.dumps(body)), replace(image, **facts))

    monkeypatch.setattr(handing.Writer, "entry", forged)
    given_away(there.database, tmp_path / "back", 2)
    with pytest.raises(BundleConflict, match="another image"):
        taken_in(here.database, tmp_path / "back")
    assert here.states() == {1: PARKED}


def test_largest_body_that_a_capture_takes_arrives(here: Box, there: Box, file: Path) -> None:
    """The capture adds the image and the start to what it was given."""
    body = distinct_body(1)
    spare = 2**20 - len(json.dumps(body, separators=(",", ":")))
    body["ruleIds"] += [10**15] * (spare // 17)
    here._capture("unplanned-preventive", json.dumps(body, separators=(",", ":")), signature_png(1), 1)
    given_away(here.database, file)
    assert taken_in(there.database, file).count(Became.IMPORTED) == 1


def test_start_is_read_from_the_body_and_not_believed(
    here: Box, there: Box, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its start an entry in doubt is found at the server: another one would be taken for it, or none."""
    here.visit(1)
    start = here.row(1)["start_at"]
    whole = handing.Writer.entry
    monkeypatch.setattr(
        handing.Writer, "entry", lambda self, entry, image: whole(self, replace(entry, start_at=1), image)
    )
    given_away(here.database, file)
    taken_in(there.database, file)
    assert there.row(1)["start_at"] == start


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "of-tomorrow"},
        {"kind": "curative"},
        {"owner": "x" * 101},
        {"idempotency_key": "x-header: y"},
        {"idempotency_key": "clé"},
        {"target_id": 7},
        {"payload": "{}"},
        {"payload": '{"$entry":"x"}'},
        {"name": "other.png"},
        {"mime_type": "text/html"},
        {"image": None},
    ],
)
def test_entry_that_no_capture_makes_is_refused_even_from_a_friend(
    here: Box, there: Box, file: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed by somebody who has the key, with a program of their own."""
    here.visit(1)
    whole = handing.Writer.entry

    def forged(self: Any, entry: Any, image: Any) -> bytes:
        of_image = {name: value for name, value in changes.items() if name in ("name", "mime_type")}
        of_entry = {name: value for name, value in changes.items() if name in handovers.Carried.__slots__}
        image = None if "image" in changes else replace(image, **of_image)
        return whole(self, replace(entry, **of_entry), image)

    monkeypatch.setattr(handing.Writer, "entry", forged)
    given_away(here.database, file)
    with pytest.raises(BundleRefused) as refused:
        taken_in(there.database, file)
    assert "Extinguishers" not in str(refused.value)
    assert there.states() == {}


def test_other_content_under_the_same_id_is_refused_by_name_and_nothing_is_stored(
    here: Box, there: Box, file: Path
) -> None:
    here.visit(1)
    here.visit(2)
    given_away(here.database, file)
    given = Input(
        "unplanned-preventive", json.dumps(distinct_body(9)).encode(), signature_png(9), entry_id(2)
    )
    with there.database.write() as transaction:
        capture_in(
            transaction, check_input(given, Limits(2**21, 4_000_000)), clock=CLOCK, new_id="", owner=None
        )
    with pytest.raises(BundleConflict, match=entry_id(2)):
        taken_in(there.database, file)
    assert set(there.states()) == {2}


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_bundle_that_was_cut_stores_nothing(here: Box, there: Box, file: Path, cut: float) -> None:
    for number in range(1, 12):
        here.visit(number)
    given_away(here.database, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(BundleDamaged):
        taken_in(there.database, file)
    assert there.states() == {}


def test_wrong_key_stores_nothing(here: Box, there: Box, file: Path) -> None:
    here.visit(1)
    given_away(here.database, file)
    with pytest.raises(WrongSecret):
        taken_in(there.database, file, key=OTHER_KEY)
    assert there.states() == {}


def test_file_is_unreadable_without_the_key(here: Box, file: Path) -> None:
    here.visit(1)
    given_away(here.database, file)
    raw = file.read_bytes()
    for told in (b"example.org", b"Extinguishers", entry_id(1).encode(), b"unplanned"):
        assert told not in raw


def test_parent_that_the_server_has_goes_as_its_number(here: Box, there: Box, file: Path) -> None:
    here.visit(1)
    here.update(2, f"local:{entry_id(1)}")
    here.edit(1, state="done", server_id=4711, request_digest="x")
    assert [each.id for each in given_away(here.database, file).choice.going] == [entry_id(2)]
    taken_in(there.database, file)
    row = there.row(2)
    assert (row["target_id"], row["target_entry"], row["chain_key"]) == (4711, None, "target:4711")


def test_damaged_entry_stays_and_the_others_go(here: Box, there: Box, file: Path) -> None:
    here.visit(1)
    here.visit(2)
    here.visit(3)
    with here.database.write() as transaction:
        transaction.cursor.execute("UPDATE signature SET data = zeroblob(size) WHERE entry_seq = 2")
    here.edit(3, owner="mallory")
    done = given_away(here.database, file)
    assert {each.id[-1]: each.code for each in done.choice.staying} == {"2": "damaged", "3": "damaged"}
    taken_in(there.database, file)
    assert there.sendable() == {1}


def test_what_left_before_stays_only_where_it_is_named(here: Box, file: Path, tmp_path: Path) -> None:
    here.visit(1)
    given_away(here.database, file)
    here.visit(2)
    again = given_away(here.database, tmp_path / "tuesday", 2)
    assert ([each.id for each in again.choice.going], again.choice.staying) == ([entry_id(2)], ())
    named = given_away(here.database, tmp_path / "x", 3, ids=(entry_id(1),))
    assert [each.code for each in named.choice.staying] == ["handed_over"]


def test_nothing_to_hand_over_makes_no_file(here: Box, file: Path) -> None:
    assert given_away(here.database, file).bundle is None
    assert list(file.parent.glob("monday*")) == []


@pytest.mark.parametrize("name", ["monday.bundle", "monday.bundle.part"])
def test_export_overwrites_nothing_and_parks_nothing(here: Box, file: Path, name: str) -> None:
    here.visit(1)
    file.with_name(name).write_bytes(b"precious")
    with pytest.raises(FileInTheWay):
        given_away(here.database, file)
    assert file.with_name(name).read_bytes() == b"precious"
    assert here.states() == {1: PENDING}


@pytest.mark.parametrize("when", ["head", "entry", "end", "sync", "rename"])
def test_disk_that_fills_up_takes_everything_back(
    here: Box, file: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stick is smaller than it said."""
    for number in (1, 2, 3):
        here.visit(number)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    written = 0
    whole = Sealer.write

    def write(self: Sealer, data: bytes) -> None:
        nonlocal written
        written += 1
        if written == {"head": 1, "entry": 3}.get(when):
            full()
        whole(self, data)

    monkeypatch.setattr(Sealer, "write", write)
    if when == "end":
        monkeypatch.setattr(Sealer, "finish", full)
    if when == "sync":
        monkeypatch.setattr(handing.os, "fsync", full)
    if when == "rename":
        monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(StorageFull):
        given_away(here.database, file)
    assert here.sendable() == {1, 2, 3}
    assert list(file.parent.glob("monday*")) == []


def test_whole_file_that_cannot_be_removed_keeps_the_entries_parked(
    here: Box, there: Box, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stick is pulled at the very end: nobody knows whether the file on it is whole."""
    here.visit(1)

    def gone(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "rename", gone)
    monkeypatch.setattr(Path, "unlink", gone)
    with pytest.raises(LeftParked):
        given_away(here.database, file)
    assert here.states() == {1: PARKED}
    taken_in(there.database, file.with_name(file.name + ".part"))
    assert (here.sendable(), there.sendable()) == (set(), {1})


def test_entry_that_was_taken_back_while_the_file_was_written_ends_the_export(
    here: Box, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.visit(1)
    here.visit(2)
    whole = handovers.carried

    def carried(transaction: Any, seq: int, bundle: str) -> Any:
        if seq == 2:
            with here.database.write() as other:
                resync(other, entry_id(1), now=NOON_MS, force=True)
        return whole(transaction, seq, bundle)

    monkeypatch.setattr(handing.handovers, "carried", carried)
    with pytest.raises(BundleRefused, match="changed"):
        given_away(here.database, file)
    assert here.sendable() == {1, 2}
    assert not os.path.lexists(file)


def test_file_that_was_lost_is_written_again_as_the_same_bundle(
    here: Box, there: Box, file: Path, tmp_path: Path
) -> None:
    """The stick stayed in the van. Both files are worth the same, and either only once."""
    here.visit(1)
    here.update(2, f"local:{entry_id(1)}")
    given_away(here.database, file)
    here.visit(3)
    again = tmp_path / "again.bundle"
    write_again(here.database, entry_id(2)[-4:], again, KEY, clock=CLOCK)
    assert here.states() == {1: PARKED, 2: PARKED, 3: PENDING}
    assert taken_in(there.database, again).count(Became.IMPORTED) == 2
    assert taken_in(there.database, file).count(Became.DUPLICATE) == 2
    with pytest.raises(NotHandedOver):
        write_again(here.database, entry_id(3), tmp_path / "x", KEY, clock=CLOCK)
    with pytest.raises(FileInTheWay):
        write_again(here.database, entry_id(2), file, KEY, clock=CLOCK)
    assert taken_in(here.database, again).count(Became.TAKEN_BACK) == 2, "it is that very bundle"


def edited(box: Box, number: int, *changes: str, target: str | None = None) -> None:
    wanted = revising.Wanted(tuple(read_changes(changes)[0]), target=target)
    revising.edit(box.database, (entry_id(number),), wanted, CLOCK, settle_s=120.0)


@pytest.mark.parametrize("again", [False, True])
def test_entry_that_was_made_to_wait_for_a_later_one_goes_behind_it(
    here: Box, there: Box, file: Path, again: bool
) -> None:
    """A correction: the change belongs to the visit that was captured after it. And the changes keep their order."""
    here.update(1, "5")
    here.visit(2)
    here.update(3, f"local:{entry_id(2)}")
    edited(here, 1, target=f"local:{entry_id(2)}")
    given_away(here.database, file)
    if again:
        file.unlink()
        write_again(here.database, entry_id(3), file, KEY, clock=CLOCK)
    assert taken_in(there.database, file).ids[Became.IMPORTED] == [entry_id(2), entry_id(1), entry_id(3)]
    there.deliver(2, 77)
    assert there.due() == [1]
    there.accept(1, there.send(1), 77)
    assert there.due() == [3]


def test_bundle_that_was_torn_here_is_not_written_again(here: Box, file: Path) -> None:
    """Somebody set the visit free by force: its change alone could never be sent from the other device."""
    here.visit(1)
    here.update(2, f"local:{entry_id(1)}")
    given_away(here.database, file)
    with here.database.write() as transaction:
        resync(transaction, entry_id(1), now=NOON_MS, force=True)
    with pytest.raises(NotHandedOver, match="00000002"):
        write_again(here.database, entry_id(2), file.with_name("again"), KEY, clock=CLOCK)
    assert not list(file.parent.glob("again*"))


def test_change_does_not_go_again_without_the_one_before_it(here: Box, file: Path) -> None:
    """Written again alone it would arrive first, and the older change would overwrite it."""
    here.update(1, "5")
    here.update(2, "5")
    given_away(here.database, file)
    with here.database.write() as transaction:
        resync(transaction, entry_id(1), now=NOON_MS, force=True)
    with pytest.raises(NotHandedOver, match="00000002"):
        write_again(here.database, entry_id(2), file.with_name("again"), KEY, clock=CLOCK)


def test_image_that_was_renamed_there_can_travel_on(
    here: Box, there: Box, file: Path, tmp_path: Path
) -> None:
    here.visit(1)
    given_away(here.database, file)
    taken_in(there.database, file)
    edited(there, 1, "signature.name=zoe.png")
    for number, (giver, taker) in enumerate(((there, here), (here, there)), 2):
        given_away(giver.database, tmp_path / f"{number}.bundle", number)
        assert taken_in(taker.database, tmp_path / f"{number}.bundle").count(Became.RETURNED) == 1
        assert taker.all("SELECT name FROM signature") == [("zoe.png",)]


def test_return_of_what_was_given_up_meanwhile_is_told(
    here: Box, there: Box, file: Path, tmp_path: Path
) -> None:
    """Tidied away here too early: without a word, no device would send it any more, and nobody would know."""
    here.visit(1)
    given_away(here.database, file)
    taken_in(there.database, file)
    here.discard(1)
    tuesday = tmp_path / "tuesday.bundle"
    given_away(there.database, tuesday, 2)
    done = taken_in(here.database, tuesday)
    assert done.count(Became.GIVEN_UP) == 1
    assert [each["code"] for each in done.to_json()["warnings"]] == ["given_up"]
    assert taken_in(here.database, file).count(Became.DUPLICATE) == 1, "its own file says nothing new"
    assert taken_in(there.database, tuesday).count(Became.TAKEN_BACK) == 1
    assert there.sendable() == {1}


@pytest.mark.parametrize("way", ["import", "force"])
def test_what_comes_back_to_a_parent_that_was_given_up_is_held_for_a_person(
    here: Box, file: Path, way: str
) -> None:
    """Nothing would ever let it go on, and it would look as if it only had to wait."""
    here.visit(1)
    here.update(2, f"local:{entry_id(1)}")
    given_away(here.database, file)
    here.discard(1)
    if way == "import":
        taken_in(here.database, file)
    else:
        with here.database.write() as transaction:
            resync(transaction, entry_id(2), now=NOON_MS, force=True)
    assert here.states()[2] == ("parked", "target_discarded")


@pytest.mark.parametrize("order", ["export", "discard", "edit"])
def test_older_copy_that_does_not_know_of_an_order_is_noticed(here: Box, file: Path, order: str) -> None:
    """The copy of noon is put back after the export of one o'clock: it would send what another device sends."""
    here.visit(1)
    here.database.checkpoint()
    noon = here.folder.database.read_bytes()
    if order == "export":
        given_away(here.database, file)
    elif order == "discard":
        here.discard(1)
    else:
        edited(here, 1, "companyId=7")
    here.database.checkpoint()
    here.database.close()
    open_database(here.folder, new_id="", now=NOON).close()
    here.folder.database.write_bytes(noon)
    with pytest.raises(DatabaseOutdated):
        open_database(here.folder, new_id="", now=NOON)


def test_failure_to_write_a_bundle_again_takes_nothing_back(
    here: Box, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file may be on its way: what it holds must not be sent from here."""
    here.visit(1)
    given_away(here.database, file)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sealer, "finish", full)
    with pytest.raises(StorageFull):
        write_again(here.database, entry_id(1), file.with_name("again"), KEY, clock=CLOCK)
    assert here.states() == {1: PARKED}
    assert not list(file.parent.glob("again*"))


def test_import_on_a_disk_without_room_stores_nothing(
    here: Box, there: Box, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        here.visit(number)
    given_away(here.database, file)
    whole, stored = outbox.put_in, 0

    def put_in(*arguments: Any) -> Any:
        nonlocal stored
        stored += 1
        if stored == 3:
            raise StorageFull("no room left")
        return whole(*arguments)

    monkeypatch.setattr(handovers, "put_in", put_in)
    with pytest.raises(StorageFull):
        taken_in(there.database, file)
    assert there.states() == {}
    monkeypatch.undo()
    taken_in(there.database, file)
    assert there.sendable() == {1, 2, 3}


def test_reader_of_another_process_sees_all_of_a_bundle_or_nothing(
    here: Box, there: Box, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        here.visit(number)
    given_away(here.database, file)
    seen: set[int] = set()
    whole = handovers.take_in

    def take_in(*arguments: Any, **named: Any) -> Any:
        became = whole(*arguments, **named)
        other = Database(there.folder)
        with other.read() as transaction:
            seen.add(transaction.cursor.execute("SELECT count(*) FROM entry").fetchone()[0])
        other.close()
        return became

    monkeypatch.setattr(handovers, "take_in", take_in)
    taken_in(there.database, file)
    assert seen == {0}


def test_child_whose_parent_was_given_up_meanwhile_stays_held_and_says_so(here: Box, file: Path) -> None:
    """It would wait for ever for a number that nobody gets any more."""
    here.visit(1)
    here.update(2, f"local:{entry_id(1)}")
    given_away(here.database, file)
    here.discard(1)
    with here.database.write() as transaction:
        assert resync(transaction, entry_id(2), now=NOON_MS, force=True).did == "released"
    assert here.states()[2] == ("parked", "target_discarded")


def test_dead_update_whose_new_target_was_given_up_is_not_let_go(here: Box) -> None:
    """It was refused, aimed anew, and the new one is given up: let go, it would wait for ever and say nothing."""
    here.update(1, "6")
    here.set_back(1, here.send(1), Event.REJECT)
    here.visit(2)
    aimed = revising.Wanted(target=f"local:{entry_id(2)}")
    revising.edit(here.database, (entry_id(1),), aimed, CLOCK, settle_s=0.0)
    here.discard(2)
    assert here.resync(1) == "skipped"
    assert here.states()[1][0] == "dead"
