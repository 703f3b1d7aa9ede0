"""The API's routes: headers and body held to the contract, answers in the documented shapes.

Source: pages S0-S4, the list and detail pages. Assumed, because the pages name no error: 401 for missing tokens,
415 for another content type, 400 with a list of flaws for a body against the contract, 404 for an unknown id, and
the gateway's 403 for a path it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from sync.sandbox import contract, rows, signing
from sync.sandbox.faults import Fault
from sync.sandbox.message import JSON, Answer, Head, json_answer
from sync.sandbox.objects import BUCKET
from sync.sandbox.state import Call, KeyReused, State

FAULT = "sandbox.fault"
PREFIX = "/interventions/v2"
_KEY_REUSED = "this Idempotency-Key was used for another body"


class Refused(Exception):
    """An answer that is not the documented success."""

    def __init__(self, status: int, message: str, flaws: list[contract.Flaw] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.flaws = status, message, flaws or []


def make_app(state: State, *, base_path: str, store_url: Callable[[], str], extra: APIRouter) -> FastAPI:
    """The API under `base_path`, and the control routes beside it. No documentation pages, no redirects."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    routes = Routes(state, store_url)
    router = APIRouter(prefix=base_path + PREFIX, redirect_slashes=False)
    router.add_api_route("/mb/preventive/unplanned", routes.create_unplanned, methods=["POST"])
    router.add_api_route("/mb/{row_id}/signature-url", routes.reissue, methods=["POST"])
    router.add_api_route("/mb/execute", routes.execute, methods=["PATCH"])
    router.add_api_route("/rs/curative", routes.create_curative, methods=["POST"])
    router.add_api_route("/rs/preventive/{row_id}", routes.update_preventive, methods=["PATCH"])
    router.add_api_route("/rs/training-exercise/{row_id}", routes.update_training, methods=["PATCH"])
    router.add_api_route("/rs/{row_id}/verify", routes.verify, methods=["PATCH"])
    router.add_api_route("/rs", routes.list_rows, methods=["GET"])
    router.add_api_route("/rs/{row_id}", routes.detail, methods=["GET"])
    app.include_router(router)
    app.include_router(extra)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _unknown_route)
    return app


class Routes:
    def __init__(self, state: State, store_url: Callable[[], str]) -> None:
        self._state, self._store_url = state, store_url

    async def create_unplanned(self, request: Request) -> Response:
        call = await self._call(request, "unplanned", contract.UNPLANNED)
        row = self._create(call)
        mime_type = call.body["signature"]["mimeType"]
        answer = {"data": row, **self._upload(row["imgSignature"], mime_type, _fault(request))}
        return _json(201, answer)

    async def reissue(self, request: Request, row_id: str) -> Response:
        # An invention of ours, off unless asked for: the API as documented gives a URL once and never again.
        if not self._state.options.reissue_urls:
            raise HTTPException(404)
        self._admit(request)
        image_key = self._state.image_key(_id(row_id))
        if image_key is None:
            raise Refused(404, f"intervention {row_id} has no signature")
        mime_type = "image/png" if image_key.endswith(".png") else "image/jpeg"
        return _json(200, self._upload(image_key, mime_type, _fault(request)))

    async def create_curative(self, request: Request) -> Response:
        call = await self._call(request, "curative", contract.CURATIVE)
        return _json(201, {"data": self._create(call)})

    async def execute(self, request: Request) -> Response:
        call = await self._call(request, "execute", contract.EXECUTE)
        # No id in path or body: the session is said to know which intervention it is about.
        row_id = self._state.open_row()
        row = None if row_id is None else self._edit(call, row_id)
        if row is None:
            raise Refused(404, "no intervention is open for this session")
        mime_type = call.body["signature"]["mimeType"]
        return _json(200, self._upload(row["imgSignature"], mime_type, _fault(request)))

    async def update_preventive(self, request: Request, row_id: str) -> Response:
        return await self._change(request, "preventive", contract.PREVENTIVE_UPDATE, row_id)

    async def update_training(self, request: Request, row_id: str) -> Response:
        return await self._change(request, "training", contract.TRAINING_UPDATE, row_id)

    async def verify(self, request: Request, row_id: str) -> Response:
        return await self._change(request, "verify", contract.VERIFY, row_id)

    async def list_rows(self, request: Request) -> Response:
        self._admit(request)
        page, page_size = _number(request, "page", 1), _number(request, "pageSize", 50)
        page_size = min(page_size, self._state.options.max_page_size)
        found = self._state.listed()
        answer: dict[str, Any] = {
            "data": found[(page - 1) * page_size : page * page_size],
            "pagination": {"page": page, "pageSize": page_size},
        }
        if request.query_params.get("includeCount") == "true":
            answer["totalCount"] = len(found)
        return _json(200, answer)

    async def detail(self, request: Request, row_id: str) -> Response:
        self._admit(request)
        found = self._state.detail(_id(row_id))
        if found is None:
            raise Refused(404, f"intervention {row_id} was not found")
        return _json(200, {"data": found})

    async def _change(self, request: Request, route: str, shape: contract.Shape, row_id: str) -> Response:
        call = await self._call(request, route, shape)
        row = self._edit(call, _id(row_id))
        if row is None:
            raise Refused(404, f"intervention {row_id} was not found")
        return _json(200, {"data": row})

    async def _call(self, request: Request, route: str, shape: contract.Shape) -> Call:
        """The request, held to the contract. Raises Refused."""
        self._admit(request)
        if request.headers.get("content-type") != JSON:
            raise Refused(415, f'Content type must be "{JSON}"')
        raw = await request.body()
        try:
            body = contract.decode(raw)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        flaws = contract.check(shape, body)
        if flaws:
            raise Refused(400, f"{flaws[0].path} {flaws[0].message}", flaws)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        return Call(route, body, raw, headers)

    def _admit(self, request: Request) -> None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        session = request.headers.get("x-session-token", "")
        if scheme.lower() != "bearer" or not bearer.strip():
            raise Refused(401, "Unauthorized")
        if not session.strip():
            raise Refused(401, "The session token is missing")
        tokens = self._state.tokens
        if self._state.options.strict_tokens and (bearer, session) != (tokens.bearer, tokens.session):
            raise Refused(401, "The incoming token has expired")

    def _create(self, call: Call) -> rows.Row:
        try:
            return self._state.create(call)[0]
        except KeyReused:
            raise Refused(422, _KEY_REUSED) from None

    def _edit(self, call: Call, row_id: int) -> rows.Row | None:
        try:
            return self._state.change(call, row_id)
        except KeyReused:
            raise Refused(422, _KEY_REUSED) from None

    def _upload(self, image_key: str, mime_type: str, fault: Fault | None) -> dict[str, str]:
        """The answer's `presignedUrl`, or nothing where a fault takes it away."""
        options, kind = self._state.options, fault.url if fault and fault.do == "url" else ""
        base = "http://storage.invalid" if kind == "foreign" else self._store_url()
        plain = f"{base}/{BUCKET}/{image_key}"
        if kind in {"missing", "unsigned"}:
            return {"presignedUrl": plain} if kind == "unsigned" else {}
        lifetime_s = options.url_lifetime_s
        now = self._state.now()
        url = signing.presign(
            self._state.signing_key,
            plain,
            method="GET" if kind == "get" else "PUT",
            now=now - timedelta(seconds=lifetime_s + 60) if kind == "expired" else now,
            lifetime_s=lifetime_s,
            headers={"content-type": mime_type} if options.sign_content_type else None,
        )
        return {"presignedUrl": url}


class ApiServer:
    """The FastAPI application, called with a complete request."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def refusal(self, _head: Head) -> Answer | None:
        return None

    async def answer(self, head: Head, body: bytes, fault: Fault | None) -> Answer:
        path, _, query = head.target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": head.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.headers],
            FAULT: fault,
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]
        )
        return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]))


def _id(text: str) -> int:
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 17:
        raise Refused(400, "interventionId must be an integer")
    return int(text)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text[:17]) < 1:
        raise Refused(400, f"{name} must be an integer of 1 or more")
    return int(text[:17])


def _fault(request: Request) -> Fault | None:
    found: Fault | None = request.scope.get(FAULT)
    return found


def _json(status: int, value: Any) -> Response:
    answer = json_answer(status, value)
    return Response(answer.body, status, dict(answer.headers))


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    flaws = [{"path": flaw.path, "message": flaw.message} for flaw in error.flaws]
    return _json(error.status, {"message": error.message} | ({"errors": flaws} if flaws else {}))


async def _unknown_route(_request: Request, _error: Exception) -> Response:
    # The gateway in front of the real API has one answer for every path and method it does not know.
    return _json(403, {"message": "Missing Authentication Token"})
