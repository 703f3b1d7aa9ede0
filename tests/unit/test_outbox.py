"""A capture becomes durable rows, a repeat answers the entry that is there, and what fails leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import outbox
from storage.errors import EntryNotFound, IdConflict
from storage.signatures import read_signature
from tests.support.scratch import NOON_MS, Scratch, entry_id, new_entry, signature


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def test_capture_is_pending_with_all_that_was_given(scratch: Scratch) -> None:
    put = scratch.put(1, owner="anna", clock_offset_ms=-1500, clock_suspect=True, chain_key="target:7")
    assert (put.id, put.state, put.duplicate, put.start_not_unique) == (entry_id(1), "pending", False, False)
    row = scratch.row(1)
    expected = {
        "state": "pending", "stage": None, "reason": None, "due_at": 0, "creates": 1, "has_signature": 1,
        "payload": '{"n":1}', "input_digest": "input-1", "idempotency_key": entry_id(1), "owner": "anna",
        "clock_offset_ms": -1500, "clock_suspect": 1, "chain_key": "target:7", "attempts": 0, "attempt_n": 0,
        "lease_owner": None, "lease_fence": 0, "server_id": None, "captured_at": NOON_MS + 1, "done_at": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert read_signature(scratch.database, row["seq"]) == signature(1)


def test_capture_without_image_owes_no_signature(scratch: Scratch) -> None:
    scratch.put(1, signed=False)
    assert scratch.row(1)["has_signature"] == 0
    assert read_signature(scratch.database, scratch.seq(1)) is None


def test_sequence_numbers_are_never_used_twice(scratch: Scratch) -> None:
    """Order is a sequence; a number that came back would put a new entry among old ones."""
    scratch.put(1)
    scratch.put(2)
    last = scratch.seq(2)
    scratch.purge(2)
    scratch.put(3)
    assert scratch.seq(3) > last


def test_repeat_with_the_same_input_answers_the_entry_that_is_there(scratch: Scratch) -> None:
    scratch.put(1, id_was_given=True)
    scratch.deliver(1, 501)
    again = scratch.put(1, id_was_given=True)
    assert (again.duplicate, again.state, again.kind) == (True, "accepted", "unplanned-preventive")
    assert scratch.all("SELECT count(*) FROM entry") == [(1,)]


def test_repeat_with_another_input_is_refused_with_the_next_command(scratch: Scratch) -> None:
    scratch.put(1, id_was_given=True)
    with pytest.raises(IdConflict, match="already belongs to another capture") as refused:
        scratch.put(1, id_was_given=True, input_digest="other")
    assert refused.value.next_command == f"fieldsync show {entry_id(1)[-8:]}"
    assert scratch.row(1)["input_digest"] == "input-1"


def test_repeat_of_a_purged_entry_answers_how_it_ended(scratch: Scratch) -> None:
    scratch.put(1, id_was_given=True)
    scratch.upload(1, scratch.accept(1, scratch.send(1), 501, upload_next=True)[1])
    scratch.purge(1)
    again = scratch.put(1, id_was_given=True)
    assert (again.duplicate, again.state) == (True, "done")
    assert scratch.all("SELECT count(*) FROM entry") == [(0,)]
    with pytest.raises(IdConflict):
        scratch.put(1, id_was_given=True, input_digest="other")


def test_purged_entry_takes_its_signature_history_and_receipts_with_it(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.deliver(1, 501)
    scratch.purge(1)
    for table in ("signature", "attempt", "receipt"):
        assert scratch.all(f"SELECT count(*) FROM {table}") == [(0,)], table


def test_start_that_the_device_chose_is_unique_to_the_millisecond(scratch: Scratch) -> None:
    def chosen(start_at: int) -> str:
        return f'{{"start":{start_at}}}'

    for number in (1, 2, 3):
        put = scratch.put(number, start_at=NOON_MS, payload=chosen)
        assert not put.start_not_unique
    rows = [scratch.row(number) for number in (1, 2, 3)]
    assert [row["start_at"] for row in rows] == [NOON_MS, NOON_MS + 1, NOON_MS + 2]
    assert [row["payload"] for row in rows] == [chosen(NOON_MS), chosen(NOON_MS + 1), chosen(NOON_MS + 2)]


def test_start_that_was_given_is_kept_and_a_second_use_is_told(scratch: Scratch) -> None:
    assert not scratch.put(1, start_at=NOON_MS).start_not_unique
    assert scratch.put(2, start_at=NOON_MS).start_not_unique
    assert scratch.row(2)["start_at"] == NOON_MS


def test_start_of_another_kind_is_no_second_use(scratch: Scratch) -> None:
    """A repair planned for noon, and a visit that began at noon: no look-up takes one for the other."""
    scratch.put(1, start_at=NOON_MS, kind="curative")
    assert not scratch.put(2, start_at=NOON_MS, kind="unplanned-preventive").start_not_unique


def test_chosen_start_steps_over_one_that_was_given(scratch: Scratch) -> None:
    scratch.put(1, start_at=NOON_MS)
    scratch.put(2, start_at=NOON_MS, payload=str)
    assert scratch.row(2)["start_at"] == NOON_MS + 1


@pytest.mark.parametrize("link", ["after_entry", "target_entry"])
def test_entry_to_wait_for_must_exist(scratch: Scratch, link: str) -> None:
    with pytest.raises(EntryNotFound, match=entry_id(9)):
        scratch.put(1, **{link: entry_id(9)})
    assert scratch.all("SELECT count(*) FROM entry") == [(0,)]
    scratch.put(9)
    scratch.put(1, **{link: entry_id(9)})
    assert scratch.row(1)[link] == entry_id(9)


def test_batch_that_fails_at_its_last_entry_leaves_nothing_behind(scratch: Scratch) -> None:
    with pytest.raises(EntryNotFound), scratch.database.write() as transaction:  # noqa: PT012
        outbox.put_in(transaction, new_entry(1))
        outbox.put_in(transaction, new_entry(2, after_entry=entry_id(1)))
        outbox.put_in(transaction, new_entry(3, after_entry=entry_id(9)))
    for table in ("entry", "signature"):
        assert scratch.all(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert scratch.all("SELECT coalesce(sum(n), 0) FROM counter") == [(0,)]
    scratch.put(1)
    assert scratch.state(1) == "pending"


def test_entry_whose_signature_cannot_be_stored_is_not_stored_either(scratch: Scratch) -> None:
    with pytest.raises(Exception, match="NOT NULL constraint failed"):
        scratch.put(1, signature=outbox.NewSignature("s.png", "image/png", 1, "00", "00", None))  # type: ignore[arg-type]
    assert scratch.all("SELECT count(*) FROM entry") == [(0,)]


def test_batch_sees_its_own_entries_as_duplicates(scratch: Scratch) -> None:
    with scratch.database.write() as transaction:
        first = outbox.put_in(transaction, new_entry(1, id_was_given=True))
        second = outbox.put_in(transaction, new_entry(1, id_was_given=True))
    assert (first.duplicate, second.duplicate) == (False, True)
