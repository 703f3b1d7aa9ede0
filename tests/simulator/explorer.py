"""One seed, one story: whatever can go wrong on a device and at its server, in an order that the seed decides.

`explore(seed)` plays it and raises `Violation` with the whole trace where a promise was broken. To see a seed again:
`python -m tests.simulator.explorer SEED`; for many, `--from 0 --count 99`.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from sync import commands
from sync.reconcile import Strategy
from sync.rules import Ask
from sync.transport import ApiRequest
from tests.simulator import rules_taken_out, wire
from tests.simulator.process import Process
from tests.simulator.scheduler import Actor
from tests.simulator.wire import Fate
from tests.simulator.world import Violation, World, rules, simulated

_HAPPENINGS = 16
# Storing and listing together stay below settling time plus gap: the assumption that the promise rests on.
_LISTED_WITHIN_S = 115.0


class Chance:
    """A director that leaves everything to the seed, until the world is made kind."""

    def __init__(self, rng: Random, *, mishaps: float, handovers: float, deaths: float) -> None:
        self.rng = rng
        self.mishaps, self.handovers, self.deaths = mishaps, handovers, deaths
        self.kind = False
        self.slowest_s = 0.0  # the server carries out within this, or never
        # A few kinds of trouble at a time: of all at once, each would be too rare to meet another of its kind.
        self.send_fates = tuple(rng.sample(wire.SEND_FATES, rng.randint(1, 5)))
        if rng.random() < 0.2:
            self.send_fates += (wire.HANGS_DEAF,)
        self.read_fates = tuple(rng.sample(wire.READ_FATES, rng.randint(1, 3)))
        self.put_fates = tuple(rng.sample(wire.PUT_FATES, rng.randint(1, 4)))

    def choose(self, able: list[Actor]) -> Actor:
        return self.rng.choice(able)

    def yields(self, process: Process, point: str) -> bool:
        return not self.kind and self.rng.random() < self.handovers

    def dies(self, process: Process, point: str) -> bool:
        return not self.kind and self.rng.random() < self.deaths

    def send_fate(self, process: Process, request: ApiRequest) -> Fate:
        fate = self._fate(self.send_fates)
        if fate.carried_after_s is not None and not self.kind and self.rng.random() < 0.5:
            # Slow, or never: the answer that it gave said nothing about that.
            never = fate.doubtful and self.rng.random() < 0.4
            return fate.later(None if never else round(self.rng.uniform(0, self.slowest_s), 1))
        return fate

    def put_fate(self, process: Process, url: str) -> Fate:
        return self._fate(self.put_fates)

    def read_fate(self, process: Process, request: ApiRequest) -> Fate:
        return self._fate(self.read_fates)

    def _fate(self, fates: tuple[Fate, ...]) -> Fate:
        if self.kind or self.rng.random() >= self.mishaps:
            return wire.GOOD
        return self.rng.choice(fates)


@dataclass
class Story:
    """What happens to one world, by chance."""

    world: World
    rng: Random
    chance: Chance

    def __post_init__(self) -> None:
        # In most stories nobody does: a record that was ordered excuses a second one.
        self.person_speaks = self.rng.random() < 0.4

    def some_process(self) -> Process:
        """One that has no pass under way; a new one now and then, or where there is none."""
        free = [each for each in self.world.processes if not each.busy and not each.stopped]
        if not free or self.rng.random() < 0.2:
            return self.world.process()
        return self.rng.choice(free)

    def play(self) -> None:
        world, rng = self.world, self.rng
        for _ in range(rng.randint(1, 3)):
            self.captures()
        happenings: list[tuple[int, Callable[[], None]]] = [
            (16, self.begins_a_pass),
            (10, self.time_passes),
            (3, self.captures),
            (3, self.kills),
            (5, self.stops),
            (5, self.goes_on),
            (1, self.reboots),
            (1, self.clock_jumps),
            (2, self.link_changes),
            (1, self.store_changes),
            (1, self.tokens_change),
            (2, self.person_resyncs),
            (2, self.person_settles),
            (1, self.person_pauses),
            (3, self.is_told_to_stop),
        ]
        weights = [weight for weight, _ in happenings]
        for _ in range(_HAPPENINGS):
            if rng.random() < 0.3 and any(actor.hung for actor in world.scheduler.actors):
                self.is_told_to_stop()  # the window for it is short: a thread that hangs ends its process soon
            else:
                rng.choices(happenings, weights)[0][1]()
            world.watch()
            for _ in range(rng.randint(0, rng.choice([4, 12, 40]))):
                if not world.scheduler.step(latest=world.scheduler.t + 50):
                    break
                world.check()
        self.becomes_kind()
        world.comes_to_rest()
        world.watcher.judge_the_end()
        world.check()

    # --- what can happen

    def captures(self) -> None:
        if len(self.world.captured) < 5:
            known = list(self.world.captured)
            after = self.rng.choice(known) if known and self.rng.random() < 0.25 else None
            self.world.capture(after=after)

    def begins_a_pass(self) -> None:
        process = self.some_process()
        ask = self.rng.choice([Ask(), Ask(spread=True), Ask(looked=True), Ask(looked=True, forced=True)])
        self.world.note(f"{process}: begins a pass")
        process.begin(ask)

    def time_passes(self) -> None:
        self.world.passes(self.rng.choice([1, 10, 40, 70, 130, 400]))

    def kills(self) -> None:
        if self.world.processes:
            process = self.rng.choice(self.world.processes)
            self.world.note(f"{process}: is killed")
            process.ends()

    def stops(self) -> None:
        """SIGSTOP: the whole process, wherever its threads are."""
        busy = [each for each in self.world.processes if each.busy]
        if busy:
            sending = [each for each in busy if each.pool.in_flight]
            process = self.rng.choice(sending or busy)
            process.stopped = True
            self.world.note(f"{process}: is stopped")
            if self.rng.random() < 0.5:  # beyond its lease, where a person may act on what it has in hand
                self.world.passes(self.world.rules.lease_s + 10)
                self.person_settles()

    def goes_on(self) -> None:
        for process in self.world.processes:
            if process.stopped:
                self.world.note(f"{process}: goes on")
                process.stopped = False
            for actor in process.actors:
                if actor.hung and self.rng.random() < 0.5:
                    self.world.note(f"{actor.name}: hangs no longer")
                    actor.hung = False

    def reboots(self) -> None:
        self.world.reboots()

    def clock_jumps(self) -> None:
        self.world.jumps(self.rng.choice([timedelta(days=3), timedelta(days=-730), timedelta(seconds=-90)]))

    def link_changes(self) -> None:
        self.world.link_up = not self.world.link_up
        self.world.store_up = self.world.link_up
        self.world.note(f"the link is {'back' if self.world.link_up else 'away'}")

    def store_changes(self) -> None:
        self.world.store_up = not self.world.store_up
        self.world.note(f"the storage is {'back' if self.world.store_up else 'away'}")

    def tokens_change(self) -> None:
        """The tokens of the device end, or somebody signs in again."""
        if self.world.server.good_tokens(self.world.tokens):
            self.world.tokens_end()
        else:
            self.world.signs_in()

    def person_resyncs(self) -> None:
        some = self.rng.choice(list(self.world.captured))
        self.rng.choice(
            [self.world.resyncs, lambda: self.world.resyncs(all=True), lambda: self.world.resyncs(some)]
        )()

    def person_settles(self) -> None:
        if not self.person_speaks:
            return
        sending = [id for id in self.world.captured if self.world.state(id) == "sending"]
        id = self.rng.choice(sending or list(self.world.captured))
        self.rng.choice(
            [
                self.world.says_not_arrived,
                self.world.says_arrived,
                self.world.says_unsigned,
                self.world.discards,
            ]
        )(id)

    def person_pauses(self) -> None:
        if self.rng.random() < 0.5:
            self.world.note("person: pauses the queue")
            commands.pause(self.world.desk, "by chance", self.world.clock)
        else:
            self.world.note("person: lets the queue go on")
            commands.resume(self.world.desk, self.world.clock)

    def is_told_to_stop(self) -> None:
        """SIGTERM: the pass comes to its end, and then the process."""
        busy = [each for each in self.world.processes if each.busy and not each.stopped]
        if busy:
            hanging = [each for each in busy if any(actor.hung for actor in each.actors)]
            process = self.rng.choice(hanging or busy)
            self.world.note(f"{process}: is told to stop")
            process.drain.stop()
            self.world.passes(self.rng.choice([0, 10, 130]))

    # --- the end

    def becomes_kind(self) -> None:
        """Nothing more goes wrong; who was stopped or hung goes on, or is killed."""
        world = self.world
        world.note("--- from here on the world is kind")
        self.chance.kind = True
        world.link_up = world.store_up = True
        world.server.list_hides_ours = False
        world.signs_in()
        for process in list(world.processes):
            hung = [actor for actor in process.actors if actor.hung]
            if (process.stopped or hung) and self.rng.random() < 0.5:
                world.note(f"{process}: is killed in the end")
                process.ends()
                continue
            process.stopped = False
            for actor in hung:
                actor.hung = False
        world.until(lambda: not any(process.busy for process in world.processes))
        commands.resume(world.desk, world.clock)
        for process in list(world.processes):
            process.ends()


def explore(seed: int, *, without: tuple[str, ...] = ()) -> World:
    """Play one seed; `without` names rules of the product that do not hold in it.

    Raises:
        Violation: with the seed and the trace.
    """
    rng = Random(seed)
    strategy = rng.choice([Strategy.LOOKUP, Strategy.LOOKUP, Strategy.HOLD, Strategy.RESEND, Strategy.KEY])
    chance = Chance(
        rng,
        mishaps=rng.choice([0.1, 0.4, 0.7, 0.9]),
        handovers=rng.choice([0.0, 0.1, 0.4]),
        deaths=rng.choice([0.0, 0.0, 0.05]),
    )
    with simulated(chance, rules(strategy), width=rng.randint(1, 3), seed=seed) as world:
        server = world.server
        # `resend` promises nothing of a server that ignores keys, and `key` is only for one that honours them.
        server.honours_keys = strategy in (Strategy.RESEND, Strategy.KEY)
        chance.slowest_s = rng.choice([5.0, 60.0, _LISTED_WITHIN_S])
        server.list_lag_s = rng.uniform(0, _LISTED_WITHIN_S - chance.slowest_s)
        server.list_hides_ours = rng.random() < 0.1
        server.list_shows_provider = rng.random() < 0.5
        server.most_a_page = rng.choice([1, 2, 50])
        server.url_ttl_s = rng.choice([60, 900, 900])
        try:
            with rules_taken_out.without(world, *without):
                Story(world, rng, chance).play()
        except Violation as violation:
            raise Violation(f"seed {seed}, strategy {strategy}: {violation}") from None
        except Exception as error:
            trace = "\n".join(world.trace)
            raise Violation(f"seed {seed}, strategy {strategy}: {error!r}\n{trace}") from error
        return world


def main() -> int:
    """Tell single seeds, or look for trouble in many; 1 where a promise was broken."""
    parser = ArgumentParser()
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--without", action="append", default=[], help="a rule of the product to take out")
    asked = parser.parse_args()
    broken = 0
    for seed in [*asked.seeds, *range(asked.first, asked.first + asked.count)]:
        try:
            world = explore(seed, without=tuple(asked.without))
            if seed in asked.seeds:
                sys.stdout.write("\n".join(world.trace) + "\n")
        except Violation as violation:
            broken += 1
            sys.stdout.write(f"{violation}\n\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
