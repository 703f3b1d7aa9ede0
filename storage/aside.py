"""Puts a rebuilt database in the place of a damaged one, which is kept. A crash leaves it to be finished.

The order: a plan on disk, the old files out of the way, the new one in, the plan gone. Whatever finds a plan goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.errors import StorageBusy
from storage.folder import StorageFolder, from_os_error, sync_folder, write_durably

try:
    import fcntl
except ImportError:  # Windows moves no file that anybody has open
    fcntl = None  # type: ignore[assignment]

# Where SQLite locks: whoever has the database open holds a shared lock on a part of this.
_LOCKED_FROM: Final = 0x40000000
_LOCKED_BYTES: Final = 512
_PLAN: Final = "plan.json"


def workshop(folder: StorageFolder) -> StorageFolder:
    """An empty folder to build the new database in."""
    shutil.rmtree(folder.recovering, ignore_errors=True)
    made = StorageFolder(folder.recovering)
    made.make()
    return made


def files_of(folder: StorageFolder) -> tuple[Path, ...]:
    """The database and what SQLite keeps beside it, as far as they are there."""
    return tuple(path for path in (folder.database, *folder.side_files) if path.exists())


def state_of(folder: StorageFolder) -> tuple[tuple[str, int, int], ...]:
    """What tells whether anybody has written meanwhile. To look makes shared memory and an empty log."""
    found = ((path.name, path.stat()) for path in files_of(folder) if not path.name.endswith("-shm"))
    return tuple((name, facts.st_size, facts.st_mtime_ns) for name, facts in found if facts.st_size)


def make_place(folder: StorageFolder, name: str) -> Path:
    """A folder of its own below `damaged/`, durable, readable by its user only."""
    place = folder.damaged / name
    try:
        folder.damaged.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700)
        sync_folder(folder.damaged)
        sync_folder(folder.root)
    except OSError as error:
        raise from_os_error(error, place) from None
    return place


def swap(folder: StorageFolder, place: Path, *, unchanged_since: tuple[tuple[str, int, int], ...]) -> None:
    """The old files go to `place`, the rebuilt database takes their place.

    Raises:
        StorageBusy: somebody has the database open, or wrote to it since; nothing was moved.
    """
    with _alone(folder.database):
        if state_of(folder) != unchanged_since:
            raise StorageBusy(f"{folder.database} was written to meanwhile; order it again")
        write_durably(folder.recovering / _PLAN, json.dumps({"place": place.name}).encode())
        finish(folder)


def finish(folder: StorageFolder) -> Path | None:
    """Carry out the plan that is on disk, from wherever it was left; where the old files are, None without a plan."""
    plan = folder.recovering / _PLAN
    try:
        place = folder.damaged / str(json.loads(plan.read_text("ascii"))["place"])
    except (FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError):
        return None  # none, or none that says anything
    except OSError as error:
        raise from_os_error(error, plan) from None
    new = StorageFolder(folder.recovering).database
    try:
        if new.exists():  # else it is in its place already, and what is there is not to be moved
            for path in files_of(folder):
                path.rename(place / path.name)
            sync_folder(place)
            sync_folder(folder.root)
            new.replace(folder.database)
        sync_folder(folder.root)
        sync_folder(folder.recovering)
    except OSError as error:
        raise from_os_error(error, folder.database) from None
    return place


def planned(folder: StorageFolder) -> bool:
    """Whether a plan is on disk."""
    return (folder.recovering / _PLAN).exists()


def clear(folder: StorageFolder) -> None:
    """The plan is carried out and everything else is told: nothing is left to finish."""
    shutil.rmtree(folder.recovering, ignore_errors=True)


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Nobody has the database open, and nobody can open it meanwhile."""
    try:
        descriptor = os.open(database, os.O_RDWR)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise from_os_error(error, database) from None
    try:
        if fcntl is not None:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKED_BYTES, _LOCKED_FROM)
            except OSError:
                raise StorageBusy(
                    f"another process has {database} open; let it end, and order it again"
                ) from None
        yield
    finally:
        os.close(descriptor)
