"""Every entry comes to its end, or somebody is shown why it does not."""

from __future__ import annotations

from storage import overview
from storage.queries import Reader
from sync.reconcile import Strategy
from sync.rules import Ask
from tests.simulator import wire
from tests.simulator.script import Ends, Scenario, Script, a_known_record
from tests.simulator.world import World

PASS = Ask(looked=True)
DAY_S = 86_400.0


def one_of_each(world: World, script: Script) -> Ends:
    """Five outcomes at once, and each entry ends as its own says."""
    process = a_known_record(world)
    script.sends.extend(
        [wire.REFUSED_400, wire.LOST_REQUEST, wire.SLOW_DOWN_429, wire.TORN_REQUEST, wire.LOST_ANSWER]
    )
    ids = [world.capture() for _ in range(5)]
    world.run(process, PASS)
    return dict(zip(ids, ("dead", "done", "done", "done", "parked"), strict=True))


def tokens_end_and_come_back(world: World, script: Script) -> Ends:
    process = a_known_record(world)
    world.tokens_end()
    ids = [world.capture() for _ in range(3)]
    for _ in range(4):
        world.run(process, PASS)
        world.passes(400)
    if any(world.row(id)["attempts"] for id in ids):
        world.violated("AUTH: trouble with tokens costs an attempt")
    world.signs_in()
    return dict.fromkeys(ids, "done")


def thread_hangs_for_ever(world: World, script: Script) -> Ends:
    process = a_known_record(world)
    script.sends.append(wire.HANGS_AFTER)
    id = world.capture()
    process.begin(PASS)
    world.passes(3600)
    if not process.dead:
        world.violated(f"WEDGE: after an hour entry {id[-4:]} is still {world.state(id)}")
    return {id: "parked"}


def child_of_a_held_one(world: World, script: Script) -> Ends:
    """The parent waits for a person; its child waits for the parent, and is counted under it."""
    process = world.process()
    script.sends.append(wire.LOST_ANSWER)
    parent = world.capture()
    child = world.capture(after=parent)
    world.run(process, PASS)
    world.passes(DAY_S)
    world.run(process, PASS)
    with world.desk.read() as transaction:
        behind = overview.behind_held(Reader(transaction.cursor))
    if behind.n != 1:
        world.violated(
            f"UNSHOWN: entry {child[-4:]} is {world.state(child)}, and status counts {behind.n} behind others"
        )
    return {parent: "parked", child: "pending"}


def child_of_one_that_was_found(world: World, script: Script) -> Ends:
    """A look-up finds the parent, but no URL with it: the signature waits for a person, the child for nobody."""
    process = a_known_record(world)
    script.sends.append(wire.LOST_ANSWER)
    parent = world.capture()
    child = world.capture(after=parent)
    world.run(process, PASS)
    return {parent: "parked", child: "done"}


def child_of_one_that_came_back(world: World, script: Script) -> Ends:
    """The parent is refused, a person orders it to be tried again, and it goes: so does the child."""
    process = world.process()
    script.sends.append(wire.REFUSED_400)
    parent = world.capture()
    child = world.capture(after=parent)
    world.run(process, PASS)
    world.passes(600)
    world.resyncs(parent)
    return {parent: "done", child: "done"}


def upload_while_its_owner_is_held(world: World, script: Script) -> Ends:
    """The storage was slow once, then the tokens ended: the URL does not wait until somebody has signed in again."""
    process = world.process()
    script.sends.extend([wire.GOOD, wire.GOOD, wire.UNAUTHORIZED_401])
    script.puts.extend([wire.GOOD, wire.PUT_SLOW_DOWN])
    known, owed, other = (world.capture() for _ in range(3))
    world.run(process, PASS)
    world.tokens_end()
    for _ in range(8):
        world.passes(300)
        world.run(process, PASS)
    world.signs_in()
    return {known: "done", owed: "done", other: "done"}


def resume_after_it_was_held(world: World, script: Script) -> Ends:
    """Hold: a person looks, says that it arrived, and nothing is sent twice."""
    process = world.process()
    script.sends.append(wire.LOST_ANSWER)
    id = world.capture()
    world.run(process, PASS)
    world.says_arrived(id)
    world.says_unsigned(id)
    return {id: "done"}


SCENARIOS = [
    Scenario("live", "every entry comes to its end", one_of_each),
    Scenario(
        "live-person-auth", "P6: tokens that end cost nothing, and new ones resume", tokens_end_and_come_back
    ),
    Scenario(
        "live-watchdog",
        "a thread that hangs for ever ends its process, and the next one goes on",
        thread_hangs_for_ever,
    ),
    Scenario(
        "live-hang",
        "without that the entry would be left in sending",
        thread_hangs_for_ever,
        without=("a_thread_that_hangs_ends_its_process",),
        breaks="WEDGE",
    ),
    Scenario(
        "live-child", "who waits for a held parent stays pending", child_of_a_held_one, strategy=Strategy.HOLD
    ),
    Scenario(
        "live-child-shown",
        "and is counted under it",
        child_of_a_held_one,
        strategy=Strategy.HOLD,
        without=("who_waits_for_a_held_entry_is_counted",),
        breaks="UNSHOWN",
    ),
    Scenario(
        "live-child-sig",
        "trouble with a signature stops no chain",
        child_of_one_that_was_found,
        without=("trouble_with_an_upload_stops_no_chain",),
        breaks="ENDS OTHERWISE",
    ),
    Scenario(
        "live-child-unpark",
        "waiting for another is computed, so it ends by itself",
        child_of_one_that_came_back,
        without=("waiting_for_another_is_no_state",),
        breaks="ENDS OTHERWISE",
    ),
    Scenario(
        "auth-stops-put",
        "uploads need no token, and their URLs spoil",
        upload_while_its_owner_is_held,
        without=("uploads_go_on_while_an_owner_is_held",),
        breaks="ENDS OTHERWISE",
    ),
    Scenario("auth-lets-put", "so they go on while their owner is held", upload_while_its_owner_is_held),
    Scenario(
        "hold-and-settle",
        "a person's word settles what was held",
        resume_after_it_was_held,
        strategy=Strategy.HOLD,
    ),
]
