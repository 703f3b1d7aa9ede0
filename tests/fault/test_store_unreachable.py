"""The signature storage is away or refuses, while the API is well: each POST would mint a URL that dies unused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.explain import explain
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from tests.support.rig import SandboxRig, assert_delivered_once, image_of, sandboxed


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


def test_one_post_waits_for_its_upload_while_the_storage_is_away(device: SandboxRig) -> None:
    """P4: a firewall lets the API through and S3 not: one entry finds out, the others keep their turn."""
    device.sandbox.offline("store")
    ids = device.capture_many(8)
    for _ in range(6):
        report = device.sync(looked=False, spread=True)
        device.time.passes(130)
    assert report.stopped_by == "no_connection"
    assert device.states() == ["accepted", *["pending"] * 7]
    assert device.counters["posts"] == 1
    assert set(device.column("attempts")) == {0}
    assert device.control("gate:upload")["mode"] == "closed"
    api = device.control("gate:api")
    assert api is None or api["mode"] == "open"
    device.sandbox.online("store")
    device.sync()
    assert_delivered_once(device.sandbox, ids)
    assert device.counters["posts"] == 8


def test_unsent_entries_name_the_storage_as_what_they_wait_for(device: SandboxRig) -> None:
    """Who asks for an entry that was not sent is told about the storage, not about the API."""
    device.sandbox.offline("store")
    ids = device.capture_many(2)
    device.sync()
    with device.database.read() as transaction:
        from storage.queries import Reader

        control = Reader(transaction.cursor).control()
    told = explain(device.entry(ids[1]), control, device.time.wall)
    assert "storage" in told["waiting_for"]
    assert told["until"] is not None


def test_each_url_is_used_once_when_the_storage_comes_back(device: SandboxRig) -> None:
    """P4: the URL in hand is used, not thrown away for a second record."""
    device.sandbox.offline("store")
    ids = device.capture_many(4)
    device.sync()
    device.time.passes(200)
    device.sandbox.online("store")
    device.sync()
    assert_delivered_once(device.sandbox, ids)
    targets = [put["target"] for put in device.puts()]
    assert len(targets) == len(set(targets)) == 4
    assert device.counters["repeated_uploads"] == 0


def test_url_that_died_while_the_storage_was_away_is_parked_with_its_image(device: SandboxRig) -> None:
    """P4: the record is there, the URL is over; the entry says so and keeps the bytes, and is not sent again."""
    device.sandbox.offline("store")
    ids = device.capture_many(3)
    device.sync()
    device.time.passes(3600)
    device.sandbox.online("store")
    device.sync()
    entry = device.entry(ids[0])
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "accepted", "upload_expired")
    assert device.counts() == {"parked": 1, "done": 2}
    assert device.counters["posts"] == 3
    assert image_kept(device, ids[0])


def image_kept(device: SandboxRig, id: str) -> bool:
    with device.database.read() as transaction:
        sql = "SELECT length(s.data) = s.size FROM signature s JOIN entry e ON e.seq = s.entry_seq WHERE e.id = ?"
        return transaction.cursor.execute(sql, (id,)).fetchone() == (1,)


def test_storage_that_refuses_everything_meets_canaries_only(device: SandboxRig) -> None:
    """P4: the signer's key was revoked: a few entries are parked with their image, the rest stays unsent."""
    number = device.sandbox.faults.add(
        faults.answer("upload", 403, body="xml", code="SignatureDoesNotMatch", times=None)
    )
    ids = device.capture_many(30)
    device.sync(looked=False, spread=True)
    assert device.counts() == {"parked": 3, "pending": 27}
    for _ in range(5):
        device.time.passes(130)
        device.sync(looked=False, spread=True)
    counts = device.counts()
    assert counts["parked"] <= 3 + 5, "one canary a look"
    assert counts["pending"] == 30 - counts["parked"]
    parked = device.entries("parked")
    assert {each["reason"] for each in parked} == {"upload_signature_mismatch"}
    assert all(image_kept(device, each["id"]) for each in parked)
    device.sandbox.faults.remove(number)
    device.time.passes(130)
    device.sync()
    assert device.counts() == {"parked": counts["parked"], "done": counts["pending"]}
    assert device.counters["posts"] == 30
    done = {each["server_id"] for each in device.entries("done")}
    records = [record for record in device.sandbox.state.records() if record["id"] in done]
    assert all(image_of(device.sandbox, record) for record in records)
    assert set(ids) == {record["idempotency_key"] for record in device.sandbox.state.records()}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("expired", "upload_expired"),
        ("get", "upload_signature_mismatch"),
        ("unsigned", "upload_url_unsigned"),
        ("missing", "signature_url_lost"),
        ("foreign", None),
    ],
)
def test_single_bad_url_parks_one_entry_and_the_rest_go_on(
    device: SandboxRig, url: str, reason: str | None
) -> None:
    """P5: one broken answer among nine good ones is one entry's trouble; it has its id and is never sent again."""
    device.sandbox.faults.add(faults.bad_url(url, skip=3))
    device.capture_many(10)
    for _ in range(3):
        device.sync()
        device.time.passes(30)
    assert device.counts() == {"parked": 1, "done": 9}
    (parked,) = device.entries("parked")
    assert parked["server_id"] is not None
    assert device.entry(parked["id"])["stage"] == "accepted"
    assert reason is None or parked["reason"] == reason
    assert device.counters["posts"] == 10


def test_one_upload_that_keeps_failing_holds_up_nobody_else(device: SandboxRig) -> None:
    """P5: the storage takes all images but one; that one uses up its own budget alone."""
    device.sandbox.faults.add(Fault("etag", "upload", etag="wrong", times=None, target="/1001."))
    ids = device.capture_many(5)
    first = device.entry(ids[0])
    for _ in range(40):
        device.sync(looked=False, spread=True)
        device.time.passes(900)
    parked = device.entry(first["id"])
    assert (parked["state"], parked["stage"]) == ("parked", "accepted")
    assert device.counts() == {"parked": 1, "done": 4}
    assert device.counters["posts"] == 5


def test_storage_that_is_slowed_down_is_given_time(device: SandboxRig) -> None:
    """P10: S3 asks to slow down; uploads wait, and no record is made whose image could not follow."""
    device.sandbox.faults.add(faults.answer("upload", 503, body="xml", code="SlowDown", times=4))
    ids = device.capture_many(6)
    device.sync()
    assert device.counters["posts"] == 1
    device.passes_until(lambda: device.counts() == {"done": 6}, every_s=30)
    assert_delivered_once(device.sandbox, ids)
    assert device.counters["posts"] == 6


@pytest.mark.parametrize("url", ["foreign", "missing"])
def test_server_whose_every_url_is_useless_does_not_get_the_whole_queue(device: SandboxRig, url: str) -> None:
    """P4: a backend hands out addresses that we may not use; a few records without image show it, not thirty."""
    device.sandbox.faults.add(Fault("url", route="unplanned", times=None, url=url))
    device.capture_many(12)
    device.sync()
    assert device.counters["posts"] <= 3
    assert device.control("gate:upload")["mode"] == "closed"
    assert set(device.states()) == {"parked", "pending"}


def test_one_entry_whose_upload_always_fails_does_not_hold_up_the_others(device: SandboxRig) -> None:
    """P5: one image meets a proxy's page each time; after a few tries another entry is the canary."""
    device.sandbox.faults.add(
        Fault("etag", route="upload", times=None, etag="missing", target="signatures/1001")
    )
    device.capture_many(6)
    for _ in range(10):
        device.sync(looked=False, spread=True)
        device.time.passes(130)
    assert device.states()[1:] == ["done"] * 5
    assert device.states()[0] in ("accepted", "parked")
    assert device.counters["posts"] == 6
