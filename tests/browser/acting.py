"""What a technician does on the page, as the browser does it: fill in, sign, save; and what a signature must show."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal

from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Locator, Page

from sync.visitor import Visitor
from tests.support.browser import Window
from tests.support.served_device import ServedDevice

Pointer = Literal["mouse", "touch", "pen"]
# In parts of the pad's width and height.
Stroke = Sequence[tuple[float, float]]
STROKES: Final[Sequence[Stroke]] = (
    ((0.10, 0.70), (0.16, 0.25), (0.22, 0.72), (0.28, 0.30), (0.34, 0.70)),
    ((0.45, 0.35), (0.60, 0.65), (0.75, 0.35)),
    ((0.12, 0.85), (0.80, 0.80)),
)
_STEPS: Final = 8
_NEAR: Final = 0.02  # of the width: as far as ink may be from where the pointer went


def let_in(window: Window, device: ServedDevice, visitor: Visitor | None = None) -> None:
    """As somebody who opened their link before."""
    window.context.add_cookies([device.cookie(visitor)])  # type: ignore[list-item]


def fill_in(
    page: Page, *, company: int = 12, sites: str = "120, 121", rules: str = "1", name: str = "Zoé"
) -> None:
    """By numbers, as where no reference list was imported."""
    page.locator("#company_id-number").fill(str(company))
    page.locator("#site_ids-number").fill(sites)
    page.locator("#rule_ids-number").fill(rules)
    page.locator("#first_name").fill(name)
    page.locator("#action_comment").fill("Deux joints remplacés")


def draw(page: Page, by: Pointer, strokes: Sequence[Stroke] = STROKES) -> None:
    """Write on the pad, stroke after stroke."""
    pad = page.get_by_test_id("ink")
    pad.scroll_into_view_if_needed()
    cdp = page.context.new_cdp_session(page)
    for stroke in strokes:
        points = list(_path(pad, stroke))
        (x, y), rest = points[0], points[1:]
        if by == "touch":
            cdp.send("Input.dispatchTouchEvent", _touch("touchStart", x, y))
            for x, y in rest:
                cdp.send("Input.dispatchTouchEvent", _touch("touchMove", x, y))
            cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        else:
            cdp.send("Input.dispatchMouseEvent", _mouse("mousePressed", by, x, y))
            for x, y in rest:
                cdp.send("Input.dispatchMouseEvent", _mouse("mouseMoved", by, x, y))
            cdp.send("Input.dispatchMouseEvent", _mouse("mouseReleased", by, *points[-1]))
    cdp.detach()


def _path(pad: Locator, stroke: Stroke) -> Iterator[tuple[float, float]]:
    box = pad.bounding_box()
    assert box is not None, "there is no pad"
    corners = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    yield corners[0]
    for (ax, ay), (bx, by) in pairwise(corners):
        for step in range(1, _STEPS + 1):
            yield ax + (bx - ax) * step / _STEPS, ay + (by - ay) * step / _STEPS


def _touch(kind: str, x: float, y: float) -> dict[str, object]:
    return {"type": kind, "touchPoints": [{"x": x, "y": y, "id": 1}]}


def _mouse(kind: str, by: str, x: float, y: float) -> dict[str, object]:
    return {
        "type": kind, "x": x, "y": y, "button": "left", "buttons": 0 if kind == "mouseReleased" else 1,
        "clickCount": 1, "pointerType": by, "force": 0.5,
    }  # fmt: skip


def save(page: Page) -> None:
    """And wait until it is said to be saved."""
    page.get_by_test_id("save").click()
    page.get_by_test_id("saved").wait_for()


def saved_id(page: Page) -> str:
    return str(page.get_by_test_id("saved").get_attribute("data-saved"))


def ink_is_wrong(image: bytes, strokes: Sequence[Stroke] = STROKES) -> str | None:
    """What a signature shows that was not drawn, or does not show that was; None where it is right.

    Every corner of every stroke must be dark, and everything that is not near a stroke white.
    """
    with Image.open(io.BytesIO(image)) as opened:
        assert opened.format == "PNG", opened.format
        shown = opened.convert("RGBA")
    white = Image.new("RGBA", shown.size, "white")
    # One bit a pixel: is there ink?
    ink = Image.alpha_composite(white, shown).convert("L").point(lambda level: 255 if level < 140 else 0)
    width, height = ink.size
    near = Image.new("L", ink.size, 0)
    pen = ImageDraw.Draw(near)
    radius = _NEAR * width
    for stroke in strokes:
        corners = [(x * width, y * height) for x, y in stroke]
        pen.line(corners, fill=255, width=round(2 * radius))
        for x, y in corners:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
            if (
                ink.crop((int(x - radius), int(y - radius), int(x + radius), int(y + radius))).getbbox()
                is None
            ):
                return f"no ink at {x:.0f}, {y:.0f}"
    stray = ImageChops.subtract(ink, near).getbbox()
    return None if stray is None else f"ink where nobody drew: {stray}"
