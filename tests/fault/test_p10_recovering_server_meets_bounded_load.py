"""P10: two hundred devices wait for one server; when it is back it meets a bounded load, and all is delivered."""

from functools import partial
from pathlib import Path

import pytest

from sync.exchange import Exchange, Failure, FailureKind
from tests.support.fleet import START, FleetDevice, Server, World
from tests.support.rig import FakeRig, FakeServer, FakeTime, said

DEVICES = 200
ENTRIES = 6
HOUR_S = 3600.0
SPREAD_S = 30.0


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """An outbox with a morning's work."""
    rig = FakeRig(tmp_path / "template", FakeServer(), FakeTime(START))
    rig.capture_many(ENTRIES)
    rig.close()
    return rig.root


def no_link(world: World) -> Exchange:
    return Failure(FailureKind.CONNECT, fully_written=False, detail="")


def until_nine(world: World) -> Exchange:
    """Maintenance: everybody is told the same moment."""
    date = world.now.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return said(429, retry_after="Mon, 02 Mar 2026 09:00:00 GMT", date=date)


def an_hour(
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    *,
    asleep_until_s: float | None = None,
) -> list[FleetDevice]:
    """All devices find the server away in the same moment, and serve until nothing waits."""
    world = server.world
    monkeypatch.setattr("sync.opening.look", lambda url: server.reachable())
    devices = [
        FleetDevice(tmp_path / f"device-{n}", template, world, server, seed=n, spread_s=SPREAD_S)
        for n in range(DEVICES)
    ]
    world.run([partial(device.serve, asleep_until_s=asleep_until_s) for device in devices])
    return devices


def all_delivered(devices: list[FleetDevice], server: Server) -> None:
    assert [device.states for device in devices] == [{"done": ENTRIES}] * DEVICES
    assert sum(server.posts.values()) == server.stored == DEVICES * ENTRIES


def test_p10_fleet_behind_a_dead_link_comes_back_spread(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mast is down for an hour. All devices lost it in the same second, and none comes back with another.

    The bound: each device looks every 60 to 120 s by then, at a moment of its own, so on average 1.7 of the 200 come
    back in a second, each with all it holds; no second may bring more than ten of them, a twentieth of the fleet.
    """
    server = Server(World(1), HOUR_S, no_link)
    devices = an_hour(tmp_path, template, monkeypatch, server)
    all_delivered(devices, server)
    assert max(server.posts.values()) <= 10 * ENTRIES


def test_p10_fleet_that_was_told_one_moment_comes_back_spread(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maintenance until nine o'clock sharp: nobody comes before, and not everybody at nine.

    The bound: the end of a named wait is spread over `sync.start_spread_s`, so on average 6.7 devices come back in a
    second; no second may bring more than twenty of them, a tenth of the fleet.
    """
    server = Server(World(2), HOUR_S, until_nine)
    devices = an_hour(tmp_path, template, monkeypatch, server)
    all_delivered(devices, server)
    assert sum(server.refused.values()) <= DEVICES, "one try each, and then the wait that was named"
    assert max(server.posts.values()) <= 20 * ENTRIES


def test_p10_fleet_that_wakes_in_one_second_comes_back_spread(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The depot's power fails for an hour and takes the mast with it: all tablets find the network at once.

    The bound: after a dead link each waits a random part of `sync.start_spread_s`: as above.
    """
    server = Server(World(3), HOUR_S, no_link)
    devices = an_hour(tmp_path, template, monkeypatch, server, asleep_until_s=HOUR_S + 600)
    all_delivered(devices, server)
    assert max(server.posts.values()) <= 20 * ENTRIES
