"""Capture through the local API: read by the front door itself, answered after the commit, harmless to repeat."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sync.entrypoints.api.app import create_app
from sync.entrypoints.api.desk import Desk
from sync.visitor import Scope, Visitor, technician
from tests.support.builders import signature_png, unplanned_body
from tests.support.local_api import desk_in, program

SIGNED = b64encode(signature_png()).decode()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


def capture(**changes: Any) -> dict[str, Any]:
    return {"kind": "unplanned-preventive", "data": unplanned_body(), "signature": SIGNED} | changes


def raw(data: bytes) -> bytes:
    """A capture whose data are these bytes."""
    return b'{"kind": "unplanned-preventive", "signature": "%s", "data": %s}' % (SIGNED.encode(), data)


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(each["path"], each["code"]) for each in answer.json()["error"]["problems"]]


JSON = {"Content-Type": "application/json"}


def test_capture_is_there_when_it_is_answered(desk: Desk) -> None:
    client = program(desk)
    answer = client.post("/v1/entries", json=capture())
    assert answer.status_code == 201
    told = answer.json()
    assert told == {
        "schema": 1, "id": told["id"], "kind": "unplanned-preventive", "state": "pending", "duplicate": False,
        "warnings": [],
    }  # fmt: skip
    assert answer.headers["location"] == f"/v1/entries/{told['id']}"
    shown = client.get(answer.headers["location"])
    assert shown.json()["payload"]["companyId"] == 1
    image = client.get(f"/v1/entries/{told['id']}/signature")
    assert (image.content, image.headers["content-type"]) == (signature_png(), "image/png")
    assert image.headers["x-content-type-options"] == "nosniff"
    assert image.headers["content-disposition"] == 'inline; filename="signature.png"'
    assert image.headers["etag"] == f'"{shown.json()["signature"]["sha256"]}"'


def test_parts_are_captured_as_the_json_is(desk: Desk) -> None:
    client = program(desk)
    id = str(uuid4())
    entry = json.dumps({"kind": "unplanned-preventive", "data": unplanned_body(), "id": id})
    image = ("../../etc/passwd", signature_png(), "text/html")
    for form in (
        {"entry": (None, entry), "signature": image},
        {"entry": ("e.json", entry), "signature": image},
    ):
        answer = client.post("/v1/entries", files=form)
        assert answer.json()["id"] == id
    again = client.post("/v1/entries", json=capture(id=id))
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert len(client.get("/v1/entries").json()["entries"]) == 1


def test_id_answers_its_capture_again_and_refuses_another(desk: Desk) -> None:
    client = program(desk)
    id = str(uuid4())
    answers = [client.post("/v1/entries", json=capture(id=id)) for _ in range(2)]
    assert [(each.status_code, each.json()["duplicate"]) for each in answers] == [(201, False), (200, True)]
    other = client.post("/v1/entries", json=capture(id=id, data=unplanned_body(companyId=2)))
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_conflict")


def test_eight_at_once_with_one_id_make_one_entry(desk: Desk) -> None:
    app = create_app(desk)
    body = capture(id=str(uuid4()))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: program(desk, app=app).post("/v1/entries", json=body), range(8)))
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert len(program(desk, app=app).get("/v1/entries").json()["entries"]) == 1


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"companyId": 1, "companyId": 2}', ("$.companyId", "duplicate_key")),
        (b'{"companyId": NaN}', ("$.companyId", "not_json")),
        (b'{"companyId": 1' + b"0" * 500 + b"}", ("$.companyId", "out_of_range")),
        (b'{"companyId": "\\ud800"}', ("$.companyId", "lone_surrogate")),
        (b'{"companyId": ' + b"[" * 3000 + b"]" * 3000 + b"}", ("$", "too_deep")),
        (b'{"companyId": "\xff"}', ("$", "not_utf8")),
        (b'{"companyId": }', ("$", "broken_json")),
        (b"[]", ("$", "not_an_object")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_data_is_read_as_the_bytes_that_came(desk: Desk, data: bytes, found: tuple[str, str]) -> None:
    answer = program(desk).post("/v1/entries", content=raw(data), headers=JSON)
    assert answer.status_code == 422
    assert found in codes(answer) or any(code == found[1] for _, code in codes(answer)), codes(answer)


def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    body = capture(data={"companyId": "one"}, id="x", signature=b64encode(b"no image").decode(), after="zz")
    answer = program(desk).post("/v1/entries", json=body)
    found = {path for path, _ in codes(answer)}
    assert {"$.companyId", "$.siteIds", "--id", "--signature", "--after"} <= found


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415, "unsupported_media_type"),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b"{", JSON, 422, "input_refused"),
        (b"", JSON, 422, "input_refused"),
        (b"{}", JSON, 422, "input_refused"),
        (b'{"kind": 5, "data": {}}', JSON, 422, "input_refused"),
        (b'{"kind": "verification", "data": {}, "dta": 1}', JSON, 422, "input_refused"),
        (b'{"kind": "nothing", "data": {}}', JSON, 422, "unknown_kind"),
        (b"--x--", {"Content-Type": "multipart/form-data"}, 415, "unsupported_media_type"),
        (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "input_refused"),
        (b"rubbish", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "input_refused"),
        (b"x" * 5_000_000, JSON, 413, "too_large"),
    ],
)
def test_wrong_request_has_a_clear_answer(
    desk: Desk, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = program(desk).post("/v1/entries", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_body_that_says_nothing_of_its_size_is_cut_off(desk: Desk) -> None:
    pieces = iter([b" " * 1_000_000] * 6)
    answer = program(desk).post("/v1/entries", content=pieces, headers=JSON)
    assert answer.status_code == 413


def test_technician_captures_for_nobody_else(desk: Desk) -> None:
    ann = program(desk, technician("ann"))
    assert ann.post("/v1/entries", json=capture(owner="bob")).status_code == 403
    id = ann.post("/v1/entries", json=capture()).json()["id"]
    assert program(desk).get(f"/v1/entries/{id}").json()["owner"] == "ann"
    nobody = program(desk, technician(None)).post("/v1/entries", json=capture())
    assert program(desk).get(nobody.headers["location"]).json()["owner"] is None


def test_capture_of_somebody_else_is_not_answered_as_ones_own(desk: Desk) -> None:
    body = capture(id=str(uuid4()))
    assert program(desk, technician("ann")).post("/v1/entries", json=body).status_code == 201
    answers = [
        program(desk, technician("bob")).post("/v1/entries", json=body | changes)
        for changes in ({}, {"data": unplanned_body(companyId=2)})
    ]
    assert [each.status_code for each in answers] == [409, 409]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("hang", ["target", "after"])
def test_entry_of_somebody_else_is_as_unknown_as_none(desk: Desk, hang: str) -> None:
    ann, bob = program(desk, technician("ann")), program(desk, technician("bob"))
    theirs = ann.post("/v1/entries", json=capture()).json()["id"]
    body = {"kind": "verification", "data": {"decision": 1, "decisionComment": "seen"}, "target": "7"}
    for name in (theirs, theirs[-8:]):
        found = bob.post("/v1/entries", json=body | {hang: f"local:{name}"})
        none = bob.post("/v1/entries", json=body | {hang: "local:" + "0" * len(name)})
        assert (found.status_code, none.status_code) == (404, 404)
        assert found.text.replace(name, "") == none.text.replace("0" * len(name), "")
    mine = ann.post("/v1/entries", json=body | {hang: f"local:{theirs}"})
    assert mine.status_code == 201


def test_capture_needs_its_scope(desk: Desk) -> None:
    reader = Visitor(frozenset({Scope.READ, Scope.CONTROL, Scope.AUTH}), everyone=True)
    answer = program(desk, reader).post("/v1/entries", json=capture())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
