"""The baseline of the write rows: what a careful engineer would write by hand, with the same promises on disk.

The same driver, the same pragmas (WAL, synchronous FULL, secure_delete, foreign keys) and the same schema with its
indexes and triggers; one connection kept open, one cursor, two INSERTs whose values lie ready in tuples. No check of
whether an id or a start is used already, no error translation, no locking between threads, no hashing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from storage import driver
from storage.outbox import NewEntry
from tests.bench.workload import payload_of, sha256

_COLUMNS: Final = (
    "id, kind, state, due_at, creates, has_signature, payload_version, payload, payload_sha256, input_digest, "
    "idempotency_key, start_at, target_id, target_entry, after_entry, chain_key, owner, attempts, attempt_n, "
    "link_failures, lease_fence, certainly_created, lookups, clean_misses, captured_at, clock_offset_ms, "
    "clock_suspect, captured_mono_ms, captured_boot, row_digest"
)
_INSERT_ENTRY: Final = f"INSERT INTO entry ({_COLUMNS}) VALUES ({', '.join('?' * 30)})"
_INSERT_SIGNATURE: Final = (
    "INSERT INTO signature (entry_seq, name, mime_type, size, sha256, md5, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
)

Values = tuple[tuple[Any, ...], tuple[Any, ...]]


class RawWriter:
    """One open connection to an outbox that has its schema already."""

    def __init__(self, path: Path) -> None:
        self._connection = driver.connect(path)
        self._cursor = self._connection.cursor()

    def put(self, rows: list[Values]) -> None:
        """All of them durable, in one transaction."""
        execute = self._cursor.execute
        execute("BEGIN IMMEDIATE")
        for entry, signature in rows:
            execute(_INSERT_ENTRY, entry)
            execute(_INSERT_SIGNATURE, (self._cursor.lastrowid, *signature))
        execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def values_of(new: NewEntry) -> Values:
    """The very values that `storage.outbox` binds for this entry."""
    payload, signature = payload_of(new), new.signature
    assert signature is not None
    entry = (
        (new.id, new.kind, "pending", 0, int(new.creates), 1, 1, payload, sha256(payload), new.input_digest)
        + (new.idempotency_key, new.start_at, None, None, None, None, new.owner)
        + (0,) * 7
        + (new.captured_at, None, 0, new.captured_mono_ms, new.captured_boot, sha256(payload))
    )
    return entry, (
        signature.name,
        signature.mime_type,
        signature.size,
        signature.sha256,
        signature.md5,
        signature.data,
    )
