"""`status`, `list` and `show` as processes: what they print, how they end, what they import and keep quiet."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import control, repairs
from storage.lifecycle import Event
from storage.locks import FileLock
from storage.records import Result, Setback, record_setback
from sync.gate import Gate, Mode
from tests.support.scratch import NOON_MS, Scratch, entry_id
from tests.unit.test_credentials import jwt

COMMAND = (sys.executable, "-m", "sync")
HEAVY = (
    "sqlmodel", "sqlalchemy", "pydantic", "pydantic_settings", "pydantic_core", "boto3", "botocore", "fastapi",
    "starlette", "httpx", "rich", "apscheduler", "PIL", "uvicorn", "alembic", "tenacity",
)  # fmt: skip
ENTRY_FIELDS = [
    "id", "kind", "state", "reason", "attempts", "server_id", "target", "after", "owner", "captured_at", "due_at",
    "done_at", "signature", "signature_owed",
]  # fmt: skip
TOKEN, SESSION = jwt(user=7, canary="TOKENCANARY"), "session-CANARY-0123456789"
PRESIGNED = (
    "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=URLCANARY0123456789&X-Amz-Security-Token=STSCANARY"
)
CANARIES = (TOKEN, SESSION, "TOKENCANARY", "URLCANARY", "STSCANARY", "session-CANARY")
# What a hostile server or name would send: an escape, its one-byte form, a mark that turns the line around, a bell.
NASTY = "\x1b]0;owned\x07 \x9b31m \u202egnp.exe"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ambient = {name: value for name, value in os.environ.items() if not name.startswith("FIELDSYNC_")}
    return {
        **ambient,
        "FIELDSYNC_STORAGE__DIR": str(tmp_path / "outbox"),
        "FIELDSYNC_API__TOKEN": TOKEN,
        "FIELDSYNC_API__SESSION_TOKEN": SESSION,
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def begin(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=environment | changes,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return begin


def document(ended: subprocess.CompletedProcess[str], expect: int = 0) -> Any:
    assert ended.returncode == expect, (ended.stdout, ended.stderr)
    assert len(ended.stdout.splitlines()) == 1
    return json.loads(ended.stdout)


def note(scratch: Scratch, key: str, value: Any) -> None:
    with scratch.database.write() as transaction:
        control.put(transaction, key, value, now=scratch.now)


def park(scratch: Scratch, number: int, detail: str = "") -> None:
    """Parked after one try to which the server answered `detail`."""
    scratch.put(number)
    lease, seq = scratch.send(number), scratch.seq(number)
    held = Setback(Event.PARK, "attempts_exhausted", counted=True)
    result = Result("Retryable", "busy", 12, status=429, detail=detail)
    with scratch.database.write() as transaction:
        record_setback(transaction, seq, lease, held, result, now=scratch.now)


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("list",), ("show", "00000001")])
def test_a_look_imports_nothing_heavy(scratch: Scratch, environment: dict[str, str], arguments: Any) -> None:
    park(scratch, 1)
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sync", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if "|" in line}
    assert {"click", "storage.queries"} <= imported
    assert not {name for name in imported if name.split(".")[0] in HEAVY}


def test_status_without_a_database_answers_with_zeros(run: Run) -> None:
    found = document(run("status", "--json"))
    assert (found["schema"], found["level"], found["waiting"]) == (1, "ok", 0)
    text = run("status")
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.startswith("Nothing is waiting.\n")
    assert "\x1b" not in text.stdout


def test_status_without_tokens_says_that_sign_in_is_missing(run: Run) -> None:
    signed_out = {"FIELDSYNC_API__TOKEN": "", "FIELDSYNC_API__SESSION_TOKEN": ""}
    text = run("status", **signed_out)
    assert text.returncode == 0
    assert "Nobody is signed in" in text.stdout
    assert "fieldsync auth set" in text.stdout
    assert run("status", "--check", **signed_out).returncode == 4


def test_status_of_a_broken_database_prints_what_is_known_and_ends_with_8(scratch: Scratch, run: Run) -> None:
    scratch.put(1)
    scratch.close()
    scratch.folder.database.unlink()
    found = document(run("status", "--json"), 8)
    assert (found["level"], found["problems"][0]["reason"]) == ("broken", "database_missing")
    assert found["auth"][0]["state"] == "ok"
    text = run("status", "--check")
    assert text.returncode == 8
    assert "fieldsync db recover" in text.stdout
    assert run("list").returncode == 8


def test_check_ends_with_what_matters_most(scratch: Scratch, run: Run) -> None:
    assert run("status", "--check").returncode == 0
    scratch.put(1)
    assert run("status", "--check").returncode == 0
    later = datetime.now(UTC) + timedelta(hours=1)
    note(scratch, "gate:api", Gate(Mode.CLOSED, "no_connection", probe_at=later, failures=1).to_json())
    assert run("status", "--check").returncode == 5
    park(scratch, 2)
    assert run("status", "--check").returncode == 3
    scratch.put(3, owner="somebody-else")
    assert run("status", "--check").returncode == 4
    assert run("status").returncode == 0


def test_pause_is_a_reason_to_try_later(scratch: Scratch, run: Run) -> None:
    scratch.put(1)
    assert run("pause", "--reason", "audit").returncode == 0
    ended = run("status", "--check", "--json")
    paused = document(ended, 5)["paused"]
    assert (paused["reason"], paused["detail"]) == ("person", "audit")
    assert paused["since"].endswith("Z")


def test_alive_is_one_line_and_an_exit_code(scratch: Scratch, run: Run) -> None:
    dead = run("status", "--alive")
    assert (dead.returncode, dead.stdout) == (1, "not alive: no worker is running\n")
    lock = FileLock(scratch.folder.worker_lock)
    assert lock.take(since="2026-03-02T11:00:00+00:00")
    try:
        beat_at = int(datetime.now(UTC).timestamp() * 1000)
        note(scratch, "worker", {"pid": os.getpid(), "since": "", "beat_at": beat_at})
        alive = run("status", "--alive")
        assert (alive.returncode, len(alive.stdout.splitlines())) == (0, 1)
        assert document(run("status", "--alive", "--json"))["alive"] is True
        note(scratch, "worker", {"pid": os.getpid(), "since": "", "beat_at": beat_at - 3_600_000})
        silent = run("status", "--alive")
        assert (silent.returncode, len(silent.stdout.splitlines())) == (1, 1)
    finally:
        lock.give()


def test_alive_says_no_when_the_configuration_is_broken(run: Run, tmp_path: Path) -> None:
    ended = run("status", "--alive", FIELDSYNC_STORAGE__DIR="", FIELDSYNC_CONFIG=str(tmp_path / "none.toml"))
    assert (ended.returncode, len(ended.stdout.splitlines())) == (1, 1)


def test_list_prints_each_entry_in_the_promised_shape(scratch: Scratch, run: Run) -> None:
    scratch.put(1, owner="7")
    park(scratch, 2)
    first, second = document(run("list", "--json"))
    assert list(first) == list(second) == ENTRY_FIELDS
    assert list(first["signature"]) == ["name", "mime_type", "size", "sha256", "uploaded_at"]
    text = run("list").stdout.splitlines()
    assert text[0].split() == ["ID", "CAPTURED", "KIND", "STATE", "REASON", "SERVER", "ID", "OWNER"]
    assert text[1].split() == [
        "00000001",
        "2026-03-02T12:00:00Z",
        "unplanned-preventive",
        "pending",
        "-",
        "-",
        "7",
    ]


def test_list_narrows(scratch: Scratch, run: Run) -> None:
    for number in (1, 2):
        scratch.put(number)
    park(scratch, 3)
    scratch.put(4, captured_at=int(datetime.now(UTC).timestamp() * 1000))

    def listed(*arguments: str) -> list[int]:
        return [int(each["id"][-12:]) for each in document(run("list", *arguments, "--json"))]

    assert listed() == [1, 2, 3, 4]
    assert listed("--state", "parked") == [3]
    assert listed("--state", "parked", "--state", "pending") == [1, 2, 3, 4]
    assert listed("--needs-action") == [3]
    assert listed("--limit", "2") == [1, 2]
    assert listed("--after-id", "00000002") == [3, 4]
    assert listed("--since", "2h") == [4]
    assert listed("--since", "2026-03-02T13:00:00.002+01:00") == [2, 3, 4]
    assert listed("--kind", "unplanned-preventive", "--limit", "1") == [1]
    assert listed("--state", "done") == []


def test_list_of_what_needs_action_says_each_cause_once_and_what_to_do(scratch: Scratch, run: Run) -> None:
    """Ops look at what stands still: each cause once, in words, with an example and the command."""
    for number in range(1, 6):
        park(scratch, number)
    refused(scratch, 6, "siteIds 17 unknown")
    refused(scratch, 7, "siteIds 4 unknown")
    refused(scratch, 8, "somebody unknown")
    blocks = run("list", "--needs-action").stdout.strip().split("\n\n")
    assert len(blocks) == 3
    assert blocks[0].splitlines()[0] == "5 x 429 attempts_exhausted"
    assert "It was tried as often as the settings allow." in blocks[0]
    assert "00000001, 00000002, 00000003 and 2 more" in blocks[0]
    assert "next     fieldsync resync --reason attempts_exhausted" in blocks[0]
    assert "fieldsync resync ID" in blocks[0]
    assert blocks[1].splitlines()[0] == "2 x 422 siteIds # unknown"
    assert "The server will not take this as it is." in blocks[1]
    assert "next     fieldsync show 00000006" in blocks[1]
    assert blocks[2].splitlines()[0] == "1 x 422 somebody unknown"
    assert "fieldsync edit 00000008 --set PATH=VALUE" in blocks[2]
    assert run("list").stdout.count("\n\n") == 0


def refused(scratch: Scratch, number: int, words: str) -> None:
    scratch.put(number)
    lease = scratch.send(number)
    scratch.set_back(number, lease, Event.REJECT, reason="refused")
    sql = "UPDATE attempt SET outcome = 'Rejected', status = 422, reason = 'refused', detail = ? WHERE entry_seq = ?"
    with scratch.database.write() as transaction:
        seq = transaction.cursor.execute(
            "SELECT seq FROM entry WHERE id = ?", (entry_id(number),)
        ).fetchone()[0]
        transaction.cursor.execute(sql, (json.dumps({"message": words}), seq))


def test_programs_get_the_causes_with_every_id(scratch: Scratch, run: Run) -> None:
    for number in range(1, 5):
        refused(scratch, number, f"siteIds {number} unknown")
    scratch.put(5)
    assert json.loads(run("list", "--needs-action", "--by-cause", "--json").stdout) == {
        "schema": 1,
        "groups": [
            {
                "count": 4,
                "kind": "unplanned-preventive",
                "state": "dead",
                "reason": "refused",
                "status": 422,
                "message": "siteIds # unknown",
                "ids": [entry_id(number) for number in range(1, 5)],
                "next_command": "fieldsync show 00000001",
            }
        ],
    }
    narrowed = json.loads(run("list", "--needs-action", "--by-cause", "--kind", "curative", "--json").stdout)
    assert narrowed["groups"] == []
    assert len(json.loads(run("list", "--needs-action", "--json").stdout)) == 4


def test_word_of_a_person_hides_no_cause(scratch: Scratch, run: Run) -> None:
    """It was refused, and given to somebody else since: what is wrong with it is still what the server said."""
    refused(scratch, 1, "siteIds 4 unknown")
    with scratch.database.write() as transaction:
        repairs.assign(transaction, entry_id(1), "bert", now=NOON_MS)
    (group,) = json.loads(run("list", "--needs-action", "--by-cause", "--json").stdout)["groups"]
    assert (group["status"], group["message"]) == (422, "siteIds # unknown")


def test_causes_are_only_of_what_needs_action(run: Run) -> None:
    ended = run("list", "--by-cause", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (2, "usage")


def test_page_that_is_full_names_the_next(scratch: Scratch, run: Run) -> None:
    for number in (1, 2, 3):
        scratch.put(number)
    assert "fieldsync list --after-id 00000002" in run("list", "--limit", "2").stderr


def test_empty_list_says_so_beside_the_data(scratch: Scratch, run: Run) -> None:
    ended = run("list")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "no entries: nothing was captured yet\n")
    assert run("list", "--state", "dead").stderr == "no entry fits\n"
    assert document(run("list", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--state", "lost"), "'in_doubt'"),
        (("--limit", "0"), "1<=x<=100000"),
        (("--limit", "100001"), "1<=x<=100000"),
        (("--since", "yesterday"), "2h or 3d"),
        (("--since", "2026-03-02T12:00:00"), "time zone"),
        (("--since", "99999999999d"), "2h or 3d"),
        (("--kind", "unplaned"), "unplanned-preventive"),
    ],
)
def test_option_that_cannot_be_meant_is_refused(run: Run, arguments: tuple[str, ...], words: str) -> None:
    ended = run("list", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert document(run("list", *arguments, "--json"), 2)["error"]["message"]


def test_show_tells_the_whole_story(scratch: Scratch, run: Run) -> None:
    scratch.put(1)
    scratch.deliver(1, 4711)
    scratch.upload(1, scratch.lease_upload(1))
    told = document(run("show", "1", "--json"))
    assert list(told) == [
        "schema",
        *ENTRY_FIELDS,
        "blocked_by",
        "payload",
        "revisions",
        "server_version",
        "history",
        "receipt",
        "receipts",
        "explain",
    ]
    assert (told["schema"], told["state"], told["payload"]) == (1, "done", {"n": 1})
    tried = ["n", "step", "started_at", "duration_ms", "outcome", "status", "reason", "detail", "sent_as"]
    assert [list(each) for each in told["history"]] == [tried, tried]
    assert (told["receipt"]["server_id"], told["receipts"]) == (4711, [told["receipt"]])
    assert list(told["explain"]) == ["waiting_for", "until", "next_step", "person_can"]
    text = run("show", "00000001").stdout
    assert text.startswith("unplanned-preventive 00000001 is done\n")
    assert "the server answered 201" in text


def test_show_says_what_to_do_about_a_held_entry(scratch: Scratch, run: Run) -> None:
    park(scratch, 1)
    assert document(run("show", entry_id(1), "--json"))["receipt"] is None
    text = run("show", "1").stdout
    assert re.search(r"why +It was tried as often as the settings allow\.", text)
    assert "Give it a fresh set of tries: fieldsync resync 00000001" in text


def test_id_that_fits_none_or_several_ends_with_its_own_code(scratch: Scratch, run: Run) -> None:
    assert document(run("show", "beef", "--json"), 6)["error"]["code"] == "no_such_entry"
    scratch.put(1)
    scratch.put(11)
    ambiguous = document(run("show", "1", "--json"), 2)["error"]
    assert ambiguous["code"] == "ambiguous_id"
    assert all(entry_id(number) in ambiguous["message"] for number in (1, 11))
    assert run("show", "beef").returncode == 6
    assert run("list", "--after-id", "beef").returncode == 6


def test_show_without_a_database_finds_no_entry(run: Run) -> None:
    assert document(run("show", "1", "--json"), 6)["error"]["next_command"] == "fieldsync list"


def test_no_secret_leaves_by_any_look(scratch: Scratch, run: Run) -> None:
    """Somebody screenshots the status of a tablet that holds tokens and a fresh upload address."""
    scratch.put(1)
    scratch.accept(1, scratch.send(1), 4711, url=PRESIGNED)
    park(
        scratch,
        2,
        detail=f"refused {PRESIGNED} with Authorization: Bearer {TOKEN} x-session-token: {SESSION}",
    )
    lease = scratch.lease_upload(1)
    with scratch.database.write() as transaction:
        transaction.cursor.execute(
            "UPDATE receipt SET answer = ?", (json.dumps({"data": {"url": [PRESIGNED]}}),)
        )
    note(scratch, "pause", {"reason": "person", "since": "2026-03-02T12:00:00+00:00", "detail": PRESIGNED})
    assert scratch.all("SELECT presigned_url FROM entry WHERE server_id = 4711") == [(PRESIGNED,)]
    assert lease.attempt_n == 2
    looks = [("status",), ("list",), ("show", "00000001"), ("show", "00000002"), ("status", "--alive")]
    for look in looks:
        for form in ((), ("--json",)):
            ended = run(*look, *form)
            assert ended.stdout
            assert [each for each in CANARIES if each in ended.stdout + ended.stderr] == []


def test_texts_of_others_give_the_terminal_no_orders(scratch: Scratch, environment: dict[str, str]) -> None:
    park(scratch, 1, detail=NASTY)
    scratch.edit(1, owner=NASTY, payload=json.dumps({"name": NASTY}), person_note=NASTY)
    note(scratch, "pause", {"reason": NASTY, "since": None, "detail": NASTY})
    for arguments in (("status",), ("list",), ("show", "1"), ("status", "--json"), ("show", "1", "--json")):
        text = on_a_terminal(arguments, environment)
        assert "owned" in text or arguments == ("status",)
        without_colours = re.sub(r"\x1b\[\d*m", "", text)
        assert [each for each in "\x1b\x07\x9b\u202e" if each in without_colours] == []


def test_colour_is_for_terminals(scratch: Scratch, environment: dict[str, str], run: Run) -> None:
    park(scratch, 1)
    assert "\x1b[" in on_a_terminal(("status",), environment)
    assert "\x1b[" not in on_a_terminal(("status",), environment | {"NO_COLOR": "1"})
    assert "\x1b[" not in on_a_terminal(("status", "--json"), environment)
    assert "\x1b[" not in run("status").stdout


def on_a_terminal(arguments: tuple[str, ...], environment: dict[str, str]) -> str:
    """What a command writes when its output is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:  # how Linux says that the other end of a terminal is closed
            pass
        process.wait(timeout=60)
    os.close(ours)
    return written.decode()
