"""What becomes of an entry read from a damaged database, state by state."""

from __future__ import annotations

from typing import Any

import pytest

from storage.lifecycle import STAGES, Event, State, next_state
from storage.verdicts import RECOVERED, Evidence, verdict

NOW = 5_000
DOUBT = {"doubt_at": NOW, "doubt_mono_ms": 70, "doubt_boot": "boot-2"}
BELIEVED = Evidence(states_hold=True, intact=True, image_ok=True)
DAMAGED_PAGES = BELIEVED._replace(states_hold=False)


def row(state: str, **changes: Any) -> dict[str, Any]:
    facts = {
        "state": state, "stage": None, "reason": None, "creates": 1, "has_signature": 1, "server_id": None,
        "due_at": 9, "first_sent_at": None, "captured_at": 100, "lease_owner": "a", "lease_expires_at": 7,
        "request_digest": None,
    }  # fmt: skip
    return facts | changes


def stored(given: dict[str, Any], evidence: Evidence) -> dict[str, Any]:
    return given | verdict(given, evidence, now=NOW, doubt=DOUBT)


@pytest.mark.parametrize("state", ["done", "discarded"])
def test_what_is_final_stays_as_it_is(state: str) -> None:
    for evidence in (BELIEVED, DAMAGED_PAGES, DAMAGED_PAGES._replace(intact=False, image_ok=False)):
        assert stored(row(state), evidence) == row(state)


@pytest.mark.parametrize("state", ["pending", "sending", "in_doubt", "no state", ""])
def test_what_was_not_final_is_in_doubt_after_damaged_pages(state: str) -> None:
    after = stored(row(state), DAMAGED_PAGES)
    assert (after["state"], after["stage"]) == ("in_doubt", None)
    assert {name: after[name] for name in DOUBT} == DOUBT
    assert after["lease_owner"] is None
    # Nobody knows when it was sent, but not before it was captured.
    assert (after["first_sent_at"], after["first_sent_server_at"], after["last_sent_server_at"]) == (
        100,
        None,
        None,
    )
    if state != "in_doubt":
        assert after["reason"] == RECOVERED


@pytest.mark.parametrize("state", ["pending", "sending", "in_doubt"])
def test_states_are_believed_where_all_pages_are_sound(state: str) -> None:
    after = stored(row(state, reason="interrupted"), BELIEVED)
    assert (after["state"], after["reason"], after["lease_owner"]) == (state, "interrupted", None)


def test_state_that_does_not_exist_is_a_doubt_also_where_all_pages_are_sound() -> None:
    assert stored(row("pendinf"), BELIEVED)["state"] == "in_doubt"


@pytest.mark.parametrize("state", ["pending", "sending", "in_doubt", "accepted"])
@pytest.mark.parametrize("evidence", [BELIEVED, DAMAGED_PAGES], ids=["sound", "damaged"])
def test_receipt_makes_it_accepted_and_never_sent_again(state: str, evidence: Evidence) -> None:
    after = stored(row(state), evidence._replace(server_id=41, accepted_at=300))
    assert (after["state"], after["server_id"]) == ("accepted", 41)
    unsigned = stored(row(state, has_signature=0), evidence._replace(server_id=41, accepted_at=300))
    assert (unsigned["state"], unsigned["done_at"]) == ("done", 300)


def test_own_server_id_is_kept() -> None:
    after = stored(row("accepted", server_id=40), DAMAGED_PAGES._replace(server_id=41))
    assert (after["state"], after["server_id"]) == ("accepted", 40)


def test_accepted_without_any_id_is_in_doubt_and_certainly_created() -> None:
    after = stored(row("accepted"), DAMAGED_PAGES)
    assert (after["state"], after["certainly_created"]) == ("in_doubt", 1)


@pytest.mark.parametrize("state", ["parked", "dead"])
def test_held_entry_stays_held_and_is_released_into_doubt(state: str) -> None:
    after = stored(row(state, stage="pending", reason="refused"), DAMAGED_PAGES)
    assert (after["state"], after["stage"], after["reason"]) == (state, "in_doubt", "refused")
    event = Event.RELEASE if state == "parked" else Event.REQUEUE
    assert next_state(State(after["state"]), event, State(after["stage"])) is State.IN_DOUBT
    assert stored(row(state, stage="pending"), BELIEVED)["stage"] == "pending"


def test_held_upload_stays_held() -> None:
    held = row("parked", stage="accepted", server_id=7, reason="signature_url_lost")
    after = stored(held, DAMAGED_PAGES)
    assert (after["state"], after["stage"], after["reason"]) == ("parked", "accepted", "signature_url_lost")


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (DAMAGED_PAGES._replace(intact=False), "payload_damaged"),
        (DAMAGED_PAGES._replace(intact=False, image_ok=False), "payload_damaged"),
        (DAMAGED_PAGES._replace(image_ok=False), "signature_damaged"),
        (BELIEVED._replace(intact=False), "payload_damaged"),
    ],
    ids=["row", "both", "image", "sound pages"],
)
@pytest.mark.parametrize("state", ["pending", "sending", "in_doubt", "accepted", "parked", "dead"])
def test_what_is_not_what_was_captured_is_held(state: str, evidence: Evidence, reason: str) -> None:
    stage = "pending" if state in ("parked", "dead") else None
    after = stored(row(state, stage=stage), evidence)
    assert (after["state"], after["reason"]) == ("parked", reason)
    assert State(after["stage"]) in STAGES
    if not evidence.states_hold or state in ("sending", "in_doubt", "accepted"):
        assert after["stage"] != "pending", "what may have been sent is not released to be sent"


def test_change_that_may_have_been_sent_is_in_doubt_like_a_creation() -> None:
    """It could overwrite what was changed since, and its mails would go out again."""
    assert stored(row("pending", creates=0), DAMAGED_PAGES)["state"] == "in_doubt"


UNSURE = Evidence(False, True, True, hand_overs_known=False)


@pytest.mark.parametrize("state", ["pending", "parked", "dead"])
def test_what_was_never_sent_is_held_where_hand_overs_are_not_known(state: str) -> None:
    given = row(state, stage=None if state == "pending" else "pending", reason="attempts_exhausted")
    found = stored(given, UNSURE)
    assert (found["state"], found["stage"], found["reason"]) == ("parked", "in_doubt", "perhaps_handed_over")


@pytest.mark.parametrize("sent", [{"request_digest": "d"}, {"first_sent_at": 5}], ids=str)
def test_what_was_sent_cannot_have_left(sent: dict[str, Any]) -> None:
    assert stored(row("pending", **sent), UNSURE)["state"] == "in_doubt"


def test_what_is_known_to_have_left_stays_so() -> None:
    found = stored(row("parked", stage="pending", reason="handed_over", bundle="b"), UNSURE)
    assert (found["state"], found["reason"], found["bundle"]) == ("parked", "handed_over", "b")


def test_what_left_by_the_account_of_another_copy_is_held_for_that_bundle() -> None:
    found = stored(row("pending"), Evidence(True, True, True, left_in="b"))
    assert (found["state"], found["stage"], found["reason"]) == ("parked", "pending", "handed_over")
    assert found["bundle"] == "b"


def test_what_the_server_has_is_held_for_no_bundle() -> None:
    given = row("pending", server_id=7, has_signature=1)
    assert stored(given, UNSURE._replace(left_in="b"))["state"] == "accepted"
