"""That the database was found damaged is remembered beside it, until `recover` has dealt with it.

Damage in one page is invisible to whoever does not read that page: without the note `status` would say that all is
well, while a capture is refused. Light: `status` imports this module.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from storage.errors import DatabaseDamaged
from storage.folder import StorageFolder, from_os_error, read_small, write_durably

_AT_MOST_BYTES: Final = 4001


def remember(folder: StorageFolder, what: str) -> None:
    """Have every later command refuse this database. Best effort: a disk that takes no note is told about anyway."""
    with suppress(OSError):
        if folder.root.is_dir() and not folder.damage_note.exists():
            write_durably(folder.damage_note, what.encode("utf-8", "replace")[: _AT_MOST_BYTES - 1] + b"\n")


def remembered(folder: StorageFolder) -> str | None:
    """What was found, or None where nothing was.

    Raises:
        StorageReadOnly: the note cannot be read, which says nothing of the database.
    """
    try:
        return read_small(folder.damage_note, _AT_MOST_BYTES).decode("utf-8", "replace").strip() or "not said"
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, folder.damage_note, "read") from None


def refuse_damaged(folder: StorageFolder) -> None:
    """
    Raises:
        DatabaseDamaged: damage was found here before and not dealt with.
    """
    what = remembered(folder)
    if what is not None:
        raise DatabaseDamaged(
            f"{folder.database} was found damaged: {what}. Nothing is captured, sent or shown from it until it is "
            f"recovered; do not delete it: it may hold captures that were never sent"
        )


def forget(folder: StorageFolder) -> None:
    """It has been dealt with."""
    folder.damage_note.unlink(missing_ok=True)
