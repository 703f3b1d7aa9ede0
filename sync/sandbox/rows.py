"""How an intervention looks in each answer: the flat row, the list item, the detail.

Pure. Source: pages S0-S4 for the flat row (`siteIds` and `ruleIds` are not echoed, first and last name come back
as one `providerName`); the list and detail pages for the other two. Assumed: the meaning of `status` and `type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

SCHEDULED, EXECUTED, ACCEPTED, REFUSED = 1, 2, 3, 4
PREVENTIVE, CURATIVE, TRAINING = 1, 2, 3

_EMPTY: Row = {
    "id": 0,
    "status": SCHEDULED,
    "type": PREVENTIVE,
    "description": None,
    "imgSignature": None,
    "codePin": None,
    "autoCreated": False,
    "creationStatus": 1,
    "scheduledStart": None,
    "scheduledEnd": None,
    "actualStart": None,
    "actualEnd": None,
    "providerName": None,
    "providerEmail": None,
    "providerActionComment": None,
    "providerGeneralComment": None,
    "assignedCompanyContactId": None,
    "assignedUserId": None,
    "verifiedByUserId": None,
    "verifiedAt": None,
    "decisionComment": None,
    "attendeeCount": None,
    "routineId": None,
    "organizationId": None,
    "createdByUserId": None,
    "archivedAt": None,
    "updatedAt": None,
    "createdAt": None,
}
_LISTED = (
    *("id", "status", "type", "codePin", "autoCreated", "creationStatus", "description", "scheduledStart"),
    *("scheduledEnd", "actualStart", "actualEnd", "archivedAt", "updatedAt", "createdAt"),
)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def blank(row_id: int, now: datetime) -> Row:
    return {**_EMPTY, "id": row_id, "createdAt": iso(now), "updatedAt": iso(now)}


def unplanned(row_id: int, body: Mapping[str, Any], *, pin: int, image_key: str, now: datetime) -> Row:
    """Recorded and executed at once. Source: page S4; the PIN is the server's."""
    person = body["provider"]
    return {
        **blank(row_id, now),
        "status": EXECUTED,
        "imgSignature": image_key,
        "codePin": pin,
        "autoCreated": True,
        "creationStatus": 2,
        "actualStart": body.get("actualStart") or iso(now),
        "actualEnd": iso(now),
        "providerName": full_name(person),
        "providerEmail": person.get("email"),
        "providerActionComment": person.get("actionComment"),
        "providerGeneralComment": person.get("comment"),
    }


def curative(row_id: int, body: Mapping[str, Any], *, pin: int, now: datetime) -> Row:
    return {**edited(blank(row_id, now), body, now), "type": CURATIVE, "codePin": pin}


def edited(row: Row, body: Mapping[str, Any], now: datetime) -> Row:
    """The row with what the body sets; the profile's name for the assignee is read as the user's."""
    changes = {name: value for name, value in body.items() if name in row and name != "id"}
    if "assignedProfileId" in body:
        changes["assignedUserId"] = body["assignedProfileId"]
    return {**row, **changes, "updatedAt": iso(now)}


def executed(row: Row, body: Mapping[str, Any], *, image_key: str, now: datetime) -> Row:
    return {
        **row,
        "status": EXECUTED,
        "imgSignature": image_key,
        "actualStart": iso(now),
        "actualEnd": iso(now),
        "providerName": full_name(body),
        "providerEmail": body.get("email"),
        "providerActionComment": body.get("providerActionComment"),
        "providerGeneralComment": body.get("comment"),
        "updatedAt": iso(now),
    }


def verified(row: Row, body: Mapping[str, Any], now: datetime) -> Row:
    status = ACCEPTED if body["decision"] == 1 else REFUSED
    decided = {"status": status, "decisionComment": body["decisionComment"], "verifiedByUserId": 1}
    return {**row, **decided, "verifiedAt": iso(now), "updatedAt": iso(now)}


def list_item(row: Row, rule_ids: list[int]) -> Row:
    """The visible part of a list row: no provider fields, one rule and how many there are."""
    rule = {"id": rule_ids[0]} if rule_ids else None
    return {name: row[name] for name in _LISTED} | {"rule": rule, "rulesCount": len(rule_ids)}


def detail(row: Row, rule_ids: list[int], *, full: bool = False) -> Row:
    """The list item, and the provider's words nested in `summary`; with `full` the flat row's fields as well.

    Source: the detail page, whose sample was cut. What stood in the part that was cut nobody knows.
    """
    summary = {
        "name": row["providerName"],
        "email": row["providerEmail"],
        "actionComment": row["providerActionComment"],
        "comment": row["providerGeneralComment"],
        "imgSignature": row["imgSignature"],
        "doneAt": row["actualEnd"],
    }
    shown = list_item(row, rule_ids) | {"attendeeCount": row["attendeeCount"], "summary": summary}
    return row | shown if full else shown


def mails(body: Mapping[str, Any]) -> int:
    """How many people are written to because of this change. Source: page S1."""
    notified = body.get("previousAssigneeNotification") or {}
    return int(body.get("sendUpdateEmailToCurrentAssignee") is True) + int(notified.get("sendEmail") is True)


def full_name(person: Mapping[str, Any]) -> str:
    return " ".join(part for part in (person.get("firstName"), person.get("lastName")) if part)
