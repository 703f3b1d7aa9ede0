"""One pass: take the lock, look after what others left, then claim, deliver and record until there is a reason to stop.

The drain's own thread is the only writer: what several workers bring back is committed together, and each result
before its next step. No transaction stays open while anything is on the wire.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from storage import claims, control
from storage.database import Database, Transaction
from storage.errors import StorageBusy, StorageFull
from storage.locks import FileLock, Holder
from storage.queries import Reader
from storage.reserve import release_reserve
from sync import reconcile
from sync.clock import Clock
from sync.connectivity import look
from sync.delivery import Finished, Job
from sync.gate import Host, Mode
from sync.hosts import Hosts
from sync.intake import Intake
from sync.ledger import Ledger, fingerprint
from sync.operations import OPERATIONS
from sync.policy import RETRY_AFTER_CAP_S, Limits, RetryBudget
from sync.presigned_url import UrlRules
from sync.reconcile import Strategy
from sync.workers import WorkerPool

# From the wish to stop: exchanges may finish by themselves, then they are ended, then they are left to the rescue.
FINISH_WITHIN_S: Final = 5.0
ABANDON_AFTER_S: Final = 8.0
# A thread that outlives its exchange limit by this much hangs in something that nobody can end but the process.
HUNG_AFTER_S: Final = 30.0
REPEATABLE: Final = frozenset(operation.kind for operation in OPERATIONS if operation.repeatable)


class DrainBusy(Exception):
    """Another process is draining this outbox."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__("another drain holds the lock")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a drain, in seconds where they are times."""

    limits: Limits
    strategy: Strategy
    settle_s: float
    lease_s: float
    exchange_limit_s: float
    start_spread_s: float
    probe_cap_s: float
    api_url: str
    url_rules: UrlRules


@dataclass(frozen=True, slots=True)
class DrainReport:
    """How one pass ended: what it did, and how the outbox stands now. `delivered` counts entries that became done."""

    delivered: int
    sent: int
    uploaded: int
    waiting: int
    in_doubt: int
    needs_action: int
    stopped_by: str | None
    duration_s: float

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of one pass. `forced`: a person orders, so gates and waits are forgotten once."""

    forced: bool = False
    looked: bool = False  # a person waits: look for the host now, even where the next look is due later
    spread: bool = False  # nobody waits: come back slowly after the link was away


class Drain:
    """The drain of one process. Its workers, connections and retry budget live as long as it does."""

    def __init__(
        self, database: Database, pool: WorkerPool, intake: Intake, rules: Rules, *, clock: Clock, rng: Random
    ) -> None:
        self._database = database
        self._pool = pool
        self._intake = intake
        self._rules = rules
        self._clock = clock
        self._rng = rng
        self._budget = RetryBudget()
        self._lock = FileLock(database.folder.drain_lock)
        self._stop = threading.Event()
        self._stopped_s: float | None = None
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
        if not self._lock.take(since=self._clock.now().isoformat(timespec="seconds")):
            raise DrainBusy(FileLock.holder(self._database.folder.drain_lock))
        try:
            return self._pass(ask, progress)
        finally:
            self._end_exchanges()
            if not self.abandoned:
                self._lock.give()

    def _end_exchanges(self) -> None:
        """After an error nothing may go on sending behind a lock that was given back."""
        deadline_s = self._clock.monotonic_s() + ABANDON_AFTER_S
        while self._pool.in_flight and not self.abandoned:
            for number in self._pool.in_flight:
                self._pool.abort(number)
            self._pool.collect(timeout_s=0.5)
            # A thread that cannot be ended keeps the lock, through the process that it lives in.
            self.abandoned = self._clock.monotonic_s() > deadline_s

    def _pass(self, ask: Ask, progress: Callable[[DrainReport], None]) -> DrainReport:
        started_s = self._clock.monotonic_s()
        ledger = self._open_ledger(ask)
        self._look_around(ledger, ask)
        if self._anything_due():
            self._pool.prepare()
        finished: list[tuple[int, Finished]] = []
        while True:
            starts = self._commit(ledger, finished)
            for number, job in starts:
                self._pool.start(job, on=number)
            if finished or starts:
                progress(self._report(ledger, started_s))
            if not self._pool.in_flight:
                break
            # With nothing back after a second, ask again all the same: a capture may have come in for a free worker.
            finished = self._pool.collect(timeout_s=1.0)
            self._watch(ledger)
            if self.abandoned:
                break
        return self._report(ledger, started_s)

    def _open_ledger(self, ask: Ask) -> Ledger:
        """Take over what dead drainers left, clamp absurd waits, lift the holds that have found new tokens."""
        hosts = Hosts(probe_cap_s=self._rules.probe_cap_s, rng=self._rng)
        ledger = Ledger(
            hosts=hosts,
            budget=self._budget,
            limits=self._rules.limits,
            url_rules=self._rules.url_rules,
            clock=self._clock,
            rng=self._rng,
        )

        with self._database.write() as transaction:
            now, now_ms = self._clock.now(), self._clock.now_ms()
            claims.rescue(
                transaction,
                repeatable_kinds=REPEATABLE,
                now=now_ms,
                mono_ms=self._clock.monotonic_ms(),
                boot=self._clock.boot(),
            )
            longest_s = max(self._rules.limits.backoff_cap_s, RETRY_AFTER_CAP_S)
            claims.clamp_waits(transaction, latest=now_ms + int(longest_s * 1000))
            self._settle(transaction)
            hosts.load(transaction, now)
            if ask.forced:
                hosts.forget_waits()
            self._lift_holds(transaction, now_ms, forced=ask.forced)
        return ledger

    def _settle(self, transaction: Transaction) -> None:
        reconcile.settle(
            transaction,
            self._rules.strategy,
            settle_s=self._rules.settle_s,
            max_attempts=self._rules.limits.max_attempts,
            clock=self._clock,
        )

    def _lift_holds(self, transaction: Transaction, now_ms: int, *, forced: bool) -> None:
        for owner, hold in control.paused_owners(transaction).items():
            tokens = self._intake.tokens_for(owner or None)
            changed = tokens is not None and fingerprint(tokens) != hold.get("tokens")
            probe_at = min(int(hold.get("probe_at", 0)), now_ms + int(RETRY_AFTER_CAP_S * 1000))
            if changed or forced or (tokens is not None and probe_at <= now_ms):
                control.resume_owner(transaction, owner or None)

    def _look_around(self, ledger: Ledger, ask: Ask) -> None:
        """Before a closed gate is tried with an entry, see whether there is a way to its host at all."""
        now = self._clock.now()
        targets = {Host.API: self._rules.api_url, Host.UPLOAD: self._upload_url()}
        for host, url in targets.items():
            gate = ledger.hosts[host]
            waiting = ledger.hosts.waits_until(host, now) is not None
            if gate.mode is not Mode.CLOSED or url is None or (waiting and not ask.looked):
                continue
            if look(url):
                spread_s = self._rules.start_spread_s if ask.spread else 0.0
                ledger.hosts.look_succeeded(host, now, spread_s=spread_s)
            else:
                ledger.hosts.look_failed(host, gate.reason or "no_connection", now)
        with self._database.write() as transaction:
            ledger.hosts.store(transaction, self._clock.now_ms())

    def _anything_due(self) -> bool:
        """Whether network clients will be needed: an idle device should not even load them."""
        with self._database.read() as transaction:
            return claims.anything_due(transaction, now=self._clock.now_ms())

    def _upload_url(self) -> str | None:
        """Where the oldest owed signature has to go, which is the upload host as far as it is known."""
        with self._database.read() as transaction:
            return claims.first_owed_url(transaction)

    def _turn(self, ledger: Ledger, finished: list[tuple[int, Finished]]) -> list[tuple[int | None, Job]]:
        """One transaction: write down what came back, and claim for whoever is free."""
        starts: list[tuple[int | None, Job]] = []
        with self._database.write() as transaction:
            for number, each in finished:
                upload_next = not self._stop.is_set()
                following = ledger.record(transaction, each, upload_next=upload_next)
                if following is not None:
                    starts.append((number, following))
            if finished:
                self._settle(transaction)
            idle = self._pool.idle - len(starts)
            if idle > 0 and not self._stop.is_set():
                active = [flight.job for flight in self._pool.in_flight.values()]
                active += [job for _, job in starts]
                new = self._intake.claim(transaction, ledger, active, idle, self._clock)
                starts += [(None, job) for job in new]
            ledger.hosts.store(transaction, self._clock.now_ms())
        return starts

    def _commit(self, ledger: Ledger, finished: list[tuple[int, Finished]]) -> list[tuple[int | None, Job]]:
        """One turn, tried until it is written: results stay in memory meanwhile, and nothing more is claimed."""
        starts: list[tuple[int | None, Job]] = []
        for attempt in Retrying(
            retry=retry_if_exception_type((StorageBusy, StorageFull)),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(self._rules.exchange_limit_s),
            before_sleep=self._make_room,
            reraise=True,
        ):
            with attempt, ledger.undone_on_error():
                starts = self._turn(ledger, finished)
        return starts

    def _make_room(self, state: RetryCallState) -> None:
        """On a full disk, give the drain the space that captures had to leave: it is what empties the queue."""
        if state.outcome is not None and isinstance(state.outcome.exception(), StorageFull):
            release_reserve(self._database.folder)

    def _watch(self, ledger: Ledger) -> None:
        """Keep leases alive, end exchanges that take too long, and leave in time when asked to stop."""
        now_s = self._clock.monotonic_s()
        stopping_s = 0.0 if self._stopped_s is None else now_s - self._stopped_s
        due_for_renewal = []
        for number, flight in self._pool.in_flight.items():
            age_s = now_s - flight.since_s
            if (age_s > self._rules.exchange_limit_s or stopping_s > FINISH_WITHIN_S) and not flight.aborted:
                flight.aborted = True
                self._pool.abort(number)
            if age_s > self._rules.exchange_limit_s + HUNG_AFTER_S:
                # Only the end of the process can end this thread; the lock and the lease go with it.
                os._exit(70)
            if now_s - flight.renewed_s > self._rules.lease_s / 3:
                due_for_renewal.append(flight)
        if due_for_renewal:
            until = self._clock.now_ms() + int(self._rules.lease_s * 1000)
            with self._database.write() as transaction:
                for flight in due_for_renewal:
                    claims.renew(transaction, flight.job.seq, flight.job.lease, lease_until=until)
                    flight.renewed_s = now_s
        if stopping_s > ABANDON_AFTER_S:
            self.abandoned = True
            ledger.tally.stopped_by = "interrupted"

    def _report(self, ledger: Ledger, started_s: float) -> DrainReport:
        with self._database.read() as transaction:
            counts = Reader(transaction.cursor).counts()
        stopped_by = ledger.tally.stopped_by or ("interrupted" if self._stop.is_set() else None)
        waiting = counts["pending"] + counts["sending"] + counts["accepted"]
        if stopped_by is None and waiting:
            stopped_by = self._held_by(ledger)
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


def with_totals(report: DrainReport, earlier: DrainReport) -> DrainReport:
    """Several passes as one: what was done adds up, how the outbox stands is the latest."""
    return replace(
        report,
        delivered=earlier.delivered + report.delivered,
        sent=earlier.sent + report.sent,
        uploaded=earlier.uploaded + report.uploaded,
        duration_s=round(earlier.duration_s + report.duration_s, 3),
    )
