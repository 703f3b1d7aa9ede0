"""Which entries may be worked on now: their time has come, what they depend on is settled, nobody holds them.

Computed by each claim, never stored as a state. Whether it may go on is for gates and pauses: `sync/intake.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import and_, bindparam, exists, func, literal, or_, select, text

from storage.chains import settled
from storage.database import Transaction
from storage.guarded import CONTROL, ENTRY, PURGED, RECEIPT, REFERENCE
from storage.owing import REISSUING, any_owed
from storage.prepared import Prepared
from storage.waits import next_due_at


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
    yields: int
    server_id: int | None
    presigned_url: str | None
    url_expires_at: int | None
    url_trouble: str | None
    upload_way: str | None
    url_reissues: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What a claim leaves out. The host of a kind may be closed, or the budget for repeats spent."""

    signed: bool = True  # sends of kinds with a signature
    unsigned: bool = True  # sends of kinds without
    retries: bool = True  # entries that were sent before


_parent, _previous, _earlier = ENTRY.alias("parent"), ENTRY.alias("previous"), ENTRY.alias("earlier")
_later, _named = ENTRY.alias("later"), ENTRY.alias("named")
_BLOCKED: Final = or_(
    exists().where(_parent.c.id == ENTRY.c.target_entry, _parent.c.server_id.is_(None)),
    exists().where(
        REFERENCE.c.entry_seq == ENTRY.c.seq, _named.c.id == REFERENCE.c.parent, _named.c.server_id.is_(None)
    ),
    exists().where(_previous.c.id == ENTRY.c.after_entry, ~settled(_previous.c)),
    exists().where(
        _earlier.c.chain_key == ENTRY.c.chain_key, _earlier.c.seq < ENTRY.c.seq, ~settled(_earlier.c)
    ),
    # A chain that was joined, or an entry that was given another target, may stand before one that is on the wire.
    exists().where(
        _later.c.chain_key == ENTRY.c.chain_key,
        _later.c.seq > ENTRY.c.seq,
        _later.c.state == literal("sending"),
    ),
)
_target = ENTRY.alias("target")
_DUE_COLUMNS: Final = tuple(
    func.coalesce(
        select(_target.c.server_id).where(_target.c.id == ENTRY.c.target_entry).scalar_subquery(),
        select(PURGED.c.server_id).where(PURGED.c.id == ENTRY.c.target_entry).scalar_subquery(),
    )
    if name == "target_entry_id"
    else ENTRY.c[name]
    for name in Due.__dataclass_fields__
)
PAUSED_OWNER: Final = "pause:owner:"

# Literals, not bound values: SQLite takes a partial index only where it can see the index's own condition.
_UNPAUSED: Final = ~exists().where(
    CONTROL.c.key == literal(PAUSED_OWNER).concat(func.coalesce(ENTRY.c.owner, literal("")))
)


OF_OWNER: Final = func.coalesce(ENTRY.c.owner, literal("")) == bindparam("of_owner")


@lru_cache(maxsize=16)
def due_sends_statement(wanted: Filter, *, probe: bool = False) -> Prepared:
    """The claim of sends: in capture order, but who was set back makes way for who was not.

    As `probe` that of a held owner's entries, from a given one on, in capture order.
    """
    whose = and_(OF_OWNER, ENTRY.c.seq > bindparam("behind")) if probe else _UNPAUSED
    statement = select(*_DUE_COLUMNS).where(
        text("entry.state = 'pending' AND entry.due_at = 0"), ENTRY.c.lease_owner.is_(None), ~_BLOCKED, whose
    )
    if not wanted.signed:
        statement = statement.where(ENTRY.c.has_signature == 0)
    if not wanted.unsigned:
        statement = statement.where(ENTRY.c.has_signature == 1)
    if not wanted.retries:
        statement = statement.where(ENTRY.c.request_digest.is_(None))
    order = (ENTRY.c.seq,) if probe else (ENTRY.c.yields, ENTRY.c.seq)
    return Prepared(statement.order_by(*order).limit(bindparam("most")))


# No token of ours is needed for an upload, so an auth pause lets it pass: its URL is the thing that spoils.
DUE_UPLOADS: Final = Prepared(
    select(*_DUE_COLUMNS)
    .where(text("entry.state = 'accepted' AND entry.due_at = 0"), ENTRY.c.lease_owner.is_(None), ~REISSUING)
    .order_by(ENTRY.c.url_expires_at, ENTRY.c.seq)
    .limit(bindparam("most"))
)
_reissues = (
    select(*_DUE_COLUMNS)
    .where(text("entry.state = 'accepted' AND entry.due_at = 0"), ENTRY.c.lease_owner.is_(None), REISSUING)
    .order_by(ENTRY.c.url_expires_at, ENTRY.c.seq)
    .limit(bindparam("most"))
)
DUE_REISSUES: Final = Prepared(_reissues.where(_UNPAUSED))
PAUSED_REISSUES: Final = Prepared(_reissues.where(~_UNPAUSED))
_ANSWER: Final = Prepared(
    select(RECEIPT.c.answer)
    .where(RECEIPT.c.entry_seq == bindparam("wanted"), RECEIPT.c.server_id == bindparam("server_id"))
    .order_by(RECEIPT.c.id.desc())
    .limit(1)
)
_READY: Final = Prepared(select(ENTRY.c.seq).where(text("state = 'pending'"), text("due_at = 0")).limit(1))
_READY_UNBLOCKED: Final = Prepared(
    select(ENTRY.c.seq).where(text("entry.state = 'pending' AND entry.due_at = 0"), ~_BLOCKED).limit(1)
)
_OTHER_READY: Final = Prepared(
    select(ENTRY.c.seq)
    .where(
        text("entry.state = 'pending' AND entry.due_at = 0"),
        ENTRY.c.seq != bindparam("but"),
        or_(bindparam("any_owner") == 1, func.coalesce(ENTRY.c.owner, literal("")) == bindparam("of_owner")),
        ~_BLOCKED,
        _UNPAUSED,
    )
    .limit(1)
)
_OTHER_SENT: Final = Prepared(
    select(ENTRY.c.seq)
    .where(
        text("state = 'sending'"),
        ENTRY.c.seq != bindparam("but"),
        or_(bindparam("any_owner") == 1, func.coalesce(ENTRY.c.owner, literal("")) == bindparam("of_owner")),
    )
    .limit(1)
)


def due_sends(transaction: Transaction, wanted: Filter, most: int) -> list[Due]:
    """At most `most` entries that may be sent now, in capture order; none whose chain or parent is not ready."""
    return [Due(*row) for row in transaction.run(due_sends_statement(wanted), most=most).fetchall()]


def due_uploads(transaction: Transaction, most: int) -> list[Due]:
    """At most `most` accepted entries whose signature may go now; the URL that spoils first comes first."""
    return [Due(*row) for row in transaction.run(DUE_UPLOADS, most=most).fetchall()]


def due_reissues(transaction: Transaction, most: int, *, paused: bool = False) -> list[Due]:
    """At most `most` accepted entries that wait for another URL; `paused`: of the owners who are held back."""
    statement = PAUSED_REISSUES if paused else DUE_REISSUES
    return [Due(*row) for row in transaction.run(statement, most=most).fetchall()]


def answer_of(transaction: Transaction, seq: int, server_id: int | None) -> str | None:
    """The JSON of the receipt that named this server id; None where the id came without one."""
    row = transaction.run(_ANSWER, wanted=seq, server_id=server_id).fetchone()
    return None if row is None else str(row[0])


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


def anybody_else(transaction: Transaction, seq: int, *, owner: str | None = None, any_owner: bool) -> bool:
    """Whether another entry than `seq` is on the wire or could be sent now: one that gives a second opinion."""
    whose = {"but": seq, "of_owner": owner or "", "any_owner": int(any_owner)}
    ready = transaction.run(_OTHER_READY, **whose).fetchone()
    return ready is not None or transaction.run(_OTHER_SENT, **whose).fetchone() is not None
