"""Whatever changes an entry's state, reason or owner leaves a change, in order, once, and only when it is committed."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from storage import changes, recovery, repairs
from storage.changes import KEPT, MOST_AT_ONCE, Change, Ends
from storage.lifecycle import Event
from storage.recovery import When
from storage.schema import open_database
from sync.capture import ImageLimits, Input, capture_in, check_input
from sync.scheduler import Worker
from tests.support.builders import signature_png
from tests.support.bundles import CLOCK, NOON, given_away, taken_in
from tests.support.device import distinct_body
from tests.support.rig import FakeRig, FakeServer, FakeTime
from tests.support.scratch import DATABASE_ID, KIND, NOON_MS, Scratch, entry_id

SENT = [("pending", None, None), ("sending", None, None)]
REFUSED = [*SENT, ("dead", "refused", None)]


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def told(scratch: Scratch, after: int = 0) -> list[Change]:
    with scratch.database.read() as transaction:
        return changes.after(transaction.cursor, after, 1_000)


def ends(scratch: Scratch) -> Ends:
    with scratch.database.read() as transaction:
        return changes.ends(transaction.cursor)


def numbering(scratch: Scratch) -> str:
    with scratch.database.read() as transaction:
        return changes.numbering(transaction.cursor)


def prune(scratch: Scratch) -> int:
    with scratch.database.write() as transaction:
        return changes.prune(transaction)


def refused(scratch: Scratch) -> None:
    scratch.set_back(1, scratch.send(1), Event.REJECT, reason="refused")


def assign(scratch: Scratch) -> None:
    with scratch.database.write() as transaction:
        repairs.assign(transaction, entry_id(1), "berta", now=NOON_MS)


def hand_over(scratch: Scratch) -> None:
    given_away(scratch.database, scratch.folder.root / "bundle")


def recover(scratch: Scratch) -> None:
    scratch.close()
    when = When(NOON, 1_000, "boot-1", "0193a000-0000-7000-8000-00000000a11e")
    recovery.recover(scratch.folder, when, methods={KIND: "POST"}, force=True)
    scratch.database = open_database(scratch.folder, new_id=DATABASE_ID, now=NOON)


def nothing(scratch: Scratch) -> None:
    """The capture itself is what changes."""


def uploaded(scratch: Scratch) -> None:
    scratch.deliver(1, 501)
    scratch.upload(1, scratch.lease_upload(1))


def doubted(scratch: Scratch) -> None:
    scratch.set_back(1, scratch.send(1), Event.DOUBT, reason="answer_lost")


@pytest.mark.parametrize(
    ("steps", "then"),
    [
        ([nothing], [("pending", None, None)]),
        (
            [lambda box: box.send(1)],
            [("pending", None, None), ("sending", None, None)],
        ),
        (
            [uploaded],
            [("pending", None, None), ("sending", None, None), ("accepted", None, None), ("done", None, None)],
        ),
        (
            [lambda box: box.set_back(1, box.send(1), Event.RETRY)],
            [("pending", None, None), ("sending", None, None), ("pending", "server_busy", None)],
        ),
        (
            [lambda box: box.deliver(1, 501), lambda box: box.park_accepted(1)],
            [
                ("pending", None, None),
                ("sending", None, None),
                ("accepted", None, None),
                ("parked", "signature_url_lost", None),
            ],
        ),
        ([assign], [("pending", None, None), ("pending", None, "berta")]),
        (
            [refused, lambda box: box.discard(1)],
            [*REFUSED, ("discarded", "discarded", None)],
        ),
        (
            [refused, lambda box: box.resync(1)],
            [*REFUSED, ("pending", None, None)],
        ),
        (
            [doubted, lambda box: box.find(1, 501)],
            [*SENT, ("in_doubt", "answer_lost", None), ("accepted", None, None)],
        ),
        ([hand_over], [("pending", None, None), ("parked", "handed_over", None)]),
    ],
    ids=[
        "capture", "claim", "accepted and done", "retry", "park", "owner", "discard", "resync", "doubt", "bundle",
    ],
)  # fmt: skip
def test_way_of_changing_an_entry_leaves_its_changes_in_order(
    scratch: Scratch,
    steps: list[Callable[[Scratch], Any]],
    then: list[tuple[str, str | None, str | None]],
) -> None:
    scratch.put(1)
    for step in steps:
        step(scratch)
    found = told(scratch)
    assert [(each.state, each.reason, each.owner) for each in found] == then
    assert [each.seq for each in found] == list(range(1, len(then) + 1))
    assert {(each.id, each.kind) for each in found} == {(entry_id(1), KIND)}
    assert (then[-1][0], then[-1][1]) == (scratch.row(1)["state"], scratch.row(1)["reason"])


def test_entry_that_comes_in_a_bundle_leaves_a_change_where_it_arrives(tmp_path: Path) -> None:
    here, there = Scratch(tmp_path / "here"), Scratch(tmp_path / "there")
    given = Input(
        "unplanned-preventive", json.dumps(distinct_body(1)).encode(), signature_png(1), entry_id(1)
    )
    with here.database.write() as transaction:
        capture_in(
            transaction, check_input(given, ImageLimits(2**21, 4_000_000)), clock=CLOCK, new_id="", owner=None
        )
    given_away(here.database, tmp_path / "bundle")
    taken_in(there.database, tmp_path / "bundle")
    assert [(each.id, each.state) for each in told(there)] == [(entry_id(1), "pending")]
    here.close()
    there.close()


def test_recovered_database_tells_of_every_entry_under_another_numbering(scratch: Scratch) -> None:
    """A listener of before must not take number 3 of the new database for the next after its number 2."""
    for number in (1, 2):
        scratch.put(number)
    before = numbering(scratch)
    recover(scratch)
    assert [(each.id, each.state) for each in told(scratch)] == [
        (entry_id(number), "pending") for number in (1, 2)
    ]
    assert numbering(scratch) != before


def test_numbering_stays_while_the_database_stays(scratch: Scratch) -> None:
    before = numbering(scratch)
    scratch.put(1)
    scratch.close()
    scratch.database = open_database(scratch.folder, new_id="another", now=NOON)
    assert numbering(scratch) == before
    assert len(before) == 8


def test_change_that_is_rolled_back_leaves_nothing_and_takes_no_number(scratch: Scratch) -> None:
    scratch.put(1)
    with suppress(ZeroDivisionError), scratch.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'parked'")
        assert changes.ends(transaction.cursor) == Ends(1, 2)
        raise ZeroDivisionError
    assert ends(scratch) == Ends(1, 1)
    scratch.edit(1, state="parked")
    assert [each.seq for each in told(scratch)] == [1, 2]


@pytest.mark.parametrize(
    "values",
    [{"payload": "{}"}, {"state": "pending"}, {"due_at": 5, "attempts": 1}],
    ids=["payload", "same state", "a later time"],
)
def test_what_changes_neither_state_nor_reason_nor_owner_leaves_nothing(
    scratch: Scratch, values: dict[str, Any]
) -> None:
    scratch.put(1)
    scratch.edit(1, **values)
    assert len(told(scratch)) == 1


def test_moment_of_a_change_is_that_of_the_device(scratch: Scratch) -> None:
    scratch.put(1)
    (told_at,) = (each.at for each in told(scratch))
    ((now_ms,),) = scratch.all("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")
    assert now_ms - 60_000 < told_at <= now_ms


def test_read_is_bounded_and_goes_on_behind_what_was_read(scratch: Scratch) -> None:
    for number in range(1, 6):
        scratch.put(number)
    with scratch.database.read() as transaction:
        first = changes.after(transaction.cursor, 0, 2)
        rest = changes.after(transaction.cursor, first[-1].seq, 100)
    assert [each.seq for each in (*first, *rest)] == [1, 2, 3, 4, 5]
    assert len(first) == 2


def fill(scratch: Scratch, count: int) -> None:
    with scratch.database.write() as transaction:
        transaction.cursor.executemany(
            "INSERT INTO change (entry_id, kind, owner, state, reason, at) VALUES ('e', 'k', NULL, 'pending', NULL, ?)",
            [(number,) for number in range(count)],
        )


def test_newest_ten_thousand_are_kept(scratch: Scratch) -> None:
    fill(scratch, KEPT)
    assert prune(scratch) == 0
    fill(scratch, 3)
    assert prune(scratch) == 3
    assert ends(scratch) == Ends(4, KEPT + 3)


def test_many_are_let_go_some_thousands_at_a_time(scratch: Scratch) -> None:
    fill(scratch, KEPT + MOST_AT_ONCE + 7)
    assert [prune(scratch) for _ in range(3)] == [MOST_AT_ONCE, 7, 0]
    assert ends(scratch).oldest == MOST_AT_ONCE + 8


def test_nothing_to_prune_where_nothing_ever_changed(scratch: Scratch) -> None:
    assert prune(scratch) == 0
    assert ends(scratch) == Ends(0, 0)


def test_number_is_never_given_again_after_its_change_was_let_go(scratch: Scratch) -> None:
    fill(scratch, 3)
    with scratch.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM change")
    fill(scratch, 1)
    assert ends(scratch) == Ends(4, 4)


def test_worker_lets_old_changes_go_with_its_checkpoints(tmp_path: Path) -> None:
    rig = FakeRig(tmp_path / "outbox", FakeServer(), FakeTime())
    with rig.database.write() as transaction:
        transaction.cursor.executemany(
            "INSERT INTO change (entry_id, kind, state, at) VALUES ('e', 'k', 'pending', ?)",
            [(number,) for number in range(KEPT + 2)],
        )
    Worker(rig.database, rig.drain, interval_s=600, settle_s=60, clock=rig.time.clock)._checkpoint()
    with rig.database.read() as transaction:
        assert changes.ends(transaction.cursor) == Ends(3, KEPT + 2)
    rig.close()
