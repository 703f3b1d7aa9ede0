"""`fieldsync edit --set`, `--unset`, `--data`: a person corrects what was captured, while that is still possible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.folder import StorageFolder
from storage.queries import reading
from storage.story import story
from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png
from tests.support.command import Ended, run_here
from tests.support.device import Device, distinct_body
from tests.support.polling import eventually


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox)


def run(device: Device, *arguments: str, stdin: bytes | str = b"") -> Ended:
    return run_here(device.environment, *arguments, stdin=stdin)


def capture(device: Device, seed: int = 1, **changes: Any) -> str:
    image = device.folder / "signature.png"
    image.write_bytes(signature_png(seed))
    arguments = ("capture", "unplanned-preventive", "--data", "-", "--signature", str(image), "--json")
    ended = run(device, *arguments, stdin=json.dumps(distinct_body(seed) | changes))
    assert ended.code == 0, ended
    return str(ended.document["id"])


def edit(device: Device, *arguments: str, stdin: str = "") -> dict[str, Any]:
    ended = run(device, "edit", *arguments, "--json", stdin=stdin)
    assert ended.code == 0, ended
    document: dict[str, Any] = ended.document
    return document


def refusal(device: Device, *arguments: str, stdin: str = "") -> dict[str, Any]:
    ended = run(device, "edit", *arguments, "--json", stdin=stdin)
    assert ended.code == 2, ended
    return ended.error


def told(device: Device, id: str) -> dict[str, Any]:
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return story(reader, id)


def sync(device: Device) -> dict[str, Any]:
    document: dict[str, Any] = run(device, "sync", "--force", "--json").document
    return document


def posts(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Key and digest of the body of each send, oldest first."""
    requests = [each for each in sandbox.state.journal.requests() if each["target"].endswith("/unplanned")]
    return [(dict(each["headers"])["idempotency-key"], each["body_sha256"]) for each in requests]


def digest(device: Device, id: str) -> str:
    """Of what the entry says now, byte for byte."""
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        (row,) = reader.rows(("payload",), "SELECT payload FROM entry WHERE id = ?", (id,))
        return sha256(row["payload"].encode()).hexdigest()


def test_refused_entry_is_sent_as_it_was_corrected_under_a_new_key(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.refuse("provider.lastName", "Nguyễn"))
    id = capture(device)
    sync(device)
    before = told(device, id)
    assert before["state"] == "dead"
    done = edit(
        device,
        id[-8:],
        "--set",
        "provider.lastName=Nguyen",
        "--set",
        "siteIds[0]=44",
        "--unset",
        "provider.email",
    )
    assert done == {
        "schema": 1,
        "edited": 1,
        "entries": [
            {
                "id": id,
                "state": "dead",
                "changed": ["siteIds", "provider.lastName", "provider.email"],
                "new_key": True,
            }
        ],
        "skipped": [],
        "warnings": [],
        "drain": "none",
    }
    run(device, "resync", id)
    assert sync(device)["delivered"] == 1
    after = run(device, "show", id, "--json").document
    assert (after["state"], after["payload"]["siteIds"]) == ("done", [44, 2, 3])
    assert after["payload"]["actualStart"] == before["payload"]["actualStart"]
    (revision,) = after["revisions"]
    assert revision["payload"] == before["payload"]
    (line,) = (each for each in after["history"] if each["reason"] == "edited")
    assert (line["n"], line["detail"]) == (revision["n"], "siteIds, provider.lastName, provider.email")
    assert "Nguy" not in json.dumps(after["history"])
    (first_key, _), (second_key, body_sha256) = posts(sandbox)
    assert first_key == id != second_key
    assert (after["payload"]["provider"]["lastName"], body_sha256) == ("Nguyen", digest(device, id))


def test_what_was_never_sent_keeps_its_key(device: Device, sandbox: Sandbox) -> None:
    id = capture(device)
    assert edit(device, id, "--set", "companyId=77")["entries"][0]["new_key"] is False
    assert sync(device)["delivered"] == 1
    assert told(device, id)["payload"]["companyId"] == 77
    assert posts(sandbox) == [(id, digest(device, id))]


def test_whole_body_is_replaced_and_keeps_image_and_start(device: Device, sandbox: Sandbox) -> None:
    id = capture(device)
    start = told(device, id)["payload"]["actualStart"]
    body = distinct_body(5) | {"ruleIds": [8]}
    assert edit(device, id, "--data", "-", stdin=json.dumps(body))["entries"][0]["changed"] == [
        "companyId",
        "ruleIds",
    ]
    payload = told(device, id)["payload"]
    assert (payload["actualStart"], payload["signature"]["mimeType"]) == (start, "image/png")
    assert sync(device)["delivered"] == 1


def test_every_problem_is_told_at_once_and_nothing_is_changed(device: Device) -> None:
    ids = [capture(device, 1), capture(device, 2)]
    before = [told(device, id) for id in ids]
    error = refusal(device, *ids, "--set", "siteIds=[]", "--set", "companyId=one", "--set", "provider.mail=x")
    assert error["code"] == "input_refused"
    assert {(each["path"].split()[1], each["code"]) for each in error["problems"]} == {
        ("$.siteIds", "too_few_items"),
        ("$.companyId", "wrong_type"),
        ("$.provider.mail", "unknown_field"),
    }
    assert {each["path"].split()[0] for each in error["problems"]} == {id[-8:] for id in ids}
    assert [told(device, id) for id in ids] == before


def test_one_bad_entry_among_those_named_leaves_all_as_they_were(device: Device, sandbox: Sandbox) -> None:
    done = capture(device, 1)
    sync(device)
    sandbox.faults.add(faults.lost_answer("unplanned"))
    device.environment["FIELDSYNC_SYNC__IN_DOUBT"] = "hold"
    doubted = capture(device, 2)
    sync(device)
    free = capture(device, 3)
    error = refusal(device, free, done, doubted, "--set", "companyId=9")
    assert (error["code"], error["retryable"]) == ("not_edited", False)
    assert {each["path"]: each["code"] for each in error["problems"]} == {
        done[-8:]: "finished",
        doubted[-8:]: "perhaps_arrived",
    }
    assert "settle" in next(
        each["message"] for each in error["problems"] if each["code"] == "perhaps_arrived"
    )
    assert told(device, free)["payload"]["companyId"] == 3


def test_dry_run_says_what_would_change_and_changes_nothing(device: Device) -> None:
    id = capture(device)
    before = told(device, id)
    assert edit(device, id, "--set", "companyId=9", "--dry-run")["entries"][0]["changed"] == ["companyId"]
    assert told(device, id) == before


def test_edit_to_what_it_says_already_changes_nothing(device: Device) -> None:
    id = capture(device)
    before = told(device, id)
    done = edit(device, id, "--set", "companyId=1")
    assert (done["edited"], done["skipped"][0]["code"]) == (0, "unchanged")
    assert told(device, id) == before


def test_edit_that_makes_two_entries_look_alike_is_told(device: Device) -> None:
    first, second = capture(device, 1), capture(device, 2)
    start = told(device, first)["payload"]["actualStart"]
    (warning,) = edit(device, second, "--set", f"actualStart={start}")["warnings"]
    assert (warning["id"], warning["code"]) == (second, "start_not_unique")
    assert told(device, second)["payload"]["actualStart"] == start


def test_repeat_of_the_capture_is_still_a_repeat_after_an_edit(device: Device) -> None:
    image = device.folder / "signature.png"
    image.write_bytes(signature_png(1))
    id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    arguments = (
        "capture",
        "unplanned-preventive",
        "--data",
        "-",
        "--signature",
        str(image),
        "--id",
        id,
        "--json",
    )
    body = json.dumps(distinct_body(1))
    run(device, *arguments, stdin=body)
    edit(device, id, "--set", "companyId=9")
    assert run(device, *arguments, stdin=body).document["duplicate"] is True
    assert told(device, id)["payload"]["companyId"] == 9


def test_entry_on_the_wire_is_left_alone_and_may_be_tried_again(device: Device, sandbox: Sandbox) -> None:
    """A worker sends it at this very moment."""
    sandbox.faults.add(faults.Fault("hang", route="unplanned", times=None, seconds=600))
    id = capture(device)
    worker = device.start("run")
    try:
        eventually(lambda: told(device, id)["state"] == "sending")
        error = refusal(device, id, "--set", "companyId=9")
        assert (error["retryable"], error["problems"][0]["code"]) == (True, "being_delivered")
    finally:
        worker.kill()
        worker.communicate()


def test_edits_beside_a_busy_worker_never_part_what_is_there_from_what_the_entry_says(
    device: Device, sandbox: Sandbox
) -> None:
    """Somebody corrects the morning's visits while the tablet sends them: each goes as it was, or as it is."""
    sandbox.faults.add(faults.delay("unplanned", 0.5))
    ids = device.capture_many(12)
    worker = device.start("run")
    changed, codes, numbers = 0, set(), iter(range(1001, 10_000))

    def edit_all_and_look() -> bool:
        nonlocal changed, codes
        for id in ids:
            ended = run(device, "edit", id, "--set", f"companyId={next(numbers)}", "--json")
            changed += ended.code == 0
            if ended.code:
                codes |= {each["code"] for each in ended.error["problems"]}
        return all(told(device, id)["state"] == "done" for id in ids)

    try:
        eventually(edit_all_and_look)
    finally:
        worker.kill()
        worker.communicate()
    assert changed, "some edits came in time"
    assert "being_delivered" in codes <= {"being_delivered", "arrived", "finished"}
    taken = [
        (dict(each["headers"])["idempotency-key"], each["body_sha256"])
        for each in sandbox.state.journal.requests(server="api")
        if each["target"].endswith("/unplanned") and each["status"] == 201
    ]
    assert sorted(body for _, body in taken) == sorted(digest(device, id) for id in ids)
    assert sandbox.state.journal.counters()["records"] == len(ids)
    for id in ids:
        was_changed = told(device, id)["payload"]["companyId"] >= 1000
        assert was_changed == bool(told(device, id)["revisions"])


def test_notice_that_was_withheld_is_not_sent_by_an_edit_of_something_else(device: Device) -> None:
    """Its answer was lost, so it was sent again without its mail, and then refused: the mail may be out already."""
    flag = "sendUpdateEmailToCurrentAssignee"
    first, second = (capture_update(device, "5", **{flag: True, "description": "typo"}) for _ in range(2))
    database = Database(StorageFolder(device.storage))
    with database.write() as transaction:
        transaction.cursor.execute(
            "UPDATE entry SET state = 'dead', stage = 'pending', request_path = '/x', request_digest = 'y', "
            """request_body = '{"description":"typo"}'"""
        )
    database.close()
    changed = edit(device, first, "--set", "description=right")["entries"][0]["changed"]
    assert sorted(changed) == ["description", flag]
    assert told(device, first)["payload"] == {"description": "right"}
    # Who names it has ordered it.
    edit(device, second, "--set", "description=right", "--set", f"{flag}=true")
    assert told(device, second)["payload"] == {"description": "right", flag: True}


def test_image_is_not_changed_by_what_a_body_says_of_it(device: Device) -> None:
    id = capture(device)
    error = refusal(device, id, "--set", "signature.size=5", "--set", "signature.mimeType=image/jpeg")
    assert {each["code"] for each in error["problems"]} == {"signature_disagrees"}
    edit(device, id, "--set", "signature.name=visit.png")
    assert told(device, id)["signature"]["name"] == "visit.png"
    assert run(device, "db", "check").code == 0


def capture_update(device: Device, target: str, **body: Any) -> str:
    arguments = ("capture", "preventive-update", "--data", "-", "--target", target, "--json")
    ended = run(device, *arguments, stdin=json.dumps({"description": "moved"} | body))
    assert ended.code == 0, ended
    return str(ended.document["id"])


def test_update_of_what_was_given_up_goes_to_another_target_and_follows_that_one(
    device: Device, sandbox: Sandbox
) -> None:
    """The first record was a slip and is discarded; its update is meant for the second one."""
    slip, right = capture(device, 1), capture(device, 2)
    update = capture_update(device, f"local:{slip}")
    run(device, "discard", slip, "--reason", "a slip")
    assert told(device, update)["reason"] == "target_discarded"
    assert edit(device, update, "--target", f"local:{right[-8:]}")["entries"][0]["changed"] == ["target"]
    assert (told(device, update)["target"], told(device, update)["state"]) == (f"local:{right}", "parked")
    run(device, "resync", update)
    assert sync(device)["delivered"] == 2
    (patch,) = (each for each in sandbox.state.journal.requests() if each["method"] == "PATCH")
    assert patch["target"].endswith(f"/{told(device, right)['server_id']}")
    assert edit_lines(device, update) == ["target"]


def edit_lines(device: Device, id: str) -> list[str]:
    return [each["detail"] for each in told(device, id)["history"] if each["reason"] == "edited"]


def test_update_that_was_refused_goes_to_its_new_target_in_full(device: Device, sandbox: Sandbox) -> None:
    """Its request was fixed with the old number in its path: that must not stand."""
    capture(device, 1)
    sync(device)
    server_id = told(device, run(device, "list", "--json").document[0]["id"])["server_id"]
    sandbox.faults.add(faults.answer("preventive", 422))
    update = capture_update(device, "999")
    sync(device)
    assert told(device, update)["state"] == "dead"
    edit(device, update, "--target", str(server_id))
    run(device, "resync", update)
    assert sync(device)["delivered"] == 1


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("local:{itself}", "cycle"),
        ("local:{later}", "cycle"),
        ("local:{curative}", "target_wrong_kind"),
        ("local:{other}", "target_creates_nothing"),
        ("local:nothing", "target_unknown"),
        ("-5", "target_invalid"),
    ],
)
def test_target_that_cannot_be_is_refused_and_nothing_is_changed(
    device: Device, target: str, code: str
) -> None:
    """`later` is to follow the very update that would wait for its number: neither could ever go."""
    itself, other = capture_update(device, "5"), capture_update(device, "6")
    image = device.folder / "signature.png"
    image.write_bytes(signature_png(1))
    body = json.dumps(distinct_body(9))
    arguments = (
        "capture",
        "unplanned-preventive",
        "--data",
        "-",
        "--signature",
        str(image),
        "--after",
        itself,
    )
    later = run(device, *arguments, "--json", stdin=body).document["id"]
    plan = {
        "scheduledStart": "2026-01-02T08:00:00Z",
        "scheduledEnd": "2026-01-02T09:00:00Z",
        "anomalyIds": [1],
        "creationStatus": 1,
    }
    curative = run(device, "capture", "curative", "--data", "-", "--json", stdin=json.dumps(plan)).document[
        "id"
    ]
    named = target.format(itself=itself, later=later, curative=curative, other=other)
    error = refusal(device, itself, "--target", named, "--set", "description=")
    assert code in {each["code"] for each in error["problems"]}
    assert (told(device, itself)["target"], told(device, itself)["revisions"]) == (5, [])


def test_intervention_that_is_new_takes_no_target(device: Device) -> None:
    (problem,) = refusal(device, capture(device), "--target", "5")["problems"]
    assert problem["code"] == "target_not_wanted"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "a=1"),
        ("x", "--set", "a=1", "--owner", "bert"),
        ("x", "--set", "a=1", "--data", "-"),
        ("x", "y", "--data", "-"),
        ("--from", "anna", "--set", "a=1"),
        ("x", "--set", "a"),
        ("x", "--data", "no-such-file.json"),
    ],
)
def test_order_that_says_too_little_or_too_much_is_refused(
    device: Device, arguments: tuple[str, ...]
) -> None:
    assert refusal(device, *arguments)["code"] in ("usage", "input_refused")


def test_person_is_told_what_changed_and_what_comes_next(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.refuse("companyId", 1))
    id = capture(device)
    sync(device)
    ended = run(device, "edit", id, "--set", "companyId=9")
    assert ended.out == f"changed {id[-8:]}: companyId\n"
    assert ended.err == f"next: fieldsync resync {id[-8:]}\n"
