"""What a person may order: hasten, release, requeue. Each order leaves alone what a living drainer holds.

No order shortens a settling time, and none turns an entry that may have arrived into one that is sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select

from storage import chains, history
from storage.budget import FRESH, FRESH_LOOKS, FRESH_URL
from storage.claims import close_attempts
from storage.database import Transaction
from storage.guarded import ENTRY, RECEIPT, Held, change, freed, held, move
from storage.handovers import HANDED_OVER, take_back
from storage.lifecycle import Event, State
from storage.prepared import Prepared
from storage.verdicts import PERHAPS_HANDED_OVER, RECOVERED

_DOES: Final = {
    State.PARKED: "released",
    State.DEAD: "requeued",
    State.PENDING: "hastened",
    State.ACCEPTED: "hastened",
    State.IN_DOUBT: "hastened",
}
# The server took it after it had refused it: a second send would be a second record.
_MADE_LATE: Final = Prepared(
    select(RECEIPT.c.id)
    .join(ENTRY, ENTRY.c.seq == RECEIPT.c.entry_seq)
    .where(RECEIPT.c.entry_seq == bindparam("wanted"), ENTRY.c.creates == 1, ENTRY.c.server_id.is_(None))
    .limit(1)
)
# Somebody else has changed the target of an update since it was captured.
CHANGED: Final = "changed_at_server"


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an order did to one entry: `did` is hastened, released, requeued or skipped; `why` says why skipped.

    `why` is HANDED_OVER where one was released that another device may be sending.
    """

    did: str
    why: str = ""


def resync(
    transaction: Transaction, id: str, *, now: int, dry_run: bool = False, force: bool = False
) -> Ordered:
    """A person wants this entry to go on: due now, or released or requeued to the stage it came from.

    One that was handed over to another device goes on here only by `force`: both would send it.
    """
    row = held(transaction, id=id)
    if row is None:
        return Ordered("skipped", "no such entry")
    if row.lease_owner is not None and (row.lease_expires_at or 0) > now:
        return Ordered("skipped", "it is being delivered right now")
    why_not = _obstacle(transaction, row, force=force)
    if why_not is not None:
        return Ordered("skipped", why_not)
    left = row.state is State.PARKED and row.reason in (HANDED_OVER, PERHAPS_HANDED_OVER)
    ordered = Ordered(_DOES[row.state], HANDED_OVER if left else "")
    if not dry_run:
        _obey(transaction, row, ordered, now)
    return ordered


def _obstacle(transaction: Transaction, row: Held, *, force: bool) -> str | None:
    if row.state is State.PARKED and row.reason == HANDED_OVER and not force:
        return "it was handed over to another device, which may be sending it"
    if row.state is State.PARKED and row.reason == PERHAPS_HANDED_OVER and not force:
        return "it may have been handed over to another device, which may be sending it"
    unsent = row.state in (State.PARKED, State.DEAD) and row.stage is State.PENDING
    if unsent and row.reason != HANDED_OVER and chains.target_is_lost(transaction, row.seq):
        return "what it needs was discarded and has no server id"
    if row.state is State.DEAD and transaction.run(_MADE_LATE, wanted=row.seq).fetchone() is not None:
        return "the server took it after it had refused it; show tells under which number"
    if row.state is State.SENDING:
        return "it was cut off while being sent; the next pass looks into it"
    return None if row.state in _DOES else f"it is {row.state}"


def _obey(transaction: Transaction, row: Held, ordered: Ordered, now: int) -> None:
    close_attempts(transaction, row.seq, now=now)
    if ordered.did == "hastened":
        # One in doubt is looked up now; that shortens no settling time, and a miss before its end counts for nothing.
        look = {"lookup_due_mono_ms": 0} if row.state is State.IN_DOUBT else {}
        change(transaction, row, due_at=0, yields=0, **look, **freed(row))
        return
    if row.reason == HANDED_OVER:
        take_back(transaction, row, now=now)
        return
    event = Event.RELEASE if ordered.did == "released" else Event.REQUEUE
    n = history.note(transaction, row, outcome=ordered.did.capitalize(), reason=row.reason, now=now)
    # What is in doubt goes back into doubt, and keeps what made it so.
    in_doubt = row.stage is State.IN_DOUBT
    reason = row.reason if in_doubt else None
    if reason == PERHAPS_HANDED_OVER:
        reason = RECOVERED
    looks = {**FRESH_LOOKS, "lookup_due_mono_ms": 0} if in_doubt else {}
    if row.reason == CHANGED:
        looks["check_waived"] = 1  # the person has seen both versions
    move(transaction, row, event, reason=reason, attempt_n=n, **FRESH, **FRESH_URL, **looks, **freed(row))
