"""What has become of the rows of a batch: counts, warnings with their lines, and the first problems."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sync.errors import Problem

LINES_TOLD: Final = 10


@dataclass(slots=True)
class Warned:
    """One kind of warning: how many rows have it, and the lines of the first ten."""

    message: str
    count: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What has become of the rows so far; grows while an import runs. Each row is one of the last three."""

    rows: int = 0
    captured: int = 0
    duplicates: int = 0
    rejected: int = 0
    last_line: int = 0  # of the rows that are settled
    warnings: dict[str, Warned] = field(default_factory=dict)
    first_problems: list[tuple[int, Problem]] = field(default_factory=list)

    def warn(self, code: str, message: str, line: int) -> None:
        warned = self.warnings.setdefault(code, Warned(message))
        warned.count += 1
        if len(warned.lines) < LINES_TOLD:
            warned.lines.append(line)

    def show(self, line: int, problems: Iterable[Problem]) -> None:
        """Keep the first ten problems of the file, for a person to read at once."""
        self.first_problems += (
            (line, each) for each in islice(problems, LINES_TOLD - len(self.first_problems))
        )

    def to_json(self) -> dict[str, Any]:
        """The counts and warnings of `import --json`."""
        return {
            "rows": self.rows,
            "captured": self.captured,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "warnings": [
                {"code": code, "message": each.message, "count": each.count, "lines": each.lines}
                for code, each in self.warnings.items()
            ],
        }
