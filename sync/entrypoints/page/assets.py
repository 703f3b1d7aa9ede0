"""Styles, scripts and pictures of the page: kept by browsers for good, because a change changes their address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("static")
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All of them, read once. `version` is a hash over all: modules find each other beside themselves."""

    version: str
    by_name: dict[str, Asset]

    def address(self, name: str) -> str:
        """Where this one is served. Raises: KeyError: there is none."""
        return f"/static/{self.version}/{self.by_name[name].name}"


def read_assets(folder: Path = _FOLDER) -> Assets:
    """Everything in `folder` of a type that the page has."""
    found = {
        path.name: Asset(path.name, path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(folder.iterdir())
        if path.suffix in _TYPES
    }
    digest = hashlib.sha256()
    for name, asset in found.items():
        digest.update(f"{name} {len(asset.content)}\n".encode())
        digest.update(asset.content)
    return Assets(digest.hexdigest()[:12], found)
