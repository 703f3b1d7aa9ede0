"""What the feed knows at one moment, and what of it comes after a number. Pure: a look makes the next one from this."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sync.entrypoints.api.event_lines import Told

# Who is further behind reads the database.
REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class News:
    """What was found so far. `told` holds every change after `behind` up to `newest`."""

    numbering: str
    behind: int
    newest: int
    told: tuple[Told, ...] = ()
    status: str | None = None
    signs: int = 0  # of life: grows every fifteen seconds

    def since(self, seq: int) -> tuple[Told, ...] | None:
        """The changes after `seq`; None where they reach further back than this remembers."""
        if seq < self.behind:
            return None
        count = 0
        for each in reversed(self.told):
            if each.seq <= seq:
                break
            count += 1
        return self.told[len(self.told) - count :]

    def grown(self, found: list[Told]) -> News:
        """With these changes behind the others, and the oldest forgotten."""
        told = (*self.told, *found)
        kept = told[-REMEMBERED:]
        behind = told[-REMEMBERED - 1].seq if len(told) > REMEMBERED else self.behind
        return replace(self, told=kept, behind=behind, newest=found[-1].seq)
