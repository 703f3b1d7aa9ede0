"""The cheapest question of all, asked every second: has anybody else written, and is it something to act on?"""

from __future__ import annotations

from typing import Any


def data_version(probe: Any) -> int:
    """A number that changes when another connection has committed; no page of the database is read for it."""
    version: int = probe.execute("PRAGMA data_version").fetchone()[0]
    return version


def wishes(probe: Any) -> tuple[int | None, str | None]:
    """What a worker wakes up for: the latest capture, and the latest order to go on."""
    row = probe.execute(
        "SELECT (SELECT max(seq) FROM entry), (SELECT value FROM control WHERE key = 'wake')"
    ).fetchone()
    return row[0], row[1]
