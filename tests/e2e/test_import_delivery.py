"""A thousand rows imported twice and delivered: a thousand records, and every row that was wrong is told."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png
from tests.support.device import Device

ROWS, BAD = 1030, 30


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def written(folder: Path) -> tuple[Path, dict[int, tuple[str, str]]]:
    """A semicolon CSV as spreadsheets save it, with cells of two lines; the bad ones by line: field and code."""
    (folder / "images").mkdir()
    for seed in range(5):
        (folder / "images" / f"{seed}.png").write_bytes(signature_png(seed, width=120, height=40))
    names = (
        "id", "companyId", "siteIds", "ruleIds", "provider.firstName", "provider.comment", "actualStart", "signature",
    )  # fmt: skip
    text = io.StringIO()
    out = csv.writer(text, delimiter=";")
    out.writerow(names)
    wrong: dict[int, tuple[str, str]] = {}
    faults = (
        ({"companyId": "one"}, ("companyId", "wrong_type")),
        ({"siteIds": ""}, ("siteIds", "missing")),
        ({"actualStart": "01/12/2024"}, ("actualStart", "bad_instant")),
        ({"signature": "9.png"}, ("signature", "image_not_found")),
        ({"provider.firstName": "x" * 251}, ("provider.firstName", "too_long")),
    )
    for number in range(1, ROWS + 1):
        line = text.getvalue().count("\n") + 1
        row = {
            "id": f"2024/{number}",
            "companyId": str(number),
            "siteIds": "1;2",
            "ruleIds": "3",
            "provider.firstName": "Zoé",
            "provider.comment": "first line\r\nsecond; line" if number % 3 == 0 else "",
            "actualStart": f"2024-12-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
            "signature": f"{number % 5}.png",
        }
        if number % (ROWS // BAD) == 0 and len(wrong) < BAD:
            changes, expected = faults[len(wrong) % len(faults)]
            row |= changes
            wrong[line] = expected
        out.writerow([row[name] for name in names])
    assert len(wrong) == BAD
    file = folder / "day.csv"
    file.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return file, wrong


def test_thousand_rows_imported_twice_are_a_thousand_records(tmp_path: Path, sandbox: Sandbox) -> None:
    """The office exports the whole day again in the evening, because one cannot know what went through."""
    device = Device(tmp_path, sandbox, SYNC__CONCURRENCY=16)
    file, wrong = written(tmp_path)
    order = ("import", str(file), "--images", str(tmp_path / "images"))
    first = device.json(*order, expect=(3,))
    good = ROWS - BAD
    assert (first["rows"], first["captured"], first["duplicates"], first["rejected"]) == (ROWS, good, 0, BAD)
    with Path(first["rejects"]).open(newline="", encoding="utf-8") as stream:
        told = {int(each["line"]): (each["field"], each["code"]) for each in csv.DictReader(stream)}
    assert told == wrong
    again = device.json(*order, expect=(3,))
    assert (again["captured"], again["duplicates"], again["rejected"]) == (0, good, BAD)
    assert device.json("sync", "--wait", timeout_s=240)["delivered"] == good
    third = device.json(*order, expect=(3,))
    assert (third["captured"], third["duplicates"]) == (0, good), "also after it was delivered"
    records = sandbox.state.records()
    assert len(records) == good
    assert len({record["body"]["companyId"] for record in records}) == good, "each row once"
    assert device.json("status")["counts"]["done"] == good


def test_corrected_rows_and_what_hangs_on_them_arrive_in_order(tmp_path: Path, sandbox: Sandbox) -> None:
    device = Device(tmp_path, sandbox)
    plan = {
        "scheduledStart": "2026-05-01T08:00:00Z",
        "scheduledEnd": "2026-05-01T10:00:00Z",
        "anomalyIds": [1],
        "creationStatus": 7,
    }
    check = {"kind": "verification", "target": "local:P", "data": {"decision": 1, "decisionComment": "fine"}}
    file = tmp_path / "day.jsonl"

    def write() -> None:
        rows = ({"kind": "curative", "id": "P", "data": plan}, check)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    write()
    assert device.json("import", str(file), expect=(2,))["rejected"] == 2
    plan["creationStatus"] = 1
    write()
    assert device.json("import", str(file))["captured"] == 2
    assert not file.with_name("day.jsonl.rejects.csv").exists()
    assert device.json("sync", "--wait")["delivered"] == 2
    (record,) = sandbox.state.records()
    (patch,) = (each for each in sandbox.state.journal.requests() if each["method"] == "PATCH")
    assert patch["target"].endswith(f"/interventions/v2/rs/{record['id']}/verify")
