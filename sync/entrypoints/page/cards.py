"""One entry as a technician sees it in a list and on top of its own page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from storage.listed import SITE
from sync.entrypoints.page.moments import moment
from sync.entrypoints.page.naming import Names
from sync.entrypoints.page.standing import Standing, Tone, standing
from sync.entrypoints.page.wording import Wording

_ICONS: Final = {Tone.WAIT: "wait", Tone.FIX: "fix", Tone.CALL: "call", Tone.DONE: "done"}


@dataclass(frozen=True, slots=True)
class Card:
    """`standing` and `explained` are sentences; `at` is the moment that `when` tells, ISO."""

    id: str
    title: str
    kind_key: str
    person: str
    at: str
    when: str
    key: str
    tone: str
    icon: str
    standing: str
    explained: str


def card_of(
    entry: Mapping[str, Any],
    control: Mapping[str, Any],
    names: Names,
    now: datetime,
    zone: tzinfo | None,
    t: Wording,
) -> Card:
    """The card of one entry in the shape of `storage.owned`."""
    stands = standing(entry, control, now)
    at = entry["done_at"] or entry["captured_at"]
    until = "" if stands.until is None else moment(stands.until, now, zone, t)
    return Card(
        id=entry["id"],
        title=title_of(entry, names, t),
        kind_key=_kind(entry["kind"], t),
        person=person_in(entry["payload"]),
        at=at,
        when=moment(datetime.fromisoformat(at), now, zone, t),
        key=stands.key,
        tone=stands.tone.value,
        icon=_icon(stands),
        standing=t(f"standing.{stands.key}", until=until),
        explained=t(f"standing.{stands.key}.long", until=until),
    )


def title_of(entry: Mapping[str, Any], names: Names, t: Wording) -> str:
    """Where it was: the first site, and how many more; what kind it is where it names no site."""
    sites = names.all_of(SITE, entry["payload"])
    if not sites:
        return t(_kind(entry["kind"], t))
    return sites[0] if len(sites) == 1 else t.counted("sites.more", len(sites) - 1, first=sites[0])


def person_in(payload: Mapping[str, Any]) -> str:
    """Who did the work, as far as it is told."""
    provider = payload.get("provider")
    if not isinstance(provider, Mapping):
        return ""
    return " ".join(str(provider[name]) for name in ("firstName", "lastName") if provider.get(name))


def _kind(kind: str, t: Wording) -> str:
    return f"kind.{kind}" if t.has(f"kind.{kind}") else "kind.other"


def _icon(stands: Standing) -> str:
    return "offline" if stands.key == "offline" else _ICONS[stands.tone]
