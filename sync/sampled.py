"""What samples of the queue come to over a day or a month: points for lines, deliveries for bars, gaps. Pure.

Moments are milliseconds since 1970 UTC, as they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from storage.samples import Sample

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


class Span(StrEnum):
    """How far back one looks."""

    DAY = "24h"
    MONTH = "30d"

    @property
    def length_ms(self) -> int:
        return _DAY_MS if self is Span.DAY else 30 * _DAY_MS

    @property
    def step_ms(self) -> int:
        """What one point stands for."""
        return 5 * _MINUTE_MS if self is Span.DAY else _HOUR_MS


class Point(NamedTuple):
    """One step of the span. `at` is its beginning, `waiting` and `needs_action` the most in it."""

    at: int
    waiting: int
    needs_action: int
    delivered: int


class Bar(NamedTuple):
    """How many were delivered from `since` to `until`: an hour or a day of the device's own time."""

    since: int
    until: int
    delivered: int


def window(span: Span, now: int) -> tuple[int, int]:
    """From when to when the span reaches at this moment."""
    return now - span.length_ms, now


def points(samples: Sequence[Sample], span: Span, now: int) -> list[Point]:
    """One point for each step in which there is a sample, in order; where nothing was recorded there is none."""
    since, until = window(span, now)
    found: dict[int, Point] = {}
    for sample, delivered in _deliveries(samples):
        if since <= sample.at <= until:
            at = sample.at - sample.at % span.step_ms
            before = found.get(at, Point(at, 0, 0, 0))
            found[at] = Point(
                at,
                max(before.waiting, sample.waiting),
                max(before.needs_action, sample.needs_action),
                before.delivered + delivered,
            )
    return [found[at] for at in sorted(found)]


def bars(samples: Sequence[Sample], span: Span, now: int, tz: tzinfo) -> list[Bar]:
    """The hours of a day or the days of a month, all of them, in order, by the clock on the device's wall."""
    since, until = window(span, now)
    starts = list((hours if span is Span.DAY else days)(since, until, tz))
    ends = [*starts[1:], until]
    counts = dict.fromkeys(starts, 0)
    for sample, delivered in _deliveries(samples):
        if since <= sample.at <= until:
            counts[max(start for start in starts if start <= sample.at)] += delivered
    return [Bar(max(since, start), end, counts[start]) for start, end in zip(starts, ends, strict=True)]


def runs(found: Sequence[Point], span: Span) -> list[list[Point]]:
    """The points in groups without a gap. One that is missing is a late sample; more are a worker that stood still."""
    groups: list[list[Point]] = []
    for point in found:
        if groups and point.at - groups[-1][-1].at <= 2 * span.step_ms:
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups


def gaps(found: Sequence[Point], span: Span, now: int) -> list[tuple[int, int]]:
    """From when to when nothing was recorded, in order; what is shorter than two steps is none."""
    since, until = window(span, now)
    edges = [since]
    for run in runs(found, span):
        edges += [max(since, run[0].at), min(until, run[-1].at + span.step_ms)]
    edges.append(until)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in pairs if end - start >= 2 * span.step_ms]


def hours(since: int, until: int, tz: tzinfo) -> Iterable[int]:
    """The beginnings of the hours that touch this time, by the device's own clock; the first lies before `since`."""
    local = datetime.fromtimestamp(since / 1000, tz)
    at = since - (local.minute * 60 + local.second) * 1000 - local.microsecond // 1000
    while at < until:
        yield at
        at += _HOUR_MS


def days(since: int, until: int, tz: tzinfo) -> Iterable[int]:
    """The beginnings of the days that touch this time, by the device's own clock; the first lies before `since`."""
    day = datetime.fromtimestamp(since / 1000, tz).date()
    while (at := int(datetime(day.year, day.month, day.day, tzinfo=tz).timestamp() * 1000)) < until:
        yield at
        day += timedelta(days=1)


def _deliveries(samples: Sequence[Sample]) -> Iterable[tuple[Sample, int]]:
    """Each sample with what was delivered since the one before it; before the first nothing is known.

    A clock that was set back leaves samples that know more than later ones: nothing is counted twice.
    """
    most: int | None = None
    for sample in samples:
        delivered = 0 if most is None else max(0, sample.delivered - most)
        most = sample.delivered if most is None else max(most, sample.delivered)
        yield sample, delivered
