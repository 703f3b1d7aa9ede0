"""The answer to an update with a mail or a notice was lost: the change may be made twice, nobody is written to twice.

The server is the sandbox, which counts mails and notices and ignores keys; time moves only when told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import claims
from storage.errors import IllegalTransition
from sync import commands, settling
from sync.commands import Selection
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.rows import iso
from sync.sandbox.server import Sandbox
from tests.support.rig import FakeTime, SandboxRig, keys, sandboxed

STORED = faults.lost_answer("preventive")
UNSTORED = faults.answer("preventive", 504)
MOVED = {"description": "moved to the morning", "scheduledStart": "2026-05-01T08:00:00.000Z"}
MAIL = {"sendUpdateEmailToCurrentAssignee": True}
DAY_S = 86_400.0


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    """It has never heard from the server: not even the server's time is known."""
    with sandboxed(tmp_path, api__read_timeout_s=2.0) as rig:
        yield rig


def planned(device: SandboxRig, **values: Any) -> int:
    """An intervention that was planned yesterday."""
    yesterday = iso(device.sandbox.state.now().replace(microsecond=0))
    row = device.sandbox.state.add_row(
        {"createdAt": yesterday, "updatedAt": yesterday, "description": "as planned", **values}
    )
    device.time.passes(DAY_S)
    return row


def update(device: SandboxRig, target: int, kind: str = "preventive-update", **body: Any) -> str:
    return device.update(kind, str(target), **body)


def goes_on(device: SandboxRig, *seconds: float) -> None:
    """A pass after each of these waits."""
    for wait in seconds:
        device.time.passes(wait)
        device.sync()


def looks(device: SandboxRig, id: str) -> list[str]:
    return [reason or "" for step, _, reason in device.outcomes(id) if step == "lookup"]


def requests(device: SandboxRig, method: str) -> list[dict[str, Any]]:
    return [each for each in device.sandbox.state.journal.requests() if each["method"] == method]


def bodies(device: SandboxRig) -> list[dict[str, Any]]:
    """What the server carried out."""
    return [each["body"] for each in device.sandbox.state.edits()]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(STORED, id="reset"),
        pytest.param(faults.lost_answer("preventive", how="close"), id="closed"),
        pytest.param(Fault("hang", "preventive", after=True), id="silent"),
        pytest.param(Fault("garbage", "preventive", after=True), id="garbled"),
        pytest.param(faults.answer("preventive", 504, after=True), id="504"),
        pytest.param(faults.answer("preventive", 500, after=True), id="500"),
        pytest.param(faults.answer("preventive", 408, after=True), id="408"),
    ],
)
def test_change_that_is_there_is_sent_again_without_its_mail(device: SandboxRig, fault: Fault) -> None:
    """A visit is moved from the van, the tunnel swallows the answer, and the assignee has the mail already."""
    target = planned(device)
    device.sandbox.faults.add(fault)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    assert device.entry(id)["state"] == "in_doubt"
    goes_on(device, 30, 29)
    assert requests(device, "GET") == [], "not before its settling time"
    goes_on(device, 2)
    entry = device.entry(id)
    assert (entry["state"], entry["server_id"]) == ("done", target)
    assert looks(device, id) == ["change_found"]
    assert bodies(device) == [{**MOVED, **MAIL}, MOVED]
    assert device.counters["mails"] == 1
    first, again = keys(requests(device, "PATCH"))
    assert first != again, "it is another request"
    assert entry["payload"] == {**MOVED, **MAIL}, "what was captured stays"


@pytest.mark.parametrize("fault", [UNSTORED, Fault("hang", "preventive")], ids=["504", "silent"])
def test_update_that_was_certainly_not_carried_out_is_sent_again_as_it_was(
    device: SandboxRig, fault: Fault
) -> None:
    """The gateway gave up and so did the handler: without the mail the assignee would never know."""
    target = planned(device)
    device.sandbox.faults.add(fault)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    goes_on(device, 61)
    assert looks(device, id) == ["lookup_missed"]
    assert len(requests(device, "PATCH")) == 1, "one reading proves nothing"
    goes_on(device, 61)
    assert device.entry(id)["state"] == "done"
    assert looks(device, id) == ["lookup_missed", "absent_at_server"]
    first, again = requests(device, "PATCH")
    assert keys([first]) == keys([again])
    assert bodies(device) == [{**MOVED, **MAIL}]
    assert device.counters["mails"] == 1


def test_slow_handler_that_is_done_after_all_sends_one_mail(
    device: SandboxRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reading comes before the handler is done, the second one after it."""
    target = planned(device)
    device.sandbox.faults.add(UNSTORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    goes_on(device, 61)
    assert looks(device, id) == ["lookup_missed"]
    device.sandbox.state.change_row(target, {**MOVED})
    device.sandbox.state.journal.count("mails")
    goes_on(device, 61)
    assert looks(device, id) == ["lookup_missed", "change_found"]
    assert device.entry(id)["state"] == "done"
    assert device.counters["mails"] == 1


def test_server_that_notes_no_change_is_not_taken_for_one_that_did_nothing(device: SandboxRig) -> None:
    """What the update sets was so before, and the server sees no reason to write down that it came."""
    target = planned(device, **MOVED)
    before = device.sandbox.state.detail(target)
    assert before is not None
    device.sandbox.faults.add(STORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    device.sandbox.state.change_row(target, {"updatedAt": before["updatedAt"]})
    goes_on(device, 61, 61)
    assert device.entry(id)["state"] == "done"
    assert looks(device, id) == ["change_found"]
    assert device.counters["mails"] == 1


def test_notice_is_withheld_where_nothing_tells_whether_the_change_is_there(device: SandboxRig) -> None:
    """A decision is sent and its answer lost; no read shows a decision, so the notification is left alone."""
    target = planned(device)
    device.sandbox.faults.add(faults.lost_answer("verify"))
    body = {"decision": 2, "decisionComment": "no", "notificationId": "n-1"}
    id = update(device, target, "verification", **body)
    device.sync()
    goes_on(device, 61)
    entry = device.entry(id)
    assert entry["state"] == "done"
    assert looks(device, id) == ["notice_withheld"]
    assert bodies(device) == [body, {"decision": 2, "decisionComment": "no"}]
    assert device.counters["notices"] == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_read_is_asked_three_times_and_pauses_nothing(device: SandboxRig, status: int) -> None:
    """These tokens may change interventions and not read them."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    device.sandbox.faults.add(faults.answer("detail", status, times=None))
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    goes_on(device, 61, 61)
    assert device.entry(id)["state"] == "in_doubt"
    goes_on(device, 61)
    assert device.entry(id)["state"] == "done"
    assert looks(device, id) == ["lookup_unavailable", "lookup_unavailable", "notice_withheld"]
    assert device.counters["mails"] == 1
    assert device.control("pause") is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.answer("detail", 503, times=None), "lookup_unavailable"),
        (Fault("drop", "detail", times=None), "lookup_unreachable"),
        (faults.portal("detail", times=None), "lookup_unreachable"),
    ],
)
def test_read_that_gets_no_answer_is_made_again_later(device: SandboxRig, fault: Fault, reason: str) -> None:
    """The server, or the way to it, has a bad hour."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    device.sandbox.faults.add(fault)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    goes_on(device, 61, 300, 600, 1200)
    assert device.entry(id)["state"] == "in_doubt"
    assert set(looks(device, id)) == {reason}
    device.sandbox.faults.clear()
    goes_on(device, 3600, 3600)
    assert device.entry(id)["state"] == "done"
    assert device.counters["mails"] == 1


def test_server_that_shows_nothing_for_a_day_is_taken_for_one_that_does_not_show_it(
    device: SandboxRig,
) -> None:
    """An update must not stay in doubt for ever because one page is broken."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    device.sandbox.faults.add(faults.answer("detail", 500, times=None))
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    goes_on(device, *[3600.0] * 26)
    assert device.entry(id)["state"] == "done"
    assert looks(device, id)[-1] == "notice_withheld"
    assert device.counters["mails"] == 1


def test_update_that_only_writes_to_somebody_is_for_a_person(device: SandboxRig) -> None:
    """There is nothing that could be sent without writing to them once more."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    id = update(device, target, **MAIL)
    device.sync()
    goes_on(device, 61, 3600)
    entry = device.entry(id)
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "in_doubt", "notice_unknown")
    assert device.counters["mails"] == 1
    settling.settle_not_arrived(device.database, id, device.time.clock)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert device.counters["mails"] == 2, "a person ordered it"


def test_person_who_knows_that_it_did_not_arrive_has_it_sent_in_full(device: SandboxRig) -> None:
    """The office rang: nobody has had a mail, and nothing has changed."""
    target = planned(device)
    device.sandbox.faults.add(UNSTORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    settling.settle_not_arrived(device.database, id, device.time.clock)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert bodies(device) == [{**MOVED, **MAIL}]


def test_person_who_knows_that_it_arrived_gives_the_number_that_it_changes(device: SandboxRig) -> None:
    """A slip of the finger must not tie the change to another visit."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    with pytest.raises(IllegalTransition, match=f"it changes {target}, and not {target + 1}"):
        settling.settle_arrived(device.database, id, target + 1, device.time.clock)
    settling.settle_arrived(device.database, id, target, device.time.clock)
    assert (device.entry(id)["state"], device.entry(id)["server_id"]) == ("done", target)


def test_person_who_asks_early_shortens_no_settling_time(device: SandboxRig) -> None:
    """The technician cannot wait; the handler behind the gateway can."""
    target = planned(device)
    device.sandbox.faults.add(UNSTORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    for _ in range(3):
        commands.resync(device.database, Selection(ids=(id,)), device.time.clock)
        goes_on(device, 5)
    assert device.entry(id)["state"] == "in_doubt"
    assert len(requests(device, "PATCH")) == 1
    assert len(requests(device, "GET")) == 3
    goes_on(device, 50, 61)
    assert device.entry(id)["state"] == "done"
    assert device.counters["mails"] == 1


def test_person_who_asks_early_has_nothing_sent_beside_what_may_be_on_its_way(device: SandboxRig) -> None:
    """The decision may still arrive; until that is over not even its quiet form is sent."""
    target = planned(device)
    device.sandbox.faults.add(faults.answer("verify", 504))
    body = {"decision": 2, "decisionComment": "no", "notificationId": "n-1"}
    id = update(device, target, "verification", **body)
    device.sync()
    commands.resync(device.database, Selection(ids=(id,)), device.time.clock)
    goes_on(device, 5)
    assert len(requests(device, "GET")) == 1
    assert len(requests(device, "PATCH")) == 1
    goes_on(device, 56)
    assert device.entry(id)["state"] == "done"
    assert looks(device, id) == ["lookup_missed", "notice_withheld"]


def test_edit_by_somebody_else_after_the_lost_answer_is_not_overwritten(device: SandboxRig) -> None:
    """The office moves the visit again while our own move is in doubt."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    device.time.passes(30)
    device.sandbox.state.change_row(target, {"description": "the office was faster"})
    goes_on(device, 31)
    entry = device.entry(id)
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "in_doubt", "changed_at_server")
    assert entry["server_version"]["fields"]["description"] == "the office was faster"
    assert len(bodies(device)) == 1
    commands.resync(device.database, Selection(ids=(id,)), device.time.clock)
    device.sync()
    assert device.entry(id)["state"] == "done"
    assert bodies(device) == [{**MOVED, **MAIL}, MOVED]
    assert device.counters["mails"] == 1


def test_last_one_to_write_wins_where_the_settings_say_so(tmp_path: Path) -> None:
    """A depot that wants its own plan, whatever the office does."""
    with sandboxed(tmp_path, api__read_timeout_s=2.0, sync__on_conflict="send") as device:
        target = planned(device)
        device.sandbox.faults.add(STORED)
        id = update(device, target, **MOVED, **MAIL)
        device.sync()
        device.time.passes(30)
        device.sandbox.state.change_row(target, {"description": "the office was faster"})
        goes_on(device, 31)
        assert device.entry(id)["state"] == "done"
        assert looks(device, id) == ["notice_withheld"]
        assert bodies(device) == [{**MOVED, **MAIL}, MOVED]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.truncated("preventive"), id="truncated"),
        pytest.param(faults.answer("preventive", 200, after=True, body="{}"), id="empty"),
    ],
)
def test_update_that_the_server_took_is_never_sent_again(device: SandboxRig, fault: Fault) -> None:
    """The answer said yes and broke off; which intervention it is about is known without it."""
    target = planned(device)
    device.sandbox.faults.add(fault)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    assert device.entry(id)["state"] == "in_doubt"
    goes_on(device, 61)
    entry = device.entry(id)
    assert (entry["state"], entry["server_id"]) == ("done", target)
    assert looks(device, id) == ["found_at_server"]
    assert len(bodies(device)) == 1


def test_conflict_that_the_server_tells_of_is_settled_by_what_it_shows(device: SandboxRig) -> None:
    """A 409 to a change that is there is an answer; to one that is not, a question for a person."""
    there, elsewhere = planned(device), planned(device)
    device.sandbox.faults.add(faults.answer("preventive", 409, after=True, target=f"/{there}"))
    device.sandbox.faults.add(faults.answer("preventive", 409, target=f"/{elsewhere}"))
    ids = [update(device, target, **MOVED) for target in (there, elsewhere)]
    device.sync()
    assert device.states() == ["in_doubt", "in_doubt"]
    goes_on(device, 61)
    assert [device.entry(id)["state"] for id in ids] == ["done", "parked"]
    assert device.entry(ids[1])["reason"] == "conflict"
    assert len(requests(device, "PATCH")) == 2


def test_conflict_that_nothing_is_shown_of_is_for_a_person(device: SandboxRig) -> None:
    """The server says that it holds a decision already; whose it is no read tells."""
    target = planned(device)
    device.sandbox.faults.add(faults.answer("verify", 409))
    id = update(device, target, "verification", decision=1, decisionComment="")
    device.sync()
    goes_on(device, 61)
    assert (device.entry(id)["state"], device.entry(id)["reason"]) == ("parked", "conflict")
    assert len(requests(device, "PATCH")) == 1


def test_harmless_update_is_simply_sent_again(device: SandboxRig) -> None:
    """No mail, no notice: nobody need be asked."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    id = update(device, target, **MOVED)
    device.sync()
    assert device.entry(id)["state"] == "pending"
    goes_on(device, 10)
    assert device.entry(id)["state"] == "done"
    assert requests(device, "GET") == []


def test_target_that_is_gone_parks_the_update_and_pauses_nobody(device: SandboxRig) -> None:
    """The office has deleted the visit; the other changes of the day go on."""
    first, second = planned(device), planned(device)
    device.sandbox.faults.add(faults.answer("preventive", 404, when={"description": "gone"}))
    gone = update(device, first, **{**MOVED, "description": "gone"}, **MAIL)
    other = update(device, second, **MOVED, **MAIL)
    device.sync()
    assert (device.entry(gone)["state"], device.entry(gone)["reason"]) == ("parked", "target_missing")
    goes_on(device, 1)
    assert device.entry(other)["state"] == "done"
    assert device.control("pause") is None


def recovered(device: SandboxRig, id: str) -> None:
    """As a recovery leaves what it knows to be captured, and not whether it was sent."""
    time = device.time.clock
    values = {
        **claims.doubt_clock(time.now_ms(), time.monotonic_ms(), time.boot()),
        "state": "in_doubt",
        "reason": "recovered",
        "first_sent_at": time.now_ms(),
    }
    marks = ", ".join(f"{name} = :{name}" for name in values)
    with device.database.write() as transaction:
        transaction.cursor.execute(f"UPDATE entry SET {marks} WHERE id = :id", {**values, "id": id})


@pytest.mark.parametrize("carried_out", [True, False])
def test_update_of_a_recovered_outbox_is_looked_for_by_what_was_captured(
    device: SandboxRig, carried_out: bool
) -> None:
    """The backup is from before it was sent, if it was; its mail must not go out again for that."""
    target = planned(device)
    id = update(device, target, **MOVED, **MAIL)
    if carried_out:
        device.sandbox.state.change_row(target, MOVED)
    recovered(device, id)
    goes_on(device, 61, 61, 61)
    assert device.entry(id)["state"] == "done"
    assert bodies(device) == [MOVED if carried_out else {**MOVED, **MAIL}]
    assert device.counters["mails"] == (0 if carried_out else 1)


def test_what_follows_for_the_same_intervention_waits_for_the_doubt_to_end(device: SandboxRig) -> None:
    """Moved twice in one afternoon: the second move must not be overtaken by the first."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    update(device, target, **MOVED, **MAIL)
    later = update(device, target, description="moved again")
    device.sync()
    assert device.entry(later)["state"] == "pending"
    goes_on(device, 61, 1)
    assert (device.states(), device.entry(later)["reason"]) == (["done", "pending"], "follows_unanswered")
    goes_on(device, 60)
    assert device.states() == ["done", "done"]
    assert [body["description"] for body in bodies(device)] == [MOVED["description"]] * 2 + ["moved again"]


def test_reading_after_a_restart_of_the_device_begins_the_settling_time_anew(device: SandboxRig) -> None:
    """The battery was changed right after the send: nobody knows how long that took."""
    target = planned(device)
    device.sandbox.faults.add(STORED)
    id = update(device, target, **MOVED, **MAIL)
    device.sync()
    device.time.boots_again()
    device.restart()
    goes_on(device, 30)
    assert requests(device, "GET") == []
    goes_on(device, 61)
    assert device.entry(id)["state"] == "done"
    assert device.counters["mails"] == 1


def test_clock_that_was_put_right_while_the_device_was_off_sends_no_second_mail(tmp_path: Path) -> None:
    """A day behind until its restart. By the old difference the send was tomorrow, and all that was seen before it."""
    time = FakeTime()
    right, began = time.wall, [time.mono_s]
    with Sandbox(clock=lambda: right + timedelta(seconds=time.mono_s - began[0])) as sandbox:
        device = SandboxRig(tmp_path / "outbox", sandbox, time, api__read_timeout_s=2.0)
        try:
            time.jumps(days=-1)
            update(device, sandbox.state.add_row({"description": "another"}), description="learns the time")
            device.sync()
            began[0] -= time.mono_s - 10.0
            time.boots_again()
            device.restart()
            time.jumps(days=1)
            target = planned(device)
            sandbox.faults.add(STORED)
            id = update(device, target, **MOVED, **MAIL)
            device.sync()
            assert device.entry(id)["state"] == "in_doubt"
            time.passes(30)
            sandbox.state.change_row(target, {"description": "the office moved it again"})
            goes_on(device, 61, 61, 61)
            assert device.counters["mails"] == 1
            assert (device.entry(id)["state"], device.entry(id)["reason"]) == ("parked", "changed_at_server")
        finally:
            device.close()
