"""Parked and dead entries with what their last try was told: what `list --needs-action` is made of. Light."""

from __future__ import annotations

from typing import Any, Final

from storage.queries import Narrowed, Reader

ALL: Final = -1
_FACTS: Final = (
    "id", "kind", "state", "stage", "reason", "owner", "payload", "tried_reason", "status", "detail",
)  # fmt: skip
# A person's word tells nothing of why the entry stands still, and neither does a try without an end. The payload is
# the one that was sent then: what the server said is about that, and not about what an edit has made of it since.
_SQL: Final = """
    SELECT e.id, e.kind, e.state, e.stage, e.reason, e.owner, coalesce((
            SELECT r.payload FROM revision r WHERE r.entry_seq = e.seq AND r.n > a.n ORDER BY r.n LIMIT 1
        ), e.payload), a.reason, a.status, a.detail
    FROM entry e INDEXED BY ix_entry_needs_action
    LEFT JOIN attempt a ON a.entry_seq = e.seq AND a.n = (
        SELECT max(t.n) FROM attempt t WHERE t.entry_seq = e.seq AND t.step <> 'person' AND t.outcome IS NOT NULL)
"""


def held(reader: Reader, narrowed: Narrowed, *, limit: int = ALL) -> list[dict[str, Any]]:
    """Everything that needs a person and fits, oldest capture first; at most `limit`."""
    where, values = narrowed.where(needs_action=True)
    return reader.rows(_FACTS, f"{_SQL} {where} ORDER BY e.seq LIMIT ?", (*values, limit))
