"""A person's word about one entry: it arrived, it did not, its signature goes there or nowhere, it is given up.

Each is refused while somebody holds the entry, raises the fence, so that nothing late overwrites it, and is written
into the history. An acceptance that comes all the same is kept as a receipt (`records.py`).
"""

from __future__ import annotations

import json

from storage import chains, control, history
from storage.budget import FRESH, FRESH_LOOKS, FRESH_URL
from storage.chains import TARGET_DISCARDED
from storage.claims import Moment, Repeatable, rescue_one
from storage.database import Transaction
from storage.doubts import adopt
from storage.errors import EntryHeld, EntryNotFound, IllegalTransition
from storage.guarded import Held, change, freed, held, move
from storage.handovers import HANDED_OVER
from storage.lifecycle import Event, State, next_state
from storage.records import created_by_another
from storage.update_doubts import sent_update
from storage.verdicts import PERHAPS_HANDED_OVER


def arrived(
    transaction: Transaction, id: str, server_id: int, *, moment: Moment, repeatable: Repeatable
) -> State:
    """The server has it under this id. Where it owes a signature, that is still to go. Answers its state.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: its id is known already, another entry has that one, or it is not what an update changes.
    """
    row = _free(transaction, id, moment, repeatable)
    if row.server_id is not None:
        raise _refusal(row, f"is known at the server already, as {row.server_id}")
    target = sent_update(transaction, row.seq).target
    if target not in (None, server_id):
        raise IllegalTransition(f"it changes {target}, and not {server_id}")
    other = created_by_another(transaction, row, server_id)
    if other is not None:
        raise _refusal(row, f"cannot be {server_id} there: the server made that of entry {other}")
    found = Event.FOUND if row.has_signature else Event.FOUND_COMPLETE
    _check(row, found, f"is {row.state}: what became of it is settled")
    n = history.note(transaction, row, outcome="Settled", reason="said_arrived", now=moment.now)
    answer = json.dumps({"data": {"id": server_id}}, separators=(",", ":"))
    history.receipt(
        transaction,
        row.seq,
        attempt_n=n,
        status=0,
        server_id=server_id,
        answer=answer,
        adopted=True,
        now=moment.now,
    )
    adopt(transaction, row, server_id, attempt_n=n, now=moment.now)
    return _state_of(transaction, id)


def not_arrived(transaction: Transaction, id: str, *, moment: Moment, repeatable: Repeatable) -> State:
    """The server does not have it: an order to send it again. Key and bytes are the same.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: it is not in doubt.
    """
    row = _free(transaction, id, moment, repeatable)
    _check(row, Event.ABSENT, f"is {row.state}: only what may have arrived can be said not to be there")
    n = history.note(transaction, row, outcome="Settled", reason="said_not_arrived", now=moment.now)
    changes = {"reason": None, "certainly_created": 0, "attempt_n": n, **FRESH, **freed(row)}
    move(transaction, row, Event.ABSENT, **changes, **FRESH_LOOKS)
    return _state_of(transaction, id)


def unsigned(transaction: Transaction, id: str, *, moment: Moment, repeatable: Repeatable) -> State:
    """It ends without its signature at the server; the image stays here.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: nothing but its signature must be missing.
    """
    row = _free(transaction, id, moment, repeatable)
    _check(row, Event.UNSIGNED, f"is {row.state}: only what the server has can end without its signature")
    n = history.note(transaction, row, outcome="Settled", reason="unsigned", now=moment.now)
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
    repeatable: Repeatable,
) -> State:
    """Its signature goes to this URL, which was checked; stored with its expiry, and tried with a fresh budget.

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: the server does not have it yet, or it owes no signature.
    """
    row = _free(transaction, id, moment, repeatable)
    parked = row.state is State.PARKED and row.stage is State.ACCEPTED
    if not row.has_signature or not (parked or row.state is State.ACCEPTED):
        raise _refusal(row, f"is {row.state}: it owes no signature for which an address would be of use")
    n = history.note(transaction, row, outcome="Settled", reason="url_given", now=moment.now)
    changes = {
        **FRESH,
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


def discard(transaction: Transaction, id: str, why: str, *, moment: Moment, repeatable: Repeatable) -> bool:
    """A person gives it up; everything is kept. Whether the server may have it all the same.

    Those that need its server id and never get one now are parked; those that only follow it are free. What waits in
    another's hands stays there (`handed_over`).

    Raises:
        EntryNotFound, EntryHeld: see `_free`.
        IllegalTransition: it is finished.
    """
    row = _free(transaction, id, moment, repeatable)
    _check(row, Event.DISCARD, f"is {row.state}: there is nothing left of it to give up")
    n = history.note(transaction, row, outcome="Discarded", reason="discarded", now=moment.now)
    changes = {"reason": "discarded", "attempt_n": n, "due_at": 0, "presigned_url": None, "person_note": why}
    move(transaction, row, Event.DISCARD, **changes, **freed(row))
    control.count_send(transaction, now=moment.now)
    if row.server_id is None:
        for seq in chains.needing(transaction, id):
            _park_child(transaction, seq)
    in_doubt = State.IN_DOUBT in (row.state, row.stage)
    return row.server_id is not None or in_doubt


def _park_child(transaction: Transaction, seq: int) -> None:
    child = held(transaction, seq=seq)
    assert child is not None, "the row was listed in this transaction"
    if child.state is State.PENDING:
        move(transaction, child, Event.PARK, reason=TARGET_DISCARDED, due_at=0, **freed(child))
    elif child.reason not in (HANDED_OVER, PERHAPS_HANDED_OVER):
        change(transaction, child, reason=TARGET_DISCARDED, **freed(child))


def _refusal(row: Held, why: str) -> IllegalTransition:
    end = row.id[-8:]
    return IllegalTransition(f"entry {end} {why}", next_command=f"fieldsync show {end}")


def _check(row: Held, event: Event, otherwise: str) -> None:
    """Refuse a word that does not fit the entry, before anything is written of it."""
    try:
        next_state(row.state, event, row.stage)
    except IllegalTransition:
        raise _refusal(row, otherwise) from None


def _free(transaction: Transaction, id: str, moment: Moment, repeatable: Repeatable) -> Held:
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
        rescue_one(transaction, row, moment=moment, repeatable=repeatable)
        row = held(transaction, id=id)
        assert row is not None, "it was there in this transaction"
    return row


def _state_of(transaction: Transaction, id: str) -> State:
    row = held(transaction, id=id)
    assert row is not None, "it was there in this transaction"
    return row.state
