"""How a SQLite connection is opened and what its errors mean. All that only SQLite knows starts here.

The driver is `sqlcipher3`, also without a key: its wheels carry a current SQLite everywhere, whereas the system's
often has the WAL-reset bug that 3.51.3 fixed. Light: `status` imports this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2

from storage.errors import DatabaseDamaged, StorageBusy, StorageFull, StorageProblem, StorageReadOnly

BUSY_TIMEOUT_S: Final = 10.0
# WAL can lose a commit in versions below these when several processes checkpoint one file.
_WAL_SAFE_FROM: Final = (3, 51, 3)
_WAL_SAFE_BACKPORTS: Final[dict[tuple[int, ...], int]] = {(3, 50): 7, (3, 44): 6}
_READ_ERRORS: Final = (10 | 1 << 8, 10 | 2 << 8, 10 | 33 << 8)  # SQLITE_IOERR_READ, _SHORT_READ, _CORRUPTFS
# Captures must not pay for a checkpoint: the worker does them, and this is the bound where there is no worker.
AUTOCHECKPOINT_PAGES: Final = 4000
# On a full disk the log must not take what the database needs to grow.
SHORT_LOG_PAGES: Final = 48


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite may use WAL with several processes on one file."""
    return version >= _WAL_SAFE_FROM or version[2:3] >= (_WAL_SAFE_BACKPORTS.get(version[:2], 1 << 30),)


def connect(path: Path, *, log_pages: int = AUTOCHECKPOINT_PAGES) -> Any:
    """A read-write connection with every pragma that the promises rest on. Autocommit: transactions are explicit."""
    connection = dbapi2.connect(
        str(path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = text_of
    journal = "WAL" if wal_is_safe(dbapi2.sqlite_version_info) else "DELETE"
    try:
        # FULL: with NORMAL an acknowledged capture can vanish in a power cut.
        # secure_delete: without it an erased presigned URL stays readable in the file.
        for pragma in (
            f"busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
            f"journal_mode = {journal}",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "temp_store = MEMORY",
            "mmap_size = 0",
            f"wal_autocheckpoint = {log_pages}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def connect_for_reading(path: Path) -> Any:
    """A connection that cannot write, also on a folder that cannot be written."""
    uri = path.absolute().as_uri()
    connection = dbapi2.connect(f"{uri}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except dbapi2.OperationalError as error:
        connection.close()
        # A WAL database wants its side files. Where they cannot be made nobody can be writing either.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        cannot_make = (dbapi2.SQLITE_CANTOPEN, dbapi2.SQLITE_READONLY)
        if code not in cannot_make and not (code == dbapi2.SQLITE_IOERR and _no_room(path)):
            raise
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise  # what is only in the log would be left out
        connection = dbapi2.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)
    connection.text_factory = text_of
    return connection


def text_of(stored: bytes) -> str:
    """Stored text. A flipped bit can make it none; then one row is damaged, and must not stop the others."""
    return stored.decode("utf-8", "surrogateescape")


def storage_problem(error: Exception, path: Path) -> StorageProblem | None:
    """The storage problem that a driver error means; None where it means a bug of ours."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    name = getattr(error, "sqlite_errorname", str(code))
    # Where the log's shared memory finds no room, SQLite only speaks of an error of the disk.
    if code & 0xFF == dbapi2.SQLITE_FULL or (code & 0xFF == dbapi2.SQLITE_IOERR and _no_room(path)):
        return StorageFull(f"no room left on the disk that holds {path}")
    match code & 0xFF:
        case dbapi2.SQLITE_READONLY | dbapi2.SQLITE_CANTOPEN | dbapi2.SQLITE_PERM | dbapi2.SQLITE_IOERR:
            return StorageReadOnly(f"{path} cannot be written, or its disk reported an error ({name})")
        case dbapi2.SQLITE_BUSY | dbapi2.SQLITE_LOCKED:
            return StorageBusy(f"another process keeps {path} locked ({name})")
        case dbapi2.SQLITE_CORRUPT | dbapi2.SQLITE_NOTADB:
            return damaged(path, name)
    return None


def is_read_error(error: Exception) -> bool:
    """Whether the disk could not give back what is stored: for whoever looks for damage, that is damage."""
    return getattr(error, "sqlite_errorcode", 0) in _READ_ERRORS


def damaged(path: Path, what: str) -> DatabaseDamaged:
    """The file at `path` is no readable outbox; `what` is SQLite's own word for it."""
    return DatabaseDamaged(
        f"{path} is damaged or no database at all ({what}); what can be read of it is saved by recovering it; do not "
        "delete it: it may hold captures that were never sent"
    )


def _no_room(path: Path) -> bool:
    """Whether the disk cannot even hold the log's shared memory (32 KiB) and a page."""
    import shutil

    try:
        return shutil.disk_usage(path.parent).free < 64 * 1024
    except OSError:
        return False
