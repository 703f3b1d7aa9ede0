"""A person gives another URL for the signature of an entry: stored with its expiry, and the entry goes on with it."""

from __future__ import annotations

from typing import Any, Final

from storage.claims import close_attempts
from storage.database import Transaction
from storage.guarded import ADD_ATTEMPT, change, freed, held, move
from storage.lifecycle import Event, State
from storage.orders import Ordered

# As after any order of a person: a fresh budget, due now.
_AFRESH: Final[dict[str, Any]] = {
    "attempts": 0,
    "first_attempt_at": None,
    "link_failures": 0,
    "due_at": 0,
    "upload_way": None,
    "url_trouble": None,
    "url_reissues": 0,
}


def give_url(transaction: Transaction, id: str, *, url: str, expires_at: int | None, now: int) -> Ordered:
    """Store a checked `url` on an accepted entry, or on one that was parked after it was accepted.

    The fence is raised, so that the result of an earlier upload changes nothing any more. Skipped, with the reason, is
    an entry that a worker holds at this moment, and one that owes no signature.
    """
    row = held(transaction, id=id)
    if row is None:
        return Ordered("skipped", "no such entry")
    if row.lease_owner is not None and (row.lease_expires_at or 0) > now:
        return Ordered("skipped", "it is being delivered right now")
    parked = row.state is State.PARKED and row.stage is State.ACCEPTED
    if not row.has_signature or not (parked or row.state is State.ACCEPTED):
        return Ordered("skipped", f"it is {row.state} and owes no signature to the storage")
    close_attempts(transaction, row.seq, now=now)
    n = row.attempt_n + 1
    changes = {
        **_AFRESH,
        "presigned_url": url,
        "url_expires_at": expires_at,
        "url_received_at": now,
        "reason": None,
        "attempt_n": n,
        **freed(row),
    }
    if parked:
        move(transaction, row, Event.RELEASE, **changes)
    else:
        change(transaction, row, **changes)
    transaction.run(
        ADD_ATTEMPT,
        entry_seq=row.seq,
        n=n,
        step="person",
        started_at=now,
        duration_ms=0,
        outcome="UrlGiven",
        status=None,
        reason=row.reason,
        detail=None,
        request_id=None,
    )
    return Ordered("released" if parked else "hastened")
