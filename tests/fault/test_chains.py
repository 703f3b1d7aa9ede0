"""Entries that hang on each other before any of them is at the server: they arrive in order, with real ids.

The server is the sandbox; each death is that of a process, by SIGKILL.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from sync import commands, settling
from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from tests.support.death import COMMIT_POINTS
from tests.support.dying_drain import WIRE_POINTS
from tests.support.mortals import Field, Mortals, finish
from tests.support.rig import SandboxRig, sandboxed

CHAINS = 50
ROUTES = ["preventive", "verify"]
# The clock of the healthy device is moved, that of the server is the real one: nothing to compare times by.
CLOCKS_PART: dict[str, Any] = {"on_conflict": "send"}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    made = Mortals("dying_drain")
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


def update(rig: SandboxRig, target: str, description: str, **more: Any) -> str:
    return rig.update("preventive-update", target, description=description, **more)


def verify(rig: SandboxRig, target: str, comment: str = "Seen") -> str:
    return rig.update("verification", target, decision=1, decisionComment=comment)


def chain(rig: SandboxRig, seed: int = 1) -> list[str]:
    """Visited, corrected, accepted; nothing of it is at the server yet."""
    visit = rig.capture(seed)
    return [visit, update(rig, f"local:{visit}", f"Corrected {seed}"), verify(rig, f"local:{visit[-12:]}")]


def made(sandbox: Sandbox) -> dict[str, int]:
    """The server id of what each entry created."""
    records = sandbox.state.records()
    assert len({record["idempotency_key"] for record in records}) == len(records), "a record came twice"
    return {record["idempotency_key"]: record["id"] for record in records}


def changes(sandbox: Sandbox, server_id: int) -> list[str]:
    """The keys of the updates that arrived for it, in order. One that came twice in a row is one."""
    keys = [edit["idempotency_key"] for edit in sandbox.state.edits() if edit["id"] == server_id]
    return [key for key, _ in groupby(keys)]


def assert_in_order(sandbox: Sandbox, ids: list[str]) -> None:
    """One record, and behind it every change of it once, in capture order."""
    assert changes(sandbox, made(sandbox)[ids[0]]) == ids[1:]


def test_chain_of_local_ids_arrives_in_order_with_real_ids(device: SandboxRig) -> None:
    """A visit is recorded, corrected and accepted in a cellar; above ground one pass delivers all three."""
    ids = chain(device)
    report = device.sync()
    assert (report.delivered, report.waiting, report.needs_action) == (3, 0, 0)
    assert_in_order(device.sandbox, ids)
    server_id = made(device.sandbox)[ids[0]]
    seen = [(each["method"], each["target"]) for each in device.sandbox.state.journal.requests()]
    sent = [each for each in seen if each[0] in ("POST", "PATCH")]
    assert [method for method, _ in sent] == ["POST", "PATCH", "PATCH"]
    assert sent[1][1].endswith(f"/rs/preventive/{server_id}")
    assert sent[2][1].endswith(f"/rs/{server_id}/verify")
    assert all("local" not in target for _, target in sent)
    assert [device.entry(id)["state"] for id in ids] == ["done"] * 3


@pytest.mark.parametrize("at", [*COMMIT_POINTS, *WIRE_POINTS])
def test_chain_survives_every_death_in_order(
    tmp_path: Path, sandbox: Sandbox, mortals: Mortals, at: str
) -> None:
    """The battery falls out between any two steps of a chain; the next start finishes it, in order."""
    sandbox.reset()
    field = Field(tmp_path, sandbox, chain)
    died = 0
    for died, rig in enumerate(
        field.deaths(mortals, at, honour_keys=True, in_doubt="resend", settle_s=0.0, **CLOCKS_PART), 1
    ):
        finish(rig)
        assert rig.counts() == {"done": 3}, f"{at} {died}: {rig.entries()}"
        assert_in_order(sandbox, field.ids)
    # The signature is put once, the rest is sent; what is claimed and what is recorded may share a commit.
    assert died >= {"before-put": 1, "after-put": 1}.get(at, 3), at


@pytest.mark.parametrize("at", [*COMMIT_POINTS, *WIRE_POINTS])
def test_children_wait_for_a_visit_that_may_have_arrived(
    tmp_path: Path, sandbox: Sandbox, mortals: Mortals, at: str
) -> None:
    """It died while sending, and a person is asked; what the person says lets the children go, by themselves."""
    sandbox.reset()
    field = Field(tmp_path, sandbox, chain)
    asked = 0
    for number, rig in enumerate(
        field.deaths(mortals, at, honour_keys=False, in_doubt="hold", **CLOCKS_PART), 1
    ):
        finish(rig)
        where = f"{at} {number}: {rig.entries()}"
        visit, *children = (rig.entry(id) for id in field.ids)
        if visit["state"] == "parked":
            asked += 1
            assert [child["state"] for child in children] == ["pending", "pending"], where
            assert changes(sandbox, made(sandbox).get(field.ids[0], 0)) == [], where
            known = made(sandbox).get(field.ids[0])
            if known is None:
                settling.settle_not_arrived(rig.database, field.ids[0], rig.time.clock)
            else:
                settling.settle_arrived(rig.database, field.ids[0], known, rig.time.clock)
            finish(rig)
        assert_in_order(sandbox, field.ids)
        assert [rig.entry(id)["state"] for id in field.ids[1:]] == ["done", "done"], where
    assert asked >= (1 if at in ("after-commit", "before-post", "after-post") else 0)


def test_fifty_chains_in_parallel_keep_the_order_of_each(tmp_path: Path) -> None:
    """A month of visits, each corrected several times, leaves at once over a line that stumbles now and then."""
    with sandboxed(tmp_path, sync__concurrency=16) as rig:
        chains = [[rig.capture(seed)] for seed in range(1, CHAINS + 1)]
        for step in range(3):
            for ids in chains:
                ids.append(update(rig, f"local:{ids[0]}", f"Correction {step}"))
        for ids in chains:
            ids.append(verify(rig, f"local:{ids[0]}"))
        for route in ROUTES:
            rig.sandbox.faults.add(faults.answer(route, 503, times=12, skip=5))
            rig.sandbox.faults.add(faults.lost_answer(route, times=6, skip=20))
            rig.sandbox.faults.add(faults.delay(route, 0.05, times=30, skip=3))
        total = CHAINS * 5
        rig.passes_until(lambda: rig.counts() == {"done": total}, every_s=600, most=30)
        for ids in chains:
            assert_in_order(rig.sandbox, ids)


def test_server_id_and_local_name_are_one_chain_once_it_is_known(device: SandboxRig) -> None:
    """The second correction names the number that the office read out; it must not overtake the first one."""
    visit = device.capture(1)
    first = update(device, f"local:{visit}", "First")
    number = device.sandbox.faults.add(
        faults.answer("preventive", 503, times=1, when={"description": "First"})
    )
    device.sync()
    server_id = made(device.sandbox)[visit]
    second = update(device, str(server_id), "Second")
    device.sync()
    assert changes(device.sandbox, server_id) == []
    assert [each["why"] for each in device.entry(second)["blocked_by"]] == ["order"]
    device.sandbox.faults.remove(number)
    device.passes_until(lambda: device.counts() == {"done": 3}, every_s=600)
    assert changes(device.sandbox, server_id) == [first, second]


def test_chain_goes_on_after_the_visit_is_found_by_a_look(tmp_path: Path) -> None:
    """The answer to the visit was lost; once the list shows it, its corrections follow without anybody's word."""
    with sandboxed(tmp_path, api__read_timeout_s=2.0) as rig:
        rig.sandbox.faults.add(faults.lost_answer("unplanned"))
        ids = chain(rig)
        rig.sync()
        assert rig.states() == ["in_doubt", "pending", "pending"]
        for _ in range(6):
            rig.time.passes(70)
            rig.sync()
        assert [rig.entry(id)["state"] for id in ids[1:]] == ["done", "done"]
        assert_in_order(rig.sandbox, ids)


def refused(rig: SandboxRig) -> list[str]:
    """A chain whose visit the server will not take, and one entry that only follows it."""
    rig.sandbox.faults.add(faults.refuse("companyId", 1))
    ids = chain(rig)
    ids.append(rig.capture(2, after=ids[0]))
    rig.sync()
    return ids


def test_dead_visit_holds_its_children_and_a_repair_lets_them_go(device: SandboxRig) -> None:
    """The office closed the site by mistake; opened again, the visit is ordered anew and its children follow."""
    ids = refused(device)
    assert device.states() == ["dead", "pending", "pending", "pending"]
    blocked = [[(each["id"], each["why"]) for each in device.entry(id)["blocked_by"]] for id in ids[1:]]
    assert blocked[0] == [(ids[0], "target")]
    assert blocked[1] == [(ids[0], "target"), (ids[1], "order")]
    assert blocked[2] == [(ids[0], "after")]
    device.sandbox.faults.clear()
    commands.resync(device.database, commands.Selection(ids=(ids[0],)), device.time.clock)
    device.sync()
    assert device.counts() == {"done": 4}
    assert_in_order(device.sandbox, ids[:3])


def test_discarding_a_visit_parks_who_needs_it_and_frees_who_follows(device: SandboxRig) -> None:
    """The visit is given up: its corrections have nothing to correct, the next visit goes its way."""
    ids = refused(device)
    settling.discard(device.database, ids[0], "gone", device.time.clock)
    device.sync()
    assert [device.entry(id)["state"] for id in ids] == ["discarded", "parked", "parked", "done"]
    assert {device.entry(id)["reason"] for id in ids[1:3]} == {"target_discarded"}


def test_child_of_a_lost_parent_is_held_for_a_person(device: SandboxRig) -> None:
    """The database was damaged and the visit is gone; its correction is not sent to a guess."""
    visit = device.capture(1)
    device.sync()
    late = update(device, f"local:{visit}", "Late")
    with device.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM entry WHERE id = ?", (visit,))
    device.sync()
    assert (device.entry(late)["state"], device.entry(late)["reason"]) == ("parked", "parent_lost")
    assert device.sandbox.state.edits() == []


@pytest.mark.parametrize("jump", [{"hours": 3}, {"days": -400}])
def test_no_jump_of_the_clock_lets_a_change_overtake_one_without_an_answer(
    tmp_path: Path, jump: dict[str, float]
) -> None:
    """The network is back, and the first thing that it brings is the right time."""
    with sandboxed(tmp_path) as rig:
        visit, first, verdict = chain(rig)
        rig.sandbox.faults.add(faults.lost_answer("preventive"))
        rig.sync()
        rig.time.jumps(**jump)
        rig.time.passes(40)
        rig.sync(forced=True)
        assert [rig.entry(id)["state"] for id in (visit, first, verdict)] == ["done", "done", "pending"]
        rig.time.passes(90)
        rig.sync()
        assert rig.entry(verdict)["state"] == "done"
        assert_in_order(rig.sandbox, [visit, first, verdict])


def test_change_waits_until_one_without_an_answer_can_no_longer_come_after_it(tmp_path: Path) -> None:
    """The server was slow over the first correction; sent again it is through at once, and its ghost is still about."""
    with sandboxed(tmp_path) as rig:
        visit, first, verdict = chain(rig)
        rig.sandbox.faults.add(faults.lost_answer("preventive"))
        rig.sync()
        rig.time.passes(40)
        rig.sync(forced=True)
        assert [rig.entry(id)["state"] for id in (visit, first, verdict)] == ["done", "done", "pending"]
        assert rig.entry(verdict)["reason"] == "follows_unanswered"
        commands.resync(rig.database, commands.Selection(ids=(verdict,)), rig.time.clock)
        rig.sync(forced=True)
        assert rig.entry(verdict)["state"] == "pending", "nobody's order makes the server faster"
        beside = update(rig, str(rig.sandbox.state.add_row({})), "Another")
        rig.sync()
        assert rig.entry(beside)["state"] == "done"
        rig.time.passes(90)
        rig.sync()
        assert rig.entry(verdict)["state"] == "done"
        assert_in_order(rig.sandbox, [visit, first, verdict])
