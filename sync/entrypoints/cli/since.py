"""How a person names a moment on the command line: an instant, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sync.entrypoints.since import since_ms


class Since(click.ParamType[int]):
    """An instant with a time zone, or how long ago."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:  # milliseconds since 1970 UTC
        try:
            return since_ms(value, datetime.now(UTC))
        except ValueError as fault:
            self.fail(str(fault), param, ctx)
