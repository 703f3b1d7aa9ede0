"""What does a try that did not succeed change? Its entry, the gate of its host, its owner, or the whole queue.

The verdict is `policy.py`; whether others share the trouble is `second_opinion.py`, where a signature turns to instead
is `ways_out.py`. Here it is written down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from storage import control, records, waits
from storage.claims import doubt_clock
from storage.database import Transaction
from storage.guarded import from_ms, to_ms
from storage.lifecycle import Event
from sync import holds, policy, second_opinion
from sync import outcome as o
from sync.clock import Clock
from sync.hosts import Hosts
from sync.job import Finished, Job, host_of, result_of
from sync.policy import LINK_TRIES, Limits, Pause, Step, Tried, Verdict
from sync.tally import Tally
from sync.token_book import TokenBook
from sync.ways_out import Turn, Ways, turn

# So many different entries refused in a row, with no success between: something else is wrong, stop emptying the queue.
SUSPICIOUS_REJECTIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Setbacks:
    """Writes down the setbacks of one pass."""

    hosts: Hosts
    book: TokenBook
    limits: Limits
    clock: Clock
    rng: Random
    ways: Ways

    def record(
        self,
        transaction: Transaction,
        finished: Finished,
        outcome: policy.Setback,
        tally: Tally,
        now: datetime,
    ) -> None:
        """Write down one job that did not succeed; `tally` learns what stops the pass."""
        job, now_ms = finished.job, to_ms(now)
        verdict = self._verdict(transaction, job, outcome, tally, now)
        detour: Turn | None = None
        if job.step in (Step.UPLOAD, Step.REISSUE):
            verdict, detour = turn(outcome, verdict, job.stuck, self.ways)
        due_at = verdict.due_at
        if job.step is not Step.SEND and verdict.link_failure and job.link_failures + 1 >= LINK_TRIES:
            # Its host was in reach and it still failed: from here on the trouble is its own, and so is the wait.
            due_at = policy.next_attempt_at(
                job.link_failures + 1, now=now, hint_s=None, limits=self.limits, rng=self.rng
            )
        setback = records.Setback(
            event=verdict.event,
            reason=verdict.reason,
            due_at=0 if due_at is None else to_ms(due_at),
            counted=verdict.counted,
            link_failure=verdict.link_failure,
            yields=verdict.yields if job.step in (Step.SEND, Step.CHECK) else 0,
            certainly_created=verdict.certainly_created,
            doubt=doubt_clock(now_ms, self.clock.monotonic_ms(), self.clock.boot())
            if verdict.event is Event.DOUBT
            else None,
            detour=None if detour is None else records.Detour(detour.way.value, detour.trouble),
        )
        records.record_setback(
            transaction, job.seq, job.lease, setback, result_of(finished, outcome), now=now_ms
        )
        self.hosts.tell(host_of(job), verdict.host, verdict.reason, now, verdict.hold_s)
        if verdict.pause is Pause.OWNER:
            holds.hold_owner(
                transaction, job.owner, job.tokens, outcome.sentence, now, seq=job.seq, probe=job.probe
            )
            tally.stopped_by = verdict.reason
        elif verdict.pause is Pause.QUEUE:
            _pause(transaction, verdict.reason, outcome.sentence, tally, now)
        if isinstance(outcome, o.Rejected):
            _count_rejection(transaction, tally, job.id, now)

    def _verdict(
        self, transaction: Transaction, job: Job, outcome: policy.Setback, tally: Tally, now: datetime
    ) -> Verdict:
        """What the policy says, in the light of how others of this pass and this owner have fared."""
        # As stored now: a jump of the clock during the exchange has moved it.
        first_at = waits.first_attempt_at(transaction, job.seq)
        tried = Tried(
            job.step, job.attempts, None if first_at is None else from_ms(first_at), job.link_failures
        )
        verdict = policy.decide(outcome, tried, now=now, limits=self.limits, rng=self.rng)
        verdict = second_opinion.weigh(
            transaction,
            job,
            outcome,
            verdict,
            tried,
            sent_some=job.kind in tally.sent_kinds,
            now=now,
            limits=self.limits,
            rng=self.rng,
        )
        if verdict.pause is Pause.OWNER:
            verdict = self._weighed(transaction, job, outcome, verdict, now)
        return verdict

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


def _count_rejection(transaction: Transaction, tally: Tally, id: str, now: datetime) -> None:
    ids = [*(control.get(transaction, control.REJECTIONS) or []), id]
    control.put(transaction, control.REJECTIONS, ids[-SUSPICIOUS_REJECTIONS:], now=to_ms(now))
    if len(set(ids)) >= SUSPICIOUS_REJECTIONS:
        sentence = f"{SUSPICIOUS_REJECTIONS} entries in a row were refused for good."
        _pause(transaction, "rejections_suspicious", sentence, tally, now)


def _pause(transaction: Transaction, reason: str, detail: str, tally: Tally, now: datetime) -> None:
    holds.pause_queue(transaction, reason, detail, now)
    tally.stopped_by = reason
