"""Brings the database on disk to the schema of this program: creates it, upgrades it after a backup copy, or refuses.

The check costs two small reads; Alembic is imported only when there is something to do.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlcipher3 import dbapi2

from storage import witness
from storage.database import Database
from storage.driver import connect_for_reading
from storage.errors import DatabaseOutdated
from storage.folder import StorageFolder, from_os_error
from storage.guard import (
    SCHEMA_VERSION,
    check_current,
    check_identity,
    check_not_emptied,
    check_present,
    check_version,
    read_version_and_id,
)
from storage.locks import FileLock


def open_database(folder: StorageFolder, *, new_id: str, now: datetime) -> Database:
    """The outbox in `folder`, ready to use; made on first use with `new_id` as its identity.

    Raises:
        DatabaseMissing: one was known here and is gone, or is empty.
        DatabaseNewer: a newer program wrote it.
        DatabaseUnusable: it is damaged, is not the one that belongs here, or is an older copy of it.
        StorageFull, StorageReadOnly: it cannot be made or opened.
    """
    folder.make()
    check_present(folder)
    seen = witness.seen(folder)
    database = Database(folder)
    try:
        if _version_and_id(database) != (SCHEMA_VERSION, folder.marked_id()):
            _settle(database, new_id=new_id, now=now)
        with database.read() as transaction:
            known = witness.known(transaction.cursor)
        check_current(known, seen, folder)
        if any(known.lost_from(seen)):  # as after an upgrade: the note began with the program that keeps it
            note = witness.Witness(folder.witness)
            note.note(**known._asdict())
            note.close()
    except DatabaseOutdated:
        # The last one who closes a database moves its log into it and removes the log. This one is evidence: what
        # SQLite cannot read of it may hold the missing captures. Whoever only reads leaves it alone.
        keeper = connect_for_reading(folder.database)
        database.close()
        keeper.close()
        raise
    except BaseException:
        database.close()
        raise
    return database


def _version_and_id(database: Database) -> tuple[int, str | None]:
    with database.read() as transaction:
        return read_version_and_id(transaction.cursor)


def _settle(database: Database, *, new_id: str, now: datetime) -> None:
    """Create or upgrade under a lock: two programs started together must not both do it."""
    folder = database.folder
    with FileLock(folder.schema_lock).hold():
        version, found = _version_and_id(database)
        check_version(version, folder)
        check_not_emptied(version, folder)
        if version < SCHEMA_VERSION:
            if version > 0:
                check_identity(found, folder)
                _back_up(database, version, now)
            _upgrade(database, new_id, now)
            version, found = _version_and_id(database)
        check_identity(found, folder)
        if folder.marked_id() is None and found is not None:
            # Last: a marker must never name a database that is not complete.
            folder.mark(found)


def _upgrade(database: Database, new_id: str, now: datetime) -> None:
    """Run the missing schema steps in one transaction: all of them, or the file is as it was."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with database.translated(), database.engine_connection() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql(
            "INSERT INTO control (key, value, at) VALUES ('database_id', ?, ?) ON CONFLICT (key) DO NOTHING",
            (f'"{new_id}"', int(now.timestamp() * 1000)),
        )
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    for path in database.folder.root.glob(database.folder.database.name + "*"):
        path.chmod(0o600)


def _back_up(database: Database, version: int, now: datetime) -> Path:
    """A whole copy of the database before its schema changes; never overwrites an earlier one."""
    folder = database.folder
    target = folder.backups / f"schema-{version}-{now:%Y%m%dT%H%M%S%fZ}.db"
    try:
        folder.backups.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise from_os_error(error, target) from None
    copy = dbapi2.connect(str(target), isolation_level=None)
    try:
        database.backup(copy)
    finally:
        copy.close()
    return target
