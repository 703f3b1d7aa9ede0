"""From a capture in a basement to one record and one image: `sync`, its exit codes, and what a person can order."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import handovers
from storage.database import Database
from storage.folder import StorageFolder
from storage.locks import FileLock
from storage.queries import reading
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png
from tests.support.command import Ended, run_here
from tests.support.device import Device, distinct_body
from tests.support.polling import eventually
from tests.support.small_disk import fill, mounted

SUMMARY = {
    "schema",
    "delivered", "sent", "uploaded", "waiting", "in_doubt", "needs_action", "stopped_by", "duration_s",
}  # fmt: skip
RESYNC = {"schema", "hastened", "released", "requeued", "skipped", "warnings", "drain"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox, SYNC__BACKOFF_BASE_S=600)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk")


def run(device: Device, *arguments: str) -> Ended:
    return run_here(device.environment, *arguments)


def capture(device: Device, seed: int, *more: str) -> str:
    """As `Device.capture`, in this process."""
    image = device.folder / "signature.png"
    image.write_bytes(signature_png(seed))
    arguments = ("capture", "unplanned-preventive", "--data", "-", "--signature", str(image), "--json", *more)
    ended = run_here(device.environment, *arguments, stdin=json.dumps(distinct_body(seed)))
    assert ended.code == 0, ended
    return str(ended.document["id"])


def sync(device: Device, *more: str, expect: int = 0) -> dict[str, Any]:
    """The summary of one drain in the foreground."""
    ended = run(device, "sync", "--json", *more)
    assert ended.code == expect, ended
    summary: dict[str, Any] = ended.document
    assert set(summary) == SUMMARY
    return summary


def resync(device: Device, *more: str) -> dict[str, Any]:
    ended = run(device, "resync", "--json", *more)
    assert ended.code == 0, ended
    done: dict[str, Any] = ended.document
    assert set(done) == RESYNC
    return done


def entries(device: Device) -> list[dict[str, Any]]:
    with reading(StorageFolder(device.storage)) as reader:
        return [] if reader is None else reader.entries()


def states(device: Device) -> list[tuple[str, str | None]]:
    return [(entry["state"], entry["reason"]) for entry in entries(device)]


def counters(sandbox: Sandbox, *names: str) -> tuple[int, ...]:
    found = sandbox.state.journal.counters()
    return tuple(found[name] for name in names)


def once(sandbox: Sandbox, records: int) -> None:
    """Each record was made by one POST, each image came with one PUT."""
    names = ("posts", "records", "uploads", "repeated_uploads", "duplicate_keys", "duplicate_bodies")
    assert counters(sandbox, *names) == (records, records, records, 0, 0, 0)


# The way there.


def test_capture_made_offline_arrives_once_and_byte_for_byte(device: Device, sandbox: Sandbox) -> None:
    """The story of the product, with the installed command: basement, daylight, sync."""
    sandbox.offline()
    id = device.capture(1)
    assert device.run("sync").returncode == 5
    sandbox.online()
    ended = device.run("sync", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (record,) = sandbox.state.records()
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        (row,) = reader.rows(("payload",), "SELECT payload FROM entry")
    assert record["body"] == json.loads(row["payload"])
    assert record["idempotency_key"] == id
    ((_, facts, data),) = objects(sandbox)
    assert data == signature_png(1)
    assert facts["content_type"] == record["body"]["signature"]["mimeType"] == "image/png"
    (entry,) = entries(device)
    assert (entry["id"], entry["state"], entry["server_id"]) == (id, "done", record["id"])
    once(sandbox, 1)


def objects(sandbox: Sandbox) -> list[tuple[str, dict[str, Any], bytes]]:
    found = []
    for key in sandbox.state.objects.facts():
        stored = sandbox.state.objects.get(key)
        assert stored is not None
        found.append((key, *stored))
    return found


def test_summary_says_what_was_done_and_what_is_left(device: Device, sandbox: Sandbox) -> None:
    device.capture_many(3)
    summary = sync(device)
    duration_s = summary.pop("duration_s")
    summary.pop("schema", None)
    assert duration_s >= 0
    assert summary == {
        "delivered": 3,
        "sent": 3,
        "uploaded": 3,
        "waiting": 0,
        "in_doubt": 0,
        "needs_action": 0,
        "stopped_by": None,
    }
    once(sandbox, 3)


def test_person_gets_a_sentence(device: Device) -> None:
    device.capture_many(2)
    ended = run(device, "sync")
    assert (ended.code, ended.out) == (0, "2 delivered\n")


def test_progress_lines_are_documents_and_the_last_one_is_the_summary(
    device: Device, sandbox: Sandbox
) -> None:
    sandbox.faults.add(faults.delay("unplanned", 0.7))
    device.environment["FIELDSYNC_SYNC__CONCURRENCY"] = "1"
    device.capture_many(2)
    lines = [json.loads(line) for line in run(device, "sync", "--json").out.splitlines()]
    assert [list(line) for line in lines[:-1]] == [["progress"]] * (len(lines) - 1)
    assert all(set(line["progress"]) == SUMMARY for line in lines[:-1])
    assert lines[:-1]
    assert set(lines[-1]) == SUMMARY


def test_entries_keep_their_order_where_one_is_after_another(device: Device, sandbox: Sandbox) -> None:
    first = capture(device, 1)
    capture(device, 2, "--after", first[-8:])
    capture(device, 3)
    sync(device)
    sent = [record["body"]["companyId"] for record in sandbox.state.records()]
    assert sent.index(1) < sent.index(2)
    once(sandbox, 3)


def test_nothing_is_sent_twice_however_often_one_asks(device: Device, sandbox: Sandbox) -> None:
    device.capture_many(4)
    sync(device)
    for order in ((), ("--all",), ("--state", "accepted")):
        done = resync(device, *order)
        assert (done["hastened"], done["released"], done["requeued"]) == (0, 0, 0)
        assert sync(device, "--force")["sent"] == 0
    once(sandbox, 4)


# Exit codes.


def test_sync_of_an_empty_outbox_is_fine_and_asks_nobody(device: Device, sandbox: Sandbox) -> None:
    assert sync(device)["delivered"] == 0
    assert sandbox.state.journal.requests() == []


def test_refused_entry_ends_with_3_and_others_arrive(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.refuse("companyId", 2))
    device.capture_many(3)
    summary = sync(device, expect=3)
    assert (summary["delivered"], summary["needs_action"]) == (2, 1)
    assert states(device) == [("done", None), ("dead", "refused"), ("done", None)]


def test_lost_answer_ends_with_3_and_is_not_sent_again(device: Device, sandbox: Sandbox) -> None:
    """The record is there, the answer is not: under `hold` a person decides, and no order resends it."""
    sandbox.faults.add(faults.lost_answer("unplanned"))
    device.capture_many(1)
    sync(device, "--wait", expect=3)
    ((state, _),) = states(device)
    assert state == "parked"
    resync(device, "--all")
    sync(device, "--wait", "--force", expect=3)
    assert counters(sandbox, "posts", "records") == (1, 1)


@pytest.mark.parametrize("fault", [faults.unauthorized(), faults.forbidden()], ids=["401", "403"])
def test_refused_tokens_end_with_4_and_cost_no_attempt(
    device: Device, sandbox: Sandbox, fault: Fault
) -> None:
    """P6: the tokens ran out over the weekend; nothing is spent, and new ones deliver."""
    sandbox.faults.add(fault)
    device.capture_many(2)
    device.environment["FIELDSYNC_SYNC__CONCURRENCY"] = "1"
    assert sync(device, expect=4)["stopped_by"] == "auth_required"
    assert [(entry["state"], entry["attempts"]) for entry in entries(device)] == [("pending", 0)] * 2
    sandbox.faults.clear()
    sync(device, expect=4)
    assert counters(sandbox, "records") == (0,)
    device.environment["FIELDSYNC_API__TOKEN"] = "a-new-token-2468"
    assert sync(device)["delivered"] == 2


def test_no_tokens_at_all_end_with_4_before_anything_is_asked(device: Device, sandbox: Sandbox) -> None:
    for name in ("TOKEN", "SESSION_TOKEN"):
        del device.environment[f"FIELDSYNC_API__{name}"]
    device.capture_many(1)
    assert sync(device, expect=4)["stopped_by"] == "auth_required"
    assert sandbox.state.journal.requests() == []
    assert states(device)[0][0] == "pending"


def test_offline_ends_with_5_and_costs_no_attempt(device: Device, sandbox: Sandbox) -> None:
    sandbox.offline()
    device.capture_many(3)
    for _ in range(3):
        summary = sync(device, "--force", expect=5)
        assert summary["waiting"] == 3
        assert summary["stopped_by"]
    assert {(entry["state"], entry["attempts"]) for entry in entries(device)} == {("pending", 0)}
    sandbox.online()
    assert sync(device, "--force")["delivered"] == 3
    once(sandbox, 3)


def test_second_drain_ends_with_7_and_may_be_tried_again(device: Device, sandbox: Sandbox) -> None:
    device.capture_many(1)
    lock = FileLock(StorageFolder(device.storage).drain_lock)
    assert lock.take(since="now")
    try:
        ended = run(device, "sync", "--json")
    finally:
        lock.give()
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (7, "drain_busy", True)
    assert ended.error["next_command"] == "fieldsync status"
    assert sandbox.state.journal.requests() == []
    sync(device)


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("API__BASE_URL", "", "api.base_url"),
        ("UPLOAD__ALLOW_INSECURE_LOOPBACK", "false", "api.base_url"),
        ("SYNC__IN_DOUBT", "guess", "sync.in_doubt"),
        ("SYNC__LEASE_S", "soon", "sync.lease_s"),
    ],
)
def test_unusable_configuration_ends_with_8_and_sends_nothing(
    device: Device, sandbox: Sandbox, name: str, value: str, path: str
) -> None:
    device.capture_many(1)
    device.environment[f"FIELDSYNC_{name}"] = value
    ended = run(device, "sync", "--json")
    assert (ended.code, ended.error["code"]) == (8, "config_invalid")
    assert [each["path"] for each in ended.error["problems"]] == [path]
    assert sandbox.state.journal.requests() == []
    assert states(device) == [("pending", None)]


# --wait


def test_wait_goes_on_until_the_server_wants_it(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.answer("unplanned", 429, retry_after="1"))
    device.capture_many(2)
    summary = sync(device, "--wait")
    assert (summary["delivered"], summary["waiting"]) == (2, 0)
    assert counters(sandbox, "records", "duplicate_records_by_key") == (2, 0)


def test_wait_outlasts_a_dead_link(device: Device, sandbox: Sandbox) -> None:
    sandbox.offline()
    device.capture_many(2)
    came_back = threading.Thread(
        target=lambda: (eventually(lambda: gate(device) == "closed"), sandbox.online())
    )
    came_back.start()
    summary = sync(device, "--wait")
    came_back.join(60)
    assert summary["delivered"] == 2
    once(sandbox, 2)


def gate(device: Device) -> str | None:
    with reading(StorageFolder(device.storage)) as reader:
        mode: str | None = None if reader is None else reader.control().get("gate:api", {}).get("mode")
        return mode


def test_wait_does_not_wait_for_a_person(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.refuse("companyId", 1))
    device.capture_many(2)
    assert sync(device, "--wait", expect=3)["delivered"] == 1


def test_wait_does_not_wait_for_a_sign_in(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.unauthorized(times=None))
    device.capture_many(2)
    assert sync(device, "--wait", expect=4)["waiting"] == 2


def test_wait_does_not_wait_for_a_paused_queue(device: Device) -> None:
    device.capture_many(1)
    run(device, "pause")
    assert sync(device, "--wait", expect=5)["stopped_by"] == "paused"


# pause and resume


def test_pause_holds_everything_and_resume_lets_it_go(device: Device, sandbox: Sandbox) -> None:
    device.capture_many(1)
    assert run(device, "pause", "--reason", "stocktaking", "--json").document["paused"] is True
    device.capture_many(1, first=2)
    summary = sync(device, expect=5)
    assert (summary["stopped_by"], summary["waiting"]) == ("paused", 2)
    assert sync(device, "--force", expect=5)["sent"] == 0
    assert sandbox.state.journal.requests() == []
    assert states(device) == [("pending", None)] * 2
    assert run(device, "resume", "--json").document == {"schema": 1, "paused": False, "changed": True}
    assert sync(device)["delivered"] == 2


def test_pause_holds_a_signature_that_is_owed(device: Device, sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.answer("upload", 503, body="xml", code="SlowDown"))
    device.capture_many(1)
    sync(device, expect=5)
    run(device, "pause")
    resync(device, "--all")
    sync(device, expect=5)
    assert counters(sandbox, "puts", "uploads") == (1, 0)
    run(device, "resume")
    sync(device)
    assert counters(sandbox, "posts", "uploads") == (1, 1)


def test_pause_and_resume_twice_say_that_nothing_changed(device: Device) -> None:
    device.capture_many(1)
    said = [
        run(device, command, "--json").document["changed"]
        for command in ("pause", "pause", "resume", "resume")
    ]
    assert said == [True, False, True, False]


# resync


def forbidden_upload() -> Fault:
    return faults.answer("upload", 403, body="xml", code="AccessDenied")


def test_parked_entry_goes_on_where_it_was(device: Device, sandbox: Sandbox) -> None:
    """The bucket's policy was wrong for an hour: the image goes, the record is not made again."""
    sandbox.faults.add(forbidden_upload())
    (id,) = device.capture_many(1)
    sync(device, expect=3)
    assert states(device) == [("parked", "upload_forbidden")]
    sync(device, expect=3)
    assert resync(device, id[-8:]) == {
        "schema": 1,
        "hastened": 0,
        "released": 1,
        "requeued": 0,
        "skipped": [],
        "warnings": [],
        "drain": "none",
    }
    assert states(device) == [("accepted", None)]
    summary = sync(device)
    assert (summary["sent"], summary["uploaded"]) == (0, 1)
    assert states(device) == [("done", None)]
    assert counters(sandbox, "posts", "uploads") == (1, 1)


def test_dead_entry_is_sent_again_with_the_same_key(device: Device, sandbox: Sandbox) -> None:
    """The site was not known yet; now it is."""
    refusal = sandbox.faults.add(faults.refuse("companyId", 1))
    (id,) = device.capture_many(1)
    sync(device, expect=3)
    sync(device, expect=3)
    assert counters(sandbox, "posts") == (1,)
    sandbox.faults.remove(refusal)
    assert resync(device, id)["requeued"] == 1
    assert states(device) == [("pending", None)]
    sync(device)
    assert counters(sandbox, "posts", "records", "duplicate_records_by_key") == (2, 1, 0)
    keys = {dict(each["headers"]).get("idempotency-key") for each in posts(sandbox)}
    assert keys == {id}


def test_released_entry_has_a_fresh_budget(device: Device, sandbox: Sandbox) -> None:
    """One attempt was all it had; the order gives it another one."""
    device.environment["FIELDSYNC_SYNC__MAX_ATTEMPTS"] = "1"
    sandbox.faults.add(faults.answer("upload", 503, body="xml", code="InternalError"))
    device.capture_many(1)
    sync(device, expect=3)
    assert [(entry["state"], entry["attempts"]) for entry in entries(device)] == [("parked", 1)]
    assert resync(device, "--all")["released"] == 1
    assert [(entry["state"], entry["attempts"]) for entry in entries(device)] == [("accepted", 0)]
    assert sync(device)["uploaded"] == 1


def posts(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [each for each in sandbox.state.journal.requests(server="api") if each["method"] == "POST"]


def test_waiting_upload_is_hastened(device: Device, sandbox: Sandbox) -> None:
    """Backoff would take ten minutes; the technician stands beside the window now."""
    sandbox.faults.add(faults.answer("upload", 503, body="xml", code="InternalError"))
    (id,) = device.capture_many(1)
    sync(device, expect=5)
    assert sync(device, expect=5)["uploaded"] == 0
    assert resync(device, id)["hastened"] == 1
    assert sync(device)["uploaded"] == 1
    assert counters(sandbox, "posts", "uploads") == (1, 1)


def test_resync_without_a_selection_forgets_the_waits_and_releases_nothing(
    device: Device, sandbox: Sandbox
) -> None:
    sandbox.faults.add(forbidden_upload())
    device.capture_many(1)
    sync(device, expect=3)
    sandbox.faults.add(faults.answer("upload", 503, body="xml", code="InternalError"))
    device.capture_many(1, first=2)
    sync(device, expect=3)
    assert resync(device)["hastened"] == 1
    assert sync(device, expect=3)["uploaded"] == 1
    assert [state for state, _ in states(device)] == ["parked", "done"]


def three_troubles(device: Device, sandbox: Sandbox) -> list[str]:
    """One parked (its image was refused), one dead, one waiting for its image; in this order."""
    sandbox.faults.add(forbidden_upload())
    ids = device.capture_many(1)
    sync(device, expect=3)
    sandbox.faults.add(faults.refuse("companyId", 2, times=1))
    ids += device.capture_many(1, first=2)
    sync(device, expect=3)
    sandbox.faults.add(faults.answer("upload", 503, body="xml", code="InternalError"))
    ids += device.capture_many(1, first=3)
    sync(device, expect=3)
    assert [state for state, _ in states(device)] == ["parked", "dead", "accepted"]
    return ids


SELECTIONS = {
    "--all": (1, 1, 1),
    "--state parked": (0, 1, 0),
    "--state dead": (0, 0, 1),
    "--state parked --state dead": (0, 1, 1),
    "--state in_doubt": (0, 0, 0),
    "--reason refused": (0, 0, 1),
    "--reason upload_forbidden": (0, 1, 0),
    "--reason attempts_exhausted": (0, 0, 0),
    "--state dead --reason upload_forbidden": (0, 0, 0),
    "--kind unplanned-preventive": (1, 1, 1),
    "--kind curative": (0, 0, 0),
    "--kind curative --kind unplanned-preventive --reason refused": (0, 0, 1),
}


def ordered(selection: str) -> dict[str, Any]:
    """What `resync --json` has to say to this selection of the three."""
    numbers = dict(zip(("hastened", "released", "requeued"), SELECTIONS[selection], strict=True))
    return {"schema": 1, **numbers, "skipped": [], "warnings": [], "drain": "none"}


def test_dry_run_says_what_each_selection_would_do_and_does_nothing(device: Device, sandbox: Sandbox) -> None:
    three_troubles(device, sandbox)
    before = entries(device)
    for selection in SELECTIONS:
        assert resync(device, *selection.split(), "--dry-run") == ordered(selection), selection
    assert entries(device) == before


def test_reason_that_does_not_exist_is_refused_with_the_nearest(device: Device) -> None:
    """Who mistypes a reason must not believe that nothing was to do."""
    told = run(device, "resync", "--reason", "attempts_exhausetd", "--json")
    assert (told.code, told.error["code"]) == (2, "unknown_reason")
    assert "attempts_exhausted" in told.error["message"]


@pytest.mark.parametrize("selection", ["--all", "--state parked", "--reason refused"])
def test_selection_is_obeyed_and_nothing_else_touched(
    device: Device, sandbox: Sandbox, selection: str
) -> None:
    three_troubles(device, sandbox)
    assert resync(device, *selection.split()) == ordered(selection)
    hastened, released, requeued = SELECTIONS[selection]
    assert [state for state, _ in states(device)] == [
        "accepted" if released else "parked",
        "pending" if requeued else "dead",
        "accepted",
    ]
    assert [entry["due_at"] is None for entry in entries(device)] == [True, True, bool(hastened)]


def test_everything_arrives_once_after_resync_all(device: Device, sandbox: Sandbox) -> None:
    three_troubles(device, sandbox)
    resync(device, "--all")
    sync(device)
    assert states(device) == [("done", None)] * 3
    assert counters(sandbox, "records", "uploads", "repeated_uploads") == (3, 3, 0)


def test_finished_entry_is_skipped_with_a_reason(device: Device) -> None:
    (id,) = device.capture_many(1)
    sync(device)
    assert resync(device, id)["skipped"] == [{"id": id, "why": "it is done"}]


def test_unknown_id_changes_nothing_at_all(device: Device, sandbox: Sandbox) -> None:
    ids = three_troubles(device, sandbox)
    before = entries(device)
    ended = run(device, "resync", ids[0], "ffffffff0000", "--json")
    assert (ended.code, ended.error["code"]) == (6, "no_such_entry")
    assert entries(device) == before


def test_ids_and_a_selection_together_are_refused(device: Device) -> None:
    (id,) = device.capture_many(1)
    ended = run(device, "resync", id, "--all", "--json")
    assert (ended.code, ended.error["code"]) == (2, "usage")


def test_kind_that_does_not_exist_is_refused(device: Device) -> None:
    told = run(device, "resync", "--kind", "curativ", "--json")
    assert (told.code, told.error["code"]) == (2, "unknown_kind")


def hand_over(device: Device, *ids: str) -> None:
    """Give entries to another device, as an export does before it writes its file."""
    database = Database(StorageFolder(device.storage))
    try:
        with database.write() as transaction:
            handovers.hand_over(transaction, list(ids), "a-bundle", now=1)
    finally:
        database.close()


def test_what_was_handed_over_goes_on_only_by_name_and_force_and_with_a_warning(device: Device) -> None:
    """Another device may be sending them: one order for everything must not send them twice."""
    ids = device.capture_many(2)
    hand_over(device, *ids)
    for selection in (["--all"], ["--state", "parked"], ["--reason", "handed_over"], ids):
        done = resync(device, *selection)
        assert ([each["id"] for each in done["skipped"]], done["released"]) == (ids, 0)
    for more in (["--all"], ["--state", "parked"], []):
        refused = run(device, "resync", "--force", *more, "--json")
        assert (refused.code, refused.error["code"]) == (2, "usage")
    assert resync(device, ids[0], "--force", "--dry-run")["released"] == 1
    assert states(device) == [("parked", "handed_over")] * 2
    done = resync(device, ids[0], "--force")
    assert [(each["id"], each["code"]) for each in done["warnings"]] == [(ids[0], "may_be_sent_twice")]
    assert states(device) == [("pending", None), ("parked", "handed_over")]
    ended = run(device, "resync", ids[1], "--force")
    assert f"warning: {ids[1][-8:]}: " in ended.err
    assert "twice" in ended.err


def test_resync_says_what_to_run_where_no_worker_is(device: Device) -> None:
    device.capture_many(1)
    assert "fieldsync sync" in run(device, "resync").err


def test_pause_holds_what_is_captured_for_the_first_time_after_it(device: Device, sandbox: Sandbox) -> None:
    """The order came before the first capture, and counts."""
    assert run(device, "pause", "--json").document["changed"] is True
    device.capture_many(1)
    assert sync(device, expect=5)["stopped_by"] == "paused"
    assert sandbox.state.journal.requests() == []


def test_resync_of_an_empty_outbox_does_nothing(device: Device) -> None:
    assert resync(device, "--all")["hastened"] == 0
    assert "fieldsync sync" not in run(device, "resync", "--all").err


def test_full_disk_is_still_drained_with_the_help_of_the_reserve(
    tmp_path: Path, device: Device, sandbox: Sandbox, small_disk: Path
) -> None:
    """P1: what was captured before the photos filled the tablet must go out, or the disk never empties."""
    device.environment["FIELDSYNC_STORAGE__DIR"] = str(small_disk / "outbox")
    capture(device, 1)
    assert (small_disk / "outbox" / "fieldsync.reserve").stat().st_size > 0
    fill(small_disk)
    assert sync(device, "--wait")["delivered"] == 1
    once(sandbox, 1)


def test_distinct_bodies_stay_distinct() -> None:
    """What the counters of doubled records rest on."""
    assert len({json.dumps(distinct_body(seed)) for seed in range(50)}) == 50


def test_interrupted_sync_ends_with_130_and_the_entry_is_not_lost(device: Device, sandbox: Sandbox) -> None:
    """Ctrl-C while the server thinks: what was on the wire is in doubt, the rest waits."""
    sandbox.faults.add(Fault("hang", route="unplanned", times=None, seconds=600))
    device.environment["FIELDSYNC_SYNC__CONCURRENCY"] = "1"
    device.capture_many(2)
    process: subprocess.Popen[str] = device.start("sync", "--json")
    try:
        eventually(lambda: posts(sandbox))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, out + err
    assert json.loads(out.splitlines()[-1])["stopped_by"] == "interrupted"
    found = [state for state, _ in states(device)]
    assert found[0] in {"in_doubt", "parked"}
    assert found[1] == "pending"
