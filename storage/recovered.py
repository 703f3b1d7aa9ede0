"""What a recovery found and did, as it is told and kept beside the damaged files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

REPORT: Final = "report.json"


@dataclass(slots=True)
class Tally:
    """What became of the rows. Ids are local ids of entries."""

    read: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    lost_ids: list[str] = field(default_factory=list)
    damaged: list[dict[str, str]] = field(
        default_factory=list
    )  # {"id", "reason"}: kept, and held where not final
    broken_images: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    # Never sent as far as is known, and perhaps handed over to another device since: held.
    perhaps_handed_over: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, table: str, *, read: bool, n: int = 1) -> None:
        counts = self.read if read else self.lost
        counts[table] = counts.get(table, 0) + n


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found and done. `place` is where the damaged files are; None where nothing had to be done."""

    problems: tuple[str, ...]
    place: Path | None = None
    tally: Tally = field(default_factory=Tally)
    unknown_lost: int = 0  # captures that were seen before and of which nothing is left, not even a number
    backup: Path | None = None  # the newest one that could bring more
    source: Path | None = None
    from_source: int = 0  # entries that only the given file had
    from_newer: int = 0  # entries that the given file knew more of
    database_lost: bool = False  # it was gone or empty, or nothing at all could be read of it

    @property
    def complete(self) -> bool:
        """Whether nothing was lost, damaged or put in doubt. Of a lost database nobody knows what was in it."""
        tally = self.tally
        lost = self.database_lost or self.unknown_lost or any(tally.lost.values())
        return not (lost or tally.damaged or tally.in_doubt or tally.perhaps_handed_over)

    def to_json(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "schema": 1,
            "recovered": self.place is not None,
            "problems": list(self.problems),
            "database_lost": self.database_lost,
            "tables": {
                table: {"read": tally.read.get(table, 0), "lost": tally.lost.get(table, 0)}
                for table in ("entry", "signature", "attempt", "receipt", "purged", "control")
            },
            "lost_ids": tally.lost_ids,
            "lost_unknown": self.unknown_lost,
            "damaged": tally.damaged,
            "broken_images": tally.broken_images,
            "in_doubt": tally.in_doubt,
            "perhaps_handed_over": tally.perhaps_handed_over,
            "notes": tally.notes,
            "from": None if self.source is None else str(self.source),
            "from_entries": self.from_source,
            "from_newer": self.from_newer,
            "backup": None if self.backup is None else str(self.backup),
            "moved_to": None if self.place is None else str(self.place),
            "report": None if self.place is None else str(self.place / REPORT),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any], place: Path) -> Recovered:
        """What `to_json` told of a recovery that moved the damaged files to `place`."""
        tally = Tally(
            read={table: counts["read"] for table, counts in told["tables"].items()},
            lost={table: counts["lost"] for table, counts in told["tables"].items()},
            lost_ids=told["lost_ids"],
            damaged=told["damaged"],
            broken_images=told["broken_images"],
            in_doubt=told["in_doubt"],
            perhaps_handed_over=told["perhaps_handed_over"],
            notes=told["notes"],
        )
        backup, source = (None if told[name] is None else Path(told[name]) for name in ("backup", "from"))
        return cls(
            tuple(told["problems"]),
            place,
            tally,
            told["lost_unknown"],
            backup,
            source,
            told["from_entries"],
            told["from_newer"],
            told["database_lost"],
        )
