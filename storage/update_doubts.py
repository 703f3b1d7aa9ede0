"""Updates that may have arrived: what was sent, and the two ends that only their doubt has.

Beside `doubts.py`, which has what all doubt has in common. Who decides is `sync/reconcile_update.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select

from storage import digests
from storage.database import Transaction
from storage.doubts import Doubt, still
from storage.guarded import ENTRY, PURGED, freed, move
from storage.lifecycle import Event
from storage.prepared import Prepared


class SentUpdate(NamedTuple):
    """What was sent of an update, exactly, and to which server id. `waived`: a person said to send it all the same.

    `path` is None where a recovery took it for sent: then `body` is what was captured.
    """

    kind: str
    path: str | None
    body: str
    idempotency_key: str
    waived: bool
    target: int | None


@dataclass(frozen=True, slots=True)
class Quieter:
    """The same change without what must not happen twice: a request of its own, with a key of its own."""

    path: str
    body: str
    digest: str
    idempotency_key: str


_target, _purged = ENTRY.alias("target"), PURGED.alias("purged")
_SENT: Final = Prepared(
    select(
        ENTRY.c.kind,
        ENTRY.c.request_path,
        func.coalesce(ENTRY.c.request_body, ENTRY.c.payload),
        ENTRY.c.idempotency_key,
        ENTRY.c.check_waived,
        func.coalesce(
            ENTRY.c.target_id,
            select(_target.c.server_id).where(_target.c.id == ENTRY.c.target_entry).scalar_subquery(),
            select(_purged.c.server_id).where(_purged.c.id == ENTRY.c.target_entry).scalar_subquery(),
        ),
    ).where(ENTRY.c.seq == bindparam("wanted"))
)


def sent_update(transaction: Transaction, seq: int) -> SentUpdate:
    """What was sent for this entry."""
    kind, path, body, key, waived, target = transaction.run(_SENT, wanted=seq).fetchone()
    return SentUpdate(kind, path, body, key, bool(waived), target)


def take_quietly(transaction: Transaction, doubt: Doubt, quieter: Quieter, *, reason: str) -> bool:
    """It goes back to be sent again, in its quiet form. What was captured stays as it was."""
    row = still(transaction, doubt)
    if row is None or row.certainly_created:
        return False
    sound = digests.intact(transaction.cursor, row.seq)
    moved = move(
        transaction,
        row,
        Event.ABSENT,
        reason=reason,
        due_at=0,
        request_path=quieter.path,
        request_body=quieter.body,
        request_digest=quieter.digest,
        idempotency_key=quieter.idempotency_key,
        **freed(row),
    )
    if moved and sound:  # what was damaged before must not look sound now
        digests.restamp(transaction.cursor, row.seq)
    return moved


def park_changed(transaction: Transaction, doubt: Doubt, *, reason: str, version: str) -> bool:
    """Held for a person with what the server shows, as JSON: somebody else has changed its target since."""
    row = still(transaction, doubt)
    return row is not None and move(
        transaction, row, Event.PARK, reason=reason, due_at=0, server_version=version, **freed(row)
    )
