"""Stands before every route: refuses what comes from elsewhere, finds out who asks, puts the safe headers on answers.

What is refused is decided in `refusing.py`, who somebody is in `sync/local_access.py`. Everything is closed to who is
not known, except what is named here; what a known visitor may do stands at each route (`visiting.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync import events
from sync.entrypoints.api.answers import answer_of, answer_to
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.refusing import METHODS, SAFE, Headers, refuse
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.local_access import LocalAccess, Session
from sync.visitor import Visitor

# Open to who is not known: they tell nothing that is anybody's business.
OPEN: Final = frozenset(
    {"/healthz", "/readyz", "/openapi.json", "/docs", "/leave", "/favicon.ico", "/manifest.webmanifest"}
    | {"/service-worker.js", "/offline"}
)
OPEN_BELOW: Final = ("/open/", "/static/")

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with it browsers say `Origin: null` when our own forms are sent.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_COOKIES_LOOKED_AT: Final = 4
_LOG: Final = logging.getLogger(__name__)

Stranger = Callable[[Request], Response]


class Guard:
    """The middleware. `stranger` answers a person who is not known and asked for a page."""

    def __init__(self, app: ASGIApp, *, desk: Desk, stranger: Stranger) -> None:
        self._app = app
        self._desk = desk
        self._stranger = stranger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _Exchange(scope, send).run(self._answering(scope), receive)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _answering(self, scope: Scope) -> ASGIApp:
        """What answers this request: the application, or a refusal."""
        headers: Headers = scope["headers"]
        target = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        refusal = refuse(scope["method"], target, headers, self._desk.allowed)
        if refusal is not None:
            answer = answer_of(Failed(Exit.REFUSED, refusal.code, refusal.message))
            if answer.status_code == 405:
                answer.headers["allow"] = ", ".join(sorted(METHODS))
            return answer
        path: str = scope["path"]
        if path not in OPEN and not path.startswith(OPEN_BELOW):
            visitor = self._known(headers)
            if visitor is None:
                return self._unknown(scope)
            scope.setdefault("state", {})["visitor"] = visitor
        return self._app

    def _known(self, headers: Headers) -> Visitor | None:
        given = [value.decode("latin-1") for name, value in headers if name == b"authorization"]
        if given:
            # Whoever brings a token means it: a cookie beside it does not make up for a wrong one.
            kind, _, token = given[0].partition(" ")
            known = len(given) == 1 and kind.lower() == "bearer"
            return self._desk.access.visitor_of_token(token.strip()) if known else None
        sessions = sessions_in(headers, self._desk.access)
        return sessions[0].visitor if sessions else None

    def _unknown(self, scope: Scope) -> ASGIApp:
        request = Request(scope)
        wants_page = "text/html" in request.headers.get("accept", "")
        if wants_page and not request.url.path.startswith(("/v1/", "/metrics")):
            return self._stranger(request)
        failed = Failed(
            Exit.SIGN_IN, "unauthorized", "a valid token is needed: Authorization: Bearer TOKEN",
            next_command="fieldsync open --token --scope read",
        )  # fmt: skip
        answer = answer_of(failed)
        answer.headers["www-authenticate"] = "Bearer"
        return answer


class _Exchange:
    """One request: its answer gets the safe headers, its end is logged without anything that was sent."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._status: int | None = None
        self._began_s = time.monotonic()

    async def run(self, answering: ASGIApp, receive: Receive) -> None:
        try:
            try:
                await answering(self._scope, receive, self._told)
            except Exception as error:  # noqa: BLE001  here it is told; further out it would be printed raw
                answer = answer_to(error)
                if self._status is None:
                    await answer(self._scope, receive, self._told)
        finally:
            self._log()

    async def _told(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(_ALWAYS)
            headers.setdefault("cache-control", "no-store")
        await self._send(message)

    def _log(self) -> None:
        method = self._scope["method"]
        quiet = method in SAFE and (self._status or 0) not in (400, 401, 403, 421)
        events.log(
            _LOG, events.REQUEST_ENDED, level=logging.DEBUG if quiet else logging.INFO,
            method=method if method in METHODS else "other", route=_template(self._scope), status=self._status,
            duration_ms=round((time.monotonic() - self._began_s) * 1000),
        )  # fmt: skip


def _template(scope: Scope) -> str | None:
    """Such as /v1/entries/{id}: what stands in the place of a name may be a code, an id or anything else."""
    path: str | None = getattr(scope.get("route"), "path", None)
    if path is None:
        return None
    # A route knows nothing of the router that it hangs in.
    return f"/v1{path}" if scope["path"].startswith("/v1/") and not path.startswith("/v1/") else path


def sessions_in(headers: Headers, access: LocalAccess) -> list[Session]:
    """The sessions that the cookies of a request stand for. Another page of this machine may have set one of the same
    name beside ours: what is not ours must not shut us out."""
    found = []
    for key, value in headers:
        if key == b"cookie":
            pairs = (pair.strip().partition("=") for pair in value.decode("latin-1").split(";"))
            found += [held for called, _, held in pairs if called == access.cookie_name]
    sessions = (access.session(each) for each in found[:_COOKIES_LOOKED_AT])
    return [session for session in sessions if session is not None]
