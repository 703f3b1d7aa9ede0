"""What `target`, `after` and `{"$entry": ...}` mean in a row: an earlier row of the file, or an entry on the device."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sync.batch.identity import entry_of_row
from sync.errors import Problem, json_path, shown
from sync.references import REFERENCE_KEY, filled, references

# What people see of an id. Anything shorter would soon fit an entry that is not meant at all.
_SUFFIX: Final = re.compile(r"[0-9a-f-]{8,36}")


class Reference(NamedTuple):
    """An entry that a row refers to, as far as it is known by its id, and where in the row."""

    path: str
    entry: str


class Names:
    """The ids of the rows so far. `knows` says whether the outbox has, or had, the entry with a whole id."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self._coming: set[str] = set()
        self._refused: dict[str, int] = {}

    def coming(self, id: str) -> None:
        """An entry that will be in the outbox before whatever is asked about next."""
        self._coming.add(id)

    def stored(self) -> None:
        """Those that were coming have arrived; the outbox knows them."""
        self._coming.clear()

    def refuse(self, row_id: str, line: int) -> None:
        """The row so called was refused: nothing may hang on it, whatever else has its name."""
        self._refused[entry_of_row(row_id)] = line

    def refused(self, reference: Reference) -> Problem | None:
        """Why nothing may hang on that entry, or None."""
        line = self._refused.get(reference.entry)
        if line is None:
            return None
        message = f"It refers to the row in line {line}, which was refused. Correct that one, and import both again."
        return Problem(reference.path, "parent_refused", message)

    def find(self, name: str, path: str) -> Reference | Problem:
        """What is called `name`: a whole id, or the end of one that only the outbox can complete."""
        reference = Reference(path, entry_of_row(name))
        if problem := self.refused(reference):
            return problem
        if reference.entry in self._coming or self._knows(reference.entry):
            return reference
        if _SUFFIX.fullmatch(name.lower()):
            return Reference(path, name.lower())
        message = (
            f"{shown(name)} is neither the id of a row above this one nor an entry of this device. "
            "An entry is named by at least the last 8 characters of its id."
        )
        return Problem(path, "row_unknown", message)

    def find_in(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reference], list[Problem]]:
        """`data` with each reference to a row made one to its entry; what it refers to; what is wrong."""
        entries: list[Reference] = []
        problems: list[Problem] = []
        found: dict[str, str] = {}
        for where, name in references(data):
            reference = self.find(name, json_path(where))
            if isinstance(reference, Problem):
                problems.append(reference)
            else:
                found[name] = reference.entry
                entries.append(reference)
        whole = filled(data, lambda name: {REFERENCE_KEY: found.get(name, name)}) if found else dict(data)
        return whole, entries, problems
