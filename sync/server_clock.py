"""How far is the device's clock from the server's? Measured by the answers' Date, stored, and never corrected here.

Order and waits do not depend on it; tokens, look-ups and people do.
"""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Final

from storage import control
from storage.database import Transaction
from storage.guarded import to_ms

_SAMPLES: Final = 5
# Two measures further apart than this have a jump of the clock between them.
_JUMP_S: Final = 60.0


def note_offset(transaction: Transaction, offset_s: float, now: datetime) -> None:
    """Keep the median of the last five measures of server time minus device time, in seconds.

    One slow answer must not move the clock.
    """
    known = control.get(transaction, control.CLOCK) or {}
    samples = [*known.get("samples", []), round(offset_s, 3)][-_SAMPLES:]
    if known and abs(offset_s - known["offset_s"]) > _JUMP_S:
        samples = samples[-1:]  # what was measured before a jump says nothing any more
    value = {"offset_s": median(samples), "samples": samples}
    control.put(transaction, control.CLOCK, value, now=to_ms(now))


def clock_offset(transaction: Transaction) -> float | None:
    """Server time minus device time in seconds, as last measured."""
    known = control.get(transaction, control.CLOCK)
    return None if known is None else float(known["offset_s"])
