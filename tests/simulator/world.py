"""A device, a server and the time between them, in one simulation: what a director decides happens, all else follows.

Two clocks: `scheduler.t` is true time and the server's; the device has a wall clock that may jump and a monotonic one
that begins again with each boot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, Protocol

import pytest

from storage.errors import StorageProblem
from sync import commands, settling
from sync.capture import Checked, ImageLimits, Input, capture, check_input
from sync.clock import Clock
from sync.credentials import Tokens
from sync.looking import ListCall
from sync.policy import Limits
from sync.reconcile import Strategy
from sync.rules import Ask, Rules
from sync.secret import Secret
from sync.transport import ApiRequest
from sync.waiting import next_moment
from tests.simulator.place import Place, PlacedDatabase
from tests.simulator.process import Process
from tests.simulator.scheduler import Actor, Scheduler
from tests.simulator.server import Request, Server
from tests.simulator.watcher import Watcher
from tests.simulator.wire import Fate
from tests.support.builders import signature_png
from tests.support.device import distinct_body
from tests.support.scratch import entry_id

# Passes of the last worker. A list that shows nothing of ours settles nothing for a day: the first looks will do.
_LAST_PASSES = 60
_DOUBT_PASSES = 10
_LONGEST_SLEEP_S = 3700.0
MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
# Folders for the next worlds.
_places: list[Place] = []
_LIMITS = ImageLimits(2**21, 4_000_000)


class Violation(AssertionError):
    """A promise was broken; the text says which, and how it came about."""


class Director(Protocol):
    """Everything in a run that does not follow from the code under test."""

    def choose(self, able: list[Actor]) -> Actor: ...
    def yields(self, process: Process, point: str) -> bool: ...
    def dies(self, process: Process, point: str) -> bool: ...
    def send_fate(self, process: Process, request: ApiRequest) -> Fate: ...
    def put_fate(self, process: Process, url: str) -> Fate: ...
    def read_fate(self, process: Process, request: ApiRequest) -> Fate: ...


@dataclass
class Captured:
    """What was captured, and what since then may excuse that it is not delivered."""

    id: str
    number: int
    md5: str
    after: str | None
    ordered: int = 0  # resends that a person ordered
    taken_by_person: bool = False  # while it may have been in the hands of a process that is stopped
    doubted_s: float | None = None  # when it came into doubt last
    excuses: set[str] = field(default_factory=set)


@cache
def checked(number: int) -> Checked:
    """One capture's input: small, valid, and different from all others."""
    image = signature_png(number, width=24, height=12)
    return check_input(
        Input("unplanned-preventive", json.dumps(distinct_body(number)).encode(), image), _LIMITS
    )


def rules(strategy: Strategy = Strategy.HOLD, **changes: Any) -> Rules:
    """The settings of a device, as they are unless somebody changes them."""
    usual: dict[str, Any] = {
        "limits": Limits(),
        "strategy": strategy,
        "settle_s": 60.0,
        "lookup_gap_s": 60.0,
        "list_call": ListCall(),
        "lease_s": 120.0,
        "exchange_limit_s": 90.0,
        "start_spread_s": 30.0,
        "probe_cap_s": 120.0,
        "api_url": "https://api.example/main",
    }
    return Rules(**(usual | changes))


class World:
    """One simulation. Close it, or use `simulated`."""

    def __init__(
        self, director: Director, rules: Rules, place: Place, *, width: int = 2, seed: int = 0
    ) -> None:
        self.director = director
        self.rules = rules
        self.width = width
        self.scheduler = Scheduler(director.choose)
        self.place = place
        place.empty()
        self.trace: list[str] = []
        self.violations: list[str] = []
        self.judged: frozenset[str] | None = None  # the promises that are looked at; None: all
        self.ignored: frozenset[str] = frozenset()
        self.heard: list[tuple[Process, str, int]] = []  # acceptances that a process has read
        self.captured: dict[str, Captured] = {}
        self.processes: list[Process] = []
        self.stride = 15.0  # below what a drain takes for having been stopped
        self.link_up = self.store_up = True
        self.pair = 1  # number of the tokens that the device has
        self._held = False  # whether somebody held the entry that a person spoke about last
        self._seed = seed
        self._named = 0
        self._wall_jumps = timedelta()
        self._boot, self._booted_s = 1, -300.0
        self.clock = Clock(
            now=lambda: self.server_now() + self._wall_jumps,
            monotonic_s=lambda: self.scheduler.t - self._booted_s,
            boot=lambda: f"boot-{self._boot}",
        )
        self.server = Server(
            now=lambda: (self.scheduler.t, self.server_now()),
            allowed=lambda key: 1 + self.captured[key].ordered,
            told=self.violated,
        )
        self.watcher = Watcher(self)
        # A person's commands are processes of their own, too short to be interrupted.
        self.desk = PlacedDatabase(place)

    def close(self) -> None:
        for process in list(self.processes):
            process.ends()
        self.desk.close()
        self.watcher.close()

    # --- what is told

    def note(self, what: str) -> None:
        self.trace.append(f"{self.scheduler.t:9.1f}  {what}")

    def violated(self, what: str) -> None:
        """A promise is broken. The word before the colon says which."""
        promise = what.partition(":")[0]
        if promise in self.ignored or (self.judged is not None and promise not in self.judged):
            self.note(f"   ({what})")
            return
        self.note(f"!! {what}")
        self.violations.append(what)

    def check(self) -> None:
        """Raises: Violation, with the whole trace."""
        if self.violations:
            raise Violation("; ".join(self.violations) + "\n" + "\n".join(self.trace))

    def watch(self) -> None:
        """Somebody has committed."""
        self.watcher.look()

    # --- time

    @property
    def settles_after_s(self) -> float:
        """Sooner than this nothing that was in doubt may be sent again by itself."""
        looked = self.rules.lookup_gap_s if self.rules.strategy is Strategy.LOOKUP else 0.0
        return self.rules.settle_s + looked

    def server_now(self) -> datetime:
        return MORNING + timedelta(seconds=self.scheduler.t)

    def jumps(self, by: timedelta) -> None:
        """The device's wall clock alone."""
        self._wall_jumps += by
        self.note(f"the wall clock jumps by {by}")

    def reboots(self) -> None:
        """Every process ends, and monotonic time begins again."""
        self.note("the device boots again")
        for process in list(self.processes):
            process.ends()
        self._boot += 1
        self._booted_s = self.scheduler.t - 10.0

    def passes(self, seconds: float) -> None:
        """Time goes by, and whoever can run does."""
        end = self.scheduler.t + seconds
        while self.scheduler.step(latest=end):
            self.check()
        self.scheduler.advance(end)
        self.check()

    # --- processes

    def process(self) -> Process:
        """A new one, as a command or the worker starts it."""
        self._named += 1
        name = f"{chr(64 + (self._named - 1) % 26 + 1)}{(self._named - 1) // 26 or ''}"
        made = Process(self, name, width=self.width, seed=self._seed + self._named)
        self.processes.append(made)
        return made

    def run(self, process: Process, ask: Ask | None = None) -> None:
        """A whole pass, with all that happens meanwhile."""
        process.begin(ask or Ask(looked=True))
        self.until(lambda: not process.busy)

    def until(self, enough: Callable[[], bool]) -> None:
        """Whoever can run does, until `enough`.

        Raises:
            Violation: it never comes to that, or a promise was broken.
        """
        for _ in range(100_000):
            if enough():
                self.check()
                return
            if not self.scheduler.step():
                break
            self.check()
        self.violated("STUCK: nothing can happen any more")
        self.check()

    def comes_to_rest(self) -> None:
        """A worker makes its passes until nothing is left that time alone can deliver."""
        worker = self.process()
        for number in range(_LAST_PASSES):
            if worker.dead:
                worker = self.process()
            self.run(worker, Ask(spread=True))
            doubt_alone = number > _DOUBT_PASSES and self.watcher.only_doubt()
            if doubt_alone or not self.watcher.moving():
                break
            moment = next_moment(self.desk, settle_s=self.rules.settle_s, clock=self.clock)
            # Without a moment it is the interval that wakes the worker, for instance to probe tokens.
            sleep_s = 600.0 if moment is None else (moment - self.clock.now()).total_seconds()
            self.passes(min(max(sleep_s, 0.0) + 1.0, _LONGEST_SLEEP_S))

    # --- the wire

    @property
    def tokens(self) -> Tokens:
        return Tokens(Secret(f"bearer-{self.pair}"), Secret(f"session-{self.pair}"))

    def tokens_for(self, owner: str | None) -> Tokens | None:
        return self.tokens

    def tokens_end(self) -> None:
        """The server takes the present pair no longer."""
        self.note("the tokens end")
        ended = self.tokens
        self.server.good_tokens = lambda tokens: tokens != ended

    def signs_in(self) -> None:
        """The device gets a pair that the server takes."""
        if not self.server.good_tokens(self.tokens):
            self.pair += 1
            self.note("person: signs in again")

    def sends(self, process: Process, request: ApiRequest) -> Request:
        """The last byte of a request has left the device."""
        self.watcher.sends(process.name, request)
        return self.server.takes(request)

    def excuse_url(self, url: str, why: str) -> None:
        """The upload of whoever has this URL may end with a person."""
        for record in self.server.records:
            if url in record.urls:
                self.captured[record.key].excuses.add(why)

    def hears(self, process: Process, id: str, server_id: int) -> None:
        """This process has a whole acceptance in its hands."""
        self.heard.append((process, id, server_id))

    def forgets(self, process: Process) -> None:
        """A process that ends takes with it what it heard and had not written down."""
        self.heard = [
            (who, id, number)
            for who, id, number in self.heard
            if who is not process or self.watcher.has_receipt(id, number)
        ]

    def excuse_cut_off(self, process: Process) -> None:
        """What this process had in hand when it ended is in doubt."""
        for id in self.watcher.sent_by(process.name):
            self.captured[id].excuses.add("cut off")

    def carries_out(self, arrived: Request) -> None:
        self.note(f"server: stores entry {arrived.key[-4:]}")
        self.server.carries_out(arrived)

    # --- the person

    def capture(self, *, after: str | None = None) -> str:
        """One signed intervention; its local id."""
        number = len(self.captured) + 1
        given = replace(checked(number), after=after, leans=after is not None)
        assert given.image is not None
        id = entry_id(number)
        self.captured[id] = Captured(id, number, given.image.md5, after)
        capture(self.desk, given, clock=self.clock, new_id=id, owner=None)
        self.note(f"person: captures entry {id[-4:]}" + (f" after {after[-4:]}" if after else ""))
        return id

    def _says(self, id: str, what: str, order: Callable[[], object]) -> bool:
        """A person's word about one entry; whether it was taken."""
        captured, row = self.captured[id], self.row(id)
        now_ms = self.clock.now_ms()
        self._held = row["lease_owner"] is not None and row["lease_expires_at"] > now_ms
        try:
            order()
        except StorageProblem as refusal:
            self.note(f"person: {what} {id[-4:]}, refused: {type(refusal).__name__}")
            return False
        self.note(f"person: {what} {id[-4:]}")
        captured.excuses.add(what)
        # Its lease was over, but whoever held it may be stopped and not dead.
        captured.taken_by_person = captured.taken_by_person or row["state"] == "sending"
        return True

    def says_not_arrived(self, id: str) -> bool:
        captured = self.captured[id]
        taken = self._says(
            id, "settle --not-arrived", lambda: settling.settle_not_arrived(self.desk, id, self.clock)
        )
        # An order about an entry in somebody's hands would be none: it has to be refused.
        captured.ordered += taken and not self._held
        self.watch()
        return taken

    def says_arrived(self, id: str) -> bool:
        """With the id that the server's own people would find."""
        found = self.server.of(id)
        if not found:
            return False
        record = found[0]
        taken = self._says(
            id, "settle --arrived", lambda: settling.settle_arrived(self.desk, id, record.id, self.clock)
        )
        self.watch()
        return taken

    def says_unsigned(self, id: str) -> bool:
        taken = self._says(
            id, "settle --unsigned", lambda: settling.settle_unsigned(self.desk, id, self.clock)
        )
        self.watch()
        return taken

    def discards(self, id: str) -> bool:
        taken = self._says(id, "discard", lambda: settling.discard(self.desk, id, "by chance", self.clock))
        self.watch()
        return taken

    def resyncs(self, *ids: str, all: bool = False) -> commands.Resynced:
        """`fieldsync resync` with these, with --all, or without a selection."""
        done = commands.resync(self.desk, commands.Selection(ids=ids, all=all), self.clock)
        said = {"hastened": done.hastened, "released": done.released, "requeued": done.requeued}
        whom = " ".join(id[-4:] for id in ids) or ("--all" if all else "")
        self.note(f"person: resync {whom} {said}, skipped {len(done.skipped)}")
        self.watch()
        return done

    def lets_go_on(self) -> None:
        """`fieldsync resume`."""
        commands.resume(self.desk, self.clock)
        self.note("person: lets the queue go on")
        self.watch()

    def row(self, id: str) -> dict[str, Any]:
        return self.watcher.row(id)

    def state(self, id: str) -> str:
        return str(self.row(id)["state"])


@contextmanager
def simulated(director: Director, rules: Rules, **options: Any) -> Iterator[World]:
    """A world on its own."""
    place = _places.pop() if _places else Place()
    world = World(director, rules, place, **options)
    with patched(world):
        try:
            yield world
        finally:
            world.close()
    _places.append(place)  # not after an error: who knows what is left there


@contextmanager
def patched(world: World) -> Iterator[None]:
    """What the code under test takes from the machine beneath it: sleeping, looking around, ending the process."""

    def leave(code: int) -> None:
        running = world.scheduler.running
        assert running is not None
        running.process.leaves()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sync.drain.os", SimpleNamespace(_exit=leave))
        patch.setattr("storage.locks.time", SimpleNamespace(sleep=lambda seconds: None))
        patch.setattr("sync.opening.look", lambda url: world.store_up if "s3" in url else world.link_up)
        yield
