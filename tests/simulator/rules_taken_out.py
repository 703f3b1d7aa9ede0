"""The product without one of its rules: what each rule is for is seen by what happens when it is gone.

Each of these is a small patch, named after the rule that it removes. They stand on the code as it is: a patch that no
longer finds what it changes fails loudly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from storage import claims, records
from storage.database import Transaction
from storage.lifecycle import Event
from storage.locks import FileLock
from sync import outcome as o
from sync import outcome_upload, policy
from sync.answer import is_page
from sync.drain import Drain
from tests.simulator.world import World

Patch = pytest.MonkeyPatch
RULES: Final[dict[str, Callable[[Patch, World], None]]] = {}


def _rule(take_out: Callable[[Patch, World], None]) -> Callable[[Patch, World], None]:
    RULES[take_out.__name__] = take_out
    return take_out


@contextmanager
def without(world: World, *names: str) -> Iterator[None]:
    """These rules do not hold meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            RULES[name](patch, world)
        yield


@_rule
def doubt_is_a_state_of_its_own(patch: Patch, world: World) -> None:
    """What may have been carried out is simply tried again."""
    decide = policy.decide

    def blind(outcome: Any, *args: Any, **named: Any) -> Any:
        verdict = decide(outcome, *args, **named)
        return replace(verdict, event=Event.RETRY) if isinstance(outcome, o.InDoubt) else verdict

    patch.setattr(policy, "decide", blind)


@_rule
def done_means_that_the_etag_was_compared(patch: Patch, world: World) -> None:
    """Any 2xx of whoever answers counts as stored."""

    def trusting(reply: Any, md5_hex: str) -> Any:
        return o.Uploaded(reason="uploaded", status=reply.status, etag=md5_hex)

    patch.setattr(outcome_upload, "_success", trusting)


@_rule
def doubt_clock_starts_when_the_sender_can_send_no_more(patch: Patch, world: World) -> None:
    """The settling time is counted from the `sending` mark."""
    marked_at: dict[int, int] = {}
    mark_sending, record_setback, rescue = claims.mark_sending, records.record_setback, claims.rescue

    def mark(transaction: Transaction, due: Any, **named: Any) -> Any:
        marked_at[due.seq] = world.clock.monotonic_ms()
        return mark_sending(transaction, due, **named)

    def set_back(
        transaction: Transaction, seq: int, lease: Any, setback: Any, *args: Any, **named: Any
    ) -> bool:
        if setback.doubt is not None:
            setback = replace(setback, doubt={**setback.doubt, "doubt_mono_ms": marked_at[seq]})
        return record_setback(transaction, seq, lease, setback, *args, **named)

    def take_over(transaction: Transaction, **named: Any) -> int:
        sql = "SELECT seq FROM entry WHERE state = 'sending'"
        cut_off = [seq for (seq,) in transaction.cursor.execute(sql).fetchall()]
        rescued = rescue(transaction, **named)
        for seq in cut_off:
            sql = "UPDATE entry SET doubt_mono_ms = ? WHERE seq = ? AND state = 'in_doubt'"
            transaction.cursor.execute(sql, (marked_at.get(seq, 0), seq))
        return rescued

    patch.setattr(claims, "mark_sending", mark)
    patch.setattr(records, "record_setback", set_back)
    patch.setattr(claims, "rescue", take_over)


@_rule
def lock_is_kept_while_a_thread_may_still_send(patch: Patch, world: World) -> None:
    """A pass that leaves a hanging thread behind gives the lock back, and the next one rescues that thread's row."""
    run = Drain.run

    def careless(self: Drain, *args: Any, **named: Any) -> Any:
        try:
            return run(self, *args, **named)
        finally:
            self._lock.give()

    patch.setattr(Drain, "run", careless)


@_rule
def a_201_is_one_commit(patch: Patch, world: World) -> None:
    """The server id is written first, the URL with the next commit."""
    record_accepted = records.record_accepted
    later: list[tuple[int, str]] = []

    def halved(transaction: Transaction, seq: int, lease: Any, answer: Any, *args: Any, **named: Any) -> Any:
        kept, next_lease = record_accepted(transaction, seq, lease, answer, *args, **named)
        if answer.presigned_url is not None:
            transaction.cursor.execute("UPDATE entry SET presigned_url = NULL WHERE seq = ?", (seq,))
            later.append((seq, answer.presigned_url))
        return kept, next_lease

    commit = Drain._commit

    def twice(self: Drain, *args: Any) -> Any:
        starts = commit(self, *args)
        if later:
            with self._database.write() as transaction:
                for seq, url in later:
                    transaction.cursor.execute("UPDATE entry SET presigned_url = ? WHERE seq = ?", (url, seq))
            later.clear()
        return starts

    patch.setattr(records, "record_accepted", halved)
    patch.setattr(Drain, "_commit", twice)


@_rule
def lock_for_the_life_of_the_sender(patch: Patch, world: World) -> None:
    """Everybody gets the lock."""
    patch.setattr(FileLock, "take", lambda self, *, since="": True)


@_rule
def lease_is_checked_before_the_first_byte(patch: Patch, world: World) -> None:
    """Nobody looks again between claim and send."""
    patch.setattr(claims, "still_holds", lambda *args, **named: True)


@_rule
def taking_a_row_raises_its_fence(patch: Patch, world: World) -> None:
    """Owner and fence stay as they were when somebody else takes the row."""
    for module in (claims, records):
        patch.setattr(module, "freed", lambda row: {"lease_expires_at": None})


@_rule
def pages_of_a_gateway_are_doubt(patch: Patch, world: World) -> None:
    """A page of HTML is never the API's, also over TLS that was verified."""
    patch.setattr(o, "_is_foreign_page", is_page)
