"""What each route accepts as a body, checked by code of its own.

Written apart from the product's payload models on purpose: two readings of the same pages have to agree before
a capture gets through. Pure; answers every problem it finds, never raises for bad input.

Source: pages S0-S4 and the mb/execute page, request tables. Assumed: unknown fields are let through, and text
is counted in UTF-16 units, as a JavaScript server would count it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SAFE_INTEGER = 2**53 - 1
SHORT, LONG = 250, 2500
_INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?Z")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a body: where (`$.siteIds[0]`) and what."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: which fields it knows, and which of them must be there."""

    fields: Mapping[str, Check | ListOf | Shape]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array with at least one item, each passing the same check."""

    item: Check


def integer(value: Any) -> str | None:
    # JSON has one kind of number: 1.0 is the integer 1, while true is no number at all.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        return "must be an integer"
    return None if -SAFE_INTEGER <= value <= SAFE_INTEGER else "must be a safe integer"


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be a boolean"


def instant(value: Any) -> str | None:
    """A UTC instant as the pages print it: calendar-checked, `Z` only, seconds and fraction optional."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return "must be a UTC instant such as 2024-12-01T12:34:56.000Z"
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1] + (leap and month == 2):
        return "must be a real calendar date"
    return None if hour < 24 and minute < 60 and second < 60 else "must be a real time of day"


def text(limit: int | None = None, *, minimum: int = 0) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        units = len(value) + sum(ord(character) > 0xFFFF for character in value)
        if limit is not None and units > limit:
            return f"must have at most {limit} characters"
        return None if units >= minimum else "must not be empty"

    return check


def one_of(*allowed: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or value not in allowed:
            return "must be one of " + ", ".join(map(str, allowed))
        return None

    return check


def size(value: Any) -> str | None:
    problem = integer(value)
    return problem if problem or value >= 0 else "must not be negative"


SIGNATURE = Shape(
    {"name": text(minimum=1), "mimeType": text(minimum=1), "size": size}, ("name", "mimeType", "size")
)
PROVIDER = Shape(
    {
        "firstName": text(SHORT),
        "lastName": text(SHORT),
        "actionComment": text(LONG),
        "email": text(SHORT),
        "comment": text(LONG),
    }
)
_SCHEDULE: dict[str, Check | ListOf | Shape] = {
    "description": text(LONG),
    "scheduledStart": instant,
    "scheduledEnd": instant,
    "creationStatus": one_of(0, 1, 2),
    "assignedCompanyContactId": integer,
}

UNPLANNED = Shape(
    {
        "companyId": integer,
        "siteIds": ListOf(integer),
        "ruleIds": ListOf(integer),
        "signature": SIGNATURE,
        "provider": PROVIDER,
        "actualStart": instant,
    },
    ("companyId", "siteIds", "ruleIds", "signature", "provider"),
)
EXECUTE = Shape(
    {
        "firstName": text(SHORT),
        "lastName": text(SHORT),
        "signature": SIGNATURE,
        "email": text(SHORT),
        "providerActionComment": text(LONG),
        "comment": text(LONG),
    },
    ("firstName", "lastName", "signature"),
)
CURATIVE = Shape(
    {
        **_SCHEDULE,
        "anomalyIds": ListOf(integer),
        "assignedUserId": integer,
        "assignedProfileId": integer,
    },
    ("scheduledStart", "scheduledEnd", "anomalyIds", "creationStatus"),
)
PREVENTIVE_UPDATE = Shape(
    {
        **_SCHEDULE,
        "siteRuleIds": ListOf(integer),
        "assignedProfileId": integer,
        "sendUpdateEmailToCurrentAssignee": boolean,
        "previousAssigneeNotification": Shape({"sendEmail": boolean, "reason": text()}),
    }
)
TRAINING_UPDATE = Shape(
    {
        **_SCHEDULE,
        "ruleId": integer,
        "siteIds": ListOf(integer),
        "assignedUserId": integer,
        "validateIntervention": boolean,
    }
)
VERIFY = Shape(
    {"decisionComment": text(LONG), "decision": one_of(1, 2), "notificationId": text()},
    ("decisionComment", "decision"),
)


def check(shape: Shape, value: Any, path: str = "$") -> list[Flaw]:
    """Every flaw of a decoded body; an empty list means it is accepted."""
    if not isinstance(value, dict):
        return [Flaw(path, "must be an object")]
    flaws = [Flaw(f"{path}.{name}", "is required") for name in shape.required if name not in value]
    for name, rule in shape.fields.items():
        if name in value:
            flaws += _check_field(rule, value[name], f"{path}.{name}")
    return flaws


def _check_field(rule: Check | ListOf | Shape, value: Any, path: str) -> list[Flaw]:
    if isinstance(rule, Shape):
        return check(rule, value, path)
    if isinstance(rule, ListOf):
        if not isinstance(value, list) or not value:
            return [Flaw(path, "must be an array with at least one item")]
        found = ((f"{path}[{index}]", rule.item(item)) for index, item in enumerate(value))
        return [Flaw(where, problem) for where, problem in found if problem]
    problem = rule(value)
    return [Flaw(path, problem)] if problem else []


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises ValueError for what is not JSON, NaN included."""

    def refuse(token: str) -> Any:
        raise ValueError(f"{token} is not JSON")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)
