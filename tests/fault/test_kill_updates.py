"""The process dies at each point of a pass that reads what an update changes, before it is sent or after a lost answer.

As in `test_kill_points.py`: SIGKILL around each commit and each exchange, then a healthy drain finishes the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sync.sandbox import faults
from sync.sandbox.rows import iso
from sync.sandbox.server import Sandbox
from tests.support.death import COMMIT_POINTS
from tests.support.mortals import Field, Mortals, finish
from tests.support.rig import SandboxRig

TARGET = 501
BODY = {"description": "moved to the morning", "sendUpdateEmailToCurrentAssignee": True}
POINTS = (*COMMIT_POINTS, "before-post", "after-post")


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    made = Mortals("dying_drain")
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


def planned(sandbox: Sandbox, *, description: str, hours_ago: float) -> None:
    """The server forgets everything but this one intervention."""
    sandbox.reset()
    at = iso(sandbox.state.now() - timedelta(hours=hours_ago))
    sandbox.state.add_row({"id": TARGET, "description": description, "createdAt": at, "updatedAt": at})


@pytest.mark.parametrize("at", POINTS)
def test_every_death_between_the_look_and_the_answer_ends_with_one_mail(
    tmp_path: Path, sandbox: Sandbox, mortals: Mortals, at: str
) -> None:
    """The battery falls out between the look at the visit and the answer to its move."""

    def row() -> None:
        planned(sandbox, description="as planned", hours_ago=24)

    row()
    field = Field(tmp_path, sandbox, lambda rig: [rig.update("preventive-update", str(TARGET), **BODY)])
    died = 0
    for died, rig in enumerate(field.deaths_at(mortals, at, row, conflict_after_s=0.0), 1):
        finish(rig)
        assert rig.counts() == {"done": 1}, f"{at} {died}: {rig.entry(field.ids[0])}"
        edits = [each["body"] for each in sandbox.state.edits()]
        assert edits[0] == BODY, f"{at} {died}"
        assert sandbox.state.journal.counters()["mails"] == 1, f"{at} {died}: {edits}"
        shown = sandbox.state.detail(TARGET)
        assert shown is not None
        assert shown["description"] == BODY["description"]
    assert died >= (4 if at in COMMIT_POINTS else 2), "the look, its end, the send and its end"


@pytest.mark.parametrize("at", POINTS)
def test_every_death_after_a_lost_answer_sends_no_second_mail(
    tmp_path: Path, sandbox: Sandbox, mortals: Mortals, at: str
) -> None:
    """The move is there and its mail is out; the tablet dies while it finds out."""

    def lost(rig: SandboxRig) -> list[str]:
        sandbox.faults.add(faults.lost_answer("preventive"))
        id = rig.update("preventive-update", str(TARGET), **BODY)
        rig.sync()
        assert rig.entry(id)["state"] == "in_doubt"
        return [id]

    planned(sandbox, description="as planned", hours_ago=24)
    field = Field(tmp_path, sandbox, lost)

    def row() -> None:
        planned(sandbox, description=BODY["description"], hours_ago=0)

    died = 0
    for died, rig in enumerate(field.deaths_at(mortals, at, row, settle_s=0.0, lookup_gap_s=0.0), 1):
        finish(rig)
        assert rig.counts() == {"done": 1}, f"{at} {died}: {rig.entry(field.ids[0])}"
        edits = [each["body"] for each in sandbox.state.edits()]
        assert edits, f"{at} {died}"
        assert {"description": BODY["description"]} in edits, f"{at} {died}"
        assert sandbox.state.journal.counters()["mails"] == 0, f"{at} {died}: {edits}"
    assert died >= (4 if at in COMMIT_POINTS else 2), "the look, its end, the send and its end"
