"""Lists, searches and stories through the local API: each visitor sees what is theirs, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import outbox, paging
from sync.entrypoints.api.desk import Desk
from sync.visitor import OPS, technician
from tests.support.local_api import desk_in, program
from tests.support.scratch import entry_id, new_entry

ANN, BOB, NOBODY = technician("ann"), technician("bob"), technician(None)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Ten entries: of ann, bob and nobody in turns."""
    with desk_in(tmp_path_factory.mktemp("reading")) as made:
        for number in range(10):
            owner = ("ann", "bob", None)[number % 3]
            outbox.put(
                made.database, new_entry(number, owner=owner, payload=f'{{"n":{number},"Zoé":"100%_"}}')
            )
        yield made


def pages(desk: Desk, visitor: Any = OPS, **query: Any) -> list[int]:
    """The numbers of all entries, page after page."""
    client, found = program(desk, visitor), []
    while True:
        told = client.get("/v1/entries", params=query).json()
        found += [int(each["id"][-12:]) for each in told["entries"]]
        if told["next"] is None:
            return found
        query["after_id"] = told["next"]


@pytest.mark.parametrize("limit", [1, 3, 10, 11])
def test_pages_hold_each_entry_once_in_either_direction(desk: Desk, limit: int) -> None:
    assert pages(desk, limit=limit) == list(range(10))
    assert pages(desk, limit=limit, newest_first=True) == list(range(9, -1, -1))


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"owner": "bob"}, [1, 4, 7]),
        ({"owner": ""}, [2, 5, 8]),
        ({"state": ["dead", "pending"]}, list(range(10))),
        ({"state": "dead"}, []),
        ({"kind": "curative"}, []),
        ({"reason": "server_busy"}, []),
        ({"needs_action": True}, []),
        ({"q": "000000000007"}, [7]),
        ({"q": '"n":4'}, [4]),
        ({"q": "BOB"}, [1, 4, 7]),
        ({"q": "zoé"}, list(range(10))),
        ({"q": "100%_"}, list(range(10))),
        ({"q": "1_0"}, []),
        ({"since": "2h"}, []),
        ({"since": "2026-01-01T00:00:00Z"}, list(range(10))),
    ],
)
def test_list_is_narrowed_by_all_that_is_given(desk: Desk, query: dict[str, Any], numbers: list[int]) -> None:
    assert pages(desk, **query) == numbers


@pytest.mark.parametrize("size", [1, 3, 4])
def test_search_looks_at_a_bounded_part_and_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", size)
    assert pages(desk, q='"n":8') == [8]
    assert pages(desk, q='"n":1', newest_first=True) == [1]
    first = program(desk).get("/v1/entries", params={"q": '"n":8'}).json()
    assert (first["entries"], first["next"]) == ([], entry_id(size - 1))


def test_everybody_sees_their_own_alone(desk: Desk) -> None:
    assert [pages(desk, who) for who in (ANN, BOB, NOBODY)] == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]
    assert pages(desk, ANN, owner="bob") == []
    assert pages(desk, ANN, q="bob") == []


@pytest.mark.parametrize("path", ["", "/signature"])
@pytest.mark.parametrize("end", [36, 12])
def test_entry_of_somebody_else_is_answered_like_one_that_is_not_there(
    desk: Desk, path: str, end: int
) -> None:
    client = program(desk, ANN)
    theirs, none = entry_id(1)[-end:], entry_id(77)[-end:]
    found, unknown = client.get(f"/v1/entries/{theirs}{path}"), client.get(f"/v1/entries/{none}{path}")
    assert (found.status_code, unknown.status_code) == (404, 404)
    assert found.text.replace(theirs, "") == unknown.text.replace(none, "")
    assert client.get(f"/v1/entries/{entry_id(3)[-end:]}{path}").status_code == 200


def test_end_of_an_id_that_others_share_names_ones_own(desk: Desk) -> None:
    outbox.put(desk.database, new_entry(5_000_003, owner="bob"))
    try:
        assert program(desk).get("/v1/entries/00003").status_code == 409
        assert program(desk, ANN).get("/v1/entries/00003").json()["id"] == entry_id(3)
    finally:
        with desk.database.write() as transaction:
            transaction.cursor.execute("DELETE FROM entry WHERE id = ?", (entry_id(5_000_003),))


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("limit=0", "$.limit", None),
        ("limit=x", "$.limit", None),
        ("state=gone", "$.state[0]", None),
        ("nothing=1", "$.nothing", "unknown_parameter"),
        ("limit=1&limit=2", "$.limit", "given_twice"),
        ("since=2026-01-01", "$.since", "bad_instant"),
        ("since=yesterday", "$.since", "bad_instant"),
        ("q=", "$.q", None),
        ("needs_action=perhaps", "$.needs_action", None),
    ],
)
def test_wrong_parameter_is_named(desk: Desk, query: str, path: str, code: str | None) -> None:
    answer = program(desk).get(f"/v1/entries?{query}")
    assert answer.status_code == 422
    (problem,) = answer.json()["error"]["problems"]
    assert problem["path"] == path
    assert code in (None, problem["code"])


def test_misspelt_kind_is_no_empty_list(desk: Desk) -> None:
    answer = program(desk).get("/v1/entries?kind=curativ")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unknown_kind")


def test_page_behind_an_entry_that_is_not_there_is_refused(desk: Desk) -> None:
    assert program(desk).get(f"/v1/entries?after_id={entry_id(99)}").status_code == 404
    assert program(desk, ANN).get(f"/v1/entries?after_id={entry_id(1)}").status_code == 404


@pytest.mark.parametrize("path", ["/v1/status", "/v1/entries", "/v1/causes", f"/v1/entries/{entry_id(1)}"])
def test_database_that_was_removed_is_told(tmp_path: Path, path: str) -> None:
    with desk_in(tmp_path) as desk:
        client = program(desk)
        desk.database.folder.database.rename(tmp_path / "elsewhere")
        answer = client.get(path)
    if path == "/v1/status":
        assert answer.json()["level"] == "broken"
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_missing")


def test_status_names_no_other_owner(desk: Desk) -> None:
    everybody = program(desk, OPS).get("/v1/status").json()
    assert {"ann", "bob"} <= {each["owner"] for each in everybody["auth"]}
    told = program(desk, ANN).get("/v1/status")
    assert "bob" not in told.text
    assert [each["owner"] for each in told.json()["auth"]] == ["ann"]
    assert told.json()["counts"] == everybody["counts"]
    assert len(told.json()["problems"]) == len(everybody["problems"])
