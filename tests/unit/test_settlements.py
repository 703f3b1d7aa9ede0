"""A person's word about one entry: refused while it is held, recorded, fenced, and never a second guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import settlements
from storage.claims import Moment
from storage.errors import EntryHeld, EntryNotFound, IllegalTransition
from storage.lifecycle import Event
from storage.records import Kept
from tests.support.scratch import LEASE_MS, NOON_MS, Scratch, entry_id


def never(kind: str, body: str | None) -> bool:
    return False


Word = Callable[[Any, str, Moment], Any]


def arrived(transaction: Any, id: str, moment: Moment) -> Any:
    return settlements.arrived(transaction, id, 77, moment=moment, repeatable=never)


def not_arrived(transaction: Any, id: str, moment: Moment) -> Any:
    return settlements.not_arrived(transaction, id, moment=moment, repeatable=never)


def unsigned(transaction: Any, id: str, moment: Moment) -> Any:
    return settlements.unsigned(transaction, id, moment=moment, repeatable=never)


def discarded(transaction: Any, id: str, moment: Moment) -> Any:
    return settlements.discard(transaction, id, "twice", moment=moment, repeatable=never)


WORDS = [pytest.param(word, id=word.__name__) for word in (arrived, not_arrived, unsigned, discarded)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path / "queue")
    yield scratch
    scratch.close()


def say(box: Scratch, word: Word, number: int = 1, *, at: int = NOON_MS) -> Any:
    with box.database.write() as transaction:
        return word(transaction, entry_id(number), Moment(at, 9_000, "boot-1"))


def in_doubt(box: Scratch, number: int = 1, **changes: Any) -> None:
    box.put(number)
    box.set_back(number, box.send(number), Event.DOUBT, **changes)


@pytest.mark.parametrize("word", WORDS)
def test_nothing_is_said_about_an_entry_that_is_held(box: Scratch, word: Word) -> None:
    """P2: what a person says while the request is on the wire may be wrong a second later."""
    box.put(1)
    box.send(1)
    before = box.row(1)
    with pytest.raises(EntryHeld, match=r"claim ends at 2026-03-02T12:02:00Z"):
        say(box, word)
    assert box.row(1) == before


@pytest.mark.parametrize("word", [arrived, not_arrived, discarded])
def test_send_that_was_cut_off_is_taken_over_first(box: Scratch, word: Word) -> None:
    """P2, P7: its drainer is stopped; what that one reports later must not overwrite a person's word."""
    box.put(1)
    lease = box.send(1)
    say(box, word, at=NOON_MS + LEASE_MS)
    row = box.row(1)
    assert row["lease_fence"] > lease.fence
    assert row["lease_owner"] is None
    assert box.history(1)[0][2] == "Interrupted"
    assert box.set_back(1, lease, Event.RETRY) is False
    assert box.row(1)["state"] == row["state"]


def test_late_acceptance_after_not_arrived_is_adopted(box: Scratch) -> None:
    """P2: the person was wrong, and the answer came before it was sent again."""
    box.put(1)
    lease = box.send(1)
    say(box, not_arrived, at=NOON_MS + LEASE_MS)
    assert box.accept(1, lease, 1001) == (Kept.ADOPTED, None)
    assert (box.state(1), box.row(1)["server_id"]) == ("accepted", 1001)


def test_late_acceptance_after_a_discard_is_kept_as_a_receipt(box: Scratch) -> None:
    box.put(1)
    lease = box.send(1)
    assert say(box, discarded, at=NOON_MS + LEASE_MS) is True
    assert box.accept(1, lease, 1001)[0] is Kept.RECEIPT_ONLY
    assert box.state(1) == "discarded"
    assert box.receipts(1) == [(1, 1001, 0)]


def test_arrived_stores_the_id_and_leaves_the_signature_to_go(box: Scratch) -> None:
    in_doubt(box)
    assert say(box, arrived) == "accepted"
    row = box.row(1)
    assert (row["server_id"], row["presigned_url"], row["attempts"]) == (77, None, 0)
    assert box.receipts(1) == [(2, 77, 1)]
    assert box.history(1)[-1] == (2, "person", "Settled")


def test_arrived_completes_an_entry_that_owes_no_signature(box: Scratch) -> None:
    box.put(1, signed=False)
    box.set_back(1, box.send(1), Event.DOUBT)
    assert say(box, arrived) == "done"
    assert box.row(1)["done_at"] == NOON_MS


def test_arrived_is_refused_for_an_id_that_another_entry_has(box: Scratch) -> None:
    """P2: one record at the server belongs to one capture."""
    box.put(2)
    box.deliver(2, 77)
    in_doubt(box)
    with pytest.raises(IllegalTransition, match=entry_id(2)):
        say(box, arrived)
    assert box.state(1) == "in_doubt"


def test_arrived_is_refused_where_the_id_is_known(box: Scratch) -> None:
    box.put(1)
    box.deliver(1, 1001)
    with pytest.raises(IllegalTransition, match="1001"):
        say(box, arrived)


@pytest.mark.parametrize("park_first", [False, True])
@pytest.mark.parametrize("created", [False, True])
def test_not_arrived_sends_the_same_again_with_a_fresh_budget(
    box: Scratch, park_first: bool, created: bool
) -> None:
    in_doubt(box, counted=True, certainly_created=created)
    box.edit(1, lookups=5, doubt_waited_ms=86_400_000, yields=1)
    if park_first:
        box.park_doubt(1)
    assert say(box, not_arrived) == "pending"
    row = box.row(1)
    assert (row["attempts"], row["certainly_created"], row["request_digest"]) == (0, 0, "digest-1")
    assert (row["lookups"], row["doubt_waited_ms"], row["yields"]) == (0, 0, 0)
    assert box.due() == [1]


@pytest.mark.parametrize("word", [not_arrived, unsigned])
def test_word_that_does_not_fit_the_entry_is_refused(box: Scratch, word: Word) -> None:
    """Nothing was sent yet: there is nothing to be said about it."""
    box.put(1)
    before = box.row(1), box.history(1)
    with pytest.raises(IllegalTransition):
        say(box, word)
    assert (box.row(1), box.history(1)) == before


@pytest.mark.parametrize("word", WORDS)
def test_finished_entry_is_left_alone(box: Scratch, word: Word) -> None:
    box.put(1)
    box.upload(1, box.accept(1, box.send(1), 5, upload_next=True)[1] or pytest.fail("no upload"))
    before = box.row(1)
    with pytest.raises(IllegalTransition):
        say(box, word)
    assert box.row(1) == before


def test_unsigned_ends_an_accepted_entry_and_keeps_its_image(box: Scratch) -> None:
    box.put(1)
    box.deliver(1, 5)
    box.park_accepted(1)
    assert say(box, unsigned) == "done"
    row = box.row(1)
    assert (row["reason"], row["presigned_url"], row["uploaded_at"]) == ("unsigned", None, None)
    assert box.all("SELECT count(*) FROM signature") == [(1,)]


def test_entry_in_doubt_is_not_ended_unsigned(box: Scratch) -> None:
    in_doubt(box)
    box.park_doubt(1)
    with pytest.raises(IllegalTransition):
        say(box, unsigned)


@pytest.mark.parametrize(
    ("bring", "may_exist"),
    [
        pytest.param(lambda box: box.put(1), False, id="pending"),
        pytest.param(in_doubt, True, id="in doubt"),
        pytest.param(lambda box: (in_doubt(box), box.park_doubt(1)), True, id="parked in doubt"),
        pytest.param(lambda box: (box.put(1), box.deliver(1, 5)), True, id="accepted"),
        pytest.param(lambda box: (box.put(1), box.set_back(1, box.send(1), Event.REJECT)), False, id="dead"),
    ],
)
def test_discard_keeps_everything_and_says_whether_the_server_may_have_it(
    box: Scratch, bring: Callable[[Scratch], Any], may_exist: bool
) -> None:
    bring(box)
    assert say(box, discarded) is may_exist
    row = box.row(1)
    assert (row["state"], row["person_note"], row["presigned_url"]) == ("discarded", "twice", None)
    assert row["payload"] == '{"n":1}'
    assert box.due() == []


def test_discarding_a_parent_without_an_id_parks_who_needs_it_and_frees_who_follows(box: Scratch) -> None:
    """P5: the curative visit was a mistake; what changes it can never go, what only came later can."""
    box.put(1)
    box.put(2, signed=False, creates=False, target_entry=entry_id(1))
    box.put(3, signed=False, after_entry=entry_id(1))
    assert box.due() == [1]
    say(box, discarded)
    assert (box.state(2), box.row(2)["reason"]) == ("parked", "target_discarded")
    assert box.due() == [3]


def test_unknown_entry_is_told(box: Scratch) -> None:
    with pytest.raises(EntryNotFound):
        say(box, arrived, 9)
