"""Entries that may have arrived: list them, write down what a look-up showed and how their doubt ended.

Who decides is `sync/reconcile.py`. Every change raises the fence, so that nothing late overwrites it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, or_, select, text, update

from storage import chains, history
from storage.budget import TRIES
from storage.claims import doubt_clock
from storage.database import Transaction
from storage.guarded import ENTRY, RECEIPT, Held, change, freed, held, move
from storage.lifecycle import Event, State
from storage.prepared import Prepared
from storage.records import Result


@dataclass(frozen=True, slots=True)
class Doubt:
    """One entry in doubt. `mono_ms` is when its settling time started, in the monotonic time of `boot`.

    Times of sends are by the server's clock, where it was known then. `waited_ms` adds up over boots, until
    `looked_mono_ms`.
    """

    seq: int
    kind: str
    owner: str | None
    lease_fence: int
    certainly_created: bool
    reason: str | None
    attempts: int
    first_attempt_at: int | None
    first_sent_at: int | None
    last_sent_at: int | None
    first_sent_server_at: int | None
    last_sent_server_at: int | None
    mono_ms: int | None
    boot: str | None
    lookups: int
    clean_misses: int
    last_miss_mono_ms: int | None
    looked_mono_ms: int | None
    waited_ms: int
    lookup_due_mono_ms: int | None
    creates: bool = True  # False: an update, whose target the server is asked for by its id


class Unsettled(NamedTuple):
    """An entry that was sent and whose server id is not known, with what was sent."""

    seq: int
    kind: str
    payload: str


class OwnRecord(NamedTuple):
    """A record at the server that this device made, with what was sent for it, and when it was told so (its clock)."""

    server_id: int
    kind: str
    payload: str
    told_at: int


_COLUMNS: Final = tuple(
    ENTRY.c[
        {"mono_ms": "doubt_mono_ms", "boot": "doubt_boot", "waited_ms": "doubt_waited_ms"}.get(name, name)
    ]
    for name in Doubt.__dataclass_fields__
)
_IN_DOUBT: Final = Prepared(select(*_COLUMNS).where(text("state = 'in_doubt'")).order_by(ENTRY.c.seq))
_DUE_FOR_LOOK: Final = Prepared(
    select(*_COLUMNS)
    .where(text("state = 'in_doubt'"), ENTRY.c.lookup_due_mono_ms <= bindparam("mono_ms"))
    .order_by(ENTRY.c.lookup_due_mono_ms, ENTRY.c.seq)
    .limit(bindparam("most"))
)
_PAYLOAD: Final = Prepared(
    select(ENTRY.c.seq, ENTRY.c.kind, ENTRY.c.payload).where(ENTRY.c.seq == bindparam("wanted"))
)
# Whatever became of it here: who was sent and has no id may be the one that a listed record belongs to.
_RIVALS: Final = Prepared(
    select(ENTRY.c.seq, ENTRY.c.kind, ENTRY.c.payload).where(
        text("start_at IS NOT NULL"),
        ENTRY.c.start_at > bindparam("after"),
        ENTRY.c.start_at < bindparam("before"),
        ENTRY.c.creates == 1,
        ENTRY.c.server_id.is_(None),
        # One that a recovery took for sent has no request of its own to show.
        or_(ENTRY.c.request_digest.is_not(None), ENTRY.c.first_sent_at.is_not(None)),
    )
)
_OWN: Final = Prepared(
    select(RECEIPT.c.server_id, ENTRY.c.kind, ENTRY.c.payload, RECEIPT.c.at)
    .join(ENTRY, ENTRY.c.seq == RECEIPT.c.entry_seq)
    .where(RECEIPT.c.server_id == bindparam("wanted"), ENTRY.c.creates == 1)
    .limit(1)
)
_START: Final = Prepared(select(ENTRY.c.start_at).where(ENTRY.c.seq == bindparam("wanted")))
_HASTEN: Final = Prepared(update(ENTRY).where(text("state = 'in_doubt'")).values(lookup_due_mono_ms=0))


def in_doubt(transaction: Transaction) -> list[Doubt]:
    """Every entry in doubt, oldest capture first."""
    return [_doubt(row) for row in transaction.run(_IN_DOUBT).fetchall()]


def due_for_look(transaction: Transaction, *, mono_ms: int, most: int) -> list[Doubt]:
    """At most `most` entries whose next look-up has come, in monotonic time of this boot."""
    return [_doubt(row) for row in transaction.run(_DUE_FOR_LOOK, mono_ms=mono_ms, most=most).fetchall()]


def _doubt(row: Any) -> Doubt:
    found = dict(zip(Doubt.__dataclass_fields__, row, strict=True))
    for name in ("certainly_created", "creates"):
        found[name] = bool(found[name])
    return Doubt(**found)


def sent(transaction: Transaction, seq: int) -> Unsettled:
    """What was sent for this entry."""
    return Unsettled(*transaction.run(_PAYLOAD, wanted=seq).fetchone())


def rivals(transaction: Transaction, seq: int, *, within_ms: int) -> list[Unsettled]:
    """Other entries whose start is less than `within_ms` away, which were sent and whose server id is not known."""
    (start,) = transaction.run(_START, wanted=seq).fetchone()
    if start is None:
        return []
    rows = transaction.run(_RIVALS, after=start - within_ms, before=start + within_ms).fetchall()
    return [found for row in rows if (found := Unsettled(*row)).seq != seq]


def own_record(transaction: Transaction, server_id: int) -> OwnRecord | None:
    """The entry that made this record, if it was made here."""
    row = transaction.run(_OWN, wanted=server_id).fetchone()
    return None if row is None else OwnRecord(*row)


def still(transaction: Transaction, doubt: Doubt) -> Held | None:
    """The row, if it is in doubt still and nobody has touched it since."""
    row = held(transaction, seq=doubt.seq)
    if row is None or row.state is not State.IN_DOUBT or row.lease_fence != doubt.lease_fence:
        return None
    return row


def park(transaction: Transaction, doubt: Doubt, *, reason: str) -> bool:
    """Held for a person; released, it is in doubt again."""
    row = still(transaction, doubt)
    return row is not None and move(transaction, row, Event.PARK, reason=reason, due_at=0, **freed(row))


def take_for_absent(transaction: Transaction, doubt: Doubt) -> bool:
    """It goes back to be sent again: same key, same bytes."""
    row = still(transaction, doubt)
    if row is None or row.certainly_created:
        return False
    return move(transaction, row, Event.ABSENT, due_at=0, **freed(row))


def restart_clock(transaction: Transaction, doubt: Doubt, *, now: int, mono_ms: int, boot: str) -> bool:
    """The settling time begins anew."""
    row = still(transaction, doubt)
    return row is not None and change(transaction, row, **doubt_clock(now, mono_ms, boot), **freed(row))


def look_later(transaction: Transaction, doubt: Doubt, *, due_mono_ms: int) -> bool:
    """Not yet: the look-up would come before it can say anything."""
    row = still(transaction, doubt)
    return row is not None and change(transaction, row, lookup_due_mono_ms=due_mono_ms)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look-up did to one entry. `waited_ms` is all its time in doubt until now."""

    reason: str | None  # what the entry says from now on; None: as before
    clean_misses: int
    last_miss_mono_ms: int | None
    looked_mono_ms: int
    waited_ms: int
    due_mono_ms: int
    counts: bool  # somebody answered who can be taken for the server


def record_look(transaction: Transaction, doubt: Doubt, look: Look, result: Result, *, now: int) -> bool:
    """Write down a look-up after which the entry stays in doubt."""
    row = still(transaction, doubt)
    if row is None:
        return False
    n = _note(transaction, row, result, now)
    return change(
        transaction,
        row,
        reason=look.reason or row.reason,
        attempt_n=n,
        lookups=doubt.lookups + look.counts,
        clean_misses=look.clean_misses,
        last_miss_mono_ms=look.last_miss_mono_ms,
        looked_mono_ms=look.looked_mono_ms,
        doubt_waited_ms=look.waited_ms,
        lookup_due_mono_ms=look.due_mono_ms,
        **freed(row),
    )


def note_end(transaction: Transaction, doubt: Doubt, result: Result, *, now: int) -> bool:
    """The look-up that ends the doubt, for the history; `park` or `take_for_absent` follows in this transaction."""
    row = still(transaction, doubt)
    return row is not None and change(transaction, row, attempt_n=_note(transaction, row, result, now))


def record_found(
    transaction: Transaction,
    doubt: Doubt,
    *,
    server_id: int,
    status: int,
    answer: str,
    result: Result,
    now: int,
) -> bool:
    """The server has it: its id is stored with what showed it. A signature is owed then, for no URL comes with it."""
    row = still(transaction, doubt)
    if row is None:
        return False
    n = _note(transaction, row, result, now)
    history.receipt(
        transaction,
        row.seq,
        attempt_n=n,
        status=status,
        server_id=server_id,
        answer=answer,
        adopted=True,
        now=now,
    )
    adopt(transaction, row, server_id, attempt_n=n, now=now)
    return True


def adopt(transaction: Transaction, row: Held, server_id: int, *, attempt_n: int, now: int) -> None:
    """Give an entry the server id that evidence or a person says is its own."""
    finished = {} if row.has_signature else {"done_at": now}
    move(
        transaction,
        row,
        Event.FOUND if row.has_signature else Event.FOUND_COMPLETE,
        server_id=server_id,
        attempt_n=attempt_n,
        reason=None,
        due_at=0,
        **TRIES,
        **finished,
        **freed(row),
    )
    chains.join(transaction, row.id, server_id)


def _note(transaction: Transaction, row: Held, result: Result, now: int) -> int:
    return history.note(
        transaction,
        row,
        step="lookup",
        outcome=result.outcome,
        reason=result.reason,
        now=now,
        duration_ms=result.duration_ms,
        status=result.status,
        detail=result.detail,
        request_id=result.request_id,
    )


def hasten_looks(transaction: Transaction) -> int:
    """All look-ups are due now; no settling time is shortened. How many entries are in doubt."""
    return int(transaction.run(_HASTEN).rowcount)
