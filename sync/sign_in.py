"""Whose tokens may be tried in this pass: who is let go, who is held for want of them, and whose probe is due.

How a hold is kept is `holds.py`, which tokens there are is `token_book.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from storage import control
from storage.database import Transaction
from sync import holds
from sync.clock import Clock
from sync.credentials import Tokens
from sync.job import Work
from sync.ledger import Ledger
from sync.policy import Step
from sync.server_clock import clock_offset, sure_server_time
from sync.token_book import looks_ended

if TYPE_CHECKING:
    from sync.renewals import Renewed


def let_go(transaction: Transaction, ledger: Ledger) -> bool:
    """End the holds of owners who have other tokens now, once a second; whether this was the moment."""
    if not ledger.book.look_is_due():
        return False
    for owner, failed in holds.failed_tokens(transaction).items():
        tokens = ledger.book.of(owner or None)
        if tokens is not None and tokens.fingerprint() != failed:
            holds.lift_hold(transaction, owner or None)
            if ledger.tally.stopped_by == holds.HELD:
                ledger.tally.stopped_by = None  # who is still held is told by the report
    return True


def note_renewed(transaction: Transaction, ledger: Ledger, renewed: Renewed, clock: Clock) -> None:
    """Write down what became of a run of the sign-in command. New tokens are used at once."""
    ledger.book.forget()
    tokens = None if renewed.reason else ledger.book.of(renewed.owner)
    if tokens is not None:
        holds.command_printed(transaction, renewed.owner, tokens, clock.now())
    else:
        holds.command_failed(transaction, renewed.owner, renewed.reason, renewed.said, clock.now())


def usable_tokens(
    transaction: Transaction, ledger: Ledger, owner: str | None, clock: Clock, *, probe: bool = False
) -> Tokens | None:
    """The tokens of this owner, if they may be tried; nobody is held for want of them."""
    tokens = ledger.book.of(owner)
    if tokens is None or _trouble(transaction, tokens, clock, probe=probe):
        return None
    return tokens


def hold(
    transaction: Transaction, ledger: Ledger, owner: str | None, clock: Clock, *, probe: bool = False
) -> None:
    """Nothing of this owner's can be sent: there are no tokens, or they have ended."""
    tokens = ledger.book.of(owner)
    trouble = "There are no sign-in tokens on this device for these entries."
    if tokens is not None:
        trouble = _trouble(transaction, tokens, clock, probe=probe)
    holds.hold_owner(transaction, owner, tokens, trouble, clock.now(), probe=probe)
    ledger.tally.stopped_by = holds.HELD


def owners_to_probe(
    transaction: Transaction, active: list[Work], now: datetime
) -> Iterator[tuple[str | None, int]]:
    """Held owners whose probe is due and not under way, each with the sequence number that its probe goes behind.

    One is looked at when it is asked for, since a look may write down when its next probe is.
    """
    for name, standing in control.paused_owners(transaction).items():
        owner = name or None
        if holds.probe_due(transaction, owner, standing, now) and not any(
            job.owner == owner and job.step in (Step.SEND, Step.CHECK) for job in active
        ):
            yield owner, (standing.get("refused") or [0])[-1]


def _trouble(transaction: Transaction, tokens: Tokens, clock: Clock, *, probe: bool) -> str:
    """Why nothing can be sent with these tokens, in a sentence; empty when they can be tried."""
    server_now = sure_server_time(transaction, clock)
    ended = looks_ended(tokens, clock.now(), clock_offset(transaction), server_now)
    # Where the time is not sure a probe is sent all the same: its answer tells what time it is.
    return "The sign-in has expired." if ended and not (probe and server_now is None) else ""
