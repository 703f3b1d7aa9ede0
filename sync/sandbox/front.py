"""Between the socket and the two servers: reads each request whole, logs it, and lets the faults happen.

The servers behind it only ever see complete requests and give complete answers; every way of breaking an
exchange is here. A client that goes away does not stop its request: as behind a real gateway, it is carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import Any, Protocol

from sync.sandbox import rows
from sync.sandbox.faultbook import FaultBook, routes_of
from sync.sandbox.faults import Fault
from sync.sandbox.journal import REISSUE, public_headers
from sync.sandbox.message import Answer, Head, json_answer
from sync.sandbox.state import State
from sync.sandbox.store import error_answer
from sync.sandbox.wire import WIRE, Wire

CONTROL = "/_sandbox/"
BODY_LIMIT = 32 * 1024 * 1024
_HTML = b"<!doctype html><html><head><title>%s</title></head><body><p>%s</p></body></html>"

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class Server(Protocol):
    def refusal(self, head: Head, /) -> Answer | None: ...
    async def answer(self, head: Head, body: bytes, fault: Fault | None, /) -> Answer: ...


class Front:
    """The ASGI application of one port."""

    def __init__(
        self, name: str, server: Server, state: State, faults: FaultBook, control: App | None
    ) -> None:
        self.name, self.server, self.state, self.faults = name, server, state, faults
        self._control = control

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self._control and scope["path"].startswith(CONTROL):
            await self._control(scope, receive, send)
            return
        # A task that is cancelled when the sandbox stops has nobody left to answer.
        with contextlib.suppress(asyncio.CancelledError):
            await Exchange(self, scope, receive, send).run()


class Exchange:
    """One request and what becomes of it."""

    def __init__(self, front: Front, scope: Any, receive: Receive, send: Send) -> None:
        self._server, self._state, self._faults = front.server, front.state, front.faults
        name = front.name
        self._receive, self._send = receive, send
        self._wire: Wire = scope[WIRE]
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        headers = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"])
        self._head = Head(name, scope["method"], target, headers)
        self._routes = routes_of(name, self._head.method, self._head.path)
        self._entry: dict[str, Any] = {}

    async def run(self) -> None:
        head = self._head
        waits = head.header("expect") == "100-continue"
        delays = self._faults.delays(self._routes, head.target)
        early = self._faults.on_head(self._routes, head.target)
        self._log(early)
        if waits or early:
            # The interim 100 goes out with the first read, so it is a round trip of its own.
            await self._pause(delays, after=False)
        if early:
            await self._wire.end(early.how)
            return
        if waits and (refused := self._server.refusal(head)):
            await self._reply(refused.with_header("connection", "close"))
            return
        body = await self._read()
        if body is None:
            return
        await self._pause(delays, after=False)
        fault = self._faults.on_request(self._routes, head.target, _json_value(body))
        self._entry["fault"] = fault.do if fault else None
        if fault and fault.do in {"answer", "drop", "hang", "garbage"} and not fault.after:
            await self._break(fault, Answer(500))
            return
        answer = await self._server.answer(head, body, fault)
        await self._pause(delays, after=True)
        await (self._break(fault, answer) if fault else self._reply(answer))

    def _log(self, fault: Fault | None) -> None:
        self._entry = self._state.journal.add(
            {
                "at": rows.iso(self._state.now()),
                "server": self._head.server,
                "connection": self._wire.number,
                "method": self._head.method,
                "target": self._head.target,
                "headers": public_headers(self._head.headers),
                "complete": False,
                "body_size": 0,
                "body_sha256": "",
                "status": None,
                "fault": fault.do if fault else None,
            }
        )

    async def _read(self) -> bytes | None:
        """The whole body; None when the client left, or sent more than anything here takes."""
        body = bytearray()
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_LIMIT:
                await self._wire.end("reset")
                return None
        digest = hashlib.sha256(body).hexdigest()
        self._entry |= {"complete": True, "body_size": len(body), "body_sha256": digest}
        key = self._head.header("idempotency-key") or ""
        counted = REISSUE if REISSUE in self._routes else self._head.method
        self._state.journal.count_request(counted, key=key, body_sha256=digest)
        return bytes(body)

    async def _pause(self, delays: list[Fault], *, after: bool) -> None:
        for fault in delays:
            if fault.after is after:
                await asyncio.sleep(fault.seconds)

    async def _break(self, fault: Fault, answer: Answer) -> None:
        if fault.do == "drop":
            await self._wire.end(fault.how)
        elif fault.do == "hang":
            await self._wire.closed.wait()
        elif fault.do == "garbage":
            self._wire.write(b"\x00\x01 this is no status line\r\n\r\n")
            await self._wire.end("close")
        elif fault.do == "truncate":
            keep = (
                len(answer.body) // 2 if fault.keep is None else min(fault.keep, max(0, len(answer.body) - 1))
            )
            await self._begin(answer)
            await self._send({"type": "http.response.body", "body": answer.body[:keep], "more_body": True})
            await self._wire.end(fault.how)
        elif fault.do == "drip":
            await self._begin(answer)
            for start in range(0, len(answer.body), fault.piece):
                piece = answer.body[start : start + fault.piece]
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(fault.seconds)
            await self._send({"type": "http.response.body", "body": b""})
        else:
            await self._reply(made_up(fault) if fault.do == "answer" else answer)

    async def _reply(self, answer: Answer) -> None:
        await self._begin(answer)
        await self._send({"type": "http.response.body", "body": answer.body})

    async def _begin(self, answer: Answer) -> None:
        self._entry["status"] = answer.status
        request_id = f"sandbox-{self._entry['n']}"
        named = "x-amzn-requestid" if self._head.server == "api" else "x-amz-request-id"
        answer = answer.with_header("date", format_datetime(self._state.now(), usegmt=True))
        answer = answer.with_header(named, request_id)
        answer = answer.with_header("content-length", str(len(answer.body)))
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})


def made_up(fault: Fault) -> Answer:
    """The answer an `answer` fault asks for."""
    message = fault.message or f"answered {fault.status} on request"
    if fault.body == "json":
        answer = json_answer(fault.status, {"message": message})
    elif fault.body == "html":
        page = _HTML % (b"Sign in", message.encode())
        answer = Answer(fault.status, (("content-type", "text/html; charset=utf-8"),), page)
    elif fault.body == "xml":
        answer = error_answer(fault.status, fault.code, message)
    elif fault.body == "empty":
        answer = Answer(fault.status)
    else:
        answer = json_answer(fault.status, fault.body)
    for name, value in fault.headers.items():
        answer = answer.with_header(name, value)
    return answer


def _json_value(body: bytes) -> Any:
    try:
        return json.loads(body) if body[:1] in b"{[" else None
    except ValueError:
        return None
