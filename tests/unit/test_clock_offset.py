"""What an answer's Date header says about the device's clock, whatever stands in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.credentials import Tokens
from sync.exchange import Reply
from sync.exchange_facts import clock_offset_s
from sync.secret import Secret
from sync.server_clock import note_offset, sure_server_time
from sync.token_book import looks_ended
from tests.support.rig import FakeTime
from tests.support.scratch import Scratch

SENT = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
READ = datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC)


def offset(date: str) -> float | None:
    return clock_offset_s(Reply(200, {"date": date}, sent_at=SENT, received_at=READ))


def test_offset_is_measured_from_the_middle_of_the_exchange() -> None:
    assert offset("Mon, 02 Mar 2026 12:05:00 GMT") == 300.0


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Mon, 02 Mar 2026 12:00:00 +99999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 1900 00:00:00 GMT",
    ],
)
def test_date_that_cannot_be_a_server_s_says_nothing(date: str) -> None:
    """One such answer ended a delivering thread, or was stored and broke every later pass."""
    assert offset(date) is None


@pytest.mark.parametrize("offset_s", [None, 60 * 86_400.0, -60 * 86_400.0])
def test_one_wrong_date_does_not_make_good_tokens_look_expired(offset_s: float | None) -> None:
    """Nothing would be sent any more, so no other Date would ever be seen."""
    tokens = Tokens(Secret("bearer"), Secret("session"), None, READ.replace(month=4))
    assert not looks_ended(tokens, READ, offset_s)


def test_tokens_over_by_both_clocks_are_over() -> None:
    tokens = Tokens(Secret("bearer"), Secret("session"), None, SENT)
    assert looks_ended(tokens, READ.replace(day=3), 10.0)


def test_tokens_are_judged_by_the_server_alone_where_its_time_is_sure() -> None:
    tokens = Tokens(Secret("bearer"), Secret("session"), None, READ)
    assert looks_ended(tokens, READ.replace(year=2020), None, READ)
    assert not looks_ended(tokens, READ.replace(year=2036), None, SENT.replace(day=1))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path)
    yield made
    made.close()


def sure(scratch: Scratch, time: FakeTime) -> datetime | None:
    with scratch.database.read() as transaction:
        return sure_server_time(transaction, time.clock)


def measured(scratch: Scratch, time: FakeTime, *offsets_s: float) -> None:
    with scratch.database.write() as transaction:
        for offset_s in offsets_s:
            note_offset(transaction, offset_s, time.clock)


def test_server_time_is_sure_after_two_answers_that_agree(scratch: Scratch) -> None:
    time = FakeTime(SENT)
    assert sure(scratch, time) is None
    measured(scratch, time, 300.0)
    assert sure(scratch, time) is None
    measured(scratch, time, 302.0)
    assert sure(scratch, time) == SENT + timedelta(seconds=301)


def test_answers_that_disagree_make_nothing_sure(scratch: Scratch) -> None:
    time = FakeTime(SENT)
    measured(scratch, time, 300.0, 90_000.0)
    assert sure(scratch, time) is None


def test_sure_time_goes_on_through_a_jump_and_ends_with_a_restart(scratch: Scratch) -> None:
    time = FakeTime(SENT)
    measured(scratch, time, 0.0, 0.0)
    time.passes(60)
    time.jumps(days=3650)
    assert sure(scratch, time) == SENT + timedelta(seconds=60)
    time.boots_again()
    assert sure(scratch, time) is None
