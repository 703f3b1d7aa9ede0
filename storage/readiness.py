"""Which entries may be worked on now: their time has come, what they depend on is settled, nobody holds them.

Computed by each claim, never stored as a state. Whether it may go on is for gates and pauses: `sync/intake.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import and_, bindparam, exists, func, literal, or_, select, text, update
from sqlalchemy.sql.expression import Alias, ColumnElement

from storage.database import Transaction
from storage.guarded import CONTROL, ENTRY
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
    link_failures: int
    server_id: int | None
    presigned_url: str | None
    url_expires_at: int | None


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
# So often a canary's upload may fail, with its host in reach, before another entry takes its place.
CANARY_TRIES: Final = 3
_ANY_CANARY: Final = Prepared(
    select(ENTRY.c.seq)
    .where(text("state = 'accepted'"), ENTRY.c.attempts + ENTRY.c.link_failures < CANARY_TRIES)
    .limit(1)
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


def any_canary(transaction: Transaction) -> bool:
    """Whether an owed signature still stands for its host: trouble of one entry alone does not."""
    return transaction.run(_ANY_CANARY).fetchone() is not None


def any_owed_now(transaction: Transaction) -> bool:
    """Whether any owed signature waits for no backoff of its own."""
    return transaction.run(_OWED_NOW).fetchone() is not None


def first_owed_url(transaction: Transaction) -> str | None:
    """The presigned URL that spoils first among those still to be used. A secret."""
    row = transaction.run(_FIRST_OWED_URL).fetchone()
    return None if row is None else str(row[0])
