"""P10: a server that names a wait gets it, from the whole device, also after a restart; and nobody pays for it."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from sync.credentials import Tokens
from sync.exchange import Exchange
from sync.sandbox import faults
from sync.transport import ApiRequest
from tests.support.polling import eventually
from tests.support.rig import (
    FakeRig,
    FakeServer,
    FakeTime,
    SandboxRig,
    assert_delivered_once,
    said,
    sandboxed,
    unsigned,
)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


def test_busy_server_is_left_alone_for_as_long_as_it_asks(device: SandboxRig) -> None:
    """A server that recovers names two minutes; the device keeps them, and no attempt is counted."""
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after="120"))
    ids = device.capture_many(6)
    assert device.sync(looked=False).stopped_by == "busy"
    for _ in range(11):
        device.time.passes(10)
        device.sync(looked=False, spread=True)
        assert len(device.posts()) == 1
    assert device.counts() == {"pending": 6}
    assert set(device.column("attempts")) == {0}
    device.time.passes(11)
    device.sync(looked=False, spread=True)
    assert_delivered_once(device.sandbox, ids)


def test_wait_survives_a_restart(device: SandboxRig) -> None:
    """A worker that is restarted every minute must not turn a wait of ten minutes into ten requests."""
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after="600"))
    ids = device.capture_many(2)
    device.sync()
    for _ in range(4):
        device.time.passes(120)
        device.restart()
        device.sync(looked=False, spread=True)
    assert len(device.posts()) == 1
    device.time.passes(121)
    device.restart()
    device.sync(looked=False, spread=True)
    assert_delivered_once(device.sandbox, ids)


def test_after_the_wait_one_entry_goes_first(device: SandboxRig) -> None:
    """A server that is still busy meets one request of this device, not the queue."""
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after="60", times=3))
    device.capture_many(10)
    for sent in (1, 2, 3):
        device.sync(looked=False, spread=True)
        assert len(device.posts()) == sent
        device.time.passes(61)
    device.sync(looked=False, spread=True)
    assert device.counts() == {"done": 10}
    assert set(device.column("attempts")) == {0}


def test_wait_named_as_a_date_is_the_same_wait(device: SandboxRig) -> None:
    """The date is held against the answer's own Date: a device clock that is wrong makes it no longer."""
    until = format_datetime(device.time.wall + timedelta(seconds=120), usegmt=True)
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after=until))
    device.capture(1)
    device.sync()
    device.time.passes(110)
    device.sync(looked=False)
    assert len(device.posts()) == 1
    device.time.passes(15)
    device.sync(looked=False)
    assert device.counts() == {"done": 1}


def test_absurd_wait_is_cut_to_an_hour(device: SandboxRig) -> None:
    """P9: a server that means a timestamp and writes it as seconds does not hold the device for years."""
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after="1900000000"))
    device.capture(1)
    device.sync()
    device.time.passes(3601)
    device.sync(looked=False)
    assert device.counts() == {"done": 1}


def test_person_may_go_before_the_wait_is_over(device: SandboxRig) -> None:
    """Who stands beside the tablet decides."""
    device.sandbox.faults.add(faults.answer("unplanned", 429, retry_after="600"))
    device.capture(1)
    device.sync()
    device.sync(forced=True)
    assert device.counts() == {"done": 1}


def told_to_wait(rig: FakeRig) -> bool:
    """Whether the 429 has been written down."""
    return any(entry["reason"] == "busy" for entry in rig.entries())


def test_answers_that_were_under_way_do_not_end_the_wait(tmp_path: Path) -> None:
    """Four requests are on the wire: one is told to wait five minutes, the others succeed a moment later."""
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime(), width=4)
    all_sent, numbers = Barrier(4), count()

    def answer(request: ApiRequest, tokens: Tokens) -> Exchange:
        number = next(numbers)
        if number < 4:
            all_sent.wait(30)
        if number == 0:
            return said(429, retry_after="300")
        if number < 4:
            eventually(lambda: told_to_wait(rig), every_s=0.01)
        return server.created()

    server.on_send = answer
    rig.capture_many(12)
    with rig.database.write() as transaction:
        # Without signatures all four go at once, whatever is known of the storage.
        unsigned(transaction)
    rig.sync(looked=False)
    assert len(server.sent) == 4, "after the wait was named nothing new was sent"
    assert rig.counts() == {"pending": 9, "done": 3}
    rig.close()


def test_storage_that_names_a_wait_gets_it_too(device: SandboxRig) -> None:
    """P4: the upload waits as long as S3 asks, and no further record is made meanwhile."""
    device.sandbox.faults.add(faults.answer("upload", 503, body="xml", code="SlowDown", retry_after="120"))
    ids = device.capture_many(3)
    device.sync()
    for _ in range(5):
        device.time.passes(20)
        device.sync(looked=False, spread=True)
    assert (len(device.posts()), len(device.puts())) == (1, 1)
    device.time.passes(25)
    device.sync(looked=False, spread=True)
    assert_delivered_once(device.sandbox, ids)
