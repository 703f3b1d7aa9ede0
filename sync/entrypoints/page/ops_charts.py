"""The two charts of the overview, drawn once for each five minutes.

No sample is younger, and a month of them costs more to draw than everything else on the page.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfoNotFoundError

from tzlocal import get_localzone

from storage import samples
from storage.database import Database
from storage.samples import STEP_MS, Sample
from sync import chart
from sync.sampled import Span

_SPANS: Final = {Span.DAY: 24 * 3600 * 1000, Span.MONTH: 30 * 24 * 3600 * 1000}
_Key = tuple[int, int, str, str]


class Charts:
    """For one outbox. May be used from any thread: at worst something is drawn twice."""

    def __init__(self) -> None:
        self._drawn: dict[_Key, list[str]] = {}

    def of(self, database: Database, now: datetime, language: str) -> list[str]:
        """One for a day and one for a month, as SVG: made of figures and our own words alone."""
        zone = calendar(now)
        now_ms = int(now.timestamp() * 1000)
        with database.read() as transaction:
            # The last ones are part of the name: a first sample shows at once.
            newest = samples.between(transaction, now_ms - STEP_MS, now_ms)
            key = (now_ms // STEP_MS, len(newest), language, str(zone))
            if key in self._drawn:
                return self._drawn[key]
            kept = samples.between(transaction, now_ms - _SPANS[Span.MONTH], now_ms)
        drawn = [
            chart.svg(_since(kept, now_ms - length), span, now=now_ms, tz=zone, language=language)
            for span, length in _SPANS.items()
        ]
        # What was drawn before these five minutes is asked for by nobody any more.
        self._drawn = {old: svg for old, svg in self._drawn.items() if old[0] == key[0]} | {key: drawn}
        return drawn


def calendar(now: datetime) -> tzinfo:
    """The calendar of this device. Where it has none that can be read: its difference to UTC at this moment."""
    try:
        return get_localzone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = now.astimezone().tzinfo
        assert zone is not None, "an instant by the system's calendar has a zone"
        return zone


def _since(kept: list[Sample], since: int) -> list[Sample]:
    """Those of this time, and the last one before it."""
    return kept[max((n for n, each in enumerate(kept) if each.at < since), default=0) :]
