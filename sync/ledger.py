"""Writes down how a job ended: what the API or the storage took here, what did not succeed by `setbacks.py`.

Each call runs inside the drain's transaction; what it answers may only be acted on after that has been committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Final

from storage import control, records, waits
from storage.database import Transaction
from storage.guarded import to_ms
from storage.records import Answer, Kept
from sync import checks, holds, second_opinion
from sync import outcome as o
from sync.clock import Clock
from sync.gate import Host
from sync.hosts import Hosts, Snapshot
from sync.job import Finished, Job, host_of, result_of
from sync.policy import FAR_BACK, HostNews, Limits, RetryBudget, Step
from sync.server_clock import clock_offset, note_offset
from sync.setbacks import Setbacks
from sync.tally import Tally
from sync.token_book import TokenBook
from sync.ways_out import NO_WAYS, Stuck, Ways, news_of_turn, next_way

_NOTE_EVERY_S: Final = 1.0
# A probe that ends like this leaves its owner held.
_SAYS_NOTHING_OF_TOKENS: Final = (
    o.AuthRequired,
    o.Unreachable,
    o.NotOurs,
    o.LocalFault,
    o.ReadRefused,
    o.ReadLost,
)
_SERVER_ERROR: Final = 500


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
        self._clock = clock
        self._setbacks = Setbacks(hosts, book, limits, clock, rng, ways)
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
            holds.probe_answered(
                transaction, job.owner, now, taken=isinstance(outcome, o.Accepted | o.TargetShown)
            )
        if isinstance(outcome, o.Accepted):
            return self._accepted(transaction, finished, outcome, now, upload_next=upload_next)
        if isinstance(outcome, o.Uploaded):
            self._uploaded(transaction, finished, outcome, now)
            return None
        if isinstance(outcome, o.UrlIssued):
            self._url_issued(transaction, finished, outcome, now)
            return None
        if isinstance(outcome, o.TargetShown | o.ReadRefused):
            self._target_read(transaction, finished, outcome, now)
            return None
        self._setbacks.record(transaction, finished, outcome, self.tally, now)
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
            result_of(finished, outcome),
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
            result_of(finished, outcome),
            url=outcome.url,
            expires_at=None if outcome.expires_at is None else to_ms(outcome.expires_at),
            now=to_ms(now),
        )

    def _target_read(
        self,
        transaction: Transaction,
        finished: Finished,
        outcome: o.TargetShown | o.ReadRefused,
        now: datetime,
    ) -> None:
        """What an update changes was read, or is not shown: the update itself goes, or is held, from here."""
        answered = outcome.status is not None and outcome.status < _SERVER_ERROR
        self.hosts.tell(Host.API, HostNews.ANSWERED if answered else HostNews.NONE, "", now)
        checks.record(transaction, finished, outcome, self._clock)

    def _sent_well(self, transaction: Transaction, job: Job, now: datetime) -> None:
        self.hosts.tell(Host.API, HostNews.ANSWERED, "", now)
        self.budget.succeeded()
        self.tally.sent_kinds.add(job.kind)
        control.clear(transaction, control.REJECTIONS)
        second_opinion.got_through(transaction, now)
        waits.forgive(transaction, below=FAR_BACK)
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
            transaction, job.seq, job.lease, result_of(finished, outcome), now=to_ms(now), etag=outcome.etag
        ):
            self.tally.uploaded += 1
            self.tally.delivered += 1

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
