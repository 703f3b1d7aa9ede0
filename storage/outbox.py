"""The front of the write side: one captured operation and its signature become one row each, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, select

from storage import chains
from storage.database import Database, Transaction
from storage.digests import row_digest, text_sha256
from storage.errors import EntryNotFound, IdConflict
from storage.guarded import ENTRY, PURGED, SIGNATURE, inserts
from storage.lifecycle import State
from storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class NewSignature:
    """The frozen image: `size` in bytes, digests in lower-case hex."""

    name: str
    mime_type: str
    size: int
    sha256: str
    md5: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a capture hands over. Instants are milliseconds since 1970 UTC.

    `captured_mono_ms` is the monotonic time of `captured_boot`, which no change of the device's clock moves.
    `start_at` is when the work started; where `payload` is a function, the input named none and the first instant
    from `start_at` on that this device has not used is chosen, and given to the function.
    """

    id: str
    id_was_given: bool
    kind: str
    creates: bool
    payload: str | Callable[[int], str]
    input_digest: str
    idempotency_key: str
    captured_at: int
    start_at: int | None = None
    clock_offset_ms: int | None = None
    clock_suspect: bool = False
    captured_mono_ms: int | None = None
    captured_boot: str | None = None
    owner: str | None = None
    target_id: int | None = None
    target_entry: str | None = None
    after_entry: str | None = None
    chain_key: str | None = None
    references: tuple[str, ...] = ()
    signature: NewSignature | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """How a capture ended: a new entry, or the one that the same input made before."""

    id: str
    kind: str
    state: str
    duplicate: bool
    start_not_unique: bool = False


_ENTRY_COLUMNS: Final = (
    "id", "kind", "state", "due_at", "creates", "has_signature", "payload_version", "payload", "payload_sha256",
    "input_digest", "idempotency_key", "start_at", "target_id", "target_entry", "after_entry", "chain_key", "owner",
    "attempts", "attempt_n", "link_failures", "lease_fence", "certainly_created", "lookups", "clean_misses",
    "captured_at", "clock_offset_ms", "clock_suspect", "captured_mono_ms", "captured_boot", "row_digest",
)  # fmt: skip
_INSERT_ENTRY: Final = Prepared(
    insert(ENTRY).values({name: bindparam(name) for name in _ENTRY_COLUMNS}).returning(ENTRY.c.seq)
)
_SIGNATURE_COLUMNS: Final = ("entry_seq", "name", "mime_type", "size", "sha256", "md5", "data")
_INSERT_SIGNATURE: Final = inserts(SIGNATURE, _SIGNATURE_COLUMNS)
_KNOWN: Final = Prepared(
    select(ENTRY.c.kind, ENTRY.c.state, ENTRY.c.input_digest).where(ENTRY.c.id == bindparam("wanted"))
)
_PURGED: Final = Prepared(
    select(PURGED.c.kind, PURGED.c.state, PURGED.c.input_digest).where(PURGED.c.id == bindparam("wanted"))
)
_START_USED: Final = Prepared(
    select(ENTRY.c.seq)
    .where(ENTRY.c.start_at == bindparam("wanted"), ENTRY.c.kind == bindparam("of_kind"))
    .limit(1)
)


def put(database: Database, new: NewEntry) -> Put:
    """Make one capture durable. When this returns, the entry survives a power cut.

    The same id with the same input answers the entry that is there, also after it was purged.

    Raises:
        IdConflict: the id is taken by another input.
        EntryNotFound: `after_entry`, `target_entry` or a reference names nothing.
        StorageFull, StorageReadOnly: nothing was stored.
    """
    with database.write() as transaction:
        return put_in(transaction, new)


def put_in(transaction: Transaction, new: NewEntry) -> Put:
    """As `put`, inside a transaction of the caller: many captures, one commit."""
    if new.id_was_given and (before := known(transaction, new.id, new.input_digest)) is not None:
        return before
    for parent in (new.after_entry, new.target_entry, *new.references):
        if parent is not None and _row(transaction, parent) is None:
            raise EntryNotFound(f"no entry {parent} to wait for")
    start_at, not_unique = _start(transaction, new)
    payload = new.payload if isinstance(new.payload, str) else new.payload(start_at or new.captured_at)
    signature = new.signature
    payload_sha256 = text_sha256(payload)
    # In the order of digests.FIXED.
    digest = row_digest(
        (
            new.id, new.kind, int(new.creates), int(signature is not None), 1, payload_sha256, new.input_digest,
            new.idempotency_key, start_at, new.target_id, new.target_entry, new.after_entry, new.chain_key, new.owner,
            new.captured_at, new.clock_offset_ms, int(new.clock_suspect), new.captured_mono_ms, new.captured_boot,
        ),
        signature.sha256 if signature is not None else None,
    )  # fmt: skip
    # In the order of _ENTRY_COLUMNS.
    row = (
        new.id, new.kind, State.PENDING.value, 0, int(new.creates), int(signature is not None), 1, payload,
        payload_sha256, new.input_digest, new.idempotency_key, start_at, new.target_id, new.target_entry,
        new.after_entry, new.chain_key, new.owner, 0, 0, 0, 0, 0, 0, 0,
        new.captured_at, new.clock_offset_ms, int(new.clock_suspect), new.captured_mono_ms, new.captured_boot, digest,
    )  # fmt: skip
    (seq,) = transaction.run_row(_INSERT_ENTRY, _ENTRY_COLUMNS, row).fetchone()
    transaction.captured = seq
    if signature is not None:
        image = (
            seq, signature.name, signature.mime_type, signature.size, signature.sha256, signature.md5, signature.data,
        )  # fmt: skip
        transaction.run_row(_INSERT_SIGNATURE, _SIGNATURE_COLUMNS, image)
    if new.references:
        chains.refer(transaction, seq, new.references)
    return Put(new.id, new.kind, State.PENDING.value, duplicate=False, start_not_unique=not_unique)


def known(transaction: Transaction, id: str, input_digest: str) -> Put | None:
    """The answer to a repeat: the entry that has this id, also after it was purged; None where none has.

    Raises: IdConflict where it was made by another input.
    """
    row = _row(transaction, id)
    if row is None:
        return None
    kind, state, digest = row
    if digest != input_digest:
        raise IdConflict(
            f"id {id} already belongs to another capture ({kind}, {state}); a repeat must give the same data and "
            "image, a new intervention needs a new id",
            next_command=f"fieldsync show {id[-8:]}",
        )
    return Put(id, kind, state, duplicate=True)


def _row(transaction: Transaction, id: str) -> Any:
    return transaction.run(_KNOWN, wanted=id).fetchone() or transaction.run(_PURGED, wanted=id).fetchone()


def _start(transaction: Transaction, new: NewEntry) -> tuple[int | None, bool]:
    """The start to store, and whether one that was given is used already. Look-ups tell entries apart by it."""
    if new.start_at is None:
        return None, False
    chosen = isinstance(new.payload, str)
    start_at = new.start_at
    while transaction.run(_START_USED, wanted=start_at, of_kind=new.kind).fetchone() is not None:
        if chosen:
            return start_at, True
        start_at += 1
    return start_at, False
