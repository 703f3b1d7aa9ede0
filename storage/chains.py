"""Which entries hang on which: by the server id they need, in their path or body, and by their order at one target.

Updates of one target form a chain, under one key whether the target is known by its server id or only as an entry of
this device. Who waits is computed by each claim (`readiness.py`); what may be asked for is `sync/dependencies.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, literal, or_, select, text, union_all
from sqlalchemy.sql.expression import ColumnElement

from storage.database import Transaction
from storage.digests import intact, restamp
from storage.guarded import ATTEMPT, ENTRY, PURGED, REFERENCE, change, held, inserts
from storage.prepared import Prepared

# As many as anybody reads; a suffix that fits more is answered with more characters.
MOST_CANDIDATES: Final = 10
_FULL_ID: Final = 36
# Why an entry is parked whose parent will never have a server id.
TARGET_DISCARDED: Final = "target_discarded"
# Why a change waits that is next in its chain.
FOLLOWS_UNANSWERED: Final = "follows_unanswered"


class Parent(NamedTuple):
    """An entry that others may hang on. `state` is that of its end where it was purged."""

    id: str
    kind: str
    state: str
    server_id: int | None
    purged: bool


_ENTRY_FACTS: Final = (ENTRY.c.id, ENTRY.c.kind, ENTRY.c.state, ENTRY.c.server_id)
_PURGED_FACTS: Final = (PURGED.c.id, PURGED.c.kind, PURGED.c.state, PURGED.c.server_id)
_ENTRY: Final = Prepared(select(*_ENTRY_FACTS).where(ENTRY.c.id == bindparam("wanted")))
_PURGED: Final = Prepared(select(*_PURGED_FACTS).where(PURGED.c.id == bindparam("wanted")))
_ENDS_IN: Final = Prepared(
    select(*_ENTRY_FACTS).where(ENTRY.c.id.like(bindparam("pattern"))).limit(MOST_CANDIDATES + 1)
)
_PURGED_ENDS_IN: Final = Prepared(
    select(*_PURGED_FACTS).where(PURGED.c.id.like(bindparam("pattern"))).limit(MOST_CANDIDATES + 1)
)
_MAKER: Final = Prepared(
    select(*_ENTRY_FACTS).where(
        text("creates = 1 AND server_id IS NOT NULL"), ENTRY.c.server_id == bindparam("wanted")
    )
)
_IN_CHAIN: Final = Prepared(
    select(ENTRY.c.seq).where(text("chain_key IS NOT NULL"), ENTRY.c.chain_key == bindparam("key"))
)
_SPLIT: Final = """
    SELECT e.seq, p.server_id FROM entry p JOIN entry e ON e.chain_key = 'local:' || p.id
    WHERE p.server_id IS NOT NULL ORDER BY e.seq
"""
_REFER: Final = inserts(REFERENCE, ("entry_seq", "parent"))
_FORGET: Final = Prepared(delete(REFERENCE).where(REFERENCE.c.entry_seq == bindparam("of_entry")))
_UNSENT: Final = text("state IN ('pending', 'parked') AND request_digest IS NULL")
_AIMED: Final = Prepared(
    select(ENTRY.c.seq).where(
        text("target_entry IS NOT NULL"), ENTRY.c.target_entry == bindparam("parent"), _UNSENT
    )
)
_NAMING: Final = Prepared(
    select(ENTRY.c.seq)
    .join(REFERENCE, REFERENCE.c.entry_seq == ENTRY.c.seq)
    .where(REFERENCE.c.parent == bindparam("parent"), _UNSENT)
)


def settled(columns: Any) -> ColumnElement[bool]:
    """Whether an entry lets those behind it go: trouble after the receipt stops no chain, its server id is known."""
    return or_(
        columns.state.in_([literal(state) for state in ("accepted", "done", "discarded")]),
        and_(
            columns.state == literal("parked"),
            columns.stage.is_not(None),
            columns.stage == literal("accepted"),
        ),
    )


_own = ENTRY.alias("own")
_UNANSWERED: Final = Prepared(
    select(func.max(ATTEMPT.c.started_at + func.coalesce(ATTEMPT.c.duration_ms, 0)))
    .select_from(_own)
    .join(ENTRY, and_(ENTRY.c.chain_key == _own.c.chain_key, ENTRY.c.seq != _own.c.seq))
    .join(ATTEMPT, ATTEMPT.c.entry_seq == ENTRY.c.seq)
    .where(
        _own.c.seq == bindparam("wanted"),
        text("step = 'send'"),
        text("outcome IN ('Retryable', 'InDoubt', 'Interrupted')"),
        # A server that asks us to slow down has turned it away unread.
        text("attempt.reason IS NOT 'busy'"),
    )
)
_given_up = ENTRY.alias("given_up")
_LOST: Final = Prepared(
    select(_given_up.c.seq).where(
        _given_up.c.id.in_(
            union_all(
                select(ENTRY.c.target_entry).where(ENTRY.c.seq == bindparam("wanted")),
                select(REFERENCE.c.parent).where(REFERENCE.c.entry_seq == bindparam("wanted")),
            )
        ),
        _given_up.c.state == literal("discarded"),
        _given_up.c.server_id.is_(None),
    )
)
_LINKS: Final = Prepared(
    select(ENTRY.c.seq, ENTRY.c.target_entry, ENTRY.c.after_entry, ENTRY.c.chain_key).where(
        ENTRY.c.id == bindparam("wanted"), ~settled(ENTRY.c)
    )
)
_SEQ: Final = Prepared(select(ENTRY.c.seq).where(ENTRY.c.id == bindparam("wanted")))
_NAMED: Final = Prepared(select(REFERENCE.c.parent).where(REFERENCE.c.entry_seq == bindparam("of_entry")))
_BEFORE: Final = Prepared(
    select(ENTRY.c.id).where(
        ENTRY.c.chain_key == bindparam("key"), ENTRY.c.seq < bindparam("before"), ~settled(ENTRY.c)
    )
)


def key_of_server_id(server_id: int) -> str:
    """The chain of everything that changes this intervention."""
    return f"target:{server_id}"


def key_of_entry(id: str) -> str:
    """The same, while nobody knows the server id of what this entry creates."""
    return f"local:{id}"


def find(transaction: Transaction, name: str) -> list[Parent]:
    """The entries whose id is `name` or ends in it, purged ones too; at most MOST_CANDIDATES + 1."""
    wanted = name.strip().lower()
    if not wanted or not wanted.isascii():  # no id is; and what is no text at all cannot even be asked for
        return []
    for exact in (_ENTRY, _PURGED):
        row = transaction.run(exact, wanted=wanted).fetchone()
        if row is not None:
            return [_parent(row, purged=exact is _PURGED)]
    if len(wanted) >= _FULL_ID or not set(wanted) <= set("0123456789abcdef-"):
        return []
    pattern = f"%{wanted}"
    there = transaction.run(_ENDS_IN, pattern=pattern).fetchall()
    gone = transaction.run(_PURGED_ENDS_IN, pattern=pattern).fetchall()
    found = [*(_parent(row) for row in there), *(_parent(row, purged=True) for row in gone)]
    return found[: MOST_CANDIDATES + 1]


def _parent(row: Any, *, purged: bool = False) -> Parent:
    id, kind, state, server_id = row
    return Parent(id, kind, state, server_id, purged)


def maker(transaction: Transaction, server_id: int) -> Parent | None:
    """The entry of this device that created the intervention with this server id."""
    row = transaction.run(_MAKER, wanted=server_id).fetchone()
    return None if row is None else _parent(row)


def server_id_of(transaction: Transaction, id: str) -> int | None:
    """The server id of what this entry created, also after it was purged; None while it is not known."""
    row = transaction.run(_ENTRY, wanted=id).fetchone() or transaction.run(_PURGED, wanted=id).fetchone()
    return None if row is None else _parent(row).server_id


def refer(transaction: Transaction, seq: int, parents: Iterable[str]) -> None:
    """From now on the body of this entry names exactly these entries, by their full ids."""
    transaction.run(_FORGET, of_entry=seq)
    for parent in dict.fromkeys(parents):
        transaction.run(_REFER, entry_seq=seq, parent=parent)


def join(transaction: Transaction, id: str, server_id: int) -> None:
    """The server id of what this entry created is known: who aims at either is one chain from here on.

    Order is the order of capture, whichever name was used. A row that no longer is what was captured keeps its wrong
    digest, and so is held when its turn comes.
    """
    for (seq,) in transaction.run(_IN_CHAIN, key=key_of_entry(id)).fetchall():
        _rekey(transaction.cursor, seq, server_id)


def join_all(cursor: Any) -> None:
    """As `join`, for all that was put together from several sources, which knew different things."""
    for seq, server_id in cursor.execute(_SPLIT).fetchall():
        _rekey(cursor, seq, server_id)


def _rekey(cursor: Any, seq: int, server_id: int) -> None:
    sound = intact(cursor, seq)
    cursor.execute("UPDATE entry SET chain_key = ? WHERE seq = ?", (key_of_server_id(server_id), seq))
    if sound:
        restamp(cursor, seq)


def unanswered_at(transaction: Transaction, seq: int) -> int | None:
    """When a request of another entry of this chain last ended without an answer that settles it; None: none did.

    It may be carried out after a later one that was answered at once.
    """
    found: int | None = transaction.run(_UNANSWERED, wanted=seq).fetchone()[0]
    return found


def wait_until(transaction: Transaction, seq: int, at: int) -> None:
    """Nothing in the chain of this unsent entry goes before that instant, for it stands in front."""
    row = held(transaction, seq=seq)
    assert row is not None, "a due entry was read in this transaction"
    change(transaction, row, due_at=at, reason=FOLLOWS_UNANSWERED)


def needing(transaction: Transaction, id: str) -> list[int]:
    """Entries that were not sent and need the server id of this one, oldest first."""
    aimed = transaction.run(_AIMED, parent=id).fetchall()
    naming = transaction.run(_NAMING, parent=id).fetchall()
    return sorted({seq for (seq,) in (*aimed, *naming)})


def target_is_lost(transaction: Transaction, seq: int) -> bool:
    """Whether this entry needs the server id of one that was discarded without it."""
    return transaction.run(_LOST, wanted=seq).fetchone() is not None


def leads_back(transaction: Transaction, id: str, parents: Iterable[str], key: str | None) -> bool:
    """Whether the entry would wait for itself, if it hung on `parents` and stood in the chain `key`.

    One that is not stored yet cannot: nobody waits for it.
    """
    row = transaction.run(_SEQ, wanted=id).fetchone()
    if row is None:
        return False
    (seq,) = row
    todo = [*parents, *_before(transaction, key, seq)]
    seen: set[str] = set()
    while todo:
        each = todo.pop()
        if each == id:
            return True
        links = None if each in seen else transaction.run(_LINKS, wanted=each).fetchone()
        seen.add(each)
        if links is None:
            continue
        number, target, after, its_key = links
        if key is not None and its_key == key and number > seq:
            return True
        todo += [parent for parent in (target, after) if parent is not None]
        todo += [parent for (parent,) in transaction.run(_NAMED, of_entry=number).fetchall()]
        todo += _before(transaction, its_key, number)
    return False


def _before(transaction: Transaction, key: str | None, seq: int) -> list[str]:
    if key is None:
        return []
    return [id for (id,) in transaction.run(_BEFORE, key=key, before=seq).fetchall()]
