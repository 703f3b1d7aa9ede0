"""The one way a row of the outbox is changed: say what is expected, name the event, change nothing if it is not so.

Also the values that cross the border between rows and the rest: millisecond instants and short-lived copies of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, select, text, update
from sqlalchemy import insert as sql_insert
from sqlmodel import SQLModel

from storage.database import Transaction
from storage.lifecycle import Event, State, next_state, stage_kept
from storage.models import (
    Attempt,
    Change,
    Control,
    Counter,
    Entry,
    Purged,
    Receipt,
    Reference,
    Revision,
    Sample,
    Signature,
)
from storage.prepared import Prepared


def _table(model: type[SQLModel]) -> Any:
    return SQLModel.metadata.tables[str(model.__tablename__)]


ENTRY: Final = _table(Entry)
SIGNATURE: Final = _table(Signature)
ATTEMPT: Final = _table(Attempt)
RECEIPT: Final = _table(Receipt)
CONTROL: Final = _table(Control)
PURGED: Final = _table(Purged)
REFERENCE: Final = _table(Reference)
REVISION: Final = _table(Revision)
COUNTER: Final = _table(Counter)
CHANGE: Final = _table(Change)
SAMPLE: Final = _table(Sample)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970 UTC, as stored."""
    return int(at.timestamp() * 1000)


def from_ms(at: int) -> datetime:
    """The aware UTC instant of a stored value."""
    return datetime.fromtimestamp(at / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """A row as read in this transaction, and what a guarded change expects of it."""

    seq: int
    id: str
    kind: str
    state: State
    stage: State | None
    reason: str | None
    creates: bool
    has_signature: bool
    attempts: int
    attempt_n: int
    first_attempt_at: int | None
    link_failures: int
    yields: int
    lease_owner: str | None
    lease_fence: int
    lease_expires_at: int | None
    server_id: int | None
    certainly_created: bool
    request_digest: str | None
    presigned_url: str | None
    url_reissues: int


_HELD_COLUMNS: Final = tuple(Held.__dataclass_fields__)
_HELD: Final = {
    column: Prepared(
        select(*(ENTRY.c[name] for name in _HELD_COLUMNS)).where(ENTRY.c[column] == bindparam("wanted"))
    )
    for column in ("seq", "id")
}


def held(transaction: Transaction, *, seq: int | None = None, id: str | None = None) -> Held | None:
    """The row with this sequence number or id, as it is now."""
    column, wanted = ("seq", seq) if seq is not None else ("id", id)
    row = transaction.run(_HELD[column], wanted=wanted).fetchone()
    return None if row is None else _held(row)


def _held(row: Any) -> Held:
    values = dict(zip(_HELD_COLUMNS, row, strict=True))
    values["state"] = State(values["state"])
    values["stage"] = State(values["stage"]) if values["stage"] else None
    values["creates"] = bool(values["creates"])
    values["has_signature"] = bool(values["has_signature"])
    values["certainly_created"] = bool(values["certainly_created"])
    return Held(**values)


def move(transaction: Transaction, row: Held, event: Event, **changes: Any) -> bool:
    """Take `row` where `event` leads, together with `changes`, if it still is as it was read.

    A held state remembers its stage. False: somebody else changed it meanwhile, and nothing was changed here.

    Raises:
        IllegalTransition: the lifecycle has no such move.
    """
    state = next_state(row.state, event, row.stage)
    stage = stage_kept(row.state) if state in (State.PARKED, State.DEAD) else None
    return change(transaction, row, state=state.value, stage=stage.value if stage else None, **changes)


def change(transaction: Transaction, row: Held, **changes: Any) -> bool:
    """Write `changes` to `row` if state, holder and fence still are what was read."""
    statement = _guarded_update(tuple(sorted(changes)), row.lease_owner is None)
    values = {f"new_{name}": value for name, value in changes.items()}
    cursor = transaction.run(
        statement,
        **values,
        at_seq=row.seq,
        was_state=row.state.value,
        was_owner=row.lease_owner,
        was_fence=row.lease_fence,
    )
    return bool(cursor.rowcount == 1)


@lru_cache(maxsize=256)
def _guarded_update(columns: tuple[str, ...], unheld: bool) -> Prepared:
    owner = text("lease_owner IS NULL") if unheld else ENTRY.c.lease_owner == bindparam("was_owner")
    return Prepared(
        update(ENTRY)
        .where(
            ENTRY.c.seq == bindparam("at_seq"),
            ENTRY.c.state == bindparam("was_state"),
            ENTRY.c.lease_fence == bindparam("was_fence"),
            owner,
        )
        .values({name: bindparam(f"new_{name}") for name in columns})
    )


# Everything that takes a row out of somebody's hand raises the fence, so that a late outcome of theirs changes nothing.
def freed(row: Held) -> dict[str, Any]:
    """The changes that end a claim on `row`."""
    return {"lease_owner": None, "lease_expires_at": None, "lease_fence": row.lease_fence + 1}


def inserts(table: Any, columns: tuple[str, ...]) -> Prepared:
    """An insert of exactly these columns, each bound under its own name."""
    return Prepared(sql_insert(table).values({name: bindparam(name) for name in columns}))


START_ATTEMPT: Final = inserts(ATTEMPT, ("entry_seq", "n", "step", "started_at"))
START_SEND: Final = inserts(ATTEMPT, ("entry_seq", "n", "step", "started_at", "sent_as"))
FINISH_ATTEMPT: Final = Prepared(
    update(ATTEMPT)
    .where(ATTEMPT.c.entry_seq == bindparam("of_entry"), ATTEMPT.c.n == bindparam("of_n"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("duration_ms", "outcome", "status", "reason", "detail", "request_id")
        }
    )
)
