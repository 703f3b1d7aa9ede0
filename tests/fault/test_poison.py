"""Entries that the server refuses for good: each is its own trouble, until so many in a row mean that it is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync import commands
from sync.sandbox import faults
from tests.support.rig import SandboxRig, assert_delivered_once, sandboxed


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


def test_twenty_good_entries_pass_one_poisoned_one(device: SandboxRig) -> None:
    """P5: a site that was closed in the office stands first in the queue; the day's work behind it arrives."""
    device.sandbox.faults.add(faults.refuse("companyId", 1))
    ids = device.capture_many(21)
    report = device.sync()
    assert (report.delivered, report.needs_action, report.stopped_by) == (20, 1, None)
    assert device.states() == ["dead", *["done"] * 20]
    poisoned = device.entry(ids[0])
    assert (poisoned["reason"], poisoned["stage"]) == ("refused", "pending")
    (attempt,) = poisoned["history"]
    assert (attempt["status"], attempt["outcome"]) == (422, "Rejected")
    assert "companyId is not accepted" in attempt["detail"]
    assert_delivered_once(device.sandbox, ids[1:], first=2)
    device.time.passes(86_400)
    device.sync(forced=True)
    assert device.counters["posts"] == 21, "what is dead is not tried again by itself"


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_final_answer_is_final(device: SandboxRig, status: int) -> None:
    """P3: no retry can help, so none is made."""
    device.sandbox.faults.add(faults.answer("unplanned", status, times=None))
    id = device.capture(1)
    for _ in range(3):
        device.sync(forced=True)
        device.time.passes(3600)
    assert device.entry(id)["state"] == "dead"
    assert len(device.posts()) == 1


def test_five_different_refusals_in_a_row_pause_the_queue(device: SandboxRig) -> None:
    """P3: a bad release of the server refuses everything; the queue is not emptied into the dead letters."""
    number = device.sandbox.faults.add(faults.answer("unplanned", 422, times=None))
    ids = device.capture_many(20)
    report = device.sync()
    assert report.stopped_by == "rejections_suspicious"
    assert device.counts() == {"dead": 5, "pending": 15}
    for _ in range(3):
        device.time.passes(3600)
        assert device.sync(looked=False).stopped_by == "paused"
        device.sync(forced=True)
    device.restart()
    device.sync()
    assert device.counts() == {"dead": 5, "pending": 15}
    assert len(device.posts()) == 5
    device.sandbox.faults.remove(number)
    assert commands.resume(device.database, device.time.clock)
    device.sync()
    assert device.counts() == {"dead": 5, "done": 15}
    done = commands.resync(device.database, commands.Selection(states=("dead",)), device.time.clock)
    assert done.requeued == 5
    device.sync()
    assert_delivered_once(device.sandbox, ids)


def test_success_in_between_clears_the_suspicion(device: SandboxRig) -> None:
    """P5: four bad ones, one good, four bad: nothing is wrong but those eight."""
    bad = [*range(1, 5), *range(6, 10)]
    for seed in bad:
        device.sandbox.faults.add(faults.refuse("companyId", seed))
    device.capture_many(12)
    report = device.sync()
    assert report.stopped_by is None
    assert device.counts() == {"dead": 8, "done": 4}


def test_one_entry_refused_again_and_again_is_no_suspicion(device: SandboxRig) -> None:
    """P5: a person who requeues the same entry ten times is told ten times, and holds up nobody."""
    device.sandbox.faults.add(faults.refuse("companyId", 1))
    id = device.capture(1)
    for _ in range(10):
        device.sync()
        commands.resync(device.database, commands.Selection(ids=(id,)), device.time.clock)
    device.capture(2)
    device.sync()
    assert device.states() == ["dead", "done"]


def test_missing_route_pauses_and_no_entry_pays(device: SandboxRig) -> None:
    """P5: a wrong path in the settings answers 404 to everything: that is about the settings, not about an entry."""
    number = device.sandbox.faults.add(faults.answer("unplanned", 404, times=None))
    ids = device.capture_many(5)
    assert device.sync().stopped_by == "endpoint_missing"
    assert device.counts() == {"pending": 5}
    assert len(device.posts()) == 2, "the first answer is asked for again with another entry, and that is all"
    device.sandbox.faults.remove(number)
    commands.resume(device.database, device.time.clock)
    device.sync()
    assert_delivered_once(device.sandbox, ids)


def test_follower_of_a_poisoned_entry_waits_and_the_others_do_not(device: SandboxRig) -> None:
    """P5: only its own chain stops."""
    device.sandbox.faults.add(faults.refuse("companyId", 1))
    first = device.capture(1)
    device.capture(2, after=first)
    device.capture(3)
    device.sync()
    assert device.states() == ["dead", "pending", "done"]
