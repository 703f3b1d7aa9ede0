"""Many interventions in one request: rows as CSV or JSON Lines, and their images as parts beside them.

A row may name only an image that came with it: nothing is ever read from a path of this device.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory, TemporaryFile, gettempdir
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from config.settings import Settings
from storage.folder import from_os_error
from sync.batch.images import ImageFolder
from sync.batch.importing import Import
from sync.batch.rejects import JsonRejects
from sync.batch.source import Source
from sync.bundle.kind import is_bundle
from sync.entrypoints import batches
from sync.entrypoints.api.asking import refused
from sync.entrypoints.api.feed import Feed
from sync.entrypoints.api.parts import Part, read_parts
from sync.entrypoints.api.receiving import MIB, MULTIPART, Body, received
from sync.entrypoints.api.seeing import TheDesk
from sync.entrypoints.api.steering import STEERS
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.errors import Problem, shown

router = APIRouter(tags=["capture"])

CSV: Final = "text/csv"
JSON_LINES: Final = ("application/jsonl", "application/x-ndjson")
LARGEST_BYTES: Final = 64 * MIB
MOST_IMAGES: Final = 1000
_LONGEST_NAME: Final = 200


def _largest(_: Settings) -> int:
    return LARGEST_BYTES


@router.post("/import", dependencies=STEERS)
def import_rows(
    request: Request,
    desk: TheDesk,
    body: Annotated[Body, Depends(received(CSV, *JSON_LINES, MULTIPART, most_bytes=_largest))],
    kind: Annotated[str, Query(max_length=100, description="Of rows that name none.")] = batches.KIND,
    owner: Annotated[
        str | None, Query(max_length=100, description="Of rows that name nobody; else the device's.")
    ] = None,
    dry_run: Annotated[bool, Query(description="Check everything, store nothing.")] = False,
) -> StreamingResponse:
    """Capture many interventions, one a row. Rows with mistakes are told with line, field and reason."""
    feed: Feed = request.app.state.feed
    rejects = TemporaryFile()  # noqa: SIM115  closed when it was sent
    try:
        with TemporaryDirectory(prefix="fieldsync-") as place:
            rows, images = _unpacked(body, Path(place))
            if is_bundle(rows):
                message = "a bundle is imported on the device itself: fieldsync import FILE"
                raise Failed(Exit.REFUSED, "bundle_not_here", message, next_command="fieldsync import --help")
            with batches.told_as_a_whole():
                batches.check_defaults(kind, owner)
                with Source(rows) as source:
                    each = source.rows(default_kind=kind)
                    rules = batches.rules(desk.settings, kind, owner, dry_run=dry_run)
                    work = Import(desk.database, JsonRejects(rejects), ImageFolder(images), rules, desk.clock)
                    failed = batches.run(work, each, source, stopped=feed.stopped.is_set, told=lambda _: None)
        if failed is not None:
            raise failed
        rejects.seek(0)
    except OSError as error:
        rejects.close()
        raise from_os_error(error, Path(gettempdir())) from None
    except BaseException:
        rejects.close()
        raise
    told = {"schema": 1, **work.tally.to_json(), "dry_run": dry_run}
    return StreamingResponse(_document(told, rejects), media_type="application/json")


def _document(told: dict[str, Any], rejects: IO[bytes]) -> Iterator[bytes]:
    """The summary, and in it every refused row: as many as there are, a piece at a time."""
    with rejects:
        yield json.dumps(told).encode()[:-1] + b', "rejects": ['
        for number, line in enumerate(rejects):
            yield (b", " if number else b"") + line.rstrip()
        yield b"]}"


def _unpacked(body: Body, place: Path) -> tuple[Path, Path]:
    """The file of rows, and the folder of the images that came with it."""
    images = place / "images"
    images.mkdir()
    if body.media != MULTIPART:
        rows = place / ("rows.csv" if body.media == CSV else "rows.jsonl")
        with rows.open("wb") as stream:
            copyfileobj(body.file, stream)
        return rows, images
    parts = place / "parts"
    parts.mkdir()
    with read_parts(body.file, body.boundary, most=MOST_IMAGES + 1, into=parts) as found:
        return _sorted_out(found, place, images), images


def _sorted_out(parts: list[Part], place: Path, images: Path) -> Path:
    """
    Raises:
        Failed: with every part that has no place.
    """
    problems = []
    rows = [part for part in parts if part.name == "file"]
    if len(rows) != 1:
        what = "There must be one part file: the rows, as CSV or JSON Lines."
        problems.append(Problem("$.file", "given_twice" if rows else "missing", what))
    for part in parts:
        if part.name == "images":
            if fault := _name_fault(part.filename) or _place_fault(images, part.filename):
                what = f"The image {shown(part.filename)} {fault}."
                problems.append(Problem("$.images", "image_name_invalid", what))
            else:
                (images / part.filename).parent.mkdir(parents=True, exist_ok=True)
                part.path.rename(images / part.filename)
        elif part.name != "file":
            what = f"{shown(part.name)} is not a part that is known here. Known: file and images."
            problems.append(Problem("$", "unknown_field", what))
    if problems:
        raise refused(tuple(problems))
    # What the sender calls it says whether it is JSON Lines, and nothing else.
    end = PurePosixPath(rows[0].filename).suffix.lower()
    file = place / ("rows.jsonl" if end in (".jsonl", ".ndjson") else "rows.csv")
    rows[0].path.rename(file)
    return file


def _name_fault(name: str) -> str | None:
    paths = (PurePosixPath(name), PureWindowsPath(name))
    if not name.strip() or len(name.encode()) > _LONGEST_NAME or not name.isprintable():
        return "has no name that a file can have"
    if any(path.is_absolute() or path.drive or path.root or ".." in path.parts for path in paths):
        return "must be named from the folder of images on: no .., no whole path"
    return None


def _place_fault(images: Path, name: str) -> str | None:
    if (images / name).exists():
        return "is there twice"
    if any((images / above).is_file() for above in PurePosixPath(name).parents):
        return "lies in a folder that is called as another image"
    return None
