"""What the drain takes in hand next: uploads, then sends in capture order, as gates, pauses and budget let it.

A presigned URL is the only thing here that spoils, so an upload comes before any send. How many may go to a host is
`widths.py`, whose tokens may be tried is `sign_in.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from storage import chains, claims, control, digests, owners, readiness, waits
from storage.database import Transaction
from storage.guarded import from_ms, to_ms
from storage.readiness import Due, Filter
from storage.records import park_unsent
from sync import holds, sign_in
from sync.checks import Checks
from sync.clock import Clock
from sync.credentials import Tokens
from sync.detour_intake import Detours, accepted_job, direct
from sync.gate import Host
from sync.job import Job, Work, job_of
from sync.ledger import Ledger
from sync.operations import UnknownKind, by_kind, is_repeatable
from sync.policy import Step
from sync.request import RequestDamaged, build_request
from sync.server_clock import clock_offset, offset_of_this_boot, server_ms
from sync.widths import owed, signed_width, width_of

# What the API's gate lets pass one at a time while it is unproven.
_AT_THE_API: Final = frozenset({Step.SEND, Step.REISSUE, Step.CHECK})


@dataclass(frozen=True, slots=True)
class Intake:
    """Claims for one process. `paths` replaces an operation's path where the settings say so."""

    owner: str
    lease_s: float
    tokens_for: Callable[[str | None], Tokens | None]
    unanswered_s: float = 0.0  # as long as this a request without an answer may still be carried out
    renews: bool = False  # whether there is a command that gets new tokens
    paths: Mapping[str, str] = field(default_factory=dict)
    detours: Detours = field(default_factory=Detours)
    checks: Checks = field(default_factory=Checks)

    def claim(
        self,
        transaction: Transaction,
        ledger: Ledger,
        in_flight: Iterable[Work],
        idle: int,
        clock: Clock,
        *,
        probing: bool = False,
    ) -> list[Job]:
        """At most `idle` jobs, each leased and, if it is a send, marked as `sending` in this transaction.

        `probing`: held owners whose time has come are tried with one entry each.
        """
        now = clock.now()
        if control.get(transaction, control.PAUSE) is not None:
            ledger.tally.stopped_by = ledger.tally.stopped_by or "paused"
            return []
        waits.wake_due(transaction, now=to_ms(now))
        active = list(in_flight)
        jobs = self._uploads(transaction, ledger, active, idle, now)
        jobs += self._reissues(transaction, ledger, [*active, *jobs], idle - len(jobs), clock)
        if self.detours.ways.ambient:  # what had to leave the way through the server goes this one
            jobs += self._uploads(transaction, ledger, [*active, *jobs], idle - len(jobs), now)
        jobs += self._sends(transaction, ledger, [*active, *jobs], idle - len(jobs), clock, probing=probing)
        if self.renews and ledger.hosts.waits_until(Host.API, now) is None:
            ledger.tally.renewals += holds.ask_command(transaction, now=now)
        for job in jobs:
            if job.repeat:
                ledger.budget.retried()
        return jobs

    def _uploads(
        self, transaction: Transaction, ledger: Ledger, active: list[Work], idle: int, now: datetime
    ) -> list[Job]:
        most = idle
        if ledger.budget.spent:
            most = min(most, 0 if any(job.step is Step.UPLOAD for job in active) else 1)
        jobs: list[Job] = []
        left_out = True
        while left_out and len(jobs) < most:
            left_out = False
            for due in owed(transaction, ledger.hosts, [*active, *jobs], most - len(jobs), now):
                if self.detours.is_for(due):
                    self.detours.turn(transaction, due)
                    left_out = True
                elif not digests.intact(transaction.cursor, due.seq):
                    park_unsent(transaction, due.seq, reason="signature_damaged")
                    left_out = True
                else:
                    jobs.append(self._upload(transaction, due, now))
        return jobs

    def _reissues(
        self, transaction: Transaction, ledger: Ledger, active: list[Work], idle: int, clock: Clock
    ) -> list[Job]:
        """Calls for another URL: they need the server, and the tokens of the entry's owner."""
        now = clock.now()
        self.detours.turn_those_without_a_server(transaction)
        asking = sum(job.step in _AT_THE_API for job in active)
        return self.detours.reissues(
            transaction,
            width_of(ledger.hosts, Host.API, now, asking, idle),
            tokens_of=lambda due: sign_in.usable_tokens(transaction, ledger, due.owner, clock),
            hold=lambda due: sign_in.hold(transaction, ledger, due.owner, clock),
            owner=self.owner,
            now=now,
            lease_until=self._lease_until(now),
        )

    def _upload(self, transaction: Transaction, due: Due, now: datetime) -> Job:
        lease = claims.lease_upload(
            transaction, due.seq, owner=self.owner, now=to_ms(now), lease_until=self._lease_until(now)
        )
        return replace(
            accepted_job(Step.UPLOAD, due, lease),
            url=due.presigned_url,
            url_expires_at=None if due.url_expires_at is None else from_ms(due.url_expires_at),
            clock_offset_s=clock_offset(transaction),
            direct=direct(transaction, due),
        )

    def _sends(
        self,
        transaction: Transaction,
        ledger: Ledger,
        active: list[Work],
        idle: int,
        clock: Clock,
        *,
        probing: bool,
    ) -> list[Job]:
        now = clock.now()
        sends = sum(job.step in _AT_THE_API for job in active)
        width = width_of(ledger.hosts, Host.API, now, sends, idle)
        signed = signed_width(transaction, ledger.hosts, now, active, width)
        jobs = self._probes(transaction, ledger, active, (signed, width), clock) if probing else []
        left_out = True
        # What turns out not to be sendable (no tokens, damaged) makes room for what comes behind it.
        while left_out and len(jobs) < width:
            left_out = False
            narrow = signed - sum(job.has_signature for job in jobs)
            for due in _due(transaction, ledger, [*active, *jobs], narrow, width - len(jobs)):
                job = self._take(transaction, ledger, due, clock)
                if job is None:
                    left_out = True
                    break  # it may have put its owner on hold, and the others of that owner with it
                jobs.append(job)
                if job.repeat and ledger.budget.spent:
                    break
        return jobs

    def _probes(
        self,
        transaction: Transaction,
        ledger: Ledger,
        active: list[Work],
        widths: tuple[int, int],
        clock: Clock,
    ) -> list[Job]:
        """Of each owner whose probe is due one entry, to see whether the tokens are good again."""
        signed, width = widths
        jobs: list[Job] = []
        if width <= 0:
            return jobs
        for owner, behind in sign_in.owners_to_probe(transaction, active, clock.now()):
            wanted = _wanted(ledger, [*active, *jobs], signed=signed > sum(job.has_signature for job in jobs))
            due = owners.due_probe(transaction, wanted, owner, behind=behind)
            job = due and self._take(transaction, ledger, due, clock, probe=True)
            jobs += [job] if job else []
            if len(jobs) >= width:
                break
        return jobs

    def _take(
        self, transaction: Transaction, ledger: Ledger, due: Due, clock: Clock, *, probe: bool = False
    ) -> Job | None:
        """The job of one due entry; None where it cannot be sent now, which is then written down."""
        tokens = sign_in.usable_tokens(transaction, ledger, due.owner, clock, probe=probe)
        if tokens is None:
            sign_in.hold(transaction, ledger, due.owner, clock, probe=probe)
            return None
        if self._must_wait(transaction, due, to_ms(clock.now())):
            return None
        return self._send(transaction, ledger, due, tokens, clock, probe=probe)

    def _must_wait(self, transaction: Transaction, due: Due, now: int) -> bool:
        """Whether an earlier change of the same target may still be carried out, and so after this one."""
        if due.target_id is None and due.target_entry_id is None:
            return False
        last = chains.unanswered_at(transaction, due.seq)
        span = int(self.unanswered_s * 1000)
        if last is None or abs(now - last) >= span:
            return False
        chains.wait_until(transaction, due.seq, now + span - max(0, now - last))
        return True

    def _send(
        self,
        transaction: Transaction,
        ledger: Ledger,
        due: Due,
        tokens: Tokens,
        clock: Clock,
        *,
        probe: bool,
    ) -> Job | None:
        """Its send, or the read that has to come before it."""
        now = clock.now()
        try:
            operation = by_kind(due.kind)
            request, digest = build_request(
                transaction, due, operation, self.paths.get(due.kind, operation.path)
            )
        except UnknownKind:
            park_unsent(transaction, due.seq, reason="kind_unknown")
            return None
        except RequestDamaged as damaged:
            park_unsent(transaction, due.seq, reason=damaged.reason)
            return None
        if not digests.intact(transaction.cursor, due.seq):
            park_unsent(transaction, due.seq, reason="payload_damaged")
            return None
        check = self.checks.claim(
            transaction,
            due,
            operation,
            request.body.decode(),
            tokens,
            owner=self.owner,
            lease_until=self._lease_until(now),
            clock=clock,
            probe=probe,
        )
        if check is not None:
            return check
        lease = claims.mark_sending(
            transaction,
            due,
            owner=self.owner,
            path=request.path,
            body=request.body.decode(),
            digest=digest,
            now=to_ms(now),
            server_at=server_ms(now, offset_of_this_boot(transaction, clock)),
            lease_until=self._lease_until(now),
            sent_as=tokens.owner,
        )
        repeat = due.request_digest is not None
        return replace(
            job_of(Step.SEND, due, lease, has_signature=operation.has_signature, repeat=repeat),
            digest=digest,
            request=request,
            operation=operation,
            repeatable=is_repeatable(due.kind, request.body.decode()),
            tokens=tokens,
            tokens_proven=ledger.book.is_proven(transaction, tokens),
            probe=probe,
        )

    def _lease_until(self, now: datetime) -> int:
        return to_ms(now + timedelta(seconds=self.lease_s))


def _wanted(ledger: Ledger, active: list[Work], *, signed: bool = True, unsigned: bool = True) -> Filter:
    # A spent budget lets repeats go one at a time, so that no queue is ever stuck on it.
    return Filter(signed, unsigned, not (ledger.budget.spent and any(job.repeat for job in active)))


def _due(transaction: Transaction, ledger: Ledger, active: list[Work], signed: int, width: int) -> list[Due]:
    """What may be sent now, in capture order: at most `width`, of these at most `signed` with a signature."""
    if signed >= width:
        return readiness.due_sends(transaction, _wanted(ledger, active), width)
    dues = readiness.due_sends(transaction, _wanted(ledger, active, signed=False), width)
    if signed > 0:
        dues += readiness.due_sends(transaction, _wanted(ledger, active, unsigned=False), signed)
    return sorted(dues, key=lambda due: (due.yields, due.seq))[:width]
