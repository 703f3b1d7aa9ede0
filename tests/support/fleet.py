"""Many devices against one server in simulated time: each with its own outbox, drain, gates and waits, all real.

Only one device runs at a time. A device that waits, for an answer or for its next pass, hands on to whoever is next by
the simulated clock; so an hour of two hundred devices takes seconds, and the same seed gives the same hour again.
"""

from __future__ import annotations

import heapq
import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from storage.database import Database
from storage.folder import StorageFolder
from storage.queries import Reader
from storage.schema import open_database
from sync.clock import Clock
from sync.credentials import Tokens
from sync.delivery import Deliverer
from sync.drain import Drain
from sync.exchange import Exchange, Reply
from sync.intake import Intake
from sync.job import Done, Work
from sync.looking import ListCall
from sync.policy import Limits
from sync.presigned_url import UrlRules
from sync.reconcile import Strategy
from sync.rules import Ask, Rules
from sync.secret import Secret
from sync.transport import ApiRequest
from sync.waiting import next_moment
from sync.workers import InFlight, WorkerPool
from tests.support.scratch import DATABASE_ID

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WIDTH = 4
LEAST_REST_S = 0.2
INTERVAL_S = 15.0
FIRST_REST_S = (
    10.0  # one pass soon after the first: what is loaded then must not be shorter or longer than it was
)


class World:
    """The simulated clock, and whose turn it is."""

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.rng = Random(seed)
        self._turns: list[tuple[float, int, threading.Semaphore]] = []
        self._n = 0
        self._idle = threading.Semaphore(0)
        self.failed: list[BaseException] = []

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, monotonic_s=lambda: 1000.0 + self.now_s, boot=lambda: "boot-1")

    def wait(self, seconds: float) -> None:
        """Called by a device: somebody else's turn until then."""
        turn = threading.Semaphore(0)
        self._add(seconds, turn)
        self._idle.release()
        turn.acquire()

    def _add(self, seconds: float, turn: threading.Semaphore) -> None:
        self._n += 1
        heapq.heappush(self._turns, (self.now_s + seconds, self._n, turn))

    def run(self, bodies: list[Callable[[], None]]) -> None:
        """Everybody from now until all are through."""
        threads = []
        for body in bodies:
            turn = threading.Semaphore(0)
            self._add(0.0, turn)
            threads.append(threading.Thread(target=self._act, args=(body, turn), daemon=True))
            threads[-1].start()
        while self._turns:
            self.now_s, _, turn = heapq.heappop(self._turns)
            turn.release()
            self._idle.acquire()
        for thread in threads:
            thread.join(10)
        if self.failed:
            raise self.failed[0]

    def _act(self, body: Callable[[], None], turn: threading.Semaphore) -> None:
        turn.acquire()
        try:
            body()
        except BaseException as error:  # noqa: BLE001  raised again by `run`, in the test's own thread
            self.failed.append(error)
        finally:
            self._idle.release()


@dataclass(slots=True)
class Server:
    """The API and the storage of a whole fleet. `away` says how it is away, and until when."""

    world: World
    until_s: float
    away: Callable[[World], Exchange]
    rtt_s: float = 0.15
    posts: Counter[int] = field(default_factory=Counter)  # by second
    refused: Counter[int] = field(default_factory=Counter)
    stored: int = 0
    next_id: int = 0

    def reachable(self) -> bool:
        return self.world.now_s >= self.until_s

    def send(self, request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]) -> Exchange:
        before_first_byte()
        second = int(self.world.now_s)
        if not self.reachable():
            self.refused[second] += 1
            return self.away(self.world)
        self.posts[second] += 1
        self.next_id += 1
        url = f"http://127.0.0.1:9/bucket/{self.next_id}?X-Amz-Signature=0"
        return Reply(201, {}, json.dumps({"data": {"id": self.next_id}, "presignedUrl": url}).encode())

    def put(self, url: str, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        self.stored += 1
        return Reply(200, {"etag": f'"{md5_hex}"'})

    def abort(self) -> None:
        """Nothing hangs here."""

    def close(self) -> None:
        """Nothing is open here."""


class FleetPool(WorkerPool):
    """Workers whose exchanges take simulated time."""

    def __init__(self, world: World, deliverer: Deliverer, rtt_s: float) -> None:
        super().__init__(WIDTH, lambda: deliverer, world.clock())
        self._world, self._deliverer, self._rtt_s = world, deliverer, rtt_s
        self._ends: list[tuple[float, int]] = []
        self._done: dict[int, Done] = {}

    def prepare(self) -> None:
        """No thread is needed."""

    def start(self, job: Work, *, on: int | None = None) -> None:
        number = on if on is not None else next(n for n in range(self.size) if n not in self.in_flight)
        now_s = 1000.0 + self._world.now_s
        self.in_flight[number] = InFlight(job, now_s, now_s)
        self._done[number] = self._deliverer.deliver(job)
        took_s = self._rtt_s * self._world.rng.uniform(0.8, 1.5)
        heapq.heappush(self._ends, (self._world.now_s + took_s, number))

    def collect(self, timeout_s: float) -> list[tuple[int, Done]]:
        if self._ends:
            self._world.wait(max(0.0, min(timeout_s, self._ends[0][0] - self._world.now_s)))
        found = []
        while self._ends and self._ends[0][0] <= self._world.now_s:
            _, number = heapq.heappop(self._ends)
            del self.in_flight[number]
            found.append((number, self._done.pop(number)))
        return found

    def close(self) -> None:
        """No thread was started."""


class FleetDevice:
    """One device, a copy of the outbox in `template`, served by its own worker."""

    def __init__(
        self, root: Path, template: Path, world: World, server: Server, seed: int, *, spread_s: float
    ) -> None:
        shutil.copytree(template, root)
        self.world = world
        self.clock = world.clock()
        self.database = open_database(StorageFolder(root), new_id=DATABASE_ID, now=world.now)
        _do_not_sync(self.database)
        rules = Rules(
            limits=Limits(),
            strategy=Strategy.HOLD,
            settle_s=60.0,
            lookup_gap_s=60.0,
            list_call=ListCall(),
            lease_s=120.0,
            exchange_limit_s=90.0,
            start_spread_s=spread_s,
            probe_cap_s=120.0,
            api_url="http://127.0.0.1:9",
        )
        tokens = Tokens(Secret("bearer"), Secret("session"))
        intake = Intake(owner="fleet", lease_s=120.0, tokens_for=lambda owner: tokens)
        deliverer = Deliverer(
            self.database, server, server, url_rules=UrlRules(allow_insecure_loopback=True), clock=self.clock
        )
        pool = FleetPool(world, deliverer, server.rtt_s)
        self.drain = Drain(self.database, pool, intake, rules, clock=self.clock, rng=Random(seed))
        self.states: dict[str, int] = {}

    def serve(self, *, asleep_until_s: float | None = None) -> None:
        """What the worker does: pass after pass, each when something can change, until nothing waits.

        With `asleep_until_s` the device sleeps between its first pass and that moment.
        """
        first_rest_s = FIRST_REST_S if asleep_until_s is None else asleep_until_s
        rests = chain([first_rest_s], iter(self._rest_s, None))
        while self._pass():
            self.world.wait(next(rests))
        self.drain.close()
        self.database.close()

    def _pass(self) -> bool:
        report = self.drain.run(Ask(spread=True))
        with self.database.read() as transaction:
            self.states = {state: n for state, n in Reader(transaction.cursor).counts().items() if n}
        return bool(report.waiting)

    def _rest_s(self) -> float:
        # The worker's passes at its interval in between find every gate shut and change nothing.
        moment = next_moment(self.database, settle_s=60.0, clock=self.clock)
        if moment is None:
            return INTERVAL_S
        return max(LEAST_REST_S, (moment - self.world.now).total_seconds())


def _do_not_sync(database: Database) -> None:
    """Power cuts are not the subject here, and a fleet's disk would be the slowest thing in the test."""
    connect = database._connect

    def unsynced() -> Any:
        connection = connect()
        connection.execute("PRAGMA synchronous = OFF").fetchall()
        return connection

    database._connect = unsynced  # type: ignore[method-assign]
    database._idle.clear()
