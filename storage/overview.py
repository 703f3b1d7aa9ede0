"""What `status` asks beyond counts: whose entries wait, and how many stand behind a closed host or a held entry.

Plain SQL and light, like `queries.py`; a dataclass would cost more than the queries. Everything is answered from an
index, or looks at what is unsent only.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlcipher3 import dbapi2

from storage.queries import Reader

# Owners are looked for among the oldest unsent entries: a device serves a team, and has hundreds.
OWNERS_AMONG: Final = 20_000
_BY_OWNER: Final = f"""
    SELECT coalesce(owner, ''), count(*), min(captured_at)
    FROM (SELECT owner, captured_at FROM entry WHERE state = 'pending' ORDER BY seq LIMIT {OWNERS_AMONG})
    GROUP BY 1 ORDER BY 1
"""  # noqa: S608  a number of ours
_OLDEST: Final = "SELECT captured_at FROM entry WHERE state = ? ORDER BY seq LIMIT 1"
_SIGNED: Final = "SELECT count(*), min(captured_at) FROM entry WHERE state = 'pending' AND has_signature = 1"
_OF_OWNER: Final = (
    "SELECT count(*), min(captured_at) FROM entry WHERE state = 'pending' AND coalesce(owner, '') = ?"
)
# From the held entries, which are few, to those behind them. The same rule as in a claim: trouble after the receipt
# stops no chain, and who needs a server id waits for that alone.
_BEHIND_HELD: Final = """
    SELECT count(*), min(captured_at) FROM entry WHERE state = 'pending' AND seq IN (
        SELECT e.seq FROM entry p JOIN entry e ON e.after_entry = p.id
        WHERE p.state IN ('parked', 'dead') AND NOT (p.state = 'parked' AND p.stage IS 'accepted')
        UNION
        SELECT e.seq FROM entry p JOIN entry e ON e.chain_key = p.chain_key AND e.seq > p.seq
        WHERE p.state IN ('parked', 'dead') AND NOT (p.state = 'parked' AND p.stage IS 'accepted')
        UNION
        SELECT e.seq FROM entry p JOIN entry e ON e.target_entry = p.id
        WHERE p.state IN ('parked', 'dead') AND p.server_id IS NULL
        UNION
        SELECT r.entry_seq FROM entry p JOIN reference r ON r.parent = p.id
        WHERE p.state IN ('parked', 'dead') AND p.server_id IS NULL
    )
"""


class Group(NamedTuple):
    """Some entries: how many, and when the oldest was captured (milliseconds), None where that is not known."""

    n: int
    oldest: int | None


def sqlite_version() -> str:
    """The SQLite that this program brings."""
    return str(dbapi2.sqlite_version)


def oldest_in(reader: Reader, state: str) -> int | None:
    """When the first entry in this state was captured."""
    return next((row["at"] for row in reader.rows(("at",), _OLDEST, (state,))), None)


def unsent_by_owner(reader: Reader) -> dict[str, Group]:
    """Whose entries wait to be sent ("" is: nobody's), and how many of the oldest `OWNERS_AMONG`."""
    rows = reader.rows(("owner", "count", "oldest"), _BY_OWNER)
    return {row["owner"]: Group(row["count"], row["oldest"]) for row in rows}


def unsent_signed(reader: Reader) -> Group:
    """Unsent entries with a signature: they also wait for the upload host."""
    return _group(reader, _SIGNED)


def unsent_of(reader: Reader, owner: str) -> Group:
    """Unsent entries of this owner ("" is: none named)."""
    return _group(reader, _OF_OWNER, (owner,))


def behind_held(reader: Reader) -> Group:
    """Unsent entries that wait for one which is parked or dead."""
    return _group(reader, _BEHIND_HELD)


def _group(reader: Reader, sql: str, values: tuple[Any, ...] = ()) -> Group:
    row = reader.rows(("count", "oldest"), sql, values)[0]
    return Group(row["count"], row["oldest"])
