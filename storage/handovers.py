"""Entries on their way from one device to another: who may go, parked before they leave, taken in, taken back.

A hand-over is safe by its order alone: an entry is parked here before anything of it is written down elsewhere, so
that no two devices ever send it. Which ones go together is decided in `sync/bundle/choice.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, literal, select, text, update

from storage import chains, control, history, verdicts
from storage.budget import FRESH
from storage.claims import close_attempts
from storage.database import Transaction
from storage.digests import FIXED, restamp, text_sha256
from storage.errors import IdConflict
from storage.guarded import ATTEMPT, ENTRY, PURGED, SIGNATURE, Held, change, freed, held, move
from storage.lifecycle import Event, State
from storage.outbox import NewEntry, put_in
from storage.prepared import Prepared

HANDED_OVER: Final = verdicts.HANDED_OVER
IMPORTED: Final = "imported"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unfinished entry, and what decides whether it can be handed over."""

    seq: int
    id: str
    kind: str
    state: State
    reason: str | None
    owner: str | None
    target_entry: str | None
    after_entry: str | None
    chain_key: str | None
    references: tuple[str, ...]
    was_sent: bool
    leased: bool  # somebody is at it at this moment
    settled: bool  # those behind it may go on


@dataclass(frozen=True, slots=True)
class Known:
    """What is known here of an entry that others name."""

    server_id: int | None
    settled: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """What of one entry leaves the device, apart from its image: all that its capture fixed.

    `target_id` and `known` (server ids by local id) stand for parents that the server has; `target_entry` and
    `after_entry` are in the same bundle.
    """

    seq: int
    id: str
    kind: str
    payload_version: int
    payload: str
    input_digest: str
    idempotency_key: str
    start_at: int | None
    target_id: int | None
    target_entry: str | None
    after_entry: str | None
    owner: str | None
    captured_at: int
    clock_offset_ms: int | None
    clock_suspect: bool
    known: dict[str, int]


class Became(StrEnum):
    """What the import of one entry came to."""

    IMPORTED = "imported"  # new here
    DUPLICATE = "duplicate"  # here already, and not handed over
    TAKEN_BACK = "taken_back"  # this device had handed it over in this very bundle
    RETURNED = "returned"  # this device had handed it over in another bundle, and it comes back in this one
    MOVED_ON = "moved_on"  # the bundle is an old one: this device has handed the entry over since
    GIVEN_UP = "given_up"  # it comes back, and a person gave it up here meanwhile: nobody sends it now


_COLUMNS: Final = (
    "seq", "id", "kind", "state", "reason", "owner", "target_entry", "after_entry", "chain_key", "stage",
    "request_digest", "first_sent_at", "lease_owner", "lease_expires_at",
)  # fmt: skip
_UNFINISHED: Final = Prepared(
    select(*(ENTRY.c[name] for name in _COLUMNS))
    .where(text("state IN ('pending', 'sending', 'in_doubt', 'accepted', 'parked', 'dead')"))
    .order_by(ENTRY.c.seq)
)
_REFERENCES: Final = Prepared(
    select(text("entry_seq"), text("parent")).select_from(text("reference")).order_by(text("entry_seq"))
)
_KNOWN: Final = Prepared(
    select(ENTRY.c.server_id, ENTRY.c.state, ENTRY.c.stage, ENTRY.c.bundle).where(
        ENTRY.c.id == bindparam("wanted")
    )
)
_PURGED: Final = Prepared(select(PURGED.c.server_id).where(PURGED.c.id == bindparam("wanted")))
_IN_BUNDLE: Final = Prepared(
    select(ENTRY.c.seq)
    .where(text("state = 'parked'"), ENTRY.c.reason == HANDED_OVER, ENTRY.c.bundle == bindparam("of_bundle"))
    .order_by(ENTRY.c.seq)
)
_LEFT_IN: Final = Prepared(
    select(ENTRY.c.bundle).where(
        ENTRY.c.id == bindparam("wanted"), text("state = 'parked'"), ENTRY.c.reason == HANDED_OVER
    )
)
_CARRIED: Final = (
    "seq", "id", "kind", "payload_version", "payload", "input_digest", "idempotency_key", "start_at", "target_id",
    "target_entry", "after_entry", "owner", "captured_at", "clock_offset_ms", "clock_suspect",
)  # fmt: skip
_CARRIED_ROW: Final = Prepared(
    select(*(ENTRY.c[name] for name in _CARRIED)).where(ENTRY.c.seq == bindparam("wanted"))
)
_OF_ENTRY: Final = Prepared(
    select(text("parent")).select_from(text("reference")).where(text("entry_seq = :wanted"))
)
_HERE: Final = Prepared(
    select(ENTRY.c.kind, ENTRY.c.state, ENTRY.c.input_digest, ENTRY.c.bundle).where(
        ENTRY.c.id == bindparam("wanted")
    )
)
_PURGED_INPUT: Final = Prepared(
    select(PURGED.c.kind, PURGED.c.state, PURGED.c.input_digest).where(PURGED.c.id == bindparam("wanted"))
)
_KNEW_BUNDLE: Final = Prepared(
    select(ATTEMPT.c.n)
    .where(
        ATTEMPT.c.entry_seq == bindparam("wanted"),
        ATTEMPT.c.reason.in_([literal(HANDED_OVER), literal(IMPORTED)]),
        ATTEMPT.c.detail == bindparam("of_bundle"),
    )
    .limit(1)
)
_SET_BUNDLE: Final = Prepared(
    update(ENTRY)
    .where(ENTRY.c.id == bindparam("wanted"))
    .values(bundle=bindparam("of_bundle"), attempt_n=bindparam("new_n"))
)

_RENAME: Final = Prepared(
    update(SIGNATURE)
    .where(SIGNATURE.c.entry_seq == bindparam("wanted"), SIGNATURE.c.sha256 == bindparam("known_sha256"))
    .values(name=bindparam("new_name"))
)


def candidates(transaction: Transaction, *, now: int) -> list[Candidate]:
    """Every unfinished entry in capture order, without its payload."""
    references: dict[int, list[str]] = {}
    for seq, parent in transaction.run(_REFERENCES).fetchall():
        references.setdefault(seq, []).append(parent)
    found = []
    for row in transaction.run(_UNFINISHED).fetchall():
        each = dict(zip(_COLUMNS, row, strict=True))
        state = State(each["state"])
        found.append(
            Candidate(
                seq=each["seq"],
                id=each["id"],
                kind=each["kind"],
                state=state,
                reason=each["reason"],
                owner=each["owner"],
                target_entry=each["target_entry"],
                after_entry=each["after_entry"],
                chain_key=each["chain_key"],
                references=tuple(references.get(each["seq"], ())),
                was_sent=each["request_digest"] is not None or each["first_sent_at"] is not None,
                leased=each["lease_owner"] is not None and (each["lease_expires_at"] or 0) > now,
                settled=_settled(state, each["stage"]),
            )
        )
    return found


def known(transaction: Transaction, id: str) -> Known | None:
    """What is known of an entry, also after it was purged; None where nothing ever was."""
    row = transaction.run(_KNOWN, wanted=id).fetchone()
    if row is not None:
        return Known(row[0], _settled(State(row[1]), row[2]))
    row = transaction.run(_PURGED, wanted=id).fetchone()
    return None if row is None else Known(row[0], settled=True)


def _settled(state: State, stage: str | None) -> bool:
    return state in (State.ACCEPTED, State.DONE, State.DISCARDED) or (
        state is State.PARKED and stage == State.ACCEPTED
    )


def hand_over(transaction: Transaction, ids: list[str], bundle: str, *, now: int) -> None:
    """Park entries that never were sent and that nobody holds: from this commit on they are not sent from here."""
    for id in ids:
        row = held(transaction, id=id)
        assert row is not None, "it was chosen in this transaction"
        close_attempts(transaction, row.seq, now=now)
        n = history.note(transaction, row, outcome="HandedOver", reason=HANDED_OVER, detail=bundle, now=now)
        changes = {"reason": HANDED_OVER, "bundle": bundle, "attempt_n": n, "due_at": 0}
        move(transaction, row, Event.PARK, **changes, **freed(row))
    if ids:
        control.count_hand_overs(transaction, len(ids), now=now)


def in_bundle(transaction: Transaction, bundle: str) -> list[int]:
    """The numbers of what was handed over in this bundle and is still parked for it, in capture order."""
    return [seq for (seq,) in transaction.run(_IN_BUNDLE, of_bundle=bundle).fetchall()]


def bundle_of(transaction: Transaction, id: str) -> str | None:
    """The bundle that this entry was handed over in and is parked for; None where it is not."""
    row = transaction.run(_LEFT_IN, wanted=id).fetchone()
    return None if row is None else row[0]


def carried(transaction: Transaction, seq: int, bundle: str) -> Carried:
    """What leaves the device of an entry that was handed over in `bundle`."""
    row = transaction.run(_CARRIED_ROW, wanted=seq).fetchone()
    values = dict(zip(_CARRIED, row, strict=True))
    values["clock_suspect"] = bool(values["clock_suspect"])
    if values["target_entry"] is not None and not _goes_along(transaction, values["target_entry"], bundle):
        server_id = _server_id(transaction, values["target_entry"])
        values |= {"target_id": server_id, "target_entry": None}
    if values["after_entry"] is not None and not _goes_along(transaction, values["after_entry"], bundle):
        values["after_entry"] = None  # it is settled, else this one would have stayed
    ids = {}
    for (parent_id,) in transaction.run(_OF_ENTRY, wanted=seq).fetchall():
        if not _goes_along(transaction, parent_id, bundle):
            ids[parent_id] = _server_id(transaction, parent_id)
    return Carried(**values, known=ids)


def _server_id(transaction: Transaction, id: str) -> int:
    parent = known(transaction, id)
    server_id = None if parent is None else parent.server_id
    assert server_id is not None, "whoever needs an id that is not known stays"
    return server_id


def _goes_along(transaction: Transaction, id: str, bundle: str) -> bool:
    row = transaction.run(_KNOWN, wanted=id).fetchone()
    return row is not None and row[3] == bundle and row[1] == State.PARKED


def take_back_all(transaction: Transaction, bundle: str, *, now: int) -> int:
    """Undo a hand-over whose bundle nobody can ever read; how many entries wait again."""
    seqs = in_bundle(transaction, bundle)
    for seq in seqs:
        row = held(transaction, seq=seq)
        assert row is not None, "it was listed in this transaction"
        take_back(transaction, row, now=now)
    return len(seqs)


def take_back(transaction: Transaction, row: Held, *, now: int) -> None:
    """Let a handed-over entry go on from here. Where it was imported elsewhere too, both devices send it.

    One whose target was given up meanwhile could never go on: it stays held, and says why.
    """
    n = history.note(transaction, row, outcome="TakenBack", reason="taken_back", now=now)
    # A recovery may have put it in doubt meanwhile: then that is what it goes back to.
    reason = "recovered" if row.stage is State.IN_DOUBT else None
    changes = {"reason": reason, "bundle": None, "attempt_n": n}
    if chains.target_is_lost(transaction, row.seq):
        change(transaction, row, **{**changes, "reason": chains.TARGET_DISCARDED}, **freed(row))
        return
    move(transaction, row, Event.RELEASE, **changes, **FRESH, **freed(row))


def _hold_if_lost(transaction: Transaction, id: str) -> None:
    """What it needs may have been given up here while it was away: then a person is told, as at a discard."""
    row = _there(transaction, id)
    if row.state is State.PENDING and chains.target_is_lost(transaction, row.seq):
        move(transaction, row, Event.PARK, reason=chains.TARGET_DISCARDED, due_at=0, **freed(row))


def becomes(transaction: Transaction, new: NewEntry, bundle: str) -> Became:
    """What an import of this entry from this bundle would come to.

    Raises:
        IdConflict: its id belongs to other content here.
    """
    row = transaction.run(_HERE, wanted=new.id).fetchone()
    if row is None:
        row = transaction.run(_PURGED_INPUT, wanted=new.id).fetchone()
        if row is None:
            return Became.IMPORTED
        _same_content(new, row[0], row[2])
        return Became.DUPLICATE
    kind, _, input_digest, here = row
    _same_content(new, kind, input_digest)
    entry = held(transaction, id=new.id)
    assert entry is not None, "it was read in this transaction"
    knew = transaction.run(_KNEW_BUNDLE, wanted=entry.seq, of_bundle=bundle).fetchone() is not None
    if entry.state is State.DISCARDED and entry.server_id is None and not knew:
        return Became.GIVEN_UP
    if entry.state is not State.PARKED or entry.reason != HANDED_OVER:
        return Became.DUPLICATE
    if here == bundle:
        return Became.TAKEN_BACK
    return Became.MOVED_ON if knew else Became.RETURNED


def _same_content(new: NewEntry, kind: str, input_digest: str) -> None:
    if (kind, input_digest) != (new.kind, new.input_digest):
        raise IdConflict(
            f"entry {new.id} is on this device with other content than in the bundle",
            next_command=f"fieldsync show {new.id[-8:]}",
        )


def take_in(transaction: Transaction, new: NewEntry, bundle: str, *, now: int) -> Became:
    """Store one entry of a bundle, or take it back where this device had handed it over.

    Raises:
        IdConflict: its id belongs to other content here.
        EntryNotFound: what it waits for is not here.
    """
    became = becomes(transaction, new, bundle)
    if became is Became.IMPORTED:
        put_in(transaction, new)
        _arrived(transaction, new.id, bundle, now)
        _hold_if_lost(transaction, new.id)
    elif became is Became.TAKEN_BACK:
        take_back(transaction, _there(transaction, new.id), now=now)
    elif became is Became.RETURNED:
        _overwrite(transaction, _there(transaction, new.id), new)
        take_back(transaction, _there(transaction, new.id), now=now)
        _arrived(transaction, new.id, bundle, now)
    return became


def _there(transaction: Transaction, id: str) -> Held:
    row = held(transaction, id=id)
    assert row is not None, "it is known in this transaction"
    return row


def _arrived(transaction: Transaction, id: str, bundle: str, now: int) -> None:
    row = _there(transaction, id)
    n = history.note(transaction, row, outcome="Imported", reason=IMPORTED, detail=bundle, now=now)
    transaction.run(_SET_BUNDLE, wanted=id, of_bundle=bundle, new_n=n)


def _overwrite(transaction: Transaction, row: Held, new: NewEntry) -> None:
    """It comes back from another device, which may have edited it: that version counts from now on."""
    assert isinstance(new.payload, str), "what a bundle carries has its start"
    values: dict[str, Any] = {
        "payload": new.payload,
        "payload_sha256": text_sha256(new.payload),
        **{name: getattr(new, name) for name in _OVERWRITTEN},
    }
    change(transaction, row, **values)
    if new.signature is not None:  # an edit may have given the image, which is the same, another name
        image = new.signature
        renamed = transaction.run(_RENAME, wanted=row.seq, known_sha256=image.sha256, new_name=image.name)
        if renamed.rowcount != 1:
            raise IdConflict(f"entry {new.id} has another image on this device than in the bundle")
    chains.refer(transaction, row.seq, new.references)
    restamp(transaction.cursor, row.seq)


_OVERWRITTEN: Final = (
    "idempotency_key", "start_at", "target_id", "target_entry", "after_entry", "chain_key", "owner",
)  # fmt: skip
assert set(_OVERWRITTEN) <= set(FIXED), "only what the digest is made over"
