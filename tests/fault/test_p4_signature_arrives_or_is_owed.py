"""P4: the signature reaches storage, or the entry says that it did not. The server has one record a capture.

The URL is spent, lost or refused; the ways out are another URL, the machine's own credentials, a URL from a person.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import settlements
from storage.claims import Moment
from storage.errors import EntryHeld, IllegalTransition
from storage.lifecycle import State
from storage.queries import Reader
from storage.records import Detour, take_detour
from sync.credentials import Tokens
from sync.detours import AmbientUnavailable
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.explain import explain
from sync.policy import WAY_TRIES
from sync.s3_location import Place, PlaceRules
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.objects import BUCKET
from sync.sandbox.options import Options
from sync.secret import Secret
from sync.transport import ApiRequest
from sync.ways_out import MAX_REISSUES, Ways
from tests.support.builders import signature_png
from tests.support.put_server import PutServer, Request, stored
from tests.support.rig import (
    ACCEPTED_URL,
    REISSUE_PATH,
    FakeRig,
    FakeServer,
    FakeTime,
    SandboxRig,
    assert_delivered_once,
    said,
    sandboxed,
)
from tests.support.rig import stored as stored_reply

ANOTHER_URL = "http://127.0.0.1:9/bucket/another?X-Amz-Signature=5ec0nd"
# What may be wrong with the URL of a 201, and the reason that it ends with.
SPENT = {
    "expired": "upload_expired",
    "get": "upload_signature_mismatch",
    "unsigned": "upload_url_unsigned",
    "missing": "signature_url_lost",
}
REASONS = {**SPENT, "foreign": "upload_url_refused"}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    """No way out is set up."""
    with sandboxed(tmp_path) as rig:
        yield rig


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[SandboxRig]:
    """The server gives another URL when asked."""
    with sandboxed(tmp_path, options=Options(reissue_urls=True), upload__reissue_path=REISSUE_PATH) as rig:
        yield rig


@pytest.fixture
def s3() -> Iterator[PutServer]:
    """Where the machine's own credentials lead."""
    with PutServer(stored) as server:
        yield server


def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, key: str | None) -> None:
    """The AWS environment of this machine: one key, or none at all."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nobody"))
    if key is not None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient-secret-canary")


@pytest.fixture
def entitled(
    tmp_path: Path, s3: PutServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., SandboxRig]]:
    """Makes a device with credentials of its own; the bucket is at `s3`."""
    opened: list[Any] = []

    def make(*, key: str | None = "AKIDAMBIENT", **settings: Any) -> SandboxRig:
        aws(monkeypatch, tmp_path, key=key)
        usual = {
            "upload__fallback": "ambient-credentials",
            "upload__bucket": BUCKET,
            "upload__region": "eu-west-3",
            "upload__s3_endpoint": s3.url,
            "upload__s3_path_style": True,
            "upload__key_pattern": "{image_key}",
        }
        options = Options(reissue_urls="upload__reissue_path" in settings)
        opened.append(sandboxed(tmp_path / str(len(opened)), options=options, **{**usual, **settings}))
        rig: SandboxRig = opened[-1].__enter__()
        return rig

    yield make
    for each in opened:
        each.__exit__(None, None, None)


def one_record(rig: SandboxRig, count: int = 1) -> None:
    assert rig.counters["records"] == rig.counters["posts"] == count
    assert rig.counters["duplicate_records_by_body"] == 0


def owed(rig: Any) -> int:
    with rig.database.read() as transaction:
        found: int = Reader(transaction.cursor).signatures_owed()
        return found


def image_kept(rig: Any, id: str) -> bool:
    with rig.database.read() as transaction:
        sql = "SELECT s.data FROM signature s JOIN entry e ON e.seq = s.entry_seq WHERE e.id = ?"
        return bool(transaction.cursor.execute(sql, (id,)).fetchone()[0] == signature_png(1))


def explained(rig: Any, id: str) -> dict[str, Any]:
    with rig.database.read() as transaction:
        control = Reader(transaction.cursor).control()
    return explain(rig.entry(id), control, rig.time.wall)


def put_requests(server: PutServer) -> list[Request]:
    return [each for each in server.requests if each.line.startswith("PUT ")]


@pytest.mark.parametrize(("url", "reason"), REASONS.items(), ids=REASONS)
def test_p4_without_a_way_out_the_entry_says_what_is_owed(device: SandboxRig, url: str, reason: str) -> None:
    """The address is of no use and nothing else is set up: the record stands, the image stays, a person is told."""
    device.sandbox.faults.add(faults.bad_url(url))
    id = device.capture(1)
    for _ in range(3):
        device.sync()
        device.time.passes(1000)
    entry = device.entry(id)
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "accepted", reason)
    assert entry["signature_owed"] is True
    assert entry["signature"]["uploaded_at"] is None
    assert owed(device) == 1
    assert image_kept(device, id)
    assert explained(device, id)["person_can"]
    one_record(device)


@pytest.mark.parametrize("url", REASONS)
def test_p4_another_url_is_asked_for_and_used(asking: SandboxRig, url: str) -> None:
    """The address is of no use; the server gives another one, and the image is where it belongs a moment later."""
    asking.sandbox.faults.add(faults.bad_url(url))
    id = asking.capture(1)
    asking.sync()
    assert asking.entry(id)["state"] == "done"
    assert_delivered_once(asking.sandbox, [id])
    assert (asking.counters["posts"], asking.counters["reissues"]) == (1, 1)
    assert ("reissue", "UrlIssued", "url_issued") in asking.outcomes(id)
    assert asking.column("presigned_url") == [None], "erased once used"
    assert owed(asking) == 0


def test_p4_url_that_ran_out_before_the_upload_is_replaced(asking: SandboxRig) -> None:
    """The storage was away for an hour and the address ended meanwhile: another one is asked for."""
    asking.sandbox.offline("store")
    id = asking.capture(1)
    asking.sync()
    assert asking.entry(id)["state"] == "accepted"
    assert "has ended" not in explained(asking, id)["waiting_for"]
    asking.time.passes(3600)
    assert "has ended" in explained(asking, id)["waiting_for"]
    asking.sandbox.online("store")
    asking.sync()
    assert asking.outcomes(id)[-3:] == [
        ("upload", "UrlSpent", "upload_expired"),
        ("reissue", "UrlIssued", "url_issued"),
        ("upload", "Uploaded", "uploaded"),
    ]
    assert_delivered_once(asking.sandbox, [id])
    one_record(asking)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 500, 503])
def test_p4_server_that_gives_no_other_url_pauses_nothing(asking: SandboxRig, status: int) -> None:
    """The call for another address is refused: a few tries, then a person; everybody else's work goes on."""
    asking.sandbox.faults.add(faults.bad_url("expired"))
    asking.sandbox.faults.add(faults.answer("reissue", status, times=None))
    ids = asking.capture_many(4)
    for _ in range(WAY_TRIES + 4):
        asking.sync()
        asking.time.passes(1000)
    entry = asking.entry(ids[0])
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "accepted", "upload_expired")
    assert asking.counts() == {"parked": 1, "done": 3}
    assert asking.control("pause") is None
    assert asking.control("pause:owner:") is None
    assert asking.counters["reissues"] == WAY_TRIES
    one_record(asking, 4)


def test_p4_server_that_recovers_in_time_still_gives_the_url(asking: SandboxRig) -> None:
    """Three refusals are no reason to give up: the fourth call brings an address."""
    asking.sandbox.faults.add(faults.bad_url("get"))
    asking.sandbox.faults.add(faults.answer("reissue", 503, times=3))
    id = asking.capture(1)
    asking.sync()
    waiting = asking.entry(id)
    assert (waiting["state"], waiting["reason"], waiting["signature_owed"]) == (
        "accepted", "reissue_unavailable", True,
    )  # fmt: skip
    told = explained(asking, id)
    assert "another address" in told["waiting_for"]
    assert told["until"] is not None
    asking.passes_until(lambda: asking.counts() == {"done": 1}, every_s=300)
    assert_delivered_once(asking.sandbox, [id])
    one_record(asking)


def test_p4_signer_that_gives_one_bad_url_after_the_other_is_given_up(asking: SandboxRig) -> None:
    """Each address that is given anew was made for reading: after a few a person is told why."""
    asking.sandbox.faults.add(faults.bad_url("get"))
    asking.sandbox.faults.add(Fault("url", route="reissue", url="get", times=None))
    id = asking.capture(1)
    for _ in range(10):
        asking.sync()
        asking.time.passes(300)
    entry = asking.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "upload_signature_mismatch")
    assert asking.counters["reissues"] == MAX_REISSUES
    one_record(asking)


@pytest.mark.parametrize("url", ["expired", "get", "missing", "foreign"])
def test_p4_server_whose_every_url_is_useless_does_not_get_the_whole_queue(
    asking: SandboxRig, url: str
) -> None:
    """Every address is useless and no other is given: a few records show it, not the whole day's work."""
    asking.sandbox.faults.add(Fault("url", route="unplanned", url=url, times=None))
    asking.sandbox.faults.add(faults.answer("reissue", 404, times=None))
    asking.capture_many(12)
    asking.sync()
    assert asking.counters["posts"] <= 3
    assert asking.control("gate:upload")["mode"] == "closed"


@pytest.mark.parametrize("key", [None, "AKIDAMBIENT"], ids=["no-key", "key-refused"])
def test_p4_credentials_that_are_of_no_use_do_not_cost_the_whole_queue(
    entitled: Callable[..., SandboxRig], key: str | None
) -> None:
    """Every address is useless and so are own credentials: the queue waits until somebody has looked."""
    from tests.support.put_server import refuses

    with PutServer(refuses("403 Forbidden", "AccessDenied")) as closed:
        rig = entitled(key=key, upload__s3_endpoint=closed.url)
        rig.sandbox.faults.add(Fault("url", route="unplanned", url="expired", times=None))
        rig.capture_many(12)
        rig.sync()
        assert rig.counters["posts"] <= 3


def test_p4_server_whose_urls_have_no_signature_is_served_at_full_width(
    entitled: Callable[..., SandboxRig], s3: PutServer
) -> None:
    """The API gives plain addresses, as its sample shows: own credentials do the work, and nothing waits for a gate."""
    rig = entitled()
    rig.sandbox.faults.add(Fault("url", route="unplanned", url="unsigned", times=None))
    rig.capture_many(9)
    rig.sync()
    assert rig.counts() == {"done": 9}
    assert len(put_requests(s3)) == 9
    one_record(rig, 9)


def test_p4_released_entry_may_ask_again(asking: SandboxRig) -> None:
    """A person put the server right and lets the entry go on: all ways are open again."""
    asking.sandbox.faults.add(faults.bad_url("expired"))
    number = asking.sandbox.faults.add(faults.answer("reissue", 404, times=None))
    id = asking.capture(1)
    asking.passes_until(lambda: asking.counts() == {"parked": 1}, every_s=1000)
    asking.sandbox.faults.remove(number)
    release(asking, id)
    asking.sync()
    assert_delivered_once(asking.sandbox, [id])
    one_record(asking)


def release(rig: Any, id: str) -> None:
    from storage import orders

    with rig.database.write() as transaction:
        assert orders.resync(transaction, id, now=rig.time.clock.now_ms()).did == "released"


@pytest.mark.parametrize("fault", ["dropped", "answer-403-page", "answer-500", "answer-503", "etag"])
def test_p4_storage_in_trouble_gets_the_same_url_again(asking: SandboxRig, fault: str) -> None:
    """The upload is cut off or answered by somebody in between: that spends no address, so no other is asked for."""
    made = {
        "dropped": faults.dropped("upload", times=2),
        "answer-403-page": faults.answer("upload", 403, body="html", times=2),
        "answer-500": faults.answer("upload", 500, body="xml", times=2),
        "answer-503": faults.answer("upload", 503, body="xml", code="SlowDown", times=2),
        "etag": Fault("etag", "upload", etag="wrong", times=2),
    }
    asking.sandbox.faults.add(made[fault])
    id = asking.capture(1)
    asking.passes_until(lambda: asking.counts() == {"done": 1}, every_s=60)
    assert_delivered_once(asking.sandbox, [id])
    assert asking.counters["reissues"] == 0
    assert len({put["target"] for put in asking.puts()}) == 1
    one_record(asking)


def test_p4_link_that_drops_during_the_call_costs_no_try(asking: SandboxRig) -> None:
    """The network goes while another address is asked for: the gate waits, and nothing is used up."""
    asking.sandbox.faults.add(faults.bad_url("expired"))
    asking.sandbox.faults.add(Fault("drop", route="reissue"))
    id = asking.capture(1)
    asking.sync()
    asking.sandbox.offline("api")
    for _ in range(2 * WAY_TRIES):
        asking.time.passes(1000)
        asking.sync(looked=False, spread=True)
    assert asking.entry(id)["state"] == "accepted"
    asking.sandbox.online("api")
    asking.passes_until(lambda: asking.counts() == {"done": 1}, every_s=130)
    assert_delivered_once(asking.sandbox, [id])


@pytest.mark.parametrize("url", SPENT)
def test_p4_own_credentials_put_the_image_where_it_belongs(
    entitled: Callable[..., SandboxRig], s3: PutServer, url: str
) -> None:
    """The address is of no use, and this machine may write to the bucket itself: one signed PUT, with our MD5."""
    rig = entitled()
    rig.sandbox.faults.add(faults.bad_url(url))
    id = rig.capture(1)
    rig.sync()
    assert rig.entry(id)["state"] == "done"
    (request,) = put_requests(s3)
    assert request.target == f"/{BUCKET}/signatures/1001.png"
    assert request.body == signature_png(1)
    assert (request.header("authorization") or "").startswith("AWS4-HMAC-SHA256 Credential=AKIDAMBIENT/")
    assert (request.header("content-type"), request.header("expect")) == ("image/png", None)
    assert request.header("content-md5") is not None
    assert request.header("x-session-token") is None
    one_record(rig)
    assert owed(rig) == 0


def test_p4_own_credentials_come_after_the_servers_other_url(
    entitled: Callable[..., SandboxRig], s3: PutServer
) -> None:
    """Both ways are set up and the server refuses: own credentials follow, and the intervention is not sent again."""
    rig = entitled(upload__reissue_path=REISSUE_PATH)
    rig.sandbox.faults.add(faults.bad_url("expired"))
    rig.sandbox.faults.add(faults.answer("reissue", 403, times=None))
    id = rig.capture(1)
    rig.passes_until(lambda: rig.counts() == {"done": 1}, every_s=1000)
    steps = [step for step, _, _ in rig.outcomes(id)]
    assert steps == ["send", "upload", *["reissue"] * WAY_TRIES, "upload"]
    assert len(put_requests(s3)) == 1
    one_record(rig)


@pytest.mark.parametrize("url", ["foreign"])
def test_p4_own_credentials_do_not_serve_an_address_that_may_not_be_used(
    entitled: Callable[..., SandboxRig], s3: PutServer, url: str
) -> None:
    """The server names a host that signatures may not go to: that is for a person to look at."""
    rig = entitled()
    rig.sandbox.faults.add(faults.bad_url(url))
    id = rig.capture(1)
    rig.sync()
    entry = rig.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "upload_url_refused")
    assert s3.requests == []


def test_p4_own_credentials_do_not_overrule_the_storage(
    entitled: Callable[..., SandboxRig], s3: PutServer
) -> None:
    """The storage forbids this upload by a policy: another key is no answer to that."""
    rig = entitled()
    rig.sandbox.faults.add(faults.answer("upload", 403, body="xml", code="AccessDenied", message="no"))
    rig.capture(1)
    rig.sync()
    assert [each["reason"] for each in rig.entries("parked")] == ["upload_forbidden"]
    assert s3.requests == []


def test_p4_without_credentials_the_entry_is_held_and_goes_on_when_they_come(
    entitled: Callable[..., SandboxRig],
    s3: PutServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fallback is on and the machine has no key: an outcome, no crash, and no probe of the cloud's metadata."""
    asked: list[Any] = []
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *args, **kw: asked.append(args[0]) or resolve(*args, **kw)
    )
    rig = entitled(key=None)
    rig.sandbox.faults.add(faults.bad_url("expired"))
    id = rig.capture(1)
    rig.passes_until(lambda: rig.counts() == {"parked": 1}, every_s=1000)
    assert rig.entry(id)["reason"] == "upload_expired"
    last = rig.entry(id)["history"][-1]
    assert (last["outcome"], last["reason"]) == ("WayClosed", "ambient_unavailable")
    assert "no credentials were found" in last["detail"]
    assert s3.requests == []
    assert "169.254.169.254" not in asked
    aws(monkeypatch, tmp_path, key="AKIDLATER")
    release(rig, id)
    rig.sync()
    assert rig.counts() == {"done": 1}
    assert len(put_requests(s3)) == 1
    one_record(rig)


def test_p4_bucket_of_the_settings_is_the_only_one_written_to(
    entitled: Callable[..., SandboxRig], s3: PutServer
) -> None:
    """The spent address names another bucket than the settings: nothing is sent, and the history says why."""
    rig = entitled(upload__bucket="ours-alone")
    rig.sandbox.faults.add(faults.bad_url("expired"))
    id = rig.capture(1)
    rig.sync()
    entry = rig.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "upload_expired")
    assert entry["history"][-1]["detail"] == "the address names another bucket than upload.bucket"
    assert s3.requests == []


def test_p4_good_url_never_sees_the_machines_credentials(
    entitled: Callable[..., SandboxRig], s3: PutServer
) -> None:
    """Own credentials are set up and the address is good: it is used as ever, and nothing of ours goes along."""
    rig = entitled()
    id = rig.capture(1)
    rig.sync()
    assert_delivered_once(rig.sandbox, [id])
    assert s3.requests == []
    (put,) = rig.puts()
    names = {name.lower() for name, _ in put["headers"]}
    assert not {name for name in names if name.startswith("x-amz-")} | (names & {"authorization"})
    assert "AKIDAMBIENT" not in json.dumps(put)


@pytest.mark.parametrize("refusal", [True, False], ids=["refused", "wrong-etag"])
def test_p4_own_credentials_are_held_to_the_same_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: bool
) -> None:
    """The storage refuses our key, or confirms other bytes than ours: that is no success, and the image stays."""
    from tests.support.put_server import refuses, says

    wrong = says('HTTP/1.1 200 OK\r\nETag: "00000000000000000000000000000000"\r\nContent-Length: 0\r\n\r\n')
    aws(monkeypatch, tmp_path, key="AKIDAMBIENT")
    with (
        PutServer(refuses("403 Forbidden", "InvalidAccessKeyId") if refusal else wrong) as s3,
        sandboxed(
            tmp_path,
            upload__fallback="ambient-credentials",
            upload__bucket=BUCKET,
            upload__region="eu-west-3",
            upload__s3_endpoint=s3.url,
            upload__s3_path_style=True,
        ) as rig,
    ):
        rig.sandbox.faults.add(faults.bad_url("expired"))
        id = rig.capture(1)
        rig.passes_until(lambda: rig.counts() == {"parked": 1}, every_s=1000)
        entry = rig.entry(id)
        assert entry["reason"] == ("upload_expired" if refusal else "attempts_exhausted")
        assert entry["history"][-1]["reason"] == ("ambient_refused" if refusal else "upload_damaged")
        assert image_kept(rig, id)
        assert entry["signature_owed"] is True
        one_record(rig)


class Fakes:
    """An API whose URLs are refused until told, and which gives ANOTHER_URL when asked."""

    def __init__(self) -> None:
        self.server = FakeServer(self._send, self._put)
        self.asked: list[tuple[str, str, str]] = []  # method and path, key, bearer
        self.reissue: Callable[[], Exchange] = lambda: said(200, {"presignedUrl": ANOTHER_URL})
        self.refused = Reply(403, {}, error_code="AccessDenied", error_message="Request has expired")
        self.seen_at_put: list[list[Any]] = []
        self.rig: FakeRig | None = None

    def _send(self, request: ApiRequest, tokens: Tokens) -> Exchange:
        if request.path.endswith("/signature-url"):
            self.asked.append(
                (f"{request.method} {request.path}", request.idempotency_key, tokens.bearer.reveal())
            )
            return self.reissue()
        return self.server.created()

    def _put(self, url: str, md5: str) -> Exchange:
        if self.rig is not None:
            self.seen_at_put.append(self.rig.column("presigned_url"))
        return stored_reply(md5) if url == ANOTHER_URL else self.refused


class FakeS3:
    """Takes or refuses what own credentials bring."""

    def __init__(self, unavailable: bool = False) -> None:
        self.places: list[Place] = []
        self.unavailable = unavailable

    def put(self, place: Place, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        if self.unavailable:
            raise AmbientUnavailable("no credentials were found")
        self.places.append(place)
        return stored_reply(md5_hex)

    def abort(self) -> None:
        """Nothing hangs here."""


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


@pytest.fixture
def make(tmp_path: Path, fakes: Fakes) -> Iterator[Callable[..., FakeRig]]:
    made: list[FakeRig] = []

    def build(**more: Any) -> FakeRig:
        made.append(FakeRig(tmp_path / f"outbox-{len(made)}", fakes.server, FakeTime(), **more))
        fakes.rig = made[-1]
        return made[-1]

    yield build
    for rig in made:
        rig.close()


def posts(fakes: Fakes) -> int:
    return sum(not request.path.endswith("/signature-url") for request in fakes.server.sent)


def test_p4_another_url_is_on_disk_before_it_is_used(make: Callable[..., FakeRig], fakes: Fakes) -> None:
    """The power may go at any moment: what the server gave is stored first, and asked for once."""
    rig = make(ways=Ways(reissue=True))
    rig.capture(1)
    rig.sync()
    assert fakes.seen_at_put == [[ACCEPTED_URL.format(id=101)], [ANOTHER_URL]]
    assert rig.counts() == {"done": 1}


def test_p4_url_that_can_still_be_in_time_goes_first(make: Callable[..., FakeRig], fakes: Fakes) -> None:
    """After a day without the storage some addresses are over by the server's clock: those that are not go first."""
    rig = make()
    ids = rig.capture_many(3)
    now_ms = rig.time.clock.now_ms()
    with rig.database.write() as transaction:
        for seq, minutes in enumerate((-50, 5, -90), 1):
            transaction.cursor.execute(
                "UPDATE entry SET state = 'accepted', server_id = ?, presigned_url = ?, url_expires_at = ? "
                "WHERE seq = ?",
                (100 + seq, ACCEPTED_URL.format(id=100 + seq), now_ms + minutes * 60_000, seq),
            )
        known = json.dumps({"offset_s": 0.0, "samples": [0.0]})
        transaction.cursor.execute(
            "INSERT OR REPLACE INTO control (key, value, at) VALUES ('clock', ?, 0)", (known,)
        )
    fakes.server.on_put = lambda url, md5: stored_reply(md5)
    rig.sync()
    assert fakes.server.put_urls == [ACCEPTED_URL.format(id=each) for each in (102, 103, 101)]
    assert rig.counts() == {"done": len(ids)}


def test_p4_restart_after_another_url_came_uses_that_one(make: Callable[..., FakeRig], fakes: Fakes) -> None:
    """The device is switched off between the answer and the upload: no further address is asked for."""
    rig = make(ways=Ways(reissue=True))
    rig.capture(1)
    gone = Failure(FailureKind.CONNECT, fully_written=False, detail="")
    put, fakes.server.on_put = (
        fakes.server.on_put,
        lambda url, md5: gone if url == ANOTHER_URL else fakes.refused,
    )
    rig.sync()
    assert rig.column("presigned_url") == [ANOTHER_URL]
    rig.restart()
    fakes.server.on_put = put
    rig.time.passes(300)
    rig.sync(forced=True)
    assert (rig.counts(), len(fakes.asked), posts(fakes)) == ({"done": 1}, 1, 1)


def test_p4_the_call_uses_the_tokens_of_the_entrys_owner_and_no_key(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """Two technicians share a device: each one's address is asked for in that one's name."""
    rig = make(
        ways=Ways(reissue=True),
        tokens_for=lambda owner: Tokens(Secret(f"bearer-{owner}"), Secret(f"session-{owner}")),
    )
    rig.capture(1, owner="anne")
    rig.capture(2, owner="bruno")
    rig.passes_until(lambda: rig.counts() == {"done": 2})
    assert sorted(fakes.asked) == [
        ("POST /interventions/v2/mb/101/signature-url", "", "bearer-anne"),
        ("POST /interventions/v2/mb/102/signature-url", "", "bearer-bruno"),
    ]


def without_url(rig: FakeRig, *, answer: dict[str, Any] | None = None) -> str:
    """An entry as a look-up leaves it: the server has it, and no address ever came."""
    id = rig.capture(1)
    with rig.database.write() as transaction:
        cursor = transaction.cursor
        cursor.execute("UPDATE entry SET state = 'accepted', server_id = 77 WHERE id = ?", (id,))
        cursor.execute(
            "INSERT INTO receipt (entry_seq, attempt_n, status, server_id, answer, adopted, at) "
            "SELECT seq, 1, 200, 77, ?, 1, 0 FROM entry",
            (json.dumps(answer or {"data": {"id": 77, "imgSignature": "signatures/77.png"}}),),
        )
    return id


def test_p4_adopted_entry_asks_for_its_first_url_by_itself(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """The answer with the address was lost and a look-up found the record: its signature follows all the same."""
    rig = make(ways=Ways(reissue=True))
    without_url(rig)
    rig.sync()
    assert (rig.counts(), posts(fakes)) == ({"done": 1}, 0)
    assert fakes.asked == [("POST /interventions/v2/mb/77/signature-url", "", "bearer")]


@pytest.mark.parametrize(
    ("pattern", "key"), [("{image_key}", "signatures/77.png"), ("sig/{server_id}-{name}", "sig/77-{name}")]
)
def test_p4_adopted_entry_goes_by_the_key_pattern(
    make: Callable[..., FakeRig], fakes: Fakes, pattern: str, key: str
) -> None:
    """No address and no call for one: the place is where the settings say that signatures belong."""
    s3 = FakeS3()
    places = PlaceRules(bucket="bucket", region="eu-west-3", key_pattern=pattern)
    rig = make(ways=Ways(ambient=True, pattern=True), ambient=s3, places=places)
    id = without_url(rig)
    rig.sync()
    name = rig.entry(id)["signature"]["name"]
    assert s3.places == [Place("bucket", key.replace("{name}", name), "eu-west-3")]
    assert (rig.counts(), posts(fakes)) == ({"done": 1}, 0)


@pytest.mark.parametrize(
    "ways", [Ways(), Ways(ambient=True)], ids=["no-way", "own-credentials-without-pattern"]
)
def test_p4_adopted_entry_without_a_way_is_owed(
    make: Callable[..., FakeRig], fakes: Fakes, ways: Ways
) -> None:
    """Nothing tells where its signature could go: a person is told, and it is not sent again."""
    rig = make(ways=ways, ambient=FakeS3())
    id = without_url(rig)
    rig.sync()
    entry = rig.entry(id)
    assert (entry["state"], entry["reason"], entry["signature_owed"]) == (
        "parked",
        "signature_url_lost",
        True,
    )
    assert (posts(fakes), fakes.server.put_urls) == (0, [])


def test_p4_pattern_that_cannot_be_filled_is_told(make: Callable[..., FakeRig], fakes: Fakes) -> None:
    """The server did not tell the key that the pattern wants: held at once, with the reason in the history."""
    places = PlaceRules(bucket="bucket", region="eu-west-3", key_pattern="{image_key}")
    rig = make(ways=Ways(ambient=True, pattern=True), ambient=FakeS3(), places=places)
    id = without_url(rig, answer={"data": {"id": 77}})
    rig.sync()
    entry = rig.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "signature_url_lost")
    assert entry["history"][-1]["reason"] == "ambient_no_place"


def test_p4_way_that_was_switched_off_leaves_nobody_behind(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """The settings change while an entry waits for a way that is no more: it is held, not forgotten."""
    for way in ("reissue", "ambient"):
        rig = make()
        without_url(rig)
        with rig.database.write() as transaction:
            take_detour(transaction, 1, Detour(way, "upload_expired"))
        rig.sync()
        assert [(each["state"], each["reason"]) for each in rig.entries()] == [("parked", "upload_expired")]


def test_p4_owner_without_sign_in_leaves_the_call_for_own_credentials(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """The sign-in has ended, so the server cannot be asked: own credentials need none, and go at once."""
    s3 = FakeS3()
    rig = make(
        ways=Ways(reissue=True, ambient=True),
        ambient=s3,
        places=PlaceRules(bucket="bucket", region="eu-west-3"),
        tokens_for=lambda owner: None,
    )
    without_url(rig)
    with rig.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET presigned_url = ?", (ACCEPTED_URL.format(id=77),))
    rig.sync()
    assert (rig.counts(), len(s3.places), fakes.asked) == ({"done": 1}, 1, [])


def test_p4_owner_without_sign_in_waits_for_it_where_nothing_else_helps(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """The sign-in has ended and the server is the only way: the entry waits for new tokens and then goes on."""
    tokens: list[Tokens] = []
    rig = make(ways=Ways(reissue=True), tokens_for=lambda owner: tokens[0] if tokens else None)
    id = without_url(rig)
    rig.sync()
    assert rig.entry(id)["state"] == "accepted"
    assert "sign-in" in explained(rig, id)["waiting_for"]
    tokens.append(Tokens(Secret("fresh"), Secret("session")))
    rig.sync()
    assert (rig.counts(), fakes.asked[0][2]) == ({"done": 1}, "fresh")


def test_p4_entry_on_its_way_out_holds_up_no_other(make: Callable[..., FakeRig], fakes: Fakes) -> None:
    """One address is spent and the server has no other: the entries behind it are not kept waiting for that."""
    rig = make(ways=Ways(reissue=True))
    fakes.reissue = lambda: said(503)
    first, good = ACCEPTED_URL.format(id=101), fakes.server.on_put
    fakes.server.on_put = lambda url, md5: good(url, md5) if url == first else stored_reply(md5)
    rig.capture_many(5)
    rig.sync()
    assert rig.counts() == {"accepted": 1, "done": 4}


def give_url(rig: FakeRig, id: str) -> State:
    clock = rig.time.clock
    moment = Moment(clock.now_ms(), clock.monotonic_ms(), clock.boot())
    with rig.database.write() as transaction:
        return settlements.upload_url(
            transaction,
            id,
            url=ANOTHER_URL,
            expires_at=None,
            moment=moment,
            repeatable=lambda kind, body: False,
        )


@pytest.mark.parametrize("state", ["parked", "accepted"])
def test_p4_url_from_a_person_is_used(make: Callable[..., FakeRig], fakes: Fakes, state: str) -> None:
    """Support sends an address by mail: the entry goes on with it, and only its signature is sent."""
    rig = make(ways=Ways(reissue=state == "accepted"))
    fakes.reissue = lambda: said(503)
    id = rig.capture(1)
    rig.sync()
    assert rig.entry(id)["state"] == state
    fence = rig.column("lease_fence")[0]
    assert give_url(rig, id) is State.ACCEPTED
    assert rig.column("lease_fence")[0] > fence
    assert ("person", "Settled", "url_given") in rig.outcomes(id)
    rig.sync()
    assert (rig.counts(), posts(fakes)) == ({"done": 1}, 1)
    assert fakes.server.put_urls[-1] == ANOTHER_URL


def test_p4_url_from_a_person_leaves_alone_what_is_under_way(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """A worker is uploading at this moment: the person is told to wait, and nothing is changed under its hands."""
    rig = make()
    id = rig.capture(1)
    refused: list[Exception] = []

    def put(url: str, md5: str) -> Exchange:
        with pytest.raises(EntryHeld) as caught:
            give_url(rig, id)
        refused.append(caught.value)
        return stored_reply(md5)

    fakes.server.on_put = put
    rig.sync()
    assert (len(refused), rig.counts()) == (1, {"done": 1})


def test_p4_url_from_a_person_is_for_owed_signatures_alone(
    make: Callable[..., FakeRig], fakes: Fakes
) -> None:
    """Somebody took the wrong entry: one that was not sent, or is done, takes no address."""
    rig = make()
    waiting = rig.capture(1)
    with pytest.raises(IllegalTransition):
        give_url(rig, waiting)
    fakes.server.on_put = lambda url, md5: stored_reply(md5)
    rig.sync()
    with pytest.raises(IllegalTransition):
        give_url(rig, waiting)
    assert rig.column("presigned_url") == [None]
