"""What every page of a technician stands in: language, whose it is, the switch of a demo, the last line.

`PageRoute` makes trouble a page in calm words instead of a document for programs.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from storage import owned
from storage.owned import Whose
from storage.queries import Reader
from sync import app as composition
from sync import events
from sync.entrypoints.api.answers import status_of
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed, explained
from sync.entrypoints.page.language import COOKIE, chosen
from sync.entrypoints.page.rendering import rendered
from sync.entrypoints.page.wording import Wording, wording
from sync.last_line import last_line
from sync.status import sign_in_needed
from sync.status_facts import Facts, look
from sync.visitor import Visitor

_LOG: Final = logging.getLogger(__name__)
# Of a form beyond its image; longer texts than the API takes are refused with words, beside their field.
TEXT_BYTES: Final = 256 * 1024
_YEAR_S: Final = 365 * 24 * 3600
_UNKNOWN: Final = object()


def words_for(request: Request) -> Wording:
    """The words of the language that this request is answered in."""
    asked, kept = request.query_params.get("lang"), request.cookies.get(COOKIE)
    return wording(chosen(asked, kept, request.headers.get("accept-language")))


def whose(visitor: Visitor) -> Whose:
    return Whose(visitor.owner, visitor.everyone)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    visitor: Visitor | None = None,
    last: Any = _UNKNOWN,
    here: str | None = None,
    **values: Any,
) -> Response:
    """One page. `last` is its last line, where the caller knows it already; None leaves it out.
    `here` is where the page can be asked for again, where that is another address.
    """
    desk: Desk = request.app.state.desk
    t = words_for(request)
    if last is _UNKNOWN:
        last = None if visitor is None else last_line_of(desk, visitor, t)
    text = rendered(
        request.app,
        template,
        t=t,
        here=here or request.url.path,
        switch=None if desk.switch is None else desk.switch.online(),
        owner_mark=owner_mark(visitor),
        last_line=last,
        **values,
    )
    answer = HTMLResponse(text, status)
    if request.query_params.get("lang") == t.language:
        answer.set_cookie(COOKIE, t.language, max_age=_YEAR_S, path="/", samesite="lax")
    return answer


def owner_mark(visitor: Visitor | None) -> str:
    """Tells one person's drafts from another's in a browser, without naming anybody."""
    if visitor is None:
        return ""
    name = "*" if visitor.everyone else visitor.owner or ""
    return hashlib.sha256(f"draft {name}".encode()).hexdigest()[:16]


def facts(desk: Desk) -> Facts:
    """Where everything stands."""
    return look(desk.database.folder, composition.credentials(desk.settings, desk.clock), desk.clock.now())


def must_sign_in(found: Facts, visitor: Visitor) -> bool:
    """Whether what this person has recorded waits for their sign-in."""
    if visitor.everyone:
        return sign_in_needed(found)
    return any(owner == (visitor.owner or "") for owner, _ in found.unsigned)


def kept(counts: dict[str, int]) -> int:
    """How many are not finished."""
    return sum(n for state, n in counts.items() if state not in ("done", "discarded"))


def last_line_of(desk: Desk, visitor: Visitor, t: Wording) -> str:
    """The last line of this visitor's pages."""
    found = facts(desk)
    with desk.database.read() as transaction:
        counts = owned.counts(Reader(transaction.cursor), whose(visitor))
    return last_line(kept(counts), must_sign_in(found, visitor), t.language)


class PageRoute(APIRoute):
    """A route whose failures are told to a person, and whose forms end: browsers always tell how long one is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                _check_length(request)
                return await answer(request)
            except HTTPException as error:
                failed = Failed(Exit.REFUSED, "not_found" if error.status_code == 404 else "refused", "")
                return _trouble(request, failed, error.status_code)
            except Exception as error:  # noqa: BLE001  what has no words here gets the general ones, and is logged
                known = explained(error)
                if known is None:
                    # Neither message nor traceback: both may quote what somebody typed.
                    events.log(_LOG, events.REQUEST_FAILED, level=logging.ERROR, error=type(error).__name__)
                    known = Failed(Exit.UNEXPECTED, "unexpected", "")
                return _trouble(request, known, status_of(known))

        return told


def _check_length(request: Request) -> None:
    """Raises: HTTPException: a form is larger than any can be, or does not say how large; nothing of it was read."""
    if request.method != "POST":
        return
    desk: Desk = request.app.state.desk
    # An image somewhat too large is refused with words beside its field.
    most = 4 * (desk.settings.capture.max_image_bytes + TEXT_BYTES)
    length = request.headers.get("content-length", "0")
    # Where both are given, the length is not what counts.
    if "transfer-encoding" in request.headers or not length.isdigit() or int(length) > most:
        raise HTTPException(413, "the form is too large")


_TROUBLES: Final = {
    Exit.NO_SUCH_ENTRY: "missing",
    Exit.TEMPORARY: "passing",
    Exit.BUSY: "passing",
    Exit.UNUSABLE: "unreadable",
}
_BY_STATUS: Final = {401: "stranger", 403: "forbidden", 404: "missing"}


def _trouble(request: Request, failed: Failed, status: int) -> Response:
    trouble = _TROUBLES.get(failed.exit_code) or _BY_STATUS.get(status, "other")
    return page(request, "technician/trouble.html", status=status, trouble=trouble)
