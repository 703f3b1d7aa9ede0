"""Builds valid input for the tests: a request body as on the API's page, and real signature images.

The same arguments give the same bytes, on every run: no clock, no randomness but the seed's.
"""

import io
from functools import cache
from random import Random
from typing import Any

from PIL import Image, ImageDraw

INK = (16, 24, 96)


def unplanned_body(**changes: Any) -> dict[str, Any]:
    """A valid `unplanned-preventive` body, without `signature`: the image gives it. `changes` replace."""
    body: dict[str, Any] = {
        "companyId": 1,
        "siteIds": [1, 2, 3],
        "ruleIds": [1, 2, 3],
        "provider": {
            "firstName": "Zoé",
            "lastName": "Nguyễn",
            "actionComment": "Extinguishers checked, two seals replaced",
            "email": "zoe@example.org",
            "comment": "Access by the east gate 🔧",
        },
        "actualStart": "2024-12-01T12:34:56.000Z",
    }
    return body | changes


@cache
def signature_png(seed: int = 1, *, width: int = 640, height: int = 240) -> bytes:
    """A drawn signature as PNG, about 10 KB at the default size."""
    return _encoded(_drawn(seed, width, height), "PNG")


@cache
def signature_jpeg(seed: int = 1, *, width: int = 640, height: int = 240) -> bytes:
    """A drawn signature as JPEG, about 20 KB at the default size."""
    return _encoded(_drawn(seed, width, height), "JPEG", quality=36)


def _drawn(seed: int, width: int, height: int) -> Image.Image:
    rng = Random(seed)
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(7):
        points = [(rng.randrange(width), rng.randrange(height)) for _ in range(6)]
        pen.line(points, fill=INK, width=3, joint="curve")
    return image


def _encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()
