"""Draws what waited, what needed a person and what was delivered over a day or a month, as one SVG. Pure.

Nothing in it is told by colour alone, and everything is drawn in the colour of the text around it, so that it fits a
light and a dark page; a style sheet may colour the classes. No style attributes: the page's policy forbids them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from sync.chart_words import WORDS, ChartWords
from sync.sampled import Bar, Point, Span, bars, days, gaps, hours, points, runs, window

if TYPE_CHECKING:
    from storage.samples import Sample

WIDTH: Final = 720
HEIGHT: Final = 330
_LEFT: Final = 48
_RIGHT: Final = 708
_EVERY_HOURS: Final = 3
_MONDAY: Final = 0


class _Panel(NamedTuple):
    """A part of the picture with a scale of its own: from `top` down to `bottom`, and the value at its top."""

    top: int
    bottom: int
    most: int
    step: int

    def y(self, value: int) -> float:
        return self.bottom - (self.bottom - self.top) * value / self.most


class _Axis(NamedTuple):
    """The time that is shown, in milliseconds since 1970 UTC, and how its moments are told."""

    since: int
    until: int
    span: Span
    tz: tzinfo
    words: ChartWords

    def x(self, at: int) -> float:
        share = (at - self.since) / (self.until - self.since)
        return _LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, share))

    def local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self.tz)

    def moment(self, at: int) -> str:
        local = self.local(at)
        if self.span is Span.DAY:
            return f"{local:%H:%M}"
        return self.words.date.format(day=local.day, month=self.words.months[local.month - 1])

    def ticks(self) -> Iterator[int]:
        """Where the time is written: every third hour, or each Monday."""
        if self.span is Span.DAY:
            for at in hours(self.since, self.until, self.tz):
                if self.local(at).hour % _EVERY_HOURS == 0:
                    yield at
        else:
            for at in days(self.since, self.until, self.tz):
                if self.local(at).weekday() == _MONDAY:
                    yield at


def svg(samples: Sequence[Sample], span: Span, *, now: int, tz: tzinfo, language: str = "en") -> str:
    """One `<svg>` element for a page, with its figures in words inside.

    `samples` in order, with the last one before the span in front; `now` in milliseconds since 1970 UTC; `tz` is what
    the device's clock shows.
    """
    words = WORDS[language]
    found = points(samples, span, now)
    title = words.day if span is Span.DAY else words.month
    delivered = bars(samples, span, now, tz)
    axis = _Axis(*window(span, now), span, tz, words)
    inside = list(_picture(axis, found, delivered)) if found else [_empty(words)]
    described = _description(found, delivered, words) if found else words.empty
    name = f"chart-{span.value}"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" ',
            f'aria-labelledby="{name}-title {name}-desc" fill="none" stroke="none" font-size="13">',
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-desc">{escape(described)}</desc>',
            *inside,
            "</svg>",
        ]
    )


def _description(found: Sequence[Point], delivered: Sequence[Bar], words: ChartWords) -> str:
    def line(name: str, values: Sequence[int]) -> str:
        last, most = _number(values[-1], words), _number(max(values), words)
        return f"{name}{words.colon}{words.last} {last}, {words.most} {most}."

    total = _number(sum(bar.delivered for bar in delivered), words)
    return " ".join(
        [
            f"{words.delivered}{words.colon}{total}.",
            line(words.waiting, [point.waiting for point in found]),
            line(words.needs_action, [point.needs_action for point in found]),
        ]
    )


def _empty(words: ChartWords) -> str:
    return _text(WIDTH / 2, HEIGHT / 2, words.empty, anchor="middle")


def _picture(axis: _Axis, found: Sequence[Point], delivered: Sequence[Bar]) -> Iterator[str]:
    span, words = axis.span, axis.words
    stood = _panel(48, 178, max(max(point.waiting, point.needs_action) for point in found))
    sent = _panel(226, 296, max(bar.delivered for bar in delivered))
    missing = gaps(found, span, axis.until)
    yield from _legend(words, gap=bool(missing))
    for start, end in missing:
        x, width = axis.x(start), axis.x(end) - axis.x(start)
        for panel in (stood, sent):
            yield (
                f'<rect class="chart-gap" x="{x:.1f}" y="{panel.top}" width="{width:.1f}" '
                f'height="{panel.bottom - panel.top}" fill="currentColor" fill-opacity="0.1"/>'
            )
    yield from _scale(stood, words)
    yield from _scale(sent, words)
    yield from _times(axis, (stood, sent))
    waiting, needs_action = [], []
    for run in runs(found, span):
        waiting.append(_steps(run, [point.waiting for point in run], axis, stood))
        needs_action.append(_steps(run, [point.needs_action for point in run], axis, stood))
    for line, first in waiting:
        floor = f"V{stood.bottom}H{first:.1f}Z"
        yield f'<path class="chart-waiting-area" d="{line}{floor}" fill="currentColor" fill-opacity="0.15"/>'
    lines = "".join(line for line, _ in waiting)
    thick = "2" if span is Span.DAY else "1.25"
    yield f'<path class="chart-waiting" d="{lines}" stroke="currentColor" stroke-width="{thick}"/>'
    lines = "".join(line for line, _ in needs_action)
    yield (
        f'<path class="chart-needs-action" d="{lines}" stroke="currentColor" stroke-width="2.5" '
        'stroke-dasharray="2 4" stroke-linecap="round"/>'
    )
    yield _text(_LEFT, sent.top - 12, words.by_hour if span is Span.DAY else words.by_day)
    for bar in delivered:
        if bar.delivered:
            yield _bar(
                bar, axis, sent, f"{axis.moment(bar.since)}{words.colon}{_number(bar.delivered, words)}"
            )


def _panel(top: int, bottom: int, most: int) -> _Panel:
    """Scaled so that its lines stand at round whole numbers, four at most above zero."""
    wanted = max(1, most)
    step = 1
    while step * 4 < wanted:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return _Panel(top, bottom, step * -(-wanted // step), step)


def _scale(panel: _Panel, words: ChartWords) -> Iterator[str]:
    for value in range(0, panel.most + 1, panel.step):
        y = panel.y(value)
        faint = "0.2" if value else "0.6"
        yield (
            f'<path class="chart-grid" d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="currentColor" '
            f'stroke-opacity="{faint}"/>'
        )
        yield _text(_LEFT - 8, y + 4, _number(value, words), anchor="end")


def _times(axis: _Axis, panels: Sequence[_Panel]) -> Iterator[str]:
    for at in axis.ticks():
        x = axis.x(at)
        if x < _LEFT + 16 or x > _RIGHT - 16:
            continue  # its label would stand outside
        for panel in panels:
            yield (
                f'<path class="chart-grid" d="M{x:.1f} {panel.top}V{panel.bottom}" stroke="currentColor" '
                'stroke-opacity="0.12"/>'
            )
        yield _text(x, panels[-1].bottom + 20, axis.moment(at), anchor="middle")


def _steps(run: Sequence[Point], values: Sequence[int], axis: _Axis, panel: _Panel) -> tuple[str, float]:
    """A line of steps, and where it begins: a count stays what it was until it is another."""
    first, last = axis.x(run[0].at), axis.x(run[-1].at + axis.span.step_ms)
    drawn = [f"M{first:.1f} {panel.y(values[0]):.1f}"]
    for point, before, value in zip(run[1:], values, values[1:], strict=False):
        if value != before:
            drawn.append(f"H{axis.x(point.at):.1f}V{panel.y(value):.1f}")
    drawn.append(f"H{last:.1f}")
    return "".join(drawn), first


def _bar(bar: Bar, axis: _Axis, panel: _Panel, told: str) -> str:
    x = axis.x(bar.since) + 1
    width = max(1.0, axis.x(bar.until) - 1 - x)
    y = panel.y(bar.delivered)
    return (
        f'<rect class="chart-delivered" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{panel.bottom - y:.1f}" fill="currentColor" fill-opacity="0.6"><title>{escape(told)}</title></rect>'
    )


def _legend(words: ChartWords, *, gap: bool) -> Iterator[str]:
    y = 20
    yield (
        f'<rect class="chart-waiting-area" x="{_LEFT}" y="{y - 8}" width="24" height="8" fill="currentColor" '
        'fill-opacity="0.15"/>'
        f'<path class="chart-waiting" d="M{_LEFT} {y - 8}h24" stroke="currentColor" stroke-width="2"/>'
    )
    yield _text(_LEFT + 32, y, words.waiting)
    yield (
        f'<path class="chart-needs-action" d="M{_LEFT + 170} {y - 4}h24" stroke="currentColor" stroke-width="2.5" '
        'stroke-dasharray="2 4" stroke-linecap="round"/>'
    )
    yield _text(_LEFT + 202, y, words.needs_action)
    if gap:
        yield (
            f'<rect class="chart-gap" x="{_LEFT + 370}" y="{y - 11}" width="24" height="14" fill="currentColor" '
            'fill-opacity="0.1"/>'
        )
        yield _text(_LEFT + 402, y, words.nothing_recorded)


def _text(x: float, y: float, said: str, *, anchor: str = "start") -> str:
    return (
        f'<text class="chart-label" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'fill="currentColor">{escape(said)}</text>'
    )


def _number(value: int, words: ChartWords) -> str:
    return f"{value:,}".replace(",", words.thousands)
