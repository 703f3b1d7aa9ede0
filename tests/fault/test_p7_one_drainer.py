"""P7: at most one drainer works at a time; a second one says so and exits 7.

In the simulator hundreds of ways in which passes of several processes can meet; with real processes two that start
together, and one that is stopped beyond its lease.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from sync.drain import DrainBusy
from sync.rules import Ask
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.server import Sandbox
from tests.simulator.explorer import Chance
from tests.simulator.script import Script
from tests.simulator.world import World, rules, simulated
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.rig import assert_delivered_once

PROCESSES = 3
LEASE_S = 6  # long enough for this test to press Ctrl-Z in time on a busy machine


def at_work(world: World) -> list[str]:
    return [process.name for process in world.processes if process.pool.in_flight]


@pytest.mark.parametrize("seed", range(60))
def test_p7_passes_that_meet_are_one_after_the_other(seed: int) -> None:
    """Worker, `sync` by hand and a cron job, all at eight o'clock; whoever comes second finds the lock held."""
    chance = Chance(Random(seed), mishaps=0.0, handovers=0.5, deaths=0.0)
    with simulated(chance, rules(), width=2, seed=seed) as world:
        ids = [world.capture() for _ in range(3)]
        processes = [world.process() for _ in range(PROCESSES)]
        for process in processes:
            process.begin(Ask(looked=True))
        while any(process.busy for process in processes):
            assert world.scheduler.step()
            world.check()
            assert len(at_work(world)) <= 1
        busy = [process for process in processes if isinstance(process.last, DrainBusy)]
        assert len(busy) < PROCESSES, "nobody worked"
        assert all(process.last.holder is not None for process in busy if isinstance(process.last, DrainBusy))
        world.comes_to_rest()
        world.watcher.judge_the_end()
        world.check()
        assert [world.state(id) for id in ids] == ["done"] * 3


@pytest.mark.parametrize(
    "point", ["begin", "connecting", "checked", "sent", "answered", "put-sent", "committed"]
)
@pytest.mark.parametrize("continued", [True, False], ids=["goes-on", "killed"])
def test_p7_stopped_process_keeps_everybody_out_until_it_ends(point: str, continued: bool) -> None:
    """Stopped for an hour, thirty leases long, at any point: nobody else sends, and nothing is sent twice."""
    script = Script()
    with simulated(script, rules()) as world:
        first = world.process()
        world.capture()
        world.run(first)
        id = world.capture()
        first.begin(Ask(looked=True))
        script.stops(world, first, point)
        locked = (
            point != "begin"
        )  # the first of these points is before the lock is asked for, or just behind it
        for _ in range(3):
            world.passes(1200)
            second = world.process()
            world.run(second, Ask(looked=True))
            if locked:
                assert isinstance(second.last, DrainBusy)
                assert second.last.holder is not None
                assert second.last.holder.pid == os.getpid()
        if continued:
            script.goes_on(world, first)
        first.ends()
        world.comes_to_rest()
        world.watcher.judge_the_end()
        world.check()
        assert len(world.server.of(id)) <= 1


# --- real processes

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(
        tmp_path,
        sandbox,
        SYNC__LEASE_S=LEASE_S,
        SYNC__EXCHANGE_LIMIT_S=LEASE_S * 0.75,
        SYNC__LOOKUP_GAP_S=0.2,
    )


@pytest.fixture
def start(device: Device) -> Iterator[Start]:
    """Starts a command, and ends it after the test whatever happened."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = device.start(*arguments)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def posts(sandbox: Sandbox) -> int:
    return sum(each["method"] == "POST" for each in sandbox.state.journal.requests())


def lease_over(device: Device) -> bool:
    """Whether the lease that stands on the entry is over by this machine's clock."""
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        sql = "SELECT lease_expires_at FROM entry WHERE lease_owner IS NOT NULL"
        found = reader.rows(("until",), sql)
    return bool(found) and found[0]["until"] < time.time() * 1000


def test_p7_of_two_that_start_together_one_works_and_one_exits_7(
    device: Device, sandbox: Sandbox, start: Start
) -> None:
    """Two people press the button in the same second: one delivers, the other is told who does."""
    device.environment["FIELDSYNC_SYNC__LEASE_S"] = "60"
    device.environment["FIELDSYNC_SYNC__EXCHANGE_LIMIT_S"] = "45"
    ids = device.capture_many(4)
    sandbox.faults.add(faults.delay("unplanned", 5.0))
    first, second = start("sync", "--json"), start("sync", "--json")
    told = {}
    for process in (first, second):
        said, _ = process.communicate(timeout=120)
        told[process.returncode] = (process, json.loads(said.splitlines()[-1]))
    assert set(told) == {0, 7}
    refused, document = told[7]
    worker, report = told[0]
    assert document["error"]["code"] == "drain_busy"
    assert str(worker.pid) in document["error"]["message"]
    assert str(refused.pid) not in document["error"]["message"]
    assert report["delivered"] == len(ids)
    assert_delivered_once(sandbox, ids)
    assert posts(sandbox) == len(ids)


@pytest.mark.parametrize("ends", [signal.SIGCONT, signal.SIGKILL], ids=["continued", "killed"])
def test_p7_drainer_that_is_stopped_beyond_its_lease_is_the_only_one(
    device: Device, sandbox: Sandbox, start: Start, ends: signal.Signals
) -> None:
    """Ctrl-Z in the middle of a send: the second exits 7 and names it; afterwards there is one record."""
    known = device.capture(1)
    device.json("sync", "--json")
    # Carried out at once: how long a server may take is another promise's matter (P2), and the waits are short here.
    sandbox.faults.add(Fault("hang", "unplanned", after=True))
    id = device.capture(2)
    first = start("sync", "--wait")
    eventually(lambda: posts(sandbox) == 2)
    os.kill(first.pid, signal.SIGSTOP)
    eventually(lambda: lease_over(device))
    for _ in range(2):
        refused = device.run("sync", "--json")
        assert refused.returncode == 7, refused.stdout + refused.stderr
        assert f"process {first.pid} " in json.loads(refused.stdout)["error"]["message"]
    assert device.json("status", "--json", expect=(0, 3, 4, 5))["drain"]["pid"] == first.pid
    assert posts(sandbox) == 2, "nobody else has sent"
    sandbox.faults.clear()
    os.kill(first.pid, ends)
    first.communicate(timeout=120)
    device.json("sync", "--wait", "--json", expect=(0, 3))
    assert [len(_records(sandbox, each)) for each in (known, id)] == [1, 1]
    assert device.json("show", id, "--json")["state"] in ("done", "parked")


def _records(sandbox: Sandbox, id: str) -> list[Any]:
    return [record for record in sandbox.state.records() if record["idempotency_key"] == id]
