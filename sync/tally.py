"""What has this pass done so far? Counted as it is written down, and counted back where that was not committed.

What people read of it is `report.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(slots=True)
class Tally:
    """What this pass has done so far."""

    sent: int = 0
    uploaded: int = 0
    delivered: int = 0
    stopped_by: str | None = None
    sent_kinds: set[str] = field(default_factory=set)
    renewals: list[str | None] = field(default_factory=list)  # owners whose tokens are to be asked for

    def copy(self) -> Tally:
        return replace(self, sent_kinds=set(self.sent_kinds), renewals=list(self.renewals))
