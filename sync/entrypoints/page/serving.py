"""What belongs to nobody: styles, scripts, the manifest, the service worker, the page for when nothing answers."""

from __future__ import annotations

import json
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from sync.entrypoints.page.assets import Assets
from sync.entrypoints.page.rendering import rendered
from sync.entrypoints.page.wording import wording

router: Final = APIRouter(include_in_schema=False)

_FOR_GOOD: Final = "public, max-age=31536000, immutable"
# What a technician's page needs, and the page for when fieldsync does not run. Nothing here is about a person.
_KEPT_BY_BROWSER: Final = ("app.css", "technician.js", "pad.js", "draft.js", "form.js", "icon.svg")


@router.get("/static/{version}/{name}")
def static(request: Request, version: str, name: str) -> Response:
    """One file of the page. The address holds a hash over all of them, so it never changes under an address."""
    assets: Assets = request.app.state.assets
    asset = assets.by_name.get(name)
    if asset is None or version != assets.version:
        raise HTTPException(404, "there is no such file")
    return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": _FOR_GOOD})


@router.get("/manifest.webmanifest")
def manifest(request: Request) -> Response:
    """What an installed page is called and looks like."""
    assets: Assets = request.app.state.assets
    icons = [
        {"src": assets.address("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        *(
            {
                "src": assets.address(f"icon-{n}.png"),
                "sizes": f"{n}x{n}",
                "type": "image/png",
                "purpose": purpose,
            }
            for n in (192, 512)
            for purpose in ("any", "maskable")
        ),
    ]
    document = {
        "id": "/",
        "name": "fieldsync",
        "short_name": "fieldsync",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#0d2b45",
        "theme_color": "#0d2b45",
        "icons": icons,
    }
    return Response(json.dumps(document), media_type="application/manifest+json")


@router.get("/service-worker.js")
def service_worker(request: Request) -> Response:
    """What the browser keeps while fieldsync does not run: files that belong to nobody, and one page of words."""
    assets: Assets = request.app.state.assets
    kept = [assets.address(name) for name in _KEPT_BY_BROWSER]
    script = rendered(request.app, "service_worker.js", version=assets.version, kept=json.dumps(kept))
    return Response(script, media_type="text/javascript; charset=utf-8")


@router.get("/offline")
def offline(request: Request) -> Response:
    """Shown by the service worker when nothing answers; in both languages, because nobody can be asked then."""
    words = {"french": wording("fr"), "english": wording("en")}
    return HTMLResponse(rendered(request.app, "technician/offline.html", **words))
