"""Signatures as a customer would draw them on a tablet: a seeded pen stroke, saved as a real PNG or JPEG.

The same seed gives the same picture. `dots` shows one on a terminal.
"""

from __future__ import annotations

import io
from itertools import pairwise
from math import hypot
from random import Random

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 640, 240
_INK = (22, 32, 96)
# Drawn larger and scaled down: the edge of a pen stroke is soft.
_SCALE = 2
_STEPS = 18
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))

Point = tuple[float, float]


def signature(seed: int, mime_type: str) -> bytes:
    """A drawn signature of 640 x 240 pixels, 10 to 35 KB."""
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), "white")
    pen = ImageDraw.Draw(image)
    rng = Random(seed)  # noqa: S311  a picture, no secret
    _draw(pen, _letters(rng), rng)
    _draw(pen, _flourish(rng), rng)
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if mime_type == "image/png":
        small.save(file, "PNG", optimize=True)
    else:
        small.save(file, "JPEG", quality=82)
    return file.getvalue()


def _letters(rng: Random) -> list[Point]:
    """Where the pen turns: up, over and down again for each letter, leaning to the right."""
    count = rng.randint(7, 10)
    width = (WIDTH - 150) / count
    x, base = 60.0, HEIGHT * 0.58
    points: list[Point] = [(x - 20, base + rng.uniform(-8, 14))]
    for number in range(count):
        tall = number == 0 or rng.random() < 0.25
        height = rng.uniform(80, 110) if tall else rng.uniform(22, 42)
        below = rng.uniform(30, 48) if not tall and rng.random() < 0.2 else rng.uniform(-4, 4)
        lean = height * 0.28
        points += [
            (x + lean + width * rng.uniform(0.25, 0.45), base - height),
            (x + lean + width * rng.uniform(-0.1, 0.15), base - height * rng.uniform(0.55, 0.75)),
            (x + width * rng.uniform(0.3, 0.5), base + below),
            (x + width * rng.uniform(0.75, 0.95), base - rng.uniform(2, 16)),
        ]
        # A hurried hand gets smaller towards the end.
        x += width * rng.uniform(0.85, 1.05)
    return points


def _flourish(rng: Random) -> list[Point]:
    """The stroke under the name."""
    y = HEIGHT * rng.uniform(0.76, 0.84)
    start, end = rng.uniform(50, 120), rng.uniform(480, 590)
    middle = (start + end) / 2 + rng.uniform(-60, 60)
    return [(start, y + rng.uniform(0, 14)), (middle, y - rng.uniform(6, 18)), (end, y - rng.uniform(10, 40))]


def _draw(pen: ImageDraw.ImageDraw, turns: list[Point], rng: Random) -> None:
    pressure = rng.uniform(2.4, 3.2)
    for here, there in pairwise(_curve(turns)):
        # A pen moved fast leaves a thinner line.
        fast = min(1.0, hypot(there[0] - here[0], there[1] - here[1]) / 9)
        radius = pressure * (1.05 - 0.5 * fast) * _SCALE * 0.8
        x, y = there[0] * _SCALE, there[1] * _SCALE
        pen.line([(here[0] * _SCALE, here[1] * _SCALE), (x, y)], fill=_INK, width=max(2, round(radius * 2)))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_INK)


def _curve(turns: list[Point]) -> list[Point]:
    """A smooth line through all turns (Catmull-Rom)."""
    ends = [turns[0], *turns, turns[-1]]
    curve: list[Point] = []
    for index in range(len(turns) - 1):
        before, start, end, after = ends[index : index + 4]
        for step in range(_STEPS):
            t = step / _STEPS
            curve.append(
                (
                    _between(before[0], start[0], end[0], after[0], t),
                    _between(before[1], start[1], end[1], after[1], t),
                )
            )
    return [*curve, turns[-1]]


def _between(before: float, start: float, end: float, after: float, t: float) -> float:
    return 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )


def dots(data: bytes, columns: int = 56) -> list[str]:
    """The picture in Braille characters, each two dots wide and four high."""
    with Image.open(io.BytesIO(data)) as opened:
        dark = opened.convert("L").point(lambda level: 255 if level < 160 else 0)
    dark = dark.crop(dark.getbbox() or (0, 0, WIDTH, HEIGHT))
    rows = max(1, round(columns * 2 * dark.height / dark.width / 4))
    small = dark.resize((columns * 2, rows * 4), Image.Resampling.BOX)
    inked = [[small.getpixel((x, y)) > 70 for x in range(columns * 2)] for y in range(rows * 4)]  # type: ignore[operator]
    return [
        "".join(_cell(inked, row * 4, column * 2) for column in range(columns)).rstrip()
        for row in range(rows)
    ]


def _cell(inked: list[list[bool]], top: int, left: int) -> str:
    bits = 0
    for y, marks in enumerate(_BRAILLE):
        for x, mark in enumerate(marks):
            if inked[top + y][left + x]:
                bits |= mark
    return chr(0x2800 + bits)
