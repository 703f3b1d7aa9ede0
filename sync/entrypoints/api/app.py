"""The local API and the page as one application: routers in, guarded, failures told as documents."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from fastapi import Depends, FastAPI

from sync.entrypoints.api import (
    capturing,
    events,
    health,
    history,
    importing,
    metrics,
    reading_docs,
    receipts,
    reference,
    repairing,
    seeing,
    signing_in,
    steering,
)
from sync.entrypoints.api.answers import add_answers
from sync.entrypoints.api.asking import only_known
from sync.entrypoints.api.describing import described, text_of
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.feed import Feed
from sync.entrypoints.api.guarding import Guard
from sync.entrypoints.page import entering
from sync.entrypoints.page.app import add_page
from sync.version import VERSION

_BELOW_V1 = (
    capturing.router,
    seeing.router,
    receipts.router,
    repairing.router,
    steering.router,
    signing_in.router,
    importing.router,
    reference.router,
    events.router,
    history.router,
)
_BESIDE = (health.router, metrics.router)
API = (*_BELOW_V1, *_BESIDE)


def bare_app() -> FastAPI:
    """The API without anything behind it: what is described. FastAPI's own pages are off: they load from elsewhere."""
    app = FastAPI(
        title="fieldsync local API",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in _BELOW_V1:
        app.include_router(router, prefix="/v1", dependencies=[Depends(only_known)])
    for router in _BESIDE:
        app.include_router(router, dependencies=[Depends(only_known)])
    return app


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document, the same for every outbox."""
    return described(bare_app(), API)


def create_app(desk: Desk) -> FastAPI:
    """Everything that is served on this machine."""
    app = bare_app()
    app.openapi = description  # type: ignore[method-assign]
    app.state.desk = desk
    app.state.feed = Feed(desk.database, lambda: seeing.standing(desk))
    add_answers(app)
    add_page(app)
    app.include_router(reading_docs.router)
    app.include_router(entering.router)
    app.add_middleware(Guard, desk=desk, stranger=entering.stranger)
    return app


if __name__ == "__main__":
    sys.stdout.write(text_of(description()))
