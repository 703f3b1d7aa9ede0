"""Puts an entry where a server or a person would have put it, for tests of what is shown then."""

from __future__ import annotations

from typing import Any

from storage.database import Database


def refuse(database: Database, id: str, detail: str, **columns: Any) -> None:
    """As if the server had refused it with `detail`; `columns` of its row say otherwise."""
    values = {"state": "dead", "stage": "pending", "reason": "refused", "attempt_n": 1} | columns
    settings = ", ".join(f"{name} = ?" for name in values)
    with database.write() as transaction:
        transaction.cursor.execute(f"UPDATE entry SET {settings} WHERE id = ?", (*values.values(), id))
        transaction.cursor.execute(
            "INSERT INTO attempt (entry_seq, n, step, started_at, outcome, status, reason, detail) "
            "SELECT seq, 1, 'send', captured_at, 'Rejected', 400, 'refused', ? FROM entry WHERE id = ?",
            (detail, id),
        )
