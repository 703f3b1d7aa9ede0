"""The installed command is killed by SIGKILL again and again at seeded random moments, `run` and `sync` in turn.

FIELDSYNC_TEST_KILLS scales it: `FIELDSYNC_TEST_KILLS="kills=100,entries=200"` is the long run; `seed=N` repeats one.
The usual size is a taste of it that fits into every run of the suite.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from sync.sandbox import faults
from sync.sandbox.options import Options
from sync.sandbox.server import Sandbox
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.rig import assert_delivered_once

SIZE = {"kills": 4, "entries": 16, "seed": 20240601}
for _pair in filter(None, os.environ.get("FIELDSYNC_TEST_KILLS", "").split(",")):
    _name, _, _value = _pair.partition("=")
    SIZE[_name.strip()] = int(_value)

WIDTH = 4
COMMANDS = (("run",), ("sync", "--wait"))


def states(device: Device) -> dict[str, int]:
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return {state: n for state, n in reader.counts().items() if n}


def unfinished(device: Device) -> int:
    return sum(n for state, n in states(device).items() if state not in ("done", "parked"))


def kill_in_the_middle(device: Device, sandbox: Sandbox, command: tuple[str, ...], rng: Random) -> bool:
    """Start a drain, let it send something, kill it a moment later; whether it was still at work."""
    before = len(sandbox.state.journal.requests())
    process: subprocess.Popen[str] = device.start(*command)
    try:
        # A start takes far longer than a delivery: from the first request on is where it can hurt.
        eventually(
            lambda: len(sandbox.state.journal.requests()) > before or process.poll() is not None,
            every_s=0.002,
        )
        time.sleep(rng.uniform(0, 0.3))
        alive = process.poll() is None
    finally:
        process.kill()
        process.communicate()
    return alive


@pytest.mark.parametrize("strategy", ["resend", "hold"])
def test_killed_drains_lose_nothing_and_double_nothing(tmp_path: Path, strategy: str) -> None:
    """P1, P2, P4: a tablet whose battery contact is loose, a whole round long."""
    rng = Random(SIZE["seed"])
    honours = strategy == "resend"
    with Sandbox(options=Options(honour_keys=honours), log_limit=1_000_000) as sandbox:
        device = Device(tmp_path, sandbox, SYNC__IN_DOUBT=strategy, SYNC__CONCURRENCY=WIDTH)
        # Slow enough that a kill meets every step, among them the time between store and answer.
        sandbox.faults.add(faults.delay("unplanned", 0.04))
        sandbox.faults.add(faults.delay("unplanned", 0.04, after=True))
        sandbox.faults.add(faults.delay("upload", 0.03))
        kills, at_work = SIZE["kills"] if honours else max(2, SIZE["kills"] // 2), 0
        ids: list[str] = []
        for number in range(kills):
            ids += device.capture_many(SIZE["entries"] * (number + 1) // kills - len(ids), first=len(ids) + 1)
            at_work += kill_in_the_middle(device, sandbox, COMMANDS[number % len(COMMANDS)], rng)
            assert sum(states(device).values()) == len(ids), "an acknowledged capture is gone"
        assert at_work > kills // 2, "the kills came too late to prove anything"
        sandbox.faults.clear()
        ended = device.run("sync", "--wait", "--json")
        assert unfinished(device) == 0, (ended.stdout, states(device))
        counters = sandbox.state.journal.counters()
        assert counters["repeated_uploads"] <= WIDTH * kills
        if honours:
            assert ended.returncode == 0, ended.stdout + ended.stderr
            assert states(device) == {"done": len(ids)}
            assert_delivered_once(sandbox, ids)
        else:
            assert counters["duplicate_keys"] == 0, "held means: nothing is sent twice"
            assert counters["records"] == len({each["idempotency_key"] for each in sandbox.state.records()})
            assert states(device).get("parked", 0) <= WIDTH * kills
            assert states(device).get("done", 0) + states(device).get("parked", 0) == len(ids)
