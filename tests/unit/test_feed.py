"""One look serves all who listen; nobody is told twice, nobody misses anything, and who is too late hears so.

Looks are made by hand here, and a listener is asked what it would be told now: no thread, no clock.
"""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.errors import StorageBusy
from sync.entrypoints.api import event_lines, feed
from sync.entrypoints.api.feed import HERE_S, STATUS_S, Feed
from sync.entrypoints.api.listening import Listener
from sync.entrypoints.api.news import REMEMBERED
from sync.visitor import OPS, Scope, Visitor
from tests.support.listening import STANDING, Ear, Hall, Seat, entries
from tests.support.polling import eventually
from tests.support.scratch import NOON_MS, entry_id

ANNA = Visitor(frozenset({Scope.READ}), owner="anna")
NOBODY = Visitor(frozenset({Scope.READ}))


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path / "queue")
    made.look()
    yield made
    made.close()


def fill(hall: Hall, count: int, owner: str | None = None) -> None:
    with hall.box.database.write() as transaction:
        transaction.cursor.executemany(
            "INSERT INTO change (entry_id, kind, owner, state, reason, at) VALUES ('e', 'k', ?, 'pending', NULL, ?)",
            [(owner, NOON_MS)] * count,
        )


def test_new_listener_is_told_where_everything_stands_and_nothing_of_before(hall: Hall) -> None:
    hall.box.put(1)
    hall.look()
    (only,) = Seat(hall).hear()
    assert (only.event, only.data) == (
        "status",
        {"waiting": 0, "needs_action": 0, "in_doubt": 0, "paused": None, "online": True, "level": "ok"},
    )
    assert only.id is not None
    assert only.id.endswith("-1")


def test_change_is_told_with_its_facts(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    hall.box.put(1, owner="anna")
    hall.look()
    (heard,) = seat.hear()
    at = heard.data.pop("at")
    assert heard.event == "entry"
    assert heard.data == {
        "seq": 1,
        "id": entry_id(1),
        "kind": "unplanned-preventive",
        "owner": "anna",
        "state": "pending",
        "reason": None,
    }
    assert at.endswith("Z")
    assert heard.id is not None
    assert heard.id.endswith("-1")


def test_change_is_told_once(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    hall.box.put(1)
    for _ in range(3):
        hall.look()
    assert seat.numbers() == [1]
    assert seat.numbers() == []


def test_what_changed_between_the_opening_and_the_look_is_told_once(hall: Hall) -> None:
    hall.box.put(1)
    seat = Seat(hall)
    seat.hear()  # opened behind number 1, which the feed itself has not seen yet
    hall.box.put(2)
    hall.look()
    assert seat.numbers() == [2]


@pytest.mark.parametrize(
    ("visitor", "expected"), [(OPS, [1, 2, 3]), (ANNA, [2]), (NOBODY, [1])], ids=["ops", "anna", "no owner"]
)
def test_visitor_hears_of_their_own_entries_only(hall: Hall, visitor: Visitor, expected: list[int]) -> None:
    seat = Seat(hall, visitor)
    (status,) = seat.hear()
    for number, owner in enumerate((None, "anna", "berta"), 1):
        hall.box.put(number, owner=owner)
    hall.look()
    assert seat.numbers() == expected, "from the news"
    hall.feed._forget()
    hall.look()
    assert Seat(hall, visitor, status.id).numbers() == expected, "from the database"


def test_listener_that_comes_back_is_told_what_it_missed(hall: Hall) -> None:
    first = Seat(hall)
    first.hear()
    hall.box.put(1)
    hall.look()
    first.hear()
    for number in (2, 3):
        hall.box.put(number)
    hall.look()
    assert Seat(hall, last_id=first.ear.last_id).numbers() == [2, 3]


def test_listener_that_heard_only_where_everything_stands_can_come_back(hall: Hall) -> None:
    first = Seat(hall)
    first.hear()
    hall.box.put(1)
    hall.look()
    assert Seat(hall, last_id=first.ear.last_id).numbers() == [1]


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("nonsense", "unknown"),
        ("{numbering}-7", "unknown"),
        ("00000000-2", "unknown"),
        ("{numbering}-1", "too_old"),
        ("{numbering}--1", "unknown"),
        ("{numbering}-99999999999999999999", "unknown"),
    ],
    ids=["no id", "not given yet", "another database", "let go", "negative", "beyond all numbers"],
)
def test_listener_whose_id_is_not_known_is_told_to_begin_anew(hall: Hall, id: str, why: str) -> None:
    fill(hall, 5)
    with hall.box.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM change WHERE seq < 3")
    hall.look()
    assert hall.feed.news is not None
    seat = Seat(hall, last_id=id.format(numbering=hall.feed.news.numbering))
    first, *rest = seat.hear()
    assert (first.event, first.data) == ("reset", {"reason": why})
    assert [each.event for each in rest] == ["status"]
    fill(hall, 1)
    hall.look()
    assert seat.numbers() == [6]


@pytest.mark.parametrize("number", [2, 5], ids=["the one before the oldest", "the newest"])
def test_id_at_either_end_of_what_is_kept_is_known(hall: Hall, number: int) -> None:
    fill(hall, 5)
    with hall.box.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM change WHERE seq < 3")
    hall.look()
    assert hall.feed.news is not None
    seat = Seat(hall, last_id=f"{hall.feed.news.numbering}-{number}")
    assert seat.numbers() == list(range(number + 1, 6))


def test_listener_that_did_not_read_for_long_is_told_everything_from_the_database(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    fill(hall, 3 * REMEMBERED + 7)
    hall.look()
    assert hall.feed.news is not None
    assert len(hall.feed.news.told) == REMEMBERED, "and nothing is kept for it"
    assert seat.numbers() == list(range(1, 3 * REMEMBERED + 8))


def test_listener_that_did_not_read_until_changes_were_let_go_begins_anew(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    fill(hall, 2 * REMEMBERED)
    with hall.box.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM change WHERE seq < 3")
    hall.look()
    first, *rest = seat.hear()
    assert (first.event, first.data) == ("reset", {"reason": "too_old"})
    assert list(entries(rest)) == []


def test_status_is_told_when_it_changes_and_only_then(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    hall.box.put(1)
    hall.look()
    assert [each.event for each in seat.hear()] == ["entry"], "nothing else in it changed"
    hall.status["online"] = False
    hall.box.put(2)
    hall.look()
    heard = seat.hear()
    assert [each.event for each in heard] == ["entry", "status"]
    assert heard[1].data["online"] is False


def test_field_of_the_status_that_is_not_told_wakes_nobody(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    hall.status["version"] = "2"
    hall.box.put(1)
    hall.look()
    assert [each.event for each in seat.hear()] == ["entry"]


def test_status_is_found_out_no_more_than_once_a_second_while_much_happens(hall: Hall) -> None:
    before = hall.asked
    for number in range(1, 11):
        hall.box.put(number)
        hall.look(after_s=STATUS_S / 5)
    assert hall.asked - before == 2


def test_status_that_changes_without_a_commit_is_noticed_with_the_sign_of_life(hall: Hall) -> None:
    """A token that expired: nobody writes that down."""
    seat = Seat(hall)
    seat.hear()
    hall.status["level"] = "attention"
    hall.look()
    assert seat.hear() == []
    hall.look(after_s=HERE_S)
    assert [each.data["level"] for each in seat.hear()] == ["attention"]


def test_quiet_stream_gives_a_sign_of_life(hall: Hall) -> None:
    seat = Seat(hall)
    seat.hear()
    assert seat.ear.comments == []
    hall.look(after_s=HERE_S)
    assert seat.hear() == []
    assert seat.ear.comments == ["here"]
    hall.look(after_s=HERE_S / 2)
    assert seat.hear() == []
    assert seat.ear.comments == ["here"]


def test_sign_of_life_moves_the_id_past_what_was_not_for_this_visitor(hall: Hall) -> None:
    """Else one whose colleagues do all the work would be told to begin anew after ten thousand of their changes."""
    seat = Seat(hall, ANNA)
    seat.hear()
    fill(hall, 4, owner="berta")
    hall.look()
    assert seat.hear() == []
    hall.look(after_s=HERE_S)
    assert seat.hear() == []
    assert seat.ear.last_id is not None
    assert seat.ear.last_id.endswith("-4")


def test_look_that_finds_nothing_new_reads_no_page_and_tells_nobody(hall: Hall) -> None:
    ran: list[str] = []
    hall.feed._probe.set_trace_callback(ran.append)
    news = hall.feed.news
    for _ in range(20):
        hall.look(after_s=0.0)
    assert set(ran) == {"PRAGMA data_version"}
    assert hall.feed.news is news


def test_as_many_looks_are_made_for_fifty_listeners_as_for_one(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    seats = [Seat(hall) for _ in range(50)]
    for seat in seats:
        seat.hear()
    hall.feed._probe.set_trace_callback(ran.append)
    hall.box.put(1)
    # Whoever read the database by themselves now would not get far.
    monkeypatch.setattr(hall.feed, "page", None)
    hall.look()
    assert [seat.numbers() for seat in seats] == [[1]] * 50
    assert [sql.split()[0] for sql in ran] == ["PRAGMA", "SELECT"]


def test_database_that_cannot_be_read_for_a_while_loses_nothing(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    seat = Seat(hall)
    seat.hear()
    hall.trouble = StorageBusy("another process keeps it locked")
    hall.box.put(1)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            hall.look(after_s=HERE_S)
    assert [record.getMessage() for record in caplog.records] == ["feed_disturbed reason=storage_busy"]
    assert seat.hear() == []
    hall.trouble = None
    hall.box.put(2)
    hall.look()
    assert seat.numbers() == [1, 2]


def test_whatever_goes_wrong_in_a_look_is_told_and_the_next_look_goes_on(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    seat = Seat(hall)
    seat.hear()
    hall.trouble = KeyError("waiting")
    with caplog.at_level(logging.WARNING):
        hall.look(after_s=HERE_S)
    assert [record.getMessage() for record in caplog.records] == ["feed_disturbed reason=KeyError"]
    hall.trouble = None
    hall.box.put(1)
    hall.look()
    assert seat.numbers() == [1]


def threads_feed(hall: Hall, **more: Any) -> Feed:
    return Feed(hall.box.database, lambda: STANDING, look_s=0.01, **more)


def test_nobody_looks_while_nobody_listens(hall: Hall) -> None:
    made = threads_feed(hall)

    async def listen() -> None:
        async with asyncio.timeout(30):
            with made.heard(asyncio.Event()):
                assert made.listeners == 1
                while made.looks < 3:
                    await asyncio.sleep(0.01)

    asyncio.run(listen())
    assert made.listeners == 0
    eventually(lambda: made._probe is None, within_s=30)
    looks = made.looks
    asyncio.run(asyncio.sleep(0.1))
    assert made.looks == looks
    asyncio.run(listen())
    made.stop()


def test_listener_that_vanishes_is_forgotten_however_it_ends(hall: Hall) -> None:
    made = threads_feed(hall)

    async def listen() -> None:
        with made.heard(asyncio.Event()):
            await asyncio.sleep(3600)

    async def vanish() -> None:
        tasks = [asyncio.create_task(listen()) for _ in range(5)]
        await asyncio.sleep(0)
        assert made.listeners == 5
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(vanish())
    assert made.listeners == 0
    made.stop()


def chunks_until_the_end(made: Feed, *, then: Any) -> list[bytes]:
    """All that one listener is sent; `then` runs when it was sent the first status."""

    async def listen() -> list[bytes]:
        listener = Listener(made, OPS, None)
        got = []
        async with asyncio.timeout(30):
            with made.heard(listener.wake):
                async for chunk in listener.chunks():
                    got.append(chunk)
                    if b"event: status" in chunk:
                        then()
        return got

    return asyncio.run(listen())


def test_stream_ends_at_once_when_the_feed_stops(hall: Hall) -> None:
    made = threads_feed(hall)
    got = chunks_until_the_end(made, then=made.stop)
    assert got[0] == event_lines.OPENING
    assert made._thread is not None
    made._thread.join(30)
    assert not made._thread.is_alive()


def test_stream_ends_after_its_time_so_that_who_listens_is_looked_at_again(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HERE_S", 0.01)
    made = threads_feed(hall, longest_s=0.1)
    assert len(chunks_until_the_end(made, then=lambda: None)) >= 2
    made.stop()


def test_stream_ends_where_the_database_cannot_be_read(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever listens comes back with the id it has; a stream that hangs would look like a quiet one."""

    def locked() -> Any:
        raise StorageBusy("another process keeps it locked")

    made = threads_feed(hall)
    monkeypatch.setattr(hall.box.database, "read", locked)
    assert chunks_until_the_end(made, then=lambda: None) == [event_lines.OPENING]
    made.stop()
    assert "feed_disturbed reason=storage_busy" in caplog.text


def test_browser_is_told_to_come_back_after_a_second() -> None:
    ear = Ear()
    assert ear.hear(event_lines.OPENING) == []
    assert ear.again_ms == 1000
