"""How a person names a moment on the command line: an instant, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Since(click.ParamType[int]):
    """An instant with a time zone, or how long ago."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:  # milliseconds since 1970 UTC
        number, unit = value[:-1], value[-1:]
        if unit in _UNITS_S and number.isascii() and number.isdecimal() and len(number) <= 9:
            return int((datetime.now(UTC).timestamp() - int(number) * _UNITS_S[unit]) * 1000)
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither an instant like 2026-03-01T12:00:00Z nor like 2h or 3d", param, ctx
            )
        if at.tzinfo is None:
            self.fail(
                f"{value!r} names no time zone; end it in Z, or in an offset such as +01:00", param, ctx
            )
        return int(at.timestamp() * 1000)
