"""What came back is written down once, in full, only by the one who holds the entry; evidence is kept however late."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import doubts, history, records
from storage.claims import Lease
from storage.lifecycle import Event
from storage.records import Kept, Result
from tests.support.scratch import (
    NOON_MS,
    REPEATABLE_KIND,
    URL,
    WENT_WELL,
    Scratch,
    answer,
    setback,
)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    made.put(1)
    yield made
    made.close()


def test_receipt_and_url_are_stored_with_the_new_state(scratch: Scratch) -> None:
    kept, lease = scratch.accept(1, scratch.send(1), 501)
    assert (kept, lease) == (Kept.STORED, None)
    row = scratch.row(1)
    expected = {
        "state": "accepted", "server_id": 501, "presigned_url": URL, "url_expires_at": NOON_MS + 900_000,
        "url_received_at": NOON_MS, "attempts": 0, "lease_owner": None, "lease_expires_at": None, "done_at": None,
        "reason": None, "due_at": 0,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert scratch.receipts(1) == [(1, 501, 1)]
    assert scratch.history(1) == [(1, "send", "Accepted")]


def test_lease_goes_on_for_the_upload_with_an_attempt_of_its_own(scratch: Scratch) -> None:
    send = scratch.send(1)
    kept, lease = scratch.accept(1, send, 501, upload_next=True)
    assert kept is Kept.STORED
    assert lease is not None
    row = scratch.row(1)
    assert (row["lease_owner"], row["lease_fence"], row["attempt_n"]) == (lease.owner, lease.fence, 2)
    assert scratch.history(1) == [(1, "send", "Accepted"), (2, "upload", None)]
    assert scratch.due_uploads() == []
    assert scratch.upload(1, lease)
    assert scratch.state(1) == "done"


def test_entry_without_signature_is_done_with_its_receipt(scratch: Scratch) -> None:
    scratch.put(2, signed=False)
    kept, lease = scratch.accept(2, scratch.send(2), 502, upload_next=True, url=None, expires_at=None)
    row = scratch.row(2)
    assert (kept, lease, row["state"], row["done_at"], row["lease_owner"]) == (
        Kept.STORED,
        None,
        "done",
        NOON_MS,
        None,
    )


def test_presigned_url_that_nobody_will_use_is_not_kept(scratch: Scratch) -> None:
    """A secret is stored only while a step still needs it, and erased when that step is over."""
    scratch.put(2, signed=False)
    scratch.accept(2, scratch.send(2), 502)
    assert scratch.row(2)["presigned_url"] is None


def test_upload_ends_the_entry_and_erases_its_url(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    assert scratch.upload(1, scratch.lease_upload(1))
    row = scratch.row(1)
    expected = {
        "state": "done", "presigned_url": None, "uploaded_at": NOON_MS, "done_at": NOON_MS, "server_id": 501,
        "lease_owner": None, "reason": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("event", "state", "stage"),
    [
        (Event.RETRY, "pending", None),
        (Event.DOUBT, "in_doubt", None),
        (Event.REJECT, "dead", "pending"),
        (Event.PARK, "parked", "pending"),
    ],
)
def test_setback_of_a_send_moves_the_entry_and_frees_it(
    scratch: Scratch, event: Event, state: str, stage: str | None
) -> None:
    lease = scratch.send(1)
    assert scratch.set_back(1, lease, event, counted=True)
    row = scratch.row(1)
    assert (row["state"], row["stage"], row["reason"]) == (state, stage, "server_busy")
    assert (row["attempts"], row["first_attempt_at"], row["link_failures"]) == (1, NOON_MS, 0)
    assert (row["lease_owner"], row["lease_expires_at"]) == (None, None)
    assert row["lease_fence"] > lease.fence
    assert scratch.history(1) == [(1, "send", "Retryable")]


def test_trouble_with_the_link_costs_no_attempt(scratch: Scratch) -> None:
    scratch.set_back(1, scratch.send(1), Event.RETRY, link_failure=True)
    row = scratch.row(1)
    assert (row["attempts"], row["first_attempt_at"], row["link_failures"]) == (0, None, 1)


def test_age_of_the_budget_counts_from_its_first_failure(scratch: Scratch) -> None:
    for _ in range(2):
        scratch.set_back(1, scratch.send(1), Event.RETRY, counted=True)
        scratch.now += 60_000
    row = scratch.row(1)
    assert (row["attempts"], row["first_attempt_at"]) == (2, NOON_MS)


def test_doubt_stores_the_settling_clock_and_what_is_certain(scratch: Scratch) -> None:
    scratch.set_back(1, scratch.send(1), Event.DOUBT, certainly_created=True)
    row = scratch.row(1)
    assert (row["doubt_at"], row["doubt_mono_ms"], row["doubt_boot"]) == (NOON_MS, 1_000, "boot-1")
    assert row["certainly_created"] == 1
    assert not scratch.take_for_absent(1)
    assert scratch.state(1) == "in_doubt"


def test_upload_trouble_parks_the_entry_where_it_was(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    scratch.set_back(1, scratch.lease_upload(1), Event.PARK, reason="url_expired")
    row = scratch.row(1)
    assert (row["state"], row["stage"], row["presigned_url"]) == ("parked", "accepted", URL)
    assert scratch.resync(1) == "released"
    assert scratch.state(1) == "accepted"


def test_upload_retry_stays_accepted_and_keeps_its_own_budget(scratch: Scratch) -> None:
    scratch.set_back(1, scratch.send(1), Event.RETRY, counted=True)
    scratch.deliver(1, 501)
    scratch.set_back(1, scratch.lease_upload(1), Event.RETRY, counted=True, due_at=NOON_MS + 9)
    row = scratch.row(1)
    assert (row["state"], row["attempts"], row["due_at"]) == ("accepted", 1, NOON_MS + 9)


def test_history_detail_is_cut_to_its_limit(scratch: Scratch) -> None:
    lease = scratch.send(1)
    result = Result("Retryable", "server_busy", 1, detail="x" * 5000, request_id="r-1")
    seq = scratch.seq(1)
    with scratch.database.write() as transaction:
        records.record_setback(transaction, seq, lease, setback(Event.RETRY), result, now=NOON_MS)
    assert scratch.all("SELECT length(detail), request_id FROM attempt") == [(history.DETAIL_LIMIT, "r-1")]


@pytest.mark.parametrize("state", ["in_doubt", "pending", "parked"])
def test_late_acceptance_is_adopted_where_the_entry_has_no_id(scratch: Scratch, state: str) -> None:
    """The tablet slept past its lease with the only upload URL in its hands."""
    lease = scratch.send(1)
    scratch.rescue()
    if state == "pending":
        scratch.take_for_absent(1)
    elif state == "parked":
        scratch.park_doubt(1)
    assert scratch.state(1) == state
    assert scratch.accept(1, lease, 501, upload_next=True) == (Kept.ADOPTED, None)
    row = scratch.row(1)
    assert (row["state"], row["server_id"], row["presigned_url"], row["stage"]) == (
        "accepted",
        501,
        URL,
        None,
    )
    assert (row["lease_owner"], row["attempts"], row["reason"]) == (None, 0, None)
    assert scratch.receipts(1) == [(1, 501, 1)]
    assert scratch.history(1) == [(1, "send", "Accepted")]
    assert scratch.due() == []
    assert scratch.due_uploads() == [1]


def test_late_acceptance_ends_an_entry_that_owes_nothing_more(scratch: Scratch) -> None:
    scratch.put(2, signed=False)
    lease = scratch.send(2)
    scratch.rescue()
    assert scratch.accept(2, lease, 502, url=None)[0] is Kept.ADOPTED
    assert (scratch.state(2), scratch.row(2)["done_at"]) == ("done", NOON_MS)


@pytest.mark.parametrize("parked", [False, True], ids=["accepted", "parked"])
def test_late_acceptance_brings_its_url_where_only_the_id_was_known(scratch: Scratch, parked: bool) -> None:
    """A look-up or a person found it first. The URL is given out once, and here it is."""
    lease = found_elsewhere(scratch, 501)
    if parked:
        scratch.park_accepted(1)
    assert scratch.accept(1, lease, 501) == (Kept.URL_ONLY, None)
    row = scratch.row(1)
    assert (row["state"], row["stage"], row["reason"]) == ("accepted", None, None)
    assert (row["presigned_url"], row["url_expires_at"]) == (URL, NOON_MS + 900_000)
    assert scratch.receipts(1)[-1] == (1, 501, 0)
    assert scratch.due_uploads() == [1]


def test_late_acceptance_under_another_id_changes_nothing(scratch: Scratch) -> None:
    """Two records of one entry: both ids are kept, and no URL of the one is used for the other."""
    lease = found_elsewhere(scratch, 501)
    before = scratch.row(1)
    assert scratch.accept(1, lease, 502) == (Kept.RECEIPT_ONLY, None)
    assert scratch.row(1) == before


def test_late_acceptance_leaves_alone_what_waits_for_something_else(scratch: Scratch) -> None:
    lease = found_elsewhere(scratch, 501)
    scratch.park_accepted(1, "upload_forbidden")
    before = scratch.row(1)
    assert scratch.accept(1, lease, 501) == (Kept.RECEIPT_ONLY, None)
    assert scratch.row(1) == before


def found_elsewhere(scratch: Scratch, server_id: int) -> Lease:
    """Sent, cut off and found in the list; the lease that its sender still believes in."""
    lease = scratch.send(1)
    scratch.rescue()
    with scratch.database.write() as transaction:
        (doubt,) = doubts.in_doubt(transaction)
        found = Result("Found", "found_at_server", 5, status=200)
        assert doubts.record_found(
            transaction, doubt, server_id=server_id, status=200, answer="{}", result=found, now=NOON_MS
        )
    return lease


def test_late_acceptance_of_another_request_is_only_a_receipt(scratch: Scratch) -> None:
    """After an edit the bytes differ: what was accepted is not what the entry holds now."""
    lease = scratch.send(1)
    scratch.rescue()
    assert scratch.accept(1, lease, 501, digest="other") == (Kept.RECEIPT_ONLY, None)
    assert (scratch.state(1), scratch.row(1)["server_id"]) == ("in_doubt", None)
    assert scratch.receipts(1) == [(1, 501, 0)]


def test_second_acceptance_keeps_both_ids_and_the_first_one_counts(scratch: Scratch) -> None:
    first = scratch.send(1)
    scratch.rescue()
    scratch.take_for_absent(1)
    scratch.accept(1, scratch.send(1), 502)
    assert scratch.accept(1, first, 501) == (Kept.RECEIPT_ONLY, None)
    assert scratch.row(1)["server_id"] == 502
    assert scratch.receipts(1) == [(2, 502, 1), (1, 501, 0)]
    assert scratch.history(1) == [(1, "send", "Accepted"), (2, "send", "Accepted")]


@pytest.mark.parametrize("end", ["dead", "discarded"])
def test_acceptance_after_the_end_is_only_a_receipt(scratch: Scratch, end: str) -> None:
    lease = scratch.send(1)
    scratch.rescue()
    scratch.edit(1, state=end)
    before = scratch.row(1)
    assert scratch.accept(1, lease, 501)[0] is Kept.RECEIPT_ONLY
    assert scratch.row(1) == before
    assert scratch.receipts(1) == [(1, 501, 0)]


def test_id_that_another_entry_created_parks_this_one_in_doubt(scratch: Scratch) -> None:
    """A server that answers two creates with one id has lost one of them, or joined them."""
    scratch.put(2)
    scratch.deliver(1, 501)
    assert scratch.accept(2, scratch.send(2), 501, upload_next=True) == (Kept.ID_TAKEN, None)
    row = scratch.row(2)
    assert (row["state"], row["stage"], row["reason"]) == ("parked", "in_doubt", "server_id_taken")
    assert (row["certainly_created"], row["server_id"], row["lease_owner"]) == (1, None, None)
    assert scratch.receipts(2) == [(1, 501, 0)]
    assert scratch.resync(2) == "released"
    assert not scratch.take_for_absent(2)


@pytest.mark.parametrize("state", ["in_doubt", "pending", "parked"])
def test_late_id_that_another_entry_created_never_leads_to_a_second_send(
    scratch: Scratch, state: str
) -> None:
    """Whatever the entry was when the answer came: it was accepted, so no order may send it again."""
    scratch.put(2)
    lease = scratch.send(2)
    scratch.rescue()
    if state == "pending":
        scratch.take_for_absent(2)
    elif state == "parked":
        scratch.park_doubt(2)
    scratch.deliver(1, 501)
    assert scratch.accept(2, lease, 501)[0] is Kept.ID_TAKEN
    assert (scratch.state(2), scratch.row(2)["reason"]) == ("parked", "server_id_taken")
    scratch.resync(2)
    scratch.take_for_absent(2)
    assert scratch.due() == []


def test_same_server_id_is_fine_for_changes_of_one_record(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    scratch.put(2, kind=REPEATABLE_KIND, creates=False, signed=False, target_id=501)
    assert scratch.accept(2, scratch.send(2), 501, url=None)[0] is Kept.STORED


def test_database_itself_refuses_one_record_for_two_captures(scratch: Scratch) -> None:
    scratch.put(2)
    scratch.deliver(1, 501)
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        scratch.edit(2, server_id=501)


@pytest.mark.parametrize("what", ["setback", "uploaded", "handed back"])
def test_lost_lease_changes_nothing_but_the_history(scratch: Scratch, what: str) -> None:
    scratch.deliver(1, 501)
    lease = scratch.lease_upload(1)
    scratch.rescue()
    before = scratch.row(1)
    if what == "setback":
        assert not scratch.set_back(1, lease, Event.PARK, counted=True)
    elif what == "uploaded":
        assert not scratch.upload(1, lease)
    else:
        assert not scratch.hand_back(1, lease)
    assert scratch.row(1) == before
    assert len(scratch.history(1)) == 2


def test_lease_of_the_same_fence_under_another_name_changes_nothing(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    lease = scratch.lease_upload(1)
    before = scratch.row(1)
    assert not scratch.upload(1, Lease("worker-2", lease.fence, lease.attempt_n))
    assert scratch.row(1) == before


def test_handed_back_send_is_pending_as_if_never_taken(scratch: Scratch) -> None:
    lease = scratch.send(1)
    assert scratch.hand_back(1, lease)
    row = scratch.row(1)
    assert (row["state"], row["attempts"], row["link_failures"], row["due_at"]) == ("pending", 0, 0, 0)
    assert scratch.history(1) == [(1, "send", "HandedBack")]
    assert scratch.due() == [1]


def test_handed_back_upload_is_accepted_still(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    assert scratch.hand_back(1, scratch.lease_upload(1))
    assert scratch.due_uploads() == [1]


def test_receipt_without_a_usable_url_parks_the_entry_as_accepted(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    scratch.park_accepted(1)
    row = scratch.row(1)
    assert (row["state"], row["stage"], row["reason"]) == ("parked", "accepted", "signature_url_lost")
    assert row["server_id"] == 501


def test_two_receipts_of_one_answer_are_both_kept(scratch: Scratch) -> None:
    lease = scratch.send(1)
    scratch.accept(1, lease, 501)
    seq = scratch.seq(1)
    with scratch.database.write() as transaction:
        kept = records.record_accepted(
            transaction, seq, lease, answer(501), WENT_WELL, digest="digest-1", now=NOON_MS, upload_next=True
        )
    assert kept == (Kept.RECEIPT_ONLY, None)
    assert scratch.receipts(1) == [(1, 501, 1), (1, 501, 0)]


def test_entry_that_was_taken_after_it_was_refused_is_not_requeued(scratch: Scratch) -> None:
    """P2: a gateway refused it, the handler behind went on, and a person wants everything sent again."""
    scratch.put(9)
    lease = scratch.send(9)
    scratch.set_back(9, lease, Event.REJECT)
    assert scratch.accept(9, lease, 1001) == (Kept.RECEIPT_ONLY, None)
    assert scratch.resync(9) == "skipped"
    assert scratch.state(9) == "dead"
