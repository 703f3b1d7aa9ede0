"""A recovery from an older or newer copy sends nothing twice: not what was delivered, not what left the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from storage import handovers, listed, orders, retention
from storage.folder import StorageFolder
from storage.listed import Line
from storage.recovered import Recovered
from storage.recovery import When, recover
from storage.witness import Seen, seen
from sync import settling
from sync.operations import OPERATIONS
from sync.sandbox import faults
from tests.support.bundles import bundle_id, given_away, taken_in
from tests.support.rig import SandboxRig, sandboxed

METHODS = {operation.kind: operation.method for operation in OPERATIONS}
PERHAPS = ("parked", "perhaps_handed_over")
PARKED = ("parked", "handed_over")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


def copied(rig: SandboxRig, path: Path) -> Path:
    """A copy of the outbox as it is at this moment."""
    rig.database.checkpoint()
    path.write_bytes((rig.root / "fieldsync.db").read_bytes())
    return path


def recovered(
    rig: SandboxRig, source: Path | None = None, *, before: Callable[[], object] = lambda: None
) -> Recovered:
    """`before` is what happens to the files while nothing runs."""
    rig.close()
    rig.time.passes(1)
    before()
    clock = rig.time.clock
    when = When(clock.now(), clock.monotonic_ms(), clock.boot(), str(uuid4()))
    done = recover(StorageFolder(rig.root), when, methods=METHODS, source=source)
    rig.restart()
    return done


def put_back(rig: SandboxRig, copy: Path, *, forget: bool = False) -> None:
    """The copy stands in the place of the outbox; with `forget` the note of what was seen is lost as well."""
    folder = StorageFolder(rig.root)
    for path in (folder.database, *folder.side_files):
        path.unlink(missing_ok=True)
    folder.database.write_bytes(copy.read_bytes())
    if forget:
        folder.witness.unlink()


def lost(rig: SandboxRig) -> None:
    folder = StorageFolder(rig.root)
    for path in (folder.database, *folder.side_files):
        path.unlink(missing_ok=True)


def states(rig: SandboxRig) -> dict[str, tuple[str, str | None]]:
    return {entry["id"]: (entry["state"], entry["reason"]) for entry in rig.entries()}


def days_pass(rig: SandboxRig) -> None:
    """Time enough for every look-up, with a visit that proves that the list shows what is new."""
    rig.capture(900)
    for _ in range(12):
        rig.time.passes(120)
        rig.sync()
    rig.time.passes(24 * 3600)
    rig.sync()


def bodies(rig: SandboxRig) -> list[int]:
    """The company of each intervention that was made at the server, but for the visits that only prove something."""
    return sorted(n for record in rig.sandbox.state.records() if (n := record["body"]["companyId"]) < 900)


def test_what_left_after_the_backup_is_held_and_sent_by_the_other_device_alone(
    here: SandboxRig, tmp_path: Path
) -> None:
    """P2: backup at noon, export at one, the disk dies at two; the other device is still on its way to the network."""
    ids = here.capture_many(2)
    noon = copied(here, tmp_path / "noon.db")
    given_away(here.database, tmp_path / "a.bundle")
    assert seen(StorageFolder(here.root)).hand_overs == 2
    done = recovered(here, noon, before=lambda: lost(here))
    days_pass(here)
    assert bodies(here) == []
    assert done.tally.perhaps_handed_over == ids
    assert not done.complete
    assert set(states(here).values()) == {PERHAPS, ("done", None)}
    there = SandboxRig(tmp_path / "there", here.sandbox, here.time)
    taken_in(there.database, tmp_path / "a.bundle")
    there.sync()
    days_pass(here)
    assert bodies(here) == [1, 2]
    there.close()


def test_old_copy_put_back_after_an_export_holds_what_may_have_left(here: SandboxRig, tmp_path: Path) -> None:
    """P2: somebody copies the file of this morning over that of now, and recovers because every command refuses."""
    here.capture(1)
    morning = copied(here, tmp_path / "morning.db")
    given_away(here.database, tmp_path / "a.bundle")
    recovered(here, before=lambda: put_back(here, morning))
    assert list(states(here).values()) == [PERHAPS]


def test_what_may_have_left_goes_on_only_by_force_and_through_a_look_up(
    here: SandboxRig, tmp_path: Path
) -> None:
    """The bundle was never imported, and a person says so; the server is asked before anything is sent."""
    (id,) = here.capture_many(1)
    noon = copied(here, tmp_path / "noon.db")
    given_away(here.database, tmp_path / "a.bundle")
    recovered(here, noon, before=lambda: lost(here))
    with here.database.write() as transaction:
        assert orders.resync(transaction, id, now=0).did == "skipped"
        forced = orders.resync(transaction, id, now=0, force=True)
    assert (forced.did, forced.why) == ("released", handovers.HANDED_OVER)
    assert states(here)[id] == ("in_doubt", "recovered")
    days_pass(here)
    assert bodies(here) == [1]


def test_entry_that_was_sent_before_the_backup_cannot_have_left(here: SandboxRig, tmp_path: Path) -> None:
    """Only what was never sent is handed over: the others are looked up as after any recovery."""
    here.sandbox.faults.add(faults.answer("unplanned", 503))
    sent = here.capture(1)
    here.sync()
    unsent = here.capture(2)
    noon = copied(here, tmp_path / "noon.db")
    given_away(here.database, tmp_path / "a.bundle", ids=(unsent,))
    recovered(here, noon, before=lambda: lost(here))
    assert states(here)[sent][0] == "in_doubt"
    assert states(here)[unsent] == PERHAPS


def test_copy_that_knows_of_every_export_holds_nothing_more(here: SandboxRig, tmp_path: Path) -> None:
    """The export was before the backup: what stayed is in doubt as ever, what left is known to have left."""
    left, stayed = here.capture_many(2)
    given_away(here.database, tmp_path / "a.bundle", ids=(left,))
    copy = copied(here, tmp_path / "copy.db")
    recovered(here, copy, before=lambda: lost(here))
    assert states(here) == {left: PARKED, stayed: ("in_doubt", "recovered")}


def test_outbox_that_began_anew_still_knows_that_something_left(here: SandboxRig, tmp_path: Path) -> None:
    """Recovered empty at two, worked on until three; only then somebody finds the backup of noon."""
    (id,) = here.capture_many(1)
    noon = copied(here, tmp_path / "noon.db")
    given_away(here.database, tmp_path / "a.bundle")
    recovered(here, before=lambda: lost(here))
    later = here.capture(5)
    recovered(here, noon)
    assert states(here) == {later: ("pending", None), id: PERHAPS}


@pytest.mark.parametrize("forget", [False, True], ids=["noticed", "note lost too"])
def test_what_the_newer_copy_knows_to_be_delivered_is_not_sent_again(
    here: SandboxRig, tmp_path: Path, forget: bool
) -> None:
    """P2: an old file stands in the place of the new one, which turns up on the stick of yesterday."""
    ids = here.capture_many(3)
    old = copied(here, tmp_path / "old.db")
    here.sync()
    newer = copied(here, tmp_path / "newer.db")
    done = recovered(here, newer, before=lambda: put_back(here, old, forget=forget))
    days_pass(here)
    assert_delivered_once_of(here, ids)
    assert (done.from_newer, done.from_source, done.tally.in_doubt) == (3, 0, [])
    assert set(states(here).values()) == {("done", None)}
    assert all(here.entry(id)["receipts"] for id in ids)


def test_outbox_that_a_copy_proves_to_be_old_is_not_believed(here: SandboxRig, tmp_path: Path) -> None:
    """P2: what waited in both copies may have been sent after the newer one was made, too."""
    _, waits = here.capture_many(2)
    with here.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET due_at = 9000000000000 WHERE id = ?", (waits,))
    old = copied(here, tmp_path / "old.db")
    here.sync()
    newer = copied(here, tmp_path / "newer.db")
    recovered(here, newer, before=lambda: put_back(here, old, forget=True))
    assert states(here)[waits] == ("in_doubt", "recovered")


def assert_delivered_once_of(rig: SandboxRig, ids: list[str]) -> None:
    proof = [record for record in rig.sandbox.state.records() if record["body"]["companyId"] == 900]
    assert len(rig.posts()) == len(ids) + len(proof), "nothing was posted a second time"
    assert bodies(rig) == list(range(1, len(ids) + 1))


@pytest.mark.parametrize("forget", [False, True], ids=["noticed", "note lost too"])
def test_what_the_newer_copy_knows_to_have_left_stays_handed_over(
    here: SandboxRig, tmp_path: Path, forget: bool
) -> None:
    """P2: the copy of two o'clock knows of the export at one, the file that is put back does not."""
    ids = here.capture_many(2)
    old = copied(here, tmp_path / "old.db")
    given_away(here.database, tmp_path / "a.bundle", ids=(ids[0],))
    newer = copied(here, tmp_path / "newer.db")
    recovered(here, newer, before=lambda: put_back(here, old, forget=forget))
    assert states(here)[ids[0]] == PARKED
    assert here.column("bundle")[0] == bundle_id(1)
    assert states(here)[ids[1]] == ("in_doubt", "recovered")
    days_pass(here)
    assert 1 not in bodies(here)


def test_recovered_outbox_learns_from_a_newer_copy_that_turns_up_later(
    here: SandboxRig, tmp_path: Path
) -> None:
    """P2: the recovery came first and raised every fence; the copy with the truth was found the day after."""
    ids = here.capture_many(2)
    old = copied(here, tmp_path / "old.db")
    given_away(here.database, tmp_path / "a.bundle", ids=(ids[0],))
    here.sync()
    newer = copied(here, tmp_path / "newer.db")
    recovered(here, before=lambda: put_back(here, old))
    assert set(states(here).values()) == {PERHAPS}
    recovered(here, newer)
    assert states(here) == {ids[0]: PARKED, ids[1]: ("done", None)}
    days_pass(here)
    assert bodies(here) == [2]


def test_hand_over_is_learnt_also_where_the_outbox_has_looked_more_often(
    here: SandboxRig, tmp_path: Path
) -> None:
    """P2: exported by a program that did not count yet; three look-ups later the copy that knows is found."""
    (id,) = here.capture_many(1)
    old = copied(here, tmp_path / "old.db")
    given_away(here.database, tmp_path / "a.bundle")
    with here.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM control WHERE key = 'hand_overs'")
    newer = copied(here, tmp_path / "newer.db")

    def nothing_but_the_old_copy() -> None:
        lost(here)
        StorageFolder(here.root).witness.unlink()

    recovered(here, old, before=nothing_but_the_old_copy)
    for _ in range(3):
        here.time.passes(120)
        here.sync()
    assert (states(here)[id][0], here.column("attempt_n")) == ("in_doubt", [3])
    recovered(here, newer)
    assert states(here)[id] == PARKED
    days_pass(here)
    assert bodies(here) == []


def test_older_copy_takes_nothing_back_from_the_outbox(here: SandboxRig, tmp_path: Path) -> None:
    """A gap is filled from the backup of noon; what was taken back or given up since stays so."""
    ids = here.capture_many(3)
    given_away(here.database, tmp_path / "a.bundle", ids=(ids[0],))
    noon = copied(here, tmp_path / "noon.db")
    with here.database.write() as transaction:
        orders.resync(transaction, ids[0], now=0, force=True)
    settling.discard(here.database, ids[1], "nobody needs it", here.time.clock)
    recovered(here, noon)
    assert states(here) == {
        ids[0]: ("pending", None), ids[1]: ("discarded", "discarded"), ids[2]: ("pending", None),
    }  # fmt: skip


def test_what_the_newer_copy_knows_to_be_given_up_stays_given_up(here: SandboxRig, tmp_path: Path) -> None:
    """Discarded on Tuesday; the file of Monday is put back, and the copy of Wednesday is found."""
    (id,) = here.capture_many(1)
    old = copied(here, tmp_path / "old.db")
    settling.discard(here.database, id, "nobody needs it", here.time.clock)
    newer = copied(here, tmp_path / "newer.db")
    recovered(here, newer, before=lambda: put_back(here, old))
    assert states(here)[id] == ("discarded", "discarded")


def test_what_the_newer_copy_has_removed_after_delivery_does_not_come_back(
    here: SandboxRig, tmp_path: Path
) -> None:
    """P2: delivered and pruned; the old file still has it as waiting."""
    ids = here.capture_many(2)
    old = copied(here, tmp_path / "old.db")
    here.sync()
    here.time.passes(60)
    now = int(here.time.wall.timestamp() * 1000)
    retention.prune(here.database, before=now, now=now, dry_run=False)
    newer = copied(here, tmp_path / "newer.db")
    done = recovered(here, newer, before=lambda: put_back(here, old))
    assert done.tally.lost_ids == []
    assert states(here) == {}
    days_pass(here)
    assert_delivered_once_of(here, ids)


def test_receipt_of_the_newer_copy_is_kept_also_where_the_outbox_knows_more(
    here: SandboxRig, tmp_path: Path
) -> None:
    """A late answer was written down in one of two branches."""
    (id,) = here.capture_many(1)
    here.sync()
    copy = copied(here, tmp_path / "copy.db")
    with here.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM receipt")
        transaction.cursor.execute("UPDATE entry SET attempt_n = attempt_n + 1")
    recovered(here, copy)
    assert len(here.entry(id)["receipts"]) == 1
    recovered(here, copy)
    assert len(here.entry(id)["receipts"]) == 1, "and only once"


def test_children_of_both_branches_are_in_the_story(here: SandboxRig, tmp_path: Path) -> None:
    """What was tried is kept, from whichever copy; a try that one copy saw begin ended in the other."""
    (id,) = here.capture_many(1)
    old = copied(here, tmp_path / "old.db")
    here.sync()
    newer = copied(here, tmp_path / "newer.db")
    recovered(here, before=lambda: put_back(here, old))
    for _ in range(2):
        here.time.passes(120)
        here.sync()
    before = here.outcomes(id)
    recovered(here, newer)
    after = here.outcomes(id)
    assert {step for step, _, _ in after} >= {"send", "upload"}
    assert len(after) >= max(2, len(before))


def test_reference_list_survives_and_a_damaged_one_is_left_out(here: SandboxRig) -> None:
    """A wrong number in a form would be worse than none."""
    lines = [Line("company", 1, "A"), Line("site", 2, "B", 1)]
    with here.database.write() as transaction:
        listed.replace(transaction, lines, now=7)
    assert recovered_by_force(here).tally.notes == []
    with here.database.read() as transaction:
        assert listed.read(transaction.cursor.execute) == lines
        facts = listed.facts(transaction.cursor.execute)
    assert facts is not None
    assert facts.at == 7
    with here.database.write() as transaction:
        transaction.cursor.execute("UPDATE listed SET id = 3 WHERE id = 2")
    (note,) = recovered_by_force(here).tally.notes
    assert "fieldsync reference import" in note
    with here.database.read() as transaction:
        assert listed.read(transaction.cursor.execute) == []
        assert listed.facts(transaction.cursor.execute) is None


def recovered_by_force(rig: SandboxRig) -> Recovered:
    rig.close()
    rig.time.passes(1)
    clock = rig.time.clock
    when = When(clock.now(), clock.monotonic_ms(), clock.boot(), str(uuid4()))
    done = recover(StorageFolder(rig.root), when, methods=METHODS, force=True)
    rig.restart()
    return done


def test_note_counts_what_was_handed_over(here: SandboxRig, tmp_path: Path) -> None:
    here.capture_many(3)
    given_away(here.database, tmp_path / "a.bundle")
    folder = StorageFolder(here.root)
    assert seen(folder) == Seen(3, 1, 3)
    here.capture(4)
    given_away(here.database, tmp_path / "b.bundle", number=2)
    assert seen(folder) == Seen(4, 2, 4)
