"""The outbox as a command opens it: where environment and settings say, for the length of one order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from config.basics import read_basics
from storage.database import Database
from storage.folder import StorageFolder
from storage.guard import check_present
from storage.schema import open_database
from sync.clock import Clock
from sync.entrypoints.cli.exits import Exit
from sync.entrypoints.cli.output import Failed


@contextmanager
def opened() -> Iterator[tuple[Database, Clock]]:
    """The outbox, for an order that needs one: it must have been made by a capture or drain before."""
    folder = StorageFolder(read_basics(os.environ).storage_dir)
    if not check_present(folder):
        raise Failed(
            Exit.NO_SUCH_ENTRY,
            "no_outbox",
            f"nothing was ever captured in {folder.root}",
            next_command="fieldsync capture --help",
        )
    clock = Clock()
    database = open_database(folder, new_id="", now=clock.now())
    try:
        yield database, clock
    finally:
        database.close()
