"""Files that prove something: read only where nobody else can have read or written them.

A mode or an owner that is wrong is told apart from a file that is not there: the first is a secret that leaked.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from storage.errors import StorageForbidden, StorageObstructed
from storage.folder import from_os_error, obstructed

AT_MOST_BYTES = 16_384


class NotPrivate(Exception):
    """Others may have read the file, or somebody else made it."""


def own_folder(path: Path) -> None:
    """A folder of this user alone, made where it is missing. `path`'s parent is there.

    Raises:
        StorageProblem: something else stands there, such as a link that leads out of the storage folder.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise StorageObstructed(
                f"{path} should be a folder, and is a link; remove it, and the next command makes it anew",
                next_command="fieldsync open, once it is removed",
            )
        if os.name == "posix":
            if found.st_uid != os.geteuid():
                raise StorageForbidden(f"{path} belongs to another user; run fieldsync as that user")
            if stat.S_IMODE(found.st_mode) != 0o700:
                path.chmod(0o700)
    except FileExistsError:
        raise obstructed_folder(path) from None
    except OSError as error:
        raise from_os_error(error, path) from None


def obstructed_folder(path: Path) -> StorageObstructed:
    return StorageObstructed(
        f"{path} should be a folder, and something else stands in its place; move that away",
        next_command="fieldsync open, once it is moved away",
    )


def private_bytes(path: Path) -> bytes | None:
    """What a file holds that only this user can have written or read; None where there is none.

    Raises:
        NotPrivate: it is a link, another user's, or others may read or write it.
        StorageProblem: it cannot be read, or is no file.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise NotPrivate(path.name) from None
        raise from_os_error(error, path, "read") from None
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise obstructed(path)
        if os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
            raise NotPrivate(path.name)
        return file.read(AT_MOST_BYTES)
