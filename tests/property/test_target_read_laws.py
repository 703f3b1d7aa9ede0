"""Laws of what a read proves, on a server of a few lines that others edit as well, whatever it shows and notes.

The one that matters: an update that was carried out is never taken for one that was not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync.target_read import CLOCK_MS, Tries, conflicts, read, was_not_applied

SENT = 1_777_600_000_000
FIELDS = ("description", "creationStatus", "assignedProfileId")
MIRRORED = {name: (name,) for name in FIELDS}

bodies = st.dictionaries(st.sampled_from(FIELDS), st.integers(0, 1), min_size=1)
edits = st.lists(st.tuples(st.integers(1, 3_600_000), bodies), max_size=3)
shown = st.sets(st.sampled_from([*FIELDS, "updatedAt"]))


class Server:
    """One intervention. `notes_all`: also a change that changes nothing moves `updatedAt`."""

    def __init__(self, *, notes_all: bool) -> None:
        self.row: dict[str, Any] = dict.fromkeys(FIELDS, 0)
        self.updated_at = SENT - 7_200_000
        self._notes_all = notes_all

    def takes(self, body: dict[str, int], at: int) -> None:
        if self._notes_all or any(self.row[name] != value for name, value in body.items()):
            self.updated_at = at
        self.row.update(body)

    def shows(self, names: set[str]) -> dict[str, Any]:
        at = datetime.fromtimestamp(self.updated_at / 1000, UTC).isoformat(timespec="milliseconds")
        return {name: value for name, value in {**self.row, "updatedAt": at}.items() if name in names}


@given(
    body=bodies,
    before=edits,
    after=edits,
    names=shown,
    notes_all=st.booleans(),
    told=st.booleans(),
    knows_the_time=st.booleans(),
    clock_error_ms=st.integers(-CLOCK_MS, CLOCK_MS),
)
def test_update_that_was_carried_out_is_never_taken_for_absent(
    *,
    body: dict[str, int],
    before: list[tuple[int, dict[str, int]]],
    after: list[tuple[int, dict[str, int]]],
    names: set[str],
    notes_all: bool,
    told: bool,
    knows_the_time: bool,
    clock_error_ms: int,
) -> None:
    server = Server(notes_all=notes_all)
    for ms, edit in sorted(before, key=lambda each: -each[0]):
        server.takes(edit, SENT - ms)
    answered = server.updated_at if told else None
    server.takes(body, SENT + 500)
    for ms, edit in sorted(after, key=lambda each: each[0]):
        server.takes(edit, SENT + 500 + ms)
    first = SENT + clock_error_ms if knows_the_time else None
    reading = read(body, server.shows(names), MIRRORED)
    assert not was_not_applied(reading, Tries(first, first), answered=answered)


@given(bodies, st.booleans(), st.booleans())
def test_update_that_never_came_is_known_to_be_absent_where_it_would_show(
    body: dict[str, int], notes_all: bool, told: bool
) -> None:
    server = Server(notes_all=notes_all)
    reading = read(body, server.shows({*FIELDS, "updatedAt"}), MIRRORED)
    tries = Tries() if told else Tries(SENT, SENT)
    answered = server.updated_at if told else None
    assert was_not_applied(reading, tries, answered=answered) == any(body.values())


@given(bodies, edits, shown, st.booleans())
def test_device_that_is_alone_meets_no_conflict(
    body: dict[str, int], own: list[tuple[int, dict[str, int]]], names: set[str], notes_all: bool
) -> None:
    """Whatever it did itself between the capture and the send, it was told so."""
    server, captured_at = Server(notes_all=notes_all), SENT
    version = None
    for ms, edit in sorted(own, key=lambda each: each[0]):
        server.takes(edit, SENT + ms)
        version = server.updated_at
    reading = read(body, server.shows(names), MIRRORED)
    assert not conflicts(reading, captured_at=captured_at, own_version=version)


@given(bodies, st.integers(1, 3_600_000), bodies, shown)
def test_edit_by_somebody_else_is_a_conflict_unless_it_did_the_same(
    body: dict[str, int], ms: int, theirs: dict[str, int], names: set[str]
) -> None:
    server = Server(notes_all=True)
    server.takes(theirs, SENT + ms)
    reading = read(body, server.shows({*names, "updatedAt"}), MIRRORED)
    same = set(body) <= names and all(server.row[name] == value for name, value in body.items())
    assert conflicts(reading, captured_at=SENT, own_version=None) is not same
