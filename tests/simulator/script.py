"""A director that follows a script: what it does not name goes well, and nobody is interrupted but where it says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.reconcile import Strategy
from sync.transport import ApiRequest
from tests.simulator import wire
from tests.simulator.process import Process
from tests.simulator.rules_taken_out import without
from tests.simulator.scheduler import Actor
from tests.simulator.wire import Fate
from tests.simulator.world import Violation, World, rules, simulated

Ends = Mapping[str, str]  # the state in which each entry ends

# What is judged where a rule is gone and should not be missed: the end, not how it came about.
THE_END = frozenset({"DUPLICATE", "FALSE DONE", "REGRESSION", "LOST", "ENDS OTHERWISE"})


# Whatever is still on its way by then was never sent.
_UNDER_WAY_S = 1000.0


class Script:
    """Fates are used up in their order."""

    def __init__(self) -> None:
        self.sends: deque[Fate] = deque()
        self.puts: deque[Fate] = deque()
        self.reads: deque[Fate] = deque()
        self._points: set[tuple[str, str]] = set()
        self._deaths: dict[tuple[str, str], int] = {}

    def choose(self, able: list[Actor]) -> Actor:
        return able[0]

    def yields(self, process: Process, point: str) -> bool:
        return (process.name, point) in self._points

    def dies(self, process: Process, point: str) -> bool:
        left = self._deaths.get((process.name, point), 0)
        self._deaths[process.name, point] = left - 1
        return left == 1

    def send_fate(self, process: Process, request: ApiRequest) -> Fate:
        return self.sends.popleft() if self.sends else wire.GOOD

    def put_fate(self, process: Process, url: str) -> Fate:
        return self.puts.popleft() if self.puts else wire.GOOD

    def read_fate(self, process: Process, request: ApiRequest) -> Fate:
        return self.reads.popleft() if self.reads else wire.GOOD

    # --- what a script says

    def stops(self, world: World, process: Process, point: str) -> None:
        """Let everything go on until a thread of this process comes to `point`; there the whole process is stopped."""
        self._points.add((process.name, point))
        world.until(lambda: any(actor.point == point and not actor.over for actor in process.actors))
        self._points.remove((process.name, point))
        process.stopped = True
        world.note(f"{process}: is stopped at {point}")

    @staticmethod
    def goes_on(world: World, process: Process) -> None:
        """SIGCONT, and the pass to its end."""
        world.note(f"{process}: goes on")
        process.stopped = False
        for actor in process.actors:
            actor.hung = False
        world.until(lambda: not process.busy and not any(not actor.over for actor in process.actors))

    def dies_at(self, process: Process, point: str, number: int = 1) -> None:
        """The process ends the n-th time that it comes to this point."""
        self._deaths[process.name, point] = number


@dataclass(frozen=True)
class Scenario:
    """One story of the protocol's model, told by the product's own code.

    `rule` is what it is about. `without` are the rules that are taken out, `breaks` the promise that is broken then;
    empty: nothing is, so the rule is not needed for this. `beyond`: its server is outside what the promise assumes, so
    the product breaks `breaks` as it is, and holds with each of the settings `safe`.
    """

    name: str
    rule: str
    play: Callable[[World, Script], Ends]
    without: tuple[str, ...] = ()
    breaks: str = ""
    strategy: Strategy = Strategy.LOOKUP
    width: int = 2
    settings: Mapping[str, Any] = field(default_factory=dict)
    honours_keys: bool = False
    beyond: bool = False
    safe: tuple[Mapping[str, Any], ...] = ()
    ignored: frozenset[str] = frozenset()


def perform(
    scenario: Scenario,
    *,
    taken_out: tuple[str, ...] = (),
    judged: frozenset[str] | None = None,
    **settings: Any,
) -> World:
    """Play one scenario to its end.

    Raises:
        Violation: a promise is broken, or an entry ends in another state than it should.
    """
    script = Script()
    given: dict[str, Any] = {"strategy": scenario.strategy, **scenario.settings, **settings}
    with simulated(script, rules(**given), width=scenario.width) as world:
        world.server.honours_keys = scenario.honours_keys
        world.judged, world.ignored = judged, scenario.ignored
        try:
            with without(world, *taken_out):
                ends = scenario.play(world, script)
                for process in list(world.processes):
                    if process.stopped or any(not actor.over for actor in process.actors):
                        world.note(f"{process}: is killed in the end")
                    process.ends()
                world.comes_to_rest()
                world.passes(_UNDER_WAY_S)
                world.watcher.judge_the_end()
                for id, state in ends.items():
                    if world.state(id) != state:
                        world.violated(f"ENDS OTHERWISE: entry {id[-4:]} is {world.state(id)}, not {state}")
                world.check()
        except Violation as violation:
            raise Violation(f"{scenario.name}: {violation}") from None
        except Exception as error:
            told = "\n".join(world.trace)
            raise Violation(f"{scenario.name}: {type(error).__name__}: {error}\n{told}") from error
        return world


def a_known_record(world: World) -> Process:
    """An entry that is delivered before the trouble begins: a look-up that shows it shows what is ours."""
    process = world.process()
    world.capture()
    world.run(process)
    return process
