"""What a person may change about an entry that was captured: whose it is (what it says: `revisions.py`).

Only before anything of it can have arrived, and never while somebody holds it; written into the history, and the fence
is raised, so that nothing late overwrites the change.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select, text

from storage import history
from storage.claims import close_attempts
from storage.database import Transaction
from storage.digests import intact, restamp
from storage.errors import EntryNotFound
from storage.guarded import ENTRY, Held, change, freed, held
from storage.handovers import HANDED_OVER
from storage.lifecycle import FINAL, State
from storage.prepared import Prepared
from storage.readiness import OF_OWNER

# Why an entry is left as it is: stable codes.
SAME_OWNER: Final = "same_owner"
BEING_DELIVERED: Final = "being_delivered"
FINISHED: Final = "finished"
ARRIVED: Final = "arrived"
PERHAPS_ARRIVED: Final = "perhaps_arrived"
DAMAGED: Final = "damaged"

_OWNER: Final = Prepared(select(ENTRY.c.owner).where(ENTRY.c.seq == bindparam("wanted")))
_NOT_FINAL: Final = Prepared(
    select(ENTRY.c.id)
    .where(text("state IN ('pending', 'sending', 'in_doubt', 'accepted', 'parked', 'dead')"), OF_OWNER)
    .order_by(ENTRY.c.seq)
)


def unfinished_of(transaction: Transaction, owner: str) -> list[str]:
    """Full ids of this owner's entries that are not finished, oldest capture first; an empty name is nobody."""
    return [id for (id,) in transaction.run(_NOT_FINAL, of_owner=owner).fetchall()]


def obstacle(transaction: Transaction, id: str, owner: str, *, now: int) -> str | None:
    """Why this entry cannot be given to `owner`, as one of the codes above; None where it can.

    Raises:
        EntryNotFound: there is none with this full id.
    """
    row = held(transaction, id=id)
    if row is None:
        raise EntryNotFound(f"no entry {id}")
    if (code := in_the_way(row, now)) is not None:
        return code
    if _owner_of(transaction, row) == owner:
        return SAME_OWNER
    return None if intact(transaction.cursor, row.seq) else DAMAGED


def in_the_way(row: Held, now: int) -> str | None:
    """Why nothing of what was captured may be changed here now, whatever it is; None where that is possible."""
    if row.lease_owner is not None and (row.lease_expires_at or 0) > now:
        return BEING_DELIVERED
    if row.state in FINAL:
        return FINISHED
    if row.server_id is not None:
        return ARRIVED
    if State.PENDING not in (row.state, row.stage):
        # What was sent under one name and may be there must not be sent, or looked for, under another.
        return PERHAPS_ARRIVED
    if row.reason == HANDED_OVER:
        # Another device sends it as it was when it left.
        return HANDED_OVER
    return None


def assign(transaction: Transaction, id: str, owner: str, *, now: int) -> None:
    """Give an entry without an `obstacle` to `owner`: from here on it is sent with their tokens only."""
    row = held(transaction, id=id)
    assert row is not None, "it had no obstacle in this transaction"
    before = _owner_of(transaction, row)
    close_attempts(transaction, row.seq, now=now)
    n = history.note(
        transaction, row, outcome="Assigned", reason="assigned", now=now, detail=f"{before or '-'} -> {owner}"
    )
    # What kept it may have been the former owner's sign-in.
    waits = {"due_at": 0, "yields": 0} if row.state is State.PENDING else {}
    change(transaction, row, owner=owner, attempt_n=n, **waits, **freed(row))
    restamp(transaction.cursor, row.seq)


def _owner_of(transaction: Transaction, row: Held) -> str | None:
    (owner,) = transaction.run(_OWNER, wanted=row.seq).fetchone()
    return None if owner is None else str(owner)
