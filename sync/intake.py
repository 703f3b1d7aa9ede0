"""What the drain takes in hand next: uploads, then sends in capture order, as gates, pauses and budget let it.

A presigned URL is the only thing here that spoils. So an upload comes before any send, and while the upload host is
closed or unproven, kinds with a signature are not sent: one canary tries, the others wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from storage import claims, control, digests, owners, readiness
from storage.database import Transaction
from storage.guarded import from_ms, to_ms
from storage.readiness import Due, Filter
from storage.records import park_unsent
from storage.upload_host import upload_host
from sync import holds
from sync.clock import Clock
from sync.credentials import Tokens
from sync.delivery import Job, RequestDamaged, Work, build_request
from sync.detour_intake import Detours, accepted_job, direct
from sync.gate import Gate, Host, Mode
from sync.hosts import Hosts, second_opinion_after, upload_key
from sync.ledger import Ledger
from sync.operations import UnknownKind, by_kind
from sync.policy import LINK_TRIES, Step
from sync.server_clock import clock_offset, sure_server_time
from sync.token_book import looks_ended

if TYPE_CHECKING:
    from sync.renewals import Renewed

# How many owed signatures are looked at beyond those that may go.
_LOOK_AHEAD: Final = 16
# What the API's gate lets pass one at a time while it is unproven.
_AT_THE_API: Final = frozenset({Step.SEND, Step.REISSUE})


@dataclass(frozen=True, slots=True)
class Intake:
    """Claims for one process. `paths` replaces an operation's path where the settings say so."""

    owner: str
    lease_s: float
    tokens_for: Callable[[str | None], Tokens | None]
    renews: bool = False  # whether there is a command that gets new tokens
    paths: Mapping[str, str] = field(default_factory=dict)
    detours: Detours = field(default_factory=Detours)

    def let_go(self, transaction: Transaction, ledger: Ledger) -> bool:
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

    def note_renewed(self, transaction: Transaction, ledger: Ledger, renewed: Renewed, clock: Clock) -> None:
        """Write down what became of a run of the sign-in command. New tokens are used at once."""
        ledger.book.forget()
        tokens = None if renewed.reason else ledger.book.of(renewed.owner)
        if tokens is not None:
            holds.command_printed(transaction, renewed.owner, tokens, clock.now())
        else:
            holds.command_failed(transaction, renewed.owner, renewed.reason, renewed.said, clock.now())

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
        readiness.wake_due(transaction, now=to_ms(now))
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
            for due in _owed(transaction, ledger.hosts, [*active, *jobs], most - len(jobs), now):
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
            _width(ledger.hosts, Host.API, now, asking, idle),
            tokens_of=lambda due: self.usable_tokens(transaction, ledger, due.owner, clock),
            hold=lambda due: self._hold(transaction, ledger, due, clock),
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
        width = _width(ledger.hosts, Host.API, now, sends, idle)
        signed = _signed_width(transaction, ledger.hosts, now, active, width)
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

    def usable_tokens(
        self, transaction: Transaction, ledger: Ledger, owner: str | None, clock: Clock
    ) -> Tokens | None:
        """The tokens of this owner, if they may be tried; nobody is held for want of them."""
        tokens = ledger.book.of(owner)
        if tokens is None or _token_trouble(transaction, tokens, clock, probe=False):
            return None
        return tokens

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
        for name, hold in control.paused_owners(transaction).items():
            owner = name or None
            if (
                len(jobs) < width
                and holds.probe_due(transaction, owner, hold, clock.now())
                and not any(job.owner == owner and job.step is Step.SEND for job in active)
            ):
                wanted = _wanted(
                    ledger, [*active, *jobs], signed=signed > sum(job.has_signature for job in jobs)
                )
                due = owners.due_probe(transaction, wanted, owner, behind=(hold.get("refused") or [0])[-1])
                job = due and self._take(transaction, ledger, due, clock, probe=True)
                jobs += [job] if job else []
        return jobs

    def _take(
        self, transaction: Transaction, ledger: Ledger, due: Due, clock: Clock, *, probe: bool = False
    ) -> Job | None:
        """The job of one due entry; None where it cannot be sent now, which is then written down."""
        tokens = ledger.book.of(due.owner)
        if tokens is None or _token_trouble(transaction, tokens, clock, probe=probe):
            self._hold(transaction, ledger, due, clock, probe=probe)
            return None
        return self._send(transaction, ledger, due, tokens, clock.now(), probe=probe)

    def _hold(
        self, transaction: Transaction, ledger: Ledger, due: Due, clock: Clock, *, probe: bool = False
    ) -> None:
        """Nothing of this entry's owner can be sent: there are no tokens, or they have ended."""
        tokens = ledger.book.of(due.owner)
        trouble = "There are no sign-in tokens on this device for these entries."
        if tokens is not None:
            trouble = _token_trouble(transaction, tokens, clock, probe=probe)
        holds.hold_owner(transaction, due.owner, tokens, trouble, clock.now(), probe=probe)
        ledger.tally.stopped_by = holds.HELD

    def _send(
        self,
        transaction: Transaction,
        ledger: Ledger,
        due: Due,
        tokens: Tokens,
        now: datetime,
        *,
        probe: bool,
    ) -> Job | None:
        try:
            operation = by_kind(due.kind)
            request, digest = build_request(due, operation, self.paths.get(due.kind, operation.path))
        except UnknownKind:
            park_unsent(transaction, due.seq, reason="kind_unknown")
            return None
        except RequestDamaged:
            park_unsent(transaction, due.seq, reason="payload_damaged")
            return None
        if not digests.intact(transaction.cursor, due.seq):
            park_unsent(transaction, due.seq, reason="payload_damaged")
            return None
        lease = claims.mark_sending(
            transaction,
            due,
            owner=self.owner,
            path=request.path,
            body=request.body.decode(),
            digest=digest,
            now=to_ms(now),
            server_at=_server_ms(now, clock_offset(transaction)),
            lease_until=self._lease_until(now),
            sent_as=tokens.owner,
        )
        return Job(
            Step.SEND,
            due.seq,
            due.id,
            due.kind,
            due.attempts,
            lease.attempt_n,
            None if due.first_attempt_at is None else from_ms(due.first_attempt_at),
            due.owner,
            has_signature=operation.has_signature,
            repeat=due.request_digest is not None,
            lease=lease,
            digest=digest,
            request=request,
            operation=operation,
            tokens=tokens,
            tokens_proven=ledger.book.is_proven(transaction, tokens),
            probe=probe,
            link_failures=due.link_failures,
        )

    def _lease_until(self, now: datetime) -> int:
        return to_ms(now + timedelta(seconds=self.lease_s))


def _width(hosts: Hosts, host: Host | str, now: datetime, active: int, idle: int) -> int:
    """How many more jobs may go to this host now."""
    if hosts.waits_until(host, now) is not None:
        return 0
    if hosts[host].mode is Mode.OPEN:
        return idle
    # A closed gate whose time has come gets a canary like an unproven one.
    return min(idle, max(0, 1 - active))


def _owed(transaction: Transaction, hosts: Hosts, active: list[Work], most: int, now: datetime) -> list[Due]:
    """At most `most` signatures that may go now, each host at the width of its own gate."""
    looked_at = most + _LOOK_AHEAD
    while True:
        dues = _spent_last(readiness.due_uploads(transaction, looked_at), now, clock_offset(transaction))
        chosen = _choose(dues, hosts, active, most, now)
        # What waits for a dead host of its own may stand in front of everything else.
        if len(chosen) >= most or len(dues) < looked_at:
            return chosen
        looked_at *= 4


def _spent_last(dues: list[Due], now: datetime, offset_s: float | None) -> list[Due]:
    """Who can still be in time goes before whose URL has ended by what it says of itself; S3 alone knows."""
    server_now = _server_ms(now, offset_s)
    if server_now is None:
        return dues
    return sorted(dues, key=lambda due: due.url_expires_at is not None and due.url_expires_at <= server_now)


def _choose(dues: list[Due], hosts: Hosts, active: list[Work], most: int, now: datetime) -> list[Due]:
    """Of `dues`, in their order, those that their hosts let pass; where one may go, it is the one least tried."""
    in_flight = Counter(
        upload_key(job.url) for job in active if isinstance(job, Job) and job.step is Step.UPLOAD
    )
    waiting: dict[str, list[Due]] = {}
    for due in dues:
        waiting.setdefault(upload_key(due.presigned_url), []).append(due)
    chosen: set[int] = set()
    for key, group in waiting.items():
        width = _width(hosts, key, now, in_flight[key], most)
        if width < len(group) and hosts[key].mode is not Mode.OPEN:
            least_tried = sorted(group, key=lambda due: due.attempts + due.link_failures)
            chosen.update(due.seq for due in least_tried[:width])
        else:
            chosen.update(due.seq for due in group[:width])
    return [due for due in dues if due.seq in chosen][:most]


def _signed_width(
    transaction: Transaction, hosts: Hosts, now: datetime, active: list[Work], width: int
) -> int:
    """How many kinds with a signature may be sent: each POST mints a URL that has to be used."""
    gate, waits = hosts[Host.UPLOAD], hosts.waits_until(Host.UPLOAD, now) is not None
    if gate.mode is Mode.OPEN and not waits:
        return width
    alone = _second_opinion(transaction, gate, now)
    if waits and not alone:
        return 0
    host = hosts.main_upload_host
    if any(job.has_signature and _may_concern(job, host) for job in active):
        return 0
    # While the host is in trouble, the entry that waits for it is the canary, also through its backoff. A host that
    # is merely unproven is not judged by one entry whose own upload keeps failing.
    # Nor is one in trouble for ever: a canary that failed again and again makes way for another.
    if gate.failures > 0:
        owed = readiness.any_canary(transaction, host, tries=LINK_TRIES)
    else:
        owed = readiness.any_owed_now(transaction, host)
    return 0 if owed and not alone else min(width, 1)


def _second_opinion(transaction: Transaction, gate: Gate, now: datetime) -> bool:
    """Whether the upload host is shut for so long that one more entry may find out whether it is still the one."""
    if gate.mode is not Mode.CLOSED or gate.since is None:
        return False
    return now - gate.since >= second_opinion_after(readiness.count_owed(transaction, 10))


def _may_concern(job: Work, host: str) -> bool:
    """Whether the end of this job says something of the upload host: a send does, its URL is still to come."""
    return isinstance(job, Job) and (job.step is Step.SEND or not host or upload_host(job.url) == host)


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


def _server_ms(now: datetime, offset_s: float | None) -> int | None:
    return None if offset_s is None else to_ms(now + timedelta(seconds=offset_s))


def _token_trouble(transaction: Transaction, tokens: Tokens, clock: Clock, *, probe: bool) -> str:
    """Why nothing can be sent with these tokens, in a sentence; empty when they can be tried."""
    server_now = sure_server_time(transaction, clock)
    ended = looks_ended(tokens, clock.now(), clock_offset(transaction), server_now)
    # Where the time is not sure a probe is sent all the same: its answer tells what time it is.
    return "The sign-in has expired." if ended and not (probe and server_now is None) else ""
