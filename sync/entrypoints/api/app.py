"""The local API and the page as one application: routers in, guarded, failures told as documents."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from sync.entrypoints.api import (
    capturing,
    events,
    health,
    history,
    importing,
    metrics,
    receipts,
    reference,
    repairing,
    seeing,
    signing_in,
    steering,
)
from sync.entrypoints.api.answers import add_answers
from sync.entrypoints.api.asking import only_known
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.feed import Feed
from sync.entrypoints.api.guarding import Guard
from sync.entrypoints.page import entering
from sync.entrypoints.page.app import add_page
from sync.version import VERSION

_ROUTERS = (
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


def create_app(desk: Desk) -> FastAPI:
    """Everything that is served on this machine. The API's own pages of FastAPI are off: they load from elsewhere."""
    app = FastAPI(
        title="fieldsync local API",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.desk = desk
    app.state.feed = Feed(desk.database, lambda: seeing.status(desk))
    add_answers(app)
    for router in _ROUTERS:
        app.include_router(router, prefix="/v1", dependencies=[Depends(only_known)])
    for router in (health.router, metrics.router):
        app.include_router(router, dependencies=[Depends(only_known)])
    add_page(app)
    app.include_router(entering.router)
    app.add_middleware(Guard, desk=desk, stranger=entering.stranger)
    return app
