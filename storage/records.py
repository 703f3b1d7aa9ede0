"""What came back is written down: attempt, receipt and new state in one transaction, guarded by state, lease and fence.

A guard that fails changes nothing, with one exception: that the server accepted a request is evidence, and evidence is
kept however late it comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, select, text

from storage import chains, history
from storage.budget import FRESH, TRIES
from storage.claims import Lease
from storage.database import Transaction
from storage.guarded import (
    ENTRY,
    FINISH_ATTEMPT,
    REVISION,
    START_ATTEMPT,
    Held,
    change,
    freed,
    held,
    move,
)
from storage.lifecycle import Event, State
from storage.prepared import Prepared

URL_LOST: Final = "signature_url_lost"
ACCEPTED_BEFORE_EDIT: Final = "accepted_before_edit"


@dataclass(frozen=True, slots=True)
class Result:
    """One finished try, as the history shows it. `detail` is already free of secrets."""

    outcome: str
    reason: str
    duration_ms: int
    status: int | None = None
    detail: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt: the API has the record. `body` is its JSON without the presigned URL."""

    status: int
    server_id: int
    body: str
    presigned_url: str | None
    url_expires_at: int | None


class Kept(StrEnum):
    """What became of an acceptance."""

    STORED = "stored"  # the normal way
    ADOPTED = "adopted"  # it came late, and the entry had no id yet
    URL_ONLY = "url_only"  # it came late: the id was known by then, the URL was not
    RECEIPT_ONLY = "receipt_only"  # it came late, and the entry has gone another way
    ID_TAKEN = "id_taken"  # the server named a record that another entry created
    BEFORE_EDIT = "before_edit"  # it came late, for what the entry said before a person edited it


_ID_TAKEN: Final = Prepared(
    select(ENTRY.c.id).where(
        text("creates = 1 AND server_id IS NOT NULL"),
        ENTRY.c.server_id == bindparam("wanted"),
        ENTRY.c.seq != bindparam("but"),
    )
)

_ADOPTING: Final = (State.IN_DOUBT, State.PENDING, State.PARKED, State.SENDING)
_EDITED_SINCE: Final = Prepared(
    select(REVISION.c.id)
    .where(REVISION.c.entry_seq == bindparam("wanted"), REVISION.c.n > bindparam("attempt_n"))
    .limit(1)
)


def finish(transaction: Transaction, seq: int, n: int, result: Result) -> None:
    """Write down how try `n` of this entry ended."""
    transaction.run(
        FINISH_ATTEMPT,
        of_entry=seq,
        of_n=n,
        new_duration_ms=result.duration_ms,
        new_outcome=result.outcome,
        new_status=result.status,
        new_reason=result.reason,
        new_detail=result.detail[: history.DETAIL_LIMIT] or None,
        new_request_id=result.request_id,
    )


def leased(transaction: Transaction, seq: int, lease: Lease) -> Held | None:
    """The row, if this lease still stands on it."""
    row = held(transaction, seq=seq)
    if row is None or (row.lease_owner, row.lease_fence) != (lease.owner, lease.fence):
        return None
    return row


def record_accepted(
    transaction: Transaction,
    seq: int,
    lease: Lease,
    answer: Answer,
    result: Result,
    *,
    digest: str,
    now: int,
    upload_next: bool,
) -> tuple[Kept, Lease | None]:
    """The server has it. Id, URL and expiry are stored in this one transaction: the URL cannot be asked for again.

    With `upload_next` the lease goes on for the upload, and its new attempt is answered with it.
    """
    row = held(transaction, seq=seq)
    assert row is not None, "entries are not deleted while they are delivered"
    finish(transaction, seq, lease.attempt_n, result)
    mine = row.state is State.SENDING and (row.lease_owner, row.lease_fence) == (lease.owner, lease.fence)
    evidence = (
        row.server_id is None
        and row.request_digest == digest
        # Also while a later attempt is under way: what that one brings is then a second receipt, for a person to see.
        and row.state in _ADOPTING
    )
    taken = created_by_another(transaction, row, answer.server_id) is not None
    # The record at the server says what the entry said then. Sending what it says now would make a second one.
    overtaken = not (mine or evidence) and _said_otherwise(transaction, row, lease.attempt_n)
    known = mine or evidence or (overtaken and row.has_signature)
    adopted = known and not taken
    history.receipt(
        transaction,
        seq,
        attempt_n=lease.attempt_n,
        status=answer.status,
        server_id=answer.server_id,
        answer=answer.body,
        adopted=adopted,
        now=now,
    )
    if overtaken and not known and not taken:
        _park_sent(transaction, row, now, ACCEPTED_BEFORE_EDIT)
        return Kept.BEFORE_EDIT, None
    if not known:
        taken_url = row.request_digest == digest and _take_url(transaction, row, answer, now)
        return (Kept.URL_ONLY if taken_url else Kept.RECEIPT_ONLY), None
    if taken:
        _park_sent(transaction, row, now, "server_id_taken")
        return Kept.ID_TAKEN, None
    changes: dict[str, Any] = {
        "server_id": answer.server_id,
        "presigned_url": answer.presigned_url if row.has_signature else None,
        "url_expires_at": answer.url_expires_at if row.has_signature else None,
        "url_received_at": now,
        "reason": None,
        **FRESH,
    }
    next_lease = None
    if row.has_signature and mine and upload_next:
        # A fence of its own: a second report of the send must not act on the running upload.
        next_lease = Lease(lease.owner, lease.fence + 1, row.attempt_n + 1)
        changes["attempt_n"] = next_lease.attempt_n
        changes["lease_fence"] = next_lease.fence
    else:
        changes.update(freed(row))
    if row.has_signature:
        event = Event.ACCEPTED if row.state is State.SENDING else Event.FOUND
    else:
        event = Event.COMPLETED if row.state is State.SENDING else Event.FOUND_COMPLETE
        changes["done_at"] = now
    move(transaction, row, event, **changes)
    chains.join(transaction, row.id, answer.server_id)
    if next_lease is not None:
        transaction.run(START_ATTEMPT, entry_seq=seq, n=next_lease.attempt_n, step="upload", started_at=now)
    if overtaken:
        # A person says whether the record may stay as it is; its signature has not gone yet.
        park_accepted(transaction, seq, reason=ACCEPTED_BEFORE_EDIT)
        return Kept.BEFORE_EDIT, None
    return (Kept.STORED if mine else Kept.ADOPTED), next_lease


def _said_otherwise(transaction: Transaction, row: Held, attempt_n: int) -> bool:
    """Whether this attempt sent what a new intervention said before a person edited it, and its id is not known."""
    if not row.creates or row.server_id is not None or row.state not in _ADOPTING:
        return False
    return transaction.run(_EDITED_SINCE, wanted=row.seq, attempt_n=attempt_n).fetchone() is not None


def _take_url(transaction: Transaction, row: Held, answer: Answer, now: int) -> bool:
    """A look-up or a person said the id before this answer came; its URL is given out only once, so it is used."""
    url_lost = row.state is State.PARKED and row.stage is State.ACCEPTED and row.reason == URL_LOST
    if not (row.state is State.ACCEPTED or url_lost) or row.lease_owner is not None:
        return False
    if row.server_id != answer.server_id or row.presigned_url is not None or answer.presigned_url is None:
        return False
    changes: dict[str, Any] = {
        "presigned_url": answer.presigned_url,
        "url_expires_at": answer.url_expires_at,
        "url_received_at": now,
        "reason": None,
        "due_at": 0,
        **freed(row),
    }
    return (
        move(transaction, row, Event.RELEASE, **changes) if url_lost else change(transaction, row, **changes)
    )


def created_by_another(transaction: Transaction, row: Held, server_id: int) -> str | None:
    """The id of the entry that made this record at the server, where it is not `row` and that creates one."""
    if not row.creates:
        return None
    other = transaction.run(_ID_TAKEN, wanted=server_id, but=row.seq).fetchone()
    return None if other is None else str(other[0])


def _park_sent(transaction: Transaction, row: Held, now: int, reason: str) -> None:
    """Park an entry that was accepted and must not be sent again by anybody's reflex: what it keeps is its doubt."""
    if row.state is State.PARKED:
        kept = {"stage": State.IN_DOUBT.value, "certainly_created": 1, "reason": reason}
        change(transaction, row, **kept, **freed(row))
        return
    if row.state is State.IN_DOUBT:
        change(transaction, row, certainly_created=1, **freed(row))
    else:
        move(transaction, row, Event.DOUBT, certainly_created=1, doubt_at=now, **freed(row))
    doubted = held(transaction, seq=row.seq)
    assert doubted is not None, "the row was changed in this transaction"
    move(transaction, doubted, Event.PARK, reason=reason, due_at=0, **freed(doubted))


def park_accepted(transaction: Transaction, seq: int, *, reason: str) -> None:
    """The server has it, but its signature has nowhere to go: held until a person or a new URL changes that."""
    row = held(transaction, seq=seq)
    assert row is not None, "entries are not deleted while they are delivered"
    if row.state is State.ACCEPTED:
        move(transaction, row, Event.PARK, reason=reason, due_at=0, **freed(row))


@dataclass(frozen=True, slots=True)
class Detour:
    """What is tried in place of the URL, and why the URL cannot be used."""

    way: str
    trouble: str


def _turned(detour: Detour) -> dict[str, Any]:
    return {"upload_way": detour.way, "url_trouble": detour.trouble, **TRIES}


def take_detour(transaction: Transaction, seq: int, detour: Detour) -> None:
    """The signature of an accepted entry goes another way from here; it is due now."""
    row = held(transaction, seq=seq)
    assert row is not None, "entries are not deleted while they are delivered"
    if row.state is State.ACCEPTED:
        change(transaction, row, reason=detour.trouble, due_at=0, **_turned(detour), **freed(row))


def record_url(
    transaction: Transaction,
    seq: int,
    lease: Lease,
    result: Result,
    *,
    url: str,
    expires_at: int | None,
    now: int,
) -> bool:
    """Another URL came: stored with its expiry before it is used. Its upload is due now, with a fresh budget."""
    finish(transaction, seq, lease.attempt_n, result)
    row = leased(transaction, seq, lease)
    if row is None or row.state is not State.ACCEPTED:
        return False
    return change(
        transaction,
        row,
        presigned_url=url,
        url_expires_at=expires_at,
        url_received_at=now,
        url_trouble=None,
        upload_way=None,
        url_reissues=row.url_reissues + 1,
        reason=None,
        due_at=0,
        **TRIES,
        **freed(row),
    )


def park_unsent(transaction: Transaction, seq: int, *, reason: str) -> None:
    """Hold an entry that was not even tried: what is stored cannot be sent as it is."""
    row = held(transaction, seq=seq)
    assert row is not None, "a due entry was read in this transaction"
    move(transaction, row, Event.PARK, reason=reason, due_at=0, **freed(row))


def record_uploaded(
    transaction: Transaction, seq: int, lease: Lease, result: Result, *, now: int, etag: str | None = None
) -> bool:
    """The signature is in storage, verified, under this `etag`: the entry is done, and its URL erased."""
    finish(transaction, seq, lease.attempt_n, result)
    row = leased(transaction, seq, lease)
    if row is None or row.state is not State.ACCEPTED:
        return False
    return move(
        transaction,
        row,
        Event.UPLOADED,
        reason=None,
        due_at=0,
        presigned_url=None,
        upload_way=None,
        url_trouble=None,
        uploaded_at=now,
        etag=etag,
        done_at=now,
        **freed(row),
    )


@dataclass(frozen=True, slots=True)
class Setback:
    """What a try that did not succeed does to its entry.

    `doubt` holds the settling clock where there is doubt, `detour` the way its signature goes from here, `yields` is
    how much further back it goes among those that are ready.
    """

    event: Event
    reason: str
    due_at: int = 0
    counted: bool = False
    link_failure: bool = False
    yields: int = 0
    certainly_created: bool = False
    doubt: dict[str, object] | None = None
    detour: Detour | None = None


def record_setback(
    transaction: Transaction, seq: int, lease: Lease, setback: Setback, result: Result, *, now: int
) -> bool:
    """Write down a try that did not succeed. False: the lease was lost, and only the history knows of it."""
    finish(transaction, seq, lease.attempt_n, result)
    row = leased(transaction, seq, lease)
    if row is None:
        return False
    changes: dict[str, Any] = {"reason": setback.reason, "due_at": setback.due_at, **freed(row)}
    if setback.counted:
        changes["attempts"] = row.attempts + 1
        changes["first_attempt_at"] = row.first_attempt_at or now
    if setback.link_failure:
        changes["link_failures"] = row.link_failures + 1
    if setback.yields:
        changes["yields"] = row.yields + setback.yields
    if setback.certainly_created:
        changes["certainly_created"] = 1
    if setback.doubt is not None:
        changes.update(setback.doubt)
    if setback.detour is not None:
        changes.update(_turned(setback.detour))
    if row.state is State.PENDING and setback.event is Event.RETRY:
        # Its target could not be read: nothing was sent, so there is no state to come back from.
        return change(transaction, row, **changes)
    return move(transaction, row, setback.event, **changes)


def hand_back(transaction: Transaction, seq: int, lease: Lease) -> bool:
    """Give up a claim before its first byte left, as if it had never been taken. The attempt stays in the history."""
    finish(transaction, seq, lease.attempt_n, Result("HandedBack", "handed_back", 0))
    row = leased(transaction, seq, lease)
    if row is None:
        return False
    if row.state is State.SENDING:
        return move(transaction, row, Event.RETRY, due_at=0, **freed(row))
    return change(transaction, row, **freed(row))
