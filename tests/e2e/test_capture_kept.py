"""What a capture keeps: the body as given, once, durable, without network, tokens or any address of a server."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.clock import Clock
from tests.support.api_samples import sample
from tests.support.bad_images import jpeg_of_size
from tests.support.builders import signature_jpeg, signature_png, unplanned_body
from tests.support.command import Ended, Tablet

KIND = "unplanned-preventive"
ID = "0190f3c2-7a5b-7cc3-98c4-dc0c0c07398f"
# The sample on the API's page, to the letter.
PAGE_BODY: dict[str, Any] = {
    "companyId": 1,
    "siteIds": [1, 2, 3],
    "ruleIds": [1, 2, 3],
    "signature": {"name": "example.jpg", "mimeType": "image/jpeg", "size": 1024},
    "provider": {
        "firstName": "Provider name",
        "lastName": "Provider name",
        "actionComment": "Action comment from the provider",
        "email": "example@mail.fr",
        "comment": "General comment from the provider",
    },
    "actualStart": "2024-12-01T12:34:56.000Z",
}


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def captured(
    tablet: Tablet, body: dict[str, Any] | str, *more: str, image: bytes | None = None, expect: int = 0
) -> Any:
    """The document of one capture."""
    picture = tablet.file("signature.png", image or signature_png(1))
    text = body if isinstance(body, str) else json.dumps(body)
    ended: Ended = tablet.run(
        "capture", KIND, "--data", "-", "--signature", str(picture), "--json", *more, stdin=text
    )
    assert ended.code == expect, ended
    return ended.document


def without_start(**changes: Any) -> dict[str, Any]:
    body = unplanned_body(**changes)
    del body["actualStart"]
    return body


def test_body_of_the_page_is_kept_to_the_letter_with_an_agreeing_image(tablet: Tablet) -> None:
    kept = captured(tablet, PAGE_BODY, image=jpeg_of_size(1024))
    assert tablet.payload(kept["id"]) == json.dumps(PAGE_BODY, separators=(",", ":"))


def test_answer_is_what_other_programs_rely_on(tablet: Tablet) -> None:
    kept = captured(tablet, unplanned_body())
    (entry,) = tablet.entries()
    assert {name: value for name, value in kept.items() if name != "schema"} == {
        "id": entry["id"],
        "kind": KIND,
        "state": "pending",
        "duplicate": False,
        "warnings": [],
    }


def test_person_is_told_the_id(tablet: Tablet) -> None:
    picture = tablet.file("signature.jpg", signature_jpeg(1))
    data = tablet.file("visit.json", json.dumps(unplanned_body()).encode())
    ended = tablet.run("capture", KIND, "--data", str(data), "--signature", str(picture))
    (entry,) = tablet.entries()
    assert (ended.code, ended.out, ended.err) == (0, f"captured {entry['id']}\n", "")


@pytest.mark.parametrize(
    ("image", "name", "mime_type"),
    [(signature_png(1), "signature.png", "image/png"), (signature_jpeg(1), "signature.jpg", "image/jpeg")],
    ids=["png", "jpeg"],
)
def test_signature_is_described_by_the_image_alone(
    tablet: Tablet, image: bytes, name: str, mime_type: str
) -> None:
    """The file is called signature.png in both cases: the content says what it is."""
    kept = captured(tablet, unplanned_body(), image=image)
    expected = {"name": name, "mimeType": mime_type, "size": len(image)}
    assert json.loads(tablet.payload(kept["id"]))["signature"] == expected


def test_partial_signature_object_is_completed_and_its_name_kept(tablet: Tablet) -> None:
    kept = captured(tablet, unplanned_body(signature={"name": "Zoé.png"}))
    expected = {"name": "Zoé.png", "mimeType": "image/png", "size": len(signature_png(1))}
    assert json.loads(tablet.payload(kept["id"]))["signature"] == expected


def test_data_with_a_byte_order_mark_is_taken(tablet: Tablet) -> None:
    captured(tablet, "\ufeff" + json.dumps(unplanned_body()))


def test_limits_themselves_are_allowed(tablet: Tablet) -> None:
    at_the_limit = {"firstName": "x" * 250, "comment": "\U0001f527" * 1250}
    most = 2**53 - 1
    captured(tablet, unplanned_body(companyId=-most, siteIds=[most], provider=at_the_limit))
    captured(tablet, unplanned_body(provider={}, actualStart="2024-02-29T23:59Z"))


# --id, --after, --owner


def test_repeat_with_the_same_id_and_input_is_the_same_entry(tablet: Tablet) -> None:
    first = captured(tablet, without_start(), "--id", ID)
    body = dict(reversed(without_start().items()))
    again = captured(tablet, json.dumps(body, indent=4), "--id", ID.upper())
    assert (first["id"], first["duplicate"]) == (ID, False)
    assert (again["id"], again["duplicate"]) == (ID, True)
    assert len(tablet.entries()) == 1


@pytest.mark.parametrize("other", ["body", "image"])
def test_repeat_with_the_same_id_and_other_input_is_refused(tablet: Tablet, other: str) -> None:
    kept = captured(tablet, unplanned_body(), "--id", ID)
    body = unplanned_body(companyId=2 if other == "body" else 1)
    image = signature_png(2 if other == "image" else 1)
    before = tablet.payload(kept["id"])
    error = captured(tablet, body, "--id", ID, image=image, expect=2)["error"]
    assert (error["code"], error["retryable"]) == ("id_conflict", False)
    assert ID in error["message"]
    assert error["next_command"] == f"fieldsync show {ID[-8:]}"
    assert len(tablet.entries()) == 1
    assert tablet.payload(ID) == before


def test_same_input_without_an_id_is_another_visit(tablet: Tablet) -> None:
    ids = {captured(tablet, without_start())["id"] for _ in range(3)}
    assert len(ids) == len(tablet.entries()) == 3


def test_after_takes_any_unique_end_of_an_id(tablet: Tablet) -> None:
    first = captured(tablet, without_start(), "--id", ID)["id"]
    captured(tablet, without_start(), "--after", first[-6:].upper())
    assert [entry["after"] for entry in tablet.entries()] == [None, first]


def test_after_an_unknown_entry_is_refused(tablet: Tablet) -> None:
    captured(tablet, without_start())
    error = captured(tablet, without_start(), "--after", "ffffffff0000", expect=6)["error"]
    (problem,) = error["problems"]
    assert (error["code"], error["next_command"]) == ("no_such_entry", "fieldsync list")
    assert "ffffffff0000" in error["message"]
    assert (problem["path"], problem["code"]) == ("--after", "after_unknown")
    assert "ffffffff0000" in problem["message"]
    assert len(tablet.entries()) == 1


def test_after_an_end_that_several_ids_have_lists_them(tablet: Tablet) -> None:
    ids = [f"{number}{ID[1:]}" for number in range(2)]
    for id in ids:
        captured(tablet, without_start(), "--id", id)
    error = captured(tablet, without_start(), "--after", ID[-8:], expect=2)["error"]
    (problem,) = error["problems"]
    assert error["code"] == "ambiguous_id"
    assert (problem["path"], problem["code"]) == ("--after", "after_ambiguous")
    assert all(id in problem["message"] for id in ids)


def test_owner_is_given_else_configured_else_nobody(tablet: Tablet) -> None:
    captured(tablet, without_start())
    tablet.environment["FIELDSYNC_API__OWNER"] = "team-7"
    captured(tablet, without_start())
    captured(tablet, without_start(), "--owner", "Zoé")
    assert [entry["owner"] for entry in tablet.entries()] == [None, "team-7", "Zoé"]


def test_owner_too_long_for_any_sign_in_is_refused(tablet: Tablet) -> None:
    captured(tablet, without_start(), "--owner", "x" * 101, expect=2)


# actualStart


def start_of(tablet: Tablet, id: str) -> str:
    return str(json.loads(tablet.payload(id))["actualStart"])


def test_missing_start_becomes_the_moment_of_capture(tablet: Tablet) -> None:
    kept = captured(tablet, without_start())
    started_at = datetime.fromisoformat(start_of(tablet, kept["id"]))
    assert abs(datetime.now(UTC) - started_at) < timedelta(minutes=1)
    (entry,) = tablet.entries()
    assert start_of(tablet, kept["id"]) == entry["captured_at"]


def test_missing_starts_are_unique_to_the_millisecond(
    tablet: Tablet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five captures in one tick of a coarse clock: a look-up must be able to tell them apart."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("sync.clock.Clock", lambda: Clock(now=lambda: noon))
    kept = [captured(tablet, without_start()) for _ in range(5)]
    assert [start_of(tablet, each["id"]) for each in kept] == [
        f"2026-03-01T12:00:00.00{number}Z" for number in range(5)
    ]
    assert [each["warnings"] for each in kept] == [[]] * 5


@pytest.mark.parametrize(
    "given",
    ["2024-12-01T12:34:56.000Z", "2024-12-01T12:34Z", "2024-02-29T23:59:59.123456789Z", "0001-01-01T00:00Z"],
)
def test_given_start_is_never_altered_and_a_second_use_is_warned_about(tablet: Tablet, given: str) -> None:
    first = captured(tablet, unplanned_body(actualStart=given))
    second = captured(tablet, unplanned_body(actualStart=given))
    assert first["warnings"] == []
    (warning,) = second["warnings"]
    assert warning["code"] == "start_not_unique"
    assert {start_of(tablet, each["id"]) for each in (first, second)} == {given}


@pytest.mark.parametrize(
    ("start", "end", "warned"),
    [
        ("2026-03-02T10:00Z", "2026-03-02T09:59:59.999Z", True),
        ("2026-03-02T10:00Z", "2026-03-02T10:00:00.0009Z", True),
        ("2026-03-02T10:00Z", "2026-03-02T10:00:00.001Z", False),
    ],
)
def test_plan_that_ends_before_it_begins_is_kept_and_warned_about(
    tablet: Tablet, start: str, end: str, warned: bool
) -> None:
    """The pages do not rule it out, and it is most likely a slip of the hand."""
    body = sample("curative", scheduledStart=start, scheduledEnd=end)
    ended = tablet.run("capture", "curative", "--data", "-", "--json", stdin=json.dumps(body))
    assert ended.code == 0, ended
    assert [each["code"] for each in ended.document["warnings"]] == ["ends_before_start"] * warned
    assert json.loads(tablet.payload(ended.document["id"])) == body


def test_warning_is_told_to_people_too(tablet: Tablet) -> None:
    picture = tablet.file("signature.png", signature_png(1))
    data = tablet.file("visit.json", json.dumps(unplanned_body()).encode())
    for _ in range(2):
        ended = tablet.run("capture", KIND, "--data", str(data), "--signature", str(picture))
    assert ended.code == 0
    assert ended.err.startswith("note: ")
    assert "actualStart" in ended.err


# The installed command, with nothing around it.


def test_installed_command_captures_with_no_network_no_tokens_and_no_server(tablet: Tablet) -> None:
    """A basement: whatever would reach for the network breaks."""
    guard = tablet.folder / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(
        "import socket, sys\n"
        "def refuse(*_, **__): sys.stderr.write('the network was asked for\\n'); raise OSError('no network')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse\n"
    )
    picture = tablet.file("signature.png", signature_png(1))
    ended = subprocess.run(
        [
            Path(sys.executable).with_name("fieldsync"),
            "capture",
            KIND,
            "--data",
            "-",
            "--signature",
            picture,
            "--json",
        ],
        env=tablet.environment | {"PYTHONPATH": str(guard)},
        input=json.dumps(without_start()).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    (entry,) = tablet.entries()
    assert json.loads(ended.stdout)["id"] == entry["id"]
    assert entry["signature"]["size"] == len(signature_png(1))


def test_folder_and_files_are_for_their_owner_alone(tablet: Tablet) -> None:
    captured(tablet, without_start())
    assert tablet.storage.stat().st_mode & 0o777 == 0o700
    for path in tablet.storage.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
