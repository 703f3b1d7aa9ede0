"""The page of one intervention: whose it is, where it stands, what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from storage import owned
from storage.listed import COMPANY, RULE, SITE
from storage.queries import Reader
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.page.cards import Card, card_of, person_in
from sync.entrypoints.page.filled import Form, Notice
from sync.entrypoints.page.frame import page, whose, words_for
from sync.entrypoints.page.moments import moment
from sync.entrypoints.page.naming import Names, names_in
from sync.entrypoints.page.wording import Wording
from sync.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


def found_entry(desk: Desk, visitor: Visitor, id: str) -> dict[str, Any]:
    """The entry with this full id, if it is any business of this visitor.

    Raises: HTTPException: there is none, or it is somebody else's; the two are not told apart.
    """
    try:
        full = str(UUID(id))
    except ValueError:
        raise HTTPException(404, "no such entry") from None
    with desk.database.read() as transaction:
        found = owned.one(Reader(transaction.cursor), whose(visitor), full)
    if found is None:
        raise HTTPException(404, "no such entry")
    return found


def entry_page(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    found: Mapping[str, Any],
    *,
    form: Form | None,
    fixed: str | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    """The page of one intervention. `form` is what corrects it; None where a technician cannot."""
    t = words_for(request)
    now = desk.clock.now()
    with desk.database.read() as transaction:
        names = names_in(Reader(transaction.cursor), [found["payload"]], t)
    return page(
        request,
        "technician/entry.html",
        status=status,
        visitor=visitor,
        here=f"/entries/{found['id']}",
        card=card_now(desk, found, t),
        facts=_facts(found, names, now, t),
        has_signature=found["has_signature"],
        form=form,
        fix_first=found["state"] != "pending" or bool(form and (form.problems or form.notice)),
        fixed=fixed,
        notice=notice,
    )


def card_now(desk: Desk, found: Mapping[str, Any], t: Wording) -> Card:
    """How this entry stands at this moment."""
    with desk.database.read() as transaction:
        reader = Reader(transaction.cursor)
        names = names_in(reader, [found["payload"]], t)
        control = reader.control()
    return card_of(found, control, names, desk.clock.now(), None, t)


def _facts(found: Mapping[str, Any], names: Names, now: datetime, t: Wording) -> list[Fact]:
    """What was recorded, in words; what was left empty is left out."""
    payload = found["payload"]
    provider = payload.get("provider") or {}
    start = payload.get("actualStart")
    lines = [
        (t("form.company_id"), ", ".join(names.all_of(COMPANY, payload))),
        (t("form.site_ids"), "\n".join(names.all_of(SITE, payload))),
        (t("form.rule_ids"), "\n".join(names.all_of(RULE, payload))),
        (t("form.actual_start"), _moment(start, now, t)),
        (t("form.action_comment"), str(provider.get("actionComment") or "")),
        (t("form.comment"), str(provider.get("comment") or "")),
        (t("form.who"), person_in(payload)),
        (t("form.email"), str(provider.get("email") or "")),
        (t("entry.recorded"), _moment(found["captured_at"], now, t)),
        (t("entry.gone"), _moment(found["done_at"], now, t)),
    ]
    return [Fact(name, value) for name, value in lines if value]


def _moment(instant: Any, now: datetime, t: Wording) -> str:
    if not isinstance(instant, str):
        return ""
    try:
        return moment(datetime.fromisoformat(instant.replace("Z", "+00:00")), now, None, t)
    except (ValueError, OverflowError):
        return instant
