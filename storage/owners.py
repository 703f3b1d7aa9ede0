"""Whose entries wait: the one that is tried for a held owner, and waits that come from a refused sign-in.

That an owner is held is a fact in `control.py`, which each claim respects: `readiness.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import bindparam, select, text, update

from storage.database import Transaction
from storage.guarded import ENTRY
from storage.prepared import Prepared
from storage.readiness import OF_OWNER, Due, Filter, due_sends_statement

_ANY_DUE: Final = Prepared(
    select(ENTRY.c.seq).where(text("state = 'pending' AND due_at = 0"), OF_OWNER).limit(1)
)
_HASTEN: Final = Prepared(
    update(ENTRY)
    .where(text("due_at > 0"), text("state = 'pending'"), ENTRY.c.reason == bindparam("because"), OF_OWNER)
    .values(due_at=0)
)
_PUT_OFF: Final = Prepared(
    update(ENTRY)
    .where(ENTRY.c.seq == bindparam("at_seq"), text("state = 'pending' AND due_at = 0"))
    .values(due_at=bindparam("until"))
)


def due_probe(transaction: Transaction, wanted: Filter, owner: str | None, *, behind: int) -> Due | None:
    """The entry of a held owner that is tried next: the first due one behind entry `behind`, else the first of all."""
    statement = due_sends_statement(wanted, probe=True)
    for after in dict.fromkeys((behind, 0)):
        row = transaction.run(statement, most=1, of_owner=owner or "", behind=after).fetchone()
        if row is not None:
            return Due(*row)
    return None


def any_due(transaction: Transaction, owner: str | None) -> bool:
    """Whether an entry of this owner waits for no time of its own. The owner's hold does not count."""
    return transaction.run(_ANY_DUE, of_owner=owner or "").fetchone() is not None


def hasten(transaction: Transaction, owner: str | None, *, reason: str) -> None:
    """What waits for this reason waits no longer."""
    transaction.run(_HASTEN, of_owner=owner or "", because=reason)


def put_off(transaction: Transaction, seqs: Iterable[int], *, until: int) -> None:
    """These unsent entries let others go first, until this moment (ms). One that waits already is left alone."""
    for seq in seqs:
        transaction.run(_PUT_OFF, at_seq=seq, until=until)
