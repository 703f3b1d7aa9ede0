"""Measures two things in turns: what else the machine does meanwhile hits both alike, and the ratio stays."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median, quantiles

from tests.bench.rows import Figure

Act = Callable[[], object]


def timed_s(act: Act) -> float:
    """Seconds that `act` took."""
    started_s = time.perf_counter()
    act()
    return time.perf_counter() - started_s


def in_turns(
    what: str,
    subject: Act,
    baseline: Act,
    *,
    rounds: int,
    times: int = 1,
    limit: float | None = None,
    each: int = 1,
    note: str = "",
) -> Figure:
    """Both by turns, `times` each a round; who begins changes. Times are of one item, `each` in an act.

    The ratio is the median over the rounds of p50 against p50; the spread its quartiles.
    """
    subject()
    baseline()
    sides: tuple[list[float], list[float]] = ([], [])
    ratios = []
    for number in range(rounds):
        # Collected between the rounds, never inside one: a pause would be charged to whoever it happens to hit.
        gc.collect()
        gc.disable()
        try:
            taken: tuple[list[float], list[float]] = ([], [])
            for turn in range(2 * times):
                side = (turn + number) % 2
                taken[side].append(timed_s((subject, baseline)[side]) / each)
        finally:
            gc.enable()
        for side in (0, 1):
            sides[side].extend(taken[side])
        ratios.append(median(taken[0]) / median(taken[1]))
    ratio = median(ratios)
    return Figure(
        what,
        median(sides[0]) * 1000,
        median(sides[1]) * 1000,
        "ms",
        ratio,
        quartiles(ratios),
        limit,
        None if limit is None else ratio <= limit,
        note,
    )


def over(what: str, taken_s: list[float], least_s: float, limit: float | None) -> Figure:
    """A line whose baseline is computed: the median of what was taken, against the least there can be."""
    ratio = median(taken_s) / least_s
    low, high = quartiles(taken_s)
    return Figure(
        what,
        median(taken_s) * 1000,
        least_s * 1000,
        "ms",
        ratio,
        (low / least_s, high / least_s),
        limit,
        None if limit is None else ratio <= limit,
    )


def quartiles(values: list[float]) -> tuple[float, float]:
    """The first and the third."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high
