"""What an entry may hang on: by server id or local name, resolved once, refused with every problem at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.guarded import PURGED, inserts
from sync import operations
from sync.capture import Captured, Checked, ImageLimits, Input, capture_in, check_input
from sync.clock import Clock
from sync.dependencies import Dependencies, resolve
from sync.errors import InputRefused
from sync.operations.operation import Operation
from tests.support.builders import signature_png
from tests.support.device import distinct_body
from tests.support.scratch import NOON_MS, Scratch, entry_id

UPDATE = {"description": "Moved by a day"}
VERDICT = {"decision": 1, "decisionComment": "Seen"}
SESSION = {"description": "Evacuation drill"}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def checked(
    kind: str = "preventive-update",
    body: dict[str, Any] | None = None,
    *,
    target: str | None = None,
    after: str | None = None,
    id: str | None = None,
) -> Checked:
    image = signature_png(1) if kind == "unplanned-preventive" else None
    given = Input(
        kind, json.dumps(UPDATE if body is None else body).encode(), image, id, target=target, after=after
    )
    return check_input(given, ImageLimits(2**21, 4_000_000))


def resolved(box: Scratch, given: Checked, number: int = 90) -> Dependencies:
    with box.database.write() as transaction:
        return resolve(transaction, given, id=entry_id(number))


def codes(box: Scratch, given: Checked, number: int = 90) -> list[str]:
    with pytest.raises(InputRefused) as refused:
        resolved(box, given, number)
    return [problem.code for problem in refused.value.problems]


def captured(box: Scratch, given: Checked, number: int) -> Captured:
    with box.database.write() as transaction:
        return capture_in(transaction, given, clock=Clock(), new_id=entry_id(number), owner=None)


def purge(box: Scratch, number: int, server_id: int | None, state: str = "done") -> None:
    columns = ("id", "kind", "state", "input_digest", "purged_at", "server_id")
    with box.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM entry WHERE id = ?", (entry_id(number),))
        values = (entry_id(number), "unplanned-preventive", state, "digest", NOON_MS, server_id)
        transaction.run(inserts(PURGED, columns), **dict(zip(columns, values, strict=True)))


def test_server_id_names_its_own_chain(box: Scratch) -> None:
    found = resolved(box, checked(target="501"))
    assert found == Dependencies(UPDATE, target_id=501, chain_key="target:501")


@pytest.mark.parametrize("name", [entry_id(1), entry_id(1)[-8:], entry_id(1).upper()])
def test_entry_is_named_by_its_id_or_the_end_of_it(box: Scratch, name: str) -> None:
    box.put(1)
    found = resolved(box, checked(target=f"local:{name}", after=name))
    assert (found.target_entry, found.after_entry) == (entry_id(1), entry_id(1))
    assert found.chain_key == f"local:{entry_id(1)}"


def test_delivered_entry_and_its_server_id_name_the_same_chain(box: Scratch) -> None:
    box.put(1)
    box.deliver(1, 501)
    local, remote = (
        resolved(box, checked(target=f"local:{entry_id(1)}")),
        resolved(box, checked(target="501")),
    )
    assert local.chain_key == remote.chain_key == "target:501"
    assert local.target_entry == entry_id(1)


def test_purged_entry_counts_as_delivered(box: Scratch) -> None:
    box.put(1)
    purge(box, 1, 501)
    found = resolved(box, checked(target=f"local:{entry_id(1)[-6:]}", after=entry_id(1)))
    assert (found.target_id, found.target_entry, found.chain_key) == (501, None, "target:501")
    assert found.after_entry == entry_id(1)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({"target": f"local:{entry_id(7)}"}, ["target_unknown"], id="unknown"),
        pytest.param({"target": "local:"}, ["target_unknown"], id="no name"),
        pytest.param({"target": "local:0000"}, ["target_ambiguous"], id="ambiguous"),
        pytest.param({"target": f"local:{entry_id(2)}"}, ["target_creates_nothing"], id="an update"),
        pytest.param({"target": f"local:{entry_id(3)}"}, ["target_wrong_kind"], id="a curative one"),
        pytest.param({"target": "777"}, ["target_wrong_kind"], id="a curative one by its server id"),
        pytest.param({"target": f"local:{entry_id(4)}"}, ["target_discarded"], id="given up"),
        pytest.param({"target": f"local:{entry_id(90)}"}, ["cycle"], id="itself"),
        pytest.param({"target": "5", "after": entry_id(7)}, ["after_unknown"], id="after unknown"),
        pytest.param({"target": "5", "after": "0000"}, ["after_ambiguous"], id="after ambiguous"),
        pytest.param({"target": "5", "after": entry_id(90)}, ["cycle"], id="after itself"),
        pytest.param(
            {"target": f"local:{entry_id(2)}", "after": "fff"},
            ["target_creates_nothing", "after_unknown"],
            id="several at once",
        ),
    ],
)
def test_what_cannot_be_hung_on_is_refused_with_every_problem(
    box: Scratch, given: dict[str, str], wanted: list[str]
) -> None:
    box.put(1_0000)
    box.put(2, kind="preventive-update", creates=False, signed=False, target_id=5)
    box.put(3, kind="curative", signed=False)
    box.deliver(3, 777)
    box.put(2_0000)
    box.put(4)
    box.discard(4)
    assert codes(box, checked(**given)) == wanted


@pytest.mark.parametrize(
    ("kind", "body", "target", "code"),
    [
        ("preventive-update", UPDATE, None, "target_missing"),
        ("training-update", SESSION, None, "target_missing"),
        ("verification", VERDICT, None, "target_missing"),
        ("preventive-update", UPDATE, "", "target_invalid"),
        ("preventive-update", UPDATE, "0", "target_invalid"),
        ("preventive-update", UPDATE, "-4", "target_invalid"),
        ("preventive-update", UPDATE, "5.0", "target_invalid"),
        ("preventive-update", UPDATE, "\u0665", "target_invalid"),
        ("preventive-update", UPDATE, str(2**53), "target_invalid"),
        ("preventive-update", UPDATE, "9" * 5000, "target_invalid"),
        ("preventive-update", UPDATE, "abc", "target_invalid"),
        ("unplanned-preventive", distinct_body(1), "5", "target_not_wanted"),
    ],
)
def test_target_that_no_outbox_can_mend_is_refused_before_it_is_asked(
    kind: str, body: dict[str, Any], target: str | None, code: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        checked(kind, body, target=target)
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [("--target", code)]


def test_discarded_parent_with_a_server_id_can_be_changed(box: Scratch) -> None:
    box.put(1)
    box.deliver(1, 501)
    box.discard(1)
    assert resolved(box, checked(target=f"local:{entry_id(1)}")).chain_key == "target:501"


def test_given_target_is_part_of_what_a_repeat_is_compared_by() -> None:
    alone = checked("unplanned-preventive", distinct_body(1))
    assert alone.digest == checked("unplanned-preventive", distinct_body(1)).digest
    others = [
        checked("unplanned-preventive", distinct_body(1), after="a"),
        checked(target="5"),
        checked(target="6"),
    ]
    assert len({alone.digest, *(each.digest for each in others)}) == 4


def test_repeat_is_a_duplicate_whatever_became_of_its_parent(box: Scratch) -> None:
    box.put(1)
    given = checked(target=f"local:{entry_id(1)}", id=entry_id(2))
    assert not captured(box, given, 2).duplicate
    box.discard(1)
    again = captured(box, given, 3)
    assert (again.duplicate, again.id, again.state) == (True, entry_id(2), "parked")


def test_what_it_hangs_on_is_stored_with_full_ids(box: Scratch) -> None:
    box.put(1)
    captured(box, checked(target=f"local:{entry_id(1)[-4:]}", after=entry_id(1)[-4:]), 2)
    row = box.row(2)
    assert (row["target_entry"], row["after_entry"]) == (entry_id(1), entry_id(1))
    assert (row["target_id"], row["chain_key"]) == (None, f"local:{entry_id(1)}")
    assert box.intact(2)


@pytest.fixture
def follow_up(monkeypatch: pytest.MonkeyPatch) -> Operation:
    """A sixth kind whose body names other interventions."""
    from sync.operations import fields

    class FollowUp(fields.Payload):
        previous_id: fields.InterventionId
        others: list[fields.InterventionId] = fields.optional()

    made = Operation(
        kind="follow-up",
        summary="follow an intervention up",
        method="POST",
        path="/follow-ups",
        success_status=201,
        payload_model=lambda: FollowUp,
        makes=operations.Subject.CURATIVE,
    )
    monkeypatch.setattr(operations, "OPERATIONS", (*operations.OPERATIONS, made))
    return made


def test_entries_in_a_body_are_resolved_and_remembered(box: Scratch, follow_up: Operation) -> None:
    for number in (1, 2):
        box.put(number)
    body = {
        "previousId": {"$entry": entry_id(1)[-4:]},
        "others": [4, {"$entry": f"local:{entry_id(2)}"}, {"$entry": entry_id(1)}],
    }
    captured(box, checked("follow-up", body), 3)
    assert json.loads(box.row(3)["payload"]) == {
        "previousId": {"$entry": entry_id(1)},
        "others": [4, {"$entry": entry_id(2)}, {"$entry": entry_id(1)}],
    }
    parents = box.all(
        "SELECT parent FROM reference WHERE entry_seq = ? ORDER BY parent", (box.row(3)["seq"],)
    )
    assert parents == [(entry_id(1),), (entry_id(2),)]


def test_each_wrong_entry_in_a_body_is_named_by_its_place(box: Scratch, follow_up: Operation) -> None:
    box.put(1)
    box.discard(1)
    body = {"previousId": {"$entry": entry_id(1)}, "others": [{"$entry": "beef"}, {"$entry": entry_id(90)}]}
    with pytest.raises(InputRefused) as refused:
        resolved(box, checked("follow-up", body))
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [
        ("$.previousId", "reference_discarded"),
        ("$.others[0]", "reference_unknown"),
        ("$.others[1]", "cycle"),
    ]


def test_entry_may_not_be_named_where_no_intervention_is_expected() -> None:
    with pytest.raises(InputRefused) as refused:
        checked("unplanned-preventive", {**distinct_body(1), "companyId": {"$entry": entry_id(1)}})
    assert [problem.path for problem in refused.value.problems] == ["$.companyId"]


def test_new_target_that_would_wait_for_the_entry_itself_is_refused(box: Scratch) -> None:
    """An office moves a change to an intervention that is only made after it: nobody could ever go first."""
    box.put(1)
    captured(box, checked(target=f"local:{entry_id(1)}"), 2)
    box.put(3, after_entry=entry_id(2))
    captured(box, checked(target=f"local:{entry_id(3)}"), 4)
    assert codes(box, checked(target=f"local:{entry_id(3)}"), 2) == ["cycle"]
    assert resolved(box, checked(target=f"local:{entry_id(3)}"), 4).target_entry == entry_id(3)


def test_new_target_whose_maker_waits_behind_its_own_chain_is_refused(box: Scratch) -> None:
    """Moved there, the entry would stand before the one that its new target waits for."""
    captured(box, checked(target="9"), 1)
    captured(box, checked(target="5"), 2)
    box.put(3, after_entry=entry_id(2))
    assert codes(box, checked(target="5", after=entry_id(3)), 1) == ["cycle"]
    assert resolved(box, checked(target="5"), 1).chain_key == "target:5"
