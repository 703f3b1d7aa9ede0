"""When may something that was sent be sent again: waits, clocks, look-ups, and what no order may shorten."""

from __future__ import annotations

from datetime import timedelta

from sync.reconcile import Strategy
from sync.rules import Ask
from tests.simulator import wire
from tests.simulator.script import Ends, Scenario, Script, a_known_record
from tests.simulator.world import World

LONGER = {"settle_s": 120.0, "lookup_gap_s": 120.0}
HOLD = {"strategy": Strategy.HOLD}
LOST = ("done", "parked")


def lost(world: World, script: Script, carried_after_s: float | None, lag_s: float = 0.0) -> str:
    """One more entry whose answer is lost; the server carries it out so long after the last byte."""
    process = a_known_record(world)
    world.passes(300)
    world.server.list_lag_s = lag_s
    script.sends.append(wire.LOST_ANSWER.later(carried_after_s))
    id = world.capture()
    world.run(process)
    return id


def stored_late(carried_after_s: float, lag_s: float):
    def play(world: World, script: Script) -> Ends:
        id = lost(world, script, carried_after_s, lag_s)
        return {id: "parked"}  # found, or held: either way without the URL for its signature

    return play


def never_stored(world: World, script: Script) -> Ends:
    """The request itself was lost: nobody has it, so it is sent again, and only then."""
    return {lost(world, script, None): "done"}


def slow_connect(world: World, script: Script) -> Ends:
    """The connection takes a minute, so the mark is old when the last byte leaves."""
    process = a_known_record(world)
    script.sends.append(wire.LOST_ANSWER.later(100.0))
    id = world.capture()
    process.begin(Ask(looked=True))
    script.stops(world, process, "connecting")
    world.passes(60)
    script.goes_on(world, process)
    return {id: "parked"}


def clock_jumps(world: World, script: Script) -> Ends:
    id = lost(world, script, 100.0)
    world.jumps(timedelta(days=3))
    world.run(world.processes[0])
    world.passes(61)
    return {id: "parked"}


def reboot(world: World, script: Script) -> Ends:
    """Monotonic time begins anew: what it said before the reboot counts for nothing."""
    id = lost(world, script, 100.0)
    world.passes(30)
    world.reboots()
    return {id: "parked"}


def resync_again_and_again(world: World, script: Script) -> Ends:
    id = lost(world, script, 90.0)
    for _ in range(3):
        world.resyncs()
        world.run(world.processes[0])
        world.passes(1)
    return {id: "parked"}


def resync_of_a_held_one(world: World, script: Script) -> Ends:
    id = lost(world, script, 90.0)
    world.resyncs(id)
    return {id: "parked"}


def gateway_page(world: World, script: Script) -> Ends:
    """A gateway gives up after 29 s, in HTML; its handler goes on."""
    process = a_known_record(world)
    script.sends.append(wire.HTML_504.later(40.0))
    id = world.capture()
    world.run(process)
    return {id: "parked"}


def torn_answer(world: World, script: Script) -> Ends:
    """201 was read, its body was not; and the list shows nothing for long. It is never sent again."""
    process = a_known_record(world)
    world.server.list_lag_s = 5000.0
    script.sends.append(wire.TORN_201)
    id = world.capture()
    world.run(process)
    return {id: "parked"}


def blind_resend(world: World, script: Script) -> Ends:
    id = lost(world, script, 0.1)
    return {id: "done"}


SCENARIOS = [
    Scenario(
        "D-long",
        "A1: the server carries out within settling time plus gap of the last byte, or never",
        stored_late(150.0, 0.0),
        beyond=True,
        breaks="DUPLICATE",
        safe=(LONGER, HOLD),
    ),
    Scenario(
        "L-long",
        "A1: a record is listed within settling time plus gap",
        stored_late(0.1, 150.0),
        beyond=True,
        breaks="DUPLICATE",
        safe=(LONGER, HOLD),
    ),
    Scenario(
        "D+L-long",
        "A1: it is the sum that counts",
        stored_late(90.0, 60.0),
        beyond=True,
        breaks="DUPLICATE",
        safe=(LONGER, HOLD),
    ),
    Scenario("D+L-short", "A1 holds: found at the second look", stored_late(60.0, 50.0)),
    Scenario("never-stored", "what is not there after both looks is sent again", never_stored),
    Scenario(
        "clock-mark",
        "A2: the clock of doubt starts when the sender can send no more",
        slow_connect,
        without=("doubt_clock_starts_when_the_sender_can_send_no_more",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "wall-clock",
        "A3: that clock is monotonic",
        clock_jumps,
        without=("waits_run_on_monotonic_time",),
        breaks="DUPLICATE",
    ),
    Scenario("reboot", "A3: and starts again with each boot", reboot),
    Scenario(
        "one-miss",
        "A4: the last look lies a gap behind the settling time",
        stored_late(90.0, 0.0),
        without=("last_miss_lies_a_gap_behind_the_settling_time",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "one-miss-120",
        "A4: a single late look would do here; the second guards against a stale page",
        stored_late(90.0, 0.0),
        without=("two_misses_are_needed",),
    ),
    Scenario(
        "resync-timers",
        "A4: no command shortens it",
        resync_again_and_again,
        without=("orders_shorten_no_settling_time",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "resync-stage",
        "A7: what was in doubt goes back into doubt",
        resync_of_a_held_one,
        strategy=Strategy.HOLD,
        without=("what_was_in_doubt_goes_back_into_doubt",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "html-504",
        "A6: everything that may have been carried out is doubt",
        gateway_page,
        without=("pages_of_a_gateway_are_doubt",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "certainly-created",
        "an answer that said 201 is never followed by a second send",
        torn_answer,
        without=("doubt_is_a_state_of_its_own",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "key-not-honoured",
        "`key` is only for a server that honours it",
        blind_resend,
        strategy=Strategy.KEY,
        beyond=True,
        breaks="DUPLICATE",
        safe=(HOLD,),
    ),
    Scenario(
        "key",
        "a server that honours keys is sent to again",
        blind_resend,
        strategy=Strategy.KEY,
        honours_keys=True,
    ),
    Scenario(
        "resend",
        "exempt: it may create twice, and everything else holds",
        blind_resend,
        strategy=Strategy.RESEND,
        ignored=frozenset({"DUPLICATE"}),
    ),
]
