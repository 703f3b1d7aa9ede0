"""Which entries the list of the ops page shows: read from the address, written into it, asked of the outbox. Pure.

What cannot be understood is told and left out, so that nobody mistakes a slip of the pen for an empty outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from storage.queries import STATES, Narrowed
from sync.operations import KINDS

PAGE: Final = 50
NEEDS_ACTION: Final = "needs_action"
CHOICES: Final = (NEEDS_ACTION, *STATES)
_FIELDS: Final = ("state", "kind", "owner", "reason", "since", "q")
NOBODY: Final = "-"  # stands for the owner of entries that have none
_SPANS: Final = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
SPANS: Final = tuple(_SPANS)
_LONGEST: Final = 200
_ANY: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Asked(NamedTuple):
    """What a person asked for, as written. Empty: not narrowed. `older`, `newer`: the page beyond this id."""

    state: str = ""
    kind: str = ""
    owner: str = ""
    reason: str = ""
    since: str = ""
    q: str = ""
    older: str = ""
    newer: str = ""

    def query(self, **changes: str) -> str:
        """As it stands in an address, without what is empty; a new choice begins at the first page."""
        wanted = {**{name: getattr(self, name) for name in _FIELDS}, **changes}
        return urlencode({name: value for name, value in wanted.items() if value})

    @property
    def here(self) -> str:
        """The address of this very page."""
        return self.query(older=self.older, newer=self.newer)

    @property
    def narrows(self) -> bool:
        return any(getattr(self, name) for name in _FIELDS)


def read(given: Mapping[str, str]) -> tuple[Asked, list[str]]:
    """What an address asks for, and the names of fields in it that mean nothing and are left out."""
    asked = {name: given.get(name, "").strip()[:_LONGEST] for name in Asked._fields}
    wrong = []
    for name, choices in (("state", CHOICES), ("kind", KINDS)):
        if asked[name] and asked[name] not in choices:
            wrong.append(name)
            asked[name] = ""
    if asked["since"] and _moment(asked["since"], _ANY, UTC) is None:
        wrong.append("since")
        asked["since"] = ""
    return Asked(**asked), wrong


def narrowed(asked: Asked, now: datetime, zone: tzinfo | None) -> Narrowed:
    """The same for the outbox. Days begin in `zone` (None: the system's)."""
    since = _moment(asked.since, now, zone) if asked.since else None
    return Narrowed(
        states=(asked.state,) if asked.state in STATES else (),
        kind=asked.kind or None,
        since=None if since is None else int(since.timestamp() * 1000),
        after_id=asked.newer or asked.older or None,
        owner=None if not asked.owner else "" if asked.owner == NOBODY else asked.owner,
        reason=asked.reason or None,
        search=asked.q or None,
        newest_first=not asked.newer,
    )


def _moment(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    """A span such as 24h before now, or a day such as 2026-03-02; None where it is neither."""
    if text in _SPANS:
        return now - _SPANS[text]
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007  the zone follows
        return day.replace(tzinfo=zone) if zone is not None else day.astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def address(query: str) -> str:
    """The address of the list for a query that came back in a form; what is not ours is left out of it."""
    asked, _ = read(dict(parse_qsl(query[:4000], max_num_fields=50)))
    here = asked.here
    return f"/ops/entries?{here}" if here else "/ops/entries"
