"""Somebody else answers: a hotel's sign-in page, a proxy's error page, bytes that are no HTTP at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from tests.support.rig import SandboxRig, assert_delivered_once, sandboxed


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(
            faults.portal("api", redirect=False, times=None), "page_instead_of_answer", id="200-page"
        ),
        pytest.param(faults.portal("api", times=None), "redirected", id="302"),
        pytest.param(
            faults.answer("api", 503, body="html", times=None), "page_instead_of_answer", id="503-page"
        ),
        pytest.param(faults.answer("api", 511, body="html", times=None), "page_instead_of_answer", id="511"),
        pytest.param(faults.answer("api", 407, times=None), "network_sign_in", id="407"),
    ],
)
def test_portal_in_place_of_the_api_marks_nothing_and_costs_nothing(
    device: SandboxRig, fault: Fault, reason: str
) -> None:
    """A hotel network for a whole night: the entries wait unsent, and all arrive in the morning."""
    number = device.sandbox.faults.add(fault)
    ids = device.capture_many(5)
    for _ in range(12):
        report = device.sync(looked=False, spread=True)
        assert (report.sent, report.stopped_by) == (0, reason)
        device.time.passes(3600)
    assert device.counts() == {"pending": 5}
    assert set(device.column("attempts")) == {0}
    assert set(device.column("server_id")) == {None}
    assert device.control("gate:api")["mode"] == "closed"
    assert device.counters["records"] == 0
    device.sandbox.faults.remove(number)
    device.sync()
    assert_delivered_once(device.sandbox, ids)
    assert device.counters["duplicate_records_by_key"] == 0


def test_portal_is_asked_once_a_look_and_not_by_every_entry(device: SandboxRig) -> None:
    """Forty entries behind a portal: the gate waits for all of them, one entry tries."""
    device.sandbox.faults.add(faults.portal("api", times=None))
    device.capture_many(40)
    device.sync()
    assert len(device.posts()) == 1
    device.sync(looked=False)
    assert len(device.posts()) == 1


def test_bytes_that_are_no_answer_leave_the_entry_in_doubt(device: SandboxRig) -> None:
    """P2: the request was written in full and something came back that nobody can read: that proves nothing."""
    device.sandbox.faults.add(Fault("garbage", "unplanned", times=1))
    ids = device.capture_many(2)
    device.sync()
    assert device.states() == ["in_doubt", "done"]
    assert device.outcomes(ids[0]) == [("send", "InDoubt", "answer_garbled")]
    assert device.entry(ids[0])["server_id"] is None


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.portal("upload", redirect=False, times=None), id="200-page"),
        pytest.param(faults.answer("upload", 200, body="empty", times=None), id="200-without-etag"),
        pytest.param(faults.answer("upload", 403, body="html", times=None), id="403-page"),
        pytest.param(faults.answer("upload", 511, body="html", times=None), id="511"),
    ],
)
def test_portal_in_place_of_the_storage_proves_no_upload(device: SandboxRig, fault: Fault) -> None:
    """P4: a page with status 200 is not a stored signature; nothing is done before the storage says so."""
    number = device.sandbox.faults.add(fault)
    ids = device.capture_many(5)
    for _ in range(4):
        report = device.sync(looked=False, spread=True)
        assert report.uploaded == 0
        device.time.passes(130)
    assert device.states() == ["accepted", *["pending"] * 4]
    assert set(device.column("attempts")) == {0}
    assert device.counters["posts"] == 1
    device.sandbox.faults.remove(number)
    device.sync()
    assert_delivered_once(device.sandbox, ids)


def test_bytes_that_are_no_answer_of_the_storage_prove_no_upload(device: SandboxRig) -> None:
    """P4: the bytes may be there or not; they are sent again, and no second record is made for it."""
    device.sandbox.faults.add(Fault("garbage", "upload", times=2))
    ids = device.capture_many(3)
    device.sync()
    assert device.states() == ["accepted", "pending", "pending"]
    device.passes_until(lambda: device.counts() == {"done": 3}, every_s=30)
    assert_delivered_once(device.sandbox, ids)
    assert device.counters["posts"] == 3
