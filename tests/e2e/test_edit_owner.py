"""`fieldsync edit --owner`: a person gives entries to somebody else, and nothing changes hands by chance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from storage.story import story
from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png
from tests.support.command import run_here
from tests.support.device import Device, distinct_body
from tests.support.polling import eventually


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    """An edge box on which Bert alone is signed in, by name."""
    device = Device(tmp_path, sandbox)
    for name in ("TOKEN", "SESSION_TOKEN"):
        del device.environment[f"FIELDSYNC_API__{name}"]
    pair = f"{sandbox.state.tokens.bearer}\n{sandbox.state.tokens.session}\n"
    run_here(device.environment, "auth", "set", "--owner", "bert", stdin=pair)
    return device


def capture(device: Device, seed: int, *owner: str) -> str:
    image = device.folder / "signature.png"
    image.write_bytes(signature_png(seed))
    arguments = ("capture", "unplanned-preventive", "--data", "-", "--signature", str(image), "--json")
    named = ("--owner", *owner) if owner else ()
    ended = run_here(device.environment, *arguments, *named, stdin=json.dumps(distinct_body(seed)))
    assert ended.code == 0, ended
    return str(ended.document["id"])


def edit(device: Device, *arguments: str) -> dict[str, Any]:
    ended = run_here(device.environment, "edit", *arguments, "--json")
    assert ended.code == 0, ended
    document: dict[str, Any] = ended.document
    return document


def told(device: Device, id: str) -> dict[str, Any]:
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return story(reader, id)


def sync(device: Device) -> Any:
    return run_here(device.environment, "sync", "--force", "--json").document


def test_assigned_entries_go_with_the_tokens_of_their_new_owner(device: Device, sandbox: Sandbox) -> None:
    ids = [capture(device, 1, "anna"), capture(device, 2, "anna"), capture(device, 3, "carl")]
    assert sync(device)["delivered"] == 0
    done = edit(device, ids[0][-8:], ids[1], "--owner", "bert")
    assert done == {
        "schema": 1,
        "assigned": 2,
        "owner": "bert",
        "ids": ids[:2],
        "skipped": [],
        "signed_in": True,
        "drain": "none",
    }
    assert sync(device)["delivered"] == 2
    assert [told(device, id)["state"] for id in ids] == ["done", "done", "pending"]
    history = told(device, ids[0])["history"]
    first = history[0]
    assert (first["step"], first["outcome"], first["detail"]) == ("person", "Assigned", "anna -> bert")
    assert [each["sent_as"] for each in history] == [None, "bert", None]
    assert sandbox.state.journal.counters()["records"] == 2


def test_all_of_an_owner_and_what_nobody_owns_are_given_away(device: Device) -> None:
    for seed, owner in enumerate(("anna", "anna", "carl"), 1):
        capture(device, seed, owner)
    capture(device, 4)
    would = edit(device, "--from", "anna", "--owner", "bert", "--dry-run")
    assert (would["assigned"], sync(device)["delivered"]) == (2, 0)
    assert edit(device, "--from", "anna", "--owner", "bert")["assigned"] == 2
    assert edit(device, "--from", "", "--owner", "bert")["assigned"] == 1
    assert edit(device, "--from", "anna", "--owner", "bert")["assigned"] == 0
    assert sync(device)["delivered"] == 3


def test_owner_who_is_not_signed_in_is_told(device: Device) -> None:
    id = capture(device, 1, "anna")
    assert edit(device, id, "--owner", "dora")["signed_in"] is False
    ended = run_here(device.environment, "edit", id, "--owner", "Zoé N")
    assert "fieldsync auth set --owner 'Zoé N'" in ended.err


def refusal(device: Device, *arguments: str) -> dict[str, Any]:
    ended = run_here(device.environment, "edit", *arguments, "--json")
    assert ended.code == 2, ended
    return ended.error


def test_of_named_entries_all_are_given_or_none(device: Device, sandbox: Sandbox) -> None:
    """One is done, one may have arrived, one only lacks its signature: none of them can change hands."""
    done = capture(device, 1, "bert")
    sync(device)
    sandbox.faults.add(faults.lost_answer("unplanned"))
    device.environment["FIELDSYNC_SYNC__IN_DOUBT"] = "hold"
    doubted = capture(device, 2, "bert")
    sync(device)
    sandbox.offline("store")
    owed = capture(device, 3, "bert")
    sync(device)
    free = capture(device, 4, "anna")
    error = refusal(device, free, done, doubted, owed, "--owner", "bert")
    assert error["code"] == "not_assigned"
    assert {each["path"]: each["code"] for each in error["problems"]} == {
        done[-8:]: "finished",
        doubted[-8:]: "perhaps_arrived",
        owed[-8:]: "arrived",
    }
    assert told(device, free)["owner"] == "anna"
    assert [each["id"] for each in edit(device, "--from", "bert", "--owner", "anna")["skipped"]] == [
        doubted,
        owed,
    ]


def test_entry_under_a_live_lease_is_left_alone_and_may_be_tried_again(
    device: Device, sandbox: Sandbox
) -> None:
    """The worker sends it at this moment, in its old owner's name."""
    sandbox.faults.add(faults.Fault("hang", route="unplanned", times=None, seconds=600))
    id = capture(device, 1, "bert")
    worker = device.start("run")
    try:
        eventually(lambda: told(device, id)["state"] == "sending")
        error = refusal(device, id, "--owner", "anna")
        assert (error["retryable"], error["problems"][0]["code"]) == (True, "being_delivered")
    finally:
        worker.kill()
        worker.communicate()


def test_running_worker_sends_what_was_assigned(device: Device, sandbox: Sandbox) -> None:
    """The interval is ten minutes: the order itself wakes it."""
    device.environment["FIELDSYNC_SYNC__INTERVAL_S"] = "600"
    id = capture(device, 1, "anna")
    worker = device.start("run")
    try:
        eventually(lambda: "pause:owner:anna" in control(device))
        assert edit(device, id, "--owner", "bert")["drain"] == "worker"
        eventually(lambda: told(device, id)["state"] == "done")
    finally:
        worker.kill()
        worker.communicate()


def control(device: Device) -> dict[str, Any]:
    with reading(StorageFolder(device.storage)) as reader:
        return {} if reader is None else reader.control()


def test_dead_entry_keeps_its_state_and_goes_on_under_the_new_name(device: Device, sandbox: Sandbox) -> None:
    """Refused for Anna, allowed for Bert: given to him, it is taken up again by resync."""
    number = sandbox.faults.add(faults.refuse("companyId", 1))
    id = capture(device, 1, "bert")
    sync(device)
    assert told(device, id)["state"] == "dead"
    sandbox.faults.remove(number)
    pair = f"{sandbox.state.tokens.bearer}\n{sandbox.state.tokens.session}\n"
    run_here(device.environment, "auth", "set", "--owner", "anna", stdin=pair)
    edit(device, id, "--owner", "anna")
    assert told(device, id)["state"] == "dead"
    run_here(device.environment, "resync", id)
    sync(device)
    assert (told(device, id)["state"], told(device, id)["history"][-2]["sent_as"]) == ("done", "anna")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--owner", "bert"),
        ("--from", "anna"),
        ("x", "--from", "anna", "--owner", "bert"),
        ("--from", "anna", "--owner", " "),
        ("--from", "anna", "--owner", "a\x1bb"),
        ("--from", "anna", "--owner", "x" * 101),
    ],
)
def test_order_that_says_too_little_or_too_much_is_refused(
    device: Device, arguments: tuple[str, ...]
) -> None:
    assert refusal(device, *arguments)["code"] in ("usage", "owner_invalid")


def test_entry_that_does_not_exist_is_told(device: Device) -> None:
    ended = run_here(device.environment, "edit", "nothing", "--owner", "bert", "--json")
    assert (ended.code, ended.error["code"]) == (6, "no_such_entry")
