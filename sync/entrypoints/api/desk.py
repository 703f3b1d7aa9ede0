"""What every route of the local API and the page works with, made once when the worker starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from config.settings import Settings
from storage.database import Database
from sync.clock import Clock
from sync.entrypoints.api.refusing import Allowed
from sync.local_access import LocalAccess


class Switch(Protocol):
    """A network that can be switched off, where the page is shown beside a stand-in. There is none in the product."""

    def online(self) -> bool: ...

    def turn(self, *, online: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """The outbox is the worker's own, open for as long as it runs; from any thread."""

    settings: Settings
    database: Database
    clock: Clock
    access: LocalAccess
    allowed: Allowed
    switch: Switch | None = None


def the_desk(request: Request) -> Desk:
    """The desk of the application that serves this request."""
    desk: Desk = request.app.state.desk
    return desk
