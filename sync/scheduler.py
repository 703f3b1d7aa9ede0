"""The worker: which pass runs when, never two at once, awake within two seconds of a capture, gone within ten.

The outbox is the truth; the scheduler only decides when to look. It waits by the wall clock, tablets sleep and their
clocks jump: a watcher that counts monotonic time wakes it when something was captured, ordered, or the clock moved.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apscheduler.schedulers.background import BackgroundScheduler

from storage import changes, control, samples
from storage.database import Database, Transaction
from storage.errors import DatabaseMissing, DatabaseUnusable, StorageProblem
from storage.locks import FileLock, Holder
from storage.probe import data_version, wishes
from sync import events
from sync.clock import Clock
from sync.drain import Drain, DrainBusy
from sync.durable import written
from sync.instants import instant_text
from sync.report import DrainReport
from sync.rules import Ask
from sync.waiting import next_moment

WATCH_S: Final = 1.0
CHECKPOINT_S: Final = 30.0
REPORT_EVERY_S: Final = 0.3
BUSY_RETRY_S: Final = 2.0
CLOCK_JUMP_S: Final = 60.0
LEAST_REST_S: Final = 0.2

_LOG: Final = logging.getLogger(__name__)


class WorkerRunning(Exception):
    """Another worker serves this outbox."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__("another worker serves this outbox")
        self.holder = holder


class Worker:
    """`fieldsync run`: one for each outbox."""

    def __init__(
        self, database: Database, drain: Drain, *, interval_s: float, settle_s: float, clock: Clock
    ) -> None:
        self._database = database
        self._drain = drain
        self._interval_s = interval_s
        self._settle_s = settle_s
        self._clock = clock
        self._stopping = threading.Event()
        self._draining = threading.Lock()
        self._dirty = threading.Event()
        self._since = instant_text(clock.now())
        self._handled: int | None = None
        self._forced = 0
        self._reported_s = 0.0
        self._broken: Exception | None = None
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def stop(self) -> None:
        """Finish or hand back what is under way; from any thread or a signal handler."""
        self._drain.stop()
        self._stopping.set()

    def run(self) -> None:
        """Serve until stopped.

        Raises:
            WorkerRunning: there is one already.
            StorageProblem: the database became unusable.
        """
        lock = FileLock(self._database.folder.worker_lock)
        if not lock.take(since=self._since):
            raise WorkerRunning(FileLock.holder(self._database.folder.worker_lock))
        try:
            self._serve()
        finally:
            lock.give()
        if self._broken is not None:
            raise self._broken

    def _serve(self) -> None:
        jitter_s = max(1, int(self._interval_s / 10)) if self._interval_s >= 5 else None
        self._scheduler.add_job(
            self._passes, "interval", seconds=self._interval_s, jitter=jitter_s, id="drain",
            next_run_time=datetime.now(UTC),
        )  # fmt: skip
        self._scheduler.add_job(self._checkpoint, "interval", seconds=CHECKPOINT_S, id="checkpoint")
        probe = self._database.probe()
        seen = wishes(probe)
        self._scheduler.start()
        events.log(_LOG, events.WORKER_STARTED, pid=os.getpid())
        try:
            with self._database.translated():
                self._watch(probe, seen)
        finally:
            self.stop()
            probe.close()
            # A pass under way was told to stop and ends by itself within seconds.
            self._scheduler.shutdown(wait=not self._drain.abandoned)
            self._last_sample()
            events.log(_LOG, events.WORKER_STOPPED, pid=os.getpid())

    def _watch(self, probe: Any, seen: Any) -> None:
        """Look for captures and orders of other processes, and for a clock that parted from monotonic time.

        `seen` was read before the first pass began: what came in after that is noticed by one of the two.
        """
        version = None
        parted_s = self._clock.now().timestamp() - self._clock.monotonic_s()
        home = self._database.folder.database_identity()
        while not self._stopping.wait(WATCH_S):
            if self._database.folder.database_identity() != home:
                raise DatabaseMissing(
                    f"{self._database.folder.database} was removed or replaced while the worker was running"
                )
            now_parted_s = self._clock.now().timestamp() - self._clock.monotonic_s()
            if abs(now_parted_s - parted_s) > CLOCK_JUMP_S:
                parted_s = now_parted_s
                events.log(_LOG, events.CLOCK_JUMPED)
                self._rearm()
            if self._dirty.is_set() and not self._draining.locked():
                self._wake()  # the trigger came while the last pass was ending, and the scheduler dropped it
            current = data_version(probe)
            if current != version:
                version = current
                wanted = wishes(probe)
                if wanted != seen:
                    seen = wanted
                    self._wake()

    def _wake(self) -> None:
        """A pass now; one that is running looks again when it is through."""
        self._dirty.set()
        self._scheduler.modify_job("drain", next_run_time=datetime.now(UTC))

    def _rearm(self) -> None:
        """Both jobs now: their next times were set by a clock that has jumped, and may be years away."""
        self._scheduler.modify_job("checkpoint", next_run_time=datetime.now(UTC))
        self._wake()

    def _passes(self) -> None:
        """Pass after pass while somebody asks for one; then sleep until the next moment that matters."""
        again = True
        while again:
            if not self._draining.acquire(blocking=False):
                return  # who holds it looks at `_dirty` after giving it back
            self._serve_wishes()
            # A wish that came between the last look and the release found the door shut: it is looked for again.
            again = self._dirty.is_set() and not self._stopping.is_set()

    def _serve_wishes(self) -> None:
        """With `_draining` held, which is given back at the end."""
        try:
            again = True
            while again and not self._stopping.is_set():
                self._dirty.clear()
                self._one_pass()
                again = self._dirty.is_set()
            if not self._stopping.is_set():
                self._sleep_until_next()
        except DrainBusy:
            self._at(timedelta(seconds=BUSY_RETRY_S))
        except StorageProblem as problem:
            events.log(_LOG, events.DRAIN_FAILED, level=logging.WARNING, reason=problem.code)
            if isinstance(problem, DatabaseUnusable) or self._drain.abandoned:
                self._break(problem)
            self._at(timedelta(seconds=self._interval_s))
        except Exception as error:  # noqa: BLE001  it is raised by run(), in the thread that can tell it
            self._break(error)
        finally:
            self._draining.release()

    def _break(self, error: Exception) -> None:
        """Nothing is saved by going on: end, and let whoever supervises see the exit code."""
        self._broken = error
        self.stop()

    def _one_pass(self) -> None:
        number, forced = self._beat()
        # A person who asked is waiting: look for the network now, and do not hold back as a fleet must.
        asked = number > (self._handled or 0)
        ask = Ask(forced=forced > self._forced, looked=asked, spread=not asked)
        self._report(number, None, running=True)
        report = self._drain.run(ask, lambda now: self._tell(number, now))
        self._forced = max(self._forced, forced)
        self._handled = number
        self._report(number, report, running=False)
        if report.sent or report.uploaded or report.stopped_by:
            events.log(
                _LOG, events.DRAIN_ENDED, sent=report.sent, uploaded=report.uploaded, waiting=report.waiting,
                needs_action=report.needs_action, stopped_by=report.stopped_by,
            )  # fmt: skip

    def _beat(self) -> tuple[int, int]:
        """A sign of life; answers the wishes to be handled by the pass that begins."""

        def beat(transaction: Transaction) -> tuple[int, int]:
            wake = control.get(transaction, control.WAKE) or {"n": 0, "forced_n": 0}
            now_ms = self._clock.now_ms()
            value = {"pid": os.getpid(), "since": self._since, "beat_at": now_ms}
            control.put(transaction, control.WORKER, value, now=now_ms)
            # In a transaction that is made anyway: what charts and listeners need costs no sync of its own.
            samples.keep_if_due(transaction, now=now_ms)
            changes.prune(transaction)
            if self._handled is None:
                report = control.get(transaction, control.REPORT) or {"wake": 0}
                self._handled = self._forced = int(report["wake"])
            return int(wake["n"]), int(wake["forced_n"])

        return written(self._database, beat, within_s=self._interval_s)

    def _tell(self, number: int, report: DrainReport) -> None:
        if self._clock.monotonic_s() - self._reported_s >= REPORT_EVERY_S:
            self._report(number, report, running=True)

    def _report(self, number: int, report: DrainReport | None, *, running: bool) -> None:
        """For those who follow: what this pass has done so far, or did."""
        self._reported_s = self._clock.monotonic_s()
        value: dict[str, Any] = {
            "wake": number,
            "running": running,
            "report": None if report is None else report.to_json(),
        }

        def tell(transaction: Transaction) -> None:
            control.put(transaction, control.REPORT, value, now=self._clock.now_ms())

        written(self._database, tell, within_s=self._interval_s)

    def _sleep_until_next(self) -> None:
        moment = next_moment(self._database, settle_s=self._settle_s, clock=self._clock)
        if moment is not None and moment < self._clock.now() + timedelta(seconds=self._interval_s):
            # Never at once: whatever could be done at this moment was just done.
            self._at(max(timedelta(seconds=LEAST_REST_S), moment - self._clock.now()))

    def _at(self, wait: timedelta) -> None:
        if not self._stopping.is_set():
            self._scheduler.modify_job("drain", next_run_time=datetime.now(UTC) + wait)

    def _last_sample(self) -> None:
        """How the queue stood when the worker ended. Nobody waits long for it: a chart can do without."""
        if self._broken is None and not self._drain.abandoned:
            with suppress(StorageProblem), self._database.write() as transaction:
                samples.keep(transaction, now=self._clock.now_ms())

    def _checkpoint(self) -> None:
        """Checkpoints belong to the worker: inside a capture they would make one person wait for all."""
        try:
            self._beat()
            self._database.checkpoint()
        except StorageProblem as problem:
            events.log(_LOG, events.DRAIN_FAILED, level=logging.WARNING, reason=problem.code)
