"""Three hundred visits, and a server that takes them and loses its answers in every way there is.

The installed command against the sandbox, which ignores keys. `FIELDSYNC_TEST_VISITS` makes the day shorter or longer.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.rig import image_of

VISITS = int(os.environ.get("FIELDSYNC_TEST_VISITS", "300"))
FEWER = min(VISITS, 100)  # what cannot be settled is looked up again and again, which takes its time
KILLS = 6
WIDTH = 8
_SETTINGS = {
    "SYNC__CONCURRENCY": WIDTH,
    "SYNC__SETTLE_S": 1,
    "SYNC__LOOKUP_GAP_S": 1,
    "SYNC__BACKOFF_BASE_S": 0.2,
    "API__READ_TIMEOUT_S": 0.6,
}


def lose_answers(sandbox: Sandbox, visits: int) -> None:
    """Each of the four ways for a fifth of the day: stored, and the answer is cut, a 504, half a 201, or silence."""
    each = visits // 5
    for fault in (
        faults.lost_answer("unplanned", times=each),
        faults.answer("unplanned", 504, after=True, times=each),
        faults.truncated("unplanned", times=each),
        Fault("hang", "unplanned", after=True, times=each),
    ):
        sandbox.faults.add(fault)


def kill_drains(device: Device, sandbox: Sandbox, rng: Random) -> None:
    for number in range(KILLS):
        before = len(sandbox.state.journal.requests())
        process: subprocess.Popen[str] = device.start(*(("run",), ("sync", "--wait"))[number % 2])
        try:
            eventually(
                lambda seen=before, alive=process: (
                    len(sandbox.state.journal.requests()) > seen or alive.poll() is not None
                ),
                every_s=0.005,
            )
            time.sleep(rng.uniform(0, 0.6))
        finally:
            process.kill()
            process.communicate()


def entries(device: Device) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = device.json("list", "--limit", "100000")
    return listed


def assert_one_record_each(sandbox: Sandbox, ids: list[str]) -> dict[str, dict[str, Any]]:
    """No visit is at the server twice, and nothing is there that was not captured."""
    counted = Counter(record["idempotency_key"] for record in sandbox.state.records())
    assert not [key for key, times in counted.items() if times > 1], "a duplicate"
    assert set(counted) <= set(ids)
    return {record["idempotency_key"]: record for record in sandbox.state.records()}


def assert_told_truly(sandbox: Sandbox, ids: list[str], listed: list[dict[str, Any]]) -> None:
    """What is done has its own image; what is not says why."""
    records = assert_one_record_each(sandbox, ids)
    assert [entry["id"] for entry in listed] == ids, "every capture is there, in order"
    for seed, entry in enumerate(listed, 1):
        if entry["state"] == "done":
            assert image_of(sandbox, records[entry["id"]]) == signature_png(seed)
            assert entry["server_id"] == records[entry["id"]]["id"]
        else:
            assert entry["state"] in ("parked", "in_doubt"), entry
            assert entry["reason"], entry


@pytest.mark.parametrize("killed", [False, True], ids=["calm", "killed"])
def test_every_visit_is_one_record_when_answers_are_lost_and_the_list_is_offered(
    tmp_path: Path, killed: bool
) -> None:
    """P2, P4: the gateway has a bad day, and the battery contact is loose."""
    with Sandbox(log_limit=1_000_000) as sandbox:
        device = Device(tmp_path, sandbox, **_SETTINGS)
        lose_answers(sandbox, VISITS)
        ids = device.capture_many(VISITS)
        if killed:
            kill_drains(device, sandbox, Random(7))
        device.run("sync", "--wait", "--json", timeout_s=240)
        listed = entries(device)
        assert_told_truly(sandbox, ids, listed)
        assert len(sandbox.state.records()) == VISITS
        for entry in listed:
            owed = (entry["state"], entry["reason"]) == ("parked", "signature_url_lost")
            assert entry["state"] == "done" or owed, entry
            assert entry["server_id"] is not None
        assert Counter(entry["state"] for entry in listed)["done"] > 0


@pytest.mark.parametrize("killed", [False, True], ids=["calm", "killed"])
@pytest.mark.parametrize("absent", ["refused", "hidden"])
def test_no_visit_is_doubled_or_lost_when_the_list_cannot_tell(
    tmp_path: Path, absent: str, killed: bool
) -> None:
    """P2, P3: the tokens of this device may not list, or the list shows the records of others only."""
    with Sandbox(log_limit=1_000_000) as sandbox:
        device = Device(tmp_path, sandbox, **_SETTINGS)
        lose_answers(sandbox, FEWER)
        sandbox.state.add_row({})
        if absent == "refused":
            sandbox.faults.add(faults.forbidden("list", times=None))
        else:
            sandbox.state.set_options({"list_hidden": True})
        ids = device.capture_many(FEWER)
        if killed:
            kill_drains(device, sandbox, Random(8))
        device.run("sync", "--wait", "--json", timeout_s=240)
        listed = entries(device)
        assert_told_truly(sandbox, ids, listed)
        doubted = [entry for entry in listed if entry["state"] != "done"]
        assert len(doubted) >= FEWER * 4 // 5
        named = {"refused": "lookup_unavailable", "hidden": "lookup_blind"}[absent]
        reasons = Counter(entry["reason"] for entry in doubted)
        assert reasons[named] >= FEWER // 5, reasons
        assert device.json("status")["in_doubt"] == len(doubted)
