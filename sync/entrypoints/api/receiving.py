"""How a request's body comes in: of a known type, no larger than allowed, never read as a whole before that is known.

What stands in it is for others to read: `asking.py` for JSON, `parts.py` for multipart.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Annotated, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from config.settings import Settings
from storage.folder import from_os_error
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.errors import shown

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
MIB: Final = 1024 * 1024
_IN_MEMORY: Final = 1 * MIB
_PARAMETER: Final = re.compile(r';\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.ASCII)

Limit = Callable[[Settings], int]


@dataclass(frozen=True, slots=True)
class Body:
    """`media` is one of the accepted types, "" where nothing was sent. Read `file` from its beginning."""

    media: str
    boundary: str
    file: IO[bytes]


def small(_: Settings) -> int:
    """The limit for what a person writes: a whole JSON body and some more."""
    return 2 * MIB


def received(
    *accepted: str, most_bytes: Limit = small, optional: bool = False
) -> Callable[..., AsyncIterator[Body]]:
    """A dependency: the body of this request. `optional`: it may be left out.

    Raises:
        Failed: it is of another type or in another character set (415), or too large (413).
    """

    async def receive(request: Request, desk: Annotated[Desk, Depends(the_desk)]) -> AsyncIterator[Body]:
        most = most_bytes(desk.settings)
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise _too_large(most)
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            empty = await _spool(request, file, most)
            if empty and optional and "content-type" not in request.headers:
                yield Body("", "", file)
                return
            media, boundary = _type(request, accepted)
            file.seek(0)
            yield Body(media, boundary, file)

    return receive


async def _spool(request: Request, file: SpooledTemporaryFile[bytes], most: int) -> bool:
    """Whether nothing came."""
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise _too_large(most)
            # What may wait for the disk is not done where everybody else waits.
            if size > _IN_MEMORY:
                await _written(file, part)
            else:
                file.write(part)
    except ClientDisconnect:
        raise Failed(
            Exit.TEMPORARY, "body_incomplete", "the request ended in the middle", retryable=True
        ) from None
    return size == 0


async def _written(file: SpooledTemporaryFile[bytes], part: bytes) -> None:
    try:
        await run_in_threadpool(file.write, part)
    except OSError as error:
        raise from_os_error(error, Path(gettempdir())) from None


def _too_large(most: int) -> Failed:
    return Failed(
        Exit.REFUSED, "too_large", f"the body is larger than the {most} bytes that are allowed here"
    )


def _type(request: Request, accepted: tuple[str, ...]) -> tuple[str, str]:
    """The media type and, of multipart, what stands between its parts."""
    given = request.headers.get("content-type", "")
    media = given.partition(";")[0].strip().lower()
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(given)}
    types = ", ".join(accepted)
    if media not in accepted:
        what = (
            f"the content type {shown(media)} is not taken here" if media else "the content type is missing"
        )
        raise _not_taken(f"{what}; it must be {types}")
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise _not_taken(f"the character set must be utf-8, not {shown(charset)}")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _not_taken("the body must not be compressed")
    if media == MULTIPART and not parameters.get("boundary"):
        raise _not_taken(f"{MULTIPART} must name its boundary")
    return media, parameters.get("boundary", "")


def _not_taken(message: str) -> Failed:
    return Failed(Exit.REFUSED, "unsupported_media_type", message, next_command="GET /openapi.json")
