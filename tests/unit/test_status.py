"""What the facts about an outbox come to: level, headline, problems, and what a monitor is told."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import control
from storage.errors import DatabaseMissing, StorageBusy
from storage.folder import StorageFolder
from storage.lifecycle import Event
from storage.locks import FileLock
from storage.queries import STATES
from sync import holds
from sync.credentials import Credentials, TokenSource
from sync.entrypoints.cli.telling import status_text
from sync.gate import Gate, Mode
from sync.secret import Secret
from sync.status import Level, Status, conclude
from sync.status_facts import look
from sync.status_troubles import Trouble
from tests.support.scratch import DATABASE_ID, NOON, NOON_MS, URL, Scratch
from tests.unit.test_credentials import jwt

LATER = NOON + timedelta(minutes=7)
NOW = NOON + timedelta(minutes=1)
NONE = TokenSource()
GOOD = (jwt(user=7), "opaque-session")

Look = Callable[..., Status]


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "outbox")
    yield made
    made.close()


def credentials(folder: StorageFolder, pair: tuple[str, str] | None = GOOD) -> Credentials:
    bearer, session = (TokenSource(Secret(each)) for each in pair) if pair else (NONE, NONE)
    return Credentials(bearer=bearer, session=session, folder=folder.tokens, default_owner=None)


@pytest.fixture
def looked(scratch: Scratch) -> Look:
    def at(now: datetime = NOW, pair: tuple[str, str] | None = GOOD) -> Status:
        return conclude(look(scratch.folder, credentials(scratch.folder, pair), now))

    return at


def note(scratch: Scratch, **facts: Any) -> None:
    """Facts about the queue, `gate_api` for `gate:api`."""
    with scratch.database.write() as transaction:
        for key, value in facts.items():
            control.put(
                transaction, key.replace("_api", ":api").replace("_upload", ":upload"), value, now=NOON_MS
            )


def closed(reason: str = "no_connection") -> dict[str, Any]:
    return Gate(Mode.CLOSED, reason, NOON, LATER, failures=1).to_json()


def problems(found: Status) -> list[tuple[str, int, str]]:
    return [(each["reason"], each["count"], each["next_command"]) for each in found.document["problems"]]


def accepted(scratch: Scratch, number: int, server_id: int = 900) -> None:
    scratch.put(number)
    scratch.deliver(number, server_id)


def parked(scratch: Scratch, number: int, reason: str = "attempts_exhausted") -> None:
    scratch.put(number)
    scratch.set_back(number, scratch.send(number), Event.PARK, reason=reason)


def dead(scratch: Scratch, number: int) -> None:
    scratch.put(number)
    scratch.set_back(number, scratch.send(number), Event.REJECT, reason="refused")


def doubtful(scratch: Scratch, number: int) -> None:
    scratch.put(number)
    scratch.set_back(number, scratch.send(number), Event.DOUBT, reason="answer_late", counted=True)


def test_document_has_exactly_the_promised_fields(looked: Look) -> None:
    document = looked().document
    assert list(document) == [
        "schema", "version", "device", "level", "headline", "counts", "waiting", "needs_action", "in_doubt",
        "signature_owed",
        "oldest_waiting_s", "next_due_at", "problems", "paused", "online", "last_success_at", "drain", "worker", "auth",
        "clock_offset_s", "disk_free_bytes", "database",
    ]  # fmt: skip
    assert document["schema"] == 1
    assert tuple(document["counts"]) == STATES
    assert list(document["database"]) == ["path", "bytes", "sqlite_version", "encrypted"]
    assert document["database"]["bytes"] > 0
    assert document["disk_free_bytes"] > 0
    assert document["auth"] == [{"owner": "7", "state": "ok", "expires_at": None, "waiting": 0}]
    json.dumps(document)


def test_device_is_named_by_its_database_and_not_by_its_host(looked: Look) -> None:
    assert looked().document["device"] == DATABASE_ID[-8:]


def test_empty_outbox_is_ok(looked: Look) -> None:
    found = looked()
    assert (found.level, found.document["headline"]) == (Level.OK, "Nothing is waiting.")
    assert found.document["problems"] == []
    assert found.document["next_due_at"] is None
    assert found.document["oldest_waiting_s"] is None
    assert (found.sign_in_needed, found.needs_person, found.held_up) == (False, False, False)


def test_no_database_and_no_tokens_says_that_sign_in_is_missing(tmp_path: Path) -> None:
    folder = StorageFolder(tmp_path / "never" / "made")
    found = conclude(look(folder, credentials(folder, None), NOW))
    assert (found.level, found.sign_in_needed) == (Level.ATTENTION, True)
    assert "Nobody is signed in" in found.document["headline"]
    assert problems(found) == [("auth_required", 0, "fieldsync auth set")]
    assert found.document["device"] is None
    assert found.document["disk_free_bytes"] > 0
    assert not folder.root.exists()


def test_no_database_with_tokens_is_ok(tmp_path: Path) -> None:
    folder = StorageFolder(tmp_path)
    assert conclude(look(folder, credentials(folder), NOW)).level is Level.OK


def test_waiting_entries_have_an_age_and_are_due_now(scratch: Scratch, looked: Look) -> None:
    for number in (1, 2, 3):
        scratch.put(number)
    found = looked()
    assert found.level is Level.WAITING
    assert found.document["headline"] == "3 interventions are waiting to be delivered. Nothing is lost."
    assert found.document["waiting"] == 3
    assert found.document["oldest_waiting_s"] == 60
    assert found.document["next_due_at"] == "2026-03-02T12:01:00.000Z"
    assert not found.held_up


def test_clock_that_was_set_back_makes_no_negative_age(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    assert looked(NOON - timedelta(days=700)).document["oldest_waiting_s"] == 0


def test_closed_gate_counts_what_waits_behind_it(scratch: Scratch, looked: Look) -> None:
    for number in (1, 2, 3):
        scratch.put(number)
    scratch.set_back(1, scratch.send(1), Event.RETRY, reason="no_connection", link_failure=True)
    note(scratch, gate_api=closed())
    found = looked()
    assert found.document["headline"] == "3 interventions are waiting for the network. Nothing is lost."
    assert problems(found) == [("no_connection", 3, "fieldsync sync")]
    assert found.document["problems"][0]["oldest_at"] == "2026-03-02T12:00:00.001Z"
    assert found.document["online"] is False
    assert found.document["next_due_at"] == "2026-03-02T12:07:00.000Z"
    assert (found.level, found.held_up) == (Level.WAITING, True)


@pytest.mark.parametrize(("mode", "online"), [(Mode.OPEN, True), (Mode.CLOSED, False), (Mode.CANARY, None)])
def test_online_is_what_the_gate_saw(scratch: Scratch, looked: Look, mode: Mode, online: bool | None) -> None:
    assert looked().document["online"] is None
    note(scratch, gate_api=Gate(mode, proven_at=NOON).to_json())
    assert looked().document["online"] is online


def test_unsent_entries_wait_for_a_closed_upload_host(scratch: Scratch, looked: Look) -> None:
    accepted(scratch, 1)
    scratch.put(2)
    scratch.put(3)
    scratch.put(4, signed=False)
    note(scratch, gate_upload=closed("upload_forbidden"))
    found = looked()
    assert problems(found) == [
        ("upload_forbidden", 1, "fieldsync list --state parked"),
        ("upload_host_closed", 2, "fieldsync sync"),
    ]
    assert found.held_up
    assert "waiting for the storage" in found.document["headline"]


def test_upload_host_that_cannot_be_reached_is_not_called_the_server(scratch: Scratch, looked: Look) -> None:
    accepted(scratch, 1)
    note(scratch, gate_upload=closed())
    assert [each.sentence for each in looked().troubles] == ["The storage could not be reached."]


def test_behind_an_open_gate_the_reason_of_each_wait_is_told(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    due_at = NOON_MS + 600_000
    scratch.set_back(1, scratch.send(1), Event.RETRY, reason="server_trouble", due_at=due_at)
    found = looked()
    assert problems(found) == [("server_trouble", 1, "fieldsync sync")]
    assert found.document["next_due_at"] == "2026-03-02T12:10:00.000Z"


def test_owed_upload_is_due_now(scratch: Scratch, looked: Look) -> None:
    accepted(scratch, 1)
    assert looked().document["next_due_at"] == "2026-03-02T12:01:00.000Z"


def test_held_entries_are_counted_by_reason(scratch: Scratch, looked: Look) -> None:
    parked(scratch, 1)
    parked(scratch, 2)
    dead(scratch, 3)
    scratch.put(4)
    found = looked()
    assert (found.level, found.needs_person, found.document["needs_action"]) == (Level.ATTENTION, True, 3)
    assert found.document["headline"] == (
        "3 interventions need a person to look. 1 intervention is waiting. Nothing is lost."
    )
    assert problems(found) == [
        ("attempts_exhausted", 2, "fieldsync resync --reason attempts_exhausted"),
        ("refused", 1, "fieldsync list --state dead"),
    ]
    assert found.document["problems"][1]["oldest_at"] == "2026-03-02T12:00:00.003Z"


def test_entry_in_doubt_wants_attention(scratch: Scratch, looked: Look) -> None:
    doubtful(scratch, 1)
    found = looked()
    assert (found.level, found.document["in_doubt"], found.document["waiting"]) == (Level.ATTENTION, 1, 0)
    assert "looked up by itself" in status_text(found)
    assert "oldest" not in status_text(found)
    assert "not clear yet whether it arrived. Nothing is lost." in found.document["headline"]
    assert problems(found)[0][:2] == ("answer_late", 1)


def test_entries_behind_a_held_one_are_told(scratch: Scratch, looked: Look) -> None:
    parked(scratch, 1, "arrival_unknown")
    scratch.put(2, after_entry=scratch.row(1)["id"])
    parked(scratch, 3, "signature_url_lost")
    scratch.edit(3, stage="accepted", server_id=5)
    scratch.put(4, after_entry=scratch.row(3)["id"])
    assert ("waits_for_entry", 1, "fieldsync list --needs-action") in problems(looked())


def test_pause_holds_and_says_why(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    since = NOON.isoformat()
    note(scratch, pause={"reason": "person", "since": since, "detail": f"see {URL}"}, gate_api=closed())
    found = looked()
    assert found.document["paused"] == {
        "reason": "person",
        "since": "2026-03-02T12:00:00.000Z",
        "detail": "see https://bucket.s3.amazonaws.com/signature?***",
    }
    assert problems(found) == [("person", 1, "fieldsync resume")]
    assert (found.level, found.held_up, found.document["next_due_at"]) == (Level.ATTENTION, True, None)
    assert found.document["headline"] == "Delivery is paused. 1 intervention is waiting. Nothing is lost."


def test_waiting_entries_of_an_owner_without_tokens_need_a_sign_in(scratch: Scratch, looked: Look) -> None:
    scratch.put(1, owner="7")
    assert not looked().sign_in_needed
    scratch.put(2, owner="Zoé N")
    found = looked()
    assert (found.level, found.sign_in_needed) == (Level.ATTENTION, True)
    assert problems(found) == [("auth_required", 1, "fieldsync auth set --owner 'Zoé N'")]
    assert found.document["headline"] == "1 intervention is waiting for a sign-in. Nothing is lost."


def test_expired_tokens_matter_only_while_something_is_to_be_sent(scratch: Scratch, looked: Look) -> None:
    over = (jwt(user=7, ends=NOON), "opaque-session")
    found = looked(pair=over)
    assert (found.level, found.sign_in_needed) == (Level.OK, False)
    assert found.document["auth"][0]["state"] == "expired"
    accepted(scratch, 1)
    assert not looked(pair=over).sign_in_needed
    scratch.put(2)
    assert looked(pair=over).sign_in_needed


def test_tokens_are_judged_by_the_clock_of_the_server(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    ends_soon = (jwt(user=7, ends=NOW + timedelta(minutes=5)), "opaque-session")
    assert not looked(pair=ends_soon).sign_in_needed
    note(scratch, clock={"offset_s": 600.0, "samples": [600.0]})
    found = looked(pair=ends_soon)
    assert found.sign_in_needed
    assert found.document["clock_offset_s"] == 600.0


def auth(found: Status) -> list[tuple[str | None, str, int]]:
    return [(each["owner"], each["state"], each["waiting"]) for each in found.document["auth"]]


def test_how_many_wait_for_whom_is_told(scratch: Scratch, looked: Look) -> None:
    """A box of a team: its own pair serves user 7 and what nobody owns; Zoé has to sign in."""
    for number, owner in enumerate(("7", None, "Zoé N", "7", "Zoé N", "anna"), 1):
        scratch.put(number, owner=owner)
    accepted(scratch, 9)
    found = looked()
    assert auth(found) == [("7", "ok", 3), ("Zoé N", "missing", 2), ("anna", "missing", 1)]
    assert problems(found) == [
        ("auth_required", 2, "fieldsync auth set --owner 'Zoé N'"),
        ("auth_required", 1, "fieldsync auth set --owner anna"),
    ]
    assert "Zoé N: missing; 2 waiting" in status_text(found)


def test_refused_tokens_are_told_until_there_are_others(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    tokens = credentials(scratch.folder).for_owner(None)
    with scratch.database.write() as transaction:
        holds.hold_owner(transaction, None, tokens, "refused", NOON)
    assert auth(looked()) == [("7", "refused", 1)]
    assert auth(looked(pair=(jwt(user=8), "opaque-session"))) == [("8", "ok", 1)]


def test_sign_in_command_that_failed_is_told_in_its_own_words(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    tokens = credentials(scratch.folder).for_owner(None)
    with scratch.database.write() as transaction:
        holds.hold_owner(transaction, None, tokens, "refused", NOON)
        holds.command_failed(transaction, None, "auth_command_failed", "no route to the provider", NOON)
    (trouble,) = looked().troubles
    assert trouble.reason == "auth_required"
    assert trouble.sentence.endswith("The command that gets new tokens failed: no route to the provider.")


def test_hold_of_refused_tokens_ends_with_new_ones(scratch: Scratch, looked: Look) -> None:
    scratch.put(1)
    tokens = credentials(scratch.folder).for_owner(None)
    assert tokens is not None
    with scratch.database.write() as transaction:
        holds.hold_owner(transaction, None, tokens, "refused", NOON)
    assert problems(looked()) == [("auth_required", 1, "fieldsync auth set")]
    assert not looked(pair=(jwt(user=8), "opaque-session")).sign_in_needed


def test_last_success_is_told(scratch: Scratch, looked: Look) -> None:
    note(scratch, last_success=NOON_MS)
    assert looked().document["last_success_at"] == "2026-03-02T12:00:00.000Z"


@pytest.fixture
def worker(scratch: Scratch) -> Iterator[FileLock]:
    lock = FileLock(scratch.folder.worker_lock)
    assert lock.take(since="2026-03-02T11:00:00+00:00")
    yield lock
    lock.give()


def test_no_worker_is_not_alive(scratch: Scratch, looked: Look) -> None:
    note(scratch, worker={"pid": 1, "since": "", "beat_at": NOON_MS + 60_000})
    assert (looked().alive, looked().document["worker"]) == (False, None)


@pytest.mark.parametrize(
    ("silent_s", "alive"), [(0, True), (60, True), (61, False), (-60, True), (None, False)]
)
def test_worker_is_alive_while_its_heart_beats(
    scratch: Scratch, looked: Look, worker: FileLock, silent_s: int | None, alive: bool
) -> None:
    if silent_s is not None:
        beat_at = int(NOW.timestamp() * 1000) - silent_s * 1000
        note(scratch, worker={"pid": os.getpid(), "since": "", "beat_at": beat_at})
    found = looked()
    assert found.document["worker"] == {"pid": os.getpid(), "since": "2026-03-02T11:00:00+00:00"}
    assert found.alive is alive
    assert [each.reason for each in found.troubles] == ([] if alive else ["worker_silent"])


@pytest.mark.parametrize(("silent_s", "told"), [(0, []), (60, []), (61, ["drain_silent"])])
def test_drain_that_gives_no_sign_of_life_is_named(
    scratch: Scratch, looked: Look, silent_s: int, told: list[str]
) -> None:
    """A `sync` that somebody stopped: nobody else may send, so somebody has to be told who it is."""
    assert looked().document["drain"] is None
    lock = FileLock(scratch.folder.drain_lock)
    assert lock.take(since="2026-03-02T11:00:00+00:00")
    beat_at = NOW.timestamp() - silent_s
    os.utime(scratch.folder.drain_lock, (beat_at, beat_at))
    found = looked()
    lock.give()
    said = datetime.fromtimestamp(beat_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    since = "2026-03-02T11:00:00+00:00"
    assert found.document["drain"] == {"pid": os.getpid(), "since": since, "last_sign_at": said}
    assert [each.reason for each in found.troubles] == told
    assert [each.next_command for each in found.troubles] == [f"kill -CONT {os.getpid()}" for _ in told]


def test_silent_worker_is_told_once(scratch: Scratch, looked: Look, worker: FileLock) -> None:
    """It holds both locks while it delivers."""
    lock = FileLock(scratch.folder.drain_lock)
    assert lock.take()
    os.utime(scratch.folder.drain_lock, (0, 0))
    reasons = [each.reason for each in looked().troubles]
    lock.give()
    assert reasons == ["worker_silent"]


def test_missing_database_is_broken_and_nothing_is_called_zero(scratch: Scratch, looked: Look) -> None:
    scratch.close()
    scratch.folder.database.unlink()
    found = looked()
    assert (found.level, found.alive) == (Level.BROKEN, False)
    assert set(found.document["counts"].values()) == {None}
    assert found.document["waiting"] is None
    assert [each.reason for each in found.troubles] == [DatabaseMissing.code]
    assert found.document["headline"].endswith("Nothing was deleted.")
    assert found.document["auth"][0]["state"] == "ok"


def test_damaged_database_is_broken_and_its_size_is_known(scratch: Scratch, looked: Look) -> None:
    scratch.close()
    scratch.folder.database.write_bytes(b"this is not a database, " * 1000)
    found = looked()
    assert (found.level, found.document["problems"][0]["reason"]) == (Level.BROKEN, "database_damaged")
    assert found.document["database"]["bytes"] == 24_000


def test_locked_database_is_no_finding_but_a_reason_to_look_again(
    scratch: Scratch, looked: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(folder: StorageFolder) -> None:
        raise StorageBusy("locked")

    monkeypatch.setattr("storage.queries.open_for_reading", locked)
    with pytest.raises(StorageBusy):
        looked()


def test_look_writes_nothing(scratch: Scratch, looked: Look) -> None:
    def content() -> dict[str, bytes]:
        # The shared-memory file is where readers mark what they read.
        files = [path for path in scratch.folder.root.iterdir() if not path.name.endswith("-shm")]
        return {path.name: path.read_bytes() for path in files}

    scratch.put(1)
    before = content()
    looked()
    assert content() == before


def test_no_secret_and_no_payload_is_in_the_document(scratch: Scratch, looked: Look) -> None:
    scratch.put(1, payload='{"provider":{"firstName":"CANARY-NAME"}}')
    scratch.deliver(1, 77)
    text = json.dumps(looked().document)
    for canary in ("0ddba11", "CANARY-NAME", GOOD[0], GOOD[1]):
        assert canary not in text


def test_troubles_have_a_sentence_and_a_command(scratch: Scratch, looked: Look) -> None:
    parked(scratch, 1, "brand_new_reason")
    (trouble,) = looked().troubles
    assert isinstance(trouble, Trouble)
    assert "brand_new_reason" in trouble.sentence
    assert trouble.next_command.startswith("fieldsync ")


@pytest.mark.parametrize(
    ("offset_s", "told"), [(119.0, []), (-121.0, [("clock_suspect", 0, "fieldsync status")])]
)
def test_clock_that_is_far_off_is_named(
    scratch: Scratch, looked: Look, offset_s: float, told: list[tuple[str, int, str]]
) -> None:
    note(scratch, clock={"offset_s": offset_s, "samples": [offset_s]})
    assert problems(looked()) == told
