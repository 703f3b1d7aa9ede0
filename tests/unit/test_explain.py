"""Every state and every reason is explained, with commands that exist, in every language."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.queries import STATES
from sync import policy, reconcile
from sync.entrypoints.cli.main import COMMANDS
from sync.explain import LANGUAGES, explain, reason_words, words_in
from sync.explain_english import ENGLISH
from sync.gate import Gate, Mode
from sync.presigned_url import UploadImpossible, UrlRefused
from sync.sentences import SENTENCES
from sync.upload import UnsignedUrl
from sync.upload_headers import UnsatisfiableHeaders

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=7)
LATER_ISO = "2026-03-02T12:07:00.000Z"
ID = "0193a000-0000-7000-8000-00001234abcd"
NEVER_STORED = {"accepted", "uploaded"}  # how a try ended that needs no explanation: the entry has moved on
ROOT = Path(__file__).resolve().parents[2]


def told(state: str, reason: str | None = None, **changes: Any) -> dict[str, Any]:
    """The story of an entry, as far as its explanation looks at it."""
    story: dict[str, Any] = {
        "id": ID,
        "state": state,
        "reason": reason,
        "owner": None,
        "due_at": None,
        "signature": {"name": "signature.png"},
        "stage": None,
        "lease": None,
        "certainly_created": False,
        "blocked_by": [],
    }
    return story | changes


def closed(reason: str = "no_connection") -> dict[str, Any]:
    return Gate(Mode.CLOSED, reason, NOW, LATER, failures=1).to_json()


def reasons_in_code() -> set[str]:
    """Every reason that the code can write to a row or to the control table."""
    known = set(SENTENCES) - NEVER_STORED
    known |= {reconcile.HELD_REASON, reconcile.CREATED_REASON, *reconcile.LOOKUP_REASONS}
    known |= {each.code for each in (UploadImpossible, UrlRefused, UnsignedUrl, UnsatisfiableHeaders)}
    paths = [path for folder in ("sync", "storage") for path in (ROOT / folder).glob("*.py")]
    pattern = re.compile(
        r"""(?:\breason=|"reason":\s|new_reason=|PERSON: Final = |Event\.PARK, |_pause\(transaction, )"([a-z_]+)\""""
    )
    for path in paths:
        if path.name.startswith(("explain", "status")):
            continue
        known |= set(pattern.findall(path.read_text("utf-8")))
    return known


def test_the_search_for_reasons_finds_those_that_are_known_to_be_written() -> None:
    assert reasons_in_code() >= {
        "attempts_exhausted", "arrival_unknown", "answer_unusable", "server_id_taken", "kind_unknown",
        "payload_damaged", "signature_damaged", "interrupted", "rejections_suspicious", "auth_required", "person",
        "upload_url_refused", "endpoint_missing", "no_connection",
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", sorted(reasons_in_code()))
def test_every_reason_is_explained_in_every_language(reason: str, language: str) -> None:
    assert reason in words_in(language).reasons
    words = reason_words(reason, language=language)
    assert words.what
    assert words.command.startswith("fieldsync ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_keys_of_english(language: str) -> None:
    words = words_in(language)
    assert words.reasons.keys() == ENGLISH.reasons.keys()
    assert words.situations.keys() == ENGLISH.situations.keys()
    assert words.stages.keys() == ENGLISH.stages.keys()
    assert "{reason}" in words.unknown.what


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("reason", [None, "written_by_a_newer_program", *sorted(reasons_in_code())])
def test_every_state_with_every_reason_has_an_answer(state: str, reason: str | None) -> None:
    explained = explain(told(state, reason), {}, NOW)
    assert list(explained) == ["waiting_for", "until", "next_step", "person_can"]
    assert explained["next_step"]
    finished = state in ("done", "discarded")
    assert (explained["waiting_for"] is None) == finished
    assert (explained["person_can"] == []) == finished
    assert "{" not in str({**explained, "person_can": "".join(explained["person_can"])})[1:-1]


def all_sentences() -> list[str]:
    words = [*ENGLISH.reasons.values(), *ENGLISH.situations.values(), ENGLISH.unknown]
    return sorted({sentence for each in words for sentence in each.can})


@pytest.mark.parametrize("sentence", all_sentences())
def test_what_a_person_can_do_names_a_command_that_exists(sentence: str) -> None:
    commands = re.findall(r"fieldsync ([a-z]+)", sentence)
    assert commands, "each sentence has a command"
    assert set(commands) <= set(COMMANDS)


@pytest.mark.parametrize("command", sorted({each.command for each in ENGLISH.reasons.values()}))
def test_next_commands_are_taken_by_the_command_line(command: str) -> None:
    import click

    from sync.entrypoints.cli.main import cli

    _, *arguments = command.split()
    context = click.Context(cli)
    found = cli.get_command(context, arguments.pop(0))
    while isinstance(found, click.Group):
        found = found.get_command(click.Context(found), arguments.pop(0))
    assert found is not None
    found.make_context(command, arguments)  # raises where an option or a value is not known


def test_reason_nobody_knows_is_named_and_admitted() -> None:
    explained = explain(told("parked", "brand_new"), {}, NOW)
    assert (
        explained["waiting_for"] == "The recorded reason is brand_new, for which this program has no words."
    )
    assert explained["person_can"]


def test_pause_comes_before_everything_else() -> None:
    control = {"pause": {"reason": "person", "since": NOW.isoformat(), "detail": None}, "gate:api": closed()}
    explained = explain(told("pending", blocked_by=[{"id": ID, "state": "dead"}]), control, NOW)
    assert (
        explained["waiting_for"]
        == "A person has paused the queue. Nothing is sent until the queue is resumed."
    )
    assert explained["person_can"] == ["Let the queue go on: fieldsync resume"]


def test_suspicious_rejections_tell_where_to_look_first() -> None:
    explained = explain(told("pending"), {"pause": {"reason": "rejections_suspicious"}}, NOW)
    assert explained["person_can"][0] == "Look at what was refused, and why: fieldsync list --state dead"
    assert explained["person_can"][-1].endswith("fieldsync resume")


@pytest.mark.parametrize(
    ("blockers", "named", "released"),
    [
        ([{"id": "x-00000001", "state": "pending"}], "00000001", False),
        ([{"id": "x-00000001", "state": "dead"}], "00000001", True),
        (
            [{"id": "x-00000001", "state": "pending"}, {"id": "x-00000002", "state": "parked"}],
            "00000002",
            True,
        ),
    ],
    ids=["not through yet", "dead", "the one that needs a person"],
)
def test_entry_that_follows_another_names_it(blockers: Any, named: str, released: bool) -> None:
    explained = explain(told("pending", blocked_by=blockers), {}, NOW)
    assert explained["person_can"][0] == f"Look at that entry: fieldsync show {named}"
    assert any("resync" in sentence for sentence in explained["person_can"]) == released


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (
            "target",
            "It changes what entry 00000001 makes, and needs the server id of that. That entry is dead",
        ),
        (
            "reference",
            "Its body names what entry 00000001 makes, and needs the server id of that. That entry is",
        ),
        ("after", "It is to come after entry 00000001. That entry is dead and needs a person."),
        ("order", "Entry 00000001 changes the same intervention, and its turn is first. That entry is dead"),
    ],
)
def test_entry_that_waits_for_another_says_why(why: str, said: str) -> None:
    blockers = [{"id": "x-00000001", "state": "dead", "why": why}]
    assert (explain(told("pending", blocked_by=blockers), {}, NOW)["waiting_for"] or "").startswith(said)


def test_held_owner_is_told_how_to_sign_in_and_when_the_next_probe_is() -> None:
    control = {"pause:owner:Zoé N": {"reason": "auth_required", "probe_at": int(LATER.timestamp() * 1000)}}
    explained = explain(told("pending", owner="Zoé N"), control, NOW)
    assert explained["until"] == LATER_ISO
    assert explained["person_can"][0] == "Sign in: fieldsync auth set --owner 'Zoé N'"
    assert explain(told("pending", owner="other"), control, NOW)["until"] is None


def test_closed_gate_says_why_and_until_when() -> None:
    explained = explain(told("pending"), {"gate:api": closed()}, NOW)
    assert explained["waiting_for"].startswith("The server could not be reached. ")
    assert explained["until"] == LATER_ISO
    assert "Look for the server right now: fieldsync sync" in explained["person_can"]


def test_unsent_entry_waits_for_the_upload_host_only_when_it_is_signed() -> None:
    control = {"gate:upload": closed()}
    signed = explain(told("pending"), control, NOW)
    assert "so it is not sent yet" in signed["waiting_for"]
    assert signed["until"] == LATER_ISO
    unsigned = explain(told("pending", signature=None), control, NOW)
    assert unsigned["waiting_for"] == "It waits for its turn."


def test_signature_waits_for_the_storage_and_not_for_the_server() -> None:
    explained = explain(told("accepted"), {"gate:upload": closed(), "gate:api": closed()}, NOW)
    assert explained["waiting_for"].startswith(
        "The storage could not be reached. The server has the intervention"
    )
    assert explain(told("accepted"), {"gate:api": closed()}, NOW)["until"] is None


def test_hold_that_the_server_asked_for_is_a_reason_to_wait() -> None:
    gate = Gate(Mode.CANARY, "busy", NOW, hold_until=LATER).to_json()
    explained = explain(told("pending"), {"gate:api": gate}, NOW)
    assert explained["waiting_for"].startswith("The server asks us to slow down.")
    assert explained["until"] == LATER_ISO


def test_backoff_has_an_end_and_the_last_trouble() -> None:
    explained = explain(told("pending", "server_trouble", due_at=LATER_ISO), {}, NOW)
    assert explained["until"] == LATER_ISO
    assert explained["waiting_for"].startswith("The server had trouble")
    assert explained["person_can"] == ["Forget the wait and go now: fieldsync resync 1234abcd"]
    assert explain(told("pending", "server_trouble", due_at=LATER_ISO), {}, LATER)["until"] is None


def test_entry_on_the_wire_is_told_from_one_that_was_cut_off() -> None:
    lease = {"expires_at": LATER_ISO}
    assert explain(told("sending", lease=lease), {}, NOW)["waiting_for"] == "It is on its way to the server."
    assert "nobody knows yet" in explain(told("sending", lease=lease), {}, LATER)["waiting_for"]
    assert "on its way" in explain(told("accepted", lease=lease), {}, NOW)["waiting_for"]


def test_doubt_never_promises_to_send_again() -> None:
    doubtful = explain(told("in_doubt", "answer_late"), {}, NOW)
    assert "it is not sent again by guessing" in doubtful["waiting_for"]
    created = explain(told("in_doubt", "conflict", certainly_created=True), {}, NOW)
    assert "It arrived, and is never sent again." in created["waiting_for"]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("pending", "sent with a fresh set of tries"),
        ("accepted", "only its signature is sent"),
        ("in_doubt", "that alone never sends it again"),
    ],
)
def test_held_entry_says_what_letting_it_go_on_means(stage: str, words: str) -> None:
    explained = explain(told("parked", "attempts_exhausted", stage=stage), {}, NOW)
    assert words in explained["next_step"]
    assert "Give it a fresh set of tries: fieldsync resync 1234abcd" in explained["person_can"]


def test_limits_of_the_policy_are_explained_in_the_words_of_their_reason() -> None:
    assert reason_words("attempts_exhausted").what == "It was tried as often as the settings allow."
    assert policy.Limits().max_attempts > 1


def test_entry_in_another_device_s_hands_is_not_said_to_be_sent_again() -> None:
    said = explain(told("parked", "handed_over", stage="pending"), {}, NOW)
    assert "fresh set of tries" not in said["next_step"]
    assert (
        "fresh set of tries"
        in explain(told("parked", "target_missing", stage="pending"), {}, NOW)["next_step"]
    )
