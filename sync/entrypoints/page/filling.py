"""Forms with what can be chosen from, and the one that corrects what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from storage import owned
from storage.queries import Reader
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.page.choices import TYPE_OF, choices, typed_beside
from sync.entrypoints.page.filled import Form, Wrong
from sync.entrypoints.page.form import typed_of
from sync.entrypoints.page.naming import types_listed
from sync.entrypoints.page.standing import can_be_changed, disliked
from sync.entrypoints.page.wording import Wording
from sync.visitor import Scope, Visitor


def fix_form(desk: Desk, visitor: Visitor, found: Mapping[str, Any], t: Wording) -> Form | None:
    """The form that corrects this entry, with what the server did not like; None where a technician cannot."""
    if not can_be_changed(found) or not visitor.may(Scope.CAPTURE):
        return None
    named: frozenset[str] = frozenset()
    if found["state"] == "dead":
        with desk.database.read() as transaction:
            named = disliked(owned.last_refusal(Reader(transaction.cursor), found["seq"]))
    form = offered(desk, Form(typed_of(found["id"], found["payload"], None), signs=False))
    return replace(form, disliked=tuple(Wrong(name, t("fix.disliked")) for name in sorted(named)))


def offered(desk: Desk, form: Form) -> Form:
    """The form with what can be chosen from, as far as there is a list."""
    typed = form.typed
    chosen = {"company_id": typed.company_id, "site_ids": typed.site_ids, "rule_ids": typed.rule_ids}
    with desk.database.read() as transaction:
        reader = Reader(transaction.cursor)
        types = types_listed(reader)
        names = [name for name, type in TYPE_OF.items() if type in types]
        company = typed.company_id[0] if typed.company_id else None
        lists = {
            name: choices(reader, name, sought=form.sought(name), chosen=chosen[name], company=company)
            for name in names
        }
        free = {
            name: ", ".join(typed_beside(reader, name, ids) if name in names else ids)
            for name, ids in chosen.items()
        }
    return replace(form, offered=lists, typed_free=free)
