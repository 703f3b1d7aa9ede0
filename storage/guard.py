"""What must hold before a database is used: it is there, it is the known one, and this program understands it.

Light: `status` imports this module, so everything here is plain SQL on the driver.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Final

from sqlcipher3 import dbapi2

from storage import damage, driver, witness
from storage.errors import DatabaseDamaged, DatabaseMissing, DatabaseNewer, DatabaseOutdated, DatabaseUnusable
from storage.folder import StorageFolder, from_os_error, obstructed

# Kept in `PRAGMA user_version`, so that the check needs no table. One Alembic step a number.
SCHEMA_VERSION: Final = 4


def open_for_reading(folder: StorageFolder) -> Any | None:
    """A checked read-only driver connection; None where no database was ever made.

    Raises:
        DatabaseUnusable: it is missing, damaged, newer, older (an upgrade is due), or not the known one.
    """
    if not check_present(folder):
        return None
    try:
        seen = witness.seen(folder)  # before the database: what is captured meanwhile makes it no older
        connection = driver.connect_for_reading(folder.database)
        try:
            version, found = read_version_and_id(connection)
            check_version(version, folder)
            check_not_emptied(version, folder)
            if version == 0:
                connection.close()
                return None  # another process is just making it
            check_not_older(version, folder)
            check_identity(found, folder)
            check_current(witness.known(connection), seen, folder)
        except BaseException:
            connection.close()
            raise
    except dbapi2.Error as error:
        # What opens but has not our tables is no outbox, whatever its version number says.
        problem = driver.storage_problem(error, folder.database) or driver.damaged(
            folder.database, str(error)
        )
        if isinstance(problem, DatabaseDamaged):
            damage.remember(folder, str(error))
        raise problem from error
    return connection


def check_present(folder: StorageFolder) -> bool:
    """Whether there is a database; a missing one that was known is damage, never a new queue.

    Raises:
        DatabaseMissing: a database was known here, and is not there or is empty.
        DatabaseDamaged: it was found damaged before, and that was not dealt with.
    """
    damage.refuse_damaged(folder)
    return is_present(folder)


def is_present(folder: StorageFolder) -> bool:
    """As `check_present`, also where damage was found before.

    Raises:
        DatabaseMissing: a database was known here, and is not there or is empty.
    """
    present = _has_content(folder)
    if not present and is_known(folder):
        present = _has_content(folder)  # another process may have made it since
        if not present:
            raise DatabaseMissing(
                f"a database was known here and {folder.database} is missing or empty; bring it back if you know "
                "where it is; else recovering says what is left, and names a backup where there is one"
            )
    return present


def is_known(folder: StorageFolder) -> bool:
    """Whether there ever was a database here: a marker, whatever it says, or something that was seen of one."""
    return os.path.lexists(folder.marker) or any(witness.seen(folder))


def _has_content(folder: StorageFolder) -> bool:
    try:
        found = folder.database.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise from_os_error(error, folder.database, "read") from None
    if not stat.S_ISREG(found.st_mode):
        raise obstructed(folder.database)
    return found.st_size > 0


def check_not_emptied(version: int, folder: StorageFolder) -> None:
    """Refuse a file without our schema where a database was known: as good as missing, and not to be filled anew.

    Raises:
        DatabaseMissing: the marker names a database, and this is none.
    """
    if version == 0 and is_known(folder):
        raise DatabaseMissing(
            f"a database was known here and {folder.database} is an empty one; bring the right one back if you know "
            "where it is; else recovering says what is left, and names a backup where there is one"
        )


def check_version(version: int, folder: StorageFolder) -> None:
    """Refuse a database that a newer program wrote, before anything in it is read or changed.

    Raises:
        DatabaseNewer: install at least that program.
    """
    if version > SCHEMA_VERSION:
        raise DatabaseNewer(
            f"{folder.database} has schema {version}, this program knows {SCHEMA_VERSION}: "
            "install the newer fieldsync again; nothing was changed"
        )


def check_not_older(version: int, folder: StorageFolder) -> None:
    """Refuse to read what has yet to be upgraded.

    Raises:
        DatabaseUnusable: the next capture or drain does it.
    """
    if version < SCHEMA_VERSION:
        raise DatabaseUnusable(
            f"{folder.database} still has schema {version}; the next capture or drain upgrades it",
            next_command="fieldsync sync",
        )


def check_identity(found: str | None, folder: StorageFolder) -> None:
    """Refuse a database that is not the one known here: two copies in use would send everything twice.

    Raises:
        DatabaseUnusable: the marker names another database.
    """
    marked = folder.marked_id()
    if marked is not None and found != marked:
        raise DatabaseUnusable(
            f"{folder.database} is not the database that is known here ({folder.marker} names another); put the "
            "right file back, or remove the marker if this one is meant"
        )


def check_current(known: witness.Seen, seen: witness.Seen, folder: StorageFolder) -> None:
    """Refuse a database that knows less than was `seen` of it: to go on would send again what was sent.

    Raises:
        DatabaseOutdated: its log was lost, or an older copy stands in its place.
    """
    lost = seen.lost_from(known)
    if any(lost):
        raise DatabaseOutdated(
            f"{folder.database} is older than what was last seen of it: {lost.entries} captures and {lost.sends} sends "
            "or orders are not in it. Its log (-wal) was lost, or a copy was put in its place. Bring the right files "
            "back if you know where they are; else recover, which holds back what may have been sent"
        )


def read_version_and_id(cursor: Any) -> tuple[int, str | None]:
    """Schema number (0: nothing was ever made) and identity, by plain SQL."""
    version = cursor.execute("PRAGMA user_version").fetchone()[0]
    if not 0 < version <= SCHEMA_VERSION:
        return version, None
    row = cursor.execute("SELECT value FROM control WHERE key = 'database_id'").fetchone()
    return version, row[0].strip('"') if row else None
