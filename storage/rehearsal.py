"""What only a rehearsal does to an outbox: let its disk be full, take a claim away, read every column of an entry.

`sync/torture` brings about with it, on scratch outboxes, what a device in the field meets by itself. Nothing that
delivers imports it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from storage import claims
from storage.database import Transaction
from storage.guarded import change, freed, held, move
from storage.lifecycle import Event, State

_ENTRY_SQL: Final = "SELECT * FROM entry WHERE id = ?"
_BY_URL_SQL: Final = "SELECT id FROM entry WHERE presigned_url = ?"
_OWED_SQL: Final = "SELECT presigned_url FROM entry WHERE presigned_url IS NOT NULL"
_HELD_SQL: Final = "SELECT id FROM entry WHERE lease_owner IS NOT NULL"
_BALLAST_SQL: Final = "INSERT INTO control (key, value, at) VALUES ('ballast', hex(randomblob(?)), 0)"
_BALLAST_BYTES: Final = 512 * 1024
ANOTHER: Final = "another-drainer"


class Theft(StrEnum):
    """Ways in which a drainer that is not dead can lose its claim."""

    TAKEN = "taken"  # another drainer has claimed it since
    AGAIN = "again"  # the same drainer has claimed it since, for a later attempt
    EXPIRED = "expired"  # its time ran out, and nobody has claimed it yet
    RESCUED = "rescued"  # another drainer took its holder for dead


def take_away(
    transaction: Transaction, id: str, theft: Theft, *, now: int, mono_ms: int, boot: str
) -> dict[str, Any] | None:
    """Take the claim on this entry from whoever holds it; the whole row as it is then. None: nobody holds it.

    `now` is in milliseconds since 1970 UTC.
    """
    row = held(transaction, id=id)
    if row is None or row.lease_owner is None:
        return None
    if theft is Theft.EXPIRED:
        changed = change(transaction, row, lease_expires_at=now - 1)
    elif theft is Theft.RESCUED and row.state is State.SENDING:
        doubt = claims.doubt_clock(now, mono_ms, boot)
        changed = move(transaction, row, Event.DOUBT, reason="interrupted", due_at=0, **freed(row), **doubt)
    else:
        owner = row.lease_owner if theft is Theft.AGAIN else ANOTHER
        claim = {"lease_fence": row.lease_fence + 1, "lease_expires_at": now + 3_600_000}
        changed = change(transaction, row, lease_owner=owner, **claim)
    assert changed, "the row was read in this transaction"
    return whole_row(transaction, id)


def whole_row(transaction: Transaction, id: str) -> dict[str, Any] | None:
    """Every column of one entry by its name. A presigned URL, which is a secret, is only told as present or not."""
    cursor = transaction.cursor.execute(_ENTRY_SQL, (id,))
    names = [column[0] for column in cursor.description]
    found = cursor.fetchone()
    if found is None:
        return None
    row = dict(zip(names, found, strict=True))
    return row | {"presigned_url": row["presigned_url"] is not None}


def entry_of_url(transaction: Transaction, url: str) -> str | None:
    """The id of the entry whose signature goes to `url`."""
    found = transaction.cursor.execute(_BY_URL_SQL, (url,)).fetchone()
    return None if found is None else str(found[0])


def owed_urls(transaction: Transaction) -> list[str]:
    """The presigned URLs that are still to be used. Secrets."""
    return [str(row[0]) for row in transaction.cursor.execute(_OWED_SQL).fetchall()]


def claimed(transaction: Transaction) -> list[str]:
    """The ids of the entries that somebody holds."""
    return [str(row[0]) for row in transaction.cursor.execute(_HELD_SQL).fetchall()]


def fill_up(transaction: Transaction) -> None:
    """The disk is full at this point of the transaction, as far as SQLite can tell; it raises the driver's error."""
    (pages,) = transaction.cursor.execute("PRAGMA page_count").fetchone()
    transaction.cursor.execute(f"PRAGMA max_page_count = {int(pages)}").fetchone()
    transaction.cursor.execute(_BALLAST_SQL, (_BALLAST_BYTES,))
