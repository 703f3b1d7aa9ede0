"""Copies of the outbox: of which database a file is one, how far it had come, which backup is the newest sound one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlcipher3 import dbapi2

from storage import driver, listed, witness
from storage.checking import page_damage
from storage.errors import DatabaseNewer, DatabaseUnusable
from storage.folder import StorageFolder
from storage.guard import SCHEMA_VERSION
from storage.listed import Line
from storage.witness import Seen


def refuse_foreign(path: Path, identity: str) -> None:
    """What can be told before anything is changed; the rest needs its rows.

    Raises:
        DatabaseNewer: a newer program wrote it.
        DatabaseUnusable: it is a copy of another database.
    """
    version = _version_of(path)
    if version > SCHEMA_VERSION:
        raise DatabaseNewer(
            f"{path} has schema {version}, this program knows {SCHEMA_VERSION}: install the newer fieldsync; "
            "nothing was changed"
        )
    found = identity_of(path)
    if found is not None and found != identity:
        raise DatabaseUnusable(f"{path} is a copy of another database than the one that is known here")


def _version_of(path: Path) -> int:
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return 0
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except dbapi2.Error:
        return 0
    finally:
        connection.close()


def backups_of(folder: StorageFolder) -> list[Path]:
    try:
        return sorted(folder.backups.glob("*.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []


def copies_of(folder: StorageFolder, identity: str) -> list[tuple[Path, Seen]]:
    """The copies of this database in `backups/`, each with how far it had come."""
    return [(path, _known_to(path)) for path in backups_of(folder) if identity_of(path) == identity]


def _known_to(path: Path) -> Seen:
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return Seen()
    try:
        return witness.known(connection)
    except dbapi2.Error:
        return Seen()
    finally:
        connection.close()


class KeptList(NamedTuple):
    """The reference list of a copy; `whole`: all of it is as it was imported, at `at` (milliseconds)."""

    lines: list[Line]
    at: int
    whole: bool


def kept_list(path: Path) -> KeptList | None:
    """The reference list in this file; None where there is none, or nobody can tell."""
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return None
    facts = None
    try:
        facts = listed.facts(connection.execute)
        if facts is None:
            return None
        lines = listed.read(connection.execute)
        return KeptList(lines, facts.at, listed.sha256_of(lines) == facts.sha256)
    except (dbapi2.Error, ValueError, LookupError, TypeError, AttributeError):
        return None if facts is None else KeptList([], facts.at, whole=False)
    finally:
        connection.close()


def newest_backup(folder: StorageFolder, identity: str) -> Path | None:
    """The newest sound copy of this database in `backups/`; None where there is none."""
    return next((path for path in backups_of(folder) if identity_of(path, sound=True) == identity), None)


def identity_of(path: Path, *, sound: bool = False) -> str | None:
    """Which database this is a copy of; None where it does not say, or with `sound` where it is damaged."""
    if not path.exists():
        return None
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if not 0 < version <= SCHEMA_VERSION or (sound and page_damage(connection)):
            return None
        row = connection.execute("SELECT value FROM control WHERE key = 'database_id'").fetchone()
    except dbapi2.Error:
        return None
    finally:
        connection.close()
    return None if row is None else str(row[0]).strip('"')
