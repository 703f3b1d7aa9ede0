"""The chart tells the truth about what was recorded, in words too, and not by colour; a gap stays a gap."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from storage.samples import STEP_MS, Sample
from sync.chart import svg
from sync.chart_words import ENGLISH, FRENCH, WORDS
from sync.sampled import Bar, Point, Span, bars, gaps, points, runs
from tests.support.scratch import NOON_MS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PARIS = ZoneInfo("Europe/Paris")
NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def series(*rows: tuple[int, int, int, int]) -> list[Sample]:
    """Minutes before noon, waiting, needs a person, delivered so far."""
    return [Sample(NOON_MS - minutes * 60_000, *rest) for minutes, *rest in rows]


def drawn(samples: list[Sample], span: Span = Span.DAY, *, tz: tzinfo = UTC, language: str = "en") -> Any:
    return ElementTree.fromstring(svg(samples, span, now=NOON_MS, tz=tz, language=language))


def texts(picture: Any) -> list[str]:
    return [each.text for each in picture.iterfind("svg:text", NAMESPACE)]


def of_class(picture: Any, name: str) -> list[Any]:
    return [each for each in picture.iter() if each.get("class") == name]


def described(picture: Any) -> str:
    return str(picture.find("svg:desc", NAMESPACE).text)


def test_points_stand_for_five_minutes_of_a_day() -> None:
    found = points(series((10, 1, 0, 5), (5, 3, 1, 5), (0, 2, 0, 9)), Span.DAY, NOON_MS)
    assert found == [
        Point(NOON_MS - 2 * STEP_MS, 1, 0, 0),
        Point(NOON_MS - STEP_MS, 3, 1, 0),
        Point(NOON_MS, 2, 0, 4),
    ]


def test_points_of_a_month_stand_for_the_most_of_an_hour() -> None:
    found = points(series((55, 1, 4, 5), (30, 9, 0, 6), (5, 2, 0, 8)), Span.MONTH, NOON_MS)
    assert found == [Point(NOON_MS - HOUR_MS, 9, 4, 3)]


def test_what_was_delivered_before_the_span_is_not_counted_in_it() -> None:
    samples = series((24 * 60 + 30, 0, 0, 100), (24 * 60 - 5, 0, 0, 103), (0, 0, 0, 104))
    found = points(samples, Span.DAY, NOON_MS)
    assert [point.delivered for point in found] == [3, 1]


def test_first_sample_ever_says_nothing_of_what_was_delivered_in_its_time() -> None:
    assert [point.delivered for point in points(series((5, 0, 0, 800)), Span.DAY, NOON_MS)] == [0]


def test_clock_that_was_set_back_counts_no_delivery_twice() -> None:
    """What was recorded before the clock went back stands behind what was recorded after."""
    samples = series((30, 0, 0, 10), (25, 0, 0, 20), (20, 0, 0, 12), (15, 0, 0, 14), (10, 0, 0, 22))
    assert sum(point.delivered for point in points(samples, Span.DAY, NOON_MS)) == 12


def test_sample_of_the_future_is_not_shown() -> None:
    assert points(series((-60, 1, 1, 1)), Span.DAY, NOON_MS) == []


def test_worker_that_stood_still_leaves_a_gap_and_one_late_sample_does_not() -> None:
    late = points(series((40, 1, 0, 0), (30, 1, 0, 0), (15, 1, 0, 0), (10, 1, 0, 0)), Span.DAY, NOON_MS)
    assert [len(run) for run in runs(late, Span.DAY)] == [2, 2]
    assert gaps(late, Span.DAY, NOON_MS)[1:] == [(NOON_MS - 5 * STEP_MS, NOON_MS - 3 * STEP_MS)]


def test_time_before_the_first_sample_is_a_gap() -> None:
    found = points(series((60, 1, 0, 0), (0, 1, 0, 0)), Span.DAY, NOON_MS)
    assert gaps(found, Span.DAY, NOON_MS)[0] == (NOON_MS - DAY_MS, NOON_MS - HOUR_MS)


@pytest.mark.parametrize(
    "tz",
    [UTC, PARIS, timezone(timedelta(hours=5, minutes=45))],
    ids=["UTC", "Paris", "three quarters"],
)
def test_bars_are_the_hours_of_the_device_and_leave_no_time_out(tz: tzinfo) -> None:
    found = bars(series((70, 0, 0, 0), (50, 0, 0, 4), (0, 0, 0, 5)), Span.DAY, NOON_MS, tz)
    assert (found[0].since, found[-1].until) == (NOON_MS - DAY_MS, NOON_MS)
    assert all(one.until == other.since for one, other in pairwise(found))
    assert all(datetime.fromtimestamp(bar.since / 1000, tz).minute == 0 for bar in found[1:])
    assert sum(bar.delivered for bar in found) == 5


def test_delivery_counts_for_the_hour_in_which_it_was_recorded() -> None:
    found = bars(series((65, 0, 0, 0), (60, 0, 0, 4), (0, 0, 0, 4)), Span.DAY, NOON_MS, UTC)
    assert [bar for bar in found if bar.delivered] == [Bar(NOON_MS - HOUR_MS, NOON_MS, 4)]


def test_bars_of_a_month_are_local_days_also_where_the_clock_changes() -> None:
    now = int(datetime(2026, 4, 10, 12, tzinfo=UTC).timestamp() * 1000)
    found = bars([Sample(now, 0, 0, 0)], Span.MONTH, now, PARIS)
    assert all(datetime.fromtimestamp(bar.since / 1000, PARIS).hour == 0 for bar in found[1:])
    assert {(bar.until - bar.since) // HOUR_MS for bar in found[1:-1]} == {23, 24}


def test_picture_has_a_name_and_its_figures_in_words() -> None:
    picture = drawn(series((10, 1, 0, 5), (5, 1234, 2, 5), (0, 3, 1, 1505)))
    assert picture.get("role") == "img"
    ids = [picture.find(f"svg:{name}", NAMESPACE).get("id") for name in ("title", "desc")]
    assert picture.get("aria-labelledby").split() == ids
    assert picture.find("svg:title", NAMESPACE).text == "The last 24 hours"
    assert described(picture) == (
        "Delivered: 1,500. Waiting: last 3, at most 1,234. Needs a person: last 1, at most 2."
    )


def test_two_charts_on_one_page_have_different_ids() -> None:
    samples = series((5, 1, 0, 0))
    ids = [re.findall(r' id="([^"]+)"', svg(samples, span, now=NOON_MS, tz=UTC)) for span in Span]
    assert not set(ids[0]) & set(ids[1])


def test_picture_speaks_french() -> None:
    picture = drawn(series((5, 1, 0, 0), (0, 1, 0, 1500)), language="fr")
    assert described(picture) == (
        "Envoyées\N{NO-BREAK SPACE}: 1\N{NARROW NO-BREAK SPACE}500. En attente\N{NO-BREAK SPACE}: dernier relevé 1, "
        "au plus 1. À traiter\N{NO-BREAK SPACE}: dernier relevé 0, au plus 0."
    )
    assert {FRENCH.waiting, FRENCH.needs_action, FRENCH.by_hour} <= set(texts(picture))


def test_every_language_says_everything() -> None:
    assert set(WORDS) == {"en", "fr"}
    for words in WORDS.values():
        assert len(words.months) == 12
        assert all(words.months)
        assert all(getattr(words, name) for name in words.__slots__)


@pytest.mark.parametrize("span", list(Span))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_empty_chart_says_that_nothing_is_recorded(span: Span, language: str) -> None:
    picture = drawn([], span, language=language)
    assert texts(picture) == [WORDS[language].empty]
    assert described(picture) == WORDS[language].empty


@pytest.mark.parametrize(
    ("tz", "times"),
    [
        (UTC, ["15:00", "18:00", "21:00", "00:00", "03:00", "06:00", "09:00"]),
        (
            timezone(timedelta(hours=-2)),
            ["12:00", "15:00", "18:00", "21:00", "00:00", "03:00", "06:00", "09:00"],
        ),
    ],
    ids=["UTC", "two hours behind"],
)
def test_times_are_those_of_the_device(tz: tzinfo, times: list[str]) -> None:
    """Noon in UTC is the edge of the picture, where nothing is written."""
    assert [each for each in texts(drawn(series((5, 1, 0, 0)), tz=tz)) if ":" in each] == times


def test_days_are_those_of_the_device() -> None:
    # 2 March 2026 is a Monday, and so is each that is written.
    assert [each for each in texts(drawn(series((5, 1, 0, 0)), Span.MONTH)) if "Feb" in each] == [
        "2 Feb", "9 Feb", "16 Feb", "23 Feb",
    ]  # fmt: skip


def test_line_is_broken_where_nothing_was_recorded_and_the_gap_is_shown_and_named() -> None:
    picture = drawn(series((300, 2, 0, 0), (295, 2, 0, 0), (60, 2, 0, 0), (55, 2, 0, 0)))
    line = of_class(picture, "chart-waiting")[-1].get("d")
    assert line.count("M") == 2
    assert ENGLISH.nothing_recorded in texts(picture)
    assert len(of_class(picture, "chart-gap")) == 2 * 3 + 1, (
        "before, between and after, in both parts, and the legend"
    )


def test_chart_without_a_gap_names_none() -> None:
    whole = [Sample(NOON_MS - n * STEP_MS, 1, 0, 0) for n in range(288, -1, -1)]
    picture = drawn(whole)
    assert of_class(picture, "chart-gap") == []
    assert ENGLISH.nothing_recorded not in texts(picture)


def test_line_holds_each_count_until_the_next() -> None:
    picture = drawn(series((15, 4, 0, 0), (10, 4, 0, 0), (5, 2, 0, 0)))
    (line,) = (each.get("d") for each in of_class(picture, "chart-waiting")[1:])
    assert re.fullmatch(r"M[\d.]+ 48\.0H[\d.]+V113\.0H[\d.]+", line), line


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (4, ["0", "1", "2", "3", "4"]),
        (5, ["0", "2", "4", "6"]),
        (17, ["0", "5", "10", "15", "20"]),
        (81, ["0", "50", "100"]),
        (9_999, ["0", "5,000", "10,000"]),
    ],
)
def test_scale_stands_at_whole_round_numbers(most: int, scale: list[str]) -> None:
    numbers = [each for each in texts(drawn(series((5, most, 0, 0)))) if each.replace(",", "").isdigit()]
    assert numbers[: len(scale)] == scale


def test_delivered_bar_says_its_figure() -> None:
    picture = drawn(series((65, 0, 0, 0), (40, 0, 0, 7)))
    (bar,) = of_class(picture, "chart-delivered")
    assert bar.find("svg:title", NAMESPACE).text == "11:00: 7"


def test_lines_differ_by_more_than_their_colour() -> None:
    picture = drawn(series((5, 3, 2, 0)))
    waiting, needs_action = (of_class(picture, name)[-1] for name in ("chart-waiting", "chart-needs-action"))
    assert waiting.get("stroke-dasharray") is None
    assert needs_action.get("stroke-dasharray")
    assert of_class(picture, "chart-waiting-area")


def test_nothing_in_it_breaks_the_policy_of_the_page_or_ignores_its_colours() -> None:
    samples = series((300, 2, 1, 0), (60, 9, 0, 3), (0, 2, 0, 5))
    for span in Span:
        text = svg(samples, span, now=NOON_MS, tz=PARIS, language="fr")
        assert not re.search(r"style|script|href|url\(|\bon\w+=", text)
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', text))
        assert colours == {"none", "currentColor"}


def test_longest_month_stays_small() -> None:
    """Every hour differs from the one before it: the worst there is."""
    busy = [
        Sample(NOON_MS - n * STEP_MS, (n // 12) % 9, (n // 12) % 7, 9_000 - n) for n in range(8_900, -1, -1)
    ]
    assert len(svg(busy, Span.MONTH, now=NOON_MS, tz=UTC)) < 60_000
