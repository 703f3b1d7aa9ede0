"""Whether a row still is what was captured: one digest over everything that a capture fixes.

SQLite notices a page that makes no sense, not a letter that changed. Light: plain SQL, so that looking stays cheap.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

# In this order, and the sha256 of the signature behind them. After the capture they change by an order only: `restamp`.
FIXED: Final = (
    "id", "kind", "creates", "has_signature", "payload_version", "payload_sha256", "input_digest", "idempotency_key",
    "start_at", "target_id", "target_entry", "after_entry", "chain_key", "owner", "captured_at", "clock_offset_ms",
    "clock_suspect", "captured_mono_ms", "captured_boot",
)  # fmt: skip
# Rows up to this one were captured before there were digests. Written once, when the schema got them.
UNDIGESTED_UPTO: Final = "undigested_upto"

_ROW: Final = f"""
    SELECT e.seq, e.row_digest, e.payload, e.payload_sha256, s.sha256, {", ".join(f"e.{name}" for name in FIXED)}
    FROM entry e LEFT JOIN signature s ON s.entry_seq = e.seq WHERE e.seq = ?
"""  # noqa: S608  names of ours
_UNDIGESTED: Final = "SELECT value FROM control WHERE key = 'undigested_upto'"


def row_digest(fixed: Sequence[Any], signature_sha256: str | None) -> str:
    """Lower-case hex over the values of `FIXED`, in that order, and the image they came with."""
    return hashlib.sha256(json.dumps([*fixed, signature_sha256]).encode()).hexdigest()


def digest_of(row: Mapping[str, Any], signature_sha256: str | None) -> str:
    """As `row_digest`, for a row by its column names."""
    return row_digest([row[name] for name in FIXED], signature_sha256)


def text_sha256(text: str) -> str:
    # A flipped bit can make text that no longer is any; that must be a wrong digest, not a failure.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def undigested_upto(cursor: Any) -> int:
    """The last entry that may be without a digest; 0 where every one must have it."""
    row = cursor.execute(_UNDIGESTED).fetchone()
    return int(row[0]) if row is not None else 0


def intact(cursor: Any, seq: int) -> bool:
    """Whether the entry with this number still is what was captured, as far as the row itself can tell.

    The bytes of its image are not read for it; `signatures.py` compares those with their own digest.
    """
    row = cursor.execute(_ROW, (seq,)).fetchone()
    if row is None:
        return False
    number, digest, payload, payload_sha256, signature_sha256, *fixed = row
    if not isinstance(payload, str) or text_sha256(payload) != payload_sha256:
        return False
    if digest is None:
        return int(number) <= undigested_upto(cursor)
    return bool(digest == row_digest(fixed, signature_sha256))


def restamp(cursor: Any, seq: int) -> None:
    """Give the row the digest of what it says now: for an order that changes on purpose what was captured.

    Whoever orders that has made sure with `intact` that the row was sound before.
    """
    row = cursor.execute(_ROW, (seq,)).fetchone()
    _, _, _, _, signature_sha256, *fixed = row
    cursor.execute(
        "UPDATE entry SET row_digest = ? WHERE seq = ?", (row_digest(fixed, signature_sha256), seq)
    )
