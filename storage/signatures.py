"""Signature bytes: read back one at a time, and only if they still are what was captured."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy import bindparam, select

from storage.database import Database
from storage.errors import DatabaseDamaged
from storage.guarded import SIGNATURE
from storage.outbox import NewSignature
from storage.prepared import Prepared
from storage.queries import Reader

_COLUMNS: Final = ("name", "mime_type", "size", "sha256", "md5", "data")
_READ: Final = Prepared(
    select(*(SIGNATURE.c[name] for name in _COLUMNS)).where(SIGNATURE.c.entry_seq == bindparam("wanted"))
)

_READ_BY_ID: Final = f"""
    SELECT {", ".join(f"s.{name}" for name in _COLUMNS)} FROM entry e JOIN signature s ON s.entry_seq = e.seq
    WHERE e.id = ?
"""  # noqa: S608  columns of ours


def read_signature(database: Database, seq: int) -> NewSignature | None:
    """The image of the entry with this sequence number; None where it has none.

    Raises:
        DatabaseDamaged: the bytes are not those that were captured.
    """
    with database.read() as transaction:
        row = transaction.run(_READ, wanted=seq).fetchone()
    return None if row is None else _checked(row)


def signature_of(reader: Reader, id: str) -> NewSignature | None:
    """As `read_signature`, of the entry with this full id, for who only reads."""
    row = next(reader.each(_READ_BY_ID, (id,)), None)
    return None if row is None else _checked(row)


def _checked(row: Any) -> NewSignature:
    """
    Raises:
        DatabaseDamaged: the bytes are not those that were captured.
    """
    name, mime_type, size, sha256, md5, data = row
    signature = NewSignature(name, mime_type, size, sha256, md5, bytes(data))
    if (
        len(signature.data) != signature.size
        or hashlib.sha256(signature.data).hexdigest() != signature.sha256
    ):
        raise DatabaseDamaged("the signature bytes of this entry are not those that were captured")
    return signature
