"""The page: server-rendered, complete without JavaScript, better with it. One file of routes a group of screens."""

from __future__ import annotations

from fastapi import FastAPI

from sync.entrypoints.page import recording, serving, switching, technician
from sync.entrypoints.page.assets import read_assets
from sync.entrypoints.page.rendering import environment


def add_page(app: FastAPI) -> None:
    """Serve the page too."""
    assets = read_assets()
    app.state.assets = assets
    app.state.templates = environment(assets)
    for router in (serving.router, technician.router, recording.router, switching.router):
        app.include_router(router)
