"""Who may work on which entry now: find what is due, take a lease, keep it, and take it from those who died.

A claim is a lease: owner, fencing number, expiry. It says nothing about the state, except that a send is marked
`sending` in the same transaction, with all that a repeat would need, before its first byte leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import and_, bindparam, exists, func, literal, or_, select, text, update
from sqlalchemy.sql.expression import Alias, ColumnElement

from storage.database import Transaction
from storage.guarded import (
    ATTEMPT,
    CONTROL,
    ENTRY,
    FINISH_ATTEMPT,
    START_ATTEMPT,
    Held,
    change,
    freed,
    held,
    move,
)
from storage.lifecycle import Event, State
from storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Due:
    """An entry that may be worked on now, with what its step needs."""

    seq: int
    id: str
    kind: str
    payload: str
    payload_sha256: str
    idempotency_key: str
    request_path: str | None
    request_body: str | None
    request_digest: str | None
    target_id: int | None
    target_entry_id: int | None
    owner: str | None
    attempts: int
    attempt_n: int
    first_attempt_at: int | None
    server_id: int | None
    presigned_url: str | None
    url_expires_at: int | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on one entry. `attempt_n` numbers the try that it was taken for."""

    owner: str
    fence: int
    attempt_n: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What a claim leaves out. The host of a kind may be closed, or the budget for repeats spent."""

    signed: bool = True  # sends of kinds with a signature
    unsigned: bool = True  # sends of kinds without
    retries: bool = True  # entries that were sent before


# Trouble after the receipt stops no chain: the server id is known from then on.
def _not_settled(parent: Alias) -> ColumnElement[bool]:
    columns = parent.c
    return and_(
        columns.state.not_in([literal(state) for state in ("accepted", "done", "discarded")]),
        or_(
            columns.state != literal("parked"), columns.stage.is_(None), columns.stage != literal("accepted")
        ),
    )


_parent, _previous, _earlier = ENTRY.alias("parent"), ENTRY.alias("previous"), ENTRY.alias("earlier")
_BLOCKED: Final = or_(
    exists().where(_parent.c.id == ENTRY.c.target_entry, _parent.c.server_id.is_(None)),
    exists().where(_previous.c.id == ENTRY.c.after_entry, _not_settled(_previous)),
    exists().where(
        _earlier.c.chain_key == ENTRY.c.chain_key, _earlier.c.seq < ENTRY.c.seq, _not_settled(_earlier)
    ),
)
_target = ENTRY.alias("target")
_DUE_COLUMNS: Final = tuple(
    select(_target.c.server_id).where(_target.c.id == ENTRY.c.target_entry).scalar_subquery()
    if name == "target_entry_id"
    else ENTRY.c[name]
    for name in Due.__dataclass_fields__
)
PAUSED_OWNER: Final = "pause:owner:"

# Literals, not bound values: SQLite takes a partial index only where it can see the index's own condition.
_UNPAUSED: Final = ~exists().where(
    CONTROL.c.key == literal(PAUSED_OWNER).concat(func.coalesce(ENTRY.c.owner, literal("")))
)


@lru_cache(maxsize=8)
def due_sends_statement(wanted: Filter) -> Prepared:
    """The claim of sends, in capture order."""
    statement = select(*_DUE_COLUMNS).where(
        text("entry.state = 'pending' AND entry.due_at = 0"),
        ENTRY.c.lease_owner.is_(None),
        ~_BLOCKED,
        _UNPAUSED,
    )
    if not wanted.signed:
        statement = statement.where(ENTRY.c.has_signature == 0)
    if not wanted.unsigned:
        statement = statement.where(ENTRY.c.has_signature == 1)
    if not wanted.retries:
        statement = statement.where(ENTRY.c.request_digest.is_(None))
    return Prepared(statement.order_by(ENTRY.c.seq).limit(bindparam("most")))


# No token of ours is needed for an upload, so an auth pause lets it pass: its URL is the thing that spoils.
DUE_UPLOADS: Final = Prepared(
    select(*_DUE_COLUMNS)
    .where(text("entry.state = 'accepted' AND entry.due_at = 0"), ENTRY.c.lease_owner.is_(None))
    .order_by(ENTRY.c.url_expires_at, ENTRY.c.seq)
    .limit(bindparam("most"))
)
_READY: Final = Prepared(select(ENTRY.c.seq).where(text("state = 'pending'"), text("due_at = 0")).limit(1))
_READY_UNBLOCKED: Final = Prepared(
    select(ENTRY.c.seq).where(text("entry.state = 'pending' AND entry.due_at = 0"), ~_BLOCKED).limit(1)
)
_NEXT_DUE: Final = Prepared(select(func.min(ENTRY.c.due_at)).where(text("due_at > 0")))
_ANY_OWED: Final = Prepared(select(ENTRY.c.seq).where(text("state = 'accepted'")).limit(1))
_OWED_NOW: Final = Prepared(
    select(ENTRY.c.seq).where(text("state = 'accepted'"), ENTRY.c.due_at == 0).limit(1)
)
_FIRST_OWED_URL: Final = Prepared(
    select(ENTRY.c.presigned_url)
    .where(text("state = 'accepted'"), ENTRY.c.presigned_url.is_not(None))
    .order_by(ENTRY.c.url_expires_at, ENTRY.c.seq)
    .limit(1)
)
WAKE_DUE: Final = Prepared(
    update(ENTRY).where(text("due_at > 0"), ENTRY.c.due_at <= bindparam("now")).values(due_at=0)
)
_CLAMP_DUE: Final = Prepared(
    update(ENTRY)
    .where(text("due_at > 0"), ENTRY.c.due_at > bindparam("latest"))
    .values(due_at=bindparam("to"))
)
_FORGET_WAITS: Final = Prepared(update(ENTRY).where(text("due_at > 0")).values(due_at=0))
_COUNT_WAITS: Final = Prepared(select(func.count()).select_from(ENTRY).where(text("due_at > 0")))
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
_OPEN_ATTEMPT: Final = Prepared(
    select(ATTEMPT.c.n, ATTEMPT.c.started_at).where(
        ATTEMPT.c.entry_seq == bindparam("wanted"), ATTEMPT.c.outcome.is_(None)
    )
)


def wake_due(transaction: Transaction, *, now: int) -> None:
    """Entries whose wait is over are due again, in capture order among the others."""
    transaction.run(WAKE_DUE, now=now)


def clamp_waits(transaction: Transaction, *, latest: int) -> None:
    """No stored wait outlasts `latest`: a device clock that jumped must not hold an entry for years."""
    transaction.run(_CLAMP_DUE, latest=latest, to=latest)


def forget_waits(transaction: Transaction, *, dry_run: bool = False) -> int:
    """All backoff is over; how many entries were waiting for it."""
    if dry_run:
        return int(transaction.run(_COUNT_WAITS).fetchone()[0])
    return int(transaction.run(_FORGET_WAITS).rowcount)


def due_sends(transaction: Transaction, wanted: Filter, most: int) -> list[Due]:
    """At most `most` entries that may be sent now, in capture order; none whose chain or parent is not ready."""
    return [Due(*row) for row in transaction.run(due_sends_statement(wanted), most=most).fetchall()]


def due_uploads(transaction: Transaction, most: int) -> list[Due]:
    """At most `most` accepted entries whose signature may go now; the URL that spoils first comes first."""
    return [Due(*row) for row in transaction.run(DUE_UPLOADS, most=most).fetchall()]


def next_due_at(transaction: Transaction) -> int | None:
    """When the next stored wait ends; None where nothing waits for a time."""
    found: int | None = transaction.run(_NEXT_DUE).fetchone()[0]
    return found


def anything_due(transaction: Transaction, *, now: int) -> bool:
    """Whether any entry could be worked on now, gates, pauses and dependencies aside."""
    due_at = next_due_at(transaction)
    return (
        transaction.run(_READY).fetchone() is not None
        or any_owed(transaction)
        or (due_at is not None and due_at <= now)
    )


def only_blocked(transaction: Transaction, *, now: int) -> bool:
    """Whether all that is due waits for another entry, and nothing waits for a time."""
    due_at = next_due_at(transaction)
    if due_at is not None and due_at > now:
        return False
    return transaction.run(_READY_UNBLOCKED).fetchone() is None


def any_owed(transaction: Transaction) -> bool:
    """Whether any accepted entry still owes its signature."""
    return transaction.run(_ANY_OWED).fetchone() is not None


def any_owed_now(transaction: Transaction) -> bool:
    """Whether any owed signature waits for no backoff of its own."""
    return transaction.run(_OWED_NOW).fetchone() is not None


def first_owed_url(transaction: Transaction) -> str | None:
    """The presigned URL that spoils first among those still to be used. A secret."""
    row = transaction.run(_FIRST_OWED_URL).fetchone()
    return None if row is None else str(row[0])


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
) -> Lease:
    """Write the intent: state, lease, attempt, and the exact request. Commit before the first byte leaves."""
    row = _mine_to_take(transaction, due.seq)
    n = row.attempt_n + 1
    fence = row.lease_fence + 1
    changes = {"lease_owner": owner, "lease_fence": fence, "lease_expires_at": lease_until}
    sent = {"request_path": path, "request_body": body, "request_digest": digest, "last_sent_at": now}
    if due.request_digest is None:
        sent["first_sent_at"] = now
    moved = move(transaction, row, Event.SEND, reason=None, attempt_n=n, **changes, **sent)
    assert moved, "the row was read in this transaction"
    transaction.run(START_ATTEMPT, entry_seq=due.seq, n=n, step="send", started_at=now)
    return Lease(owner, fence, n)


def lease_upload(transaction: Transaction, seq: int, *, owner: str, now: int, lease_until: int) -> Lease:
    """Take an accepted entry for its upload. Its state stays: a repeated PUT of the same bytes does no harm."""
    row = _mine_to_take(transaction, seq)
    n = row.attempt_n + 1
    fence = row.lease_fence + 1
    changed = change(
        transaction, row, attempt_n=n, lease_owner=owner, lease_fence=fence, lease_expires_at=lease_until
    )
    assert changed, "the row was read in this transaction"
    transaction.run(START_ATTEMPT, entry_seq=seq, n=n, step="upload", started_at=now)
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


def rescue(
    transaction: Transaction, *, repeatable_kinds: frozenset[str], now: int, mono_ms: int, boot: str
) -> int:
    """Take over what dead drainers left behind; how many sends were cut off.

    Only for the holder of the drain lock, before it claims anything: then nobody alive holds a lease. A send that was
    cut off is in doubt, unless repeating it does no harm. Every fence is raised, so that nothing late overwrites this.
    """
    cut_off = 0
    for (seq,) in transaction.run(_IN_STATE, wanted=State.SENDING.value).fetchall():
        row = _row(transaction, seq)
        cut_off += 1
        close_attempts(transaction, seq, now=now)
        counted = {
            "attempts": row.attempts + 1,
            "first_attempt_at": row.first_attempt_at or now,
            "reason": "interrupted",
            "due_at": 0,
            **freed(row),
        }
        if row.kind in repeatable_kinds:
            move(transaction, row, Event.RETRY, **counted)
        else:
            move(transaction, row, Event.DOUBT, **counted, **doubt_clock(now, mono_ms, boot))
    for (seq,) in transaction.run(_LEASED).fetchall():
        row = _row(transaction, seq)
        close_attempts(transaction, seq, now=now)
        change(transaction, row, **freed(row))
    return cut_off


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
