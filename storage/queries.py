"""The read side: counts, lists, the story of one entry. Plain SQL on the driver, so that a look costs a look.

Light: `status`, `list` and `show` must not import SQLAlchemy. Instants come out as ISO text in UTC, ready to print.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlcipher3 import dbapi2

from storage import damage, driver
from storage.errors import AmbiguousId, DatabaseDamaged, EntryNotFound
from storage.folder import StorageFolder
from storage.guard import open_for_reading

STATES: Final = ("pending", "sending", "in_doubt", "accepted", "done", "parked", "dead", "discarded")
_NEEDS_ACTION: Final = "state IN ('parked', 'dead')"
_LIST: Final = """
    SELECT e.id, e.kind, e.state, e.reason, e.attempts, e.server_id, e.target_id, e.target_entry, e.after_entry,
           e.owner, e.captured_at, e.due_at, e.done_at, s.name, s.mime_type, s.size, s.sha256, e.uploaded_at,
           e.has_signature = 1 AND e.uploaded_at IS NULL AND
           (e.state = 'accepted' OR (e.state = 'parked' AND e.stage IS 'accepted'))
    FROM entry e LEFT JOIN signature s ON s.entry_seq = e.seq
"""


# By the end of an id (its index is read through, nothing else), or by a number of the server: of what an entry made, or
# of what an answer was about. The condition of the partial index is repeated word for word.
_FOUND: Final = """
    SELECT seq FROM entry WHERE id LIKE ? ESCAPE '\\'
    UNION ALL SELECT seq FROM entry WHERE creates = 1 AND server_id IS NOT NULL AND server_id = ?
    UNION ALL SELECT entry_seq FROM receipt WHERE server_id = ?
"""
_LARGEST_ID: Final = 2**63 - 1


def _search_values(text: str) -> tuple[str, int, int]:
    """The values of `_FOUND`; -1 is no server's number."""
    wanted = text.strip().lower()
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 20 else -1
    number = number if number <= _LARGEST_ID else -1
    return f"%{escaped(wanted)}", number, number


def escaped(text: str) -> str:
    """As LIKE takes it literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def iso(at: int | None) -> str | None:
    """A stored instant as people and programs read it: ISO 8601, UTC, milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Narrowed(NamedTuple):
    """Which entries are asked for: only those that fit all that is given. `since` is in milliseconds.

    `owner` "" is: those that have none. `search`: the end of an id, or a server id. `after_id` is the last one of the
    page before, in the order that is asked for.
    """

    states: tuple[str, ...] = ()
    kind: str | None = None
    since: int | None = None
    after_id: str | None = None
    owner: str | None = None
    reason: str | None = None
    search: str | None = None
    newest_first: bool = False

    @property
    def order(self) -> str:
        return "DESC" if self.newest_first else "ASC"

    def where(self, *, needs_action: bool = False) -> tuple[str, list[Any]]:
        """The condition on `entry e` and its values."""
        conditions: list[str] = []
        values: list[Any] = []
        if needs_action:
            conditions.append(f"e.{_NEEDS_ACTION}")
        if self.states:
            conditions.append(f"e.state IN ({', '.join('?' * len(self.states))})")
            values.extend(self.states)
        if self.kind is not None:
            conditions.append("e.kind = ?")
            values.append(self.kind)
        if self.since is not None:
            conditions.append("e.captured_at >= ?")
            values.append(self.since)
        if self.owner == "":
            conditions.append("e.owner IS NULL")
        elif self.owner is not None:
            conditions.append("e.owner = ?")
            values.append(self.owner)
        if self.reason is not None:
            conditions.append("e.reason = ?")
            values.append(self.reason)
        if self.search is not None:
            conditions.append(f"e.seq IN ({_FOUND})")
            values.extend(_search_values(self.search))
        if self.after_id is not None:
            beyond = "<" if self.newest_first else ">"
            conditions.append(f"e.seq {beyond} (SELECT seq FROM entry WHERE id = ?)")  # noqa: S608  a sign of ours
            values.append(self.after_id)
        return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


class Reader:
    """One consistent look at the outbox."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def _all(self, sql: str, values: Any = ()) -> list[Any]:
        rows: list[Any] = self._connection.execute(sql, values).fetchall()
        return rows

    def each(self, sql: str, values: Any = ()) -> Iterator[Any]:
        """The rows of one statement, one at a time."""
        # Not `yield from`: who stops in the middle would have the cursor closed behind its connection.
        for row in self._connection.execute(sql, values):  # noqa: UP028
            yield row

    def counts(self) -> dict[str, int]:
        """How many entries are in each state; every state is named."""
        counts = dict.fromkeys(STATES, 0)
        counts.update(self._all("SELECT state, sum(n) FROM counter GROUP BY state"))
        return counts

    def signatures_owed(self) -> int:
        """How many entries the server has whose signature is not in storage."""
        # Both flat: in state `accepted` everything owes one; what is held remembers its stage, and has an index for it.
        sql = "SELECT sum(n) FROM counter WHERE state = 'accepted'"
        accepted = self._connection.execute(sql).fetchone()[0]
        held = self._connection.execute(
            "SELECT count(*) FROM entry WHERE stage = 'accepted' AND uploaded_at IS NULL"
        ).fetchone()[0]
        return int(accepted or 0) + int(held)

    def reasons(self) -> list[tuple[str, str, int, int | None]]:
        """State, reason, count and oldest capture of everything that is in trouble, and why others wait."""
        held = self._all(
            "SELECT state, reason, n FROM counter WHERE n > 0 AND state NOT IN ('done', 'discarded') AND "
            "(reason <> '' OR state IN ('parked', 'dead', 'in_doubt')) ORDER BY n DESC"
        )
        return [(state, reason, n, self._oldest(state, reason)) for state, reason, n in held]

    def _oldest(self, state: str, reason: str) -> int | None:
        if state not in ("parked", "dead", "in_doubt"):
            return None
        # The condition is repeated word for word: that is how SQLite finds the partial index.
        sql = (
            "SELECT captured_at FROM entry WHERE state IN ('parked', 'dead', 'in_doubt') AND state = ? AND reason IS ? "
            "ORDER BY captured_at LIMIT 1"
        )
        row = self._connection.execute(sql, (state, reason or None)).fetchone()
        return None if row is None else row[0]

    def oldest_waiting(self) -> int | None:
        """When the oldest entry that is not yet delivered was captured."""
        found = [
            row[0]
            for state in ("pending", "sending", "accepted", "in_doubt")
            if (
                row := self._connection.execute(
                    "SELECT captured_at FROM entry WHERE state = ? ORDER BY seq LIMIT 1", (state,)
                ).fetchone()
            )
        ]
        return min(found, default=None)

    def next_due(self) -> int | None:
        """When the next backoff ends; 0 where something is due now; None where nothing waits for a time."""
        ready = self._connection.execute(
            "SELECT 1 FROM entry WHERE state = 'pending' AND due_at = 0 UNION ALL "
            "SELECT 1 FROM entry WHERE state = 'accepted' AND due_at = 0 LIMIT 1"
        ).fetchone()
        if ready:
            return 0
        row = self._connection.execute("SELECT min(due_at) FROM entry WHERE due_at > 0").fetchone()
        return None if row is None else row[0]

    def control(self) -> dict[str, Any]:
        """Every fact about the queue as a whole."""
        return {key: json.loads(value) for key, value in self._all("SELECT key, value FROM control")}

    def size_bytes(self) -> int:
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        page: int = self._connection.execute("PRAGMA page_size").fetchone()[0]
        return int(pages) * page

    def entries(
        self,
        *,
        states: tuple[str, ...] = (),
        kind: str | None = None,
        needs_action: bool = False,
        since: int | None = None,
        after_id: str | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """Entries in capture order, oldest first, each in the shape of `list --json`."""
        narrowed = Narrowed(states, kind, since, after_id)
        return self.listed(narrowed, needs_action=needs_action, limit=limit)

    def listed(
        self, narrowed: Narrowed, *, needs_action: bool = False, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Entries in the order that is asked for, each in the shape of `list --json`."""
        where, values = narrowed.where(needs_action=needs_action)
        return self.fitting(where, values, narrowed.order, needs_action=needs_action, limit=limit)

    def fitting(
        self, where: str, values: list[Any], order: str, *, needs_action: bool, limit: int
    ) -> list[dict[str, Any]]:
        """As `listed`, for a condition on `entry e`."""
        listed = (
            _LIST.replace("entry e", "entry e INDEXED BY ix_entry_needs_action") if needs_action else _LIST
        )
        rows = self._all(f"{listed} {where} ORDER BY e.seq {order} LIMIT ?", (*values, limit))
        return [_entry(row) for row in rows]

    def entry(self, id: str) -> dict[str, Any]:
        """One entry in the shape of `list --json`; `story.py` has all that happened to it."""
        return _entry(self._all(f"{_LIST} WHERE e.id = ?", (id,))[0])

    def rows(self, columns: tuple[str, ...], sql: str, values: Any = ()) -> list[dict[str, Any]]:
        """The rows of one statement, each as a mapping of `columns`."""
        return [dict(zip(columns, row, strict=True)) for row in self._all(sql, values)]

    def owner_of(self, id: str) -> str | None:
        """Whose the entry with this full id is.

        Raises:
            EntryNotFound: it is not there any more.
        """
        rows = self._all("SELECT owner FROM entry WHERE id = ?", (id,))
        if not rows:
            raise EntryNotFound(f"no entry has the id {id}")
        owner: str | None = rows[0][0]
        return owner

    def ids_for_resync(
        self,
        states: tuple[str, ...],
        reason: str | None,
        kinds: tuple[str, ...] = (),
        owner: str | None = None,
    ) -> list[str]:
        """Ids, in capture order, of what a person can order to go on; narrowed by what is given."""
        wanted = [state for state in (states or STATES) if state not in ("done", "discarded")]
        sql = f"SELECT id FROM entry WHERE state IN ({', '.join('?' * len(wanted))})"  # noqa: S608  only marks
        values: list[Any] = list(wanted)
        if reason is not None:
            sql += " AND reason = ?"
            values.append(reason)
        if kinds:
            sql += f" AND kind IN ({', '.join('?' * len(kinds))})"
            values.extend(kinds)
        if owner is not None:
            sql += " AND owner IS ?"
            values.append(owner or None)
        return [row[0] for row in self._all(f"{sql} ORDER BY seq", values)]

    def resolve(self, suffix: str, *, owner: str | None = None) -> str:
        """The full id that ends in `suffix`; with `owner` ("": nobody's) other people's entries are as if not there.

        Raises:
            EntryNotFound: none does. AmbiguousId: several do.
        """
        if owner is None:
            return self._resolve(suffix, ("entry",))
        wanted = suffix.strip().lower()
        found = self._ending_in(wanted, ("entry",), owner) if wanted and wanted.isascii() else []
        whole = [id for id in found if id == wanted]
        if len(whole or found) > 1:
            raise AmbiguousId(suffix, found)
        if not found:
            raise EntryNotFound(f"no entry's id ends in {suffix!r}")
        return (whole or found)[0]

    def resolve_any(self, suffix: str) -> str:
        """As `resolve`, also among what was removed after its delivery."""
        return self._resolve(suffix, ("entry", "purged"))

    def _resolve(self, suffix: str, tables: tuple[str, ...]) -> str:
        wanted = suffix.strip().lower()
        if not wanted.isascii():  # no id is; and what is no text at all cannot even be asked for
            raise EntryNotFound(f"no entry's id ends in {suffix!r}")
        for table in tables:
            row = self._connection.execute(f"SELECT id FROM {table} WHERE id = ?", (wanted,)).fetchone()  # noqa: S608  names of ours
            if row is not None:
                return str(row[0])
        found = self._ending_in(wanted, tables) if wanted else []
        if not found:
            if wanted and tables == ("entry",) and (gone := self._ending_in(wanted, ("purged",))):
                raise EntryNotFound(
                    f"entry {gone[0][-8:]} was delivered, and what it held was removed since",
                    next_command=f"fieldsync receipts {gone[0][-8:]}",
                )
            raise EntryNotFound(f"no entry's id ends in {suffix!r}")
        if len(found) > 1:
            raise AmbiguousId(suffix, found)
        return found[0]

    def _ending_in(self, wanted: str, tables: tuple[str, ...], owner: str | None = None) -> list[str]:
        sql = " UNION ALL ".join(f"SELECT id FROM {table} WHERE id LIKE :end ESCAPE '\\'" for table in tables)  # noqa: S608  names of ours
        if owner is not None:
            sql += " AND owner IS :owner"
        values = {"end": f"%{escaped(wanted)}", "owner": owner or None}
        return [str(row[0]) for row in self._all(f"{sql} LIMIT 11", values)]


def _entry(row: Any) -> dict[str, Any]:
    (
        id, kind, state, reason, attempts, server_id, target_id, target_entry, after, owner,
        captured_at, due_at, done_at, name, mime_type, size, sha256, uploaded_at, owed,
    ) = row  # fmt: skip
    return {
        "id": id,
        "kind": kind,
        "state": state,
        "reason": reason,
        "attempts": attempts,
        "server_id": server_id,
        "target": target_id if target_entry is None else f"local:{target_entry}",
        "after": after,
        "owner": owner,
        "captured_at": iso(captured_at),
        "due_at": iso(due_at) if due_at else None,
        "done_at": iso(done_at),
        "signature": None
        if name is None
        else {
            "name": name,
            "mime_type": mime_type,
            "size": size,
            "sha256": sha256,
            "uploaded_at": iso(uploaded_at),
        },
        "signature_owed": bool(owed),
    }


@contextmanager
def reading(folder: StorageFolder) -> Iterator[Reader | None]:
    """One look at the outbox in `folder`; None where none was ever made.

    Raises:
        DatabaseUnusable: it is missing, damaged, newer or older than this program.
    """
    connection = open_for_reading(folder)
    if connection is None:
        yield None
        return
    try:
        connection.execute("BEGIN")
        yield Reader(connection)
    except dbapi2.Error as error:
        problem = driver.storage_problem(error, folder.database)
        if problem is None:
            raise
        if isinstance(problem, DatabaseDamaged):
            damage.remember(folder, str(error))
        raise problem from error
    finally:
        connection.close()
