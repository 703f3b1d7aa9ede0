"""The page: server-rendered, complete without JavaScript, better with it. One file of routes a group of screens."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from sync.entrypoints.page import (
    ops,
    ops_entry,
    ops_letting_go,
    ops_list,
    recording,
    serving,
    switching,
    technician,
)
from sync.entrypoints.page.assets import read_assets
from sync.entrypoints.page.ops_charts import Charts
from sync.entrypoints.page.rendering import environment

_ROUTES: Final = (
    serving, technician, recording, switching, ops, ops_letting_go, ops_list, ops_entry,
)  # fmt: skip


def add_page(app: FastAPI) -> None:
    """Serve the page too."""
    assets = read_assets()
    app.state.assets = assets
    app.state.templates = environment(assets)
    app.state.ops_charts = Charts()
    for each in _ROUTES:
        app.include_router(each.router)
