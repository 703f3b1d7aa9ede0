"""Was it sent? The proof of each delivery, also of those whose payload is gone. Light, like `queries.py`.

An allow-list: ids, times and digests, and nothing that a person wrote or the server answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from storage.queries import Reader, iso

_COLUMNS: Final = (
    "id", "kind", "server_id", "captured_at", "accepted_at", "uploaded_at", "done_at", "request_digest",
    "image_sha256", "etag", "removed_at",
)  # fmt: skip
_INSTANTS: Final = tuple(name for name in _COLUMNS if name.endswith("_at"))
_SQL: Final = """
    SELECT e.id, e.kind, e.server_id, e.captured_at,
           (SELECT min(at) FROM receipt r WHERE r.entry_seq = e.seq AND r.adopted = 1), e.uploaded_at, e.done_at,
           e.request_digest, (SELECT sha256 FROM signature s WHERE s.entry_seq = e.seq), e.etag, NULL
    FROM entry e WHERE e.state = 'done' AND {there}
    UNION ALL
    SELECT id, kind, server_id, captured_at, accepted_at, uploaded_at, done_at, request_digest, image_sha256, etag,
           purged_at
    FROM purged WHERE state = 'done' AND {gone}
    ORDER BY 7, 1
"""


def receipts(
    reader: Reader, *, since: int | None = None, owner: str | None = None
) -> Iterator[dict[str, Any]]:
    """Every delivery since that instant (milliseconds), the earliest first; of all time where None is given.

    With `owner` ("": nobody's) only of their entries: of what was removed nobody knows any more whose it was.

    `accepted_at` is when the API said that it has it, `uploaded_at` when the storage had the image, whose `etag` is
    the storage's word. `removed_at` tells since when only this proof is here.
    """
    there, gone = ["1"], ["1"]
    values: list[Any] = []
    if since is not None:
        there, gone, values = ["e.done_at >= ?"], ["done_at >= ?"], [since, since]
    if owner is not None:
        there, gone = [*there, "e.owner IS ?"], ["0"]
        values = [*values[:1], owner or None]
    yield from map(_told, reader.each(_SQL.format(there=" AND ".join(there), gone=gone[0]), values))


def receipt(reader: Reader, id: str) -> dict[str, Any] | None:
    """The proof for the entry with this full id; None where it is not delivered."""
    rows = list(reader.each(_SQL.format(there="e.id = ?", gone="id = ?"), (id, id)))
    return _told(rows[0]) if rows else None


def _told(row: Any) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=True))
    return {**found, **{name: iso(found[name]) for name in _INSTANTS}}
