"""The stand-in's own HTTP interface under `/_sandbox/`: look inside, make things go wrong, start over.

For other processes; code in the same process uses `Sandbox` itself. JSON in and out, 400 with a message for input
that makes no sense. It is served on the API's port, and on a port of its own that stays up while the API is offline.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from sync.sandbox.faultbook import FaultBook
from sync.sandbox.faults import Fault
from sync.sandbox.state import State

SERVERS = ("api", "store")


class Switches(Protocol):
    """What only the process that owns the ports can do."""

    def describe(self) -> dict[str, Any]: ...
    def is_online(self, which: str) -> bool: ...
    def switch_soon(self, which: str, *, online: bool, for_s: float | None = None) -> None: ...


def make_control(state: State, faults: FaultBook, switches: Switches) -> APIRouter:
    control = Control(state, faults, switches)
    router = APIRouter(prefix="/_sandbox", redirect_slashes=False)
    router.add_api_route("/state", control.look, methods=["GET"])
    router.add_api_route("/records", control.records, methods=["GET"])
    router.add_api_route("/edits", control.edits, methods=["GET"])
    router.add_api_route("/objects", control.objects, methods=["GET"])
    router.add_api_route("/requests", control.requests, methods=["GET"])
    router.add_api_route("/faults", control.add_fault, methods=["POST"])
    router.add_api_route("/faults", control.clear_faults, methods=["DELETE"])
    router.add_api_route("/faults/{number}", control.remove_fault, methods=["DELETE"])
    router.add_api_route("/options", control.set_options, methods=["PATCH"])
    router.add_api_route("/offline", control.offline, methods=["POST"])
    router.add_api_route("/online", control.online, methods=["POST"])
    router.add_api_route("/rows", control.add_row, methods=["POST"])
    router.add_api_route("/rows/{row_id}", control.change_row, methods=["PATCH"])
    router.add_api_route("/tokens", control.rotate_tokens, methods=["POST"])
    router.add_api_route("/reset", control.reset, methods=["POST"])
    return router


def make_control_app(router: APIRouter) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(router)
    return app


class Control:
    def __init__(self, state: State, faults: FaultBook, switches: Switches) -> None:
        self._state, self._faults, self._switches = state, faults, switches

    async def look(self) -> JSONResponse:
        online = {which: self._switches.is_online(which) for which in SERVERS}
        facts = {
            **self._switches.describe(),
            "online": online,
            "now": self._state.now().isoformat(),
            "counters": self._state.journal.counters(),
            "options": asdict(self._state.options),
            "faults": self._faults.active(),
        }
        return JSONResponse(facts)

    async def records(self) -> JSONResponse:
        return JSONResponse({"records": self._state.records()})

    async def edits(self) -> JSONResponse:
        return JSONResponse({"edits": self._state.edits()})

    async def objects(self) -> JSONResponse:
        return JSONResponse({"objects": self._state.objects.facts()})

    async def requests(self, request: Request) -> JSONResponse:
        after = request.query_params.get("after", "0")
        server = request.query_params.get("server")
        number = int(after) if after.isdigit() else 0
        return JSONResponse({"requests": self._state.journal.requests(after=number, server=server)})

    async def add_fault(self, request: Request) -> JSONResponse:
        try:
            return JSONResponse({"id": self._faults.add(Fault.from_json(await _object(request)))}, 201)
        except ValueError as wrong:
            return _bad(wrong)

    async def clear_faults(self) -> JSONResponse:
        self._faults.clear()
        return JSONResponse({})

    async def remove_fault(self, number: str) -> JSONResponse:
        found = number.isdigit() and self._faults.remove(int(number))
        return JSONResponse({} if found else {"message": "no such fault"}, 200 if found else 404)

    async def set_options(self, request: Request) -> JSONResponse:
        try:
            return JSONResponse(asdict(self._state.set_options(await _object(request))))
        except ValueError as wrong:
            return _bad(wrong)

    async def offline(self, request: Request) -> JSONResponse:
        return await self._switch(request, online=False)

    async def online(self, request: Request) -> JSONResponse:
        return await self._switch(request, online=True)

    async def _switch(self, request: Request, *, online: bool) -> JSONResponse:
        """`{"which": "api"|"store", "for_s": 5}`; without `which` both, without `for_s` until switched back."""
        try:
            body = await _object(request)
            chosen = [body["which"]] if "which" in body else list(SERVERS)
            if not set(chosen) <= set(SERVERS):
                raise ValueError(f"which must be one of {', '.join(SERVERS)}")
            for_s = None if body.get("for_s") is None else float(body["for_s"])
        except (TypeError, ValueError) as wrong:
            return _bad(wrong)
        for which in chosen:
            self._switches.switch_soon(which, online=online, for_s=None if online else for_s)
        return JSONResponse(dict.fromkeys(chosen, online), 202)

    async def add_row(self, request: Request) -> JSONResponse:
        try:
            return JSONResponse({"id": self._state.add_row(await _object(request))}, 201)
        except (TypeError, ValueError) as wrong:
            return _bad(wrong)

    async def change_row(self, row_id: str, request: Request) -> JSONResponse:
        try:
            found = self._state.change_row(int(row_id), await _object(request))
        except (TypeError, ValueError) as wrong:
            return _bad(wrong)
        return JSONResponse({} if found else {"message": "no such intervention"}, 200 if found else 404)

    async def rotate_tokens(self) -> JSONResponse:
        tokens = self._state.rotate_tokens()
        return JSONResponse({"token": tokens.bearer, "session_token": tokens.session})

    async def reset(self) -> JSONResponse:
        self._state.reset()
        self._faults.clear()
        return JSONResponse({})


async def _object(request: Request) -> dict[str, Any]:
    """The body; an empty one is an empty object. Raises ValueError."""
    raw = await request.body()
    value = json.loads(raw) if raw else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def _bad(wrong: Exception) -> JSONResponse:
    return JSONResponse({"message": str(wrong)}, 400)
