"""Where simulated outboxes lie: one file in memory for many runs, emptied between them, with connections that last.

A new file and new connections for each run would cost more than the run; what a connection knows besides the rows is
how to run its statements.
"""

from __future__ import annotations

import atexit
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from storage import driver
from storage.database import Database
from storage.folder import StorageFolder
from tests.support.scratch import fresh_folder

IN_MEMORY = Path("/dev/shm")
_EMPTIED = ("entry", "attempt", "receipt", "signature", "purged", "counter", "sqlite_sequence")


class Place:
    """One folder and the connections to its outbox that nobody uses now."""

    def __init__(self) -> None:
        self.root = Path(mkdtemp(prefix="fieldsync-sim-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        atexit.register(shutil.rmtree, self.root, ignore_errors=True)
        self.folder: StorageFolder = fresh_folder(self.root / "outbox")
        self.whole = Database(self.folder)
        self.free: list[Any] = []

    def connect(self) -> Any:
        return self.free.pop() if self.free else driver.connect(self.folder.database)

    def empty(self) -> None:
        """No row is left but the identity of the database."""
        connection = self.connect()
        connection.execute("BEGIN IMMEDIATE")
        for table in _EMPTIED:
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM control WHERE key <> 'database_id'")
        connection.execute("COMMIT")
        self.free.append(connection)


class PlacedDatabase(Database):
    """As any `Database`, with connections of the place. Most of it is made once a place: the rest is dear to make."""

    def __init__(self, place: Place) -> None:
        self.__dict__.update(place.whole.__dict__)
        self._place = place
        self._writing = threading.Lock()
        self._idle: list[Any] = []
        self._closing: list[Callable[[], None]] = []

    def _connect(self) -> Any:
        return self._place.connect()

    def close(self) -> None:
        self._place.free += self._idle
        self._idle.clear()
