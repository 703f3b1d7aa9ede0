"""The answer to a planned intervention was lost, and the server is asked.

Unlike the start of finished work, planned hours are chosen by people, chosen by others too, and changed by whoever may:
the list is searched for them with more care. The server is the sandbox; time moves only when told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.rows import iso
from tests.support.api_samples import sample
from tests.support.rig import SandboxRig, keys, sandboxed

UNSTORED = faults.answer("curative", 504)
STORED = faults.lost_answer("curative")
PUMP, FILTER = "Replace the pump of the boiler", "Clean the filter"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    """It has heard from the server before, and so knows the server's time."""
    with sandboxed(tmp_path, api__read_timeout_s=2.0) as rig:
        plan(rig, "The first of the day")
        rig.sync()
        rig.time.passes(86_400.0)
        yield rig


def plan(device: SandboxRig, description: str | None, **changes: Any) -> str:
    body = sample("curative", **changes)
    body.pop("description")
    return device.ask("curative", body if description is None else body | {"description": description})


def of(description: str, fault: Fault) -> Fault:
    """The fault, for the plan with these words alone: several are on their way at once."""
    return replace(fault, when={"description": description})


def goes_on(device: SandboxRig, *seconds: float) -> None:
    """A pass after each of these waits."""
    for wait in seconds:
        device.time.passes(wait)
        device.sync()


def looks(device: SandboxRig, id: str) -> list[str]:
    return [reason or "" for step, _, reason in device.outcomes(id) if step == "lookup"]


def records(device: SandboxRig, description: str | None) -> list[dict[str, Any]]:
    return [each for each in device.sandbox.state.records() if each["body"].get("description") == description]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(STORED, id="reset"),
        pytest.param(faults.truncated("curative"), id="truncated"),
        pytest.param(Fault("hang", "curative", after=True), id="silent"),
        pytest.param(faults.answer("curative", 504, after=True), id="504"),
        pytest.param(faults.answer("curative", 409, after=True), id="409"),
    ],
)
def test_plan_that_the_server_lists_is_adopted_and_never_sent_again(device: SandboxRig, fault: Fault) -> None:
    """P2: the van drives into a tunnel while the office plans a repair."""
    device.sandbox.faults.add(fault)
    id = plan(device, PUMP)
    device.sync()
    assert device.entry(id)["state"] == "in_doubt"
    goes_on(device, 61, 3600)
    entry = device.entry(id)
    (record,) = records(device, PUMP)
    assert (entry["state"], entry["server_id"]) == ("done", record["id"])
    assert looks(device, id) == ["found_at_server"]


def test_plan_that_is_provably_absent_is_sent_again_with_the_same_key(device: SandboxRig) -> None:
    """P2: the gateway gave up and so did the handler; another plan of ours is listed."""
    device.sandbox.faults.add(of(PUMP, UNSTORED))
    id, other = plan(device, PUMP), plan(device, FILTER)
    device.sync()
    goes_on(device, 61, 61)
    assert looks(device, id) == ["lookup_missed", "absent_at_server"]
    assert device.states() == ["done"] * 3
    assert sorted(keys(device.posts())[1:]) == sorted([id, other, id])
    assert (len(records(device, PUMP)), len(records(device, FILTER))) == (1, 1)


def test_finished_work_in_the_list_is_no_proof_that_plans_are_listed(device: SandboxRig) -> None:
    """P2: the technician's role may list visits, and no plans."""
    device.sandbox.faults.add(STORED)
    listed = device.sandbox.state.listed
    device.sandbox.state.listed = lambda: [row for row in listed() if row["actualStart"]]  # type: ignore[method-assign]
    id = plan(device, PUMP)
    device.capture(1)
    device.sync()
    goes_on(device, 61, 900, 3600)
    assert set(looks(device, id)) == {"lookup_blind"}
    assert len(records(device, PUMP)) == 1


@pytest.mark.parametrize("after_s", [0.002, 30])
def test_plan_that_somebody_moved_at_once_is_not_made_a_second_time(
    device: SandboxRig, after_s: float
) -> None:
    """P2: the office, or a program of the office, sees our plan before we know that it arrived, and moves it."""
    device.sandbox.faults.add(of(PUMP, STORED))
    id = plan(device, PUMP)
    plan(device, FILTER)
    device.sync()
    device.time.passes(after_s)
    (record,) = records(device, PUMP)
    moved = {"scheduledStart": "2027-01-01T08:00:00.000Z", "scheduledEnd": "2027-01-01T10:00:00.000Z"}
    assert device.sandbox.state.change_row(record["id"], moved)
    goes_on(device, 61, 61, *[3600] * 30)
    entry = device.entry(id)
    assert (entry["state"], entry["reason"]) == ("parked", "arrival_unknown")
    assert len(records(device, PUMP)) == 1


@pytest.mark.parametrize("theirs", [None, "", "Something else"])
@pytest.mark.parametrize("ours", [None, PUMP])
def test_plan_of_a_colleague_for_the_same_hours_is_never_taken_for_ours(
    device: SandboxRig, ours: str | None, theirs: str | None
) -> None:
    """P1: tomorrow from eight to ten is when everybody plans; ours never arrived, and must not be called done."""
    device.sandbox.faults.add(of(ours, UNSTORED) if ours else replace(UNSTORED, when={"creationStatus": 1}))
    id = plan(device, ours, creationStatus=1)
    plan(device, FILTER)
    device.sync()
    hours = {name: sample("curative")[name] for name in ("scheduledStart", "scheduledEnd")}
    theirs_id = device.sandbox.state.add_row({**hours, "description": theirs})
    goes_on(device, 61, 61, *[3600] * 30)
    entry = device.entry(id)
    assert entry["server_id"] != theirs_id
    assert entry["state"] == "done" or (entry["state"], entry["stage"]) == ("parked", "in_doubt")
    assert len(records(device, ours)) == (entry["state"] == "done")


def test_two_plans_that_are_alike_are_for_a_person(device: SandboxRig) -> None:
    """P2: the same repair for two anomalies, entered twice with the same words; one is there, nobody can say whose."""
    device.sandbox.faults.add(of(PUMP, STORED))
    device.sandbox.faults.add(of(PUMP, UNSTORED))
    ids = [plan(device, PUMP, anomalyIds=[number]) for number in (1, 2)]
    plan(device, FILTER)
    device.sync()
    goes_on(device, 61, 3600)
    assert [device.entry(id)["reason"] for id in ids] == ["several_matches"] * 2
    assert len(records(device, PUMP)) == 1


def test_first_request_ever_is_settled_by_a_person(tmp_path: Path) -> None:
    """P1: the server's time was not known yet, so a plan of last year with the same words might be taken for it."""
    with sandboxed(tmp_path) as device:
        device.sandbox.faults.add(STORED)
        id = plan(device, PUMP)
        device.sync()
        goes_on(device, 61, *[3600] * 30)
        entry = device.entry(id)
        assert (entry["state"], entry["stage"]) == ("parked", "in_doubt")
        assert len(records(device, PUMP)) == 1


def test_fifty_lost_answers_make_no_plan_twice_and_lose_none(device: SandboxRig) -> None:
    """P1, P2: a morning of planning at the edge of the coverage; every third answer is lost, stored or not."""
    for number in range(50):
        if number % 3 == 0:
            fault = UNSTORED if number % 2 else STORED
            device.sandbox.faults.add(of(str(number), fault))
    start = device.time.wall
    ids = [
        plan(device, str(number), scheduledStart=iso(start), scheduledEnd=iso(start.replace(year=2030)))
        for number in range(50)
    ]
    device.sync()
    assert device.counts()["in_doubt"] == 17
    goes_on(device, 61, 61, 61)
    assert device.counts() == {"done": 51}
    made = [record["body"]["description"] for record in device.sandbox.state.records()][1:]
    assert sorted(made, key=int) == [str(number) for number in range(50)]
    assert {device.entry(id)["server_id"] for id in ids} == {
        record["id"] for record in device.sandbox.state.records()[1:]
    }
