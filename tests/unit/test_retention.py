"""What is delivered may be removed, what is not may never; its proof of delivery outlives it."""

from pathlib import Path
from typing import Any

import pytest

from storage import receipts, retention
from storage.claims import START_ATTEMPT
from storage.queries import Reader
from storage.retention import Pruned
from tests.support.scratch import NOON_MS, Scratch, entry_id, signature

LATER = NOON_MS + 90 * 86_400_000
ETAG = "etag-of-the-storage"


@pytest.fixture
def scratch(tmp_path: Path) -> Any:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def deliver(scratch: Scratch, number: int, *, at: int = NOON_MS) -> None:
    scratch.put(number)
    lease = scratch.send(number)
    _, uploading = scratch.accept(number, lease, 500 + number, upload_next=True)
    assert uploading is not None
    scratch.upload(number, uploading)
    scratch.edit(number, done_at=at, etag=ETAG)


def prune(scratch: Scratch, before: int = LATER, **more: Any) -> Pruned:
    return retention.prune(scratch.database, before=before, now=LATER, **more)


def proofs(scratch: Scratch, **since: Any) -> list[dict[str, Any]]:
    with scratch.database.read() as transaction:
        return list(receipts.receipts(Reader(transaction.cursor), **since))


def test_receipt_says_the_same_before_and_after_the_payload_is_gone(scratch: Scratch) -> None:
    deliver(scratch, 1)
    (before,) = proofs(scratch)
    assert prune(scratch) == Pruned(removed=1, kept=0)
    (after,) = proofs(scratch)
    assert after["removed_at"] is not None
    assert {**after, "removed_at": None} == before
    assert before == {
        "id": entry_id(1),
        "kind": "unplanned-preventive",
        "server_id": 501,
        "captured_at": "2026-03-02T12:00:00.001Z",
        "accepted_at": "2026-03-02T12:00:00.000Z",
        "uploaded_at": "2026-03-02T12:00:00.000Z",
        "done_at": "2026-03-02T12:00:00.000Z",
        "request_digest": "digest-1",
        "image_sha256": signature(1).sha256,
        "etag": ETAG,
        "removed_at": None,
    }


def test_nothing_that_was_written_or_answered_is_left(scratch: Scratch) -> None:
    """Everything of the entry but its proof is gone, from each table."""
    deliver(scratch, 1)
    prune(scratch)
    for table in ("entry", "signature", "attempt", "receipt", "reference", "revision"):
        assert scratch.all(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert scratch.all("SELECT sum(n) FROM counter WHERE state = 'done'") == [(0,)]


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "pending"},
        {"state": "sending"},
        {"state": "in_doubt"},
        {"state": "accepted"},
        {"state": "parked", "stage": "accepted"},
        {"state": "dead", "stage": "pending"},
        {"state": "discarded"},
        {"state": "done", "done_at": LATER},
    ],
    ids=lambda facts: facts["state"],
)
def test_what_is_not_delivered_or_too_young_stays(scratch: Scratch, facts: dict[str, Any]) -> None:
    scratch.put(1)
    scratch.edit(1, **{"done_at": NOON_MS, **facts})
    assert prune(scratch) == Pruned(removed=0, kept=0)
    assert scratch.state(1) == facts["state"]


@pytest.mark.parametrize("link", ["target_entry", "after_entry", "reference"])
def test_parent_stays_until_its_child_is_finished(scratch: Scratch, link: str) -> None:
    """A child that is not sent yet would have nobody to take its server id from."""
    deliver(scratch, 1)
    named = {link: entry_id(1)} if link != "reference" else {}
    scratch.put(2, signed=False, **named)
    if link == "reference":
        with scratch.database.write() as transaction:
            insert = "INSERT INTO reference (entry_seq, parent) VALUES (?, ?)"
            transaction.cursor.execute(insert, (2, entry_id(1)))
    assert prune(scratch) == Pruned(removed=0, kept=1)
    scratch.edit(2, state="done", done_at=NOON_MS)
    assert prune(scratch) == Pruned(removed=2, kept=0)


def test_entry_with_a_try_that_has_not_ended_stays(scratch: Scratch) -> None:
    """A late answer must find the entry that it belongs to."""
    deliver(scratch, 1)
    with scratch.database.write() as transaction:
        transaction.run(START_ATTEMPT, entry_seq=scratch.seq(1), n=9, step="send", started_at=NOON_MS)
    assert prune(scratch) == Pruned(removed=0, kept=1)


def test_dry_run_counts_and_removes_nothing(scratch: Scratch) -> None:
    deliver(scratch, 1)
    deliver(scratch, 2)
    scratch.put(3, after_entry=entry_id(2))
    assert prune(scratch, dry_run=True) == Pruned(removed=1, kept=1)
    assert scratch.state(1) == "done"


def test_more_than_a_batch_is_removed_beside_what_has_to_stay(scratch: Scratch) -> None:
    for number in range(1, 452):
        scratch.put(number, signed=False)
        if number % 50:
            scratch.edit(number, state="done", done_at=NOON_MS, server_id=number)
    assert prune(scratch).removed == 442
    assert scratch.all("SELECT count(*) FROM entry") == [(9,)]


def test_receipts_are_in_the_order_of_delivery_and_since_an_instant(scratch: Scratch) -> None:
    deliver(scratch, 1, at=NOON_MS + 3000)
    deliver(scratch, 2, at=NOON_MS + 1000)
    deliver(scratch, 3, at=NOON_MS + 2000)
    prune(scratch, before=NOON_MS + 1500)
    assert [each["server_id"] for each in proofs(scratch)] == [502, 503, 501]
    assert [each["server_id"] for each in proofs(scratch, since=NOON_MS + 2000)] == [503, 501]


def test_purged_number_of_an_entry_is_not_given_again(scratch: Scratch) -> None:
    deliver(scratch, 1)
    prune(scratch)
    scratch.put(2)
    assert scratch.seq(2) == 2
