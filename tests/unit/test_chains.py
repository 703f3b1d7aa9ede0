"""Chains in the outbox: who waits for whom, one chain for one target, and what becomes of children."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import chains
from storage.claims import Lease
from storage.guarded import PURGED, inserts
from storage.lifecycle import Event
from storage.records import Kept
from tests.support.scratch import KIND, NOON_MS, REPEATABLE_KIND, Scratch, entry_id

LOCAL = f"local:{entry_id(1)}"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def child(box: Scratch, number: int, **changes: Any) -> None:
    """An update of what entry 1 creates, unless told otherwise."""
    facts: dict[str, Any] = {"target_entry": entry_id(1), "chain_key": LOCAL}
    box.put(number, kind=REPEATABLE_KIND, creates=False, signed=False, **(facts | changes))


def updated(box: Scratch, number: int, server_id: int = 501) -> None:
    """Sent, and answered with the server id of its target."""
    box.accept(number, box.send(number), server_id, url=None)


def found(box: Scratch, how: str) -> None:
    """Entry 1 gets its server id, in one of the ways there are."""
    lease = box.send(1)
    if how == "answer":
        box.accept(1, lease, 501)
        return
    box.set_back(1, lease, Event.DOUBT, reason="answer_lost")
    if how == "late answer":
        assert box.accept(1, lease, 501)[0] is Kept.ADOPTED
    elif how == "look-up":
        box.find(1, 501)
    else:
        box.say_arrived(1, 501)


@pytest.mark.parametrize("how", ["answer", "late answer", "look-up", "word"])
def test_children_join_the_chain_of_the_server_id_however_it_came(box: Scratch, how: str) -> None:
    box.put(1)
    child(box, 2)
    child(box, 3, target_entry=None, target_id=501, chain_key="target:501")
    child(box, 4)
    assert box.due() == [1, 3]
    found(box, how)
    assert {box.row(number)["chain_key"] for number in (2, 3, 4)} == {"target:501"}
    assert all(box.intact(number) for number in (2, 3, 4))
    assert box.due() == [2], "in capture order, by whichever name"
    assert box.due_facts(2).target_entry_id == 501
    for number, following in ((2, [3]), (3, [4]), (4, [])):
        updated(box, number)
        assert box.due() == following


def test_row_that_is_not_what_was_captured_stays_so_when_its_chain_is_joined(box: Scratch) -> None:
    """A bit flips in a correction before its visit is through; nobody may vouch for it afterwards."""
    box.put(1)
    child(box, 2)
    box.edit(2, owner="bert")
    child(box, 3)
    box.deliver(1, 501)
    assert not box.intact(2)
    assert box.row(2)["chain_key"] == "target:501"
    assert box.intact(3)


def test_late_acceptance_of_another_number_joins_nothing(box: Scratch) -> None:
    box.put(1)
    child(box, 2)
    lease = box.send(1)
    box.accept(1, lease, 501)
    kept, _ = box.accept(1, lease, 777)
    assert kept is Kept.RECEIPT_ONLY
    assert box.row(2)["chain_key"] == "target:501"


def test_earlier_entry_waits_for_a_later_one_that_is_on_the_wire(box: Scratch) -> None:
    """The number was known to the office first: its correction is under way when the chain is joined."""
    box.put(1)
    child(box, 2)
    child(box, 3, target_entry=None, target_id=501, chain_key="target:501")
    lease = box.send(3)
    box.deliver(1, 501)
    assert box.due() == []
    box.set_back(3, lease, Event.RETRY)
    assert box.due() == [2]


def test_body_that_names_an_entry_waits_for_its_server_id(box: Scratch) -> None:
    box.put(1)
    box.put(2, references=(entry_id(1),))
    assert box.due() == [1]
    box.deliver(1, 501)
    assert box.due() == [2]


def test_purged_parents_hold_nobody(box: Scratch) -> None:
    """Retention keeps whoever is needed; what was recovered may know a parent by its proof of delivery alone."""
    box.put(1)
    child(box, 2)
    box.put(3, references=(entry_id(1),))
    box.put(4, after_entry=entry_id(1))
    box.deliver(1, 501)
    with box.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM entry WHERE id = ?", (entry_id(1),))
        columns = ("id", "kind", "state", "input_digest", "purged_at", "server_id")
        values = (entry_id(1), KIND, "done", "input-1", NOON_MS, 501)
        transaction.run(inserts(PURGED, columns), **dict(zip(columns, values, strict=True)))
        assert chains.server_id_of(transaction, entry_id(1)) == 501
    assert box.due() == [2, 3, 4]
    assert box.due_facts(2).target_entry_id == 501


@pytest.mark.parametrize("way", ["target", "body"])
def test_discarding_parks_whoever_needs_the_server_id(box: Scratch, way: str) -> None:
    box.put(1)
    if way == "target":
        child(box, 2)
        child(box, 3)
        child(box, 4)
    else:
        for number in (2, 3, 4):
            box.put(number, references=(entry_id(1),))
    box.park_unsent(3, "payload_damaged")
    box.park_unsent(4, "handed_over")
    box.put(5, after_entry=entry_id(1))
    box.discard(1)
    assert [box.state(number) for number in (2, 3, 4, 5)] == ["parked", "parked", "parked", "pending"]
    reasons = [box.row(number)["reason"] for number in (2, 3, 4)]
    assert reasons == ["target_discarded", "target_discarded", "handed_over"]
    assert box.row(2)["stage"] == "pending"
    assert box.due() == [5]


def test_discarding_what_the_server_has_parks_nobody(box: Scratch) -> None:
    box.put(1)
    child(box, 2)
    box.deliver(1, 501)
    box.discard(1)
    assert box.due() == [2]


def test_child_of_a_discarded_visit_cannot_be_ordered_to_go(box: Scratch) -> None:
    """A person orders everything that is parked to go on; what has nothing to change stays, and says so."""
    box.put(1)
    child(box, 2)
    box.discard(1)
    assert box.resync(2) == "skipped"
    assert box.state(2) == "parked"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (entry_id(1), [1]),
        (entry_id(12)[-3:], [12]),
        (entry_id(1)[-1:], [1, 31]),
        ("%", []),
        ("_", []),
        ("", []),
        ("é", []),
        ("0" * 5000, []),
    ],
)
def test_entries_are_found_by_the_end_of_their_id(box: Scratch, name: str, wanted: list[int]) -> None:
    for number in (1, 12, 31):
        box.put(number)
    with box.database.read() as transaction:
        assert [int(each.id[-12:]) for each in chains.find(transaction, name)] == wanted


def test_references_are_replaced_as_a_whole(box: Scratch) -> None:
    for number in (1, 2, 3):
        box.put(number)
    box.put(4, references=(entry_id(1), entry_id(2), entry_id(1)))
    seq = box.seq(4)
    with box.database.write() as transaction:
        chains.refer(transaction, seq, [entry_id(3)])
    assert box.all("SELECT entry_seq, parent FROM reference") == [(seq, entry_id(3))]


def test_claim_stays_a_lease_when_the_chain_is_joined(box: Scratch) -> None:
    """Joining is no claim: who holds an entry of the chain may go on."""
    box.put(1)
    child(box, 2, target_entry=None, target_id=9)
    lease = box.send(2)
    box.deliver(1, 501)
    assert isinstance(lease, Lease)
    assert box.row(2)["lease_owner"] == box.worker
    assert box.row(2)["lease_expires_at"] > NOON_MS


def test_sources_put_together_are_joined(box: Scratch) -> None:
    """A backup knew the corrections, the damaged file the receipt of their visit: one chain again."""
    box.put(1)
    child(box, 2)
    child(box, 3)
    box.edit(1, server_id=501)
    box.edit(3, owner="bert")
    with box.database.write() as transaction:
        chains.join_all(transaction.cursor)
    assert [box.row(number)["chain_key"] for number in (2, 3)] == ["target:501"] * 2
    assert [box.intact(number) for number in (2, 3)] == [True, False]
