"""P3: each entry ends in done, parked, dead or discarded with a reason; none stays in flight.

In the simulator every fate of a send and of an upload, every death and every hang; with real processes the kill -9 in
the middle of a send, and the one exception: a drainer that is stopped but alive, which `status` then names.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from sync.reconcile import Strategy
from sync.rules import Ask
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.server import Sandbox
from tests.simulator import wire
from tests.simulator.script import Script
from tests.simulator.wire import Fate
from tests.simulator.world import World, rules, simulated
from tests.support.device import Device
from tests.support.polling import eventually

ENDS = {"done", "parked", "dead", "discarded"}
STRATEGIES = [Strategy.LOOKUP, Strategy.HOLD]
POINTS = ["connecting", "checked", "sent", "answered", "put-connecting", "put-sent", "put-answered"]


def ended(world: World) -> None:
    """Time goes by, and then each entry stands where somebody can see why."""
    world.comes_to_rest()
    world.watcher.judge_the_end()
    world.check()
    for id in world.captured:
        row = world.row(id)
        assert row["state"] in ENDS
        assert row["lease_owner"] is None
        assert row["state"] == "done" or row["reason"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fate", wire.SEND_FATES, ids=[fate.name for fate in wire.SEND_FATES])
def test_p3_send_of_any_fate_comes_to_an_end(strategy: Strategy, fate: Fate) -> None:
    """Whatever the wire does to the POST, a day later nobody has to wonder where the entry is."""
    script = Script()
    with simulated(script, rules(strategy)) as world:
        process = world.process()
        world.capture()
        world.run(process)
        script.sends.append(fate)
        world.capture()
        world.run(process)
        if world.row(list(world.captured)[1])["reason"] == "endpoint_missing":
            world.lets_go_on()
        ended(world)


@pytest.mark.parametrize("fate", wire.PUT_FATES, ids=[fate.name for fate in wire.PUT_FATES])
def test_p3_upload_of_any_fate_comes_to_an_end(fate: Fate) -> None:
    """Whatever the storage does to the image, the entry is done or says what it owes."""
    script = Script()
    with simulated(script, rules()) as world:
        script.puts.append(fate)
        world.capture()
        world.run(world.process())
        ended(world)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("point", POINTS)
def test_p3_nothing_is_in_flight_after_the_pass_that_follows_a_death(strategy: Strategy, point: str) -> None:
    """The lease of the dead still runs for two minutes; the next pass does not wait for it."""
    script = Script()
    with simulated(script, rules(strategy)) as world:
        first = world.process()
        id = world.capture()
        first.begin(Ask(looked=True))
        script.stops(world, first, point)
        first.ends()
        world.run(world.process(), Ask(looked=True))
        row = world.row(id)
        assert row["state"] != "sending"
        assert row["lease_owner"] is None


@pytest.mark.parametrize(
    "fate", [wire.HANGS_BEFORE, wire.HANGS_AFTER, wire.HANGS_DEAF], ids=lambda fate: fate.name
)
def test_p3_thread_that_hangs_for_ever_keeps_no_entry(fate: Fate) -> None:
    """Name resolution that never returns: the process ends itself two minutes later, and another one goes on."""
    script = Script()
    with simulated(script, rules()) as world:
        process = world.process()
        world.capture()
        world.run(process)
        script.sends.append(fate)
        world.capture()
        process.begin(Ask(looked=True))
        world.passes(rules().exchange_limit_s + 60)
        assert process.dead
        ended(world)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_p3_reboot_in_the_middle_leaves_nothing_in_flight(strategy: Strategy) -> None:
    """The battery was empty; monotonic time begins anew, the lease's wall clock runs on."""
    script = Script()
    with simulated(script, rules(strategy)) as world:
        process = world.process()
        world.capture()
        world.run(process)
        world.capture()
        process.begin(Ask(looked=True))
        script.stops(world, process, "sent")
        world.reboots()
        ended(world)


# --- real processes


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox, SYNC__IN_DOUBT="hold")


def states(device: Device) -> dict[str, int]:
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return {state: n for state, n in reader.counts().items() if n}


def on_the_wire(sandbox: Sandbox) -> bool:
    return any(each["method"] == "POST" for each in sandbox.state.journal.requests())


def test_p3_entry_whose_process_was_killed_is_settled_by_the_next_sync(
    device: Device, sandbox: Sandbox
) -> None:
    """kill -9 while the server thinks; the next `fieldsync sync` leaves nothing in sending."""
    id = device.capture()
    sandbox.faults.add(Fault("hang", "unplanned", seconds=600))
    process = device.start("sync")
    try:
        eventually(lambda: on_the_wire(sandbox))
        assert states(device) == {"sending": 1}
    finally:
        process.kill()
        process.communicate()
    sandbox.faults.clear()
    device.json("sync", "--json", expect=(3,))
    assert states(device) == {"parked": 1}
    story = device.json("show", id, "--json")
    assert (story["reason"], story["history"][0]["outcome"]) == ("arrival_unknown", "Interrupted")


def test_p3_stopped_drainer_is_the_exception_and_is_named(device: Device, sandbox: Sandbox) -> None:
    """Ctrl-Z: the entry stays in sending as long as that lasts, and status says in whose hands it is."""
    device.capture()
    sandbox.faults.add(faults.delay("unplanned", 600))
    process = device.start("sync")
    try:
        eventually(lambda: on_the_wire(sandbox))
        os.kill(process.pid, signal.SIGSTOP)
        stopped_at = datetime.now(UTC)
        told = device.json("status", "--json", expect=(0, 3, 4, 5))
        assert states(device) == {"sending": 1}
        assert told["drain"]["pid"] == process.pid
        last_sign_at = datetime.fromisoformat(told["drain"]["last_sign_at"])
        assert stopped_at - timedelta(seconds=60) < last_sign_at <= stopped_at + timedelta(seconds=1)
        # A minute later it is a problem of its own. The minute is taken from the file, not from this test.
        ago = stopped_at.timestamp() - 120
        os.utime(StorageFolder(device.storage).drain_lock, (ago, ago))
        told = device.json("status", "--json", expect=(0, 3, 4, 5))
        assert [each["reason"] for each in told["problems"]] == ["drain_silent"]
        assert told["problems"][0]["next_command"] == f"kill -CONT {process.pid}"
    finally:
        process.kill()
        process.communicate()
    sandbox.faults.clear()
    device.json("sync", "--json", expect=(3,))
    assert states(device) == {"parked": 1}
