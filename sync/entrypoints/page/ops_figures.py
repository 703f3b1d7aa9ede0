"""Numbers as a person reads them in their language: spans, sizes, thousands. Pure."""

from __future__ import annotations

from sync.entrypoints.page.wording import Wording

_SPANS = (("d", 86400), ("h", 3600), ("min", 60))
_SIZES = ("B", "kB", "MB", "GB")
_SEPARATOR = {"fr": "\u202f", "en": ","}  # narrow and unbreakable
_POINT = {"fr": ",", "en": "."}


def number(n: int, t: Wording) -> str:
    """12,345 or 12 345."""
    return f"{n:,}".replace(",", _SEPARATOR[t.language])


def decimal(value: float, t: Wording) -> str:
    """With one digit behind the point."""
    return f"{value:.1f}".replace(".", _POINT[t.language])


def span(seconds: float, t: Wording) -> str:
    """In the largest unit of which there are two."""
    for unit, size in _SPANS:
        if seconds >= 2 * size:
            return t(f"ops.unit.{unit}", n=int(seconds // size))
    return t("ops.unit.s", n=int(seconds))


def size(size_bytes: float, t: Wording) -> str:
    """In units of a thousand."""
    for unit in _SIZES:
        if size_bytes < 1000:
            shown = f"{size_bytes:.0f}" if unit == "B" else decimal(size_bytes, t)
            return t(f"ops.unit.{unit}", n=shown)
        size_bytes /= 1000
    return t("ops.unit.TB", n=decimal(size_bytes, t))
