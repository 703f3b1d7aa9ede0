"""The first page in plain values: what the state says at a glance, and how one entry stands for a technician."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.queries import STATES, iso
from sync.entrypoints.page.home import home_of
from sync.entrypoints.page.moments import moment
from sync.entrypoints.page.standing import Tone, can_be_changed, disliked, standing
from sync.entrypoints.page.wording import wording

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NO_CARDS: dict[str, list[Any]] = {"to_send": [], "to_fix": [], "sent": []}


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def headline(online: bool | None, language: str = "fr", **counts: int) -> str:
    every = dict.fromkeys(STATES, 0) | counts
    home = home_of(every, NO_CARDS, online=online, paused=False, sign_in=False, t=wording(language))
    return home.headline


@pytest.mark.parametrize(
    ("online", "counts", "french", "english"),
    [
        (False, {"pending": 7}, "Hors ligne - 7 enregistrées sur cet appareil", "Offline - 7 saved on this device"),
        (False, {"pending": 1}, "Hors ligne - 1 enregistrée sur cet appareil", "Offline - 1 saved on this device"),
        (True, {"pending": 2, "sending": 1}, "En ligne - 3 en cours d’envoi", "Online - 3 being sent"),
        (True, {"dead": 2}, "En ligne - 2 enregistrées sur cet appareil", "Online - 2 saved on this device"),
        (True, {"done": 4}, "En ligne - tout est parti", "Online - everything has gone"),
        (False, {}, "Hors ligne - rien à envoyer", "Offline - nothing to send"),
        (None, {"pending": 2}, "2 enregistrées sur cet appareil", "2 saved on this device"),
        (None, {"done": 2}, "Tout est parti", "Everything has gone"),
    ],
)  # fmt: skip
def test_state_is_said_in_one_line(
    online: bool | None, counts: dict[str, int], french: str, english: str
) -> None:
    assert headline(online, "fr", **counts) == french
    assert headline(online, "en", **counts) == english


@pytest.mark.parametrize(
    ("facts", "advice"),
    [
        ({"sign_in": True, "paused": True}, "state.sign_in"),
        ({"paused": True}, "state.paused"),
        ({"online": False}, "state.safe"),
        ({}, "state.safe_online"),
        ({"counts": {"pending": 1, "dead": 1}}, "state.safe_online"),
        ({"counts": {"dead": 1}}, "state.to_fix"),
        ({"counts": {"dead": 1}, "online": False}, "state.to_fix"),
        ({"counts": {"done": 1}}, "state.all_good"),
    ],
)
def test_advice_is_about_what_a_technician_can_do_first(facts: dict[str, Any], advice: str) -> None:
    t = wording("en")
    facts = dict(facts)
    counts = dict.fromkeys(STATES, 0) | facts.pop("counts", {"pending": 1})
    home = home_of(counts, NO_CARDS, **({"online": True, "paused": False, "sign_in": False} | facts), t=t)
    assert home.advice == t(advice)


def test_what_is_to_fix_stands_first_while_there_is_any() -> None:
    def order(**counts: int) -> list[str]:
        every = dict.fromkeys(STATES, 0) | counts
        home = home_of(every, NO_CARDS, online=True, paused=False, sign_in=False, t=wording("fr"))
        return [each.name for each in home.lists]

    assert order(dead=1, pending=3) == ["to_fix", "to_send", "sent"]
    assert order(pending=3) == ["to_send", "to_fix", "sent"]


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "unplanned-preventive", "state": "pending", "stage": None, "reason": None, "owner": "zoe",
        "server_id": None, "due_at": None, "blocked": False,
    } | changes  # fmt: skip


CLOSED = {"gate:api": {"mode": "closed", "failures": 1}}
LATER = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("changes", "control", "key", "tone"),
    [
        ({"state": "done"}, {}, "done", Tone.DONE),
        ({"state": "discarded"}, {}, "discarded", Tone.DONE),
        ({"state": "sending"}, CLOSED, "sending", Tone.WAIT),
        ({"state": "in_doubt"}, CLOSED, "checking", Tone.WAIT),
        ({"state": "accepted"}, CLOSED, "signature", Tone.WAIT),
        ({}, {}, "turn", Tone.WAIT),
        ({}, CLOSED, "offline", Tone.WAIT),
        ({}, {"pause": {"reason": "person"}, **CLOSED}, "paused", Tone.WAIT),
        ({"blocked": True}, CLOSED, "behind", Tone.WAIT),
        ({}, {"pause:owner:zoe": {"tokens": "x"}, **CLOSED}, "sign_in", Tone.WAIT),
        ({}, {"pause:owner:max": {"tokens": "x"}}, "turn", Tone.WAIT),
        ({"due_at": iso(ms(LATER))}, {}, "later", Tone.WAIT),
        ({"due_at": iso(ms(NOW + timedelta(seconds=9)))}, {}, "turn", Tone.WAIT),
        ({"state": "dead", "stage": "pending", "reason": "refused"}, {}, "fix", Tone.FIX),
        ({"state": "parked", "stage": "pending", "reason": "attempts_exhausted"}, {}, "again", Tone.FIX),
        ({"state": "dead", "stage": "pending", "reason": "conflict"}, {}, "call", Tone.CALL),
        ({"state": "dead", "stage": "pending", "reason": "refused", "kind": "curative"}, {}, "call", Tone.CALL),
        ({"state": "parked", "stage": "pending", "reason": "handed_over"}, {}, "moved", Tone.CALL),
        ({"state": "parked", "stage": "accepted", "server_id": 7}, {}, "unsigned", Tone.CALL),
        ({"state": "parked", "stage": "in_doubt"}, {}, "unclear", Tone.CALL),
        ({"state": "of a newer program"}, {}, "call", Tone.CALL),
    ],
)  # fmt: skip
def test_entry_stands_in_one_plain_way(
    changes: dict[str, Any], control: dict[str, Any], key: str, tone: Tone
) -> None:
    stands = standing(entry(**changes), control, NOW)
    assert (stands.key, stands.tone) == (key, tone)
    assert wording("fr").has(f"standing.{key}.long")


@pytest.mark.parametrize("state", STATES)
def test_only_what_cannot_have_arrived_can_be_changed(state: str) -> None:
    for stage in (None, "pending", "in_doubt", "accepted"):
        expected = state == "pending" or (state in ("parked", "dead") and stage == "pending")
        assert can_be_changed(entry(state=state, stage=stage, reason="refused")) is expected


@pytest.mark.parametrize(
    ("detail", "fields"),
    [
        ('{"message": "$.siteIds[0] is unknown", "errors": [{"path": "$.siteIds[0]"}]}', {"site_ids"}),
        ('{"message": "companyId and ruleIds do not fit"}', {"company_id", "rule_ids"}),
        ('{"errors": {"provider.email": "is no address"}}', {"email"}),
        ('{"field": "email", "message": "wrong"}', {"email"}),
        ('{"message": "see the comment of your administrator"}', set()),
        ('{"message": "write to email@example.org"}', set()),
        ("", set()),
        (None, set()),
    ],
)
def test_field_that_the_server_named_is_found(detail: str | None, fields: set[str]) -> None:
    assert disliked(detail) == fields


@pytest.mark.parametrize(
    ("at", "french", "english"),
    [
        (NOW, "aujourd’hui à 12:00", "today at 12:00"),
        (NOW - timedelta(days=1), "hier à 12:00", "yesterday at 12:00"),
        (NOW + timedelta(hours=13), "demain à 01:00", "tomorrow at 01:00"),
        (NOW - timedelta(days=20), "le 10 février à 12:00", "10 February at 12:00"),
        (NOW - timedelta(days=90), "le 2 décembre 2025 à 12:00", "2 December 2025 at 12:00"),
    ],
)
def test_moment_is_said_as_a_person_says_it(at: datetime, french: str, english: str) -> None:
    assert moment(at, NOW, UTC, wording("fr")) == french
    assert moment(at, NOW, UTC, wording("en")) == english
