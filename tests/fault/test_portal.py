"""Somebody else answers: a hotel's sign-in page, a proxy's error page, bytes that are no HTTP at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.credentials import Credentials, TokenSource
from sync.exchange import Exchange, Reply
from sync.reconcile import Strategy
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.status import conclude
from sync.status_facts import look
from tests.support.certificates import server_certificate
from tests.support.raw_server import Peer, RawServer
from tests.support.rig import FakeRig, FakeServer, FakeTime, SandboxRig, assert_delivered_once, sandboxed


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


def told(device: SandboxRig) -> list[str]:
    """What `status` says is wrong, in its own words."""
    given = TokenSource(device.settings.api.token), TokenSource(device.settings.api.session_token)
    known = Credentials(
        bearer=given[0], session=given[1], folder=device.database.folder.tokens, default_owner=None
    )
    found = conclude(look(device.database.folder, known, device.time.wall))
    return [trouble.sentence for trouble in found.troubles]


def test_first_twenty_answers_of_a_hotel_portal_cost_nothing(device: SandboxRig) -> None:
    """Ten pages with status 200, ten redirects, then somebody signs in: nothing was marked, nothing was lost."""
    device.sandbox.faults.add(faults.portal("*", redirect=False, times=10))
    device.sandbox.faults.add(faults.portal("*", redirect=True, times=10))
    ids = device.capture_many(8)
    portal = 0
    while portal < 20:
        report = device.sync(looked=False, spread=True)
        portal = len(device.posts())
        if portal <= 20 and not device.sandbox.state.records():
            assert (report.sent, device.counts()) == (0, {"pending": 8})
            assert set(device.column("attempts")) == {0}
            assert any("A sign-in page" in sentence and "server" in sentence for sentence in told(device))
        device.time.passes(130)
    device.passes_until(lambda: device.counts() == {"done": 8})
    assert_delivered_once(device.sandbox, ids)
    assert set(device.column("attempts")) == {0}
    assert device.counters["duplicate_records_by_key"] == 0


def test_portal_with_a_certificate_of_its_own_sees_nothing_of_the_request(
    device: SandboxRig, tmp_path: Path
) -> None:
    """It answers for the server over TLS, with a certificate that nobody knows: not one byte of the entry leaves."""
    context, _ = server_certificate(tmp_path / "portal")

    def page(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>")

    ids = device.capture_many(3)
    true_url = device.settings.api.base_url
    with RawServer(page, tls=context) as portal:
        point_at(device, portal.url)
        assert device.sync().stopped_by == "tls_untrusted"
        assert portal.asked == []
    assert device.counts() == {"pending": 3}
    assert set(device.column("attempts")) == {0}
    assert any("certificate cannot be trusted" in sentence for sentence in told(device))
    point_at(device, true_url)
    device.sync(forced=True)
    assert_delivered_once(device.sandbox, ids)


def point_at(device: SandboxRig, url: str | None) -> None:
    """Another address of the API, and so a new process."""
    api = device.settings.api.model_copy(update={"base_url": url})
    device.settings = device.settings.model_copy(update={"api": api})
    device.restart()


@pytest.mark.parametrize(("status", "state"), [(200, "in_doubt"), (502, "in_doubt"), (302, "pending")])
def test_page_over_tls_that_was_verified_proves_nothing_and_costs_no_second_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, state: str
) -> None:
    """P2: a gateway's own page looks like this: the request was written in full, so it may have been carried out."""
    pages = 20
    server = FakeServer()
    monkeypatch.setattr("sync.opening.look", lambda url: True)  # a portal takes every connection

    def answer() -> Exchange:
        return Reply(status, {"content-type": "text/html", "location": "/login"}, b"<html>sign in</html>")

    server.on_send = lambda request, tokens: answer() if len(server.sent) <= pages else server.created()
    time = FakeTime()
    rig = FakeRig(tmp_path / "outbox", server, time, strategy=Strategy.RESEND)
    rig.capture_many(3)
    rig.sync(looked=False)
    assert rig.states()[0] == state
    assert set(rig.column("server_id")) == {None}
    if state == "pending":
        assert set(rig.column("attempts")) == {0}
    first_sent = {request.idempotency_key: request.body for request in reversed(server.sent)}
    for _ in range(60):
        time.passes(130)
        rig.sync(looked=False)
    assert rig.counts() == {"done": 3}
    assert len(first_sent) <= len({request.body for request in server.sent}) == 3, "the same bytes each time"
    rig.close()
