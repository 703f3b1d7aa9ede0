"""One open outbox database: connections, the one write transaction helper, and what its errors mean."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlcipher3 import dbapi2

from storage import damage, driver
from storage.errors import DatabaseDamaged, DatabaseMissing, StorageProblem
from storage.folder import StorageFolder
from storage.prepared import Prepared
from storage.witness import Witness


class Transaction:
    """What one transaction can do: run prepared statements. Lives no longer than its `with` block."""

    __slots__ = ("_dialect", "captured", "cursor", "hand_overs", "sends")

    def __init__(self, cursor: Any, dialect: Dialect) -> None:
        self.cursor = cursor  # the driver's own
        self._dialect = dialect
        # What the witness is told once this is durable: the last capture, how many sends begun, how many handed over.
        self.captured = self.sends = self.hand_overs = 0

    def run(self, statement: Prepared, **values: Any) -> Any:
        """Execute and answer the cursor, whose rows must be fetched before the next `run`."""
        return statement.run(self.cursor, self._dialect, values)

    def run_row(self, statement: Prepared, names: tuple[str, ...], row: tuple[Any, ...]) -> Any:
        """As `run`, for a row of values in the order of `names`, which is the statement's own."""
        return statement.run_row(self.cursor, self._dialect, names, row)


class Database:
    """Connections to one SQLite file. Thread-safe: each transaction has a connection to itself while it lasts."""

    def __init__(self, folder: StorageFolder) -> None:
        self.folder = folder
        self._writing = threading.Lock()
        # The last one returned goes out first: it has the statements of its work prepared.
        self._idle: list[Any] = []
        # SQLAlchemy's own connections are for schema steps only; its checkout costs more than a small read.
        self._engine = create_engine("sqlite://", module=dbapi2, creator=self._connect, poolclass=NullPool)
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        self._dialect = self._engine.dialect
        self._witness = Witness(folder.witness)
        self._home = folder.database_identity()
        self._log_pages = driver.AUTOCHECKPOINT_PAGES
        self._damage: DatabaseDamaged | None = None
        self._closing: list[Callable[[], None]] = []

    def _connect(self) -> Any:
        connection = driver.connect(self.folder.database, log_pages=self._log_pages)
        if self._home is None:
            self._home = self.folder.database_identity()
        return connection

    def check_sound(self) -> None:
        """
        Raises:
            DatabaseDamaged: something read here was damaged, even if whoever read it could live with that.
        """
        if self._damage is not None:
            raise self._damage

    def at_close(self, end: Callable[[], None]) -> None:
        """Have `end` run when this is closed."""
        self._closing.append(end)

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    def engine_connection(self) -> Connection:
        """A SQLAlchemy connection, for schema steps. Its transactions take the write lock at once, like ours."""
        return self._engine.connect()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """A connection to itself; one that has seen an error is not used again: nothing it believes is certain."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            with suppress(dbapi2.Error):
                connection.close()
            raise
        self._idle.append(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One write transaction: all of it is durable when the block has ended, or none of it.

        Raises:
            StorageProblem: the disk or the database does not let us; nothing was changed.
        """
        with self.translated(), self._writing, self._connection() as connection:
            cursor = connection.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                self._check_home()
                transaction = Transaction(cursor, self._dialect)
                yield transaction
                cursor.execute("COMMIT")
            except BaseException:
                with suppress(dbapi2.Error):  # the first error is the one to tell
                    cursor.execute("ROLLBACK")
                raise
            if transaction.captured or transaction.sends:
                self._witness.note(
                    entries=transaction.captured, sends=transaction.sends, hand_overs=transaction.hand_overs
                )

    def _check_home(self) -> None:
        # Whoever moves the file aside holds its write lock meanwhile. What is written after that would be lost.
        if self.folder.database_identity() != self._home:
            raise DatabaseMissing(f"{self.folder.database} was removed or replaced while it was open")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view for several reads."""
        with self.translated(), self._connection() as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            try:
                yield Transaction(cursor, self._dialect)
            finally:
                with suppress(dbapi2.Error):
                    cursor.execute("ROLLBACK")

    def probe(self) -> Any:
        """A connection of its own for `probe.py`: it must not be one that commits itself."""
        return driver.connect_for_reading(self.folder.database)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database, as far as readers allow. Never waits."""
        with self.translated(), self._connection() as connection:
            connection.execute("PRAGMA busy_timeout = 0").fetchall()
            # TRUNCATE: after a passive one an erased presigned URL stays readable in the log.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {int(driver.BUSY_TIMEOUT_S * 1000)}").fetchall()

    def save_room(self) -> None:
        """The disk is full: move the log into the database, and keep it short from now on.

        Not where there is no room for all of it: a checkpoint that stops midway keeps the log, and has spent what the
        next writes need. The last connection that is closed makes one too.
        """
        with suppress(StorageProblem, OSError):
            if self._growth_by_checkpoint() > shutil.disk_usage(self.folder.root).free:
                return
            self._log_pages = driver.SHORT_LOG_PAGES
            with suppress(IndexError):
                while True:
                    self._idle.pop().close()
            self.checkpoint()

    def _growth_by_checkpoint(self) -> int:
        """Bytes that the database file takes when all of the log is moved into it."""
        with self.read() as transaction:
            (pages,) = transaction.cursor.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = transaction.cursor.execute("PRAGMA page_size").fetchone()
        return int(pages * page_bytes) - self.folder.database.stat().st_size

    def backup(self, target: Any) -> None:
        """Copy the whole database, consistently, into the open driver connection `target`."""
        with self.translated(), self._connection() as connection:
            connection.backup(target)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()
        self._witness.close()
        while self._closing:
            self._closing.pop()()

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
            if isinstance(problem, DatabaseDamaged):
                self._damage = problem
                damage.remember(self.folder, str(said))
            raise problem from error
