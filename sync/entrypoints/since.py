"""How a moment is named: an instant, or how long ago. For options and query parameters alike."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def since_ms(text: str, now: datetime) -> int:
    """Milliseconds since 1970 UTC of `2026-03-01T12:00:00Z` or `2h`.

    Raises:
        ValueError: it is neither; the message says why.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS_S and number.isascii() and number.isdecimal() and len(number) <= 9:
        return int((now.timestamp() - int(number) * _UNITS_S[unit]) * 1000)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an instant like 2026-03-01T12:00:00Z nor like 2h or 3d"
        ) from None
    if at.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; end it in Z, or in an offset such as +01:00")
    return int(at.timestamp() * 1000)
