"""An update waited while somebody else changed its target: it is held, and only then; a device in reach never asks.

The server is the sandbox; somebody else's edit goes past its API. Time moves only when told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import control
from sync import commands
from sync.commands import Selection
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.rows import iso
from sync.sandbox.server import Sandbox
from tests.support.rig import FakeTime, SandboxRig, sandboxed

HOUR_S = 3600.0
MOVED = {"description": "moved to the morning", "scheduledStart": "2026-05-01T08:00:00.000Z"}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path, api__read_timeout_s=2.0) as rig:
        yield rig


def planned(device: SandboxRig, **values: Any) -> int:
    """An intervention that was planned an hour ago."""
    row = device.sandbox.state.add_row({"description": "as planned", **values})
    device.time.passes(HOUR_S)
    return row


def move(device: SandboxRig, target: int | str, **more: Any) -> str:
    return device.update("preventive-update", str(target), **{**MOVED, **more})


def reads(device: SandboxRig) -> list[str]:
    return [each["target"] for each in device.sandbox.state.journal.requests() if each["method"] == "GET"]


def edits(device: SandboxRig) -> list[dict[str, Any]]:
    return [each["body"] for each in device.sandbox.state.edits()]


def checks(device: SandboxRig, id: str) -> list[tuple[str | None, str | None]]:
    return [(outcome, reason) for step, outcome, reason in device.outcomes(id) if step == "check"]


def test_device_in_reach_of_the_server_asks_nothing(device: SandboxRig) -> None:
    """The office: an update goes at once, or after a short wait."""
    target = planned(device)
    move(device, target)
    device.sync()
    id = move(device, target, description="again")
    device.time.passes(299)
    device.sync()
    assert device.states() == ["done", "done"]
    assert reads(device) == []
    assert checks(device, id) == []


def test_update_that_waited_reads_its_target_once_and_goes(device: SandboxRig) -> None:
    """An hour in the cellar; nobody else was there."""
    target = planned(device)
    id = move(device, target)
    device.time.passes(HOUR_S)
    report = device.sync()
    assert device.entry(id)["state"] == "done"
    assert report.delivered == 1
    assert [read.endswith(f"/interventions/v2/rs/{target}") for read in reads(device)] == [True]
    assert checks(device, id) == [("TargetShown", "check_passed")]
    assert edits(device) == [MOVED]


def test_update_is_held_when_somebody_else_was_faster(device: SandboxRig) -> None:
    """The technician moved the visit in the cellar, the office moved it in the meantime."""
    target = planned(device)
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "pending", "changed_at_server")
    assert checks(device, id) == [("Changed", "changed_at_server")]
    assert entry["server_version"] == {
        "updatedAt": iso(device.sandbox.state.now()),
        "fields": {"description": "the office was faster", "scheduledStart": None},
    }
    assert edits(device) == []
    assert entry["attempts"] == 0
    device.time.passes(HOUR_S)
    device.sync()
    assert len(reads(device)) == 1, "nothing happens by itself"


def test_person_who_has_seen_both_versions_has_it_sent_all_the_same(device: SandboxRig) -> None:
    """The technician rang the office: the morning it is."""
    target = planned(device)
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.sync()
    device.sandbox.state.change_row(target, {"description": "and faster again"})
    device.time.passes(HOUR_S)
    commands.resync(device.database, Selection(ids=(id,)), device.time.clock)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert edits(device) == [MOVED]
    assert len(reads(device)) == 1


def test_what_follows_a_held_update_waits_and_goes_on_with_it(device: SandboxRig) -> None:
    """Two moves of one visit in the cellar: the second must not go where the first was held."""
    target = planned(device)
    ids = [move(device, target), move(device, target, description="and once more")]
    other = move(device, planned(device))
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.sync()
    assert [device.entry(id)["state"] for id in [*ids, other]] == ["parked", "pending", "done"]
    commands.resync(device.database, Selection(ids=(ids[0],)), device.time.clock)
    device.sync()
    assert [device.entry(id)["state"] for id in ids] == ["done", "done"], "our own move is no conflict"
    assert edits(device)[-1]["description"] == "and once more"


def test_own_earlier_change_is_no_conflict(device: SandboxRig) -> None:
    """The visit was made, signed and moved in the cellar: all of it is newer than the move was captured."""
    made = device.capture(1)
    ids = [move(device, f"local:{made}"), move(device, f"local:{made}", description="and once more")]
    device.time.passes(HOUR_S)
    for route in ("preventive", "preventive"):
        device.sandbox.faults.add(faults.answer(route, 503))
        device.sync()
        device.time.passes(HOUR_S)
    device.sync()
    device.sync()
    assert device.states() == ["done"] * 3
    assert checks(device, ids[0]) == [("TargetShown", "check_passed")] * 2
    assert len(reads(device)) == 2


def test_answer_that_has_just_come_is_as_good_as_a_look(device: SandboxRig) -> None:
    """All of a visit's story is sent in one go: nobody need be asked in between."""
    made = device.capture(1)
    ids = [move(device, f"local:{made}"), move(device, f"local:{made}", description="and once more")]
    device.time.passes(HOUR_S)
    device.sync()
    device.sync()
    assert device.states() == ["done"] * 3
    assert reads(device) == []
    assert [checks(device, id) for id in ids] == [[], []]


def test_clock_that_was_ahead_at_the_delivery_hides_no_edit_by_somebody_else(tmp_path: Path) -> None:
    """Its clock was three days ahead when the visit was delivered; what the office did the day after counts."""
    time = FakeTime()
    right, began_s = time.wall, time.mono_s
    with Sandbox(clock=lambda: right + timedelta(seconds=time.mono_s - began_s)) as sandbox:
        device = SandboxRig(tmp_path / "outbox", sandbox, time, api__read_timeout_s=2.0)
        try:
            time.jumps(days=3)
            device.capture(1)
            device.sync()
            visit = device.capture(2)
            device.sync()
            assert device.states() == ["done", "done"]
            time.jumps(days=-3)
            device.sync()
            time.passes(12 * HOUR_S)
            id = move(device, f"local:{visit}")
            time.passes(12 * HOUR_S)
            target = device.entry(visit)["server_id"]
            sandbox.state.change_row(target, {"description": "the office was faster"})
            device.sync()
            assert device.entry(id)["reason"] == "changed_at_server"
            assert edits(device) == []
        finally:
            device.close()


def test_arrival_of_the_signature_is_no_edit_by_somebody_else(device: SandboxRig) -> None:
    """The server notes on the visit that its signature came, a moment after it answered."""
    made = device.capture(1)
    device.sync()
    (server_id,) = device.column("server_id")
    id = move(device, server_id)
    device.time.passes(30)
    device.sandbox.state.change_row(server_id, {})
    device.time.passes(HOUR_S)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert device.entry(made)["state"] == "done"


def test_edit_of_what_this_device_made_is_a_conflict_all_the_same(device: SandboxRig) -> None:
    """The visit is ours; the office moves it all the same."""
    device.capture(1)
    device.sync()
    (server_id,) = device.column("server_id")
    id = move(device, server_id)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(server_id, {"description": "the office was faster"})
    device.sync()
    assert device.entry(id)["reason"] == "changed_at_server"


def test_change_that_is_there_already_is_no_conflict(device: SandboxRig) -> None:
    """The office heard of it by telephone and did the same."""
    target = planned(device)
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, dict(MOVED))
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert checks(device, id) == [("TargetShown", "check_passed")]


def test_own_try_whose_answer_was_lost_is_no_conflict(device: SandboxRig) -> None:
    """Site rules are set and shown by no read: what changed there may well have been this very update."""
    target = planned(device)
    device.sandbox.faults.add(faults.lost_answer("preventive"))
    id = device.update("preventive-update", str(target), siteRuleIds=[4])
    device.time.passes(5)
    device.sync()
    assert device.entry(id)["state"] == "pending"
    device.time.passes(HOUR_S)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert checks(device, id) == [("TargetShown", "check_passed")]


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_refused_read_lets_the_update_go_and_says_so(device: SandboxRig, status: int) -> None:
    """These tokens may change interventions and not read them. That is no reason to hold up anybody."""
    target = planned(device)
    device.sandbox.faults.add(faults.answer("detail", status, times=None))
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["attempts"]) == ("done", 0)
    assert checks(device, id) == [("ReadRefused", "check_refused")]
    assert device.control("pause") is None
    with device.database.read() as transaction:
        assert control.paused_owners(transaction) == {}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(Fault("garbage", "detail", times=None), "check_lost", id="garbage"),
        pytest.param(Fault("hang", "detail", times=None), "check_lost", id="silent"),
        pytest.param(Fault("drop", "detail", times=None), "check_lost", id="dropped"),
        pytest.param(faults.truncated("detail", times=None), "check_lost", id="truncated"),
    ],
)
def test_read_that_is_never_answered_is_tried_three_times(
    device: SandboxRig, fault: Fault, reason: str
) -> None:
    """One page of the server hangs for good; the rest of it works."""
    target = planned(device)
    device.sandbox.faults.add(fault)
    id = move(device, target)
    for _ in range(3):
        device.time.passes(HOUR_S)
        device.sync()
    assert device.entry(id)["state"] == "done"
    assert checks(device, id) == [
        ("ReadLost", reason),
        ("ReadLost", reason),
        ("ReadRefused", "check_refused"),
    ]
    assert edits(device) == [MOVED]


def test_lost_read_that_is_answered_later_still_finds_the_conflict(device: SandboxRig) -> None:
    """The answer to the read is lost on the way; the office was faster all the same."""
    target = planned(device)
    device.sandbox.faults.add(Fault("drop", "detail"))
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.sync()
    assert device.entry(id)["state"] == "pending"
    device.time.passes(60)
    device.sync()
    assert device.entry(id)["reason"] == "changed_at_server"
    assert edits(device) == []


@pytest.mark.parametrize("redirect", [True, False], ids=["redirect", "page"])
def test_portal_is_no_answer_to_the_read(device: SandboxRig, redirect: bool) -> None:
    """A hotel's sign-in page answers: the update waits for the link like everything else."""
    target = planned(device)
    fault = device.sandbox.faults.add(faults.portal("detail", redirect=redirect, times=None))
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["attempts"]) == ("pending", 0)
    assert edits(device) == []
    device.sandbox.faults.remove(fault)
    device.time.passes(HOUR_S)
    device.sync()
    assert device.entry(id)["state"] == "done"


def test_unreachable_server_leaves_the_update_as_it_was(device: SandboxRig) -> None:
    """The van leaves the cellar and drives into the next one."""
    target = planned(device)
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.offline()
    device.sync()
    entry = device.entry(id)
    assert (entry["state"], entry["reason"], entry["attempts"]) == ("pending", "no_connection", 0)
    device.sandbox.online()
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.time.passes(HOUR_S)
    device.sync()
    assert device.entry(id)["reason"] == "changed_at_server"


def test_fresh_look_is_not_repeated_and_an_old_one_is(device: SandboxRig) -> None:
    """The server has trouble right after the look; by the time it is well again the look is old."""
    target = planned(device)
    device.sandbox.faults.add(faults.answer("preventive", 503, times=2))
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sync()
    device.time.passes(10)
    device.sync(forced=True)
    assert device.entry(id)["state"] == "pending"
    assert len(reads(device)) == 1
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.time.passes(HOUR_S)
    device.sync()
    assert len(reads(device)) == 2
    assert device.entry(id)["reason"] == "changed_at_server"
    assert edits(device) == []


def test_server_that_does_not_say_when_it_was_changed_stops_nothing(
    device: SandboxRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without `updatedAt` leaves nothing to compare."""
    target = planned(device)
    detail = device.sandbox.state.detail
    monkeypatch.setattr(
        device.sandbox.state, "detail", lambda row: {**(detail(row) or {}), "updatedAt": None}
    )
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert checks(device, id) == [("TargetShown", "check_untold")]


def test_last_one_to_write_wins_without_a_look_where_the_settings_say_so(tmp_path: Path) -> None:
    """A depot that wants its own plan, whatever the office does."""
    with sandboxed(tmp_path, api__read_timeout_s=2.0, sync__on_conflict="send") as device:
        target = planned(device)
        id = move(device, target)
        device.time.passes(HOUR_S)
        device.sandbox.state.change_row(target, {"description": "the office was faster"})
        device.sync()
        assert device.entry(id)["state"] == "done"
        assert reads(device) == []


@pytest.mark.parametrize("hours", [-2 * 365 * 24, -3, 3])
def test_wrong_clock_of_the_device_hides_no_conflict_and_makes_none(device: SandboxRig, hours: int) -> None:
    """P9: the tablet is hours or years off."""
    first, second = planned(device), planned(device)
    server_now = device.time.wall
    device.sandbox.state.set_options({"clock_offset_s": -hours * HOUR_S})
    device.time.jumps(hours=hours)
    assert abs((device.sandbox.state.now() - server_now).total_seconds()) < 1
    quiet, loud = move(device, first), move(device, second)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(second, {"description": "the office was faster"})
    device.sync()
    assert device.entry(quiet)["state"] == "done"
    assert device.entry(loud)["reason"] == "changed_at_server"


def test_clock_that_is_put_right_while_an_update_waits_hides_no_conflict(device: SandboxRig) -> None:
    """P9: captured with a clock two hours ahead, which the network then sets right."""
    target = planned(device)
    device.time.jumps(hours=2)
    device.sandbox.state.set_options({"clock_offset_s": -7200.0})
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.time.jumps(hours=-2)
    device.sandbox.state.set_options({"clock_offset_s": 0.0})
    device.sync()
    assert device.entry(id)["reason"] == "changed_at_server"


def test_drain_that_dies_while_it_reads_has_sent_nothing(device: SandboxRig) -> None:
    """The battery dies between the read and its answer."""
    target = planned(device)
    id = move(device, target)
    device.time.passes(HOUR_S)
    with device.database.write() as transaction:
        transaction.cursor.execute(
            "UPDATE entry SET lease_owner = 'dead', lease_fence = 7, lease_expires_at = 1, attempt_n = 1"
        )
        transaction.cursor.execute(
            "INSERT INTO attempt (entry_seq, n, step, started_at) SELECT seq, 1, 'check', captured_at FROM entry"
        )
    device.sync()
    entry = device.entry(id)
    assert entry["state"] == "done"
    assert checks(device, id) == [("Interrupted", "interrupted"), ("TargetShown", "check_passed")]
    assert len(edits(device)) == 1


def test_version_that_is_kept_holds_nothing_that_the_update_does_not_set(device: SandboxRig) -> None:
    """P8: codes and names of the intervention are nobody's business here."""
    target = planned(device, codePin=481516, providerName="Ann Example")
    id = move(device, target)
    device.time.passes(HOUR_S)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    device.sync()
    (kept,) = device.column("server_version")
    assert "481516" not in kept
    assert "Ann" not in json.dumps(device.entry(id)["history"]) + kept
