"""Who may send: the lock for the life of the sender, lease and fence behind it, and what comes late."""

from __future__ import annotations

from sync.drain import DrainBusy
from sync.reconcile import Strategy
from sync.rules import Ask
from tests.simulator import wire
from tests.simulator.script import Ends, Scenario, Script, a_known_record
from tests.simulator.world import World

LOCK = "lock_for_the_life_of_the_sender"
CHECK = "lease_is_checked_before_the_first_byte"
PASS = Ask(looked=True)


def paused_sender(point: str):
    """A is stopped at `point` for longer than its lease; B does what it is let do; A goes on."""

    def play(world: World, script: Script) -> Ends:
        first = a_known_record(world)
        id = world.capture()
        first.begin(PASS)
        script.stops(world, first, point)
        world.passes(130)
        second = world.process()
        for _ in range(4):
            world.run(second, PASS)
            world.passes(61)
        script.goes_on(world, first)
        return {id: "done"}

    return play


def paused_and_never_heard_of(world: World, script: Script) -> Ends:
    """As long as A is stopped, B finds the lock held and learns by whom; A is killed in the end."""
    first = a_known_record(world)
    id = world.capture()
    first.begin(PASS)
    script.stops(world, first, "checked")
    world.passes(3600)
    second = world.process()
    world.run(second, PASS)
    told = second.last
    if not isinstance(told, DrainBusy) or told.holder is None:
        world.violated("WEDGE: nobody says who holds the lock")
    if world.state(id) != "sending":
        world.violated(f"GHOST: somebody took entry {id[-4:]} from a process that may still send")
    first.ends()
    return {id: "done"}


def killed_with_a_live_lease(world: World, script: Script) -> Ends:
    """Who gets the lock need not wait for the lease of somebody who is dead."""
    first = a_known_record(world)
    id = world.capture()
    first.begin(PASS)
    script.stops(world, first, "checked")
    first.ends()
    world.run(world.process(), PASS)
    if world.state(id) != "in_doubt":
        world.violated(f"WEDGE: entry {id[-4:]} waits for the lease of the dead")
    return {id: "done"}


def long_exchange(world: World, script: Script) -> Ends:
    """Between the first byte and the last lie minutes; nobody is stopped and nobody dies."""
    first = a_known_record(world)
    script.sends.append(wire.Fate("slow-writer", writes_s=400.0))
    id = world.capture()
    first.begin(PASS)
    world.passes(130)
    second = world.process()
    for _ in range(4):
        world.run(second, PASS)
        world.passes(61)
    world.until(lambda: not first.busy)
    return {id: "done"}


def hanging_thread(world: World, script: Script) -> Ends:
    """Told to stop, the pass ends, and one of its threads hangs where nothing reaches it."""
    first = a_known_record(world)
    script.sends.append(wire.HANGS_DEAF)
    id = world.capture()
    first.begin(PASS)
    world.passes(5)
    first.drain.stop()
    world.until(lambda: not first.busy)
    second = world.process()
    for _ in range(4):
        world.run(second, PASS)
        world.passes(61)
    script.goes_on(world, first)
    first.ends()
    return {id: world.state(id) if world.state(id) == "done" else "parked"}


def late_outcome(outcome: wire.Fate):
    """A has sent and is stopped; B settles it; then A hears how it went."""

    def play(world: World, script: Script) -> Ends:
        first = a_known_record(world)
        script.sends.append(outcome)
        id = world.capture()
        first.begin(PASS)
        script.stops(world, first, "answered")
        world.passes(130)
        second = world.process()
        for _ in range(4):
            world.run(second, PASS)
            world.passes(61)
        script.goes_on(world, first)
        return {id: "done" if outcome is wire.GOOD else "parked"}

    return play


def late_refusal(world: World, script: Script) -> Ends:
    """A is turned away and stopped before it hears so; B sends again, and is on the wire when A hears."""
    first = a_known_record(world)
    script.sends.extend([wire.SLOW_DOWN_429, wire.LATE_ANSWER.later(100.0)])
    id = world.capture()
    first.begin(PASS)
    script.stops(world, first, "answered")
    world.passes(130)
    second = world.process()
    for _ in range(30):
        if not second.busy:
            second.begin(PASS)
        world.passes(10)
        if len(world.server.requests) > 2:
            break
    script.goes_on(world, first)
    return {id: "parked"}


def answer_in_the_last_moment(world: World, script: Script) -> Ends:
    """Told to stop; the answer comes just when the pass gives up waiting for it."""
    first = a_known_record(world)
    script.sends.append(wire.GOOD.later(14.0))
    id = world.capture()
    first.begin(PASS)
    world.passes(1)
    first.drain.stop()
    world.until(lambda: not first.busy)
    first.ends()
    return {id: "done"}


def dies_between_answer_and_commit(world: World, script: Script) -> Ends:
    """The 201 was read, and the process ends before it is written down."""
    first = a_known_record(world)
    id = world.capture()
    first.begin(PASS)
    script.stops(world, first, "answered")
    first.stopped = False
    script.dies_at(first, "before-commit")
    world.until(lambda: first.dead)
    return {id: "parked"}


def dies_after_the_receipt(world: World, script: Script) -> Ends:
    """The receipt is durable and the upload has not begun: its URL is kept, and used."""
    first = a_known_record(world)
    id = world.capture()
    first.begin(PASS)
    script.stops(world, first, "answered")
    first.stopped = False
    script.dies_at(first, "after-commit")
    world.until(lambda: first.dead)
    return {id: "done"}


SCENARIOS = [
    Scenario(
        "good", "A5: a stopped process keeps the lock, so nobody else can send", paused_sender("checked")
    ),
    Scenario(
        "good-lock-nocheck",
        "A5: with the lock the look before the first byte is a second line",
        paused_sender("checked"),
        without=(CHECK,),
    ),
    Scenario(
        "good-early", "the holder of the lock takes over from the dead at once", killed_with_a_live_lease
    ),
    Scenario(
        "good-late-drop",
        "a late 201 that is dropped is only a waste",
        late_outcome(wire.GOOD),
        without=("a_late_201_is_evidence",),
    ),
    Scenario(
        "nolock-nocheck",
        "A5: lock for the life of the sender, or at least a look before the first byte",
        paused_sender("connecting"),
        without=(LOCK, CHECK),
        breaks="DUPLICATE",
    ),
    Scenario(
        "nolock-check",
        "A5: that look alone is not enough, for a stop may fall behind it",
        paused_sender("checked"),
        without=(LOCK,),
        breaks="DUPLICATE",
    ),
    Scenario(
        "nolock-no-toctou",
        "the look helps where the stop falls before it",
        paused_sender("connecting"),
        without=(LOCK,),
    ),
    Scenario(
        "nolock-exchange-long",
        "A5: an exchange ends within its lease",
        long_exchange,
        without=(LOCK, "an_exchange_ends_within_its_lease"),
        breaks="DUPLICATE",
    ),
    Scenario(
        "nolock-key",
        "a server that honours keys needs no lock",
        paused_sender("connecting"),
        strategy=Strategy.KEY,
        honours_keys=True,
        without=(LOCK, CHECK),
    ),
    Scenario(
        "nolock-lookup-honoured",
        "the same under look-ups",
        paused_sender("connecting"),
        honours_keys=True,
        without=(LOCK, CHECK),
    ),
    Scenario(
        "nolock-hold",
        "hold needs no lock either",
        paused_sender("connecting"),
        strategy=Strategy.HOLD,
        without=(LOCK, CHECK),
    ),
    Scenario(
        "own-rescue-hang",
        "A5: a process does not take over from its own living thread",
        hanging_thread,
        without=("lock_is_kept_while_a_thread_may_still_send",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "own-rescue-sigstop",
        "of a process that was stopped as a whole that would be harmless",
        paused_sender("checked"),
        without=("lock_is_kept_while_a_thread_may_still_send",),
    ),
    Scenario(
        "late-literal",
        "a late outcome that finds its lease gone changes nothing",
        late_outcome(wire.LOST_ANSWER),
        without=(LOCK, "a_late_outcome_changes_nothing"),
        breaks="REGRESSION",
    ),
    Scenario(
        "fence-not-bumped",
        "taking a row over ends the lease of whoever had it",
        late_outcome(wire.LOST_ANSWER),
        without=(LOCK, "taking_a_row_ends_its_lease"),
        breaks="ILLEGAL",
    ),
    Scenario(
        "fence-off",
        "an outcome is written by whoever holds the lease, and by nobody else",
        late_refusal,
        without=(LOCK, "outcomes_say_which_lease_they_had"),
        breaks="DUPLICATE",
    ),
    Scenario(
        "live-stopped",
        "accepted, and shown: who is stopped blocks all until it ends",
        paused_and_never_heard_of,
    ),
    Scenario("201-while-leaving", "what came back is written down before leaving", answer_in_the_last_moment),
    Scenario(
        "201-not-written",
        "an acceptance that was not written down is looked up",
        dies_between_answer_and_commit,
    ),
    Scenario(
        "201-one-commit",
        "id and URL are one commit",
        dies_after_the_receipt,
        without=("a_201_is_one_commit",),
        breaks="ENDS OTHERWISE",
    ),
]
