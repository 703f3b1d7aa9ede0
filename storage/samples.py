"""How the queue stood every five minutes, for charts: one small row each, counted from counters and never from entries.

A row is named by the beginning of its five minutes, so that a clock that stands or jumps cannot make more of them. What
is kept is bounded by count, not by age: a clock that jumped forward must not throw the true past away.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from storage.database import Transaction
from storage.guarded import COUNTER, SAMPLE
from storage.prepared import Prepared
from storage.retention import removed_so_far

STEP_MS: Final = 5 * 60 * 1000
KEPT: Final = 31 * 24 * 12  # 31 days without a pause

_COLUMNS: Final = ("at", "waiting", "needs_action", "delivered")
_COUNTS: Final = Prepared(select(COUNTER.c.state, func.sum(COUNTER.c.n)).group_by(COUNTER.c.state))
_insert = insert(SAMPLE).values({name: bindparam(name) for name in _COLUMNS})
_KEEP: Final = Prepared(
    _insert.on_conflict_do_update(
        index_elements=[SAMPLE.c.at], set_={name: _insert.excluded[name] for name in _COLUMNS[1:]}
    )
)
_TAKEN: Final = Prepared(select(SAMPLE.c.at).where(SAMPLE.c.at == bindparam("wanted")))
_BETWEEN: Final = Prepared(
    select(*(SAMPLE.c[name] for name in _COLUMNS))
    .where(SAMPLE.c.at >= bindparam("since"), SAMPLE.c.at <= bindparam("until"))
    .order_by(SAMPLE.c.at)
)
_BEFORE: Final = Prepared(
    select(*(SAMPLE.c[name] for name in _COLUMNS))
    .where(SAMPLE.c.at < bindparam("since"))
    .order_by(SAMPLE.c.at.desc())
    .limit(1)
)
_FIRST_TOO_MANY: Final = select(SAMPLE.c.at).order_by(SAMPLE.c.at.desc()).limit(1).offset(KEPT)
_LET_GO: Final = Prepared(delete(SAMPLE).where(SAMPLE.c.at <= _FIRST_TOO_MANY.scalar_subquery()))


class Sample(NamedTuple):
    """How the queue stood. `at`: milliseconds since 1970 UTC, the beginning of its five minutes.

    `delivered` counts all that this outbox ever delivered, also what was removed since.
    """

    at: int
    waiting: int
    needs_action: int
    delivered: int


def keep(transaction: Transaction, *, now: int) -> Sample:
    """Write down how the queue stands, in place of what was written in the same five minutes."""
    counts: dict[str, int] = dict(transaction.run(_COUNTS).fetchall())

    def count(*states: str) -> int:
        return sum(counts.get(state) or 0 for state in states)

    sample = Sample(
        at=_step(now),
        waiting=count("pending", "sending", "accepted"),
        needs_action=count("parked", "dead"),
        delivered=count("done") + removed_so_far(transaction, now=now),
    )
    transaction.run_row(_KEEP, _COLUMNS, tuple(sample))
    return sample


def keep_if_due(transaction: Transaction, *, now: int) -> None:
    """One for these five minutes if there is none, and no more of them than are kept."""
    if transaction.run(_TAKEN, wanted=_step(now)).fetchone() is None:
        keep(transaction, now=now)
        transaction.run(_LET_GO)


def between(transaction: Transaction, since: int, until: int) -> list[Sample]:
    """Those of this time in order, and before them the last one that is older: what is delivered is counted from it."""
    before = transaction.run(_BEFORE, since=since).fetchall()
    return [
        Sample(*row) for row in (*before, *transaction.run(_BETWEEN, since=since, until=until).fetchall())
    ]


def _step(at: int) -> int:
    return at - at % STEP_MS
