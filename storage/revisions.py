"""What an entry says, and how a person changes that: only before anything of it can have arrived.

What it said before is kept as a revision. A body that was tried gets a key of its own after the edit, and its request
is built anew; the fence is raised, so that nothing late overwrites the change. Who may be given an entry: `repairs.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import bindparam, func, or_, select, text

from storage import chains, control, history
from storage.budget import FRESH
from storage.claims import close_attempts
from storage.database import Transaction
from storage.digests import intact, restamp, text_sha256
from storage.errors import EntryNotFound
from storage.guarded import ATTEMPT, ENTRY, RECEIPT, REVISION, SIGNATURE, change, freed, held, inserts
from storage.lifecycle import State
from storage.prepared import Prepared
from storage.repairs import DAMAGED, PERHAPS_ARRIVED, in_the_way

MAY_STILL_ARRIVE: Final = "may_still_arrive"
EDITED: Final = "edited"

# A request that was not, or not finally, answered may be carried out as long as this after its last byte: the same
# span after which a look-up believes that what is not shown is not there.
_UNANSWERED: Final = ("Retryable", "InDoubt", "Interrupted")


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says now. `key` is its idempotency key, `tried` whether a request of it was ever built."""

    seq: int
    id: str
    kind: str
    state: State
    payload: str
    payload_sha256: str
    request_body: str | None
    key: str
    tried: bool
    start_at: int | None
    attempt_n: int
    target_id: int | None
    target_entry: str | None
    after_entry: str | None
    image_name: str | None
    image_mime_type: str | None
    image_size: int | None


_SAID: Final = Prepared(
    select(
        ENTRY.c.seq,
        ENTRY.c.id,
        ENTRY.c.kind,
        ENTRY.c.state,
        ENTRY.c.payload,
        ENTRY.c.payload_sha256,
        ENTRY.c.request_body,
        ENTRY.c.idempotency_key,
        ENTRY.c.request_digest.is_not(None),
        ENTRY.c.start_at,
        ENTRY.c.attempt_n,
        ENTRY.c.target_id,
        ENTRY.c.target_entry,
        ENTRY.c.after_entry,
        SIGNATURE.c.name,
        SIGNATURE.c.mime_type,
        SIGNATURE.c.size,
    )
    .select_from(ENTRY.outerjoin(SIGNATURE, SIGNATURE.c.entry_seq == ENTRY.c.seq))
    .where(ENTRY.c.id == bindparam("wanted"))
)


@dataclass(frozen=True, slots=True)
class Aim:
    """Another target: by its server id, or as the entry that makes it; `chain_key` is that of all that change it."""

    target_id: int | None
    target_entry: str | None
    chain_key: str | None


_TOLD: Final = Prepared(select(RECEIPT.c.id).where(RECEIPT.c.entry_seq == bindparam("wanted")).limit(1))
_LAST_UNANSWERED: Final = Prepared(
    select(func.max(ATTEMPT.c.started_at + func.coalesce(ATTEMPT.c.duration_ms, 0))).where(
        ATTEMPT.c.entry_seq == bindparam("wanted"),
        text("step = 'send'"),
        or_(ATTEMPT.c.outcome.is_(None), text(f"outcome IN {_UNANSWERED}")),
        # A server that asks us to slow down has turned it away unread.
        text("reason IS NOT 'busy'"),
    )
)
_SAME_START: Final = Prepared(
    select(ENTRY.c.seq)
    .where(ENTRY.c.start_at == bindparam("wanted"), ENTRY.c.seq != bindparam("but"))
    .limit(1)
)
_ADD_REVISION: Final = inserts(
    REVISION, ("entry_seq", "n", "at", "payload", "payload_sha256", "idempotency_key")
)
# The next send builds its request from what the entry says then. That it was sent before stays known.
_UNSENT: Final = dict.fromkeys(("request_path", "request_body", "request_digest"))


def said(transaction: Transaction, id: str) -> Said:
    """What the entry with this full id says now.

    Raises:
        EntryNotFound: there is none.
    """
    row = transaction.run(_SAID, wanted=id).fetchone()
    if row is None:
        raise EntryNotFound(f"no entry {id}")
    values = dict(zip(Said.__dataclass_fields__, row, strict=True))
    return Said(**{**values, "state": State(values["state"]), "tried": bool(values["tried"])})


def obstacle(transaction: Transaction, id: str, *, now: int, settle_ms: int) -> str | None:
    """Why what this entry says cannot be changed now, as a stable code; None where it can.

    `settle_ms` is how long a request that nobody answered may still be carried out.

    Raises:
        EntryNotFound: there is none with this full id.
    """
    row = held(transaction, id=id)
    if row is None:
        raise EntryNotFound(f"no entry {id}")
    if (code := in_the_way(row, now)) is not None:
        return code
    if row.creates and transaction.run(_TOLD, wanted=row.seq).fetchone() is not None:
        # An answer came that named a record, whatever became of the entry since.
        return PERHAPS_ARRIVED
    if not row.creates:
        # An update is sent again without a look at the server, so its old body may still be on its way.
        (last,) = transaction.run(_LAST_UNANSWERED, wanted=row.seq).fetchone()
        if last is not None and abs(now - last) < settle_ms:
            return MAY_STILL_ARRIVE
    return None if intact(transaction.cursor, row.seq) else DAMAGED


def revise(
    transaction: Transaction,
    before: Said,
    *,
    payload: str,
    start_at: int | None,
    key: str,
    image_name: str | None,
    references: tuple[str, ...] = (),
    aim: Aim | None = None,
    detail: str,
    now: int,
) -> None:
    """Let an entry without an `obstacle` say `payload` from here on; it keeps its state.

    `before` was read in this transaction. `references` are the entries that the payload names; `aim` is where it goes
    from here on, None: where it went. `detail` names what was changed, without any value.
    """
    row = held(transaction, id=before.id)
    assert row is not None, "it had no obstacle in this transaction"
    close_attempts(transaction, row.seq, now=now)
    n = history.note(transaction, row, outcome="Edited", reason=EDITED, now=now, detail=detail)
    transaction.run(
        _ADD_REVISION,
        entry_seq=row.seq,
        n=n,
        at=now,
        payload=before.payload,
        payload_sha256=before.payload_sha256,
        idempotency_key=before.key,
    )
    # What kept it, if anything did, was said of another body.
    waits = {**FRESH, "reason": None} if row.state is State.PENDING else {}
    # What a read of another intervention showed says nothing of this one.
    aimed = {} if aim is None else {**asdict(aim), "check_waived": 0, "server_version": None}
    changed = change(
        transaction,
        row,
        payload=payload,
        payload_sha256=text_sha256(payload),
        start_at=start_at,
        idempotency_key=key,
        checked_at=None,
        attempt_n=n,
        **_UNSENT,
        **aimed,
        **waits,
        **freed(row),
    )
    assert changed, "the row was read in this transaction"
    if image_name is not None and image_name != before.image_name:
        transaction.cursor.execute("UPDATE signature SET name = ? WHERE entry_seq = ?", (image_name, row.seq))
    chains.refer(transaction, row.seq, references)
    restamp(transaction.cursor, row.seq)
    control.count_send(transaction, now=now)


def start_is_used(transaction: Transaction, before: Said, start_at: int | None) -> bool:
    """Whether another entry of this device has this start."""
    if start_at is None:
        return False
    return transaction.run(_SAME_START, wanted=start_at, but=before.seq).fetchone() is not None
