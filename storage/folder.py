"""The storage folder: which files live in it, and who may read them.

Names and payloads are personal data: the folder is 0700, every file 0600. Light: `status` imports this module.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from storage.errors import (
    DatabaseUnusable,
    StorageForbidden,
    StorageFull,
    StorageObstructed,
    StorageProblem,
    StorageReadOnly,
)

_ID_AT_MOST_BYTES: Final = 100
_DATABASE: Final = "fieldsync.db"


class StorageFolder(NamedTuple):
    """The paths of one outbox."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / _DATABASE

    @property
    def marker(self) -> Path:
        """Holds the id of the database that belongs here, so that a lost one is noticed."""
        return self.root / "fieldsync.id"

    @property
    def drain_lock(self) -> Path:
        """Held for the length of a pass: one drain at a time."""
        return self.root / "drain.lock"

    @property
    def worker_lock(self) -> Path:
        """Held for the life of `fieldsync run`."""
        return self.root / "worker.lock"

    @property
    def schema_lock(self) -> Path:
        return self.root / "schema.lock"

    @property
    def reserve(self) -> Path:
        """Disk space kept back, so that a full disk stops captures and not the drain."""
        return self.root / "fieldsync.reserve"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def damaged(self) -> Path:
        """Damaged databases that `recover` moved aside, each in a folder of its own. Never deleted by us."""
        return self.root / "damaged"

    @property
    def recovering(self) -> Path:
        """Where `recover` builds the new database before it takes the place of the damaged one."""
        return self.root / "recovering"

    @property
    def damage_note(self) -> Path:
        """Says that the database was found damaged, and how."""
        return self.root / "fieldsync.damaged"

    @property
    def witness(self) -> Path:
        """The numbers of the last capture and send that were made here."""
        return self.root / "fieldsync.seen"

    @property
    def in_use(self) -> Path:
        """One locked file for each process that drains."""
        return self.root / "in-use"

    @property
    def side_files(self) -> tuple[Path, ...]:
        """What SQLite keeps beside the database; the newest captures may be there alone."""
        return self.beside(self.database)

    @staticmethod
    def beside(database: Path) -> tuple[Path, ...]:
        """The names of what SQLite keeps beside a database file."""
        return tuple(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    def database_identity(self) -> tuple[int, int] | None:
        """Which file stands at the database's place; None where there is none."""
        try:
            found = os.stat(os.path.join(self.root, _DATABASE))
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def marked_id(self) -> str | None:
        """The id of the database known to live here, or None where none was ever made.

        Raises:
            DatabaseUnusable: the marker holds no id.
            StorageReadOnly: it cannot be read.
        """
        try:
            written = read_small(self.marker, _ID_AT_MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os_error(error, self.marker, "read") from None
        found = written.decode("ascii", "replace").strip()
        if len(written) > _ID_AT_MOST_BYTES or not (found.isascii() and found.isprintable()):
            raise DatabaseUnusable(
                f"{self.marker} should name the database that belongs here, and is damaged; remove it where the "
                "database beside it is the right one, and the next capture writes it anew",
                next_command="fieldsync db recover",
            )
        return found or None

    def mark(self, database_id: str) -> None:
        """Remember, durably, that a database with this id lives here."""
        try:
            write_durably(self.marker, database_id.encode("ascii") + b"\n")
        except OSError as error:
            raise from_os_error(error, self.marker) from None

    def make(self) -> None:
        """Create the folder where it is missing; its mode is 0700 either way.

        Raises:
            StorageReadOnly: the folder cannot be made, or is not ours.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.root.stat().st_mode & 0o077:
                self.root.chmod(0o700)
        except OSError as error:
            raise from_os_error(error, self.root) from None


def read_small(path: Path, at_most: int) -> bytes:
    """The first `at_most` bytes of a file; waits for nobody, also where a pipe stands in its place.

    Raises:
        OSError: there is none, it cannot be read, or (EINVAL) it is no file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        content = b""
        while len(content) < at_most and (more := os.read(descriptor, at_most - len(content))):
            content += more
        return content
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a power cut leaves the old or the new file, never a half one. Mode 0600."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a new or renamed name durable, where the platform has a way to."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open a folder; its file system journals names by itself
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def from_os_error(error: OSError, path: Path, done: str = "written") -> StorageProblem:
    """The storage problem that an operating system error on `path` means; `done` is what could not be done to it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"no room left on the disk that holds {path}")
    if isinstance(error, PermissionError) and (whose := _foreign_owner(path)) is not None:
        return StorageForbidden(
            f"{path} cannot be {done} by this user: the folder belongs to another user ({whose}); run fieldsync as "
            "that user"
        )
    if _is_no_file(path) and error.errno in (errno.EINVAL, errno.EISDIR, errno.ENXIO):
        return obstructed(path)
    return StorageReadOnly(f"{path} cannot be {done}: {error.strerror or error}")


def obstructed(path: Path) -> StorageObstructed:
    """What to say where `path` is there and is no file."""
    return StorageObstructed(
        f"{path} should be a file, and something else (such as a folder or a pipe) stands in its place; move that away",
        next_command="fieldsync status, once it is moved away",
    )


def _is_no_file(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _foreign_owner(path: Path) -> str | None:
    """Who owns the nearest part of `path` that can be seen, where that is not this user."""
    if not hasattr(os, "geteuid"):
        return None
    for part in (path, *path.parents):
        try:
            owner = part.stat().st_uid
        except OSError:
            continue
        return None if owner == os.geteuid() else _user_name(owner)
    return None


def _user_name(number: int) -> str:
    import pwd  # only where it is needed, and not on Windows

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
