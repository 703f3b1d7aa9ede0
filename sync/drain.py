"""One pass: take the lock, look after what others left, then claim, deliver and record until there is a reason to stop.

The drain's own thread is the only writer: what several workers bring back is committed together, and each result
before its next step. No transaction stays open while anything is on the wire.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

from storage import claims, control, damage, readiness
from storage.database import Database, Transaction
from storage.locks import FileLock, Holder
from storage.queries import Reader
from sync import clock_jump, sign_in
from sync.clock import Clock
from sync.credentials import Tokens
from sync.durable import written
from sync.gate import Host, Mode
from sync.hosts import Hosts
from sync.instants import instant_text
from sync.intake import Intake
from sync.job import Done, Finished, Job, Work
from sync.ledger import Ledger
from sync.lookups import Lookups
from sync.opening import open_pass
from sync.outcome_kinds import InDoubt
from sync.policy import RetryBudget, Step
from sync.reconcile import Patience, Strategy
from sync.report import DrainReport
from sync.rules import Ask, Rules
from sync.token_book import TokenBook
from sync.workers import WorkerPool

if TYPE_CHECKING:
    from sync.renewals import Renewals

# From the wish to stop: exchanges may finish by themselves, then they are ended, then they are left to the rescue.
FINISH_WITHIN_S: Final = 5.0
ABANDON_AFTER_S: Final = 8.0
# A thread that outlives its exchange limit by this much hangs in something that nobody can end but the process.
HUNG_AFTER_S: Final = 30.0
COLLECT_S: Final = 1.0
# A wait that outlasts its time by this much was no wait: the process was stopped, or the machine slept.
STOPPED_S: Final = 20.0
BEAT_EVERY_S: Final = 5.0
TELL_EVERY_S: Final = 0.1


class DrainBusy(Exception):
    """Another process is draining this outbox."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__("another drain holds the lock")
        self.holder = holder


class Drain:
    """The drain of one process. Its workers, connections and retry budget live as long as it does."""

    def __init__(
        self,
        database: Database,
        pool: WorkerPool,
        intake: Intake,
        rules: Rules,
        *,
        clock: Clock,
        rng: Random,
        renewals: Renewals | None = None,
    ) -> None:
        self._database = database
        self._pool = pool
        self._intake = intake
        self._renewals = renewals
        self._rules = rules
        self._clock = clock
        self._rng = rng
        self._budget = RetryBudget()
        patience = Patience(rules.settle_s, rules.lookup_gap_s, rules.limits)
        self._lookups = Lookups(
            rules.strategy, patience, rules.list_call, clock, parks_changed=rules.conflict_after_s is not None
        )
        self._lock = FileLock(database.folder.drain_lock)
        self._stop = threading.Event()
        self._stopped_s: float | None = None
        self._took_job = False
        self._beat_s = float("-inf")
        self.abandoned = False

    def stop(self) -> None:
        """Claim nothing more; what is on the wire finishes or is ended within ABANDON_AFTER_S. From any thread."""
        self._stopped_s = self._clock.monotonic_s()
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def close(self) -> None:
        """End the worker threads and their connections."""
        self._pool.close()

    def run(self, ask: Ask, progress: Callable[[DrainReport], None] = lambda _: None) -> DrainReport:
        """One pass, until nothing is due that may go.

        Raises:
            DrainBusy: somebody else is draining.
            StorageProblem: the database cannot be used; what was not committed is in doubt or is repeated.
        """
        damage.refuse_damaged(self._database.folder)  # another process may have come upon it
        if not self._lock.take(since=instant_text(self._clock.now())):
            raise DrainBusy(FileLock.holder(self._database.folder.drain_lock))
        try:
            report = self._pass(ask, progress)
            # An image that could not be read parks its entry; a database with such pages is not to be worked on.
            self._database.check_sound()
            return report
        finally:
            self._end_exchanges()
            if not self.abandoned:
                self._lock.give()

    def _end_exchanges(self) -> None:
        """After an error nothing may go on sending behind a lock that was given back."""
        if self._renewals is not None:
            self._renewals.end()
        deadline_s = self._clock.monotonic_s() + ABANDON_AFTER_S
        while self._pool.in_flight and not self.abandoned:
            self._pool.abort_all()
            self._pool.collect(timeout_s=0.5)
            # A thread that cannot be ended keeps the lock, through the process that it lives in.
            self.abandoned = self._clock.monotonic_s() > deadline_s

    def _pass(self, ask: Ask, progress: Callable[[DrainReport], None]) -> DrainReport:
        started_s = self._clock.monotonic_s()
        hosts = Hosts(
            probe_cap_s=self._rules.probe_cap_s, rng=self._rng, hold_spread_s=self._rules.start_spread_s
        )
        open_pass(self._database, hosts, self._lookups, rules=self._rules, ask=ask, clock=self._clock)
        ledger = Ledger(
            hosts=hosts,
            budget=self._budget,
            limits=self._rules.limits,
            clock=self._clock,
            rng=self._rng,
            book=TokenBook(self._intake.tokens_for, self._clock),
            ways=self._rules.ways,
        )
        if self._anything_due():
            self._pool.prepare()
        finished: list[tuple[int, Done]] = []
        told_s = float("-inf")
        while True:
            starts = self._commit(ledger, finished)
            renewing = self._renew_tokens(ledger)
            for number, job in starts:
                self._pool.start(job, on=number)
            now_s = self._clock.monotonic_s()
            if (finished or starts) and now_s - told_s >= TELL_EVERY_S:
                told_s = now_s
                progress(self._report(ledger, started_s))
            if not self._pool.in_flight and not renewing:
                break
            finished = self._collect(0.1 if renewing else COLLECT_S)
            self._watch(ledger)
            if self.abandoned:
                if finished:  # came in the last moment: an upload URL is given out only once
                    self._commit(ledger, finished)
                break
        return self._report(ledger, started_s)

    def _renew_tokens(self, ledger: Ledger) -> bool:
        """Start the sign-in command for whom that was written down; whether any run is under way."""
        if self._renewals is None:
            return False
        for owner in ledger.tally.renewals:
            self._renewals.start(owner)
        ledger.tally.renewals.clear()
        if self.stopping:
            self._renewals.stop()
        return self._renewals.under_way

    def _collect(self, within_s: float) -> list[tuple[int, Done]]:
        """What came back. With nothing after a while, ask again all the same: a capture may have come in meanwhile."""
        asked_s = self._clock.monotonic_s()
        finished = self._pool.collect(timeout_s=within_s)
        late_s = self._clock.monotonic_s() - asked_s - within_s
        if late_s > STOPPED_S:
            # While this process was stopped its threads were too. What they have been waiting for may lie in the
            # socket, an upload URL among it that is given out only once: they get the time that was left to them.
            for flight in self._pool.in_flight.values():
                flight.since_s += late_s
        return finished

    def _anything_due(self) -> bool:
        """Whether network clients will be needed: an idle device should not even load them."""
        with self._database.read() as transaction:
            return readiness.anything_due(transaction, now=self._clock.now_ms())

    def _commit(self, ledger: Ledger, finished: list[tuple[int, Done]]) -> list[tuple[int | None, Work]]:
        """One turn, durable: until then results stay in memory, and nothing more is claimed."""

        before = ledger.checkpoint()
        renewed = [] if self._renewals is None else self._renewals.collect()

        def turn(transaction: Transaction) -> list[tuple[int | None, Work]]:
            # An earlier try that was not committed has counted for nothing.
            ledger.restore(before)
            for each in renewed:
                sign_in.note_renewed(transaction, ledger, each, self._clock)
            return self._turn(transaction, ledger, finished)

        return written(self._database, turn, within_s=self._rules.exchange_limit_s)

    def _turn(
        self, transaction: Transaction, ledger: Ledger, finished: list[tuple[int, Done]]
    ) -> list[tuple[int | None, Work]]:
        """Write down what came back, and claim for whoever is free."""
        if jumped_s := clock_jump.follow(transaction, self._clock):
            ledger.hosts.shift(jumped_s)
        starts: list[tuple[int | None, Work]] = []
        in_doubt = False
        for number, each in finished:
            if not isinstance(each, Finished):
                self._lookups.record(transaction, ledger.hosts, ledger.tally, each)
                continue
            in_doubt = in_doubt or isinstance(each.outcome, InDoubt)
            following = ledger.record(transaction, each, upload_next=not self.stopping)
            if following is not None:
                starts.append((number, following))
        if in_doubt and self._rules.strategy is not Strategy.LOOKUP:
            self._lookups.settle(transaction)  # some are parked at once
        idle = self._pool.idle - len(starts)
        if idle > 0 and not self.stopping:
            active = [flight.job for flight in self._pool.in_flight.values()]
            active += [job for _, job in starts]
            starts += [(None, job) for job in self._claim(transaction, ledger, active, idle)]
        ledger.hosts.store(transaction, self._clock.now_ms())
        return starts

    def _claim(self, transaction: Transaction, ledger: Ledger, active: list[Work], idle: int) -> list[Work]:
        """At most one look-up, for it serves all that are due for one, and what the intake can take in hand."""
        probing = sign_in.let_go(transaction, ledger)

        def tokens_of(owner: str | None) -> Tokens | None:
            return sign_in.usable_tokens(transaction, ledger, owner, self._clock)

        def intake(idle: int) -> list[Job]:
            return self._intake.claim(transaction, ledger, active, idle, self._clock, probing=probing)

        look = self._lookups.claim(transaction, ledger.hosts, active, tokens_of)
        looks: list[Work] = [] if look is None else [look]
        if self._pool.size > 1:
            return [*looks, *intake(idle - len(looks))]
        # The only worker there is takes turns: neither a busy day nor a long list may starve the other.
        jobs = looks if self._took_job else []
        jobs = jobs or [*intake(idle)] or looks
        self._took_job = not any(job.step is Step.LOOKUP for job in jobs)
        return jobs

    def _watch(self, ledger: Ledger) -> None:
        """Keep leases alive, end exchanges that take too long, and leave in time when asked to stop."""
        now_s = self._clock.monotonic_s()
        if now_s - self._beat_s >= BEAT_EVERY_S:
            self._beat_s = now_s
            self._lock.beat()
        stopping_s = 0.0 if self._stopped_s is None else now_s - self._stopped_s
        renewals = []
        for number, flight in self._pool.in_flight.items():
            age_s = now_s - flight.since_s
            if age_s > self._rules.exchange_limit_s and not flight.aborted:
                flight.aborted = True
                self._pool.abort(number)
            if age_s > self._rules.exchange_limit_s + HUNG_AFTER_S:
                # Only the end of the process can end this thread; the lock and the lease go with it.
                os._exit(70)
            if isinstance(flight.job, Job) and now_s - flight.renewed_s > self._rules.lease_s / 3:
                flight.renewed_s = now_s
                renewals.append(flight.job)
        if renewals:
            self._renew(renewals)
        if stopping_s > FINISH_WITHIN_S:
            self._pool.abort_all()
        if stopping_s > ABANDON_AFTER_S:
            self.abandoned = True
            ledger.tally.stopped_by = "interrupted"

    def _renew(self, jobs: list[Job]) -> None:
        until = self._clock.now_ms() + int(self._rules.lease_s * 1000)

        def renew(transaction: Transaction) -> None:
            for job in jobs:
                claims.renew(transaction, job.seq, job.lease, lease_until=until)

        written(self._database, renew, within_s=self._rules.exchange_limit_s)

    def _report(self, ledger: Ledger, started_s: float) -> DrainReport:
        with self._database.read() as transaction:
            counts = Reader(transaction.cursor).counts()
            owner_held = bool(control.paused_owners(transaction))
        stopped_by = ledger.tally.stopped_by or ("interrupted" if self._stop.is_set() else None)
        waiting = counts["pending"] + counts["sending"] + counts["accepted"]
        if stopped_by is None and waiting:
            stopped_by = "auth_required" if owner_held else self._held_by(ledger)
        return DrainReport(
            ledger.tally.delivered,
            ledger.tally.sent,
            ledger.tally.uploaded,
            waiting,
            counts["in_doubt"],
            counts["parked"] + counts["dead"],
            stopped_by,
            round(self._clock.monotonic_s() - started_s, 3),
        )

    def _held_by(self, ledger: Ledger) -> str | None:
        """The reason of the gate that keeps what waits from going now."""
        now = self._clock.now()
        for host in Host:
            gate = ledger.hosts[host]
            if ledger.hosts.waits_until(host, now) is not None or gate.mode is Mode.CLOSED:
                return gate.reason
        return None
