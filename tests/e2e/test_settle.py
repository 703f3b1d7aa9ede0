"""`fieldsync settle` and `discard` as commands: what they answer, what they refuse, and what follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox import faults
from sync.sandbox.objects import BUCKET
from sync.sandbox.server import Sandbox
from sync.sandbox.signing import presign
from tests.support.device import Device


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    """One that asks a person about every lost answer."""
    return Device(tmp_path, sandbox, SYNC__IN_DOUBT="hold")


def lose(device: Device, sandbox: Sandbox, *, stored: bool) -> str:
    """One capture whose answer is lost; parked for a person."""
    sandbox.faults.add(faults.answer("unplanned", 504, after=stored))
    (id,) = device.capture_many(1, first=len(sandbox.state.journal.requests()) + 1)
    ended = device.run("sync")
    assert (ended.returncode, "fieldsync list --needs-action" in ended.stderr) == (3, True)
    return id


def shown(device: Device, id: str) -> dict[str, Any]:
    told: dict[str, Any] = device.json("show", id)
    return told


def test_arrived_is_taken_and_the_signature_stays_owed(device: Device, sandbox: Sandbox) -> None:
    """P2, P4: a person has found it on the server."""
    id = lose(device, sandbox, stored=True)
    server_id = sandbox.state.records()[0]["id"]
    told = device.json("settle", id[-8:], "--arrived", str(server_id))
    assert told == {"schema": 1, "id": id, "state": "accepted", "choice": "arrived", "warnings": []}
    device.run("sync")
    entry = shown(device, id)
    assert (entry["state"], entry["reason"], entry["server_id"]) == (
        "parked",
        "signature_url_lost",
        server_id,
    )
    assert entry["signature_owed"] is True
    assert "a person said at" in device.run("show", id).stdout
    assert len(sandbox.state.records()) == 1


def test_url_of_a_person_completes_it_and_is_never_shown(device: Device, sandbox: Sandbox) -> None:
    """P4, P8: whoever runs the server signed another address for the image."""
    id = lose(device, sandbox, stored=True)
    record = sandbox.state.records()[0]
    device.json("settle", id, "--arrived", str(record["id"]))
    device.run("sync")
    place = f"{sandbox.store_url}/{BUCKET}/{record['image_key']}"
    now = sandbox.state.now()
    url = presign(sandbox.state.signing_key, place, method="PUT", now=now, lifetime_s=600)
    ended = device.run("settle", id, "--upload-url-stdin", "--json", stdin=f"{url}\n")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert json.loads(ended.stdout)["choice"] == "upload_url"
    assert device.run("sync").returncode == 0
    assert shown(device, id)["state"] == "done"
    assert sandbox.state.journal.counters()["uploads"] == 1
    secret = url.partition("?")[2]
    for output in (ended.stdout, ended.stderr, device.run("show", id, "--json").stdout):
        assert secret not in output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "missing"),
        ("https://evil.example/key?X-Amz-Signature=1", "evil.example"),
        ("http://127.0.0.1:9/bucket/key", "no signature"),
        ("one\ntwo", "more than one line"),
    ],
)
def test_url_that_cannot_be_used_is_refused_before_anything_is_touched(
    device: Device, sandbox: Sandbox, given: str, said: str
) -> None:
    id = lose(device, sandbox, stored=True)
    device.json("settle", id, "--arrived", str(sandbox.state.records()[0]["id"]))
    before = shown(device, id)
    ended = device.run("settle", id, "--upload-url-stdin", "--json", stdin=given)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    error = json.loads(ended.stdout)["error"]
    assert said in " ".join(problem["message"] for problem in error["problems"])
    assert shown(device, id) == before


def test_not_arrived_is_sent_again_once(device: Device, sandbox: Sandbox) -> None:
    id = lose(device, sandbox, stored=False)
    assert device.json("settle", id, "--not-arrived")["state"] == "pending"
    assert device.run("sync").returncode == 0
    assert [record["idempotency_key"] for record in sandbox.state.records()] == [id]


def test_unsigned_ends_it_by_a_persons_word(device: Device, sandbox: Sandbox) -> None:
    id = lose(device, sandbox, stored=True)
    device.json("settle", id, "--arrived", str(sandbox.state.records()[0]["id"]))
    assert device.json("settle", id, "--unsigned")["state"] == "done"
    assert shown(device, id)["signature"]["uploaded_at"] is None
    assert device.run("sync").returncode == 0


def test_discarded_entry_is_kept_and_never_sent(device: Device, sandbox: Sandbox) -> None:
    id = lose(device, sandbox, stored=True)
    told = device.json("discard", id, "--reason", "captured twice")
    assert (told["state"], told["choice"], told["warnings"]) == (
        "discarded",
        "discarded",
        ["record_may_exist"],
    )
    assert device.run("sync").returncode == 0
    assert "captured twice" in device.run("show", id).stdout
    assert len(sandbox.state.records()) == 1


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("settle", "{id}"), 2, "usage"),
        (("settle", "{id}", "--arrived", "5", "--unsigned"), 2, "usage"),
        (("settle", "{id}", "--arrived", "0"), 2, "server_id_invalid"),
        (("settle", "{id}", "--arrived", "x"), 2, "usage"),
        (("settle", "{id}", "--unsigned"), 2, "illegal_transition"),
        (("settle", "{id}", "--upload-url-stdin"), 2, "upload_url_refused"),
        (("settle", "00000000", "--not-arrived"), 6, "no_such_entry"),
        (("discard", "{id}", "--reason", "  "), 2, "usage"),
        (("discard", "{id}"), 2, "usage"),
    ],
)
def test_word_that_makes_no_sense_is_refused_with_its_reason(
    device: Device, sandbox: Sandbox, arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    id = lose(device, sandbox, stored=True)
    before = shown(device, id)
    ended = device.run(*(each.replace("{id}", id) for each in arguments), "--json")
    assert ended.returncode == exit_code, ended.stdout + ended.stderr
    error = json.loads(ended.stdout)["error"]
    assert error["code"] == code
    assert error["next_command"]
    assert shown(device, id) == before
