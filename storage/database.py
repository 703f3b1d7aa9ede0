"""One open outbox database: connections, the one write transaction helper, and what its errors mean."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from sqlcipher3 import dbapi2

from storage import driver
from storage.folder import StorageFolder
from storage.prepared import Prepared


class Transaction:
    """What one transaction can do: run prepared statements. Lives no longer than its `with` block."""

    __slots__ = ("_dialect", "cursor")

    def __init__(self, cursor: Any, dialect: Dialect) -> None:
        self.cursor = cursor  # the driver's own
        self._dialect = dialect

    def run(self, statement: Prepared, **values: Any) -> Any:
        """Execute and answer the cursor, whose rows must be fetched before the next `run`."""
        return statement.run(self.cursor, self._dialect, values)


class Database:
    """Connections to one SQLite file. Thread-safe: each transaction takes a connection of its own from the pool."""

    def __init__(self, folder: StorageFolder) -> None:
        self.folder = folder
        self._writing = threading.Lock()
        self._engine = create_engine("sqlite://", module=dbapi2, creator=self._connect, poolclass=QueuePool)
        # SQLAlchemy's own transactions (schema steps) take the write lock at once, like ours.
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    def _connect(self) -> Any:
        return driver.connect(self.folder.database)

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    def engine_connection(self) -> Connection:
        """A SQLAlchemy connection, for schema steps."""
        return self._engine.connect()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One write transaction: all of it is durable when the block has ended, or none of it.

        Raises:
            StorageProblem: the disk or the database does not let us; nothing was changed.
        """
        with self.translated(), self._writing:
            connection = self._engine.raw_connection()
            cursor = connection.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield Transaction(cursor, self.dialect)
                cursor.execute("COMMIT")
            except BaseException:
                with suppress(dbapi2.Error):  # the first error is the one to tell
                    cursor.execute("ROLLBACK")
                # After a failed sync or commit nothing this connection believes is certain: open a new one.
                connection.invalidate()
                raise
            finally:
                connection.close()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view for several reads."""
        with self.translated():
            connection = self._engine.raw_connection()
            cursor = connection.cursor()
            try:
                cursor.execute("BEGIN")
                yield Transaction(cursor, self.dialect)
            finally:
                with suppress(dbapi2.Error):
                    cursor.execute("ROLLBACK")
                connection.close()

    def probe(self) -> Any:
        """A connection of its own for `probe.py`: it must not be one that commits itself."""
        return driver.connect_for_reading(self.folder.database)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database, as far as readers allow. Never waits."""
        with self.translated():
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA busy_timeout = 0").fetchall()
                # TRUNCATE: after a passive one an erased presigned URL stays readable in the log.
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                cursor.execute(f"PRAGMA busy_timeout = {int(driver.BUSY_TIMEOUT_S * 1000)}").fetchall()
            finally:
                connection.close()

    def backup(self, target: Any) -> None:
        """Copy the whole database, consistently, into the open driver connection `target`."""
        with self.translated():
            connection = self._engine.raw_connection()
            try:
                driver_connection: Any = connection.driver_connection
                driver_connection.backup(target)
            finally:
                connection.close()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn driver errors into storage problems."""
        try:
            yield
        except (dbapi2.Error, DBAPIError) as error:
            # Schema steps run through SQLAlchemy, which wraps what the driver said.
            said = error.orig if isinstance(error, DBAPIError) else error
            problem = (
                driver.storage_problem(said, self.folder.database) if isinstance(said, Exception) else None
            )
            if problem is None:
                raise
            raise problem from error
