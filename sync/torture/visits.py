"""What the technicians of a torture hand in, no two alike, and what the server must get for it, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sync.capture import ImageLimits
from sync.demo.handwriting import signature
from sync.instants import instant_text
from sync.payload import to_body

KIND: Final = "unplanned-preventive"
CHANGE_KIND: Final = "preventive-update"
PLAN_KIND: Final = "curative"
LIMITS: Final = ImageLimits(max_bytes=2 * 1024 * 1024, max_pixels=4_000_000)
_IMAGES: Final = 12


@dataclass(frozen=True, slots=True)
class Visit:
    """The API's own JSON without `signature`, and an image file."""

    data: dict[str, Any]
    image: Path


@dataclass(frozen=True, slots=True)
class Taken:
    """One capture that was acknowledged."""

    id: str
    body_sha256: str
    image: bytes | None  # None: a kind without a signature
    mime_type: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One acknowledged change of an intervention of this device. Later ones have higher numbers; `mails` one mail."""

    id: str
    target: str
    number: int
    mails: bool
    body_sha256: str


def change_body(number: int, *, mails: bool) -> dict[str, Any]:
    """The change with this number, which its description tells."""
    body: dict[str, Any] = {"description": f"change {number}", "creationStatus": number % 3}
    return body | ({"sendUpdateEmailToCurrentAssignee": True} if mails else {})


def plan_body(number: int) -> dict[str, Any]:
    """The plan with this number, for the hours for which everybody plans; its words and its anomaly tell it."""
    hours = {"scheduledStart": "2030-01-01T08:00:00.000Z", "scheduledEnd": "2030-01-01T10:00:00.000Z"}
    return hours | {"anomalyIds": [number], "creationStatus": 1, "description": f"plan {number}"}


def change_number(body: Mapping[str, Any]) -> int | None:
    """Which change this body is of; None where it is of none."""
    words = str(body.get("description", "")).split()
    return int(words[1]) if len(words) == 2 and words[0] == "change" else None


def hand_in(number: int, folder: Path, now: datetime) -> Visit:
    """The visit with this number; its image is written into `folder`."""
    mime_type, end = (("image/png", "png"), ("image/jpeg", "jpg"))[number % 2]
    image = folder / f"signature-{number}.{end}"
    # What follows the end of an image is not shown, and makes each another one.
    image.write_bytes(_drawn(number % _IMAGES, mime_type) + f"\n{number}".encode())
    data: dict[str, Any] = {
        "companyId": number,
        "siteIds": [number, 7],
        "ruleIds": [number % 50 + 1],
        "provider": {"firstName": "Zoé", "lastName": f"Lefèvre {number}", "actionComment": "Checked 🔦"},
    }
    if number % 3 == 0:
        data["actualStart"] = instant_text(now)
    return Visit(data, image)


def taken(id: str, payload: Mapping[str, Any], visit: Visit, after: str | None) -> Taken:
    """What has to arrive for this visit, stored as `payload` under `id`."""
    mime_type = "image/png" if visit.image.suffix == ".png" else "image/jpeg"
    digest = hashlib.sha256(to_body(dict(payload))).hexdigest()
    return Taken(id, digest, visit.image.read_bytes(), mime_type, after)


def is_of(payload: Mapping[str, Any], visit: Visit) -> bool:
    """Whether `payload` says all that was handed in, and describes its image."""
    size = visit.image.stat().st_size
    return visit.data.items() <= payload.items() and payload["signature"]["size"] == size


# Drawing costs more than sending, so a few are used again and again.
@lru_cache(maxsize=2 * _IMAGES)
def _drawn(number: int, mime_type: str) -> bytes:
    return signature(number, mime_type)
