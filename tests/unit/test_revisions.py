"""Editing what an entry says: when that is possible, what is kept, and what a late answer to the old body does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage import history, records, revisions
from storage.claims import Lease
from storage.database import Transaction
from storage.digests import intact
from storage.guarded import held
from storage.held import held as held_entries
from storage.lifecycle import Event
from storage.queries import Narrowed, reading
from storage.records import Kept
from sync.causes import grouped
from tests.support.scratch import LEASE_MS, NOON_MS, REPEATABLE_KIND, WENT_WRONG, Scratch, entry_id, setback

SETTLE_MS = 120_000


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path)
    yield scratch
    scratch.close()


def obstacle(box: Scratch, number: int) -> str | None:
    with box.database.read() as transaction:
        return revisions.obstacle(transaction, entry_id(number), now=box.now, settle_ms=SETTLE_MS)


def revise(box: Scratch, number: int, payload: str = '{"n":9}', *, key: str = "new-key") -> None:
    with box.database.write() as transaction:
        id = entry_id(number)
        assert revisions.obstacle(transaction, id, now=box.now, settle_ms=SETTLE_MS) is None
        revisions.revise(
            transaction,
            revisions.said(transaction, id),
            payload=payload,
            start_at=NOON_MS,
            key=key,
            image_name=None,
            detail="n",
            now=box.now,
        )


def refused(box: Scratch, number: int = 1) -> Lease:
    box.put(number)
    lease = box.send(number)
    box.set_back(number, lease, Event.REJECT, reason="refused")
    return lease


def test_cause_of_an_edited_entry_names_nobody_whom_it_named_before(box: Scratch) -> None:
    """The server spoke of the body that it was sent, and not of the one that was put right since."""
    box.put(1, payload='{"provider":{"firstName":"Zoe"}}')
    lease = box.send(1)
    with box.database.write() as transaction:
        told = replace(WENT_WRONG, reason="refused", detail='{"message":"provider Zoe is unknown"}')
        change = setback(Event.REJECT, reason="refused")
        assert records.record_setback(transaction, box.seq(1), lease, change, told, now=box.now)
    for payload in ('{"provider":{"firstName":"Ann"}}', '{"provider":{"firstName":"Eve"}}'):
        revise(box, 1, payload)
    with reading(box.database.folder) as reader:
        assert reader is not None
        (group,) = grouped(held_entries(reader, Narrowed()))
    assert group.cause.message == "provider *** is unknown"


def test_refused_entry_says_something_else_and_keeps_what_it_said(box: Scratch) -> None:
    refused(box)
    before = box.row(1)
    revise(box, 1)
    after = box.row(1)
    assert (after["state"], after["payload"], after["idempotency_key"]) == ("dead", '{"n":9}', "new-key")
    assert (after["request_path"], after["request_body"], after["request_digest"]) == (None, None, None)
    assert after["input_digest"] == before["input_digest"]
    assert after["start_at"] == NOON_MS
    assert after["lease_fence"] > before["lease_fence"]
    (kept,) = box.all("SELECT n, payload, payload_sha256, idempotency_key FROM revision")
    assert kept == (2, before["payload"], before["payload_sha256"], before["idempotency_key"])
    assert box.history(1)[-1] == (2, "person", "Edited")
    with box.database.read() as transaction:
        assert intact(transaction.cursor, after["seq"])


def test_waiting_entry_that_is_edited_forgets_what_was_said_of_the_old_body(box: Scratch) -> None:
    box.put(1)
    box.set_back(1, box.send(1), Event.RETRY, reason="no_connection", due_at=NOON_MS + 5_000, counted=True)
    revise(box, 1)
    row = box.row(1)
    assert (row["state"], row["due_at"], row["reason"], row["attempts"]) == ("pending", 0, None, 0)
    assert box.due() == [1]
    assert box.due_facts(1).payload == '{"n":9}'


def test_same_id_with_the_input_of_old_is_still_the_same_capture(box: Scratch) -> None:
    box.put(1, id_was_given=True)
    revise(box, 1)
    assert box.put(1, id_was_given=True).duplicate


@pytest.mark.parametrize(
    "how", ["lease", "doubt", "held_doubt", "accepted", "done", "handed_over", "damaged"]
)
def test_what_may_have_arrived_or_is_held_is_not_edited(box: Scratch, how: str) -> None:
    box.put(1, signed=how != "done")
    match how:
        case "damaged":
            box.edit(1, payload='{"n":2}')
        case "handed_over":
            box.edit(1, state="parked", stage="pending", reason="handed_over")
        case _:
            lease = box.send(1)
            if how in ("doubt", "held_doubt"):
                box.set_back(1, lease, Event.DOUBT)
            if how == "held_doubt":
                box.park_doubt(1)
            if how in ("accepted", "done"):
                box.accept(1, lease, 501)
    expected = {
        "lease": "being_delivered",
        "doubt": "perhaps_arrived",
        "held_doubt": "perhaps_arrived",
        "accepted": "arrived",
        "done": "finished",
    }
    assert obstacle(box, 1) == expected.get(how, how)


def test_send_that_was_cut_off_is_not_edited(box: Scratch) -> None:
    """The tablet died in the middle of the send, and nobody has looked since."""
    box.put(1)
    box.send(1)
    box.now += LEASE_MS + 1
    assert obstacle(box, 1) == "perhaps_arrived"


def unanswered_update(box: Scratch, reason: str = "answer_lost") -> None:
    box.put(1, kind=REPEATABLE_KIND, creates=False, signed=False, target_id=7)
    box.set_back(1, box.send(1), Event.RETRY, reason=reason)
    with box.database.write() as transaction:
        transaction.cursor.execute("UPDATE attempt SET reason = ? WHERE step = 'send'", (reason,))


def test_update_that_nobody_answered_is_edited_only_after_its_settling_time(box: Scratch) -> None:
    """The server may still carry out the old body, after the new one: the old one would win."""
    unanswered_update(box)
    assert obstacle(box, 1) == "may_still_arrive"
    box.now += SETTLE_MS - 1
    assert obstacle(box, 1) == "may_still_arrive"
    box.now += 1_000
    assert obstacle(box, 1) is None


def test_no_later_try_that_never_left_hides_one_that_nobody_answered(box: Scratch) -> None:
    unanswered_update(box)
    with box.database.write() as transaction:
        row = held(transaction, id=entry_id(1))
        assert row is not None
        history.note(
            transaction, row, step="send", outcome="Unreachable", reason="no_connection", now=box.now
        )
    assert obstacle(box, 1) == "may_still_arrive"


def test_update_that_was_turned_away_unread_is_edited_at_once(box: Scratch) -> None:
    unanswered_update(box, "busy")
    assert obstacle(box, 1) is None


def test_late_answer_to_the_old_body_stops_the_new_one(box: Scratch) -> None:
    """A person said it had not arrived and edited it; then the answer to the first try comes after all."""
    box.put(1)
    late = box.send(1)
    box.set_back(1, late, Event.DOUBT)
    box.take_for_absent(1)
    revise(box, 1)
    assert box.accept(1, late, 501) == (Kept.BEFORE_EDIT, None)
    row = box.row(1)
    assert (row["state"], row["stage"], row["reason"]) == ("parked", "accepted", "accepted_before_edit")
    assert (row["server_id"], row["presigned_url"] is not None) == (501, True)
    assert box.receipts(1) == [(late.attempt_n, 501, 1)]
    assert box.due() == []
    box.resync(1)
    assert (box.state(1), box.due(), box.due_uploads()) == ("accepted", [], [1])


def test_late_answer_while_the_new_body_is_on_the_wire_is_the_one_that_counts(box: Scratch) -> None:
    box.put(1)
    late = box.send(1)
    box.set_back(1, late, Event.DOUBT)
    box.take_for_absent(1)
    revise(box, 1)
    second = box.send(1, digest="digest-of-the-new-body")
    assert box.accept(1, late, 501)[0] is Kept.BEFORE_EDIT
    assert box.accept(1, second, 502, digest="digest-of-the-new-body")[0] is Kept.RECEIPT_ONLY
    assert box.row(1)["server_id"] == 501
    assert [each[1:] for each in box.receipts(1)] == [(501, 1), (502, 0)]


def test_late_answer_to_the_old_body_of_one_without_signature_leaves_it_in_doubt(box: Scratch) -> None:
    box.put(1, signed=False)
    late = box.send(1)
    box.set_back(1, late, Event.DOUBT)
    box.take_for_absent(1)
    revise(box, 1)
    assert box.accept(1, late, 501)[0] is Kept.BEFORE_EDIT
    row = box.row(1)
    assert (row["state"], row["stage"], row["certainly_created"]) == ("parked", "in_doubt", 1)
    assert obstacle(box, 1) == "perhaps_arrived"


def test_late_answer_to_an_update_of_old_changes_nothing(box: Scratch) -> None:
    """The intervention is there either way, and what is sent next says it anew."""
    box.put(1, kind=REPEATABLE_KIND, creates=False, signed=False, target_id=7)
    late = box.send(1)
    box.set_back(1, late, Event.RETRY, reason="answer_lost")
    box.now += SETTLE_MS + 1_000
    revise(box, 1)
    assert box.accept(1, late, 7)[0] is Kept.RECEIPT_ONLY
    assert box.due() == [1]


def test_refused_entry_for_which_an_answer_came_after_all_is_not_edited(box: Scratch) -> None:
    lease = refused(box)
    box.accept(1, lease, 501)
    assert obstacle(box, 1) == "perhaps_arrived"


def test_row_is_as_it_was_where_the_edit_is_not_committed(box: Scratch) -> None:
    refused(box)
    before = box.row(1)

    def edit_and_fail(transaction: Transaction) -> None:
        said = revisions.said(transaction, entry_id(1))
        revisions.revise(
            transaction, said, payload="{}", start_at=None, key="k", image_name=None, detail="n", now=box.now
        )
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError), box.database.write() as transaction:
        edit_and_fail(transaction)
    assert box.row(1) == before
    assert box.all("SELECT count(*) FROM revision") == [(0,)]
