"""Capture through the local API: the same front door as `fieldsync capture`, answered after the commit."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field

from config.settings import Settings
from sync.capture import Input
from sync.entrypoints import orders
from sync.entrypoints.api.asking import Asked, read_parted, refused
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.parts import one_of_each, read_parts
from sync.entrypoints.api.receiving import JSON, MIB, MULTIPART, Body, received
from sync.entrypoints.api.visiting import may
from sync.errors import IMAGE_PATH, InputRefused, Problem
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["capture"])


class Capture(Asked):
    """One intervention as it is handed in. `data` is read by the front door itself, as the bytes that came."""

    kind: str
    data: Any = Field(json_schema_extra={"type": "object"}, description="The body of the API.")
    id: str | None = None
    target: str | None = None
    after: str | None = None
    owner: str | None = None
    signature: str | None = Field(default=None, repr=False, description="The image as base64.")


def largest(settings: Settings) -> int:
    """An image as base64, and the rest."""
    return settings.capture.max_image_bytes * 4 // 3 + MIB


_body = received(JSON, MULTIPART, most_bytes=largest)


@router.post("/entries", status_code=201)
def capture(
    desk: Annotated[Desk, Depends(the_desk)],
    visitor: Annotated[Visitor, Depends(may(Scope.CAPTURE))],
    body: Annotated[Body, Depends(_body)],
) -> JSONResponse:
    """Make an intervention durable. When this answers 201, it survives a power cut."""
    given = _read(body)
    done = orders.capture_as(visitor, desk.settings, desk.database, desk.clock, given)
    return JSONResponse(
        done.to_json(),
        status_code=200 if done.duplicate else 201,
        headers={"Location": f"/v1/entries/{done.id}"},
    )


def _read(body: Body) -> Input:
    if body.media == JSON:
        return _input(body.file.read())
    with read_parts(body.file, body.boundary, most=2) as found:
        parts = one_of_each(found, ("entry", "signature"))
        if "entry" not in parts:
            raise refused((Problem("$.entry", "missing", "The part entry is missing: the capture as JSON."),))
        given = _input(parts["entry"].bytes())
        if "signature" not in parts:
            return given
        if given.image is not None:
            what = "The signature is in the entry and in a part of its own."
            raise refused((Problem(IMAGE_PATH, "given_twice", what),))
        return replace(given, image=parts["signature"].bytes())


def _input(source: bytes) -> Input:
    """What the front door gets."""
    asked, cut = read_parted(source, Capture, ("data",))
    image = None
    if asked.signature is not None:
        try:
            image = b64decode(asked.signature, validate=True)
        except (binascii.Error, ValueError):
            message = "The signature is not base64. Encode the bytes of the JPEG or PNG."
            raise InputRefused([Problem(IMAGE_PATH, "not_base64", message)]) from None
    return Input(asked.kind, cut["data"], image, asked.id, asked.after, asked.owner, asked.target)
