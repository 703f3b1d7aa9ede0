"""The worker as a process: it wakes by itself, follows orders, comes back with the network, and leaves in time."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from tests.support.device import Device
from tests.support.polling import eventually

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox, SYNC__INTERVAL_S=600)


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


def serving(device: Device) -> None:
    """Wait until the worker has made its first pass."""
    eventually(lambda: (report(device) or {}).get("running") is False)


def report(device: Device) -> dict[str, Any] | None:
    return control(device).get("report")


def control(device: Device) -> dict[str, Any]:
    from storage.folder import StorageFolder
    from storage.queries import reading

    with reading(StorageFolder(device.storage)) as reader:
        return {} if reader is None else reader.control()


def counts(device: Device) -> dict[str, int]:
    from storage.folder import StorageFolder
    from storage.queries import reading

    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return reader.counts()


def attempts(device: Device) -> set[int]:
    from storage.folder import StorageFolder
    from storage.queries import reading

    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return {entry["attempts"] for entry in reader.entries()}


def test_capture_of_another_process_wakes_the_worker(device: Device, sandbox: Sandbox, start: Start) -> None:
    """The interval is ten minutes: only the watcher can have seen it."""
    start("run")
    serving(device)
    device.capture_many(1)
    eventually(lambda: counts(device)["done"] == 1, within_s=20)
    assert sandbox.state.journal.counters()["uploads"] == 1


def test_everything_arrives_by_itself_when_the_server_comes_back(
    device: Device, sandbox: Sandbox, start: Start
) -> None:
    """A basement, then daylight: captures go on all the time, nobody touches the tablet, no attempt is spent."""
    sandbox.offline()
    start("run")
    serving(device)
    for seed in range(1, 6):
        device.capture_many(1, first=seed)
    eventually(lambda: control(device).get("gate:api", {}).get("mode") == "closed")
    device.capture_many(3, first=10)
    sandbox.online()
    device.capture_many(2, first=20)
    eventually(lambda: counts(device)["done"] == 10)
    assert attempts(device) == {0}
    counters = sandbox.state.journal.counters()
    assert (counters["records"], counters["uploads"], counters["repeated_uploads"]) == (10, 10, 0)


def test_dead_link_is_not_hammered(device: Device, sandbox: Sandbox, start: Start) -> None:
    """Ten waiting entries, one look at a time: the gate waits for all of them."""
    device.environment["FIELDSYNC_SYNC__PROBE_CAP_S"] = "30"
    device.capture_many(10)
    sandbox.offline()
    start("run")
    eventually(lambda: control(device).get("gate:api", {}).get("failures", 0) >= 1)
    time.sleep(2)
    assert control(device)["gate:api"]["failures"] <= 2
    assert counts(device)["pending"] == 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker_leaves_within_ten_seconds_while_the_server_says_nothing(
    device: Device, sandbox: Sandbox, start: Start, number: signal.Signals
) -> None:
    """What was on the wire is in doubt afterwards, not forgotten and not taken for unsent."""
    sandbox.faults.add(faults.Fault("hang", route="unplanned", times=None, seconds=600))
    device.capture_many(1)
    process = start("run")
    eventually(lambda: counts(device)["sending"] == 1 and sandbox.state.journal.requests())
    stopped_at = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=30)
    assert time.monotonic() - stopped_at < 10
    assert process.returncode == 0
    left = counts(device)
    assert left["parked"] + left["in_doubt"] == 1, left


def test_second_worker_is_told_who_serves(device: Device, start: Start) -> None:
    first = start("run")
    serving(device)
    second = device.run("run")
    assert second.returncode == 7
    assert str(first.pid) in second.stderr


def test_sync_beside_a_worker_asks_it_and_follows(device: Device, sandbox: Sandbox, start: Start) -> None:
    start("run")
    serving(device)
    device.run("pause")
    device.capture_many(3)
    device.run("resume")
    summary = device.json("sync")
    eventually(lambda: counts(device)["done"] == 3)
    assert summary["waiting"] == 0
    assert sandbox.state.journal.counters()["posts"] == 3


def test_pause_holds_and_resume_releases_a_running_worker(
    device: Device, sandbox: Sandbox, start: Start
) -> None:
    start("run")
    serving(device)
    assert device.run("pause", "--reason", "stocktaking").returncode == 0
    device.capture_many(2)
    summary = device.json("sync", expect=(5,))
    assert summary["stopped_by"] == "paused"
    assert sandbox.state.journal.counters()["posts"] == 0
    assert device.run("resume").returncode == 0
    eventually(lambda: counts(device)["done"] == 2)


def test_second_foreground_drain_ends_with_busy(device: Device, sandbox: Sandbox, start: Start) -> None:
    """P7: two technicians press the button; one drain works, the other says so."""
    sandbox.faults.add(faults.delay("unplanned", 3.0))
    device.capture_many(1)
    first = start("sync", "--json")
    eventually(lambda: counts(device)["sending"] == 1)
    second = device.run("sync", "--json")
    assert second.returncode == 7, second.stdout + second.stderr
    assert '"drain_busy"' in second.stdout
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0, out
    assert sandbox.state.journal.counters()["posts"] == 1


def test_stopped_drainer_keeps_its_entry_from_being_sent_twice(
    device: Device, sandbox: Sandbox, start: Start
) -> None:
    """P7: a tablet that slept in the middle of a send, beyond its lease; the lock is what outlives the sleep."""
    device.environment["FIELDSYNC_SYNC__LEASE_S"] = "2"
    device.environment["FIELDSYNC_SYNC__IN_DOUBT"] = "resend"
    sandbox.faults.add(faults.delay("unplanned", 1.0))
    device.capture_many(1)
    first = start("sync", "--json")
    eventually(lambda: counts(device)["sending"] == 1)
    first.send_signal(signal.SIGSTOP)
    try:
        time.sleep(3)
        assert device.run("sync", "--json").returncode == 7
    finally:
        first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    assert device.run("sync", "--wait", "--json").returncode == 0
    assert counts(device)["done"] == 1
    assert sandbox.state.journal.counters()["records"] == 1


def test_worker_that_is_paused_rests(device: Device, sandbox: Sandbox, start: Start) -> None:
    """A wait that is over must not turn a paused tablet into a heater."""
    sandbox.faults.add(faults.answer("upload", 503, times=1, body="xml", code="SlowDown"))
    device.environment["FIELDSYNC_SYNC__BACKOFF_BASE_S"] = "1"
    device.capture_many(1)
    device.run("sync")
    device.run("pause")
    start("run")
    serving(device)
    time.sleep(2)
    before = control(device)["worker"]["beat_at"]
    time.sleep(2)
    assert control(device)["worker"]["beat_at"] == before


def test_worker_ends_when_its_database_is_taken_away(device: Device, start: Start) -> None:
    """Somebody cleans up: what a worker wrote into a file without a name would be lost."""
    process = start("run")
    serving(device)
    for path in device.storage.glob("fieldsync.db*"):
        path.unlink()
    process.wait(timeout=30)
    assert process.returncode == 8
