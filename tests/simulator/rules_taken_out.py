"""The product without one of its rules: what each rule is for is seen by what happens when it is gone.

Each of these is a small patch, named after the rule that it removes. They stand on the code as it is: a patch that no
longer finds what it changes fails loudly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import pytest
from sqlalchemy import exists, literal

from storage import claims, control, doubts, guarded, orders, overview, readiness, records, settlements
from storage.claims import rescue_one
from storage.database import Transaction
from storage.guarded import ENTRY, freed, held, move
from storage.lifecycle import Event, State
from storage.locks import FileLock
from storage.records import Kept
from sync import drain, outcome_upload, policy, reconcile
from sync import outcome as o
from sync.answer import is_page
from sync.drain import Drain
from sync.intake import Intake
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
def taking_a_row_ends_its_lease(patch: Patch, world: World) -> None:
    """Owner and fence stay as they were when somebody else takes the row."""
    for module in (claims, doubts, orders, settlements):
        patch.setattr(module, "freed", lambda row: {"lease_expires_at": None})


@_rule
def outcomes_say_which_lease_they_had(patch: Patch, world: World) -> None:
    """Whoever brings an outcome writes it down."""
    patch.setattr(records, "leased", lambda transaction, seq, lease: held(transaction, seq=seq))


@_rule
def a_late_outcome_changes_nothing(patch: Patch, world: World) -> None:
    """Zero rows changed: then the row is in doubt, whatever it was."""
    record_setback = records.record_setback

    def literal(transaction: Transaction, seq: int, *args: Any, **named: Any) -> bool:
        written: bool = record_setback(transaction, seq, *args, **named)
        if not written:
            sql = "UPDATE entry SET state = 'in_doubt', stage = NULL, lease_owner = NULL WHERE seq = ?"
            transaction.cursor.execute(sql, (seq,))
        return written

    patch.setattr(records, "record_setback", literal)


@_rule
def a_late_201_is_evidence(patch: Patch, world: World) -> None:
    """An acceptance that lost its lease is dropped: no id, no URL, no receipt."""
    record_accepted = records.record_accepted

    def dropping(transaction: Transaction, seq: int, lease: Any, *args: Any, **named: Any) -> Any:
        if records.leased(transaction, seq, lease) is None:
            return Kept.RECEIPT_ONLY, None
        return record_accepted(transaction, seq, lease, *args, **named)

    patch.setattr(records, "record_accepted", dropping)


@_rule
def pages_of_a_gateway_are_doubt(patch: Patch, world: World) -> None:
    """A page of HTML is never the API's, also over TLS that was verified."""
    patch.setattr(o, "_is_foreign_page", is_page)


@_rule
def waits_run_on_monotonic_time(patch: Patch, world: World) -> None:
    """The settling time is counted by the wall clock."""
    clock = world.clock
    object.__setattr__(clock, "monotonic_s", lambda: clock.now().timestamp())


@_rule
def last_miss_lies_a_gap_behind_the_settling_time(patch: Patch, world: World) -> None:
    """One look-up right after the settling time is enough."""
    patch.setattr(reconcile, "CLEAN_MISSES", 1)
    patch.setattr(reconcile.Patience, "proof_s", property(lambda self: self.settle_s))


@_rule
def two_misses_are_needed(patch: Patch, world: World) -> None:
    """One is enough, as long as it comes late."""
    patch.setattr(reconcile, "CLEAN_MISSES", 1)


@_rule
def orders_shorten_no_settling_time(patch: Patch, world: World) -> None:
    """A resync makes the waits of doubt look as if they were over."""
    hasten = doubts.hasten_looks

    def hurrying(transaction: Transaction) -> int:
        sql = (
            "UPDATE entry SET doubt_mono_ms = doubt_mono_ms - 1000000, last_miss_mono_ms = last_miss_mono_ms - 1000000 "
            "WHERE state = 'in_doubt'"
        )
        transaction.cursor.execute(sql)
        return hasten(transaction)

    patch.setattr(doubts, "hasten_looks", hurrying)


@_rule
def a_person_waits_for_a_live_lease(patch: Patch, world: World) -> None:
    """settle, discard and resync take a row out of the hands of whoever is sending it."""

    def free(transaction: Transaction, id: str, moment: Any, repeatable: Any) -> Any:
        row = held(transaction, id=id)
        assert row is not None
        if row.state is State.SENDING:
            rescue_one(transaction, row, moment=moment, repeatable=repeatable)
        return held(transaction, id=id)

    resync = orders.resync

    def requeue(transaction: Transaction, id: str, **named: Any) -> Any:
        row = held(transaction, id=id)
        if row is not None and row.state is State.SENDING:
            move(transaction, row, Event.RETRY, due_at=0, **freed(row))
            return orders.Ordered("hastened")
        return resync(transaction, id, **named)

    patch.setattr(settlements, "_free", free)
    patch.setattr(orders, "resync", requeue)


@_rule
def what_was_in_doubt_goes_back_into_doubt(patch: Patch, world: World) -> None:
    """A released entry is simply sent again."""
    patch.setattr(guarded, "stage_kept", lambda state: State.PENDING)


@_rule
def an_exchange_ends_within_its_lease(patch: Patch, world: World) -> None:
    """Nobody ends it, nobody keeps its lease alive."""
    patch.setattr(Drain, "_watch", lambda self, ledger: None)


@_rule
def a_thread_that_hangs_ends_its_process(patch: Patch, world: World) -> None:
    """The process waits for it, for ever."""
    patch.setattr(drain, "HUNG_AFTER_S", math.inf)


@_rule
def trouble_with_an_upload_stops_no_chain(patch: Patch, world: World) -> None:
    """What comes after an entry waits until its signature is up."""
    previous = readiness._previous
    blocked = exists().where(
        previous.c.id == ENTRY.c.after_entry,
        previous.c.state.not_in([literal("done"), literal("discarded")]),
    )
    patch.setattr(readiness, "_BLOCKED", blocked)
    patch.setattr(
        readiness, "due_sends_statement", lru_cache(maxsize=16)(readiness.due_sends_statement.__wrapped__)
    )


@_rule
def waiting_for_another_is_no_state(patch: Patch, world: World) -> None:
    """Who waits for an entry that dies is parked with it."""
    record_setback = records.record_setback

    def parks_children(
        transaction: Transaction, seq: int, lease: Any, setback: Any, *args: Any, **named: Any
    ) -> bool:
        written: bool = record_setback(transaction, seq, lease, setback, *args, **named)
        if setback.event is Event.REJECT:
            sql = (
                "UPDATE entry SET state = 'parked', stage = 'pending', reason = 'parent_failed' "
                "WHERE state = 'pending' AND after_entry = (SELECT id FROM entry WHERE seq = ?)"
            )
            transaction.cursor.execute(sql, (seq,))
        return written

    patch.setattr(records, "record_setback", parks_children)


@_rule
def who_waits_for_a_held_entry_is_counted(patch: Patch, world: World) -> None:
    """`status` says nothing of those behind it."""
    patch.setattr(overview, "behind_held", lambda reader: overview.Group(0, None))


@_rule
def uploads_go_on_while_an_owner_is_held(patch: Patch, world: World) -> None:
    """A sign-in that failed stops the uploads too."""
    uploads = Intake._uploads

    def held_too(self: Intake, transaction: Transaction, *args: Any) -> Any:
        return [] if control.paused_owners(transaction) else uploads(self, transaction, *args)

    patch.setattr(Intake, "_uploads", held_too)
