"""A person's word about one entry: it arrived, it did not, its signature goes there or nowhere, it is given up.

Each is refused while somebody holds the entry, raises the fence, so that nothing late overwrites it, and is written
into the history. An acceptance that comes all the same is kept as a receipt (`records.py`).
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import bindparam, select, text

from storage.claims import Moment, rescue_one
from storage.database import Transaction
from storage.doubts import adopt
from storage.errors import EntryHeld, EntryNotFound, IllegalTransition
from storage.guarded import ADD_ATTEMPT, ENTRY, RECEIPT, Held, change, freed, held, inserts, move
from storage.lifecycle import Event, State
from storage.orders import FRESH_URL
from storage.prepared import Prepared
from storage.records import created_by_another

_RECEIPT: Final = inserts(
    RECEIPT, ("entry_seq", "attempt_n", "status", "server_id", "answer", "adopted", "at")
)
_CHILDREN: Final = Prepared(
    select(ENTRY.c.seq).where(
        text("target_entry IS NOT NULL"),
        ENTRY.c.target_entry == bindparam("parent"),
        text("state = 'pending'"),
    )
)
_FRESH: Final = {"attempts": 0, "first_attempt_at": None, "link_failures": 0, "due_at": 0, "yields": 0}
# The patience with a later doubt has nothing to do with the one that a person has ended.
_FRESH_LOOKS: Final = {"lookups": 0, "doubt_waited_ms": 0}


def arrived(
    transaction: Transaction, id: str, server_id: int, *, moment: Moment, repeatable_kinds: frozenset[str]
) -> State:
    """The server has it under this id. Where it owes a signature, that is still to go. Answers its state.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: its id is known already, or another entry has that one.
    """
    row = _free(transaction, id, moment, repeatable_kinds)
    if row.server_id is not None:
        raise IllegalTransition(f"the server is known to have it, as {row.server_id}")
    other = created_by_another(transaction, row.seq, server_id)
    if other is not None:
        raise IllegalTransition(f"{server_id} is what the server made of entry {other}")
    n = _note(transaction, row, "Settled", "said_arrived", moment)
    answer = json.dumps({"data": {"id": server_id}}, separators=(",", ":"))
    transaction.run(
        _RECEIPT,
        entry_seq=row.seq,
        attempt_n=n,
        status=0,  # no answer of the server: a person's word
        server_id=server_id,
        answer=answer,
        adopted=1,
        at=moment.now,
    )
    adopt(transaction, row, server_id, attempt_n=n, now=moment.now)
    return _state_of(transaction, id)


def not_arrived(
    transaction: Transaction, id: str, *, moment: Moment, repeatable_kinds: frozenset[str]
) -> State:
    """The server does not have it: an order to send it again. Key and bytes are the same.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: it is not in doubt.
    """
    row = _free(transaction, id, moment, repeatable_kinds)
    n = _note(transaction, row, "Settled", "said_not_arrived", moment)
    changes = {"reason": None, "certainly_created": 0, "attempt_n": n, **_FRESH, **freed(row)}
    move(transaction, row, Event.ABSENT, **changes, **_FRESH_LOOKS)
    return _state_of(transaction, id)


def unsigned(transaction: Transaction, id: str, *, moment: Moment, repeatable_kinds: frozenset[str]) -> State:
    """It ends without its signature at the server; the image stays here.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: nothing but its signature must be missing.
    """
    row = _free(transaction, id, moment, repeatable_kinds)
    n = _note(transaction, row, "Settled", "unsigned", moment)
    changes = {
        "reason": "unsigned",
        "attempt_n": n,
        "due_at": 0,
        "presigned_url": None,
        "done_at": moment.now,
    }
    move(transaction, row, Event.UNSIGNED, **changes, **freed(row))
    return _state_of(transaction, id)


def upload_url(
    transaction: Transaction,
    id: str,
    *,
    url: str,
    expires_at: int | None,
    moment: Moment,
    repeatable_kinds: frozenset[str],
) -> State:
    """Its signature goes to this URL, which was checked; stored with its expiry, and tried with a fresh budget.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: the server does not have it yet, or it owes no signature.
    """
    row = _free(transaction, id, moment, repeatable_kinds)
    parked = row.state is State.PARKED and row.stage is State.ACCEPTED
    if not row.has_signature or not (parked or row.state is State.ACCEPTED):
        raise IllegalTransition(f"it is {row.state}: it owes no signature for which a URL would be of use")
    n = _note(transaction, row, "Settled", "url_given", moment)
    changes = {
        **_FRESH,
        **FRESH_URL,
        "presigned_url": url,
        "url_expires_at": expires_at,
        "url_received_at": moment.now,
        "reason": None,
        "attempt_n": n,
        **freed(row),
    }
    if parked:
        move(transaction, row, Event.RELEASE, **changes)
    else:
        change(transaction, row, **changes)
    return _state_of(transaction, id)


def discard(
    transaction: Transaction, id: str, why: str, *, moment: Moment, repeatable_kinds: frozenset[str]
) -> bool:
    """A person gives it up; everything is kept. Whether the server may have it all the same.

    Those that need its server id and never get one now are parked.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: it is finished.
    """
    row = _free(transaction, id, moment, repeatable_kinds)
    n = _note(transaction, row, "Discarded", "discarded", moment)
    changes = {"reason": "discarded", "attempt_n": n, "due_at": 0, "presigned_url": None, "person_note": why}
    move(transaction, row, Event.DISCARD, **changes, **freed(row))
    if row.server_id is None:
        for (seq,) in transaction.run(_CHILDREN, parent=id).fetchall():
            child = held(transaction, seq=seq)
            assert child is not None, "the row was listed in this transaction"
            move(transaction, child, Event.PARK, reason="target_discarded", due_at=0, **freed(child))
    in_doubt = State.IN_DOUBT in (row.state, row.stage)
    return row.server_id is not None or in_doubt


def _free(transaction: Transaction, id: str, moment: Moment, repeatable_kinds: frozenset[str]) -> Held:
    """The entry, if nobody holds it. A send that was cut off is taken over first, with a fence of its own.

    Raises:
        EntryNotFound: there is none with this full id.
        EntryHeld: it is being delivered at this moment.
    """
    row = held(transaction, id=id)
    if row is None:
        raise EntryNotFound(f"no entry {id}")
    if row.lease_owner is not None and (row.lease_expires_at or 0) > moment.now:
        raise EntryHeld(id, row.lease_expires_at or 0)
    if row.state is State.SENDING:
        rescue_one(transaction, row, moment=moment, repeatable_kinds=repeatable_kinds)
        row = held(transaction, id=id)
        assert row is not None, "it was there in this transaction"
    return row


def _note(transaction: Transaction, row: Held, outcome: str, reason: str, moment: Moment) -> int:
    n = row.attempt_n + 1
    values: dict[str, Any] = {"duration_ms": 0, "status": None, "detail": None, "request_id": None}
    transaction.run(
        ADD_ATTEMPT,
        entry_seq=row.seq,
        n=n,
        step="person",
        started_at=moment.now,
        outcome=outcome,
        reason=reason,
        **values,
    )
    return n


def _state_of(transaction: Transaction, id: str) -> State:
    row = held(transaction, id=id)
    assert row is not None, "it was there in this transaction"
    return row.state
