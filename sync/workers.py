"""The threads that deliver: each with a connection of its own, each with one job at a time.

Threads and not asyncio: at this width they cost a fraction of the processor time, and boto3 is synchronous anyway.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sync.clock import Clock
from sync.delivery import Deliverer, unexplained
from sync.job import Done, Work


@dataclass(slots=True)
class _Worker:
    deliverer: Deliverer
    inbox: queue.SimpleQueue[Work | None] = field(default_factory=queue.SimpleQueue)
    thread: threading.Thread | None = None


@dataclass(slots=True)
class InFlight:
    """A job in a worker's hands, and since when by the monotonic clock."""

    job: Work
    since_s: float
    renewed_s: float
    aborted: bool = False


class WorkerPool:
    """A fixed number of delivering threads, made when first needed and kept for the life of the process."""

    def __init__(self, size: int, make_deliverer: Callable[[], Deliverer], clock: Clock) -> None:
        self.size = size
        self._make_deliverer = make_deliverer
        self._clock = clock
        self._workers: list[_Worker] = []
        self._finished: queue.SimpleQueue[tuple[int, Done]] = queue.SimpleQueue()
        self.in_flight: dict[int, InFlight] = {}

    @property
    def idle(self) -> int:
        """How many jobs can be started now."""
        return self.size - len(self.in_flight)

    def prepare(self) -> None:
        """Make the first worker, so that settings it cannot work with show before anything is claimed for it."""
        if not self._workers:
            self._add()

    def start(self, job: Work, *, on: int | None = None) -> None:
        """Hand `job` to an idle worker, or to the one numbered `on` that has just finished a step of this entry."""
        number = self._idle_worker() if on is None else on
        now_s = self._clock.monotonic_s()
        self.in_flight[number] = InFlight(job, now_s, now_s)
        self._workers[number].inbox.put(job)

    def _idle_worker(self) -> int:
        for number in range(len(self._workers)):
            if number not in self.in_flight:
                return number
        assert len(self._workers) < self.size, "a job is only started on an idle worker"
        return self._add()

    def _add(self) -> int:
        worker = _Worker(self._make_deliverer())
        number = len(self._workers)
        self._workers.append(worker)
        # Daemon: a thread that hangs in the network must not keep a process alive that was told to stop.
        worker.thread = threading.Thread(
            target=self._work, args=(number, worker), name=f"deliver-{number}", daemon=True
        )
        worker.thread.start()
        return number

    def _work(self, number: int, worker: _Worker) -> None:
        while (job := worker.inbox.get()) is not None:
            try:
                finished = worker.deliverer.deliver(job)
            except BaseException as error:  # noqa: BLE001  nobody else could catch it
                # A job without an answer would hold its worker, its lease and in the end the process.
                finished = unexplained(job, error, self._clock)
            self._finished.put((number, finished))
        worker.deliverer.close()

    def collect(self, timeout_s: float) -> list[tuple[int, Done]]:
        """All jobs that have finished; waits at most `timeout_s` for the first. They no longer count as in flight."""
        found: list[tuple[int, Done]] = []
        try:
            found.append(self._finished.get(timeout=timeout_s))
            while True:
                found.append(self._finished.get_nowait())
        except queue.Empty:
            pass
        for number, _ in found:
            self.in_flight.pop(number, None)
        return found

    def abort(self, number: int) -> None:
        """End this worker's exchange; its job then finishes with what is known."""
        self._workers[number].deliverer.abort()

    def abort_all(self) -> None:
        """End every exchange under way, uploads too."""
        for number in self.in_flight:
            self._workers[number].deliverer.abort()
        for worker in self._workers[:1]:
            worker.deliverer.abort_uploads()

    def close(self) -> None:
        """End the idle threads. One that is still in an exchange ends with the process."""
        for worker in self._workers:
            worker.inbox.put(None)
        for number, worker in enumerate(self._workers):
            if worker.thread is not None and number not in self.in_flight:
                worker.thread.join(timeout=2)
