"""`fieldsync import`: good rows become entries once, bad rows are told by line and field, whatever else happens."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sync.batch.importing import ROWS_AT_ONCE
from tests.support.builders import signature_png
from tests.support.command import Ended, Tablet


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        (tmp_path / "images" / f"{seed}.png").write_bytes(signature_png(seed, width=80, height=30))
    return Tablet(tmp_path)


def unplanned(number: int, **more: Any) -> dict[str, Any]:
    """A row of its own for each number."""
    data = {"companyId": number, "siteIds": [1], "ruleIds": [2], "provider": {"firstName": "Zoé"}}
    return {"id": f"R{number}", "data": data, "signature": f"{number % 3}.png", **more}


def plan(**more: Any) -> dict[str, Any]:
    """A row that needs no image."""
    data = {
        "scheduledStart": "2026-05-01T08:00:00Z",
        "scheduledEnd": "2026-05-01T10:00:00Z",
        "anomalyIds": [1],
        "creationStatus": 1,
    }
    return {"kind": "curative", "data": data, **more}


def batch(tablet: Tablet, rows: Iterable[object], name: str = "batch.jsonl") -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return tablet.file(name, "".join(f"{line}\n" for line in lines).encode())


def imported(tablet: Tablet, file: Path, *more: str) -> Ended:
    return tablet.run("import", str(file), "--images", str(tablet.folder / "images"), *more)


def summary(tablet: Tablet, file: Path, *more: str, code: int = 0) -> dict[str, Any]:
    ended = imported(tablet, file, "--json", *more)
    assert ended.code == code, ended.out + ended.err
    document: dict[str, Any] = ended.document
    return document


def rejects(file: Path) -> list[dict[str, str]]:
    with (file.parent / (file.name + ".rejects.csv")).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def counts(document: dict[str, Any]) -> tuple[int, int, int, int]:
    return tuple(document[name] for name in ("rows", "captured", "duplicates", "rejected"))  # type: ignore[return-value]


# Idempotence


def test_same_file_twice_is_captured_once(tablet: Tablet) -> None:
    file = batch(tablet, [*(unplanned(number) for number in range(7)), plan(), plan(id="P")])
    assert counts(summary(tablet, file)) == (9, 9, 0, 0)
    before = tablet.entries()
    assert counts(summary(tablet, file)) == (9, 0, 9, 0)
    assert tablet.entries() == before


def test_same_rows_from_another_file_and_format_are_the_same_interventions(tablet: Tablet) -> None:
    row = unplanned(1)
    del row["id"]
    assert summary(tablet, batch(tablet, [row]))["captured"] == 1
    text = "signature,companyId,siteIds,ruleIds,provider.firstName\n1.png,1,1,2,Zoé\n"
    assert counts(summary(tablet, tablet.file("other.csv", text.encode()))) == (1, 0, 1, 0)


def test_two_equal_rows_without_an_id_are_one_intervention_and_said_so(tablet: Tablet) -> None:
    rows = [plan() for _ in range(3)]
    for more in (("--dry-run",), ()):
        document = summary(tablet, batch(tablet, rows), *more)
        assert counts(document) == (3, 1, 2, 0)
        (warning,) = document["warnings"]
        assert (warning["code"], warning["count"], warning["lines"]) == ("equal_rows", 2, [2, 3])
    assert summary(tablet, batch(tablet, rows[:1]))["warnings"] == [], "a second import is no mistake"


def test_row_id_used_twice_with_other_content_is_refused_by_line(tablet: Tablet) -> None:
    """Somebody copied a line in the spreadsheet and forgot to change its number."""
    rows = [unplanned(1), unplanned(2, id="R1"), plan(id="P", after="R1"), unplanned(3)]
    for more in (("--dry-run",), (), ()):
        document = summary(tablet, batch(tablet, rows), *more, code=3)
        assert (document["captured"] + document["duplicates"], document["rejected"]) == (2, 2)
        found = [
            (each["line"], each["id"], each["field"], each["code"])
            for each in rejects(tablet.folder / "batch.jsonl")
        ]
        assert found == [("2", "R1", "id", "id_conflict"), ("3", "P", "after", "parent_refused")]
    (first, _) = tablet.entries()
    assert json.loads(tablet.payload(first["id"]))["companyId"] == 1, "the first one stays as it is"


def test_id_that_is_a_uuid_is_that_of_the_entry(tablet: Tablet) -> None:
    uuid = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    assert summary(tablet, batch(tablet, [plan(id=uuid)]))["captured"] == 1
    assert [entry["id"] for entry in tablet.entries()] == [uuid.lower()]


def test_warnings_are_counted_with_the_first_lines(tablet: Tablet) -> None:
    """The spreadsheet knows the day only, so all its rows began at the same moment."""
    start = {"actualStart": "2024-12-01T12:00:00Z"}
    rows = [unplanned(number) for number in range(1, 15)]
    for row in rows:
        row["data"] |= start
    (warning,) = summary(tablet, batch(tablet, rows))["warnings"]
    assert (warning["code"], warning["count"]) == ("start_not_unique", 13)
    assert warning["lines"] == list(range(2, 12))


# All kinds


def test_all_five_kinds_come_in_from_one_file_and_hang_together(tablet: Tablet) -> None:
    moved = {"scheduledStart": "2026-05-01T08:00:00Z"}
    rows = [
        unplanned(1),
        plan(id="P"),
        {"kind": "preventive-update", "target": "local:R1", "data": moved, "id": "M"},
        {"kind": "training-update", "target": 99, "data": moved, "after": "P", "id": "T"},
        {
            "kind": "verification",
            "target": "local:P",
            "data": {"decision": 1, "decisionComment": "fine"},
            "id": "V",
        },
    ]
    for more in (("--dry-run",), ()):
        assert counts(summary(tablet, batch(tablet, rows), *more)) == (5, 5, 0, 0)
    first, planned, update, training, verification = tablet.entries()
    assert (update["target"], training["target"], verification["target"]) == (
        f"local:{first['id']}", 99, f"local:{planned['id']}",
    )  # fmt: skip
    assert training["after"] == planned["id"]
    assert counts(summary(tablet, batch(tablet, rows))) == (5, 0, 5, 0)


def test_rows_hang_on_rows_of_earlier_transactions_and_earlier_files(tablet: Tablet) -> None:
    assert summary(tablet, batch(tablet, [plan(id="OLD")], "old.jsonl"))["captured"] == 1
    old = tablet.entries()[0]["id"]
    check = {"kind": "verification", "data": {"decision": 1, "decisionComment": "fine"}}
    rows = [plan(id=number) for number in range(ROWS_AT_ONCE + 5)]
    rows += [
        {**check, "target": "local:3", "id": "a"},
        {**check, "target": "local:OLD", "id": "b"},
        {**check, "target": f"local:{old[-8:].upper()}", "id": "c"},
        {**check, "target": f"local:{old}", "after": "102", "id": "d"},
    ]
    for more in (("--dry-run",), ()):
        document = summary(tablet, batch(tablet, rows), *more)
        assert counts(document) == (len(rows), len(rows), 0, 0)
    assert [entry["target"] for entry in tablet.entries()[-3:]] == [f"local:{old}"] * 3


def test_dry_run_tells_what_the_import_will_tell_across_transactions(tablet: Tablet) -> None:
    moved = {"scheduledStart": "2026-05-01T08:00:00Z"}
    rows = [plan(id=number) for number in range(ROWS_AT_ONCE + 5)]
    rows += [
        {"kind": "training-update", "target": "local:3", "data": moved},
        plan(id=4, owner="somebody"),
        {**plan(id=5), "data": {**plan()["data"], "anomalyIds": [2]}},
        plan(after="nobody"),
    ]
    file = batch(tablet, rows)
    dry = summary(tablet, file, "--dry-run", code=3)
    told = rejects(file)
    assert not tablet.entries()
    wet = summary(tablet, file, code=3)
    assert {**dry, "dry_run": False} == wet
    assert told == rejects(file)
    assert [(each["line"], each["code"]) for each in told] == [
        ("106", "target_wrong_kind"), ("108", "id_conflict"), ("109", "row_unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (plan(after="later"), "after", "row_unknown"),
        (plan(after="bad"), "after", "parent_refused"),
        (plan(after="0f8fad5b-d9cb-469f-a165-70867728950e"), "after", "after_unknown"),
        (plan(target="local:good"), "target", "target_not_wanted"),
        ({"kind": "verification", "data": {}, "target": "local:good"}, "decision", "missing"),
        ({"kind": "verification", "data": {}, "target": "good"}, "target", "target_invalid"),
        ({"kind": "verification", "data": {}}, "target", "target_missing"),
        ({"kind": "training-update", "data": {}, "target": "local:good"}, "target", "target_wrong_kind"),
        (plan(kind="curativ"), "kind", "unknown_kind"),
        (plan(owner="x" * 101), "owner", "owner_invalid"),
        (plan(signature="1.png"), "signature", "signature_not_wanted"),
        (unplanned(1, signature="9.png"), "signature", "image_not_found"),
        (unplanned(1, signature="../images/1.png"), "signature", "image_outside"),
        (unplanned(1, signature="..\\images\\1.png"), "signature", "image_outside"),
        (unplanned(1, signature="/etc/hostname"), "signature", "image_outside"),
        (unplanned(1, signature="C:\\1.png"), "signature", "image_outside"),
        (unplanned(1, signature="way-out.png"), "signature", "image_outside"),
        (unplanned(1, signature="pipe.png"), "signature", "image_not_a_file"),
        (unplanned(1, signature="folder"), "signature", "image_not_a_file"),
        ({"data": unplanned(1)["data"]}, "signature", "signature_missing"),
        ("{", "", "broken_json"),
    ],
)  # fmt: skip
def test_bad_row_is_refused_by_field_and_the_others_are_kept(
    tablet: Tablet, row: object, field: str, code: str
) -> None:
    os.mkfifo(tablet.folder / "images" / "pipe.png")
    (tablet.folder / "images" / "folder").mkdir()
    (tablet.folder / "secret.png").write_bytes(signature_png(1))
    (tablet.folder / "images" / "way-out.png").symlink_to(tablet.folder / "secret.png")
    file = batch(
        tablet, [plan(id="good"), plan(id="bad", data={}), row, plan(id="later", data=plan()["data"])]
    )
    document = summary(tablet, file, code=3)
    assert (document["captured"], document["rejected"]) == (2, 2)
    found = [each for each in rejects(file) if each["line"] == "3"]
    assert (field, code) in [(each["field"], each["code"]) for each in found]
    assert not any("--" in each["reason"] for each in found), "options of capture mean nothing here"
    fields = [each["field"] for each in found]
    assert len(fields) == len(set(fields)), "one thing is not told twice"


def test_examples_of_the_documentation_are_imported_as_they_are(tablet: Tablet) -> None:
    examples = Path(__file__).parents[2] / "docs" / "example"
    for name, again in (("interventions.csv", 0), ("interventions.jsonl", 0), ("interventions.csv", 3)):
        ended = tablet.run("import", str(examples / name), "--json")
        assert (ended.code, counts(ended.document)) == (0, (3, 3 - again, again, 0))
    assert not list(examples.glob("*.rejects.csv"))
    first = tablet.entries()[0]
    assert json.loads(tablet.payload(first["id"]))["provider"]["actionComment"].endswith(
        ",\ntwo seals replaced"
    )


# The command


def test_order_that_cannot_be_carried_out_is_one_error_and_stores_nothing(tablet: Tablet) -> None:
    good = str(batch(tablet, [plan()]))
    wrong_header = str(tablet.file("wrong.csv", b"companyId,company\n1,2\n"))
    os.mkfifo(tablet.folder / "pipe")
    for arguments, code, problem in (
        ((str(tablet.folder / "pipe"),), "input_refused", "not_a_file"),
        ((good, "--kind", "curativ"), "unknown_kind", None),
        ((good, "--owner", ""), "input_refused", "owner_invalid"),
        ((good, "--images", "nowhere"), "input_refused", "images_not_found"),
        ((good, "--rejects", good), "input_refused", "rejects_not_possible"),
        ((good, "--rejects", "."), "input_refused", "rejects_not_possible"),
        ((good, "--rejects", "/"), "input_refused", "rejects_not_possible"),
        (
            (good, "--rejects", str(tablet.folder / "no" / "where.csv")),
            "input_refused",
            "rejects_not_possible",
        ),
        (("nothing.csv",), "input_refused", "file_not_found"),
        ((".",), "input_refused", "not_a_file"),
        (("-",), "input_refused", "file_not_found"),
        ((str(tablet.folder),), "input_refused", "not_a_file"),
        ((wrong_header,), "input_refused", "unknown_column"),
    ):
        ended = tablet.run("import", *arguments, "--json")
        assert (ended.code, ended.error["code"]) == (2, code), ended.out
        assert [each["code"] for each in ended.error["problems"]] == ([] if problem is None else [problem])
        assert ended.error["next_command"] == "fieldsync import --help"
        assert tablet.run("import", *arguments).code == 2
    assert not tablet.storage.exists(), "a refusal makes no outbox"
    assert sorted(path.name for path in tablet.folder.iterdir()) == [
        "batch.jsonl",
        "images",
        "pipe",
        "wrong.csv",
    ]


def test_dry_run_makes_no_outbox(tablet: Tablet) -> None:
    """An administrator checks the file as root before the service's first start."""
    assert summary(tablet, batch(tablet, [plan(), plan(id=1)]), "--dry-run")["captured"] == 2
    assert not tablet.storage.exists()
    assert summary(tablet, batch(tablet, [plan(), plan(id=1)]))["captured"] == 2
    (tablet.storage / "fieldsync.db").unlink()
    lost = imported(tablet, batch(tablet, [plan()]), "--dry-run", "--json")
    assert (lost.code, lost.error["code"]) == (8, "database_missing"), (
        "an outbox that is lost is none of that"
    )


def test_exit_code_says_whether_all_some_or_none_were_kept(tablet: Tablet) -> None:
    assert summary(tablet, batch(tablet, [plan()]))["rejects"] is None
    assert summary(tablet, batch(tablet, [plan(), "{"]), code=3)["rejects"].endswith(
        "batch.jsonl.rejects.csv"
    )
    assert summary(tablet, batch(tablet, ["{broken"]), code=2)["rejected"] == 1
    assert counts(summary(tablet, tablet.file("bare.csv", b"companyId\n"))) == (0, 0, 0, 0)


def test_person_reads_the_first_problems_and_where_all_of_them_are(tablet: Tablet) -> None:
    file = batch(tablet, [plan(), *("{" for _ in range(12)), plan(), "\u001b[2J{"])
    ended = imported(tablet, file)
    assert ended.code == 3
    assert ended.out == "15 rows: 1 captured, 1 captured before, 13 refused\n"
    told = ended.err.splitlines()
    assert [line.partition(":")[0] for line in told[:10]] == [f"line {number}" for number in range(2, 12)]
    assert told[10] == f"All 13 with line, field and reason: {file}.rejects.csv"
    assert told[11].startswith("note: The same intervention stands in the file more than once")
    assert len(told) == 12
    assert "\x1b" not in ended.err + (tablet.folder / "batch.jsonl.rejects.csv").read_text(encoding="utf-8")


def test_owner_is_that_of_the_row_then_of_the_order_then_of_the_device(tablet: Tablet) -> None:
    tablet.environment["FIELDSYNC_API__OWNER"] = "device"
    assert (
        summary(tablet, batch(tablet, [plan(id=1, owner="row"), plan(id=2)]), "--owner", "order")["rows"] == 2
    )
    assert summary(tablet, batch(tablet, [plan(id=3)]))["rows"] == 1
    assert [entry["owner"] for entry in tablet.entries()] == ["row", "order", "device"]


def test_entry_that_was_discarded_or_is_done_is_not_captured_again(tablet: Tablet) -> None:
    """A person gave it up; the nightly import must not bring it back."""
    file = batch(tablet, [plan(id=1)])
    summary(tablet, file)
    (entry,) = tablet.entries()
    assert tablet.run("discard", entry["id"], "--reason", "twice").code == 0
    assert counts(summary(tablet, file)) == (1, 0, 1, 0)
    assert [each["state"] for each in tablet.entries()] == ["discarded"]


def test_bar_is_for_terminals_alone(tablet: Tablet) -> None:
    import pty
    import subprocess
    import sys

    file = batch(tablet, [plan(id=number) for number in range(300)])
    command = [sys.executable, "-m", "sync", "import", str(file)]
    environment = {**os.environ, **tablet.environment, "TERM": "xterm"}
    piped = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    assert (piped.stdout, piped.stderr) == (b"300 rows: 300 captured, 0 captured before, 0 refused\n", b"")
    ours, theirs = pty.openpty()
    shown = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=60
    )
    os.close(theirs)
    drawn = os.read(ours, 65536)
    os.close(ours)
    assert b"\x1b[" in drawn
    assert b"reading" in drawn
    assert shown.stdout == b"300 rows: 0 captured, 300 captured before, 0 refused\n"


def test_field_that_is_several_columns_is_missing_by_their_names(tablet: Tablet) -> None:
    """There is no column `provider` that anybody could fill in."""
    text = "signature,companyId,siteIds,ruleIds,provider.firstName\n1.png,1,1,2,\n"
    file = tablet.file("day.csv", text.encode())
    summary(tablet, file, code=2)
    (reject,) = rejects(file)
    assert (reject["field"], reject["code"]) == ("provider", "missing")
    assert "provider.firstName, provider.lastName" in reject["reason"]
