"""Entries that may have arrived: list them, write down how their doubt ended. Who decides is `sync/reconcile.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, text

from storage.claims import doubt_clock
from storage.database import Transaction
from storage.guarded import ENTRY, change, freed, held, move
from storage.lifecycle import Event, State
from storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Doubt:
    """One entry in doubt. `mono_ms` is when its settling time started, in the monotonic time of `boot`."""

    seq: int
    certainly_created: bool
    reason: str | None
    attempts: int
    first_attempt_at: int | None
    mono_ms: int | None
    boot: str | None


_IN_DOUBT: Final = Prepared(
    select(
        *(ENTRY.c[name] for name in ("seq", "certainly_created", "reason", "attempts", "first_attempt_at")),
        ENTRY.c.doubt_mono_ms,
        ENTRY.c.doubt_boot,
    )
    .where(text("state = 'in_doubt'"))
    .order_by(ENTRY.c.seq)
)


def in_doubt(transaction: Transaction) -> list[Doubt]:
    """Every entry in doubt, oldest capture first."""
    rows = transaction.run(_IN_DOUBT).fetchall()
    return [Doubt(seq, bool(created), *rest) for seq, created, *rest in rows]


def park(transaction: Transaction, doubt: Doubt, *, reason: str) -> bool:
    """Held for a person; released, it is in doubt again."""
    row = held(transaction, seq=doubt.seq)
    if row is None or row.state is not State.IN_DOUBT:
        return False
    return move(transaction, row, Event.PARK, reason=reason, due_at=0, **freed(row))


def take_for_absent(transaction: Transaction, doubt: Doubt) -> bool:
    """It goes back to be sent again: same key, same bytes."""
    row = held(transaction, seq=doubt.seq)
    if row is None or row.state is not State.IN_DOUBT or row.certainly_created:
        return False
    return move(transaction, row, Event.ABSENT, due_at=0, **freed(row))


def restart_clock(transaction: Transaction, doubt: Doubt, *, now: int, mono_ms: int, boot: str) -> bool:
    """The settling time begins anew."""
    row = held(transaction, seq=doubt.seq)
    if row is None or row.state is not State.IN_DOUBT:
        return False
    return change(transaction, row, **doubt_clock(now, mono_ms, boot))
