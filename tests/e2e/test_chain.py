"""A chain through the command line: captured with local ids only, in one go, and delivered by one `sync`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox.server import Sandbox
from tests.support.device import Device


@pytest.fixture
def tablet(tmp_path: Path) -> Iterator[Device]:
    with Sandbox() as sandbox:
        made = Device(tmp_path, sandbox)
        made.sandbox = sandbox  # type: ignore[attr-defined]
        yield made


def change(tablet: Device, kind: str, body: dict[str, Any], *more: str) -> Any:
    """The end of one `capture` of a change."""
    return tablet.run("capture", kind, "--data", "-", "--json", *more, stdin=json.dumps(body))


def changed(tablet: Device, kind: str, body: dict[str, Any], *more: str) -> str:
    ended = change(tablet, kind, body, *more)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return str(json.loads(ended.stdout)["id"])


def test_chain_is_captured_shown_and_delivered(tablet: Device) -> None:
    """The visit, its correction and its acceptance are typed in a cellar; `show` says who waits for whom."""
    visit = tablet.capture(1)
    moved = changed(tablet, "preventive-update", {"description": "Moved"}, "--target", f"local:{visit[-8:]}")
    verdict = {"decision": 1, "decisionComment": "Seen"}
    accepted = changed(tablet, "verification", verdict, "--target", f"local:{visit}", "--after", moved[-8:])
    shown = tablet.json("show", accepted)
    assert (shown["target"], shown["after"]) == (f"local:{visit}", moved)
    assert [(each["id"], each["why"]) for each in shown["blocked_by"]] == [
        (visit, "target"),
        (moved, "after"),
    ]
    assert f"what entry {visit[-8:]} makes" in shown["explain"]["waiting_for"]
    summary = tablet.json("sync")
    assert (summary["delivered"], summary["waiting"]) == (3, 0)
    edits = tablet.sandbox.state.edits()  # type: ignore[attr-defined]
    assert [edit["idempotency_key"] for edit in edits] == [moved, accepted]
    (server_id,) = {edit["id"] for edit in edits}
    assert tablet.json("show", visit)["server_id"] == server_id


def test_everything_that_is_wrong_is_told_at_once(tablet: Device) -> None:
    """A wrong field, a wrong target and an entry that is not there are one refusal, not three."""
    moved = changed(tablet, "preventive-update", {"description": "Moved"}, "--target", "7")
    options = ("--target", f"local:{moved}", "--after", "ffffffff")
    ended = change(tablet, "preventive-update", {"siteRuleIds": []}, *options)
    assert ended.returncode == 2
    problems = json.loads(ended.stdout)["error"]["problems"]
    assert [(problem["path"], problem["code"]) for problem in problems] == [
        ("$.siteRuleIds", "too_few_items"),
        ("--target", "target_creates_nothing"),
        ("--after", "after_unknown"),
    ]
    ended = change(tablet, "preventive-update", {"description": "Moved"}, "--after", "ffffffff")
    problems = json.loads(ended.stdout)["error"]["problems"]
    assert [problem["code"] for problem in problems] == ["target_missing", "after_unknown"]
    assert len(tablet.json("list")) == 1


def test_refused_capture_makes_no_outbox(tablet: Device) -> None:
    ended = change(tablet, "preventive-update", {"siteRuleIds": []}, "--target", "local:aa")
    assert ended.returncode == 2
    assert not (tablet.storage / "fieldsync.db").exists()


def test_repeat_with_another_target_is_another_capture(tablet: Device) -> None:
    id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    body = {"description": "Moved"}
    changed(tablet, "preventive-update", body, "--target", "7", "--id", id)
    again = change(tablet, "preventive-update", body, "--target", "7", "--id", id)
    assert json.loads(again.stdout)["duplicate"] is True
    other = change(tablet, "preventive-update", body, "--target", "8", "--id", id)
    assert json.loads(other.stdout)["error"]["code"] == "id_conflict"
