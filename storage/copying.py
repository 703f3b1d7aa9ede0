"""A consistent copy of the outbox into one file, checked before it counts as one. Safe beside anything that runs."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlcipher3 import dbapi2

from storage import damage, driver
from storage.checking import page_damage
from storage.errors import DatabaseDamaged, StorageBusy, StorageFull, StorageProblem, StorageReadOnly
from storage.folder import StorageFolder, from_os_error, sync_folder
from storage.guard import open_for_reading


class Copy(NamedTuple):
    """A finished copy. `entries`: how many are in it."""

    path: Path
    size_bytes: int
    entries: int


class CopyExists(StorageProblem):
    """There is a file of that name already."""

    code = "file_exists"


def back_up(folder: StorageFolder, *, now: datetime, target: Path | None = None) -> Copy | None:
    """Copy the database to `target`, which must not exist yet, or into `backups/`; None where there is none to copy.

    Raises:
        CopyExists: `target` is there already.
        DatabaseUnusable: the database cannot be used, or the copy turned out damaged; it is removed again.
        StorageFull, StorageReadOnly: the copy cannot be written.
    """
    source = open_for_reading(folder)
    if source is None:
        return None
    try:
        if target is None:
            target = folder.backups / f"outbox-{now:%Y%m%dT%H%M%S%fZ}.db"
        _make_file(target, own_folder=target.parent == folder.backups)
        try:
            return _copied(source, folder, target)
        except BaseException:
            for path in (target, *StorageFolder.beside(target)):
                path.unlink(missing_ok=True)
            raise
    finally:
        source.close()


def _make_file(target: Path, *, own_folder: bool) -> None:
    try:
        if own_folder:
            target.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise CopyExists(f"{target} exists; a backup never overwrites anything, name another file") from None
    except OSError as error:
        raise from_os_error(error, target) from None


def _copied(source: Any, folder: StorageFolder, target: Path) -> Copy:
    copy = dbapi2.connect(str(target), isolation_level=None)
    try:
        source.backup(copy)
        # One file and nothing beside it: a copy is carried about.
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        found = page_damage(copy, full=True)
        entries = 0 if found else int(copy.execute("SELECT count(*) FROM entry").fetchone()[0])
    except dbapi2.Error as error:
        problem = driver.storage_problem(error, target) or _told_in_words(error, target)
        if problem is None:
            raise
        if not isinstance(problem, DatabaseDamaged):
            raise problem from error
        found = [str(error)]
    finally:
        copy.close()
    if found:
        # A copy is as bad as its source, or was written badly itself.
        if of_source := page_damage(source):
            damage.remember(folder, of_source[0])
            raise DatabaseDamaged(f"{folder.database} is damaged ({of_source[0]}), so no copy of it was made")
        raise StorageReadOnly(f"the copy at {target} did not come out right ({found[0]}), so it was removed")
    with target.open("rb") as written:
        os.fsync(written.fileno())
    with suppress(OSError):
        sync_folder(target.parent)
    return Copy(target, target.stat().st_size, entries)


def _told_in_words(error: dbapi2.Error, target: Path) -> StorageProblem | None:
    """The driver's copying gives no code for what went wrong, only SQLite's words for it."""
    if "full" in str(error):
        return StorageFull(f"no room left on the disk that holds {target}")
    if "I/O" in str(error) or "readonly" in str(error):
        return StorageReadOnly(f"{target} cannot be written ({error})")
    if "locked" in str(error):
        return StorageBusy(f"another process keeps the database locked ({error})")
    return (
        driver.damaged(target, str(error))
        if "malformed" in str(error) or "not a database" in str(error)
        else None
    )
