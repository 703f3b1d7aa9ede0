"""Whether the last drain on this outbox ended properly; after one that did not, the pages are looked at first.

Each draining process keeps a file of its own locked for as long as it lives and removes it at its end. A file that
nobody locks belongs to a process that was killed, or to one that lost its power.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage import damage
from storage.checking import page_damage
from storage.database import Database
from storage.errors import DatabaseDamaged, StorageFull
from storage.folder import StorageFolder, from_os_error, sync_folder
from storage.locks import FileLock

_SHOWN: Final = 3


def begin_draining(database: Database, *, token: str) -> None:
    """Note durably that this process drains, and check the pages first where another ended without a word.

    `token` is unique to this process. The note goes when `database` is closed.

    Raises:
        DatabaseDamaged: the check found damage; every command refuses from now on.
        StorageReadOnly: the folder cannot be written.
    """
    folder = database.folder
    lock = FileLock(folder.in_use / token)
    try:
        unclean = _enter(folder, lock)
    except StorageFull:
        return  # a full disk must not stop the drain that would empty the queue
    if unclean:
        _look(database)
        for path in unclean:
            path.unlink(missing_ok=True)

    def end() -> None:
        with suppress(OSError):
            (folder.in_use / token).unlink(missing_ok=True)
        lock.give()

    database.at_close(end)


def _enter(folder: StorageFolder, lock: FileLock) -> list[Path]:
    try:
        folder.in_use.mkdir(mode=0o700, exist_ok=True)
        unclean = list(_left_behind(folder))
        lock.take()
        sync_folder(folder.in_use)
    except OSError as error:
        raise from_os_error(error, folder.in_use) from None
    return unclean


def _left_behind(folder: StorageFolder) -> Iterator[Path]:
    for name in os.listdir(folder.in_use):
        path = folder.in_use / name
        if FileLock.holder(path) is None:
            yield path


def _look(database: Database) -> None:
    with database.read() as transaction:
        found = page_damage(transaction.cursor)
    if found:
        what = f"after a drain that did not end properly ({'; '.join(found[:_SHOWN])})"
        damage.remember(database.folder, what)
        raise DatabaseDamaged(f"{database.folder.database} is damaged, found {what}; nothing was sent")
