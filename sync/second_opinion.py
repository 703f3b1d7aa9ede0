"""Is it this entry, or everybody? An answer that would hold up the queue is asked for again with another entry.

A missing route, a refusal of the signed-in person and a request to slow down are about the server, until another entry
gets through in between: then whoever meets them again is alone with them, and waits alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

from storage import control, readiness
from storage.database import Transaction
from storage.guarded import to_ms
from storage.lifecycle import Event
from sync import outcome as o
from sync import policy
from sync.job import Job
from sync.policy import HostNews, Limits, Step, Tried, Verdict

# Different entries that met the same in a row, with no success between: two is everybody, five is so even after one
# of them was found to be alone with it.
_EVERYBODY: Final = 2
_EVERYBODY_AFTER_ALL: Final = 5
_KEPT: Final = 200
# The waits of an entry that is alone with a busy server begin here in the row of backoffs: about a minute.
_BUSY_FROM: Final = 6


def weigh(
    transaction: Transaction,
    job: Job,
    outcome: policy.Setback,
    verdict: Verdict,
    tried: Tried,
    *,
    sent_some: bool,
    now: datetime,
    limits: Limits,
    rng: Random,
) -> Verdict:
    """The verdict, where it would hold up others: stands, waits for a second opinion, or becomes the entry's own.

    `sent_some`: this pass has seen the same route take another entry.
    """
    if job.step is not Step.SEND:
        return verdict
    if isinstance(outcome, o.EndpointMissing):
        met = _suspect(transaction, verdict.reason, job.id, now)
        if (sent_some or _is_alone(transaction, job.id)) and met < _EVERYBODY_AFTER_ALL:
            return _own(verdict, tried, now, limits, rng)
        return _ask_another(transaction, job, verdict, met)
    if isinstance(outcome, o.AuthRequired) and outcome.perhaps_only_this:
        met = _suspect(transaction, f"forbidden:{job.owner or ''}", job.id, now)
        return _ask_another(transaction, job, verdict, met, of_owner=True)
    if verdict.host is HostNews.HELD and not verdict.counted:
        _suspect(transaction, verdict.reason, job.id, now)
        if _is_alone(transaction, job.id):
            wait = policy.next_attempt_at(
                _BUSY_FROM + job.link_failures, now=now, hint_s=verdict.hold_s, limits=limits, rng=rng
            )
            return replace(verdict, due_at=wait, link_failure=True)
    return verdict


def _own(verdict: Verdict, tried: Tried, now: datetime, limits: Limits, rng: Random) -> Verdict:
    """Others got through where this one did not: it uses up its own tries."""
    if policy.exhausted(tried, now, limits):
        return Verdict(Event.PARK, "attempts_exhausted", HostNews.ANSWERED, counted=True)
    due_at = policy.next_attempt_at(tried.attempts + 1, now=now, hint_s=None, limits=limits, rng=rng)
    return Verdict(Event.RETRY, verdict.reason, HostNews.ANSWERED, due_at, counted=True)


def _ask_another(
    transaction: Transaction, job: Job, verdict: Verdict, met: int, *, of_owner: bool = False
) -> Verdict:
    others = readiness.anybody_else(transaction, job.seq, owner=job.owner, any_owner=not of_owner)
    if met >= _EVERYBODY or not others:
        return verdict
    # One at a time from here on: the next one is the second opinion.
    return replace(verdict, pause=None, host=HostNews.TROUBLED)


def _suspect(transaction: Transaction, what: str, id: str, now: datetime) -> int:
    """Note that this entry met `what`; how many different ones have in a row."""
    known = control.get(transaction, control.SUSPECTS) or {}
    ids = [each for each in known.get(what, []) if each != id][-_EVERYBODY_AFTER_ALL:]
    known[what] = [*ids, id]
    control.put(transaction, control.SUSPECTS, known, now=to_ms(now))
    return len(known[what])


def _is_alone(transaction: Transaction, id: str) -> bool:
    return id in (control.get(transaction, control.ALONE) or [])


def got_through(transaction: Transaction, now: datetime) -> None:
    """Somebody succeeded: what others met before was about them alone."""
    known = control.get(transaction, control.SUSPECTS)
    if known is None:
        return
    alone = control.get(transaction, control.ALONE) or []
    met = [id for ids in known.values() for id in ids]
    kept = [id for id in alone if id not in met] + met
    control.put(transaction, control.ALONE, kept[-_KEPT:], now=to_ms(now))
    control.clear(transaction, control.SUSPECTS)
