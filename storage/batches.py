"""What a batch asks of the outbox besides `put_in`: is an entry known, and was it put before the batch began?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, func, select

from storage.database import Transaction
from storage.guarded import ENTRY, PURGED
from storage.prepared import Prepared

_NEWEST: Final = Prepared(select(func.coalesce(func.max(ENTRY.c.seq), 0)))
_PLACE: Final = Prepared(select(ENTRY.c.seq).where(ENTRY.c.id == bindparam("wanted")))
_PURGED: Final = Prepared(select(PURGED.c.id).where(PURGED.c.id == bindparam("wanted")))


def newest(transaction: Transaction) -> int:
    """The number of the last entry; 0 where there is none."""
    (seq,) = transaction.run(_NEWEST).fetchone()
    return int(seq)


def place(transaction: Transaction, id: str) -> int | None:
    """The number of the entry `id`, 0 where it was purged, None where there never was one."""
    row = transaction.run(_PLACE, wanted=id).fetchone()
    if row is not None:
        return int(row[0])
    return None if transaction.run(_PURGED, wanted=id).fetchone() is None else 0
