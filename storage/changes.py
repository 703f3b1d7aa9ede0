"""What changed, in its order: every state an entry came into, for those who listen and go on where they stopped.

Triggers write the rows (schema step 0004), in the transaction that changes the entry; here they are read and let go.
Numbers grow in the order of the commits and are never given twice. Plain SQL for reading, on a `probe` connection.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, func, select

from storage.database import Transaction
from storage.guarded import CHANGE
from storage.prepared import Prepared

KEPT: Final = 10_000
# After a large import there is much to let go: a part each time, so that nobody waits for it.
MOST_AT_ONCE: Final = 5_000

_ENDS: Final = "SELECT (SELECT min(seq) FROM change), (SELECT max(seq) FROM change)"
_AFTER: Final = (
    "SELECT seq, entry_id, kind, owner, state, reason, at FROM change WHERE seq > ? ORDER BY seq LIMIT ?"
)
_ORIGIN: Final = "SELECT key, value FROM control WHERE key IN ('database_id', 'recovered_as') ORDER BY key"
_OLDEST: Final = Prepared(select(func.min(CHANGE.c.seq)))
_NEWEST: Final = Prepared(select(func.max(CHANGE.c.seq)))
_LET_GO: Final = Prepared(delete(CHANGE).where(CHANGE.c.seq <= bindparam("upto")))


class Change(NamedTuple):
    """An entry came into `state`, or its reason or owner changed. `at`: milliseconds since 1970 UTC."""

    seq: int
    id: str
    kind: str
    owner: str | None
    state: str
    reason: str | None
    at: int


class Ends(NamedTuple):
    """The oldest number that is kept and the newest that was given; both 0 where nothing ever changed."""

    oldest: int
    newest: int


def ends(reader: Any) -> Ends:
    """From where to where changes are known. `reader`: a connection or cursor of the driver."""
    oldest, newest = reader.execute(_ENDS).fetchone()
    return Ends(oldest or 0, newest or 0)


def after(reader: Any, seq: int, most: int) -> list[Change]:
    """At most `most` changes after this number, in order."""
    return [Change(*row) for row in reader.execute(_AFTER, (seq, most)).fetchall()]


def numbering(reader: Any) -> str:
    """Eight hex digits that name this run of numbers.

    A recovered database keeps its id and counts from 1 again: its recovery is in the name, too.
    """
    rows = reader.execute(_ORIGIN).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:8]


def prune(transaction: Transaction) -> int:
    """Let go of all but the newest `KEPT`, some thousands at a time; answers how many went."""
    (newest,) = transaction.run(_NEWEST).fetchone()
    (oldest,) = transaction.run(_OLDEST).fetchone()
    if newest is None or newest - oldest < KEPT:
        return 0
    return int(transaction.run(_LET_GO, upto=min(newest - KEPT, oldest + MOST_AT_ONCE - 1)).rowcount)
