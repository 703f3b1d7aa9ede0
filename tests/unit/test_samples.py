"""One sample every five minutes, counted truthfully, whatever the clock does and whatever was removed since."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import control, samples
from storage.samples import KEPT, STEP_MS, Sample
from sync.scheduler import Worker
from tests.support.polling import eventually
from tests.support.rig import FakeRig, FakeServer, FakeTime
from tests.support.scratch import NOON_MS, Scratch

LONG_AGO, LATER = 0, 1 << 60


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def keep(scratch: Scratch, at: int = NOON_MS) -> Sample:
    with scratch.database.write() as transaction:
        return samples.keep(transaction, now=at)


def keep_if_due(scratch: Scratch, at: int) -> None:
    with scratch.database.write() as transaction:
        samples.keep_if_due(transaction, now=at)


def kept(scratch: Scratch, since: int = LONG_AGO, until: int = LATER) -> list[Sample]:
    with scratch.database.read() as transaction:
        return samples.between(transaction, since, until)


def test_sample_counts_what_waits_what_needs_a_person_and_what_is_delivered(scratch: Scratch) -> None:
    for number, state in enumerate(
        ("pending", "sending", "accepted", "parked", "dead", "done", "in_doubt", "discarded"), 1
    ):
        scratch.put(number)
        scratch.edit(number, state=state)
    assert keep(scratch) == Sample(NOON_MS, waiting=3, needs_action=2, delivered=1)


def test_sample_of_an_empty_queue_is_all_zero(scratch: Scratch) -> None:
    assert keep(scratch) == Sample(NOON_MS, 0, 0, 0)


def test_sample_is_named_by_the_beginning_of_its_five_minutes(scratch: Scratch) -> None:
    keep(scratch, NOON_MS + STEP_MS - 1)
    assert [each.at for each in kept(scratch)] == [NOON_MS]


def test_later_sample_takes_the_place_of_an_earlier_one_of_the_same_five_minutes(scratch: Scratch) -> None:
    keep(scratch, NOON_MS + 1)
    scratch.put(1)
    keep(scratch, NOON_MS + 2)
    assert kept(scratch) == [Sample(NOON_MS, 1, 0, 0)]


def test_sample_is_due_once_every_five_minutes(scratch: Scratch) -> None:
    keep_if_due(scratch, NOON_MS)
    scratch.put(1)
    keep_if_due(scratch, NOON_MS + STEP_MS - 1)
    assert kept(scratch) == [Sample(NOON_MS, 0, 0, 0)]
    keep_if_due(scratch, NOON_MS + STEP_MS)
    assert kept(scratch)[1:] == [Sample(NOON_MS + STEP_MS, 1, 0, 0)]


def test_what_is_delivered_stays_counted_when_it_is_removed(scratch: Scratch) -> None:
    for number in (1, 2, 3):
        scratch.put(number)
        scratch.edit(number, state="done", done_at=NOON_MS)
    before = keep(scratch)
    scratch.purge(1)
    scratch.purge(2)
    assert keep(scratch) == before == Sample(NOON_MS, 0, 0, 3)


def test_what_was_removed_by_an_older_program_is_counted_from_its_proofs(scratch: Scratch) -> None:
    for number in (1, 2):
        scratch.put(number)
        scratch.purge(number)
    with scratch.database.write() as transaction:
        control.clear(transaction, control.REMOVED)
    assert keep(scratch).delivered == 2
    scratch.put(3)
    scratch.purge(3)
    assert keep(scratch).delivered == 3


def test_first_removal_by_this_program_counts_those_before_it(scratch: Scratch) -> None:
    for number in (1, 2):
        scratch.put(number)
        scratch.purge(number)
        with scratch.database.write() as transaction:
            control.clear(transaction, control.REMOVED)
    scratch.put(3)
    scratch.purge(3)
    assert keep(scratch).delivered == 3


def test_range_comes_in_order_after_the_last_sample_before_it(scratch: Scratch) -> None:
    for step in (5, 0, 3, 4, 1):
        keep(scratch, NOON_MS + step * STEP_MS)
    found = kept(scratch, NOON_MS + 3 * STEP_MS, NOON_MS + 4 * STEP_MS)
    assert [(each.at - NOON_MS) // STEP_MS for each in found] == [1, 3, 4]


def test_no_more_are_kept_than_a_month_has_and_the_oldest_go(scratch: Scratch) -> None:
    with scratch.database.write() as transaction:
        transaction.cursor.executemany(
            "INSERT INTO sample VALUES (?, 0, 0, 0)", [(number * STEP_MS,) for number in range(KEPT)]
        )
    keep_if_due(scratch, KEPT * STEP_MS)
    found = kept(scratch)
    assert (len(found), found[0].at, found[-1].at) == (KEPT, STEP_MS, KEPT * STEP_MS)


def test_clock_that_jumps_forward_and_back_leaves_the_true_past_in_place(scratch: Scratch) -> None:
    """A tablet believes for an hour that it is two years later."""
    for step in range(3):
        keep_if_due(scratch, NOON_MS + step * STEP_MS)
    ahead = NOON_MS + 2 * 365 * 24 * 3_600_000
    for step in range(12):
        keep_if_due(scratch, ahead + step * STEP_MS)
    keep_if_due(scratch, NOON_MS + 3 * STEP_MS)
    now = NOON_MS + 4 * STEP_MS
    assert [each.at for each in kept(scratch, NOON_MS - 1, now)] == [NOON_MS + n * STEP_MS for n in range(4)]


def worker_of(rig: FakeRig) -> Worker:
    return Worker(rig.database, rig.drain, interval_s=600, settle_s=60, clock=rig.time.clock)


def samples_in(rig: FakeRig) -> list[Sample]:
    with rig.database.read() as transaction:
        return samples.between(transaction, LONG_AGO, LATER)


def test_worker_keeps_a_sample_when_it_starts_and_when_it_stops(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    rig = FakeRig(tmp_path / "outbox", FakeServer(), FakeTime(noon))
    worker = worker_of(rig)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        eventually(lambda: samples_in(rig) == [Sample(NOON_MS, 0, 0, 0)], within_s=30)
        rig.capture(1)
        with rig.database.write() as transaction:
            control.put(transaction, control.PAUSE, {"reason": "person"}, now=NOON_MS)
    finally:
        worker.stop()
        thread.join(20)
    assert samples_in(rig) == [Sample(NOON_MS, *delivered_or_waiting(rig))]
    rig.close()


def delivered_or_waiting(rig: FakeRig) -> tuple[int, int, int]:
    """Whether the capture was still sent before the pause and the stop is a matter of moments."""
    counts = rig.counts()
    return counts.get("pending", 0) + counts.get("accepted", 0), 0, counts.get("done", 0)


def test_worker_keeps_one_sample_each_five_minutes_of_its_checkpoints(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    rig = FakeRig(tmp_path / "outbox", FakeServer(), FakeTime(noon))
    worker = worker_of(rig)
    for _ in range(25):
        worker._checkpoint()
        rig.time.passes(30)
    assert [each.at for each in samples_in(rig)] == [NOON_MS, NOON_MS + STEP_MS, NOON_MS + 2 * STEP_MS]
    rig.close()


def test_checkpoint_that_keeps_a_sample_syncs_no_more_than_one_that_does_not(tmp_path: Path) -> None:
    from tests.support.fsyncs import counted_syncs

    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with counted_syncs() as syncs:
        rig = FakeRig(tmp_path / "outbox", FakeServer(), FakeTime(noon))
        worker = worker_of(rig)
        worker._checkpoint()
        counted = []
        for seconds in (30.0, 300.0):
            rig.time.passes(seconds)
            before = len(syncs)
            worker._checkpoint()
            counted.append(len(syncs) - before)
        rig.close()
    assert counted[0] == counted[1] > 0
