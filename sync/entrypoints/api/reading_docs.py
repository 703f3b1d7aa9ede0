"""The description of the API as a page for people: on this machine alone, without scripts."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from sync.entrypoints.page.rendering import rendered

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """Every route with what it takes, answers and needs."""
    document = request.app.openapi()
    return HTMLResponse(rendered(request.app, "docs.html", info=document["info"], groups=groups(document)))


def groups(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes by tag, in the order of the tags."""
    told = [
        {
            "name": operation["operationId"],
            "tag": operation["tags"][0],
            "method": method.upper(),
            "path": path,
            "summary": operation["description"].partition("\n")[0],
            "scopes": operation.get("x-scopes", []),
            "parameters": operation.get("parameters", []),
            "takes": _contents(operation.get("requestBody", {})),
            "answers": [
                {"status": status, "text": answer["description"], "contents": _contents(answer)}
                for status, answer in operation["responses"].items()
                if int(status) < 300
            ],
            "errors": [status for status in operation["responses"] if int(status) >= 300],
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        {**tag, "routes": routes}
        for tag in document["tags"]
        if (routes := [each for each in told if each["tag"] == tag["name"]])
    ]


def _contents(holder: dict[str, Any]) -> list[dict[str, str]]:
    """Each type, and its example as text."""
    found = []
    for type, content in holder.get("content", {}).items():
        example = content.get("example", "")
        text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
        found.append({"type": type, "example": text})
    return found
