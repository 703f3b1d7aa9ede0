"""Removes what is delivered and old enough: payload, image, history and answers go, the proof of delivery stays.

What stays answers "was it sent?" and a repeated capture, and holds nothing personal: ids, times and digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, bindparam, delete, exists, func, insert, literal, or_, select, text

from storage import control
from storage.database import Database, Transaction
from storage.guarded import ATTEMPT, ENTRY, PURGED, RECEIPT, REFERENCE, SIGNATURE
from storage.prepared import Prepared

_BATCH: Final = 200

_waiting = ENTRY.alias("waiting")
_unfinished = _waiting.c.state.not_in([literal("done"), literal("discarded")])
# Whoever is not finished may still need its server id, or have to wait for it.
_IS_NEEDED: Final = or_(
    exists().where(_waiting.c.target_entry == ENTRY.c.id, _unfinished),
    exists().where(_waiting.c.after_entry == ENTRY.c.id, _unfinished),
    exists().where(REFERENCE.c.parent == ENTRY.c.id, _waiting.c.seq == REFERENCE.c.entry_seq, _unfinished),
)
# A try without an end may yet bring an answer.
_IS_OPEN: Final = exists().where(ATTEMPT.c.entry_seq == ENTRY.c.seq, ATTEMPT.c.outcome.is_(None))
_OLD_ENOUGH: Final = and_(
    text("entry.state = 'done'"), ENTRY.c.done_at < bindparam("before"), ~_IS_NEEDED, ~_IS_OPEN
)
_DELIVERED: Final = Prepared(
    select(ENTRY.c.seq)
    .where(_OLD_ENOUGH, ENTRY.c.seq > bindparam("behind"))
    .order_by(ENTRY.c.seq)
    .limit(bindparam("most"))
)
_COUNT: Final = Prepared(select(func.count()).select_from(ENTRY).where(_OLD_ENOUGH))
_accepted_at = (
    select(func.min(RECEIPT.c.at))
    .where(RECEIPT.c.entry_seq == ENTRY.c.seq, RECEIPT.c.adopted == 1)
    .scalar_subquery()
)
_image_sha256 = select(SIGNATURE.c.sha256).where(SIGNATURE.c.entry_seq == ENTRY.c.seq).scalar_subquery()
_KEPT: Final = (
    *("id", "kind", "state", "input_digest", "captured_at", "uploaded_at", "done_at", "server_id"),
    *("request_digest", "etag"),
)
_KEEP_PROOF: Final = Prepared(
    insert(PURGED).from_select(
        [*_KEPT, "accepted_at", "image_sha256", "purged_at"],
        select(*(ENTRY.c[name] for name in _KEPT), _accepted_at, _image_sha256, bindparam("now")).where(
            ENTRY.c.seq == bindparam("wanted")
        ),
    )
)
_PROOFS: Final = Prepared(select(func.count()).select_from(PURGED).where(PURGED.c.state == text("'done'")))
_REMOVE: Final = Prepared(delete(ENTRY).where(ENTRY.c.seq == bindparam("wanted")))


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many entries were removed, or would be, and how many are left that are as old but still needed."""

    removed: int
    kept: int


_AS_OLD: Final = Prepared(
    select(func.count())
    .select_from(ENTRY)
    .where(text("state = 'done'"), ENTRY.c.done_at < bindparam("before"))
)


def prune(database: Database, *, before: int, now: int, dry_run: bool = False) -> Pruned:
    """Remove what was delivered before that instant (milliseconds), a few hundred entries a transaction.

    Safe beside a running worker: nobody works on what is delivered. Stopped in between, it has removed a part.
    """
    if dry_run:
        with database.read() as transaction:
            removed = _count(transaction, _COUNT, before)
            return Pruned(removed, _count(transaction, _AS_OLD, before) - removed)
    removed, behind = 0, 0
    while True:
        with database.write() as transaction:
            rows = transaction.run(_DELIVERED, before=before, behind=behind, most=_BATCH).fetchall()
            if rows:
                so_far = removed_so_far(transaction, now=now)
                control.put(transaction, control.REMOVED, so_far + len(rows), now=now)
            for (seq,) in rows:
                transaction.run(_KEEP_PROOF, wanted=seq, now=now)
                transaction.run(_REMOVE, wanted=seq)
        removed += len(rows)
        if len(rows) < _BATCH:
            break
        behind = rows[-1][0]
    with database.read() as transaction:
        return Pruned(removed, _count(transaction, _AS_OLD, before))


def removed_so_far(transaction: Transaction, *, now: int) -> int:
    """How many delivered entries were ever removed. Kept beside the proofs, which are counted once only."""
    known = control.get(transaction, control.REMOVED)
    if known is None:
        (known,) = transaction.run(_PROOFS).fetchone()
        control.put(transaction, control.REMOVED, known, now=now)
    return int(known)


def _count(transaction: Transaction, statement: Prepared, before: int) -> int:
    (count,) = transaction.run(statement, before=before).fetchone()
    return int(count)
