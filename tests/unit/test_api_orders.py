"""Orders through the local API: who may give them, how each mistake is told, and that the rules are the commands'."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.entrypoints.api.desk import Desk
from sync.visitor import OPS, Scope, Visitor, technician
from tests.support.builders import signature_png, unplanned_body
from tests.support.local_api import desk_in, program
from tests.unit.test_credentials import jwt

ANN, BOB = technician("ann"), technician("bob")
ALL_OF_ANN = Visitor(frozenset(Scope), "ann")
SEES_ALL = Visitor(frozenset({Scope.CAPTURE, Scope.READ}), everyone=True)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


def captured(desk: Desk, visitor: Visitor = ANN, **body: Any) -> str:
    image = b64encode(signature_png()).decode()
    given = {"kind": "unplanned-preventive", "data": unplanned_body(**body), "signature": image}
    id: str = program(desk, visitor).post("/v1/entries", json=given).json()["id"]
    return id


def shown(desk: Desk, id: str) -> dict[str, Any]:
    told: dict[str, Any] = program(desk).get(f"/v1/entries/{id}").json()
    return told


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(each["path"], each["code"]) for each in answer.json()["error"]["problems"]]


def test_values_are_set_as_the_json_that_they_are(desk: Desk) -> None:
    id = captured(desk)
    answer = program(desk, ANN).post(
        f"/v1/entries/{id}/edit",
        json={
            "set": {"siteIds[0]": 9, "provider.firstName": "5", "companyId": 7},
            "unset": ["provider.email"],
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["entries"][0]["changed"] == [
        "companyId",
        "siteIds",
        "provider.firstName",
        "provider.email",
    ]
    payload = shown(desk, id)["payload"]
    assert (payload["siteIds"], payload["provider"]["firstName"]) == ([9, 2, 3], "5")
    assert "email" not in payload["provider"]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"set": {"provider.firstName": 5}}, "$.provider.firstName", "wrong_type"),
        ({"set": {"provider.firstName": None}}, "$.provider.firstName", "null"),
        ({"set": {"companyId": "7"}}, "$.companyId", "wrong_type"),
        ({"set": {"companyId=7": 7}}, "$.set", "path_invalid"),
        ({"set": {"companyId": 1, "$.companyId": 2}}, "$.companyId", "given_twice"),
        ({"unset": ["nowhere"]}, "$.nowhere", "no_such_field"),
        ({"set": 5}, "$", "not_an_object"),
        ({"set": {"companyId": 7}, "data": {}}, "$.data", "usage"),
        ({"set": {"companyId": 7}, "owner": "bob"}, "$.owner", "usage"),
        ({}, "$.owner", "usage"),
        ({"sett": {}}, "$.sett", "unknown_field"),
        ({"data": {"companyId": "x"}}, "$.companyId", "wrong_type"),
        ({"target": "7"}, "--target", "target_not_wanted"),
    ],
)
def test_wrong_edit_is_told_by_its_place(desk: Desk, body: dict[str, Any], path: str, code: str) -> None:
    id = captured(desk)
    before = shown(desk, id)["payload"]
    answer = program(desk, ANN).post(f"/v1/entries/{id}/edit", json=body)
    assert answer.status_code == 422, answer.text
    assert (path, code) in codes(answer)
    assert shown(desk, id)["payload"] == before


def test_key_that_is_set_twice_is_refused(desk: Desk) -> None:
    id = captured(desk)
    answer = program(desk, ANN).post(
        f"/v1/entries/{id}/edit",
        content=b'{"set": {"companyId": 1, "companyId": 2}}',
        headers={"Content-Type": "application/json"},
    )
    assert codes(answer) == [("$.companyId", "duplicate_key")]


def test_dry_run_changes_nothing(desk: Desk) -> None:
    id = captured(desk)
    answer = program(desk, ANN).post(
        f"/v1/entries/{id}/edit", json={"set": {"companyId": 9}, "dry_run": True}
    )
    assert answer.json()["edited"] == 1
    assert shown(desk, id)["payload"]["companyId"] == 1


def test_what_cannot_be_edited_is_a_conflict(desk: Desk) -> None:
    id = captured(desk)
    program(desk).post(f"/v1/entries/{id}/discard", json={"reason": "twice"})
    answer = program(desk, ANN).post(f"/v1/entries/{id}/edit", json={"set": {"companyId": 9}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_edited")


def test_entry_is_given_to_another_owner_by_control_alone(desk: Desk) -> None:
    id = captured(desk)
    assert program(desk, ANN).post(f"/v1/entries/{id}/edit", json={"owner": "bob"}).status_code == 403
    answer = program(desk).post(f"/v1/entries/{id}/edit", json={"owner": "bob"})
    assert answer.json() == {
        "schema": 1, "assigned": 1, "owner": "bob", "ids": [id], "skipped": [], "signed_in": False, "drain": "none",
    }  # fmt: skip


ORDERS = {
    "edit": {"set": {"companyId": 9}},
    "settle": {"choice": "not_arrived"},
    "discard": {"reason": "twice"},
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("end", [36, 12])
def test_order_about_somebody_elses_entry_is_answered_as_about_none(desk: Desk, order: str, end: int) -> None:
    theirs = captured(desk, BOB)[-end:]
    none = "0" * end
    client = program(desk, ALL_OF_ANN)
    answers = [client.post(f"/v1/entries/{id}/{order}", json=ORDERS[order]) for id in (theirs, none)]
    answers += [client.post("/v1/resync", json={"ids": [id]}) for id in (theirs, none)]
    assert {each.status_code for each in answers} == {404}
    assert len({each.text.replace(theirs, none) for each in answers}) == 1
    assert shown(desk, theirs)["state"] == "pending"


@pytest.mark.parametrize("order", ORDERS)
def test_who_sees_all_may_change_their_own_alone(desk: Desk, order: str) -> None:
    id = captured(desk, BOB)
    assert program(desk, SEES_ALL).post(f"/v1/entries/{id}/{order}", json=ORDERS[order]).status_code == 403
    assert program(desk, SEES_ALL).post("/v1/resync", json={"ids": [id]}).status_code == 403


def test_technician_hastens_their_own_and_no_more(desk: Desk) -> None:
    mine, theirs = captured(desk), captured(desk, BOB, companyId=2)
    with desk.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'dead', reason = 'rejected', stage = 'pending'")
    client = program(desk, ANN)
    for body in ({}, {"all": True}, {"states": ["dead"]}, {"reason": "rejected"}):
        assert client.post("/v1/resync", json=body).status_code == 403
    told = client.post("/v1/resync", json={"ids": [mine[-8:]]}).json()
    assert told == {
        "schema": 1, "hastened": 0, "released": 0, "requeued": 1, "skipped": [], "warnings": [], "drain": "none",
    }  # fmt: skip
    assert [shown(desk, id)["state"] for id in (mine, theirs)] == ["pending", "dead"]


def test_resync_of_all_is_all_that_one_sees(desk: Desk) -> None:
    mine, theirs = captured(desk), captured(desk, BOB, companyId=2)
    with desk.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'dead', reason = 'rejected', stage = 'pending'")
    assert program(desk, ALL_OF_ANN).post("/v1/resync", json={}).status_code == 403
    dry = program(desk, ALL_OF_ANN).post("/v1/resync", json={"all": True, "dry_run": True}).json()
    assert dry["requeued"] == 1
    assert program(desk, ALL_OF_ANN).post("/v1/resync", json={"all": True}).json()["requeued"] == 1
    assert [shown(desk, id)["state"] for id in (mine, theirs)] == ["pending", "dead"]
    assert program(desk).post("/v1/resync", json={"all": True}).json()["requeued"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ids": ["x"], "all": True}, "usage"),
        ({"force": True}, "usage"),
        ({"reason": "no_such_reason"}, "unknown_reason"),
        ({"kinds": ["curativ"]}, "unknown_kind"),
        ({"states": ["done"]}, "input_refused"),
        ({"ids": "x"}, "input_refused"),
        ({"all": 1}, "input_refused"),
    ],
)
def test_selection_that_can_be_nothing_is_refused(desk: Desk, body: dict[str, Any], code: str) -> None:
    answer = program(desk).post("/v1/resync", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"choice": "arrived"}, 422, "input_refused"),
        ({"choice": "not_arrived", "server_id": 5}, 422, "input_refused"),
        ({"choice": "arrived", "server_id": -5}, 422, "server_id_invalid"),
        ({"choice": "perhaps"}, 422, "input_refused"),
        (
            {"choice": "upload_url", "upload_url": "http://x.example/?X-Amz-Signature=CANARY"},
            422,
            "upload_url_refused",
        ),
        ({"choice": "upload_url", "upload_url": {"X-Amz": "CANARY"}}, 422, "input_refused"),
        ({"choice": "not_arrived"}, 409, "illegal_transition"),
    ],
)
def test_settling_that_does_not_fit_is_refused_without_a_secret(
    desk: Desk, body: dict[str, Any], status: int, code: str
) -> None:
    answer = program(desk).post(f"/v1/entries/{captured(desk)}/settle", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "CANARY" not in answer.text


def test_entry_that_arrived_is_settled(desk: Desk) -> None:
    id = captured(desk)
    with desk.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'in_doubt'")
    answer = program(desk).post(f"/v1/entries/{id}/settle", json={"choice": "arrived", "server_id": 4242})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["choice"], shown(desk, id)["server_id"]) == ("arrived", 4242)


def test_queue_is_held_let_go_and_hastened(desk: Desk) -> None:
    client = program(desk)
    assert client.post("/v1/pause", json={"reason": "audit"}).json() == {
        "schema": 1,
        "paused": True,
        "changed": True,
    }
    assert client.post("/v1/pause").json()["changed"] is False
    assert client.get("/v1/status").json()["paused"]["reason"] == "person"
    assert client.post("/v1/resume").json() == {"schema": 1, "paused": False, "changed": True}
    first, second = (client.post("/v1/sync", json={"force": True}).json() for _ in range(2))
    assert (second["asked"] - first["asked"], second["drain"]) == (1, "none")


@pytest.mark.parametrize("path", ["pause", "resume", "sync"])
@pytest.mark.parametrize(
    "visitor", [ANN, ALL_OF_ANN, SEES_ALL], ids=["technician", "one owner", "no control"]
)
def test_the_queue_is_for_who_controls_all_of_it(desk: Desk, path: str, visitor: Visitor) -> None:
    assert program(desk, visitor).post(f"/v1/{path}").status_code == 403


@pytest.mark.parametrize("path", ["pause", "resume", "sync"])
@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"x": 1}', b"\xff", b'{"reason": "\\ud800", "force": "\\ud800"}']
)
def test_wrong_order_for_the_queue_is_refused(desk: Desk, path: str, body: bytes) -> None:
    answer = program(desk).post(f"/v1/{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert program(desk).get("/v1/status").json()["paused"] is None


BEARER, SESSION = jwt(user=7, canary="TOKENCANARY"), "session-CANARY-0123456789"


@pytest.mark.parametrize(
    "body",
    [
        {"accessToken": BEARER, "sessionToken": SESSION, "owner": "ann", "expiresIn": 3600},
        {"data": {"accessToken": BEARER, "sessionToken": SESSION, "user": {}}, "owner": "ann"},
    ],
)
def test_tokens_of_a_login_are_kept_and_never_shown(desk: Desk, body: dict[str, Any]) -> None:
    client = program(desk)
    answer = client.put("/v1/auth", json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    auth = client.get("/v1/status").json()["auth"]
    assert [(each["owner"], each["state"]) for each in auth] == [("ann", "ok")]
    assert "CANARY" not in client.get("/v1/status").text
    with desk.database.read() as transaction:
        assert (
            transaction.cursor.execute("SELECT value FROM control WHERE key = 'wake'").fetchone() is not None
        )


@pytest.mark.parametrize(
    "content",
    [
        b"{}", b"[]", b"CANARY", b'"CANARY"', b'{"accessToken": "CANARY"}',
        b'{"accessToken": "CANARY", "sessionToken": 5}', b'{"accessToken": "CANA RY", "sessionToken": "CANARY"}',
        b'{"accessToken": "CANARY", "sessionToken": "CANARY", "owner": 5}',
        b'{"accessToken": "CANARY", "accessToken": "CANARY", "sessionToken": "x"}',
        json.dumps({"accessToken": BEARER, "sessionToken": jwt(user=8)}).encode(),
        b'{"accessToken": "CANARY", "sessionToken": "CANARY", "owner": " "}',
        b"\xff\xfeCANARY",
    ],
)  # fmt: skip
def test_wrong_sign_in_is_refused_and_not_repeated(desk: Desk, content: bytes) -> None:
    answer = program(desk).put("/v1/auth", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "tokens_refused")
    assert "CANA" not in answer.text


def test_one_owner_signs_in_themselves_alone(desk: Desk) -> None:
    client = program(desk, ALL_OF_ANN)
    pair = {"accessToken": BEARER, "sessionToken": SESSION}
    assert client.put("/v1/auth", json=pair | {"owner": "bob"}).status_code == 403
    assert client.put("/v1/auth", json=pair).status_code == 204
    assert program(desk).get("/v1/status").json()["auth"][0]["owner"] == "ann"
    assert program(desk, ANN).put("/v1/auth", json=pair).status_code == 403


def test_receipts_come_page_by_page(desk: Desk) -> None:
    ids = [captured(desk, who, companyId=n) for n, who in enumerate((ANN, BOB, ANN, OPS))]
    with desk.database.write() as transaction:
        transaction.cursor.execute(
            "UPDATE entry SET state = 'done', server_id = 500 + seq, done_at = 1000 * seq"
        )
    first = program(desk).get("/v1/receipts?limit=3").json()
    rest = program(desk).get("/v1/receipts", params={"since": first["next"]}).json()
    assert [each["id"] for each in first["receipts"]] == ids[:3]
    assert ([each["id"] for each in rest["receipts"]], rest["next"]) == (ids[2:], None) or (
        [each["id"] for each in rest["receipts"]] == ids[3:]
    )
    assert [each["id"] for each in program(desk, ANN).get("/v1/receipts").json()["receipts"]] == [
        ids[0],
        ids[2],
    ]
