"""One person's entries, as their own page lists them: what is kept on the device, what needs them, what has gone.

Plain SQL like `queries.py`, and as light. `owner` None means entries without one.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from storage.queries import STATES, Reader, iso
from storage.story import blockers

_COLUMNS: Final = (
    "seq", "id", "kind", "state", "stage", "reason", "owner", "server_id", "captured_at", "due_at", "done_at",
    "payload", "has_signature", "hangs",
)  # fmt: skip
_SQL: Final = """
    SELECT seq, id, kind, state, stage, reason, owner, server_id, captured_at, due_at, done_at, payload,
           EXISTS (SELECT 1 FROM signature s WHERE s.entry_seq = entry.seq),
           target_entry IS NOT NULL OR after_entry IS NOT NULL OR chain_key IS NOT NULL
           OR EXISTS (SELECT 1 FROM reference r WHERE r.entry_seq = entry.seq)
    FROM entry
"""
# A person reads no number beyond it, and the delivered of years are not counted for one glance.
_MOST_COUNTED: Final = 1000
_KEPT: Final = tuple(state for state in STATES if state not in ("done", "discarded"))


class Whose(NamedTuple):
    """Whose entries are looked at: all, or those of `owner`."""

    owner: str | None
    everyone: bool = False

    def sees(self, owner: str | None) -> bool:
        return self.everyone or owner == self.owner


def counts(reader: Reader, whose: Whose) -> dict[str, int]:
    """How many of theirs are in each state; what is done is counted up to 1000."""
    if whose.everyone:
        return reader.counts()
    kept = ", ".join(f"'{state}'" for state in _KEPT)
    found = dict.fromkeys(STATES, 0)
    sql = f"SELECT state, count(*) AS n FROM entry WHERE state IN ({kept}) AND owner IS ? GROUP BY state"  # noqa: S608  states of ours
    found.update({row["state"]: row["n"] for row in reader.rows(("state", "n"), sql, (whose.owner,))})
    done = "SELECT count(*) FROM (SELECT 1 FROM entry WHERE state = 'done' AND owner IS ? LIMIT ?)"
    ((row),) = reader.rows(("n",), done, (whose.owner, _MOST_COUNTED))
    found["done"] = row["n"]
    return found


def newest(reader: Reader, whose: Whose, states: tuple[str, ...], limit: int) -> list[dict[str, Any]]:
    """Theirs in these states, newest capture first: what `queries` lists, with `stage`, `payload` and `blocked`."""
    named = ", ".join("?" * len(states))
    owned = "" if whose.everyone else "AND owner IS ?"
    values = (*states, *(() if whose.everyone else (whose.owner,)), limit)
    # The few that are shown are chosen before what they say is read.
    chosen = f"SELECT seq FROM entry WHERE state IN ({named}) {owned} ORDER BY seq DESC LIMIT ?"  # noqa: S608  only marks
    sql = f"{_SQL} WHERE seq IN ({chosen}) ORDER BY seq DESC"
    return [_entry(reader, row) for row in reader.rows(_COLUMNS, sql, values)]


def one(reader: Reader, whose: Whose, id: str) -> dict[str, Any] | None:
    """The entry with this full id in the same shape; None where there is none, or it is somebody else's."""
    rows = reader.rows(_COLUMNS, f"{_SQL} WHERE id = ?", (id,))
    return _entry(reader, rows[0]) if rows and whose.sees(rows[0]["owner"]) else None


def last_refusal(reader: Reader, seq: int) -> str | None:
    """What the server said when it was last asked to take this entry; None where it said nothing."""
    sql = "SELECT detail FROM attempt WHERE entry_seq = ? AND step = 'send' ORDER BY n DESC LIMIT 1"
    rows = reader.rows(("detail",), sql, (seq,))
    return rows[0]["detail"] if rows else None


def _entry(reader: Reader, row: dict[str, Any]) -> dict[str, Any]:
    waits = row.pop("hangs") and row["state"] == "pending"
    return {
        **row,
        "captured_at": iso(row["captured_at"]),
        "due_at": iso(row["due_at"]) if row["due_at"] else None,
        "done_at": iso(row["done_at"]),
        "has_signature": bool(row["has_signature"]),
        "payload": _payload(row["payload"]),
        "blocked": bool(waits and blockers(reader, row["seq"])),
    }


def _payload(text: str) -> dict[str, Any]:
    """What it says; nothing where that is damaged: a list of all the others must not end with it."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
