"""What the ops page decides without a server: which orders fit an entry, what an address asks for, what was done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
from tzlocal import reload_localzone

from storage.lifecycle import FINAL, State
from storage.queries import Narrowed
from sync.commands import Resynced
from sync.entrypoints.page import ops_charts, ops_filter, ops_flash
from sync.entrypoints.page.ops_board import midnight
from sync.entrypoints.page.ops_charts import calendar
from sync.entrypoints.page.ops_figures import number, size, span
from sync.entrypoints.page.ops_filter import Asked
from sync.entrypoints.page.ops_flash import Did
from sync.entrypoints.page.ops_options import options
from sync.entrypoints.page.ops_story import pretty, timeline
from sync.entrypoints.page.wording import wording

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def story(state: str, *, stage: str | None = None, **changes: Any) -> dict[str, Any]:
    sent = [{"step": "send"}] if state != "pending" else []
    facts = {
        "kind": "unplanned-preventive",
        "reason": None,
        "server_id": None,
        "signature": {},
        "lease": None,
    }
    return {"state": state, "stage": stage, "history": sent, "payload": {}, **facts, **changes}


OFFERED = [
    (story("pending"), {"discard"}, "hasten"),
    (story("pending", history=[{"step": "send"}]), {"arrived", "discard"}, "hasten"),
    (story("in_doubt"), {"arrived", "not_arrived", "discard"}, "hasten"),
    (story("accepted", server_id=7), {"unsigned", "upload_url", "discard"}, "hasten"),
    (story("parked", stage="pending"), {"arrived", "discard"}, "release"),
    (story("parked", stage="in_doubt"), {"arrived", "not_arrived", "discard"}, "release"),
    (story("parked", stage="accepted", server_id=7), {"unsigned", "upload_url", "discard"}, "release"),
    (story("parked", stage="pending", reason="handed_over"), {"take_back", "arrived", "discard"}, ""),
    (story("dead", stage="pending"), {"discard"}, "requeue"),
    # Cut off in the middle: found in doubt by whoever looks next.
    (story("sending"), {"arrived", "not_arrived", "discard"}, ""),
    *((story(str(state)), set(), "") for state in sorted(FINAL)),
]


@pytest.mark.parametrize(
    ("entry", "offered", "resync"),
    OFFERED,
    ids=[f"{number}-{each[0]['state']}" for number, each in enumerate(OFFERED)],
)
def test_entry_is_offered_what_fits_it(entry: dict[str, Any], offered: set[str], resync: str) -> None:
    found = options(entry, NOW)

    assert found.resync == resync
    assert {name for name, given in found._asdict().items() if given is True} == offered


@pytest.mark.parametrize(("ends", "held"), [("2026-03-02T12:00:01Z", True), ("2026-03-02T11:59:59Z", False)])
def test_entry_is_offered_nothing_while_somebody_delivers_it(ends: str, held: bool) -> None:
    found = options(story("accepted", server_id=7, lease={"expires_at": ends}), NOW)

    assert (found.held_by_delivery, bool(found.resync)) == (held, not held)


def test_filter_is_the_same_after_the_way_through_an_address() -> None:
    asked = Asked(
        state="dead", kind="curative", owner="Zoé & co", reason="refused", since="24h", q="a b", older="id-1"
    )

    found, wrong = ops_filter.read(
        dict(pair for pair in ops_filter.parse_qsl(ops_filter.address(asked.here).partition("?")[2]))
    )

    assert (found, wrong) == (asked, [])


@pytest.mark.parametrize(
    ("asked", "narrowed"),
    [
        (Asked(), Narrowed(newest_first=True)),
        (Asked(state="dead", older="id-1"), Narrowed(("dead",), after_id="id-1", newest_first=True)),
        (Asked(newer="id-1"), Narrowed(after_id="id-1")),
        (Asked(state="needs_action", owner="-"), Narrowed(owner="", newest_first=True)),
        (Asked(since="1h"), Narrowed(since=int(NOW.timestamp() - 3600) * 1000, newest_first=True)),
        (
            Asked(since="2026-03-02"),
            Narrowed(since=int(NOW.timestamp() - 12 * 3600) * 1000, newest_first=True),
        ),
    ],
)
def test_filter_asks_the_outbox_for_what_it_says(asked: Asked, narrowed: Narrowed) -> None:
    assert ops_filter.narrowed(asked, NOW, UTC) == narrowed


@pytest.mark.parametrize("text", ["0000-00-00", "2026-02-30", "x", "99999-01-01"])
def test_day_that_there_is_not_is_told(text: str) -> None:
    assert ops_filter.read({"since": text})[1] == ["since"]


def test_what_was_done_is_told_from_its_code_alone() -> None:
    done = Resynced(hastened=1, released=2, skipped=[{"id": "1", "why": "it is done"}], drain="worker")

    told = ops_flash.told(ops_flash.read(ops_flash.of_resync(done).code), wording("en"))

    assert told[:2] == ["1 goes on now.", "2 were let go on."]
    assert told[2].startswith("1 was left alone")
    assert len(told) == 3


@pytest.mark.parametrize(
    "code", ["", "resynced", "resynced.1", "asked.1", "nonsense", "resynced.1.1.1.1.1.99999999", "<b>"]
)
def test_code_that_is_none_of_ours_says_nothing(code: str) -> None:
    assert ops_flash.told(ops_flash.read(code), wording("fr")) == []


@pytest.mark.parametrize("what", sorted(set(ops_flash._KNOWN) - {ops_flash.RESYNCED}))
def test_every_code_has_its_sentence(what: str) -> None:
    assert all(ops_flash.told(Did(what), wording(language)) for language in ("en", "fr"))


def test_numbers_are_written_as_in_the_language() -> None:
    english, french = wording("en"), wording("fr")

    assert (number(12345, english), number(12345, french)) == ("12,345", "12\N{NARROW NO-BREAK SPACE}345")
    assert (size(2_500_000, english), size(2_500_000, french)) == ("2.5 MB", "2,5 Mo")
    assert [span(seconds, english) for seconds in (119, 120, 7200, 200_000)] == [
        "119 s",
        "2 min",
        "2 h",
        "2 days",
    ]


def test_bodies_have_lists_of_numbers_on_one_line_and_texts_as_they_are() -> None:
    assert pretty({"a": [1, -2.5], "b": "[\n1\n]", "c": []}) == (
        '{\n  "a": [1, -2.5],\n  "b": "[\\n1\\n]",\n  "c": []\n}'
    )


def test_timeline_shows_what_an_edit_changed_and_what_it_said_before() -> None:
    def tried(n: int, step: str, outcome: str) -> dict[str, Any]:
        at = f"2026-03-02T10:0{n}:00.000Z"
        facts = {"duration_ms": 10, "status": None, "reason": None, "detail": None, "sent_as": None}
        return {"n": n, "step": step, "started_at": at, "outcome": outcome, **facts}

    document = {
        "captured_at": "2026-03-02T10:00:00.000Z", "kind": "curative", "done_at": None, "receipts": [],
        "payload": {"a": 3, "b": 1},
        "revisions": [{"n": 1, "payload": {"a": 1, "b": 1}}, {"n": 3, "payload": {"a": 1, "b": 2}}],
        "history": [tried(1, "person", "Edited"), tried(2, "send", "Rejected"), tried(3, "person", "Edited")],
    }  # fmt: skip
    t = wording("en")
    told: Any = SimpleNamespace(t=t, at=lambda at: at, explained_in="en")

    lines = timeline(document, told)

    assert [line.title for line in lines] == [
        "Captured", "A person: changed what it says", "Sent: refused", "A person: changed what it says",
    ]  # fmt: skip
    assert [list(line.paths) for line in lines] == [[], ["b"], [], ["a", "b"]]
    assert lines[1].before == pretty({"a": 1, "b": 1})


def test_state_that_can_be_left_is_offered_something() -> None:
    for state in set(State) - FINAL:
        stage = "pending" if state in (State.PARKED, State.DEAD) else None
        assert options(story(str(state), stage=stage), NOW).discard


# The calendar of the charts


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A device whose calendar is that of Paris."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        reload_localzone()
        yield
    time.tzset()
    reload_localzone()


@pytest.mark.usefixtures("in_paris")
def test_charts_know_the_days_from_before_summer_time() -> None:
    """A month is looked back on: the days before the change began an hour later."""
    zone = calendar(datetime(2026, 4, 10, 12, tzinfo=UTC))
    assert [datetime(2026, month, 10, tzinfo=zone).utcoffset() for month in (3, 4)] == [
        timedelta(hours=1),
        timedelta(hours=2),
    ]


@pytest.mark.usefixtures("in_paris")
def test_today_began_at_midnight_also_when_the_clocks_changed_since() -> None:
    noon = datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert midnight(noon) == datetime(2026, 3, 28, 23, tzinfo=UTC)


@pytest.mark.usefixtures("in_paris")
def test_device_without_a_calendar_has_its_difference_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_is_here() -> None:
        raise ZoneInfoNotFoundError("two files name two zones")

    monkeypatch.setattr(ops_charts, "get_localzone", none_is_here)
    assert calendar(NOW).utcoffset(NOW) == timedelta(hours=1)
