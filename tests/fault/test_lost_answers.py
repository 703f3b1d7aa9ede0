"""The server took it and the device never heard so: held for a person, or sent again with the same key and bytes.

No time passes in these tests but the device's own, which is moved.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync import commands
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.options import Options
from tests.support.rig import SandboxRig, assert_delivered_once, keys, sandboxed

SETTLE_S = 60.0
QUIET_S = 2.0  # how long the device listens for an answer here; less fails on a busy machine

CUT = faults.lost_answer("unplanned")
CLOSED = faults.lost_answer("unplanned", how="close")
TRUNCATED = faults.truncated("unplanned")
SILENT = Fault("hang", "unplanned", after=True)
GARBLED = Fault("garbage", "unplanned", after=True)
GATEWAY_GAVE_UP = faults.answer("unplanned", 504, after=True)
BROKE = faults.answer("unplanned", 500, after=True)
CONFLICT = faults.answer("unplanned", 409, message="exists already", times=None)

UNKNOWN = [
    pytest.param(CUT, "answer_lost", id="reset"),
    pytest.param(CLOSED, "answer_lost", id="closed"),
    pytest.param(SILENT, "answer_late", id="silent"),
    pytest.param(GARBLED, "answer_garbled", id="garbled"),
    pytest.param(GATEWAY_GAVE_UP, "server_trouble", id="504"),
    pytest.param(BROKE, "server_trouble", id="500"),
]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    """A device told to ask a person."""
    with sandboxed(
        tmp_path, api__read_timeout_s=QUIET_S, sync__settle_s=SETTLE_S, sync__in_doubt="hold"
    ) as rig:
        yield rig


@pytest.fixture
def resending(tmp_path: Path) -> Iterator[SandboxRig]:
    """A device told to resend, before a server that honours keys."""
    with sandboxed(
        tmp_path,
        options=Options(honour_keys=True),
        api__read_timeout_s=QUIET_S,
        sync__settle_s=SETTLE_S,
        sync__in_doubt="resend",
    ) as rig:
        yield rig


@pytest.mark.parametrize(("fault", "reason"), UNKNOWN)
def test_entry_is_held_for_a_person_when_the_answer_is_lost(
    device: SandboxRig, fault: Fault, reason: str
) -> None:
    """P2: a lift door closes while the server answers; nobody knows, so nobody guesses."""
    device.sandbox.faults.add(fault)
    id = device.capture(1)
    device.sync()
    for _ in range(5):
        device.time.passes(3600)
        device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "arrival_unknown")
    assert (entry["stage"], entry["attempts"]) == ("in_doubt", 1)
    assert device.outcomes(id) == [("send", "InDoubt", reason)]
    assert (device.counters["posts"], device.counters["records"]) == (1, 1)


def test_answer_that_broke_off_is_known_to_be_an_acceptance(device: SandboxRig) -> None:
    """P2: the 201 was seen and its body was not: held with a reason of its own, because it did arrive."""
    device.sandbox.faults.add(TRUNCATED)
    id = device.capture(1)
    device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "answer_unusable")
    assert entry["certainly_created"] is True
    assert device.outcomes(id) == [("send", "InDoubt", "answer_unusable")]


def test_conflict_is_held_as_what_it_is(device: SandboxRig) -> None:
    """P2: the server says that it has something like this; whether that is ours, a person has to look."""
    device.sandbox.faults.add(CONFLICT)
    id = device.capture(1)
    device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "in_doubt", "conflict")
    assert device.counters["records"] == 0
    commands.resync(device.database, commands.Selection(ids=(id,)), device.time.clock)
    device.sync()
    assert device.entry(id)["reason"] == "conflict", "also after a person has let it go on"


def test_others_go_on_while_one_is_in_doubt(device: SandboxRig) -> None:
    """P5: one lost answer in front of three good ones stops nothing but itself."""
    device.sandbox.faults.add(CUT)
    device.capture_many(4)
    device.sync()
    assert device.states() == ["parked", "done", "done", "done"]


@pytest.mark.parametrize(("fault", "reason"), UNKNOWN)
def test_resend_repeats_key_and_bytes_once_and_only_after_the_settling_time(
    resending: SandboxRig, fault: Fault, reason: str
) -> None:
    """P2: the first request may still lie in a queue; the second waits for it, and is the same."""
    resending.sandbox.faults.add(fault)
    id = resending.capture(1)
    resending.sync()
    assert resending.states() == ["in_doubt"]
    resending.time.passes(SETTLE_S - 1)
    resending.sync()
    assert len(resending.posts()) == 1, "the settling time is not over"
    resending.time.passes(2)
    resending.sync()
    assert resending.states() == ["done"]
    resending.time.passes(3600)
    resending.sync()
    first, second = resending.posts()
    assert first["body_sha256"] == second["body_sha256"]
    assert keys([first, second]) == [id, id]
    assert resending.outcomes(id)[0] == ("send", "InDoubt", reason)
    assert_delivered_once(resending.sandbox, [id])


def test_settling_time_starts_again_with_each_send(resending: SandboxRig) -> None:
    """P2: three lifts in a row; each request gets its own time to arrive."""
    resending.sandbox.faults.add(faults.lost_answer("unplanned", times=3))
    id = resending.capture(1)
    resending.sync()
    for sent in (1, 2, 3):
        assert len(resending.posts()) == sent
        resending.time.passes(SETTLE_S - 1)
        resending.sync()
        assert len(resending.posts()) == sent
        resending.time.passes(2)
        resending.sync()
    assert_delivered_once(resending.sandbox, [id])
    assert set(keys(resending.posts())) == {id}
    assert len({post["body_sha256"] for post in resending.posts()}) == 1


def test_no_order_shortens_the_settling_time(resending: SandboxRig) -> None:
    """P2: a person who presses resync ten times must not cause a second record."""
    resending.sandbox.faults.add(CUT)
    id = resending.capture(1)
    resending.sync()
    for _ in range(10):
        resending.time.passes(5)
        commands.resync(resending.database, commands.Selection(), resending.time.clock)
        commands.resync(resending.database, commands.Selection(ids=(id,)), resending.time.clock)
        resending.sync(forced=True)
        assert resending.states() == ["in_doubt"]
    assert len(resending.posts()) == 1
    resending.time.passes(11)
    resending.sync()
    assert_delivered_once(resending.sandbox, [id])


@pytest.mark.parametrize(
    ("fault", "records"), [pytest.param(TRUNCATED, 1, id="truncated"), pytest.param(CONFLICT, 0, id="409")]
)
def test_what_certainly_arrived_is_never_resent(resending: SandboxRig, fault: Fault, records: int) -> None:
    """P2: not after a day, not by a person's resync, not by a new process."""
    resending.sandbox.faults.add(fault)
    id = resending.capture(1)
    resending.sync()
    for _ in range(3):
        resending.time.passes(86_400)
        resending.sync()
        commands.resync(resending.database, commands.Selection(ids=(id,)), resending.time.clock)
        resending.restart()
        resending.sync(forced=True)
    assert resending.states() == ["parked"]
    assert (len(resending.posts()), resending.counters["records"]) == (1, records)


def test_released_doubt_is_settled_as_configured_and_not_sent_at_once(device: SandboxRig) -> None:
    """P2: released from `parked`, an entry that may have arrived is in doubt again, and held again."""
    device.sandbox.faults.add(CUT)
    id = device.capture(1)
    device.sync()
    done = commands.resync(device.database, commands.Selection(ids=(id,)), device.time.clock)
    assert done.released == 1
    assert device.states() == ["in_doubt"]
    device.sync()
    assert device.entry(id)["reason"] == "arrival_unknown"
    assert len(device.posts()) == 1


def test_resends_end_with_the_budget(resending: SandboxRig) -> None:
    """P3: a server that loses every answer does not get the same request for ever."""
    resending.reconfigure(max_attempts=3)
    resending.sandbox.faults.add(faults.lost_answer("unplanned", times=None))
    id = resending.capture(1)
    for _ in range(10):
        resending.sync(forced=True)
        resending.time.passes(3600)
    entry = resending.entry(id)
    assert (entry["state"], entry["reason"], entry["attempts"]) == ("parked", "attempts_exhausted", 3)
    assert (len(resending.posts()), resending.counters["records"]) == (3, 1)


def test_upload_whose_answer_is_lost_is_repeated_with_the_same_bytes(device: SandboxRig) -> None:
    """P4: a repeated PUT does no harm, so nobody has to be asked; the POST is not repeated for it."""
    device.sandbox.faults.add(faults.lost_answer("upload"))
    id = device.capture(1)
    device.sync()
    assert device.states() == ["accepted"]
    device.passes_until(lambda: device.states() == ["done"], every_s=10)
    assert_delivered_once(device.sandbox, [id])
    counters = device.counters
    assert (counters["posts"], counters["uploads"], counters["repeated_uploads"]) == (1, 2, 1)
