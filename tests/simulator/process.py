"""One simulated process of the device: the real drain over the real database, with threads, wire and end of its own.

What the kernel does for a process that dies is done here: its locks are given back, its connections closed, and not
one more of its lines runs, clean-ups apart that find nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from storage.database import Transaction
from storage.errors import IllegalTransition, StorageProblem
from sync.credentials import Tokens
from sync.delivery import Deliverer, unexplained
from sync.drain import Drain, DrainBusy
from sync.exchange import Exchange, Failure, FailureKind, LeaseGone
from sync.intake import Intake
from sync.job import Done, Work
from sync.presigned_url import UrlRules, read_url
from sync.report import DrainReport
from sync.rules import Ask
from sync.transport import ApiRequest
from sync.workers import InFlight
from tests.simulator.place import Place, PlacedDatabase
from tests.simulator.scheduler import Actor, Killed
from tests.simulator.wire import READ_TIMEOUT_S, UNAUTHORIZED_401, URL_EXPIRED, Fate

if TYPE_CHECKING:
    from tests.simulator.world import World

URL_RULES = UrlRules()


def http_date(at: datetime) -> str:
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


class SimDatabase(PlacedDatabase):
    """The outbox file, with a point before and after each commit."""

    def __init__(self, place: Place, process: Process) -> None:
        super().__init__(place)
        self._process = process

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        process = self._process
        process.point("begin")
        with super().write() as transaction:
            yield transaction
            process.may_die("before-commit")
        process.world.watch()
        process.may_die("after-commit")
        process.point("committed")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._process.must_live()
        with super().read() as transaction:
            yield transaction


class SimPool:
    """As `sync.workers.WorkerPool`; its threads run when the scheduler says so."""

    def __init__(self, size: int, process: Process) -> None:
        self.size = size
        self._process = process
        self._deliverers: dict[int, Deliverer] = {}
        self._senders: dict[int, SimSender] = {}
        self._putter = SimPutter(process)
        self._finished: list[tuple[int, Done]] = []
        self.in_flight: dict[int, InFlight] = {}

    @property
    def idle(self) -> int:
        return self.size - len(self.in_flight)

    def prepare(self) -> None:
        """Nothing is dear to make here."""

    def start(self, job: Work, *, on: int | None = None) -> None:
        number = next(n for n in range(self.size) if n not in self.in_flight) if on is None else on
        if number not in self._deliverers:
            self._senders[number] = SimSender(self._process)
            self._deliverers[number] = Deliverer(
                self._process.database,
                self._senders[number],
                self._putter,
                url_rules=URL_RULES,
                clock=self._process.world.clock,
            )
        now_s = self._process.world.clock.monotonic_s()
        self.in_flight[number] = InFlight(job, now_s, now_s)

        def deliver() -> None:
            try:
                finished = self._deliverers[number].deliver(job)
            except Killed:
                raise
            except BaseException as error:  # noqa: BLE001  as in the real pool
                finished = unexplained(job, error, self._process.world.clock)
            self._finished.append((number, finished))

        self._process.spawn(f"{job.step}-{number}", deliver)

    def collect(self, timeout_s: float) -> list[tuple[int, Done]]:
        world = self._process.world
        if not self._finished:
            # A thread may be woken late. That saves simulating each second of a long wait.
            until = world.scheduler.t + timeout_s * world.stride
            world.scheduler.park("collect", until=until, ready=lambda: bool(self._finished))
        found, self._finished = self._finished, []
        for number, _ in found:
            self.in_flight.pop(number, None)
        return found

    def abort(self, number: int) -> None:
        self._process.note(f"ends the exchange of worker {number}")
        self._senders[number].abort()

    def abort_all(self) -> None:
        for number in self.in_flight:
            self._senders[number].abort()
        self._putter.abort()

    def close(self) -> None:
        """Threads without work have ended already."""

    def dies(self) -> None:
        """Nothing of it is left."""
        self.in_flight.clear()
        self._finished.clear()


class _Call:
    """One exchange under way."""

    def __init__(self, process: Process, fate: Fate) -> None:
        self.process, self.fate = process, fate
        self.aborted = False

    def hang(self, point: str) -> None:
        if self.fate.hangs_at == point:
            self.process.note(f"hangs ({self.fate.name})")
            self.process.world.scheduler.hang(point)

    def wait(self, point: str, seconds: float) -> None:
        if seconds and not self.aborted:
            scheduler = self.process.world.scheduler
            scheduler.park(point, until=scheduler.t + seconds, ready=lambda: self.aborted)


class _Wire:
    """What sending and uploading have in common: exchanges that can be ended from outside."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self._calls: list[_Call] = []

    def abort(self) -> None:
        for call in self._calls:
            call.aborted = call.aborted or not call.fate.deaf

    @contextmanager
    def _call(self, fate: Fate) -> Iterator[_Call]:
        call = _Call(self._process, fate)
        self._calls.append(call)
        try:
            yield call
        finally:
            self._calls.remove(call)

    def close(self) -> None:
        """Nothing is open here."""


class SimSender(_Wire):
    """The API, as a worker sees it."""

    def send(self, request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]) -> Exchange:
        if request.method == "GET":
            return self._read(request, tokens)
        with self._call(self._world.director.send_fate(self._process, request)) as call:
            return self._connected(call, request, tokens, before_first_byte)

    def _read(self, request: ApiRequest, tokens: Tokens) -> Exchange:
        world, process = self._world, self._process
        with self._call(world.director.read_fate(process, request)) as call:
            fate, sent_at = call.fate, world.clock.now()
            process.point("reading")
            if fate.unreached is not None or not world.link_up:
                process.note(f"GET: does not reach the server ({fate.name})")
                call.wait("reading", fate.unreached_s)
                return Failure(fate.unreached or FailureKind.CONNECT, False, "simulated")
            # What is stored from here on is not in the answer, however long that takes.
            answer = fate.answer or world.server.reads(request.path)
            if not world.server.good_tokens(tokens):
                answer = UNAUTHORIZED_401.answer or answer
            call.hang("reading")
            call.wait("reading", fate.answer_after_s)
            if call.aborted:
                return Failure(FailureKind.EXCHANGE_TIMEOUT, True, "simulated", sent_at)
            process.note(f"GET {request.path.rpartition('/')[2]}: {fate.name}, {world.server.shown(answer)}")
            process.point("read")
            return self._timed(answer, sent_at)

    def _connected(
        self, call: _Call, request: ApiRequest, tokens: Tokens, before_first_byte: Callable[[], None]
    ) -> Exchange:
        process, fate, name = self._process, call.fate, f"POST {request.idempotency_key[-4:]}"
        process.point("connecting")
        if fate.unreached is not None or not self._world.link_up:
            process.note(f"{name}: does not reach the server ({fate.name})")
            call.wait("connecting", fate.unreached_s)
            return Failure(fate.unreached or FailureKind.CONNECT, False, "simulated")
        if call.aborted:
            return Failure(FailureKind.EXCHANGE_TIMEOUT, False, "simulated")
        try:
            before_first_byte()
        except LeaseGone:
            process.note(f"{name}: the lease is gone, nothing is sent")
            return Failure(FailureKind.LEASE_LOST, False, "")
        process.point("checked")
        call.hang("checked")
        if call.aborted:
            process.note(f"{name}: ended before its first byte")
            return Failure(FailureKind.EXCHANGE_TIMEOUT, False, "simulated")
        call.wait("writing", fate.writes_s)
        if call.aborted:
            process.note(f"{name}: ended before its last byte")
            return Failure(FailureKind.EXCHANGE_TIMEOUT, False, "simulated")
        if not fate.written:
            sent_at = self._world.clock.now()
            call.wait("sent", fate.answer_after_s)
            process.note(f"{name}: breaks off ({fate.name})")
            return Failure(FailureKind.WRITE, False, "simulated", sent_at)
        return self._written(call, request, tokens)

    def _written(self, call: _Call, request: ApiRequest, tokens: Tokens) -> Exchange:
        world, process, server, fate = self._world, self._process, self._world.server, call.fate
        sent_at = world.clock.now()
        if not server.good_tokens(tokens):
            fate = UNAUTHORIZED_401
        process.note(f"POST {request.idempotency_key[-4:]}: sent ({fate.name})")
        excuses = world.captured[request.idempotency_key].excuses
        if fate.doubtful or fate.final:
            excuses.add(fate.name)
        arrived = world.sends(process, request)
        if fate.carried_after_s is not None:
            at = world.scheduler.t + fate.carried_after_s
            world.scheduler.at(at, lambda: world.carries_out(arrived))
        call.hang("sent")
        answered_s = fate.answer_after_s
        if fate.answer is None and fate.carried_after_s is not None:
            answered_s = max(answered_s, fate.carried_after_s + 0.2)
        call.wait("sent", min(answered_s, READ_TIMEOUT_S))
        if call.aborted:
            excuses.add("ended after its last byte")
            return Failure(FailureKind.EXCHANGE_TIMEOUT, True, "simulated", sent_at)
        process.point("answered")
        if fate.answer is not None:
            return self._timed(fate.answer, sent_at)
        if arrived.record is None:
            excuses.add("slow server")
            return Failure(FailureKind.READ_TIMEOUT, True, "simulated", sent_at)
        world.hears(process, request.idempotency_key, arrived.record.id)
        return self._timed(server.created(arrived), sent_at)

    def _timed(self, answer: Exchange, sent_at: datetime) -> Exchange:
        """With the times that a real exchange carries, and the Date of a server that answers for itself."""
        if isinstance(answer, Failure):
            return replace(answer, sent_at=sent_at)
        headers = {"date": http_date(self._world.server_now()), **answer.headers}
        return replace(answer, headers=headers, sent_at=sent_at, received_at=self._world.clock.now())


class SimPutter(_Wire):
    """The storage, as all workers of one process see it."""

    def put(self, url: str, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        read_url(url, URL_RULES)
        fate = self._world.director.put_fate(self._process, url)
        if fate.final:
            self._world.excuse_url(url, fate.name)
        with self._call(fate) as call:
            return self._put(call, url, body)

    def _put(self, call: _Call, url: str, body: bytes) -> Exchange:
        process, fate = self._process, call.fate
        name = f"PUT {url.partition('?')[0].rpartition('/')[2]}"
        process.point("put-connecting")
        if fate.unreached is not None or not self._world.store_up:
            process.note(f"{name}: does not reach the storage ({fate.name})")
            call.wait("put-connecting", fate.unreached_s)
            return Failure(fate.unreached or FailureKind.CONNECT, False, "simulated")
        process.note(f"{name}: sent ({fate.name})")
        answer = fate.answer
        if fate.carried_after_s is not None:
            own = self._world.server.puts(url, body)
            if own is URL_EXPIRED:
                self._world.excuse_url(url, "its URL was over")
            answer = answer or own
        call.hang("put-sent")
        call.wait("put-sent", fate.answer_after_s)
        if call.aborted:
            return Failure(FailureKind.EXCHANGE_TIMEOUT, True, "simulated")
        process.point("put-answered")
        assert answer is not None, f"the fate {fate.name} says nothing"
        return answer


class Process:
    """`begin` starts a pass; the scheduler runs it."""

    def __init__(self, world: World, name: str, *, width: int, seed: int) -> None:
        self.world = world
        self.name = name
        self.stopped = False
        self.dead = False
        self.main: Actor | None = None
        self.actors: list[Actor] = []
        self.last: DrainReport | DrainBusy | StorageProblem | None = None
        self.database = SimDatabase(world.place, self)
        self.pool = SimPool(width, self)
        intake = Intake(owner=name, lease_s=world.rules.lease_s, tokens_for=world.tokens_for)
        self.drain = Drain(
            self.database,
            self.pool,  # type: ignore[arg-type]  the same shape
            intake,
            world.rules,
            clock=world.clock,
            rng=Random(seed),
        )

    def __repr__(self) -> str:
        return self.name

    # --- inside its threads

    def note(self, what: str) -> None:
        self.world.note(f"{self.name}: {what}")

    def must_live(self) -> None:
        if self.dead:
            raise Killed

    def point(self, name: str) -> None:
        """A place where others may run, or where this process may be stopped or end."""
        self.must_live()
        running = self.world.scheduler.running
        if running is not None and self.world.director.yields(self, name):
            self.world.scheduler.park(name)

    def may_die(self, point: str) -> None:
        self.must_live()
        if self.world.scheduler.running is not None and self.world.director.dies(self, point):
            self.note(f"dies {point}")
            self.ends()
            raise Killed

    # --- from outside

    def spawn(self, name: str, work: Callable[[], None]) -> Actor:
        actor = self.world.scheduler.spawn(f"{self.name}.{name}", self, work)
        self.actors = [each for each in self.actors if not each.over]
        self.actors.append(actor)
        return actor

    @property
    def busy(self) -> bool:
        """Whether a pass is under way."""
        return self.main is not None and not self.main.over

    def begin(self, ask: Ask) -> None:
        """A pass starts when the scheduler says so."""
        assert not self.dead
        assert not self.busy
        self.last = None

        def run() -> None:
            try:
                self.last = self.drain.run(ask)
            except DrainBusy as busy:
                self.last = busy
                self.note("finds the lock held")
            except StorageProblem as problem:
                self.last = problem
                self.note(f"gives up: {problem}")
                if isinstance(problem, IllegalTransition):
                    self.world.violated(f"ILLEGAL: {problem}")

        self.main = self.spawn("main", run)

    def leaves(self) -> None:
        """What `os._exit` does, called from one of its threads."""
        self.note("ends itself")
        self.ends()
        raise Killed

    def ends(self) -> None:
        """Killed, crashed, or out at its own wish: from here on it does nothing any more."""
        if self.dead:
            return
        self.dead, self.stopped = True, False
        self.world.excuse_cut_off(self)
        if self.busy or self.pool.in_flight:
            self.world.forgets(self)
        self.pool.dies()
        for actor in self.actors:
            actor.hung = False
            self.world.scheduler.kill(actor)
        # What the kernel gives back.
        self.drain._lock.give()
        with suppress(Exception):
            self.database.close()
        self.world.processes.remove(self)
