"""The description of the local API: what each route takes and answers, with examples, errors and the scope it needs.

Routes say what they are for in their first lines; here is added what FastAPI cannot see, because bodies are read
strictly by our own reader. A copy is docs/openapi.json, made by `python -m sync.entrypoints.api.app`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from sync.entrypoints.api.asking import Asked
from sync.entrypoints.api.capturing import Capture
from sync.entrypoints.api.importing import CSV, JSON_LINES
from sync.entrypoints.api.receiving import JSON, MULTIPART
from sync.entrypoints.api.repairing import Discard, Edit, Resync, Settle
from sync.entrypoints.api.shapes import EXAMPLES, ID, SCHEMAS, TEXT, Schema, each, obj, ref
from sync.entrypoints.api.steering import Pause, Resume, Sync
from sync.entrypoints.api.visiting import NEEDED
from sync.version import VERSION

_FILE: Final[Schema] = {"type": "string", "format": "binary"}
_BODY: Final = {
    "companyId": 1, "siteIds": [1, 2], "ruleIds": [1], "provider": {"firstName": "Zoé"},
    "actualStart": "2024-12-01T12:34:56.000Z",
}  # fmt: skip
# A white pixel: the smallest image that is one.
_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
_LIST: Final = "type,id,name,company_id\r\ncompany,1,Aqua,\r\nsite,5,North,1\r\nrule,9,Hydrant,\r\n"
_ROWS: Final = (
    '{"kind": "curative", "data": {"scheduledStart": "2026-03-02T12:00:00Z", '
    '"scheduledEnd": "2026-03-02T13:00:00Z", "anomalyIds": [1], "creationStatus": 0}}\n'
)
_LOGIN: Final = {"accessToken": "ACCESS-TOKEN", "sessionToken": "SESSION-TOKEN", "owner": "ann"}
_SENTENCES: Final = {
    400: "Not even looked at: the path hides something",
    401: "Nobody was let in",
    403: "Let in, but not for this; or the request comes from a page of another origin",
    404: "There is no such entry, or it is somebody else's",
    409: "Not as things stand: the id belongs to another capture, the state does not allow it, or the end of an id "
    "is not unique",
    413: "The body is too large",
    415: "The body is of another type or in another character set",
    421: "The request names another host",
    422: "The input is refused; `problems` has every mistake",
    500: "Something unexpected went wrong",
    503: "Not now: try again, where `retryable` says so; else the database cannot be used",
    507: "Not stored: the disk is full or read-only; the input is fine",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What FastAPI does not know of one route. `answers`: names of schemas by status; `takes`: a body by its type."""

    answers: dict[int, tuple[str, ...]]
    errors: tuple[int, ...] = ()
    takes: dict[str, tuple[Schema, Any]] = field(default_factory=dict)
    optional: bool = False


def _asks(model: type[Asked], example: dict[str, Any]) -> dict[str, tuple[Schema, Any]]:
    return {JSON: (model.model_json_schema(), example)}


_WRITES: Final = (404, 409, 413, 415, 507)
TOLD: Final[dict[str, Told]] = {
    "capture": Told(
        {201: ("Captured",), 200: ("Captured",)},
        _WRITES,
        {
            JSON: (
                Capture.model_json_schema(),
                {"kind": "unplanned-preventive", "data": _BODY, "id": ID, "signature": _PIXEL},
            ),
            MULTIPART: (
                {"type": "object", "required": ["entry"], "properties": {"entry": TEXT, "signature": _FILE}},
                None,
            ),
        },
    ),
    "status": Told({200: ("Status",)}),
    "entries": Told({200: ("Page",)}, (404, 409)),
    "entry": Told({200: ("Story",)}, (404, 409)),
    "signature": Told({200: ()}, (404, 409)),
    "causes": Told({200: ("Causes",)}),
    "receipts": Told({200: ("Receipts",)}),
    "history": Told({200: ("History",)}),
    "listen": Told({200: ()}),
    "resync": Told({200: ("Resynced",)}, _WRITES, _asks(Resync, {"ids": [ID]})),
    "edit": Told(
        {200: ("Edited", "Assigned")}, _WRITES, _asks(Edit, {"set": {"siteIds[0]": 5}, "unset": ["actualStart"]})
    ),
    "settle": Told({200: ("Settled",)}, _WRITES, _asks(Settle, {"choice": "arrived", "server_id": 4242})),
    "discard": Told({200: ("Settled",)}, _WRITES, _asks(Discard, {"reason": "recorded twice"})),
    "pause": Told({200: ("Held",)}, (413, 415, 507), _asks(Pause, {"reason": "audit"}), optional=True),
    "resume": Told({200: ("Held",)}, (413, 415, 507), _asks(Resume, {}), optional=True),
    "sync": Told({200: ("Asked",)}, (413, 415, 507), _asks(Sync, {"force": False}), optional=True),
    "import_rows": Told(
        {200: ("Imported",)},
        (413, 415, 507),
        {
            **dict.fromkeys(JSON_LINES, (TEXT, _ROWS)),
            CSV: (TEXT, "companyId,siteIds,ruleIds,signature\r\n1,5,9,17.png\r\n"),
            MULTIPART: (
                {"type": "object", "required": ["file"], "properties": {"file": _FILE, "images": each(_FILE)}},
                None,
            ),
        },
    ),
    "reference_list": Told({200: ("ReferenceList",)}),
    "replace_reference_list": Told({200: ("Replaced",)}, (413, 415, 507), {CSV: (TEXT, _LIST)}),
    "sign_in": Told(
        {204: ()},
        (413, 415, 507),
        {
            JSON: (
                {
                    "type": "object",
                    "properties": {
                        "accessToken": TEXT, "sessionToken": TEXT, "owner": {"type": ["string", "null"]},
                        "data": obj(accessToken=TEXT, sessionToken=TEXT),
                    },
                },
                _LOGIN,
            )
        },
    ),
    "healthz": Told({200: ("Alive",)}),
    "readyz": Told({200: ("Ready",)}),
    "metrics": Told({200: ()}),
}  # fmt: skip

_TAGS: Final = {
    "capture": "Interventions in, one or many; durable when answered",
    "see": "Where everything stands",
    "repair": "What a person does about single entries",
    "steer": "Orders for the whole queue",
    "sign-in": "Tokens in, and never out",
    "reference list": "What companies, sites and rules are called",
    "events": "Every change as it happens",
    "health": "For supervisors",
}


def described(app: FastAPI, routers: tuple[APIRouter, ...]) -> dict[str, Any]:
    """The OpenAPI document of these routers."""
    document = get_openapi(
        title=app.title,
        version=VERSION,
        openapi_version="3.1.0",
        description=(__doc__ or "").splitlines()[0],
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
    )
    document["info"]["description"] = (
        "What the `fieldsync` command does, over HTTP and on this machine. Documents, errors and codes are those of "
        "the command with `--json`; docs/programs.md explains them. Everything but the health routes and this "
        "description needs a bearer token (`fieldsync open --token`, or the file web/token), or the page's cookie."
    )
    # What FastAPI found itself: words that a parameter can be. Errors of its own are never answered.
    found = document["components"]["schemas"]
    own = {name: schema for name, schema in found.items() if "enum" in schema}
    document["components"] = {
        "schemas": own | SCHEMAS,
        "responses": {str(status): _error(status) for status in _SENTENCES},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "From `fieldsync open --token`."},
            "cookie": {
                "type": "apiKey", "in": "cookie", "name": "fieldsync",
                "description": "Of the page, from `fieldsync open`; its name ends in 8 characters of the device.",
            },
        },
    }  # fmt: skip
    scopes = {
        route.name: needed(route)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
    }
    for operation in operations(document):
        _complete(operation, scopes[operation["operationId"]])
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def needed(route: APIRoute) -> tuple[str, ...]:
    """The scopes of which one lets in; none: the route is open."""
    return tuple(scope.value for scope in _scopes(route.dependant))


def _scopes(dependant: Any) -> tuple[Any, ...]:
    for inner in dependant.dependencies:
        if found := NEEDED.get(inner.call) or _scopes(inner):
            return found
    return ()


def _complete(operation: dict[str, Any], scopes: tuple[str, ...]) -> None:
    told = TOLD[operation["operationId"]]
    operation["security"] = [{"bearer": []}, {"cookie": []}] if scopes else []
    if scopes:
        operation["x-scopes"] = [*scopes]
        operation["description"] += f"\n\nNeeds the scope {' or '.join(f'`{scope}`' for scope in scopes)}."
    if told.takes:
        operation["requestBody"] = {
            "required": not told.optional,
            "content": {
                type: {"schema": schema, **({} if example is None else {"example": example})}
                for type, (schema, example) in told.takes.items()
            },
        }
    given = operation["responses"]
    operation["responses"] = {
        **{str(status): _answer(names, given.get(str(status))) for status, names in told.answers.items()},
        **{
            str(status): {"$ref": f"#/components/responses/{status}"}
            for status in _errors(told, open=not scopes)
        },
    }


def _errors(told: Told, *, open: bool) -> list[int]:
    return sorted({*told.errors, 400, 403, 421, 422, 500, 503} | (set() if open else {401}))


def _answer(names: tuple[str, ...], given: dict[str, Any] | None) -> dict[str, Any]:
    if not names:
        # Not JSON: what FastAPI knows of it stands.
        return given or {"description": "Done"}
    schema = ref(names[0]) if len(names) == 1 else {"anyOf": [ref(name) for name in names]}
    return {
        "description": (given or {}).get("description", "Done before, by the same request"),
        "content": {JSON: {"schema": schema, "example": EXAMPLES[names[0]]}},
    }


def _error(status: int) -> dict[str, Any]:
    return {
        "description": _SENTENCES[status],
        "content": {JSON: {"schema": ref("Error"), "example": EXAMPLES["Error"]}},
    }


def text_of(document: dict[str, Any]) -> str:
    """The document as it stands in docs/openapi.json."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
