"""The four commands of the README, taken from its text: found, explained, corrected, let go on, delivered."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from storage.story import story
from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from tests.support.device import Device
from tests.support.polling import eventually

README = Path(__file__).parents[2] / "README.md"
_EXAMPLE_ID = "40b234ba"
_REFUSED_SITES = [1, 2, 3]


def commands() -> list[list[str]]:
    """The arguments of each command in the block that follows `What the server refused`."""
    found = re.search(
        r"\*\*What the server refused\*\*.*?```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL
    )
    assert found, "the README tells how to repair what was refused"
    lines = [shlex.split(line, comments=True) for line in found[1].splitlines()]
    assert all(line[0] == "fieldsync" for line in lines)
    return [line[1:] for line in lines]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox)


def told(device: Device, id: str) -> dict[str, Any]:
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return story(reader, id)


def update(device: Device, kind: str, body: dict[str, Any], *more: str) -> str:
    ended = device.run("capture", kind, "--data", "-", "--json", *more, stdin=json.dumps(body))
    assert ended.returncode == 0, ended.stdout
    return str(json.loads(ended.stdout)["id"])


@pytest.mark.parametrize("worker_runs", [True, False], ids=["beside the worker", "without one"])
def test_refused_entry_is_delivered_with_four_commands_and_its_children_follow(
    device: Device, sandbox: Sandbox, worker_runs: bool
) -> None:
    """The office has closed a site: the whole chain stands still until somebody corrects its first link."""
    of_the_first = {"siteIds": _REFUSED_SITES, "companyId": 1}
    no = {"message": "siteIds is not accepted"}
    sandbox.faults.add(faults.answer("unplanned", 422, when=of_the_first, body=no, times=None))
    refused = device.capture(1)
    moved = update(device, "preventive-update", {"description": "moved"}, "--target", f"local:{refused}")
    verdict = {"decision": 1, "decisionComment": "fine"}
    verified = update(device, "verification", verdict, "--target", f"local:{refused}", "--after", moved)
    other = device.capture(2, after=refused)
    chain = [refused, moved, verified, other]
    worker = device.start("run") if worker_runs else None
    try:
        if worker is None:
            device.run("sync")
        eventually(lambda: told(device, refused)["state"] == "dead")
        assert [told(device, id)["state"] for id in chain[1:]] == ["pending"] * 3
        find, explain, correct, release = commands()

        found = device.run(*find)
        assert "1 x 422 siteIds is not accepted" in found.stdout
        assert f"fieldsync show {refused[-8:]}" in found.stdout
        assert not [name for name in ("Zoé", "Nguy", "example.org", "gate") if name in found.stdout]

        def run_as_shown(shown: list[str]) -> str:
            ended = device.run(*(refused[-8:] if each == _EXAMPLE_ID else each for each in shown))
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        explained = run_as_shown(explain)
        assert "The server will not take this as it is." in explained
        assert f"fieldsync edit {refused[-8:]} --set" in explained
        assert run_as_shown(correct) == f"changed {refused[-8:]}: siteIds\n"
        assert "requeued 1" in run_as_shown(release)
        if worker is None:
            device.run("sync")
        eventually(lambda: [told(device, id)["state"] for id in chain] == ["done"] * 4, within_s=30)
    finally:
        if worker is not None:
            worker.kill()
            worker.communicate()
    assert told(device, refused)["payload"]["siteIds"] == [4, 5]
    sent = [
        (each["method"], each["target"].rsplit("/", 2)[1:], each["status"])
        for each in sandbox.state.journal.requests(server="api")
        if each["method"] in ("POST", "PATCH")
    ]
    server_id = str(told(device, refused)["server_id"])
    assert [each for each in sent if each[0] == "PATCH"] == [
        ("PATCH", ["preventive", server_id], 200),
        ("PATCH", [server_id, "verify"], 200),
    ]
    assert [each[2] for each in sent if each[0] == "POST"] == [422, 201, 201]
    assert sandbox.state.journal.counters()["records"] == 2
