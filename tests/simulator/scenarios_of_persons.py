"""What a person may order while somebody has an entry in hand, and what comes late after such an order."""

from __future__ import annotations

from sync.rules import Ask
from tests.simulator import wire
from tests.simulator.script import Ends, Scenario, Script, a_known_record
from tests.simulator.world import World

PASS = Ask(looked=True)
# The server has it at once and the answer takes half a minute: time enough to interfere.
SLOW = wire.Fate("slow-answer", carried_after_s=25.0)


def while_it_is_sent(order: str):
    """`order` comes while the request is on its way, and again, and again."""

    def play(world: World, script: Script) -> Ends:
        process = world.process()
        # The first proves the storage in this pass: after that nothing holds a second send of the other back.
        script.sends.extend([wire.GOOD, SLOW])
        world.capture()
        id = world.capture()
        process.begin(PASS)
        world.passes(5)
        for _ in range(3):
            getattr(world, order)(id)
            world.passes(16)
        world.until(lambda: not process.busy)
        return {id: "done"}

    return play


def after_the_lease(order: str, ends: str, outcome: wire.Fate = SLOW):
    """The sender is stopped beyond its lease; the order is taken; then the sender goes on and hears its answer."""

    def play(world: World, script: Script) -> Ends:
        process = a_known_record(world)
        script.sends.append(outcome)
        id = world.capture()
        process.begin(PASS)
        script.stops(world, process, "answered")
        world.passes(130)
        if not getattr(world, order)(id):
            world.violated(f"WEDGE: {order} was refused though the lease is over")
        script.goes_on(world, process)
        return {id: ends}

    return play


def person_acts_twice(world: World, script: Script) -> Ends:
    """Look-ups and a person at once: what she says first stands."""
    process = a_known_record(world)
    script.sends.append(wire.LOST_ANSWER)
    id = world.capture()
    world.run(process, PASS)
    world.resyncs(id)
    world.says_arrived(id)
    world.resyncs(id)
    world.run(process, PASS)
    world.says_not_arrived(id)
    return {id: "parked"}


SCENARIOS = [
    Scenario("good-person", "what a person says first stands", person_acts_twice),
    Scenario(
        "settle-leased",
        "A7: settle keeps off a row that somebody sends",
        while_it_is_sent("says_not_arrived"),
        without=("a_person_waits_for_a_live_lease",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "resync-leased",
        "A7: resync too",
        while_it_is_sent("resyncs"),
        without=("a_person_waits_for_a_live_lease",),
        breaks="DUPLICATE",
    ),
    Scenario(
        "discard-leased",
        "A7: discard too, or else an acceptance in hand is lost with its receipt",
        while_it_is_sent("discards"),
        without=("a_person_waits_for_a_live_lease", "a_late_201_is_evidence"),
        breaks="UNHEARD",
    ),
    Scenario(
        "discard-guarded",
        "the refusal alone keeps the acceptance",
        while_it_is_sent("discards"),
        without=("a_late_201_is_evidence",),
    ),
    Scenario(
        "discard-late",
        "after the lease a late 201 is kept as a receipt",
        after_the_lease("discards", "discarded"),
    ),
    Scenario(
        "url-taken-late",
        "a person said the id first, and the answer in hand still brings the only URL",
        after_the_lease("says_arrived", "done"),
        without=("a_late_201_is_evidence",),
        breaks="ENDS OTHERWISE",
    ),
    Scenario(
        "late-literal-lock",
        "a late outcome changes nothing, also where a person had the last word",
        after_the_lease("says_arrived", "parked", wire.LOST_ANSWER),
        without=("a_late_outcome_changes_nothing",),
        breaks="REGRESSION",
    ),
    Scenario(
        "fence-not-bumped-lock",
        "a person's word ends the lease of whoever had the row",
        after_the_lease("says_arrived", "parked", wire.LOST_ANSWER),
        without=("taking_a_row_ends_its_lease",),
        breaks="ILLEGAL",
    ),
]
