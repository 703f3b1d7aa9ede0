"""What a read says about an update: it is there, it certainly is not, somebody else changed it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.matching import instant_ms
from sync.target_read import (
    AFTER_SEND_MS,
    AFTER_UPLOAD_MS,
    CLOCK_MS,
    Reading,
    Tries,
    conflicts,
    own_version,
    read,
    version_text,
    was_changed_after,
    was_not_applied,
)

MIRRORED = {
    "description": ("description",),
    "scheduledStart": ("scheduledStart",),
    "ruleId": ("ruleId", "rule.id"),
    "siteIds": ("siteIds", "sites"),
    "assignedUserId": ("assignedUserId", "assignedProfileId"),
    "validateIntervention": ("validated",),
}
BODY = {"description": "moved to the morning", "scheduledStart": "2026-05-01T08:00:00.000Z"}
SENT = 1_777_600_000_000
TRIES = Tries(SENT, SENT + 60_000)


def at(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def item(updated: int | None = SENT, **shown: Any) -> dict[str, Any]:
    return {"id": 9, **({} if updated is None else {"updatedAt": at(updated)}), **shown}


def reading(updated: int | None = SENT, body: dict[str, Any] | None = None, **shown: Any) -> Reading:
    return read(body or BODY, item(updated, **shown), MIRRORED)


THERE = reading(**BODY)
HALF = reading(description=BODY["description"])
OTHER = reading(description="as planned")


def test_change_is_there_when_all_that_it_sets_is_shown_as_sent() -> None:
    assert (THERE.is_there, THERE.seems_there) == (True, True)
    assert (HALF.is_there, HALF.seems_there) == (False, True)
    assert (OTHER.is_there, OTHER.seems_there) == (False, False)
    assert not reading().seems_there, "what shows nothing proves nothing"


@pytest.mark.parametrize(
    ("field", "sent", "shown"),
    [
        ("description", "caf\u00e9 ", {"description": "cafe\u0301"}),
        ("description", "two\r\nlines", {"description": "two\nlines"}),
        ("scheduledStart", "2026-05-01T08:00Z", {"scheduledStart": "2026-05-01T10:00:00.000+02:00"}),
        ("ruleId", 7, {"rule": {"id": 7, "name": "lift"}}),
        ("siteIds", [2, 1], {"sites": [{"id": 1, "name": "a"}, {"id": 2}]}),
        ("siteIds", [2, 1, 2], {"siteIds": [1, 2]}),
        ("assignedUserId", 5, {"assignedProfileId": 5}),
        ("validateIntervention", True, {"validated": True}),
    ],
)
def test_same_value_is_known_again_however_it_is_shown(field: str, sent: Any, shown: dict[str, Any]) -> None:
    assert reading(body={field: sent}, **shown).is_there


@pytest.mark.parametrize(
    ("field", "sent", "shown"),
    [
        ("description", "Moved", {"description": "moved"}),
        ("description", "moved", {"description": None}),
        ("scheduledStart", "2026-05-01T08:00Z", {"scheduledStart": "2026-05-01T08:01Z"}),
        ("ruleId", 7, {"rule": {"id": 8}}),
        ("siteIds", [1, 2], {"siteIds": [1, 2, 3]}),
        ("validateIntervention", True, {"validated": 1}),
        ("assignedUserId", 1, {"assignedUserId": True}),
    ],
)
def test_another_value_is_a_difference(field: str, sent: Any, shown: dict[str, Any]) -> None:
    assert reading(body={field: sent}, **shown).differ == {field}


@pytest.mark.parametrize("shown", [{}, {"rule": None}, {"rule": 7}, {"rule": {"name": "lift"}}])
def test_what_is_not_shown_is_neither_there_nor_different(shown: dict[str, Any]) -> None:
    found = reading(body={"ruleId": 7}, **shown)
    assert (found.agree, found.differ, found.unshown) == (set(), set(), {"ruleId"})


def test_update_was_not_applied_when_something_differs_and_nothing_was_changed_since() -> None:
    before = SENT - CLOCK_MS - 1
    assert was_not_applied(reading(before, description="as planned"), TRIES, answered=None)
    assert not was_not_applied(reading(before + 1, description="as planned"), TRIES, answered=None)
    assert not was_not_applied(reading(None, description="as planned"), TRIES, answered=None)
    assert not was_not_applied(reading(before, **BODY), TRIES, answered=None), (
        "nobody notes what changes nothing"
    )
    assert not was_not_applied(reading(before), TRIES, answered=None), "nothing is shown of it"
    assert not was_not_applied(reading(before, description="as planned"), Tries(), answered=None)


def test_version_of_our_own_last_answer_proves_that_nothing_was_applied_since() -> None:
    just_before = reading(SENT - 1, description="as planned")
    assert was_not_applied(just_before, TRIES, answered=SENT - 1)
    assert not was_not_applied(just_before, TRIES, answered=SENT - 2)
    assert was_not_applied(just_before, Tries(), answered=SENT - 1), "no clock is needed for it"


def test_edit_by_somebody_else_after_the_send_is_seen() -> None:
    late = SENT + CLOCK_MS + 1
    assert was_changed_after(reading(late, description="theirs"), TRIES)
    assert not was_changed_after(reading(late, **BODY), TRIES), "that may be ours"
    assert not was_changed_after(reading(late - 1, description="theirs"), TRIES)
    assert not was_changed_after(reading(late, description="theirs"), Tries())


def test_newer_version_is_a_conflict() -> None:
    assert conflicts(OTHER, captured_at=SENT - 1, own_version=None)
    assert conflicts(reading(), captured_at=SENT - 1, own_version=None), "whatever is shown of it"
    assert not conflicts(OTHER, captured_at=SENT, own_version=None)
    assert not conflicts(reading(None, description="x"), captured_at=SENT - 1, own_version=None)


def test_own_earlier_change_is_no_conflict() -> None:
    assert not conflicts(OTHER, captured_at=SENT - 1, own_version=SENT)
    assert conflicts(OTHER, captured_at=SENT - 1, own_version=SENT - 1), "somebody came after it"


def test_change_that_is_there_already_is_no_conflict() -> None:
    assert not conflicts(THERE, captured_at=SENT - 1, own_version=None)
    assert conflicts(HALF, captured_at=SENT - 1, own_version=None), "the other half may be theirs"


def test_what_may_be_an_earlier_try_of_the_same_update_is_no_conflict() -> None:
    assert not conflicts(HALF, captured_at=SENT - 1, own_version=None, tries=TRIES)
    late = SENT + 60_000 + AFTER_SEND_MS + 1
    half_later = reading(late, description=BODY["description"])
    assert conflicts(half_later, captured_at=SENT - 1, own_version=None, tries=TRIES)
    assert conflicts(OTHER, captured_at=SENT - 1, own_version=None, tries=TRIES), "it shows something else"
    assert not conflicts(HALF, captured_at=SENT - 1, own_version=None, tries=Tries())


def test_own_version_is_the_newest_answer_or_signature_of_ours() -> None:
    assert own_version([], [], now=SENT) is None
    assert own_version([(5, 100), (7, 90)], [], now=SENT) == 7
    assert own_version([(None, 100), (7, 90)], [], now=SENT) == 100, "an answer that does not say"
    assert own_version([(7, 90)], [50], now=SENT) == 50 + AFTER_UPLOAD_MS
    assert own_version([(7, 90)], [None], now=SENT) == SENT, "its signature is on its way"


def test_version_that_is_kept_has_only_what_the_update_sets() -> None:
    shown = item(description="theirs", codePin=1234, summary={"name": "Ann"}, rule={"id": 8})
    kept = json.loads(version_text({**BODY, "ruleId": 7}, shown, MIRRORED))
    assert kept == {"updatedAt": at(SENT), "fields": {"description": "theirs", "ruleId": 8}}


@pytest.mark.parametrize(
    "shown", [{"description": "x" * 20_000}, {"description": "\ud800"}, {"sites": [{"id": "\udfff"}]}]
)
def test_version_that_cannot_be_kept_leaves_its_time(shown: dict[str, Any]) -> None:
    kept = version_text({**BODY, "siteIds": [1]}, item(**shown), MIRRORED)
    assert json.loads(kept) == {"updatedAt": at(SENT), "fields": {}}
    assert instant_ms(json.loads(kept)["updatedAt"]) == SENT


def test_signed_address_is_never_kept() -> None:
    signed = "https://b.s3.eu-west-3.amazonaws.com/k?X-Amz-Signature=0ddba11"
    assert "0ddba11" not in version_text(BODY, item(description=signed), MIRRORED)


def test_version_is_bounded_also_where_its_instant_has_a_million_digits() -> None:
    """A server of any kind may answer; what is kept of it is shown to people."""
    endless = "2026-01-01T00:00:00." + "0" * 1_000_000 + "Z"
    shown = {"id": 7, "updatedAt": endless, "description": "y"}
    assert json.loads(version_text(BODY, shown, MIRRORED)) == {
        "updatedAt": None,
        "fields": {"description": "y"},
    }
