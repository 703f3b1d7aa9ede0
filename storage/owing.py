"""Which signatures are still owed, and at which host of the storage?

Which of them may go now is `readiness.py`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, literal, select, text

from storage.database import Transaction
from storage.guarded import ENTRY
from storage.prepared import Prepared
from storage.upload_host import upload_host

# Asks the server for another address and does nothing for the storage: no canary, and with tokens of its own.
REISSUING: Final = ENTRY.c.upload_way.is_not_distinct_from(literal("reissue"))
_owed = select(ENTRY.c.seq).where(text("state = 'accepted'"))
_at_host = ENTRY.c.presigned_url.like(bindparam("at"))
_ANY_OWED: Final = Prepared(_owed.limit(1))
_OWED_NOW: Final = Prepared(_owed.where(ENTRY.c.due_at == 0, _at_host, ~REISSUING).limit(1))
_ANY_CANARY: Final = Prepared(
    _owed.where(ENTRY.c.attempts + ENTRY.c.link_failures < bindparam("tries"), _at_host, ~REISSUING).limit(1)
)
_OWED_SOME: Final = Prepared(_owed.limit(bindparam("most")))
_FIRST_OWED_URL: Final = Prepared(
    select(ENTRY.c.presigned_url)
    .where(text("state = 'accepted'"), ENTRY.c.presigned_url.is_not(None), _at_host)
    .order_by(ENTRY.c.url_expires_at, ENTRY.c.seq)
    .limit(1)
)
_OWED_URLS: Final = Prepared(
    select(ENTRY.c.presigned_url).where(text("state = 'accepted'"), ENTRY.c.presigned_url.is_not(None))
)


def any_owed(transaction: Transaction) -> bool:
    """Whether any accepted entry still owes its signature."""
    return transaction.run(_ANY_OWED).fetchone() is not None


def _at(host: str) -> str:
    # Any host has URLs of this form; the wildcard in a name such as `my_bucket` matches a few too many, rarely.
    return f"%://{host}/%" if host else "%"


def any_canary(transaction: Transaction, host: str, *, tries: int) -> bool:
    """Whether a signature owed at `host` (empty: any) was tried less than `tries` times, and so stands for its host."""
    return transaction.run(_ANY_CANARY, at=_at(host), tries=tries).fetchone() is not None


def any_owed_now(transaction: Transaction, host: str = "") -> bool:
    """Whether any signature owed at `host` (empty: any) waits for no backoff of its own."""
    return transaction.run(_OWED_NOW, at=_at(host)).fetchone() is not None


def count_owed(transaction: Transaction, most: int) -> int:
    """How many accepted entries owe their signature, counted up to `most`."""
    return len(transaction.run(_OWED_SOME, most=most).fetchall())


def first_owed_url(transaction: Transaction, host: str = "") -> str | None:
    """The presigned URL at `host` (empty: any) that spoils first among those still to be used. A secret."""
    row = transaction.run(_FIRST_OWED_URL, at=_at(host)).fetchone()
    return None if row is None else str(row[0])


def owed_hosts(transaction: Transaction) -> set[str]:
    """Where signatures still have to go."""
    return {upload_host(url) for (url,) in transaction.run(_OWED_URLS).fetchall()}
