"""What every ops page stands in: who may see and order, in which language the explanations are, how trouble is told.

Ops see the entries of everybody; a visitor who sees only their own has no business here, whatever else they may.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.visiting import may
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.entrypoints.page import ops_flash
from sync.entrypoints.page.frame import page, words_for
from sync.entrypoints.page.moments import moment
from sync.entrypoints.page.ops_flash import Did
from sync.entrypoints.page.wording import Wording
from sync.explain import LANGUAGES
from sync.visitor import Scope, Visitor

TheDesk = Annotated[Desk, Depends(the_desk)]


def _of_everybody(visitor: Visitor) -> Visitor:
    if not visitor.everyone:
        message = "this page shows the entries of all owners; this visitor sees only their own"
        raise Failed(Exit.REFUSED, "forbidden", message, next_command="fieldsync open --ops")
    return visitor


def seeing(visitor: Annotated[Visitor, Depends(may(Scope.READ))]) -> Visitor:
    """Who may look. Raises: Failed."""
    return _of_everybody(visitor)


def ordering(visitor: Annotated[Visitor, Depends(may(Scope.CONTROL))]) -> Visitor:
    """Who may order. Raises: Failed."""
    return _of_everybody(visitor)


Sees = Annotated[Visitor, Depends(seeing)]
Orders = Annotated[Visitor, Depends(ordering)]


class Told:
    """How one answer speaks: its words, its present moment, and the language of explanations."""

    def __init__(self, request: Request, desk: Desk) -> None:
        self.t: Final[Wording] = words_for(request)
        self.now: Final = desk.clock.now()
        self.explained_in: Final = self.t.language if self.t.language in LANGUAGES else "en"

    def at(self, instant: str | datetime | None) -> str:
        """An instant by this machine's calendar; empty for none."""
        if instant is None:
            return ""
        given = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        return moment(given, self.now, None, self.t)

    def kind(self, kind: str) -> str:
        return self.t(f"kind.{kind}") if self.t.has(f"kind.{kind}") else kind

    def state(self, state: str) -> str:
        return self.t(f"ops.state.{state}") if self.t.has(f"ops.state.{state}") else state


def ops_page(
    request: Request,
    visitor: Visitor,
    template: str,
    *,
    status: int = 200,
    did: str | None = None,
    **values: Any,
) -> Response:
    """One page of ops; `did` is the code of what the last order did."""
    told: Told = values["told"]
    return page(
        request,
        template,
        status=status,
        visitor=visitor,
        last=None,
        flash=ops_flash.told(ops_flash.read(did), told.t),
        can_order=visitor.may(Scope.CONTROL),
        **values,
    )


def see_other(path: str, did: Did | None = None) -> Response:
    """Where the browser goes after an order: reloading that page orders nothing."""
    joint = "&" if "?" in path else "?"
    return RedirectResponse(path if did is None else f"{path}{joint}did={did.code}", status_code=303)
