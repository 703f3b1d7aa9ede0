"""The local API in this process: the whole application behind its guard, on an outbox of its own, without a port."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from config.settings import load
from storage.folder import StorageFolder
from storage.schema import open_database
from sync.clock import Clock
from sync.entrypoints.api.app import create_app
from sync.entrypoints.api.desk import Desk, Switch
from sync.entrypoints.api.refusing import Allowed
from sync.local_access import LocalAccess
from sync.visitor import OPS, Visitor

with warnings.catch_warnings():
    # It would rather have another client than the one that the product uses.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOST = "127.0.0.1:8642"
_APPS: dict[int, FastAPI] = {}  # of the desks that are open: to make one costs more than most tests


@contextmanager
def desk_in(folder: Path, *, switch: Switch | None = None, **settings: object) -> Iterator[Desk]:
    """The desk of an outbox in `folder`. `settings` are named as in the environment: SYNC__IN_DOUBT="hold"."""
    environment = {
        "HOME": str(folder),
        "FIELDSYNC_STORAGE__DIR": str(folder / "outbox"),
        "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
        **{f"FIELDSYNC_{name}": str(value) for name, value in settings.items()},
    }
    loaded = load(environ=environment)
    clock = Clock()
    database = open_database(StorageFolder(loaded.storage.dir), new_id=str(uuid4()), now=clock.now())
    access = LocalAccess(database.folder, database.folder.marked_id() or "", now=clock.now)
    access.make()
    try:
        yield Desk(loaded, database, clock, access, Allowed.of([HOST], 8642), switch)
    finally:
        _APPS.clear()
        database.close()


def app_of(desk: Desk) -> FastAPI:
    """The application of this desk, the same each time."""
    if id(desk) not in _APPS:
        _APPS[id(desk)] = create_app(desk)
    return _APPS[id(desk)]


def program(desk: Desk, visitor: Visitor = OPS, *, app: FastAPI | None = None) -> TestClient:
    """A program with a token for what `visitor` may."""
    client = TestClient(app or app_of(desk), base_url=f"http://{HOST}", follow_redirects=False)
    client.headers["Authorization"] = f"Bearer {desk.access.token(visitor).reveal()}"
    return client


def browser(desk: Desk, visitor: Visitor | None = None, *, app: FastAPI | None = None) -> TestClient:
    """A browser on the page of this device; signed in where there is a visitor."""
    client = TestClient(app or app_of(desk), base_url=f"http://{HOST}", follow_redirects=False)
    client.headers.update({"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "fr"})
    if visitor is not None:
        cookie, _ = desk.access.new_session(visitor)
        client.cookies.set(desk.access.cookie_name, cookie.reveal())
    return client


def routes_of(application: Any, method: str) -> Iterator[str]:
    """The template of every route that answers this method, whatever router it hangs in."""
    for route in application.routes:
        inner = getattr(route, "effective_route_contexts", None)
        for each in inner() if inner else [route]:
            path = getattr(each, "path_format", None) or getattr(each, "path", None)
            methods = getattr(each, "methods", None)
            assert path is not None, f"{each!r} cannot be looked at"
            if methods is None or method in methods:
                yield path
