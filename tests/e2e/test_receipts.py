"""`fieldsync receipts` and `db prune` as commands: the proof of a delivery outlives what was delivered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.scratch import Scratch


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox)


def test_receipts_answer_for_each_id_after_the_payloads_are_gone(device: Device, sandbox: Sandbox) -> None:
    """Months later somebody asks whether it was sent; the tablet was tidied long ago."""
    ids = device.capture_many(3)
    assert device.run("sync").returncode == 0
    before = {each["id"]: each for each in device.json("receipts")["receipts"]}
    pruned = device.json("db", "prune", "--done-before", "0s")
    assert pruned == {"schema": 1, "removed": 3, "kept": 0, "dry_run": False}
    assert device.json("list") == []
    assert "fieldsync receipts" in device.run("list").stderr
    for seed, id in enumerate(ids, start=1):
        (proof,) = device.json("receipts", id[-8:])["receipts"]
        assert proof["removed_at"]
        assert {**proof, "removed_at": None} == before[id]
        image = signature_png(seed)
        assert proof["image_sha256"] == hashlib.sha256(image).hexdigest()
        assert proof["etag"] == hashlib.md5(image, usedforsecurity=False).hexdigest()
        (record,) = (each for each in sandbox.state.records() if each["idempotency_key"] == id)
        assert proof["server_id"] == record["id"]
    gone = device.run("show", ids[0][-8:])
    assert (gone.returncode, "fieldsync receipts" in gone.stderr) == (6, True)


def test_repeated_capture_of_what_was_removed_is_a_duplicate(device: Device, sandbox: Sandbox) -> None:
    """The app repeats a capture after a restore from its own backup."""
    id = "0193a000-0000-7000-8000-0000000c0ffe"
    (device.folder / "image.png").write_bytes(signature_png(1))
    body = json.dumps({"companyId": 1, "siteIds": [1], "ruleIds": [1], "provider": {"firstName": "Ann"}})
    capture = ("capture", "unplanned-preventive", "--data", "-", "--id", id, "--json")
    image = ("--signature", str(device.folder / "image.png"))
    assert device.run(*capture, *image, stdin=body).returncode == 0
    assert device.run("sync").returncode == 0
    assert device.json("db", "prune", "--done-before", "0s")["removed"] == 1
    repeated = json.loads(device.run(*capture, *image, stdin=body).stdout)
    assert (repeated["duplicate"], repeated["state"]) == (True, "done")
    other = device.run(*capture, *image, stdin=body.replace("Ann", "Bob"))
    assert (other.returncode, json.loads(other.stdout)["error"]["code"]) == (2, "id_conflict")
    device.run("sync")
    assert len(sandbox.state.records()) == 1


def test_receipts_hold_nothing_personal_and_no_pin(device: Device, sandbox: Sandbox) -> None:
    """The list goes to accounting, and people are named in none of it."""
    device.capture_many(1)
    device.run("sync")
    told = device.run("receipts", "--json").stdout + device.run("receipts").stdout
    (record,) = sandbox.state.records()
    body = record["body"]
    pin = str(sandbox.state.detail(record["id"])["codePin"])
    for secret in (*body["provider"].values(), pin):
        assert str(secret) not in told


def test_entry_that_is_not_delivered_has_no_receipt(device: Device, sandbox: Sandbox) -> None:
    (id,) = device.capture_many(1)
    ended = device.run("receipts", id[-8:], "--json")
    assert ended.returncode == 2
    error = json.loads(ended.stdout)["error"]
    assert (error["code"], error["next_command"]) == ("not_delivered", f"fieldsync show {id[-8:]}")
    assert device.json("receipts") == {"schema": 1, "receipts": []}
    assert device.run("receipts", "no-such").returncode == 6


def test_prune_beside_a_running_worker_takes_nothing_that_waits(device: Device, sandbox: Sandbox) -> None:
    device.capture_many(2)
    device.run("sync")
    worker = device.start("run")
    try:
        later = device.capture(9)
        assert device.json("db", "prune", "--done-before", "0s", "--dry-run")["removed"] >= 2
        device.json("db", "prune", "--done-before", "1d")
        eventually(lambda: device.json("show", later)["state"] == "done", within_s=30.0)
    finally:
        worker.terminate()
        worker.communicate(timeout=15)
    assert len(sandbox.state.records()) == 3


def test_reader_who_has_seen_enough_ends_it_quietly(device: Device) -> None:
    """`fieldsync receipts | head`, where there are more of them than the pipe takes."""
    device.storage.mkdir(parents=True, mode=0o700)
    scratch = Scratch(device.storage)
    for number in range(1, 3001):
        scratch.put(number, signed=False)
    with scratch.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'done', done_at = seq, server_id = seq")
    scratch.close()
    process = device.start("receipts")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == ""
    process.wait(timeout=30)
