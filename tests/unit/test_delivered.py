"""The table of what was delivered: the columns that people need, and nothing about the customer."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.delivered import Delivered
from storage.queries import reading
from sync.delivered import COLUMNS, as_csv
from tests.support.builders import unplanned_body
from tests.support.command import Ended, run_here
from tests.support.scratch import NOON_MS, Scratch, entry_id

BODY = json.dumps(unplanned_body())


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "outbox")
    yield made
    made.close()


def table(raw: bytes) -> list[dict[str, str]]:
    text = raw.decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def export(box: Scratch, *arguments: str) -> Ended:
    environment = {"FIELDSYNC_STORAGE__DIR": str(box.folder.root), "HOME": str(box.folder.root)}
    return run_here(environment, "export", "--csv", *arguments)


def row(**changes: Any) -> Delivered:
    facts: dict[str, Any] = dict.fromkeys(Delivered._fields)
    facts |= {"id": "e1", "kind": "unplanned-preventive", "has_signature": True, "signature_owed": False}
    return Delivered(**(facts | changes))


def test_table_tells_what_was_delivered_and_nothing_about_the_customer(box: Scratch, tmp_path: Path) -> None:
    box.put(1, payload=BODY, start_at=NOON_MS)
    box.edit(
        1, state="done", server_id=77, first_sent_at=NOON_MS, uploaded_at=NOON_MS + 2, done_at=NOON_MS + 2
    )
    box.put(2, payload=BODY)
    box.put(
        3,
        payload='{"description":"=1+1"}',
        kind="preventive-update",
        creates=False,
        signed=False,
        target_id=77,
    )
    box.edit(3, state="done", server_id=77, done_at=NOON_MS + 5_000)
    box.put(4, payload=BODY)
    box.edit(4, state="accepted", server_id=78)
    file = tmp_path / "delivered.csv"
    ended = export(box, "-o", str(file), "--json")
    assert (ended.code, ended.document["rows"]) == (0, 3), ended
    raw = file.read_bytes()
    rows = {each["id"]: each for each in table(raw)}
    assert set(rows) == {entry_id(1), entry_id(3), entry_id(4)}
    first, third, fourth = (rows[entry_id(number)] for number in (1, 3, 4))
    assert (first["server_id"], first["company"], first["sites"]) == ("77", "1", "1 2 3")
    assert (first["start"], first["signature"]) == ("2024-12-01T12:34:56.000Z", "delivered")
    assert (third["target"], third["signature"], fourth["signature"]) == ("77", "", "owed")
    assert file.stat().st_mode & 0o777 == 0o600
    assert raw.startswith(b"\xef\xbb\xbf" + ",".join(COLUMNS).encode())
    for personal in ("Zoé", "Nguyễn", "example.org", "Extinguishers", "1+1"):
        assert personal.encode() not in raw


def test_what_was_removed_since_is_still_in_the_table(box: Scratch) -> None:
    box.put(1, payload=BODY)
    box.edit(1, state="done", server_id=77, done_at=NOON_MS)
    box.purge(1)
    ended = export(box, "-o", "-")
    (only,) = table(ended.out.encode())
    assert (only["id"], only["company"]) == (entry_id(1), "")


def test_table_since_a_moment_leaves_out_what_came_before(box: Scratch) -> None:
    for number in (1, 2):
        box.put(number, payload=BODY)
        box.edit(number, state="done", server_id=number, done_at=NOON_MS + number * 60_000)
    ended = export(box, "-o", "-", "--since", "2026-03-02T12:02:00Z")
    assert [each["id"] for each in table(ended.out.encode())] == [entry_id(2)]


@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx"])
def test_cell_is_never_a_formula(start: str) -> None:
    body = json.dumps({"actualStart": start, "companyId": "=1", "siteIds": ["=1", True, 4]})
    _, line = as_csv([row(payload=body)])
    assert f"'{start}" in line.decode()
    assert "=1" not in line.decode().replace(start, "")


@pytest.mark.parametrize("payload", ["", "[", "[1]", '{"siteIds":7,"companyId":null}', "{}"])
def test_body_that_cannot_be_read_leaves_its_cells_empty(payload: str) -> None:
    _, line = as_csv([row(payload=payload, kind="of-tomorrow")])
    assert line.decode().rstrip().endswith(",,,,")


def test_table_overwrites_nothing(box: Scratch, tmp_path: Path) -> None:
    file = tmp_path / "delivered.csv"
    file.write_text("precious")
    ended = export(box, "-o", str(file), "--json")
    assert (ended.code, ended.error["code"]) == (2, "file_exists")
    assert file.read_text() == "precious"


def test_nothing_delivered_is_a_table_without_rows(box: Scratch) -> None:
    assert table(export(box, "-o", "-").out.encode()) == []
    with reading(box.folder) as reader:
        assert reader is not None


def test_secret_or_selection_does_not_go_with_a_table(box: Scratch) -> None:
    for more in (("--passphrase-stdin",), ("--kind", "curative"), ("--dry-run",), ("ffff",)):
        ended = export(box, "-o", "-", *more)
        assert ended.code == 2, more
