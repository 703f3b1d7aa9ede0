"""Signature bytes: read back one at a time, and only if they still are what was captured."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import bindparam, select

from storage.database import Database
from storage.errors import DatabaseDamaged
from storage.guarded import SIGNATURE
from storage.outbox import NewSignature
from storage.prepared import Prepared

_COLUMNS: Final = ("name", "mime_type", "size", "sha256", "md5", "data")
_READ: Final = Prepared(
    select(*(SIGNATURE.c[name] for name in _COLUMNS)).where(SIGNATURE.c.entry_seq == bindparam("wanted"))
)


def read_signature(database: Database, seq: int) -> NewSignature | None:
    """The image of the entry with this sequence number; None where it has none.

    Raises:
        DatabaseDamaged: the bytes are not those that were captured.
    """
    with database.read() as transaction:
        row = transaction.run(_READ, wanted=seq).fetchone()
    if row is None:
        return None
    name, mime_type, size, sha256, md5, data = row
    signature = NewSignature(name, mime_type, size, sha256, md5, bytes(data))
    if (
        len(signature.data) != signature.size
        or hashlib.sha256(signature.data).hexdigest() != signature.sha256
    ):
        raise DatabaseDamaged("the signature bytes of this entry are not those that were captured")
    return signature
