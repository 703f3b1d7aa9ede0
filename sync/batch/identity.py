"""Which entry a row is: the same row is the same entry, however often and from whichever file it is imported."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID, uuid5

# Random, and never to be changed: every id that is derived from a row hangs on it.
_ROWS: Final = UUID("f8cf33bc-9713-4f61-a2d8-f7d4104019a7")
_CONTENTS: Final = UUID("9bad8854-b553-42ac-a194-2d850afd73ce")
_WRITTEN_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def entry_of_row(row_id: str) -> str:
    """The local id of the row called `row_id`: itself where it is a UUID, else derived from its exact letters."""
    if _WRITTEN_UUID.fullmatch(row_id):
        return row_id.lower()
    return str(uuid5(_ROWS, row_id))


def entry_of_content(digest: str) -> str:
    """The local id of a row without an id, by the digest of what it holds (`capture.Checked.digest`)."""
    return str(uuid5(_CONTENTS, digest))
