"""Until when does an entry wait, and since when is it tried? One entry's times, and all of them moved together.

How long a wait is to be is decided in `sync/policy.py`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, case, func, literal, select, text, update

from storage.database import Transaction
from storage.guarded import ATTEMPT, ENTRY
from storage.prepared import Prepared

_NEXT_DUE: Final = Prepared(select(func.min(ENTRY.c.due_at)).where(text("due_at > 0")))
WAKE_DUE: Final = Prepared(
    update(ENTRY).where(text("due_at > 0"), ENTRY.c.due_at <= bindparam("now")).values(due_at=0)
)
_CLAMP_DUE: Final = Prepared(
    update(ENTRY)
    .where(text("due_at > 0"), ENTRY.c.due_at > bindparam("latest"))
    .values(due_at=bindparam("to"))
)
_FORGET_WAITS: Final = Prepared(update(ENTRY).where(text("due_at > 0")).values(due_at=0))
# An entry that the link alone set back has its place again once somebody got through.
_FORGIVE: Final = Prepared(
    update(ENTRY)
    .where(
        text("state = 'pending'"), text("due_at = 0"), ENTRY.c.yields > 0, ENTRY.c.yields < bindparam("below")
    )
    .values(yields=0)
)
# A jump of the wall clock moves every wait and every age with it; what is settled keeps its history.
_SHIFT: Final = Prepared(
    update(ENTRY)
    .where(ENTRY.c.state.in_([literal(state) for state in ("pending", "sending", "in_doubt", "accepted")]))
    .values(
        due_at=case(
            (ENTRY.c.due_at == 0, 0),
            (ENTRY.c.due_at + bindparam("by") > 1, ENTRY.c.due_at + bindparam("by")),
            else_=1,
        ),
        first_attempt_at=ENTRY.c.first_attempt_at + bindparam("by"),
        lease_expires_at=ENTRY.c.lease_expires_at + bindparam("by"),
    )
)
# What got no answer may be carried out for a while yet, and others wait for that to be over: so its time moves as well.
_LONGEST_UNANSWERED_MS: Final = 24 * 3_600_000
_SHIFT_UNANSWERED: Final = Prepared(
    update(ATTEMPT)
    .where(
        text("step = 'send'"),
        text("(outcome IS NULL OR outcome IN ('Retryable', 'InDoubt', 'Interrupted'))"),
        ATTEMPT.c.started_at + func.coalesce(ATTEMPT.c.duration_ms, 0) > bindparam("since"),
    )
    .values(started_at=ATTEMPT.c.started_at + bindparam("by"))
)
_FIRST_ATTEMPT: Final = Prepared(select(ENTRY.c.first_attempt_at).where(ENTRY.c.seq == bindparam("wanted")))
_COUNT_WAITS: Final = Prepared(select(func.count()).select_from(ENTRY).where(text("due_at > 0")))


def wake_due(transaction: Transaction, *, now: int) -> None:
    """Entries whose wait is over are due again, in capture order among the others."""
    transaction.run(WAKE_DUE, now=now)


def clamp_waits(transaction: Transaction, *, latest: int) -> None:
    """No stored wait outlasts `latest`: a device clock that jumped must not hold an entry for years."""
    transaction.run(_CLAMP_DUE, latest=latest, to=latest)


def forget_waits(transaction: Transaction, *, dry_run: bool = False) -> int:
    """All backoff is over; how many entries were waiting for it."""
    if dry_run:
        return int(transaction.run(_COUNT_WAITS).fetchone()[0])
    return int(transaction.run(_FORGET_WAITS).rowcount)


def next_due_at(transaction: Transaction) -> int | None:
    """When the next stored wait ends; None where nothing waits for a time."""
    found: int | None = transaction.run(_NEXT_DUE).fetchone()[0]
    return found


def forgive(transaction: Transaction, *, below: int) -> None:
    """Somebody got through: entries that made way for others by less than `below` have their place again."""
    transaction.run(_FORGIVE, below=below)


def shift_waits(transaction: Transaction, *, by_ms: int, now: int) -> None:
    """Move every stored wait and age of unsettled entries by a jump of the wall clock, in milliseconds.

    `now` is after the jump. The tries of the day before it that nobody answered move as well.
    """
    transaction.run(_SHIFT, by=by_ms)
    transaction.run(_SHIFT_UNANSWERED, by=by_ms, since=now - by_ms - _LONGEST_UNANSWERED_MS)


def first_attempt_at(transaction: Transaction, seq: int) -> int | None:
    """When the budget of the present step began."""
    row = transaction.run(_FIRST_ATTEMPT, wanted=seq).fetchone()
    return None if row is None else row[0]
