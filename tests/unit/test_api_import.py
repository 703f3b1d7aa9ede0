"""Import through the local API: the same rows as on the command line, and images only from the request itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.entrypoints.api import importing
from sync.entrypoints.api.desk import Desk
from sync.visitor import Scope, Visitor, technician
from tests.support.builders import signature_png, unplanned_body
from tests.support.local_api import app_of, desk_in, program

JSONL, CSV = {"Content-Type": "application/jsonl"}, {"Content-Type": "text/csv"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


def row(**changes: Any) -> str:
    return json.dumps({"data": unplanned_body(), "signature": "17.png"} | changes)


def sent(desk: Desk, rows: str, *images: tuple[str, bytes], query: str = "") -> Any:
    parts = [("file", ("rows.jsonl", rows.encode(), "text/html"))]
    parts += [("images", (name, content, "image/png")) for name, content in images]
    return program(desk).post(f"/v1/import{query}", files=parts)


def entries(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program(desk).get("/v1/entries").json()["entries"]
    return found


def test_rows_and_their_images_become_entries(desk: Desk) -> None:
    rows = "\n".join([row(id="a"), row(id="b", signature="monday/18.png"), row(id="c", signature="none.png")])
    images = (("17.png", signature_png()), ("monday/18.png", signature_png(2)))
    told = sent(desk, rows, *images).json()
    assert {name: told[name] for name in ("rows", "captured", "duplicates", "rejected", "dry_run")} == {
        "rows": 3, "captured": 2, "duplicates": 0, "rejected": 1, "dry_run": False,
    }  # fmt: skip
    assert [(each["line"], each["id"], each["field"], each["code"]) for each in told["rejects"]] == [
        (3, "c", "signature", "image_not_found")
    ]
    assert [each["signature"]["size"] for each in entries(desk)] == [len(signature_png(n)) for n in (1, 2)]
    assert sent(desk, rows, *images).json()["duplicates"] == 2


def test_all_refused_rows_are_told(desk: Desk) -> None:
    rows = "\n".join(row(id=f"{n}", data=unplanned_body(companyId="x")) for n in range(500))
    told = sent(desk, rows, ("17.png", signature_png())).json()
    assert told["rejected"] == 500
    assert [each["line"] for each in told["rejects"]] == list(range(1, 501))


def test_row_reads_no_file_of_this_device(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(signature_png())
    names = (str(secret), "../secret.png", "../../secret.png", "secret.png", "file:///" + str(secret))
    rows = "\n".join(row(id=f"{n}", signature=name) for n, name in enumerate(names))
    for answer in (sent(desk, rows), program(desk).post("/v1/import", content=rows, headers=JSONL)):
        told = answer.json()
        assert (told["captured"], told["rejected"]) == (0, len(names)), told
        assert {each["code"] for each in told["rejects"]} == {"image_outside", "image_not_found"}


@pytest.mark.parametrize("name", ["../17.png", "/17.png", "monday/../../17.png", " ", "x" * 300])
def test_image_has_no_name_that_leads_elsewhere(desk: Desk, name: str) -> None:
    answer = sent(desk, row(), (name, signature_png()))
    assert answer.status_code == 422, answer.text
    assert entries(desk) == []


@pytest.mark.parametrize("headers", [CSV, JSONL], ids=["csv", "json lines"])
def test_rows_come_as_the_body_too(desk: Desk, headers: dict[str, str]) -> None:
    line = {"kind": "curative", "data": {
        "scheduledStart": "2026-03-02T12:00:00Z", "scheduledEnd": "2026-03-02T13:00:00Z", "anomalyIds": [1],
        "creationStatus": 0,
    }}  # fmt: skip
    content = json.dumps(line) if headers is JSONL else (
        "scheduledStart,scheduledEnd,anomalyIds,creationStatus\r\n2026-03-02T12:00:00Z,2026-03-02T13:00:00Z,1,0\r\n"
    )  # fmt: skip
    answer = program(desk).post("/v1/import?kind=curative&owner=ann", content=content, headers=headers)
    assert (answer.status_code, answer.json()["captured"]) == (200, 1), answer.text
    assert entries(desk)[0]["owner"] == "ann"


def test_dry_run_stores_nothing(desk: Desk) -> None:
    told = sent(desk, row(), ("17.png", signature_png()), query="?dry_run=true").json()
    assert (told["captured"], told["dry_run"], entries(desk)) == (1, True, [])


@pytest.mark.parametrize(
    ("content", "headers", "query", "told"),
    [
        (b"", CSV, "", (422, "input_refused")),
        (b"fieldsync-bundle/1\n", CSV, "", (422, "bundle_not_here")),
        (b"nonsense\n1\n", CSV, "", (422, "input_refused")),
        (b"[{}]", JSONL, "", (422, "input_refused")),
        (b"{}", {"Content-Type": "application/json"}, "", (415, "unsupported_media_type")),
        (b"{}", JSONL, "?kind=nothing", (422, "unknown_kind")),
        (b"{}", JSONL, "?owner=%20", (422, "input_refused")),
        (b"{}", JSONL, "?dry=1", (422, "input_refused")),
    ],
)
def test_what_is_no_file_of_rows_is_refused_as_a_whole(
    desk: Desk, content: bytes, headers: dict[str, str], query: str, told: tuple[int, str]
) -> None:
    answer = program(desk).post(f"/v1/import{query}", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == told, answer.text


def test_import_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LARGEST_BYTES", 1000)
    monkeypatch.setattr(importing, "MOST_IMAGES", 1)
    assert program(desk).post("/v1/import", content=b"x" * 1001, headers=CSV).status_code == 413
    monkeypatch.setattr(importing, "LARGEST_BYTES", 1_000_000)
    answer = sent(desk, row(), ("1.png", b"x"), ("2.png", b"x"))
    assert answer.json()["error"]["problems"][0]["code"] == "too_many_parts"


def test_parts_that_have_no_place_are_named(desk: Desk) -> None:
    answer = program(desk).post("/v1/import", files=[("rows", ("x", b"")), ("images", ("a.png", b""))])
    assert [each["path"] for each in answer.json()["error"]["problems"]] == ["$.file", "$"]
    twice = sent(desk, row(), ("a.png", b""), ("a.png", b""))
    assert [each["code"] for each in twice.json()["error"]["problems"]] == ["image_name_invalid"]


def test_import_that_the_end_of_the_program_cuts_short_says_to_come_again(desk: Desk) -> None:
    feed = app_of(desk).state.feed
    feed.stopped.set()
    try:
        answer = sent(desk, row(), ("1.png", signature_png()))
    finally:
        feed.stopped.clear()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), answer.text
    assert answer.json()["error"]["code"] == "interrupted"


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")])
def test_image_in_the_place_of_a_folder_is_named_and_no_trouble_of_the_disk(
    desk: Desk, names: tuple[str, str]
) -> None:
    answer = sent(desk, row(), *((name, b"") for name in names))
    assert answer.status_code == 422, answer.text
    assert [each["code"] for each in answer.json()["error"]["problems"]] == ["image_name_invalid"]


@pytest.mark.parametrize("visitor", [technician("ann"), Visitor(frozenset(Scope), "ann")])
def test_import_is_for_who_controls_everything(desk: Desk, visitor: Visitor) -> None:
    for method, path in (("POST", "import"), ("PUT", "reference")):
        answer = program(desk, visitor).request(method, f"/v1/{path}", content=b"", headers=CSV)
        assert answer.status_code == 403


LIST = "type,id,name,company_id\r\ncompany,1,Aqua,\r\nsite,5,North,1\r\nrule,9,Hydrant,\r\n"


def test_reference_list_is_replaced_as_a_whole(desk: Desk) -> None:
    client = program(desk)
    put = client.put("/v1/reference", content=LIST, headers=CSV)
    assert put.json() == {
        "schema": 1,
        "companies": 1,
        "sites": 1,
        "rules": 1,
        "replaced": 0,
        "dry_run": False,
    }
    told = program(desk, technician("ann")).get("/v1/reference").json()
    assert (told["companies"], told["sites"]) == (
        [{"id": 1, "name": "Aqua"}],
        [{"id": 5, "name": "North", "company_id": 1}],
    )
    wrong = client.put("/v1/reference", content=LIST + "site,5,Again,\r\n", headers=CSV)
    assert (wrong.status_code, client.get("/v1/reference").json()) == (422, told)
