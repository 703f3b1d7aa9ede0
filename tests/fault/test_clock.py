"""P9: the device's clock jumps while work waits: order, waits and settling times do not."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sync.credentials import Tokens
from sync.exchange import Exchange, Failure, FailureKind
from sync.reconcile import Strategy
from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from sync.transport import ApiRequest
from tests.support.rig import FakeRig, FakeServer, FakeTime, SandboxRig, assert_delivered_once, said

JUMPS = [pytest.param({"days": 3}, id="+3d"), pytest.param({"days": -730}, id="-2y")]
NO_LINK = Failure(FailureKind.CONNECT, fully_written=False, detail="")
LOST = Failure(FailureKind.DISCONNECTED, fully_written=True, detail="")
HOUR_S = 3600.0


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    """A device whose clock is its own: the server's goes on rightly, whatever happens here."""
    time = FakeTime()
    server_time = FakeTime(time.wall)
    with Sandbox(clock=lambda: server_time.wall + timedelta(seconds=time.mono_s - 5_000)) as sandbox:
        rig = SandboxRig(tmp_path / "outbox", sandbox, time)
        yield rig
        rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_order_is_that_of_capture_whatever_the_clock_says(tmp_path: Path, jump: dict[str, float]) -> None:
    """P9: the tablet takes the mast's time in the middle of a round; the visits keep their order."""
    server = FakeServer()
    time = FakeTime()
    rig = FakeRig(tmp_path / "outbox", server, time)
    rig.capture_many(3)
    time.jumps(**jump)
    rig.capture_many(3, first=4)
    rig.sync()
    assert rig.counts() == {"done": 6}
    assert [json.loads(request.body)["companyId"] for request in server.sent] == [1, 2, 3, 4, 5, 6]
    rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_backoff_outlasts_no_cap_after_a_jump(device: SandboxRig, jump: dict[str, float]) -> None:
    """P9: an upload waits for its next try when the clock jumps; it is tried again within the cap, and once."""
    device.sandbox.state.set_options({"url_lifetime_s": 7200})
    device.sandbox.faults.add(faults.answer("upload", 503, body="xml", times=1))
    ids = device.capture_many(2)
    device.sync()
    assert device.states() == ["accepted", "pending"]
    device.time.jumps(**jump)
    device.passes_until(lambda: device.counts() == {"done": 2}, every_s=100, most=10)
    assert_delivered_once(device.sandbox, ids)


@pytest.mark.parametrize("jump", JUMPS)
def test_closed_gate_is_looked_at_within_its_cap_after_a_jump(tmp_path: Path, jump: dict[str, float]) -> None:
    """P9: the clock goes back two years while the link is away; the next look is not in two years."""
    time = FakeTime()
    with Sandbox(clock=lambda: time.wall) as sandbox:
        rig = SandboxRig(tmp_path / "outbox", sandbox, time)
        sandbox.offline()
        rig.capture_many(3)
        for _ in range(6):
            rig.sync(looked=False, spread=True)
            time.passes(130)
        rig.sync(looked=False, spread=True)
        time.jumps(**jump)
        sandbox.online()
        rig.sync(looked=False, spread=True)
        time.passes(121)
        rig.sync(looked=False, spread=True)
        assert rig.counts() == {"done": 3}
        rig.close()


def test_named_wait_is_cut_to_an_hour_after_a_jump_back(tmp_path: Path) -> None:
    """P9: Retry-After until a moment that is now two years away."""
    time = FakeTime()
    server = FakeServer()
    answers = iter([said(429, retry_after="600")])
    server.on_send = lambda request, tokens: next(answers, None) or server.created()
    rig = FakeRig(tmp_path / "outbox", server, time)
    rig.capture(1)
    rig.sync(looked=False)
    time.jumps(days=-730)
    rig.sync(looked=False)
    time.passes(HOUR_S + 1)
    rig.sync(looked=False)
    assert rig.counts() == {"done": 1}
    rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_held_owner_is_probed_within_an_hour_after_a_jump(tmp_path: Path, jump: dict[str, float]) -> None:
    """P9, P6: the sign-in was refused, the clock went back; the same tokens are good again and must be tried."""
    time = FakeTime()
    server = FakeServer()
    server.on_send = lambda request, tokens: said(401, {"message": "Unauthorized"})
    rig = FakeRig(tmp_path / "outbox", server, time)
    rig.capture(1)
    rig.sync()
    server.on_send = lambda request, tokens: server.created()
    time.jumps(**jump)
    for _ in range(13):
        rig.sync(looked=False)
        time.passes(300)
    assert rig.counts() == {"done": 1}
    rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_settling_time_is_not_shortened_by_the_wall_clock(tmp_path: Path, jump: dict[str, float]) -> None:
    """P2, P9: three days in one jump are not sixty seconds for a request that lies in a queue."""
    time = FakeTime()
    server = FakeServer()
    answers = iter([LOST])
    server.on_send = lambda request, tokens: next(answers, None) or server.created()
    rig = FakeRig(tmp_path / "outbox", server, time, strategy=Strategy.RESEND)
    rig.capture(1)
    rig.sync()
    time.jumps(**jump)
    rig.sync()
    time.passes(58)
    rig.sync()
    assert (rig.states(), len(server.sent)) == (["in_doubt"], 1)
    time.passes(3)
    rig.sync()
    assert (rig.states(), len(server.sent)) == (["done"], 2)
    rig.close()


def test_settling_time_starts_again_after_a_reboot(tmp_path: Path) -> None:
    """P2, P9: monotonic time of another boot says nothing, in either direction."""
    time = FakeTime()
    server = FakeServer()
    answers = iter([LOST])
    server.on_send = lambda request, tokens: next(answers, None) or server.created()
    rig = FakeRig(tmp_path / "outbox", server, time, strategy=Strategy.RESEND)
    rig.capture(1)
    rig.sync()
    time.passes(50)
    for boot in (2, 3):
        time.boots_again(boot)
        time.mono_s = 1e6  # later than any clock of the boot before
        rig.restart()
        rig.sync()
        time.passes(55)
        rig.sync()
        assert (rig.states(), len(server.sent)) == (["in_doubt"], 1)
    time.passes(6)
    rig.sync()
    assert (rig.states(), len(server.sent)) == (["done"], 2)
    rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_good_urls_are_used_after_a_jump(device: SandboxRig, jump: dict[str, float]) -> None:
    """P4, P9: the storage judges its URLs; a device that thinks it is Thursday must not throw them away untried."""
    first = device.capture_many(5)
    device.sync()
    device.time.jumps(**jump)
    ids = first + device.capture_many(6, first=6)
    device.sync()
    assert device.counts() == {"done": 11}
    assert_delivered_once(device.sandbox, ids)


@pytest.mark.parametrize("jump", JUMPS)
def test_url_in_hand_is_tried_after_a_jump(device: SandboxRig, jump: dict[str, float]) -> None:
    """P4, P9: the record is made, the storage is away for a minute, and in that minute the clock jumps."""
    ids = device.capture_many(4)
    device.sync()
    device.sandbox.offline("store")
    ids += device.capture_many(1, first=5)
    device.sync()
    device.time.jumps(**jump)
    device.time.passes(60)
    device.sandbox.online("store")
    device.sync()
    assert device.counts() == {"done": 5}
    assert_delivered_once(device.sandbox, ids)


def test_sleep_in_the_middle_of_a_send_keeps_the_late_acceptance(tmp_path: Path) -> None:
    """P2: the lid closes during the request and opens two hours later, lease long over: the answer is kept."""
    time = FakeTime()
    server = FakeServer()

    def slept(request: ApiRequest, tokens: Tokens) -> Exchange:
        time.jumps(hours=2)
        return server.created()

    server.on_send = slept
    rig = FakeRig(tmp_path / "outbox", server, time)
    rig.capture(1)
    rig.sync()
    assert rig.counts() == {"done": 1}
    assert len(server.sent) == 1
    rig.close()
