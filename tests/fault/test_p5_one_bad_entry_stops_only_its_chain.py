"""P5: whatever is wrong with one entry, the others arrive; only what must come after it waits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync import commands
from sync.credentials import Tokens
from sync.exchange import Exchange, Failure, FailureKind
from sync.explain import explain
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.transport import ApiRequest
from tests.support.rig import (
    FakeRig,
    FakeServer,
    FakeTime,
    SandboxRig,
    assert_delivered_once,
    said,
    sandboxed,
    stored,
)

GOOD = 100
DEAD_URL = "http://127.0.0.1:8/other-bucket/{id}?X-Amz-Signature=0ddba11"
NO_LINK = Failure(FailureKind.CONNECT, fully_written=False, detail="")
HOUR_S = 3600.0


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


def company(request: ApiRequest) -> int:
    return int(json.loads(request.body)["companyId"])


def about_first(status: int, **more: Any) -> Fault:
    return faults.answer("unplanned", status, when={"companyId": 1}, times=None, **more)


def test_p5_hundred_good_entries_pass_a_poisoned_one_in_the_same_drain(device: SandboxRig) -> None:
    """A site that was closed in the office stands first; the week's work behind it arrives."""
    device.sandbox.faults.add(faults.refuse("companyId", 1))
    ids = device.capture_many(1 + GOOD)
    report = device.sync()
    assert (report.delivered, report.needs_action, report.stopped_by) == (GOOD, 1, None)
    assert device.counts() == {"dead": 1, "done": GOOD}
    poisoned = device.entry(ids[0])
    assert (poisoned["state"], poisoned["reason"]) == ("dead", "refused")
    assert "companyId is not accepted" in poisoned["history"][0]["detail"]
    assert_delivered_once(device.sandbox, ids[1:], first=2)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(about_first(404), id="404"),
        pytest.param(about_first(405), id="405"),
        pytest.param(about_first(403, message="site 3 is not yours"), id="403"),
        pytest.param(about_first(400), id="400"),
        pytest.param(about_first(500), id="500"),
    ],
)
def test_p5_answer_about_one_entry_holds_up_nobody_else(device: SandboxRig, fault: Fault) -> None:
    """The server stumbles over the first entry on a device that never sent anything; the others are through at once."""
    device.sandbox.faults.add(fault)
    ids = device.capture_many(1 + GOOD)
    device.sync()
    assert device.counts()["done"] == GOOD
    assert device.entry(ids[0])["state"] != "done"
    assert device.control("pause") is None
    assert_delivered_once(device.sandbox, ids[1:], first=2)
    later = device.capture_many(5, first=GOOD + 2)
    device.sync(looked=False, spread=True)
    assert [device.entry(id)["state"] for id in later] == ["done"] * 5, "nor is what comes after it"


def test_p5_entry_that_alone_meets_a_missing_route_ends_with_a_person(device: SandboxRig) -> None:
    """It waits longer and longer, uses up its own tries, and the queue is never paused for it."""
    device.sandbox.faults.add(about_first(404))
    ids = device.capture_many(3)
    for day in range(20):
        device.capture(10 + day)
        device.sync(looked=False, spread=True)
        device.time.passes(1000)
    entry = device.entry(ids[0])
    assert (entry["state"], entry["reason"], entry["attempts"]) == ("parked", "attempts_exhausted", 12)
    assert device.counts() == {"parked": 1, "done": 22}


def test_p5_entry_told_to_wait_makes_way_when_the_wait_is_over(device: SandboxRig) -> None:
    """One body makes the server say "slow down" each time: the device waits as told, and then another goes first."""
    device.sandbox.faults.add(about_first(429, retry_after="120"))
    ids = device.capture_many(1 + GOOD)
    device.sync(looked=False)
    assert len(device.posts()) == 1
    device.time.passes(121)
    device.sync(looked=False, spread=True)
    assert device.counts() == {"pending": 1, "done": GOOD}
    assert_delivered_once(device.sandbox, ids[1:], first=2)
    assert device.entry(ids[0])["attempts"] == 0


def test_p5_entry_that_alone_is_told_to_wait_does_so_more_and_more_rarely(device: SandboxRig) -> None:
    """Each of its tries costs the others the wait that the server names; so it tries seldom."""
    device.sandbox.faults.add(about_first(429, retry_after="20"))
    device.capture_many(3)
    device.sync(looked=False)
    busy = 0
    for seed in range(4, 64):
        device.time.passes(60)
        device.capture(seed)
        device.sync(looked=False, spread=True)
        busy = len(device.posts()) - len(device.sandbox.state.records())
    assert device.counts()["done"] >= 60, "nearly every capture goes with the next pass"
    # Some ten by the mean of the jittered waits; sixty where they did not grow.
    assert busy <= 30, "an hour of waits that double to a quarter of one"


def test_p5_two_different_entries_without_a_route_pause_the_queue(device: SandboxRig) -> None:
    """A wrong path: the second opinion is the same, so it is about the settings, and nobody pays."""
    device.sandbox.faults.add(faults.answer("unplanned", 404, times=None))
    device.capture_many(30)
    assert device.sync().stopped_by == "endpoint_missing"
    assert len(device.posts()) == 2
    assert device.counts() == {"pending": 30}
    assert set(device.column("attempts")) == {0}


def test_p5_resume_lets_another_entry_go_first(device: SandboxRig) -> None:
    """Two bad ones stood in front and paused the queue; after `resume` the third shows that the route is there."""
    device.sandbox.faults.add(about_first(404))
    device.sandbox.faults.add(faults.answer("unplanned", 404, when={"companyId": 2}, times=None))
    device.capture_many(30)
    assert device.sync().stopped_by == "endpoint_missing"
    commands.resume(device.database, device.time.clock)
    device.sync()
    assert device.counts() == {"pending": 2, "done": 28}
    assert device.control("pause") is None


@pytest.mark.parametrize("go", ["force", "resync", "resume"])
def test_p5_person_makes_everything_go_at_once(device: SandboxRig, go: str) -> None:
    """What made way waits for no moment: who stands beside the tablet says when."""
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after="600"))
    ids = device.capture_many(4)
    device.sync()
    if go == "resync":
        commands.resync(device.database, commands.Selection(), device.time.clock)
    elif go == "resume":
        commands.pause(device.database, None, device.time.clock)
        commands.resume(device.database, device.time.clock)
        device.time.passes(601)
    device.sync(forced=go != "resume")
    assert_delivered_once(device.sandbox, ids)


@pytest.mark.parametrize("status", [404, 422, 429, 500])
def test_p5_chain_waits_in_capture_order_and_only_it(device: SandboxRig, status: int) -> None:
    """Three entries for one target behind a bad one wait for it, in their order; the ones beside them go."""
    number = device.sandbox.faults.add(about_first(status))
    chain = [device.capture(1)]
    for seed in (2, 3, 4):
        chain.append(device.capture(seed, after=chain[-1]))
    beside = device.capture_many(6, first=5)
    for _ in range(3):
        device.sync(looked=False, spread=True)
        device.time.passes(60)
    assert [device.entry(id)["state"] for id in beside] == ["done"] * 6
    assert [device.entry(id)["state"] for id in chain[1:]] == ["pending"] * 3
    device.sandbox.faults.remove(number)
    before = len(device.sandbox.state.records())
    if status == 500:
        with device.database.write() as transaction:  # a person found it on the server and said so
            sql = "UPDATE entry SET state = 'done', stage = NULL WHERE id = ?"
            transaction.cursor.execute(sql, (chain[0],))
    else:
        commands.resync(device.database, commands.Selection(ids=(chain[0],)), device.time.clock)
    device.passes_until(lambda: device.counts() == {"done": 10}, every_s=900, most=12)
    order = [record["body"]["companyId"] for record in device.sandbox.state.records()[before:]]
    assert order == ([2, 3, 4] if status == 500 else [1, 2, 3, 4])


Answer = Callable[[ApiRequest, Tokens], Exchange]


def with_dead_hosts(server: FakeServer, bad: Callable[[int], bool]) -> None:
    """The server names a bucket that is not there for the entries of `bad`."""

    def send(request: ApiRequest, tokens: Tokens) -> Exchange:
        server.next_id += 1
        url = (DEAD_URL if bad(company(request)) else "http://127.0.0.1:9/bucket/{id}?s=0").format(
            id=server.next_id
        )
        return said(201, {"data": {"id": server.next_id}, "presignedUrl": url})

    server.on_send = send
    server.on_put = lambda url, md5: NO_LINK if ":8/" in url else stored(md5)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeRig]]:
    """A device whose looks find the API and the good storage."""
    monkeypatch.setattr("sync.opening.look", lambda url: ":8/" not in url)
    made: list[FakeRig] = []

    def build(server: FakeServer, **more: Any) -> FakeRig:
        made.append(FakeRig(tmp_path / "outbox", server, FakeTime(), **more))
        return made[-1]

    yield build
    for rig in made:
        rig.close()


@pytest.mark.parametrize("bad", [2, 51], ids=["early", "late"])
@pytest.mark.parametrize("width", [1, 4])
def test_p5_dead_upload_host_of_one_entry_holds_up_nobody_else(
    make: Callable[..., FakeRig], bad: int, width: int
) -> None:
    """One intervention's address leads to a bucket that is gone; the signatures of all others are stored."""
    server = FakeServer()
    with_dead_hosts(server, lambda company: company == bad)
    rig = make(server, width=width)
    ids = rig.capture_many(1 + GOOD)
    rig.sync(looked=False, spread=True)
    assert rig.counts() == {"accepted": 1, "done": GOOD}
    assert rig.entry(ids[bad - 1])["attempts"] == 0
    told = explain(
        rig.entry(ids[bad - 1]),
        {"gate:upload:127.0.0.1:8": rig.control("gate:upload:127.0.0.1:8")},
        rig.time.wall,
    )
    assert "storage" in (told["waiting_for"] or "")
    assert rig.control("gate:upload")["mode"] == "open"


def test_p5_dead_upload_host_of_the_very_first_entry_is_found_out_within_an_hour(
    make: Callable[..., FakeRig],
) -> None:
    """A new device cannot tell a dead bucket from a dead storage: after an hour one more entry finds out."""
    server = FakeServer()
    with_dead_hosts(server, lambda company: company == 1)
    rig = make(server)
    rig.capture_many(1 + GOOD)
    for _ in range(28):
        rig.sync(looked=False, spread=True)
        assert len(server.sent) == 1, "no URL is minted that may die unused"
        rig.time.passes(128)
    for _ in range(3):
        rig.sync(looked=False, spread=True)
        rig.time.passes(128)
    assert rig.counts() == {"accepted": 1, "done": GOOD}


def test_p5_storage_that_is_really_away_costs_few_addresses(make: Callable[..., FakeRig]) -> None:
    """P4: a firewall shuts the storage out for two days; a handful of addresses die, not one for each hour."""
    server = FakeServer()
    with_dead_hosts(server, lambda company: True)
    rig = make(server)
    rig.capture_many(60)
    for _ in range(48):
        rig.sync(looked=False, spread=True)
        rig.time.passes(HOUR_S)
    assert 2 <= len(server.sent) <= 7


def test_p5_many_signatures_for_a_dead_host_do_not_hide_the_others(make: Callable[..., FakeRig]) -> None:
    """Forty addresses of a bucket that is gone spoil first; those of the good one behind them are used all the same."""
    server = FakeServer()
    rig = make(server, width=4)
    with_dead_hosts(server, lambda company: 2 <= company <= 41)
    rig.capture_many(41)
    for _ in range(3):
        rig.sync(looked=False, spread=True)
        rig.time.passes(30)
    assert rig.counts() == {"accepted": 40, "done": 1}
    rig.capture_many(GOOD, first=42)
    server.on_put = lambda url, md5: (
        NO_LINK
    )  # the good one hiccups once, so that its signatures are owed as well
    rig.sync(looked=False, spread=True)
    with_dead_hosts(server, lambda company: False)
    rig.time.passes(130)
    rig.sync(looked=False, spread=True)
    assert rig.counts() == {"accepted": 40, "done": 1 + GOOD}
