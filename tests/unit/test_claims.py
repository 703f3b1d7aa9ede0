"""What may be worked on now, in which order, and what becomes of a claim whose holder died."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import claims, control, owing, readiness, waits
from storage.errors import IllegalTransition
from storage.lifecycle import Event
from storage.readiness import Filter
from tests.support.scratch import (
    LEASE_MS,
    NOON_MS,
    REPEATABLE_KIND,
    Scratch,
    entry_id,
)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def put_many(scratch: Scratch, *numbers: int) -> None:
    for number in numbers:
        scratch.put(number)


def test_sends_come_in_the_order_of_capture_whatever_ids_and_clock_say(scratch: Scratch) -> None:
    put_many(scratch, 3, 1)
    scratch.put(2, captured_at=NOON_MS - 10**9)
    assert scratch.due() == [3, 1, 2]
    assert scratch.due(most=2) == [3, 1]


def test_entry_in_work_waiting_or_held_is_not_due(scratch: Scratch) -> None:
    put_many(scratch, 1, 2, 3, 4, 5, 6)
    scratch.send(1)
    scratch.set_back(2, scratch.send(2), Event.RETRY, due_at=NOON_MS + 1)
    scratch.set_back(3, scratch.send(3), Event.DOUBT)
    scratch.set_back(4, scratch.send(4), Event.REJECT)
    scratch.set_back(5, scratch.send(5), Event.PARK)
    assert scratch.due() == [6]


def test_chain_gives_one_entry_at_a_time_and_in_order(scratch: Scratch) -> None:
    for number in (1, 2, 3):
        scratch.put(number, chain_key="target:7")
    scratch.put(4, chain_key="target:8")
    assert scratch.due() == [1, 4]
    lease = scratch.send(1)
    assert scratch.due() == [4]
    scratch.accept(1, lease, 501)
    assert scratch.due() == [2, 4]


@pytest.mark.parametrize("event", [Event.RETRY, Event.DOUBT, Event.PARK, Event.REJECT])
def test_chain_waits_for_an_entry_in_trouble_and_all_others_go_on(scratch: Scratch, event: Event) -> None:
    """One bad item stops its own chain, never the queue."""
    scratch.put(1, chain_key="target:7")
    scratch.put(2, chain_key="target:7")
    put_many(scratch, 3)
    scratch.set_back(1, scratch.send(1), event, due_at=NOON_MS + 1 if event is Event.RETRY else 0)
    assert scratch.due() == [3]


def test_chain_goes_on_when_upload_trouble_parks_an_entry(scratch: Scratch) -> None:
    """The server id is known from the receipt on: only the signature of that entry is stuck."""
    scratch.put(1, chain_key="target:7")
    scratch.put(2, chain_key="target:7")
    scratch.deliver(1, 501)
    scratch.set_back(1, scratch.lease_upload(1), Event.PARK, reason="signature_url_lost")
    assert scratch.state(1) == "parked"
    assert scratch.due() == [2]


def test_discarded_entry_frees_those_that_only_follow_in_order(scratch: Scratch) -> None:
    scratch.put(1, chain_key="target:7")
    scratch.put(2, chain_key="target:7")
    scratch.put(3, after_entry=entry_id(1))
    scratch.put(4, target_entry=entry_id(1), creates=False)
    scratch.edit(1, state="discarded")
    assert scratch.due() == [2, 3]


def test_child_waits_for_the_server_id_of_its_parent_and_gets_it(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.put(2, target_entry=entry_id(1), creates=False)
    assert scratch.due() == [1]
    scratch.deliver(1, 501)
    assert scratch.due() == [2]
    assert scratch.due_facts(2).target_entry_id == 501


def test_child_of_a_parked_parent_goes_when_the_parent_has_an_id(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.put(2, target_entry=entry_id(1), creates=False)
    scratch.set_back(1, scratch.send(1), Event.PARK)
    assert scratch.due() == []
    scratch.resync(1)
    scratch.deliver(1, 501)
    scratch.park_accepted(1)
    assert scratch.due() == [2]


def test_follower_waits_until_what_it_follows_is_settled(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.put(2, after_entry=entry_id(1))
    scratch.put(3, after_entry=entry_id(2))
    assert scratch.due() == [1]
    scratch.deliver(1, 501)
    assert scratch.due() == [2]
    scratch.deliver(2, 502)
    assert scratch.due() == [3]


def test_uploads_come_by_the_end_of_their_url(scratch: Scratch) -> None:
    put_many(scratch, 1, 2, 3)
    for number, expires_at in ((1, NOON_MS + 900), (2, NOON_MS + 300), (3, NOON_MS + 600)):
        scratch.accept(number, scratch.send(number), 500 + number, expires_at=expires_at)
    assert scratch.due_uploads() == [2, 3, 1]
    assert scratch.due_uploads(most=1) == [2]
    assert scratch.due() == []


def test_upload_that_waits_or_is_in_work_is_not_due(scratch: Scratch) -> None:
    put_many(scratch, 1, 2, 3)
    for number in (1, 2, 3):
        scratch.deliver(number, 500 + number)
    scratch.lease_upload(1)
    scratch.set_back(2, scratch.lease_upload(2), Event.RETRY, due_at=NOON_MS + 1)
    assert scratch.due_uploads() == [3]


def test_oldest_url_is_that_of_the_first_upload(scratch: Scratch) -> None:
    put_many(scratch, 1, 2)
    with scratch.database.read() as transaction:
        assert owing.first_owed_url(transaction) is None
        assert not owing.any_owed(transaction)
    scratch.accept(1, scratch.send(1), 501, url="https://late.example/?q", expires_at=NOON_MS + 900)
    scratch.accept(2, scratch.send(2), 502, url="https://soon.example/?q", expires_at=NOON_MS + 300)
    with scratch.database.read() as transaction:
        assert owing.first_owed_url(transaction) == "https://soon.example/?q"
        assert owing.any_owed(transaction)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"signed": False}, [2, 4]),
        ({"unsigned": False}, [1, 3]),
        ({"retries": False}, [1, 2]),
        ({"signed": False, "retries": False}, [2]),
        ({"signed": False, "unsigned": False}, []),
    ],
    ids=["all", "no signed", "no unsigned", "no retries", "neither signed nor retries", "nothing"],
)
def test_filter_leaves_out_what_its_host_or_budget_forbids(
    scratch: Scratch, wanted: dict[str, bool], expected: list[int]
) -> None:
    for number in (1, 2, 3, 4):
        scratch.put(number, signed=number % 2 == 1)
    for number in (3, 4):
        scratch.set_back(number, scratch.send(number), Event.RETRY)
    assert scratch.due(**wanted) == expected


def test_paused_owner_keeps_sends_and_lets_uploads_go(scratch: Scratch) -> None:
    """An upload needs no token of ours, and its URL is the thing that spoils."""
    for number, owner in ((1, "anna"), (2, "anna"), (3, "bert"), (4, None)):
        scratch.put(number, owner=owner)
    scratch.deliver(1, 501)
    with scratch.database.write() as transaction:
        control.pause_owner(transaction, "anna", {"reason": "auth_required"}, now=scratch.now)
    assert scratch.due() == [3, 4]
    assert scratch.due_uploads() == [1]
    with scratch.database.write() as transaction:
        control.pause_owner(transaction, None, {"reason": "auth_required"}, now=scratch.now)
        assert control.paused_owners(transaction).keys() == {"anna", ""}
    assert scratch.due() == [3]
    with scratch.database.write() as transaction:
        assert control.resume_owner(transaction, "anna")
        assert control.resume_owner(transaction, None)
    assert scratch.due() == [2, 3, 4]


def test_send_is_marked_with_all_that_a_repeat_needs(scratch: Scratch) -> None:
    scratch.put(1)
    lease = scratch.send(1)
    row = scratch.row(1)
    expected = {
        "state": "sending", "lease_owner": "worker-1", "lease_fence": lease.fence,
        "lease_expires_at": NOON_MS + LEASE_MS, "attempt_n": 1, "request_path": "/unplanned",
        "request_body": '{"n":1}', "request_digest": "digest-1", "first_sent_at": NOON_MS, "last_sent_at": NOON_MS,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert scratch.history(1) == [(1, "send", None)]


def test_first_send_is_remembered_over_later_ones(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.set_back(1, scratch.send(1), Event.RETRY)
    scratch.now += 5_000
    scratch.send(1)
    row = scratch.row(1)
    assert (row["first_sent_at"], row["last_sent_at"]) == (NOON_MS, NOON_MS + 5_000)


def test_first_send_is_remembered_also_where_a_person_acted_before_it(scratch: Scratch) -> None:
    """A look-up starts its window there; without it nothing that was sent could ever be found."""
    scratch.put(1)
    scratch.park_unsent(1)
    scratch.resync(1)
    scratch.send(1)
    assert scratch.row(1)["first_sent_at"] == NOON_MS


def test_released_entry_that_was_never_tried_is_no_repeat(scratch: Scratch) -> None:
    """The budget for repeats protects a recovering server from second requests, not from first ones."""
    scratch.put(1)
    scratch.park_unsent(1)
    scratch.resync(1)
    assert scratch.due(retries=False) == [1]


def test_claim_of_an_entry_that_is_not_pending_is_refused(scratch: Scratch) -> None:
    scratch.put(1)
    due = scratch.due_facts(1)
    scratch.deliver(1, 501)
    with pytest.raises(IllegalTransition), scratch.database.write() as transaction:
        claims.mark_sending(
            transaction, due, owner="w", path="/", body="{}", digest="d", now=NOON_MS, lease_until=NOON_MS + 1
        )
    assert scratch.state(1) == "accepted"


def test_lease_is_renewed_by_its_holder_only(scratch: Scratch) -> None:
    scratch.put(1)
    lease = scratch.send(1)
    later = NOON_MS + 2 * LEASE_MS
    stale = claims.Lease(lease.owner, lease.fence - 1, lease.attempt_n)
    stranger = claims.Lease("worker-2", lease.fence, lease.attempt_n)
    with scratch.database.write() as transaction:
        for other in (stale, stranger):
            assert not claims.renew(transaction, scratch.seq(1), other, lease_until=later)
        assert scratch.row(1)["lease_expires_at"] == NOON_MS + LEASE_MS
        assert claims.renew(transaction, scratch.seq(1), lease, lease_until=later)
    assert scratch.row(1)["lease_expires_at"] == later


def test_lease_holds_until_it_runs_out_or_is_taken(scratch: Scratch) -> None:
    scratch.put(1)
    seq, lease = scratch.seq(1), scratch.send(1)
    with scratch.database.read() as transaction:
        assert claims.still_holds(transaction, seq, lease, now=NOON_MS + LEASE_MS - 1)
        assert not claims.still_holds(transaction, seq, lease, now=NOON_MS + LEASE_MS)
    scratch.rescue()
    with scratch.database.read() as transaction:
        assert not claims.still_holds(transaction, seq, lease, now=NOON_MS)


def test_waits_that_are_over_wake_in_capture_order(scratch: Scratch) -> None:
    put_many(scratch, 1, 2, 3)
    for number, wait_ms in ((1, 2_000), (2, 1_000), (3, 3_000)):
        scratch.set_back(number, scratch.send(number), Event.RETRY, due_at=NOON_MS + wait_ms)
    scratch.put(4)
    with scratch.database.write() as transaction:
        waits.wake_due(transaction, now=NOON_MS + 2_000)
    assert scratch.due() == [1, 2, 4]


def test_wait_is_clamped_after_the_clock_jumped(scratch: Scratch) -> None:
    """The device thought it was 2036, stored a wait, and was set right: nothing waits for ten years."""
    put_many(scratch, 1, 2)
    ten_years = NOON_MS + 10 * 365 * 86_400_000
    scratch.set_back(1, scratch.send(1), Event.RETRY, due_at=ten_years)
    scratch.set_back(2, scratch.send(2), Event.RETRY, due_at=NOON_MS + 1_000)
    with scratch.database.write() as transaction:
        waits.clamp_waits(transaction, latest=NOON_MS + 3_600_000)
    assert scratch.row(1)["due_at"] == NOON_MS + 3_600_000
    assert scratch.row(2)["due_at"] == NOON_MS + 1_000


def test_person_ends_all_waits_at_once(scratch: Scratch) -> None:
    put_many(scratch, 1, 2, 3)
    for number in (1, 2):
        scratch.set_back(number, scratch.send(number), Event.RETRY, due_at=NOON_MS + 9_000)
    with scratch.database.write() as transaction:
        assert waits.forget_waits(transaction) == 2
    assert scratch.due() == [1, 2, 3]


def test_send_that_was_cut_off_is_in_doubt_after_the_rescue(scratch: Scratch) -> None:
    """Battery out between the first byte and the answer."""
    scratch.put(1)
    lease = scratch.send(1)
    assert scratch.rescue() == 1
    row = scratch.row(1)
    expected = {
        "state": "in_doubt", "reason": "interrupted", "attempts": 1, "lease_owner": None, "lease_expires_at": None,
        "doubt_at": NOON_MS, "doubt_mono_ms": 2_000, "doubt_boot": "boot-1", "first_attempt_at": NOON_MS,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["lease_fence"] > lease.fence
    assert scratch.history(1) == [(1, "send", "Interrupted")]


def test_repeatable_send_that_was_cut_off_is_pending_after_the_rescue(scratch: Scratch) -> None:
    scratch.put(1, kind=REPEATABLE_KIND, creates=False, signed=False)
    scratch.send(1)
    assert scratch.rescue() == 1
    assert (scratch.state(1), scratch.row(1)["attempts"]) == ("pending", 1)
    assert scratch.due() == [1]


def test_upload_that_was_cut_off_is_due_again_after_the_rescue(scratch: Scratch) -> None:
    scratch.put(1)
    scratch.deliver(1, 501)
    lease = scratch.lease_upload(1)
    assert scratch.rescue() == 0
    assert scratch.due_uploads() == [1]
    assert scratch.row(1)["lease_fence"] > lease.fence
    assert scratch.history(1)[-1] == (2, "upload", "Interrupted")
    assert scratch.row(1)["server_id"] == 501


def test_rescue_leaves_alone_what_nobody_held(scratch: Scratch) -> None:
    put_many(scratch, 1, 2, 3)
    scratch.deliver(2, 502)
    scratch.set_back(3, scratch.send(3), Event.REJECT)
    before = [scratch.row(number) for number in (1, 2, 3)]
    assert scratch.rescue() == 0
    assert [scratch.row(number) for number in (1, 2, 3)] == before


def test_statement_of_every_filter_is_compiled_once() -> None:
    assert readiness.due_sends_statement(Filter()) is readiness.due_sends_statement(Filter())
