"""The form of an intervention: what was typed, as the body that the API takes, and back. Pure.

Here is only what a form knows: text that is to become numbers and a moment. Every other rule is the front door's, and
its problems find their field again by `field_of`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

from sync.errors import IMAGE_PATH, Problem
from sync.instants import instant_text

# The names of the API's body, each with the field of the form that it is typed into.
FIELDS_OF_API: Final[Mapping[str, str]] = {
    "companyId": "company_id",
    "siteIds": "site_ids",
    "ruleIds": "rule_ids",
    "firstName": "first_name",
    "lastName": "last_name",
    "actionComment": "action_comment",
    "comment": "comment",
    "email": "email",
    "actualStart": "actual_start",
    "signature": "signature",
}
FIELDS: Final = tuple(FIELDS_OF_API.values())
_TEXTS: Final = {
    "firstName": "first_name",
    "lastName": "last_name",
    "actionComment": "action_comment",
    "email": "email",
    "comment": "comment",
}
_PATH: Final = re.compile(r"\$\.(?:provider\.)?(\w+)")
_PARTS: Final = re.compile(r"[\s,;]+")
_NUMBER: Final = re.compile(r"-?\d{1,17}", re.ASCII)
_MOST_PROBLEMS: Final = 100
_MINUTE: Final = len("2024-12-01T12:34")
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was filled in: all text, nothing checked. `actual_start` is the device's local time."""

    id: str = ""
    company_id: tuple[str, ...] = ()
    site_ids: tuple[str, ...] = ()
    rule_ids: tuple[str, ...] = ()
    first_name: str = ""
    last_name: str = ""
    action_comment: str = ""
    comment: str = ""
    email: str = ""
    actual_start: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """What `typed` says to the API, and what of it says nothing. `data` holds all that could be read."""

    data: dict[str, Any]
    problems: tuple[Problem, ...] = field(default=())

    def encoded(self) -> bytes:
        """As a capture takes it. Where there are problems, only good for finding the others."""
        return json.dumps(self.data).encode()


def typed_from(fields: Iterable[tuple[str, str]]) -> Typed:
    """The fields of a form as they were posted, in order; what has another name is left out.

    Of a list each box that is ticked comes as one value, and what was typed beside it as one with several numbers.
    """
    many: dict[str, list[str]] = {"company_id": [], "site_ids": [], "rule_ids": []}
    one: dict[str, str] = {}
    for name, value in fields:
        if name in many:
            many[name] += (part for part in _PARTS.split(value) if part)
        elif name == "id" or name in _TEXTS.values() or name == "actual_start":
            # Browsers send line ends as CR LF, whatever was typed.
            one[name] = value.replace("\r\n", "\n").strip()
    return Typed(
        company_id=tuple(dict.fromkeys(many["company_id"])),
        site_ids=tuple(dict.fromkeys(many["site_ids"])),
        rule_ids=tuple(dict.fromkeys(many["rule_ids"])),
        **one,
    )


def body_of(typed: Typed, zone: tzinfo | None, *, start_before: str | None = None) -> Body:
    """The body of the API. `zone` is where the device is, None for the system's.

    `start_before` is the start of an entry that is corrected: it stays to the millisecond where the minute does.
    """
    problems: list[Problem] = []
    data: dict[str, Any] = {}
    if typed.company_id:
        if len(typed.company_id) > 1:
            problems.append(
                Problem("$.companyId", "several", "companyId is one number, and several were given.")
            )
        else:
            data["companyId"] = _number(typed.company_id[0], "$.companyId", problems)
    for name, parts in (("siteIds", typed.site_ids), ("ruleIds", typed.rule_ids)):
        data[name] = [_number(part, f"$.{name}[{n}]", problems) for n, part in enumerate(parts)]
    data["provider"] = {
        name: getattr(typed, field) for name, field in _TEXTS.items() if getattr(typed, field)
    }
    start = _start(typed, zone, start_before, problems)
    if start is not None:
        data["actualStart"] = start
    return Body(data, tuple(problems[:_MOST_PROBLEMS]))


def typed_of(id: str, payload: Mapping[str, Any], zone: tzinfo | None) -> Typed:
    """The form that a body would have been typed into."""
    provider = payload.get("provider") or {}
    start = payload.get("actualStart")
    company = payload.get("companyId")

    def said(name: str) -> str:
        return str(provider.get(name) or "")

    return Typed(
        id=id,
        company_id=() if company is None else (str(company),),
        site_ids=tuple(map(str, payload.get("siteIds") or ())),
        rule_ids=tuple(map(str, payload.get("ruleIds") or ())),
        actual_start=local_minute(start, zone) if isinstance(start, str) else "",
        first_name=said("firstName"),
        last_name=said("lastName"),
        action_comment=said("actionComment"),
        comment=said("comment"),
        email=said("email"),
    )


def blank(id: str, now: datetime, zone: tzinfo | None) -> Typed:
    """A form to fill in, begun now."""
    return Typed(id=id, actual_start=local_minute(instant_text(now), zone))


def local_minute(instant: str, zone: tzinfo | None) -> str:
    """An instant of the API as a field of date and time shows it; empty where the calendar does not have it."""
    try:
        at = datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return ""
    return at.replace(tzinfo=None).isoformat(timespec="minutes")


def field_of(path: str) -> str | None:
    """The field of the form that a problem is about; None where it is about none of them."""
    if path == IMAGE_PATH:
        return "signature"
    found = _PATH.match(path)
    return FIELDS_OF_API.get(found[1]) if found else None


def by_field(problems: Sequence[Problem]) -> dict[str | None, list[Problem]]:
    """Problems by the field they are about, in the order of the form; under None those of no field."""
    found: dict[str | None, list[Problem]] = {}
    for problem in problems:
        found.setdefault(field_of(problem.path), []).append(problem)
    return {name: found[name] for name in (None, *FIELDS) if name in found}


def _number(text: str, path: str, problems: list[Problem]) -> int:
    if not _NUMBER.fullmatch(text):
        problems.append(Problem(path, "not_a_number", "must be a whole number."))
        return 0
    return int(text)


def _start(typed: Typed, zone: tzinfo | None, before: str | None, problems: list[Problem]) -> str | None:
    text = typed.actual_start
    if not text:
        return before
    if before is not None and text[:_MINUTE] == local_minute(before, zone) and len(text) == _MINUTE:
        return before
    try:
        if not _LOCAL.fullmatch(text):
            raise ValueError(text)
        at = datetime.fromisoformat(text)
        if len(text) == _MINUTE:
            at += _within_minute(typed.id)
        # An hour that a change of clocks repeats means its first run; one that it skips is moved on by it.
        local = at.replace(tzinfo=zone) if zone is not None else at
        return instant_text(local.astimezone(UTC))
    except (ValueError, OverflowError, OSError):
        problems.append(Problem("$.actualStart", "not_a_time", "must be a date and a time."))
        return None


def _within_minute(id: str) -> timedelta:
    """Where in its minute a start lies that was typed to the minute: fixed by the entry's id, so the same on a repeat.

    Two interventions of one minute can then be told apart at the server. An id of ours begins with the moment when
    the form was opened, so a start that nobody changed is that very moment.
    """
    try:
        return timedelta(milliseconds=(UUID(id).int >> 80) % 60_000)
    except ValueError:
        return timedelta()
