"""For whoever supervises: does the process answer, and can it do its work? Open to everybody, and tells little."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sync import app as composition
from sync.entrypoints.api.seeing import TheDesk
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.status_facts import look

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, Any]:
    """The process answers."""
    return {"schema": 1, "ok": True}


@router.get("/readyz")
def readyz(desk: TheDesk) -> dict[str, Any]:
    """The outbox can be used, and the worker is at work."""
    facts = look(desk.database.folder, composition.credentials(desk.settings, desk.clock), desk.clock.now())
    if facts.broken is not None:
        # Only what kind of trouble it is: its words name places on this device.
        raise _not_ready(facts.broken.code, "the outbox cannot be used")
    if facts.holder is None:
        raise _not_ready("no_worker", "no worker is running")
    if facts.worker_silent:
        raise _not_ready("worker_silent", "the worker gives no sign of life")
    return {"schema": 1, "ready": True}


def _not_ready(code: str, message: str) -> Failed:
    return Failed(Exit.TEMPORARY, code, message, next_command="fieldsync status", retryable=True)
