"""What was delivered, with the few facts of it that people ask for. Light, like `queries.py`; one row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from storage.queries import Reader


class Delivered(NamedTuple):
    """One entry that the server has. Instants are milliseconds since 1970 UTC; `payload` is None once it was removed.

    `target` is the server id of what it changed. `signature_owed`: the server waits for its image.
    """

    id: str
    kind: str
    captured_at: int | None
    sent_at: int | None
    accepted_at: int | None
    uploaded_at: int | None
    done_at: int | None
    server_id: int | None
    target: int | None
    has_signature: bool
    signature_owed: bool
    payload: str | None


# What is removed keeps its proof: whether it had an image shows in the digest of that.
_SQL: Final = """
    SELECT e.id, e.kind, e.captured_at, e.first_sent_at,
           coalesce((SELECT min(at) FROM receipt r WHERE r.entry_seq = e.seq AND r.adopted = 1), e.done_at) AS accepted,
           e.uploaded_at, e.done_at, e.server_id,
           coalesce(e.target_id, (SELECT t.server_id FROM entry t WHERE t.id = e.target_entry),
                    (SELECT p.server_id FROM purged p WHERE p.id = e.target_entry)),
           e.has_signature, e.state <> 'done', e.payload
    FROM entry e WHERE e.state IN ('done', 'accepted') OR (e.state = 'parked' AND e.stage = 'accepted')
    UNION ALL
    SELECT id, kind, captured_at, NULL, coalesce(accepted_at, done_at), uploaded_at, done_at, server_id, NULL,
           image_sha256 IS NOT NULL, 0, NULL
    FROM purged WHERE state = 'done'
    ORDER BY 5, 1
"""


def delivered(reader: Reader, *, since: int | None = None) -> Iterator[Delivered]:
    """Everything that the server has, the earliest first; with `since` (milliseconds) what it got from then on."""
    for row in reader.each(_SQL):
        found = Delivered._make((*row[:9], bool(row[9]), bool(row[9] and row[10]), row[11]))
        if since is None or (found.accepted_at or 0) >= since:
            yield found
