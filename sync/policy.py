"""What an outcome means for the entry and for the pass: which event, when again, does it count, does the drain go on.

Pure: outcome, facts and the present moment go in, one verdict comes out. Which answer is which outcome was decided in
`outcome.py`; what is written is decided in `ledger.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final, assert_never

from storage.lifecycle import Event
from sync import outcome as o

RETRY_AFTER_CAP_S: Final = 3600.0
# So often a way out of a spent address is tried before the next one gets its turn.
WAY_TRIES: Final = 8
_BUDGET_TOKENS: Final = 10.0
_BUDGET_RETURN: Final = 0.5
_SICK: Final = frozenset({500, 502, 503, 504})
# So often a try may fail with the link before the trouble is taken for the entry's own.
LINK_TRIES: Final = 3
_SILENT: Final = frozenset({"answer_late"})
# Among those that are ready it goes one back for what is likely the link's, and for good for what may be its own.
ONE_BACK: Final = 1
FAR_BACK: Final = 3


class Step(StrEnum):
    """What a worker does for an entry. Sending and uploading have a budget of attempts each."""

    SEND = "send"
    UPLOAD = "upload"
    LOOKUP = "lookup"  # see whether the server has it
    REISSUE = "reissue"  # ask the server for another address of the signature
    CHECK = "check"  # read what an update would change


class HostNews(StrEnum):
    """What a try says about the host it went to."""

    ANSWERED = "answered"  # it did its part, whatever that meant for the entry
    TROUBLED = "troubled"  # it cannot or will not
    HELD = "held"  # it asks for a wait
    UNREACHABLE = "unreachable"
    NONE = "none"


class Pause(StrEnum):
    """Who is held back by it."""

    QUEUE = "queue"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Limits:
    """When patience ends. An entry is parked at whichever comes first."""

    backoff_base_s: float = 2.0
    backoff_cap_s: float = 900.0
    max_attempts: int = 12
    max_age_s: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What is known of the entry before this try is counted."""

    step: Step
    attempts: int
    first_attempt_at: datetime | None
    link_failures: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from one try that did not succeed. `due_at` None: as soon as gates and pauses allow."""

    event: Event
    reason: str
    host: HostNews
    due_at: datetime | None = None
    counted: bool = False
    link_failure: bool = False
    certainly_created: bool = False
    hold_s: float | None = None
    pause: Pause | None = None
    yields: int = 0  # how far it stands back, so that another entry goes next


Setback = (
    o.Retryable
    | o.Unreachable
    | o.NotOurs
    | o.InDoubt
    | o.AuthRequired
    | o.Rejected
    | o.EndpointMissing
    | o.TargetMissing
    | o.UrlSpent
    | o.UploadRefused
    | o.LocalFault
    | o.WayClosed
    | o.ReadLost
)


def backoff_s(attempt: int, limits: Limits, rng: Random) -> float:
    """Full jitter: from nothing up to a wait that doubles with each counted attempt (1 or more), capped."""
    return rng.uniform(0, min(limits.backoff_cap_s, limits.backoff_base_s * 2.0 ** min(attempt - 1, 60)))


def next_attempt_at(
    attempt: int, *, now: datetime, hint_s: float | None, limits: Limits, rng: Random
) -> datetime:
    """When to try again after `attempt` recorded failures (1 or more). Aware UTC.

    A server's wait is a floor, capped at an hour.

    Assumed: the API may answer 429 with Retry-After; its pages list no error status.
    """
    wait_s = backoff_s(attempt, limits, rng)
    if hint_s is not None:
        wait_s = max(wait_s, min(hint_s, RETRY_AFTER_CAP_S))
    return now + timedelta(seconds=wait_s)


def exhausted(tried: Tried, now: datetime, limits: Limits) -> bool:
    """Whether this further counted try uses up the budget of its step."""
    if tried.attempts + 1 >= limits.max_attempts:
        return True
    return tried.first_attempt_at is not None and now - tried.first_attempt_at >= timedelta(
        seconds=limits.max_age_s
    )


def decide(outcome: Setback, tried: Tried, *, now: datetime, limits: Limits, rng: Random) -> Verdict:
    """The consequence of a try that did not succeed."""
    reason = outcome.reason
    match outcome:
        case o.Retryable():
            verdict = _retry(outcome, tried, now, limits, rng)
        case o.Unreachable() | o.NotOurs():
            # The gate does the waiting for all entries of this host: one wait, not one for each.
            far = tried.link_failures + 1 >= LINK_TRIES
            verdict = Verdict(
                Event.RETRY,
                reason,
                HostNews.UNREACHABLE,
                link_failure=True,
                yields=FAR_BACK if far else ONE_BACK,
            )
        case o.InDoubt():
            # A lost answer says nothing about the server; one that is broken or silent must not be fed the whole queue.
            troubled = outcome.status in _SICK or reason in _SILENT
            news = HostNews.TROUBLED if troubled else HostNews.NONE
            verdict = Verdict(
                Event.DOUBT,
                reason,
                news,
                counted=True,
                certainly_created=outcome.certainly_created,
                yields=ONE_BACK,
            )
        case o.AuthRequired():
            back = FAR_BACK if outcome.perhaps_only_this else ONE_BACK
            verdict = Verdict(Event.RETRY, reason, HostNews.ANSWERED, pause=Pause.OWNER, yields=back)
        case o.EndpointMissing():
            verdict = Verdict(Event.RETRY, reason, HostNews.ANSWERED, pause=Pause.QUEUE, yields=FAR_BACK)
        case o.Rejected():
            verdict = Verdict(Event.REJECT, reason, HostNews.ANSWERED)
        case o.TargetMissing():
            verdict = Verdict(Event.PARK, reason, HostNews.ANSWERED)
        case o.UrlSpent() | o.UploadRefused():
            # One bad URL says little about the host; a signer whose every URL is bad closes the gate in the end.
            verdict = Verdict(Event.PARK, reason, HostNews.TROUBLED)
        case o.LocalFault():
            verdict = Verdict(Event.PARK, reason, HostNews.NONE)
        case o.WayClosed():
            verdict = _way_closed(outcome, tried, now, limits, rng)
        case o.ReadLost():
            # A list or a page that is slow says nothing about sending; the wait is this entry's own.
            wait = next_attempt_at(tried.link_failures + 1, now=now, hint_s=None, limits=limits, rng=rng)
            verdict = Verdict(Event.RETRY, reason, HostNews.NONE, wait, link_failure=True, yields=ONE_BACK)
        case _:
            assert_never(outcome)
    return verdict


def _retry(outcome: o.Retryable, tried: Tried, now: datetime, limits: Limits, rng: Random) -> Verdict:
    if not outcome.counts:
        wait_s = min(outcome.retry_after_s or backoff_s(4, limits, rng), RETRY_AFTER_CAP_S)
        return Verdict(Event.RETRY, outcome.reason, HostNews.HELD, hold_s=wait_s, yields=FAR_BACK)
    if exhausted(tried, now, limits):
        return Verdict(Event.PARK, "attempts_exhausted", HostNews.TROUBLED, counted=True)
    due_at = next_attempt_at(
        tried.attempts + 1, now=now, hint_s=outcome.retry_after_s, limits=limits, rng=rng
    )
    if outcome.retry_after_s is not None:
        hold_s = min(outcome.retry_after_s, RETRY_AFTER_CAP_S)
        return Verdict(
            Event.RETRY, outcome.reason, HostNews.HELD, due_at, counted=True, hold_s=hold_s, yields=ONE_BACK
        )
    # A storage that stored something else than we sent did answer: that is this entry's trouble, not the host's.
    answered = outcome.status is not None and 200 <= outcome.status < 300
    news = HostNews.ANSWERED if answered else HostNews.TROUBLED
    return Verdict(Event.RETRY, outcome.reason, news, due_at, counted=True, yields=ONE_BACK)


def _way_closed(outcome: o.WayClosed, tried: Tried, now: datetime, limits: Limits, rng: Random) -> Verdict:
    """A few tries, then `ways_out.py` says where to turn. Never a pause: it is about one signature."""
    answered = outcome.status is not None and outcome.status < 500
    news = HostNews.ANSWERED if answered else HostNews.NONE
    if tried.step is Step.UPLOAD:
        # Its address was of no use and neither were our own credentials: more of the same would end here too.
        news = HostNews.TROUBLED
    if outcome.lasting or tried.attempts + 1 >= min(WAY_TRIES, limits.max_attempts):
        return Verdict(Event.PARK, outcome.reason, news, counted=True)
    due_at = next_attempt_at(tried.attempts + 1, now=now, hint_s=None, limits=limits, rng=rng)
    return Verdict(Event.RETRY, outcome.reason, news, due_at, counted=True, yields=ONE_BACK)


class RetryBudget:
    """How many repeats one process may make on top of first tries: a recovering server is not met by a wall of them.

    When it is spent, repeats go on one at a time, so that no queue is ever stuck on it.
    """

    def __init__(self) -> None:
        self.tokens = _BUDGET_TOKENS

    @property
    def spent(self) -> bool:
        return self.tokens < 1

    def retried(self) -> None:
        self.tokens = max(0.0, self.tokens - 1)

    def succeeded(self) -> None:
        self.tokens = min(_BUDGET_TOKENS, self.tokens + _BUDGET_RETURN)
