"""The reference list: what companies, sites and rules are called, for forms. A help and never a check.

Replaced as a whole in one transaction. Plain SQL and light: a list that is looked at loads nothing heavy. Each function
takes `execute`, that of a transaction's cursor or `Reader.each`.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from storage.database import Transaction

COMPANY: Final = "company"
SITE: Final = "site"
RULE: Final = "rule"
TYPES: Final = (COMPANY, SITE, RULE)
# In `control`: {"lines", "sha256"}, and when the list was imported. A list that it does not fit is a damaged one.
FACTS: Final = "reference_list"

Execute = Callable[[str, Sequence[Any]], Iterable[Any]]

_COLUMNS: Final = "type, id, name, company_id"
_ALL: Final = f"SELECT {_COLUMNS} FROM listed ORDER BY type, id"  # noqa: S608  names of ours
_OF_TYPE: Final = f"SELECT {_COLUMNS} FROM listed WHERE type = ?"  # noqa: S608  names of ours
_ONE: Final = f"SELECT {_COLUMNS} FROM listed WHERE type = ? AND id = ?"  # noqa: S608  names of ours
_ANY: Final = "SELECT 1 FROM listed WHERE type = ? LIMIT 1"
_INSERT: Final = "INSERT INTO listed (type, id, name, company_id) VALUES (?, ?, ?, ?)"
_FACTS: Final = "SELECT value, at FROM control WHERE key = ?"
_SET_FACTS: Final = (
    "INSERT INTO control (key, value, at) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at"
)


class Line(NamedTuple):
    """One line: what `id` is called. `company_id` is whose a site is, where the list says so."""

    type: str
    id: int
    name: str
    company_id: int | None = None


class Facts(NamedTuple):
    """What is known of the list as a whole; `at` is when it was imported, in milliseconds."""

    at: int
    lines: int
    sha256: str


def replace(transaction: Transaction, lines: Collection[Line], *, now: int) -> int:
    """Have these lines instead of those there are; none of them clears the list. Answers how many there were."""
    cursor = transaction.cursor
    cursor.execute("DELETE FROM listed")
    before = int(cursor.rowcount)
    if not lines:
        cursor.execute("DELETE FROM control WHERE key = ?", (FACTS,))
        return before
    cursor.executemany(_INSERT, lines)
    value = {"lines": len(lines), "sha256": sha256_of(lines)}
    cursor.execute(_SET_FACTS, (FACTS, json.dumps(value, separators=(",", ":")), now))
    return before


def sha256_of(lines: Iterable[Line]) -> str:
    """The same for the same lines in any order."""
    digest = hashlib.sha256()
    for line in sorted(lines, key=lambda each: each[:2]):
        digest.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def facts(execute: Execute) -> Facts | None:
    """What is known of the list; None where there is none."""
    for value, at in execute(_FACTS, (FACTS,)):
        known = json.loads(value)
        return Facts(int(at), int(known["lines"]), str(known["sha256"]))
    return None


def read(execute: Execute, *, type: str | None = None) -> list[Line]:
    """All lines, or those of one type, sorted by name as people look for them."""
    rows = execute(_ALL, ()) if type is None else execute(_OF_TYPE, (type,))
    return sorted((Line(*row) for row in rows), key=lambda line: (folded(line.name), line.id))


def names(execute: Execute, type: str, ids: Iterable[int]) -> dict[int, Line]:
    """The lines of these ids, as far as they are in the list."""
    found = {}
    for id in dict.fromkeys(ids):
        for row in execute(_ONE, (type, id)):
            found[id] = Line(*row)
    return found


def is_there(execute: Execute, type: str) -> bool:
    """Whether the list has any line of this type."""
    return any(True for _ in execute(_ANY, (type,)))


def search(
    execute: Execute, type: str, wanted: str, *, company_id: int | None = None, limit: int = 20
) -> list[Line]:
    """Lines whose name holds `wanted`, whatever its case and accents, or whose id begins with it; at most `limit`.

    Names that begin with it come first, then those with a word that does, then the others. With a company only its
    sites, and those of which the list does not say whose they are.
    """
    sought = folded(wanted)
    found = []
    for row in execute(_OF_TYPE, (type,)):
        line = Line(*row)
        if company_id is not None and line.company_id not in (None, company_id):
            continue
        rank = _rank(folded(line.name), line.id, sought)
        if rank is not None:
            found.append((rank, folded(line.name), line))
    return [line for _, _, line in sorted(found)[:limit]]


def _rank(name: str, id: int, sought: str) -> int | None:
    if name.startswith(sought):
        return 0
    if f" {sought}" in name:
        return 1
    if sought in name:
        return 2
    return 3 if str(id).startswith(sought) else None


# SQLite's own LIKE knows the case of ASCII only, and nobody types accents while searching.
@lru_cache(maxsize=20_000)
def folded(text: str) -> str:
    """`text` without accents and case, with single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())
