"""How a pass ended, in the shape of `sync --json`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class DrainReport:
    """How one pass ended: what it did, and how the outbox stands now. `delivered` counts entries that became done."""

    delivered: int
    sent: int
    uploaded: int
    waiting: int
    in_doubt: int
    needs_action: int
    stopped_by: str | None
    duration_s: float

    def to_json(self) -> dict[str, Any]:
        return {"schema": 1, **{name: getattr(self, name) for name in self.__slots__}}


def with_totals(report: DrainReport, earlier: DrainReport) -> DrainReport:
    """Several passes as one: what was done adds up, how the outbox stands is the latest."""
    return replace(
        report,
        delivered=earlier.delivered + report.delivered,
        sent=earlier.sent + report.sent,
        uploaded=earlier.uploaded + report.uploaded,
        duration_s=round(earlier.duration_s + report.duration_s, 3),
    )
