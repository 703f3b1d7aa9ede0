"""The read before an update: what is known of the update and its target, and how the read changed the entry.

Whether anything is read, and what it showed, is decided in `sync/checks.py` and `sync/target_read.py`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import bindparam, select, text

from storage.claims import Lease
from storage.database import Transaction
from storage.guarded import ENTRY, RECEIPT, change, freed, move
from storage.lifecycle import Event, State
from storage.prepared import Prepared
from storage.records import Result, finish, leased


class Waited(NamedTuple):
    """Since when an update waits, and what was done about it. Milliseconds; `server` is by the server's clock."""

    captured_at: int
    captured_mono_ms: int | None
    captured_boot: str | None
    clock_offset_ms: int | None
    checked_at: int | None
    waived: bool
    was_sent: bool
    first_sent_server_at: int | None
    last_sent_server_at: int | None


class OwnAnswer(NamedTuple):
    """What the server, or a person (`status` 0), once said of an intervention to this device; `at` by its clock.

    `offset_ms` is how far the server's clock was ahead of that then; None where it was not known.
    """

    answer: str
    at: int
    status: int
    offset_ms: int | None


class OwnUpload(NamedTuple):
    """An entry that made the intervention and has a signature: whether that is on its way, or when it was stored.

    `offset_ms` as in `OwnAnswer`.
    """

    under_way: bool
    uploaded_at: int | None
    offset_ms: int | None


_WAITED: Final = Prepared(
    select(
        ENTRY.c.captured_at,
        ENTRY.c.captured_mono_ms,
        ENTRY.c.captured_boot,
        ENTRY.c.clock_offset_ms,
        ENTRY.c.checked_at,
        ENTRY.c.check_waived == 1,
        ENTRY.c.request_digest.is_not(None),
        ENTRY.c.first_sent_server_at,
        ENTRY.c.last_sent_server_at,
    ).where(ENTRY.c.seq == bindparam("wanted"))
)
# The clock may have been put right since: how far it was off is told by the send.
_OFFSET_THEN: Final = ENTRY.c.last_sent_server_at - ENTRY.c.last_sent_at
_ANSWERS: Final = Prepared(
    select(RECEIPT.c.answer, RECEIPT.c.at, RECEIPT.c.status, _OFFSET_THEN)
    .join(ENTRY, ENTRY.c.seq == RECEIPT.c.entry_seq)
    .where(RECEIPT.c.server_id == bindparam("wanted"))
)
_UPLOADS: Final = Prepared(
    select(ENTRY.c.state == "accepted", ENTRY.c.uploaded_at, _OFFSET_THEN).where(
        text("creates = 1 AND server_id IS NOT NULL"),
        ENTRY.c.server_id == bindparam("wanted"),
        ENTRY.c.has_signature == 1,
    )
)


def waited(transaction: Transaction, seq: int) -> Waited:
    """How long this entry has waited, and whether a person has waived the check."""
    row = transaction.run(_WAITED, wanted=seq).fetchone()
    found = Waited(*row)
    return found._replace(waived=bool(found.waived), was_sent=bool(found.was_sent))


def own_answers(transaction: Transaction, server_id: int) -> list[OwnAnswer]:
    """Everything that this device was told of this intervention in answer to its own requests."""
    return [OwnAnswer(*row) for row in transaction.run(_ANSWERS, wanted=server_id).fetchall()]


def own_uploads(transaction: Transaction, server_id: int) -> list[OwnUpload]:
    """The signatures that this device sends, or has sent, for an intervention that it made."""
    found = transaction.run(_UPLOADS, wanted=server_id).fetchall()
    return [OwnUpload(bool(under_way), at, offset_ms) for under_way, at, offset_ms in found]


def passed(transaction: Transaction, seq: int, lease: Lease, result: Result, *, now: int) -> bool:
    """It may be sent: the read is written down, and the entry is due as before."""
    finish(transaction, seq, lease.attempt_n, result)
    row = leased(transaction, seq, lease)
    if row is None or row.state is not State.PENDING:
        return False
    return change(transaction, row, checked_at=now, reason=None, link_failures=0, **freed(row))


def park_changed(
    transaction: Transaction, seq: int, lease: Lease, result: Result, *, version: str, now: int
) -> bool:
    """Somebody else was there: held for a person, with what the server shows now (JSON)."""
    finish(transaction, seq, lease.attempt_n, result)
    row = leased(transaction, seq, lease)
    if row is None or row.state is not State.PENDING:
        return False
    return move(
        transaction,
        row,
        Event.PARK,
        reason=result.reason,
        due_at=0,
        checked_at=now,
        server_version=version,
        **freed(row),
    )
