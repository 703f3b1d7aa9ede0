"""Writes down how a job ended: attempt, receipt, new state, and what it says about hosts, owners and the queue.

Each call runs inside the drain's transaction; what it answers may only be acted on after that has been committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from storage import control, readiness, records
from storage.claims import doubt_clock
from storage.database import Transaction
from storage.guarded import from_ms, to_ms
from storage.lifecycle import Event
from storage.records import Answer, Kept, Result
from sync import holds, policy, second_opinion
from sync import outcome as o
from sync.clock import Clock
from sync.delivery import Finished, Job
from sync.gate import Host
from sync.hosts import Hosts, Snapshot, upload_key
from sync.policy import FAR_BACK, LINK_TRIES, HostNews, Limits, Pause, RetryBudget, Step, Tried, Verdict
from sync.secret import redact
from sync.server_clock import clock_offset, note_offset
from sync.token_book import TokenBook
from sync.ways_out import NO_WAYS, Stuck, Turn, Ways, news_of_turn, next_way, turn

# So many different entries refused in a row, with no success between: something else is wrong, stop emptying the queue.
SUSPICIOUS_REJECTIONS: Final = 5
_NOTE_EVERY_S: Final = 1.0
# A probe that ends like this leaves its owner held.
_SAYS_NOTHING_OF_TOKENS: Final = (o.AuthRequired, o.Unreachable, o.NotOurs, o.LocalFault)


@dataclass(slots=True)
class Tally:
    """What this pass has done so far."""

    sent: int = 0
    uploaded: int = 0
    delivered: int = 0
    stopped_by: str | None = None
    sent_kinds: set[str] = field(default_factory=set)
    renewals: list[str | None] = field(default_factory=list)  # owners whose tokens are to be asked for

    def copy(self) -> Tally:
        return replace(self, sent_kinds=set(self.sent_kinds), renewals=list(self.renewals))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The counts at the start of a transaction."""

    tally: Tally
    book: tuple[frozenset[str], float | None]
    gates: Snapshot
    budget_tokens: float
    noted: tuple[datetime | None, datetime | None]


class Ledger:
    """The book of one pass."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        budget: RetryBudget,
        limits: Limits,
        clock: Clock,
        rng: Random,
        book: TokenBook,
        ways: Ways = NO_WAYS,
    ) -> None:
        self._ways = ways
        self.hosts = hosts
        self.book = book
        self.budget = budget
        self.tally = Tally()
        self._limits = limits
        self._clock = clock
        self._rng = rng
        self._success_at: datetime | None = None
        self._offset_at: datetime | None = None

    def checkpoint(self) -> Checkpoint:
        """What is counted so far."""
        return Checkpoint(
            self.tally.copy(),
            self.book.checkpoint(),
            self.hosts.snapshot(),
            self.budget.tokens,
            (self._success_at, self._offset_at),
        )

    def restore(self, before: Checkpoint) -> None:
        """Forget what a transaction that was not committed would have counted."""
        self.tally = before.tally.copy()
        self.book.restore(before.book)
        self.hosts.restore(before.gates)
        self.budget.tokens = before.budget_tokens
        self._success_at, self._offset_at = before.noted

    def record(self, transaction: Transaction, finished: Finished, *, upload_next: bool) -> Job | None:
        """Write down one finished job. Answers the upload that its worker goes on with, if there is one."""
        now = self._clock.now()
        job, outcome = finished.job, finished.outcome
        # A portal's clock is not the server's.
        if finished.clock_offset_s is not None and not isinstance(outcome, o.NotOurs):
            self._note_offset(transaction, finished.clock_offset_s, now)
        if outcome is None:
            records.hand_back(transaction, job.seq, job.lease)
            return None
        if job.probe and not isinstance(outcome, _SAYS_NOTHING_OF_TOKENS):
            holds.probe_answered(transaction, job.owner, now, taken=isinstance(outcome, o.Accepted))
        if isinstance(outcome, o.Accepted):
            return self._accepted(transaction, finished, outcome, now, upload_next=upload_next)
        if isinstance(outcome, o.Uploaded):
            self._uploaded(transaction, finished, outcome, now)
            return None
        if isinstance(outcome, o.UrlIssued):
            self._url_issued(transaction, finished, outcome, now)
            return None
        # As stored now: a jump of the clock during the exchange has moved it.
        first_at = readiness.first_attempt_at(transaction, job.seq)
        tried = Tried(
            job.step, job.attempts, None if first_at is None else from_ms(first_at), job.link_failures
        )
        verdict = policy.decide(outcome, tried, now=now, limits=self._limits, rng=self._rng)
        verdict = second_opinion.weigh(
            transaction,
            job,
            outcome,
            verdict,
            tried,
            sent_some=job.kind in self.tally.sent_kinds,
            now=now,
            limits=self._limits,
            rng=self._rng,
        )
        self._set_back(transaction, finished, outcome, verdict, now)
        return None

    def _accepted(
        self,
        transaction: Transaction,
        finished: Finished,
        outcome: o.Accepted,
        now: datetime,
        *,
        upload_next: bool,
    ) -> Job | None:
        job = finished.job
        trouble, expires_at = finished.url_trouble, finished.url_expires_at
        answer = Answer(
            outcome.status or 0,
            outcome.server_id,
            json.dumps(outcome.answer, ensure_ascii=False, separators=(",", ":")),
            outcome.presigned_url,
            None if expires_at is None else to_ms(expires_at),
        )
        kept, lease = records.record_accepted(
            transaction,
            job.seq,
            job.lease,
            answer,
            _result(finished, outcome),
            digest=job.digest,
            now=to_ms(now),
            upload_next=upload_next and trouble is None,
        )
        self._sent_well(transaction, job, now)
        if kept in (Kept.STORED, Kept.ADOPTED):
            self.tally.sent += 1
            if not job.has_signature:
                self.tally.delivered += 1
            if trouble is not None:
                self._url_useless(transaction, job, trouble, now)
        if lease is None:
            return None
        return replace(
            job,
            step=Step.UPLOAD,
            repeat=False,
            attempts=0,
            first_attempt_at=None,
            attempt_n=lease.attempt_n,
            lease=lease,
            request=None,
            tokens=None,
            url=outcome.presigned_url,
            url_expires_at=expires_at,
            clock_offset_s=clock_offset(transaction),
        )

    def _url_useless(self, transaction: Transaction, job: Job, trouble: str, now: datetime) -> None:
        way = next_way(Stuck(trouble), self._ways)
        if way is not None:
            records.take_detour(transaction, job.seq, records.Detour(way.value, trouble))
            self.hosts.tell(Host.UPLOAD, news_of_turn(way), trouble, now)
            return
        records.park_accepted(transaction, job.seq, reason=trouble)
        # As when the storage refuses it: a server whose every URL is useless must not get the whole queue.
        self.hosts.tell(Host.UPLOAD, HostNews.TROUBLED, trouble, now)

    def _url_issued(
        self, transaction: Transaction, finished: Finished, outcome: o.UrlIssued, now: datetime
    ) -> None:
        """It is claimed for its upload in this same transaction, where a worker is free and the storage in reach."""
        job = finished.job
        self.hosts.tell(Host.API, HostNews.ANSWERED, "", now)
        self.budget.succeeded()
        records.record_url(
            transaction,
            job.seq,
            job.lease,
            _result(finished, outcome),
            url=outcome.url,
            expires_at=None if outcome.expires_at is None else to_ms(outcome.expires_at),
            now=to_ms(now),
        )

    def _sent_well(self, transaction: Transaction, job: Job, now: datetime) -> None:
        self.hosts.tell(Host.API, HostNews.ANSWERED, "", now)
        self.budget.succeeded()
        self.tally.sent_kinds.add(job.kind)
        control.clear(transaction, "rejections")
        second_opinion.got_through(transaction, now)
        readiness.forgive(transaction, below=FAR_BACK)
        self._note_success(transaction, now)
        if job.tokens is not None:
            self.book.prove(transaction, job.tokens, now=to_ms(now))
            holds.tokens_taken(transaction, job.tokens)

    def _uploaded(
        self, transaction: Transaction, finished: Finished, outcome: o.Uploaded, now: datetime
    ) -> None:
        self.hosts.tell(host_of(finished.job), HostNews.ANSWERED, "", now)
        self.budget.succeeded()
        self._note_success(transaction, now)
        job = finished.job
        if records.record_uploaded(
            transaction, job.seq, job.lease, _result(finished, outcome), now=to_ms(now)
        ):
            self.tally.uploaded += 1
            self.tally.delivered += 1

    def _set_back(
        self,
        transaction: Transaction,
        finished: Finished,
        outcome: policy.Setback,
        verdict: Verdict,
        now: datetime,
    ) -> None:
        job, now_ms = finished.job, to_ms(now)
        if verdict.pause is Pause.OWNER:
            verdict = self._weighed(transaction, job, outcome, verdict, now)
        detour: Turn | None = None
        if job.step is not Step.SEND:
            verdict, detour = turn(outcome, verdict, job.stuck, self._ways)
        due_at = verdict.due_at
        if job.step is not Step.SEND and verdict.link_failure and job.link_failures + 1 >= LINK_TRIES:
            # Its host was in reach and it still failed: from here on the trouble is its own, and so is the wait.
            due_at = policy.next_attempt_at(
                job.link_failures + 1, now=now, hint_s=None, limits=self._limits, rng=self._rng
            )
        setback = records.Setback(
            event=verdict.event,
            reason=verdict.reason,
            due_at=0 if due_at is None else to_ms(due_at),
            counted=verdict.counted,
            link_failure=verdict.link_failure,
            yields=verdict.yields if job.step is Step.SEND else 0,
            certainly_created=verdict.certainly_created,
            doubt=doubt_clock(now_ms, self._clock.monotonic_ms(), self._clock.boot())
            if verdict.event is Event.DOUBT
            else None,
            detour=None if detour is None else records.Detour(detour.way.value, detour.trouble),
        )
        records.record_setback(
            transaction, job.seq, job.lease, setback, _result(finished, outcome), now=now_ms
        )
        self.hosts.tell(host_of(job), verdict.host, verdict.reason, now, verdict.hold_s)
        if verdict.pause is Pause.OWNER:
            holds.hold_owner(
                transaction, job.owner, job.tokens, outcome.sentence, now, seq=job.seq, probe=job.probe
            )
            self.tally.stopped_by = verdict.reason
        elif verdict.pause is Pause.QUEUE:
            self._pause(transaction, verdict.reason, outcome.sentence, now)
        if isinstance(outcome, o.Rejected):
            self._count_rejection(transaction, job.id, now)

    def _weighed(
        self, transaction: Transaction, job: Job, outcome: policy.Setback, verdict: Verdict, now: datetime
    ) -> Verdict:
        """Whether a refused sign-in holds its owner: not where others have shown that it is about this entry."""
        assert job.tokens is not None, "a send has tokens"
        current = self.book.of(job.owner)
        if current is not None and current.fingerprint() != job.tokens.fingerprint():
            return replace(verdict, pause=None)  # of a pair that is no longer used
        perhaps = isinstance(outcome, o.AuthRequired) and outcome.perhaps_only_this
        if perhaps and self.book.is_proven(transaction, job.tokens):
            return replace(verdict, pause=None)  # proved meanwhile: the next answer is read in that light
        wait_s = holds.wait_alone_s(transaction, job.owner, job.tokens, job.seq, now)
        if wait_s is None:
            return verdict
        due_at = now + timedelta(seconds=wait_s)
        return replace(verdict, pause=None, reason=holds.ALONE, due_at=due_at)

    def _note_success(self, transaction: Transaction, now: datetime) -> None:
        # Once a second is enough for people, and a drain has hundreds.
        if self._success_at is None or abs((now - self._success_at).total_seconds()) >= _NOTE_EVERY_S:
            self._success_at = now
            control.put(transaction, control.LAST_SUCCESS, to_ms(now), now=to_ms(now))

    def _note_offset(self, transaction: Transaction, offset_s: float, now: datetime) -> None:
        # A drain has hundreds of answers; one measure a second is enough.
        if self._offset_at is not None and abs((now - self._offset_at).total_seconds()) < _NOTE_EVERY_S:
            return
        self._offset_at = now
        note_offset(transaction, offset_s, self._clock)

    def _count_rejection(self, transaction: Transaction, id: str, now: datetime) -> None:
        ids = [*(control.get(transaction, "rejections") or []), id]
        control.put(transaction, "rejections", ids[-SUSPICIOUS_REJECTIONS:], now=to_ms(now))
        if len(set(ids)) >= SUSPICIOUS_REJECTIONS:
            sentence = f"{SUSPICIOUS_REJECTIONS} entries in a row were refused for good."
            self._pause(transaction, "rejections_suspicious", sentence, now)

    def _pause(self, transaction: Transaction, reason: str, detail: str, now: datetime) -> None:
        holds.pause_queue(transaction, reason, detail, now)
        self.tally.stopped_by = reason


def host_of(job: Job) -> Host | str:
    """The gate that this job has to pass."""
    return upload_key(job.url) if job.step is Step.UPLOAD else Host.API


def _result(finished: Finished, outcome: o.Outcome) -> Result:
    return Result(
        outcome=type(outcome).__name__,
        reason=outcome.reason,
        duration_ms=finished.duration_ms,
        status=outcome.status,
        detail=redact(outcome.detail),
        request_id=finished.request_id,
    )
