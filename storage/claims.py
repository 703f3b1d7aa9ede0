"""Who holds which entry: take a lease, keep it, and take it from those who died.

A lease is an owner, a fencing number and an expiry. It says nothing about the state, except that a send is marked
`sending` in the same transaction, with all that a repeat would need, before its first byte leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, text, update

from storage import control
from storage.database import Transaction
from storage.guarded import (
    ATTEMPT,
    ENTRY,
    FINISH_ATTEMPT,
    START_ATTEMPT,
    START_SEND,
    Held,
    change,
    freed,
    held,
    move,
)
from storage.lifecycle import Event, State
from storage.prepared import Prepared
from storage.readiness import Due


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on one entry. `attempt_n` numbers the try that it was taken for."""

    owner: str
    fence: int
    attempt_n: int


# Whether sending this body of this kind of entry once more does no harm.
Repeatable = Callable[[str, str | None], bool]


@dataclass(frozen=True, slots=True)
class Moment:
    """The present moment: milliseconds by the device's clock, and monotonic ones of one boot."""

    now: int
    mono_ms: int
    boot: str


_IN_STATE: Final = Prepared(
    select(ENTRY.c.seq).where(ENTRY.c.state == bindparam("wanted")).order_by(ENTRY.c.seq)
)
_LEASED: Final = Prepared(select(ENTRY.c.seq).where(text("lease_owner IS NOT NULL")))
_RENEW: Final = Prepared(
    update(ENTRY)
    .where(
        ENTRY.c.seq == bindparam("at_seq"),
        ENTRY.c.lease_owner == bindparam("owner"),
        ENTRY.c.lease_fence == bindparam("fence"),
    )
    .values(lease_expires_at=bindparam("until"))
)
_HOLDS: Final = Prepared(
    select(ENTRY.c.lease_expires_at).where(
        ENTRY.c.seq == bindparam("wanted"),
        ENTRY.c.lease_owner == bindparam("owner"),
        ENTRY.c.lease_fence == bindparam("fence"),
    )
)
_BODY: Final = Prepared(select(ENTRY.c.request_body).where(ENTRY.c.seq == bindparam("wanted")))
_OPEN_ATTEMPT: Final = Prepared(
    select(ATTEMPT.c.n, ATTEMPT.c.started_at).where(
        ATTEMPT.c.entry_seq == bindparam("wanted"), ATTEMPT.c.outcome.is_(None)
    )
)


def mark_sending(
    transaction: Transaction,
    due: Due,
    *,
    owner: str,
    path: str,
    body: str,
    digest: str,
    now: int,
    lease_until: int,
    server_at: int | None = None,
    sent_as: str | None = None,
) -> Lease:
    """Write the intent: state, lease, attempt, and the exact request. Commit before the first byte leaves.

    `sent_as` is the owner of the tokens that it goes out with, where they have one.
    """
    row = _mine_to_take(transaction, due.seq)
    n = row.attempt_n + 1
    fence = row.lease_fence + 1
    changes = {"lease_owner": owner, "lease_fence": fence, "lease_expires_at": lease_until}
    sent = {"request_path": path, "request_body": body, "request_digest": digest, "last_sent_at": now}
    sent["last_sent_server_at"] = server_at
    if due.request_digest is None:
        sent["first_sent_at"] = now
        sent["first_sent_server_at"] = server_at
    moved = move(transaction, row, Event.SEND, reason=None, attempt_n=n, **changes, **sent)
    assert moved, "the row was read in this transaction"
    transaction.run(START_SEND, entry_seq=due.seq, n=n, step="send", started_at=now, sent_as=sent_as)
    control.count_send(transaction, now=now)
    return Lease(owner, fence, n)


def lease_upload(
    transaction: Transaction, seq: int, *, owner: str, now: int, lease_until: int, step: str = "upload"
) -> Lease:
    """Take an accepted entry for its upload or for another URL (`step` `reissue`), or one to read its target (`check`).

    Its state stays: a repeated PUT of the same bytes does no harm, and neither does a URL or a read too many.
    """
    row = _mine_to_take(transaction, seq)
    n = row.attempt_n + 1
    fence = row.lease_fence + 1
    changed = change(
        transaction, row, attempt_n=n, lease_owner=owner, lease_fence=fence, lease_expires_at=lease_until
    )
    assert changed, "the row was read in this transaction"
    transaction.run(START_ATTEMPT, entry_seq=seq, n=n, step=step, started_at=now)
    return Lease(owner, fence, n)


def _mine_to_take(transaction: Transaction, seq: int) -> Held:
    row = held(transaction, seq=seq)
    assert row is not None, "a due entry was read in this transaction"
    assert row.lease_owner is None, "a due entry is not leased"
    return row


def renew(transaction: Transaction, seq: int, lease: Lease, *, lease_until: int) -> bool:
    """Keep a lease while its exchange runs; False when it is no longer ours."""
    cursor = transaction.run(_RENEW, at_seq=seq, owner=lease.owner, fence=lease.fence, until=lease_until)
    return bool(cursor.rowcount == 1)


def still_holds(transaction: Transaction, seq: int, lease: Lease, *, now: int) -> bool:
    """Whether the lease stands at this moment: asked after connecting, right before the first byte."""
    row = transaction.run(_HOLDS, wanted=seq, owner=lease.owner, fence=lease.fence).fetchone()
    return row is not None and row[0] is not None and row[0] > now


def rescue(transaction: Transaction, *, repeatable: Repeatable, now: int, mono_ms: int, boot: str) -> int:
    """Take over what dead drainers left behind; how many sends were cut off.

    Only for the holder of the drain lock, before it claims anything: then nobody alive holds a lease. A send that was
    cut off is in doubt, unless repeating it does no harm. Every fence is raised, so that nothing late overwrites this.
    """
    moment = Moment(now, mono_ms, boot)
    cut_off = 0
    for (seq,) in transaction.run(_IN_STATE, wanted=State.SENDING.value).fetchall():
        cut_off += 1
        rescue_one(transaction, _row(transaction, seq), moment=moment, repeatable=repeatable)
    for (seq,) in transaction.run(_LEASED).fetchall():
        row = _row(transaction, seq)
        close_attempts(transaction, seq, now=now)
        change(transaction, row, **freed(row))
    return cut_off


def rescue_one(transaction: Transaction, row: Held, *, moment: Moment, repeatable: Repeatable) -> None:
    """Take over one send that was cut off. Only where nobody alive holds it."""
    close_attempts(transaction, row.seq, now=moment.now)
    counted = {
        "attempts": row.attempts + 1,
        "first_attempt_at": row.first_attempt_at or moment.now,
        "reason": "interrupted",
        "due_at": 0,
        **freed(row),
    }
    (body,) = transaction.run(_BODY, wanted=row.seq).fetchone()
    if repeatable(row.kind, body):
        move(transaction, row, Event.RETRY, **counted)
    else:
        clock = doubt_clock(moment.now, moment.mono_ms, moment.boot)
        move(transaction, row, Event.DOUBT, **counted, **clock)


def _row(transaction: Transaction, seq: int) -> Held:
    row = held(transaction, seq=seq)
    assert row is not None, "the row was listed in this transaction"
    return row


def doubt_clock(now: int, mono_ms: int, boot: str) -> dict[str, object]:
    """The settling clock starts when the sender can send no more, and counts monotonic time within one boot."""
    return {
        "doubt_at": now,
        "doubt_mono_ms": mono_ms,
        "doubt_boot": boot,
        "clean_misses": 0,
        "last_miss_mono_ms": None,
        "looked_mono_ms": mono_ms,
        "lookup_due_mono_ms": mono_ms,
    }


def close_attempts(transaction: Transaction, seq: int, *, now: int) -> None:
    """Attempts without an outcome belong to a drainer that ended in the middle: say so in the history."""
    for n, started_at in transaction.run(_OPEN_ATTEMPT, wanted=seq).fetchall():
        transaction.run(
            FINISH_ATTEMPT,
            of_entry=seq,
            of_n=n,
            new_duration_ms=max(0, now - started_at),
            new_outcome="Interrupted",
            new_status=None,
            new_reason="interrupted",
            new_detail=None,
            new_request_id=None,
        )
