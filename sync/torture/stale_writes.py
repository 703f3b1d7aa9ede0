"""Every write that needs a claim, tried without one: it must answer that it did nothing, and do nothing.

In this process and straight against the storage, because only so is each single guard asked by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from storage import claims, readiness, records, rehearsal
from storage.claims import Lease
from storage.database import Database, Transaction
from storage.errors import IllegalTransition
from storage.folder import StorageFolder
from storage.guarded import Held, change, held
from storage.lifecycle import Event, State
from storage.readiness import Filter
from storage.records import Answer, Result, Setback
from storage.rehearsal import Theft
from sync.clock import Clock
from sync.torture.trial import Trial

_FAR_MS: Final = 3_600_000
_DIGEST: Final = "0" * 64
_RESULT: Final = Result("Torture", "torture", 0)
# A claim has two marks, an owner and a number. This one differs in the owner alone.
_SAME_NUMBER: Final = "another drainer, the same number"


@dataclass(frozen=True, slots=True)
class Lost:
    """An entry as the drainer remembers it that has lost it since, and how it was lost. `now` in milliseconds."""

    before: Held
    lease: Lease
    way: str
    now: int

    @property
    def seq(self) -> int:
        return self.before.seq


Write = Callable[[Transaction, Lost], bool]


class _Undo(Exception):
    """Takes a try back, so that each meets the same row."""


def stale_writes(trial: Trial, rng: Random) -> bool:
    """Claims are lost in each way there is, and each write is tried with the claim that was lost."""
    ways = [Theft.TAKEN.value, Theft.AGAIN.value, _SAME_NUMBER]
    rng.shuffle(ways)
    with _another_outbox(trial) as database:
        for way in ways:
            for sent in (False, True):
                _try_all(trial, database, _lose(trial, database, way, sent=sent))
    return True


@contextmanager
def _another_outbox(trial: Trial) -> Iterator[Database]:
    folder = StorageFolder(trial.place / "another-outbox")
    if not folder.root.exists():
        shutil.copytree(trial.prepared, folder.root)
    database = Database(folder)
    try:
        yield database
    finally:
        database.close()


def _lose(trial: Trial, database: Database, way: str, *, sent: bool) -> Lost:
    """A new entry that is being sent, or uploaded where it was `sent`, and whose claim is taken away."""
    id, _ = trial.put_into(database)
    clock = Clock()
    now = clock.now_ms()
    with database.write() as transaction:
        lease = _claim(transaction, id, now)
        if sent:
            lease = _accept(transaction, id, lease, now)
        row = held(transaction, id=id)
        assert row is not None, "the entry was captured"
    with database.write() as transaction:
        if way == _SAME_NUMBER:
            change(transaction, row, lease_owner=rehearsal.ANOTHER)
        else:
            mono_ms, boot = clock.monotonic_ms(), clock.boot()
            rehearsal.take_away(transaction, id, Theft(way), now=now, mono_ms=mono_ms, boot=boot)
    return Lost(row, lease, way, now)


def _claim(transaction: Transaction, id: str, now: int) -> Lease:
    due = next(each for each in readiness.due_sends(transaction, Filter(), 1000) if each.id == id)
    return claims.mark_sending(
        transaction,
        due,
        owner="drainer",
        path="/",
        body=due.payload,
        digest=_DIGEST,
        now=now,
        lease_until=now + _FAR_MS,
    )


def _accept(transaction: Transaction, id: str, lease: Lease, now: int) -> Lease:
    row = held(transaction, id=id)
    assert row is not None, "the entry was captured"
    _, following = records.record_accepted(
        transaction, row.seq, lease, _answer(row.seq, now), _RESULT, digest=_DIGEST, now=now, upload_next=True
    )
    assert following is not None, "the claim stands, so it goes on for the upload"
    return following


def _answer(seq: int, now: int) -> Answer:
    return Answer(201, 900_000_000_000 + seq, "{}", "http://127.0.0.1/none", now + _FAR_MS)


def _try_all(trial: Trial, database: Database, lost: Lost) -> None:
    for name, write in _WRITES.items():
        _try(trial, database, lost, name, write)
    with database.read() as transaction:
        stands = claims.still_holds(transaction, lost.seq, lost.lease, now=lost.now)
    trial.expect(not stands, "stale_send", f"a lost claim counts as standing ({lost.way})")
    if lost.before.state is State.SENDING:
        _late_acceptance(trial, database, lost)


def _setback(event: Event) -> Write:
    def write(transaction: Transaction, lost: Lost) -> bool:
        setback = Setback(event, "torture", due_at=lost.now, counted=True)
        return records.record_setback(transaction, lost.seq, lost.lease, setback, _RESULT, now=lost.now)

    return write


# Each answers whether it changed the entry.
_WRITES: Final[dict[str, Write]] = {
    "a change of the row": lambda transaction, lost: change(transaction, lost.before, due_at=lost.now),
    "a renewal": lambda transaction, lost: claims.renew(
        transaction, lost.seq, lost.lease, lease_until=lost.now + 2 * _FAR_MS
    ),
    "a retry": _setback(Event.RETRY),
    "a refusal": _setback(Event.REJECT),
    "a parking": _setback(Event.PARK),
    "handing back": lambda transaction, lost: records.hand_back(transaction, lost.seq, lost.lease),
    "the end of an upload": lambda transaction, lost: records.record_uploaded(
        transaction, lost.seq, lost.lease, _RESULT, now=lost.now
    ),
}


def _try(trial: Trial, database: Database, lost: Lost, name: str, write: Write) -> None:
    id = lost.before.id
    what = f"{name} was written over an entry whose claim was lost ({lost.before.state}, {lost.way})"
    try:
        with database.write() as transaction:
            taken = rehearsal.whole_row(transaction, id)
            changed = write(transaction, lost)
            after = rehearsal.whole_row(transaction, id)
            raise _Undo
    except _Undo:
        trial.expect(not changed and after == taken, "overwritten", what)
    except IllegalTransition as problem:
        # It did not look at the claim, and only the table of states stopped it.
        trial.found("overwritten", f"{what}: {problem}")


def _late_acceptance(trial: Trial, database: Database, lost: Lost) -> None:
    """An acceptance that comes late is evidence: it is kept, and the one who lost the claim gets no new one."""
    answer = _answer(lost.seq, lost.now)
    try:
        with database.write() as transaction:
            _, following = records.record_accepted(
                transaction,
                lost.seq,
                lost.lease,
                answer,
                _RESULT,
                digest=_DIGEST,
                now=lost.now,
                upload_next=True,
            )
            row = held(transaction, id=lost.before.id)
            raise _Undo
    except _Undo:
        trial.expect(following is None, "overwritten", f"a lost claim went on to the upload ({lost.way})")
        kept = row is not None and row.server_id == answer.server_id
        trial.expect(kept, "evidence_lost", f"a late acceptance was not kept ({lost.way})")
