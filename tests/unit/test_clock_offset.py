"""What an answer's Date header says about the device's clock, whatever stands in it."""

from datetime import UTC, datetime

import pytest

from sync.credentials import Tokens
from sync.delivery import clock_offset_s
from sync.exchange import Reply
from sync.intake import _token_trouble
from sync.secret import Secret

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
    assert _token_trouble(tokens, READ, offset_s) == ""


def test_tokens_over_by_both_clocks_are_not_even_tried() -> None:
    tokens = Tokens(Secret("bearer"), Secret("session"), None, SENT)
    assert _token_trouble(tokens, READ.replace(day=3), 10.0) == "The sign-in has expired."
