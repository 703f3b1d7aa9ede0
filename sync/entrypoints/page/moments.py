"""Moments as a person says them: today at 14:05. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from sync.entrypoints.page.wording import Wording


def moment(at: datetime, now: datetime, zone: tzinfo | None, t: Wording) -> str:
    """An instant by the calendar of `zone` (None: the system's), as near to `now` as it is."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    time = f"{local:%H:%M}"
    days = (local.date() - today.date()).days
    near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get(days)
    if near is not None:
        return t(f"moment.{near}", time=time)
    form = "day" if local.year == today.year else "year"
    return t(f"moment.{form}", day=local.day, month=t(f"month.{local.month}"), year=local.year, time=time)
