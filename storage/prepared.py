"""Core statements, compiled once and run on the driver's own cursor.

SQLAlchemy writes the SQL, so that both dialects are spoken; its execution layer, which costs more than the statement
itself, is left out. What a capture pays is then what plain sqlite3 would pay.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """One Core statement whose every bound value has a name. Compiled at first use, then kept."""

    __slots__ = ("_names", "_sql", "_statement", "_values")

    def __init__(self, statement: ClauseElement) -> None:
        # Without this an INSERT asks for its key back, which costs a step we do not need.
        self._statement = statement.inline() if isinstance(statement, Insert) else statement
        self._sql: str | None = None
        self._names: tuple[str, ...] = ()
        self._values: dict[str, Any] = {}

    def run(self, cursor: Any, dialect: Dialect, values: dict[str, Any]) -> Any:
        """Execute with `values`, one for each name in the statement; answers the cursor.

        Raises:
            KeyError: a name in the statement has no value. Names the statement does not know are ignored.
        """
        if self._sql is None:
            self._compile(dialect)
        known = self._values
        return cursor.execute(
            self._sql, [values[name] if name in values else known[name] for name in self._names]
        )

    def run_row(self, cursor: Any, dialect: Dialect, names: tuple[str, ...], row: tuple[Any, ...]) -> Any:
        """As `run`, for the values of `names` in that order: what a capture does, without a name looked up.

        Raises:
            AssertionError: the statement binds other names, or in another order.
        """
        if self._sql is None:
            self._compile(dialect)
        assert self._names == names, "the row is in the statement's own order"
        return cursor.execute(self._sql, row)

    def sql(self, dialect: Dialect) -> str:
        """The text that is executed; tests ask SQLite for its plan."""
        if self._sql is None:
            self._compile(dialect)
        assert self._sql is not None
        return self._sql

    def _compile(self, dialect: Dialect) -> None:
        compiled: Any = self._statement.compile(dialect=dialect)
        # Literal values in the statement (such as `fence + 1`) are bound under names of their own.
        self._values = {name: value for name, value in compiled.params.items() if value is not None}
        self._names = tuple(compiled.positiontup or ())
        self._sql = str(compiled)
