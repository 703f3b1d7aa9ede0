"""The answer was lost and the server is asked: what it has is adopted, what it provably has not is sent again.

The server is the sandbox, which ignores keys; time is the device's own and moves only when told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import doubts
from sync import app, commands, settling
from sync.capture import ImageLimits, Input, capture, check_input
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.options import Options
from tests.support.builders import signature_png
from tests.support.device import distinct_body
from tests.support.rig import SandboxRig, assert_delivered_once, keys, sandboxed

QUIET_S = 2.0  # one test waits it out; shorter ones fail on a busy machine
UNSTORED = faults.answer("unplanned", 504)
STORED = faults.lost_answer("unplanned")


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path, api__read_timeout_s=QUIET_S) as rig:
        yield rig


def lists(device: SandboxRig) -> list[dict[str, Any]]:
    """Every page that was asked for."""
    requests = device.sandbox.state.journal.requests()
    return [each for each in requests if each["method"] == "GET" and "/rs?" in each["target"]]


def goes_on(device: SandboxRig, *seconds: float) -> None:
    """A pass after each of these waits."""
    for wait in seconds:
        device.time.passes(wait)
        device.sync()


def looks(device: SandboxRig, id: str) -> list[str]:
    return [reason or "" for step, _, reason in device.outcomes(id) if step == "lookup"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(STORED, id="reset"),
        pytest.param(faults.lost_answer("unplanned", how="close"), id="closed"),
        pytest.param(faults.truncated("unplanned"), id="truncated"),
        pytest.param(Fault("hang", "unplanned", after=True), id="silent"),
        pytest.param(Fault("garbage", "unplanned", after=True), id="garbled"),
        pytest.param(faults.answer("unplanned", 504, after=True), id="504"),
        pytest.param(faults.answer("unplanned", 500, after=True), id="500"),
        pytest.param(faults.answer("unplanned", 409, after=True), id="409"),
    ],
)
def test_record_that_the_server_lists_is_adopted_and_never_sent_again(
    device: SandboxRig, fault: Fault
) -> None:
    """P2: the lift door closes while the server answers; a minute later the server is asked."""
    device.sandbox.faults.add(fault)
    id = device.capture(1)
    device.sync()
    assert device.entry(id)["state"] == "in_doubt"
    goes_on(device, 30, 29)
    assert lists(device) == [], "not before its settling time"
    goes_on(device, 2, 3600, 3600)
    entry = device.entry(id)
    assert entry["server_id"] == device.sandbox.state.records()[0]["id"]
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "accepted", "signature_url_lost")
    assert len(device.posts()) == 1
    assert looks(device, id) == ["found_at_server"]
    assert entry["receipts"][0]["adopted"] is True


def test_record_that_is_provably_absent_is_sent_again_with_the_same_key_and_bytes(device: SandboxRig) -> None:
    """P2: the gateway gave up and so did the handler; another visit shows that the list shows ours."""
    device.sandbox.faults.add(UNSTORED)
    ids = device.capture_many(2)
    device.sync()
    assert device.states() == ["in_doubt", "done"]
    goes_on(device, 61)
    assert looks(device, ids[0]) == ["lookup_missed"]
    goes_on(device, 58)
    assert len(device.posts()) == 2, "one miss proves nothing"
    goes_on(device, 3)
    assert device.states() == ["done", "done"]
    assert looks(device, ids[0]) == ["lookup_missed", "absent_at_server"]
    first, _, again = device.posts()
    assert keys([first, again]) == [ids[0]] * 2
    assert first["body_sha256"] == again["body_sha256"]
    assert {record["idempotency_key"] for record in device.sandbox.state.records()} == set(ids)


def test_first_look_up_however_late_is_not_enough(device: SandboxRig) -> None:
    """P2: the tablet was in a drawer until the settling time was long over; one page may be a stale one."""
    device.sandbox.faults.add(UNSTORED)
    ids = device.capture_many(2)
    device.sync()
    goes_on(device, 3600)
    assert looks(device, ids[0]) == ["lookup_missed"]
    assert len(device.posts()) == 2
    goes_on(device, 61)
    assert device.states() == ["done", "done"]


def test_empty_list_is_no_proof_of_absence(device: SandboxRig) -> None:
    """P2: the very first visit of a new device; its role may simply see nothing."""
    device.sandbox.faults.add(UNSTORED)
    id = device.capture(1)
    device.sync()
    goes_on(device, 61, 200, 400, 900)
    assert device.entry(id)["state"] == "in_doubt"
    assert device.entry(id)["reason"] == "lookup_blind"
    device.capture(2)
    device.sync()
    goes_on(device, 900, 61)
    assert device.states() == ["done", "done"], "a record of ours in the list makes the misses count"


def test_old_record_of_ours_is_no_proof_that_the_list_shows_new_ones(
    device: SandboxRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P2: the list says nothing of when things were made, and what it shows of ours is from last week."""
    listed = device.sandbox.state.listed
    monkeypatch.setattr(
        device.sandbox.state,
        "listed",
        lambda: [{k: v for k, v in row.items() if k != "createdAt"} for row in listed()],
    )
    old = device.capture(1)
    device.sync()
    device.time.passes(7 * 86_400)
    device.sandbox.faults.add(UNSTORED)
    id = device.capture(2)
    device.sync()
    goes_on(device, 61, 61, 900)
    assert device.entry(old)["state"] == "done"
    assert device.entry(id)["reason"] == "lookup_blind"
    device.capture(3)
    device.sync()
    goes_on(device, 3600, 61)
    assert device.states() == ["done"] * 3


def test_list_that_hides_our_records_never_leads_to_a_second_one(device: SandboxRig) -> None:
    """P2: the tokens may read the interventions of others only."""
    device.sandbox.state.add_row({})
    device.sandbox.state.set_options({"list_hidden": True})
    device.sandbox.faults.add(STORED)
    ids = device.capture_many(2)
    device.sync()
    for _ in range(40):
        goes_on(device, 3600)
    entry = device.entry(ids[0])
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "in_doubt", "arrival_unknown")
    assert set(looks(device, ids[0])) == {"lookup_blind", "arrival_unknown"}
    assert len(device.posts()) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_list_that_is_refused_pauses_nothing_and_ends_with_a_person(device: SandboxRig, status: int) -> None:
    """P2, P6: the technician's tokens may create and may not list."""
    device.sandbox.faults.add(faults.answer("list", status, message="Unauthorized", times=None))
    device.sandbox.faults.add(STORED)
    ids = device.capture_many(2)
    device.sync()
    goes_on(device, 61, 900, 900)
    assert device.states() == ["in_doubt", "done"]
    assert device.entry(ids[0])["reason"] == "lookup_unavailable"
    device.capture(3)
    device.sync()
    assert device.states() == ["in_doubt", "done", "done"], "everything else goes on"
    for _ in range(26):
        goes_on(device, 3600)
    assert device.entry(ids[0])["reason"] == "arrival_unknown"
    assert device.entry(ids[0])["attempts"] == 1, "a look-up is no attempt"
    assert len(device.posts()) == 3


def test_list_longer_than_its_bound_proves_nothing(tmp_path: Path) -> None:
    """P2: an organisation with a hundred thousand interventions."""
    with sandboxed(tmp_path, lookup__page_size=2, lookup__max_pages=2) as device:
        device.sandbox.faults.add(UNSTORED)
        ids = device.capture_many(6)
        device.sync()
        goes_on(device, 61, 900)
        assert device.entry(ids[0])["reason"] == "lookup_incomplete"
        assert len(device.posts()) == 6


@pytest.mark.parametrize("page_size", [1, 2, 5, 6, 7, 50])
def test_list_is_read_to_its_end_whatever_the_page_size(tmp_path: Path, page_size: int) -> None:
    with sandboxed(tmp_path, lookup__page_size=page_size) as device:
        device.sandbox.faults.add(STORED)
        device.sandbox.faults.add(UNSTORED)
        ids = device.capture_many(6)
        device.sync()
        goes_on(device, 61, 61)
        assert device.states() == ["parked", "done", "done", "done", "done", "done"]
        assert len(device.sandbox.state.records()) == 6
        assert device.entry(ids[0])["server_id"] is not None


@pytest.mark.parametrize(("page_size", "complete"), [(50, True), (2, True), (5, False)])
def test_server_that_knows_no_page_behind_the_last(tmp_path: Path, page_size: int, complete: bool) -> None:
    """P2: page 404 behind a short page is the end; behind a full one nobody knows."""
    with sandboxed(tmp_path, lookup__page_size=page_size) as device:
        device.sandbox.faults.add(UNSTORED)
        ids = device.capture_many(6)
        device.sync()
        behind = -(-5 // page_size) + 1
        device.sandbox.faults.add(faults.answer("list", 404, target=f"page={behind}&", times=None))
        goes_on(device, 61)
        assert looks(device, ids[0]) == ["lookup_missed" if complete else "lookup_unavailable"]


def test_window_and_filters_of_the_settings_are_asked_for(tmp_path: Path) -> None:
    parameters = ["whereCreatedAt={from}|{to}", "extend=rule"]
    with sandboxed(tmp_path, lookup__parameters=parameters, lookup__newest_first=True) as device:
        device.sync()
        device.capture(1)
        device.sync()  # an answer, by which the server's time is known
        device.sandbox.faults.add(STORED)
        device.capture(2)
        device.sync()
        sent_at = device.time.wall
        goes_on(device, 61)
        (page, *_) = lists(device)
        begin = (sent_at - timedelta(minutes=5)).strftime("%Y-%m-%dT%H%%3A%M")
        end = (sent_at + timedelta(minutes=30)).strftime("%Y-%m-%dT%H%%3A%M")
        assert f"whereCreatedAt={begin}" in page["target"]
        assert end in page["target"]
        assert "extend=rule" in page["target"]


def test_colleague_who_started_at_the_same_moment_is_not_taken_for_us(device: SandboxRig) -> None:
    """P2: rounded starts collide; the record by its id shows whose work it is."""
    device.sandbox.faults.add(UNSTORED)
    ids = device.capture_many(2)
    start = device.entry(ids[0])["payload"]["actualStart"]
    rule = device.entry(ids[0])["payload"]["ruleIds"][0]
    theirs = {"actualStart": start, "providerName": "Somebody Else", "ruleIds": [rule]}
    device.sandbox.state.add_row(theirs)
    device.sync()
    goes_on(device, 61, 61)
    assert device.states() == ["done", "done"]
    assert looks(device, ids[0]) == ["lookup_missed", "absent_at_server"]
    assert {record["idempotency_key"] for record in device.sandbox.state.records()} == set(ids)


def test_two_captures_with_one_start_are_for_a_person(device: SandboxRig) -> None:
    """P2: the tablet app rounds to the minute; one record is there, and nobody can say whose."""
    device.sandbox.faults.add(STORED)
    device.sandbox.faults.add(UNSTORED)
    ids = [_capture_at(device, seed, "2026-03-02T10:15:00Z") for seed in (1, 2)]
    ids.append(device.capture(3))
    device.sync()
    goes_on(device, 61)
    assert [device.entry(id)["reason"] for id in ids[:2]] == ["several_matches"] * 2
    goes_on(device, 3600, 3600)
    assert len(device.posts()) == 3


def _capture_at(device: SandboxRig, seed: int, start: str) -> str:
    body = json.dumps({**distinct_body(seed), "actualStart": start}).encode()
    checked = check_input(
        Input("unplanned-preventive", body, signature_png(seed)), ImageLimits(2**21, 4_000_000)
    )
    clock = device.time.clock
    return capture(device.database, checked, clock=clock, new_id=app.new_id(clock), owner=None).id


def test_server_that_keeps_whole_seconds_is_recognised_by_our_own_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P2: actualStart comes back without its milliseconds; nothing would ever match, and all be sent twice."""
    with sandboxed(tmp_path, lookup__details=False) as device:
        device.time.wall = device.time.wall.replace(microsecond=345_000)
        listed = device.sandbox.state.listed

        def seconds_only() -> list[dict[str, Any]]:
            return [{**row, "actualStart": f"{row['actualStart'][:19]}.000Z"} for row in listed()]

        monkeypatch.setattr(device.sandbox.state, "listed", seconds_only)
        device.sandbox.faults.add(STORED)
        ids = [device.capture(1)]
        device.time.passes(2)
        ids.append(device.capture(2))
        device.sync()
        goes_on(device, 61, 61, 61)
        assert looks(device, ids[0]) == ["found_at_server"]
        assert len(device.posts()) == 2


def _signed_in_user(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "providerName": "Signed-in User 7"}


def _other_rules(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "rule": {"id": 90_000}}


def _cut_to_minutes(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "actualStart": f"{row['actualStart'][:17]}00.000Z"}


def _cut_to_seconds(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "actualStart": f"{row['actualStart'][:19]}.000Z"}


@pytest.mark.parametrize("shown", [_signed_in_user, _other_rules, _cut_to_minutes, _cut_to_seconds])
def test_list_that_shows_things_in_its_own_way_never_leads_to_a_second_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Any
) -> None:
    """P2: nobody documents what the list shows; our own record, on a full minute, looks right all the same."""
    with sandboxed(tmp_path, lookup__details=False) as device:
        device.time.wall = device.time.wall.replace(second=31, microsecond=472_000)
        listed = device.sandbox.state.listed
        monkeypatch.setattr(device.sandbox.state, "listed", lambda: [shown(row) for row in listed()])
        _capture_at(device, 1, "2026-03-02T10:15:00Z")
        device.sync()
        device.sandbox.faults.add(STORED)
        id = device.capture(2)
        device.sync()
        goes_on(device, 61, 61, 900, 3600)
        assert len(device.posts()) == 2
        assert len(device.sandbox.state.records()) == 2
        assert device.entry(id)["state"] in ("in_doubt", "parked")


def _first_twenty(rows: list[dict[str, Any]], page: int, size: int) -> list[dict[str, Any]]:
    return rows[:20]


def _counted_from_0(rows: list[dict[str, Any]], page: int, size: int) -> list[dict[str, Any]]:
    return rows[page * size : (page + 1) * size]


@pytest.mark.parametrize("paging", [_first_twenty, _counted_from_0])
@pytest.mark.parametrize("total", [False, True])
def test_list_that_pages_in_its_own_way_never_leads_to_a_second_record(
    tmp_path: Path, paging: Any, total: bool
) -> None:
    """P2: page numbers are ignored, or begin with 0, and the total is that of the page."""
    with sandboxed(tmp_path, lookup__page_size=50) as device:
        fakes = device.sandbox.state
        for number in range(60):
            fakes.add_row({"actualStart": f"2026-02-{number % 27 + 1:02}T10:00:00.111Z"})
        device.capture(1)
        device.sync()
        device.sandbox.faults.add(STORED)
        id = device.capture(2)
        device.sync()

        def answer(page: int) -> dict[str, Any]:
            witness, ours = (record["id"] for record in fakes.records())
            # What is read shows the witness, and the one that is looked for stands where it is not read.
            first, last = (ours, witness) if paging is _counted_from_0 else (witness, ours)
            rows = sorted(fakes.listed(), key=lambda row: (row["id"] != first, row["id"] == last))
            shown = paging(rows, page, 50)
            return {"data": shown, **({"totalCount": len(shown)} if total else {})}

        for page in range(9):
            fault = faults.answer("list", 200, target=f"page={page}&", times=None)
            device.sandbox.faults.add(replace(fault, body=answer(page)))
        goes_on(device, 61, 61, 900, 3600)
        assert len(device.posts()) == 2
        assert len(fakes.records()) == 2
        if paging is _counted_from_0:
            assert device.entry(id)["server_id"] is not None


def test_server_that_lists_other_starts_than_were_sent_proves_nothing(
    device: SandboxRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P2: it shows when it received the call instead; then the list cannot be searched."""
    listed = device.sandbox.state.listed
    monkeypatch.setattr(
        device.sandbox.state,
        "listed",
        lambda: [{**row, "actualStart": "2001-01-01T00:00:00.000Z"} for row in listed()],
    )
    device.sandbox.faults.add(STORED)
    ids = device.capture_many(2)
    device.sync()
    goes_on(device, 61, 900, 900)
    assert device.entry(ids[0])["reason"] == "lookup_unclear"
    assert len(device.posts()) == 2


def test_lag_of_the_list_within_the_assumption_creates_nothing_twice(device: SandboxRig) -> None:
    """P2: what is stored is listed 119 s later; the misses before that must not be enough."""
    device.sandbox.state.set_options({"list_lag_s": 115.0})
    device.sandbox.faults.add(STORED)
    ids = device.capture_many(2)
    device.sync()
    for _ in range(20):
        goes_on(device, 15)
    assert device.entry(ids[0])["server_id"] is not None
    assert len(device.posts()) == 2


def test_reboot_starts_settling_time_and_misses_again(device: SandboxRig) -> None:
    """P2: the battery is changed in between; monotonic time of another boot says nothing."""
    device.sandbox.faults.add(UNSTORED)
    ids = device.capture_many(2)
    device.sync()
    goes_on(device, 61)
    assert looks(device, ids[0]) == ["lookup_missed"]
    device.time.boots_again()
    device.restart()
    device.sync()
    goes_on(device, 59)
    assert looks(device, ids[0]) == ["lookup_missed"]
    goes_on(device, 2)
    assert looks(device, ids[0]) == ["lookup_missed", "lookup_missed"]
    assert len(device.posts()) == 2, "the miss before the reboot does not count"
    goes_on(device, 61)
    assert device.states() == ["done", "done"]


def test_clock_that_jumps_ahead_shortens_nothing(device: SandboxRig) -> None:
    """P9: the tablet finds out that it is three days later; the first request may still lie in a queue."""
    device.sandbox.faults.add(UNSTORED)
    device.capture_many(2)
    device.sync()
    device.time.jumps(days=3)
    goes_on(device, 1, 1)
    assert lists(device) == []
    goes_on(device, 60, 30)
    assert len(device.posts()) == 2


def test_resync_hastens_the_look_up_and_shortens_no_settling_time(device: SandboxRig) -> None:
    """P2: a person presses resync ten times."""
    device.sandbox.faults.add(UNSTORED)
    ids = device.capture_many(2)
    device.sync()
    for _ in range(10):
        done = commands.resync(device.database, commands.Selection(ids=(ids[0],)), device.time.clock)
        assert done.hastened == 1
        device.time.passes(2)
        device.sync(forced=True)
    assert set(looks(device, ids[0])) == {"lookup_missed"}
    assert len(looks(device, ids[0])) == 10, "asked at once"
    with device.database.read() as transaction:
        assert [each.clean_misses for each in doubts.in_doubt(transaction)] == [0]
    assert len(device.posts()) == 2


def test_resync_finds_at_once_what_the_server_already_lists(device: SandboxRig) -> None:
    device.sandbox.faults.add(STORED)
    id = device.capture(1)
    device.sync()
    commands.resync(device.database, commands.Selection(), device.time.clock)
    device.sync(forced=True)
    assert device.entry(id)["server_id"] is not None


def test_one_reading_serves_all_entries_in_doubt(device: SandboxRig) -> None:
    """P10: three hundred lost answers are no reason to read the list three hundred times."""
    device.sandbox.faults.add(faults.lost_answer("unplanned", times=30))
    device.capture_many(31)
    device.sync()
    goes_on(device, 61)
    assert device.counts() == {"parked": 30, "done": 1}
    assert len(lists(device)) == 3, "the page, the empty one behind it, and page 0"


def test_only_worker_takes_turns_between_sends_and_look_ups(tmp_path: Path) -> None:
    """P3: one thing at a time and visit after visit; what is in doubt must not wait for a quiet day."""
    with sandboxed(tmp_path, sync__concurrency=1) as device:
        device.sandbox.faults.add(STORED)
        id = device.capture(1)
        device.sync()
        device.time.passes(61)
        device.capture_many(6, first=2)
        device.sync()
        methods = [each["method"] for each in device.sandbox.state.journal.requests()]
        assert "GET" in methods[: methods.index("PUT") + 3], "looked up long before the queue was empty"
        assert device.entry(id)["server_id"] is not None


def test_offline_look_up_counts_for_nothing(device: SandboxRig) -> None:
    """P2: the tablet goes into a basement right after; a day there is no day of asking."""
    device.sandbox.faults.add(STORED)
    id = device.capture(1)
    device.sync()
    device.sandbox.offline("api")
    for _ in range(30):
        goes_on(device, 3600)
    assert device.entry(id)["state"] == "in_doubt"
    device.sandbox.online("api")
    goes_on(device, 3600)
    assert device.entry(id)["server_id"] is not None


def test_key_is_sent_again_while_the_server_remembers_it(tmp_path: Path) -> None:
    """P2: a server that is known to honour keys; the second answer brings the URL as well."""
    with sandboxed(tmp_path, options=Options(honour_keys=True), sync__in_doubt="key") as device:
        device.sandbox.faults.add(STORED)
        id = device.capture(1)
        device.sync()
        goes_on(device, 61)
        assert lists(device) == []
        assert_delivered_once(device.sandbox, [id])
        assert keys(device.posts()) == [id, id]


def test_key_that_is_a_day_old_is_looked_up_instead(tmp_path: Path) -> None:
    """P2: the tablet lay in a drawer over night; the server may have forgotten the key."""
    with sandboxed(tmp_path, sync__in_doubt="key") as device:
        device.sandbox.faults.add(STORED)
        id = device.capture(1)
        device.sync()
        device.time.passes(86_400)
        device.sync()
        assert device.entry(id)["server_id"] is not None
        assert len(device.posts()) == 1


def test_paused_queue_asks_nothing(device: SandboxRig) -> None:
    device.sandbox.faults.add(STORED)
    device.capture(1)
    device.sync()
    commands.pause(device.database, "lunch", device.time.clock)
    goes_on(device, 61, 900)
    assert lists(device) == []
    commands.resume(device.database, device.time.clock)
    device.sync()
    assert len(lists(device)) > 0


@pytest.mark.parametrize("strategy", ["lookup", "hold"])
def test_word_of_a_person_ends_the_doubt(tmp_path: Path, strategy: str) -> None:
    """P2, P3: somebody has looked, and says so; that is recorded and nothing else decides any more."""
    with sandboxed(tmp_path, sync__in_doubt=strategy) as device:
        device.sandbox.faults.add(faults.lost_answer("unplanned", times=1))
        device.sandbox.faults.add(faults.answer("unplanned", 504, times=2))
        ids = device.capture_many(3)
        device.sync()
        clock = device.time.clock
        server_id = device.sandbox.state.records()[0]["id"]
        assert settling.settle_arrived(device.database, ids[0], server_id, clock).state == "accepted"
        assert settling.settle_not_arrived(device.database, ids[1], clock).state == "pending"
        assert settling.discard(device.database, ids[2], "visited twice", clock).may_exist
        device.sync()
        assert [device.entry(id)["state"] for id in ids] == ["parked", "done", "discarded"]
        assert [device.outcomes(id)[1] for id in ids] == [
            ("person", "Settled", "said_arrived"),
            ("person", "Settled", "said_not_arrived"),
            ("person", "Discarded", "discarded"),
        ]
        assert settling.settle_unsigned(device.database, ids[0], clock).state == "done"
        assert device.entry(ids[2])["note"] == "visited twice"
        assert len(device.sandbox.state.records()) == 2
