"""The outbox as a command opens it: where environment and settings say, for the length of one order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from config.basics import read_basics
from storage.database import Database
from storage.folder import StorageFolder
from storage.schema import open_database
from sync.clock import Clock


@contextmanager
def opened() -> Iterator[tuple[Database, Clock]]:
    """The outbox; made where there was none, so that an order can come before the first capture."""
    clock = Clock()
    folder = StorageFolder(read_basics(os.environ).storage_dir)
    database = open_database(folder, new_id=str(uuid4()), now=clock.now())
    try:
        yield database, clock
    finally:
        database.close()
