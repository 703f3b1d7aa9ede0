"""How far is the device's clock from the server's? Measured by the answers' Date, stored, and never corrected here.

Order and waits do not depend on it; tokens, look-ups and people do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from typing import Final

from storage import control
from storage.database import Transaction
from storage.guarded import from_ms, to_ms
from sync.clock import Clock

_SAMPLES: Final = 5
_SURE: Final = 2  # one wrong Date must not end all sending, for then no other would ever be seen
# Two measures further apart than this have a jump of the clock between them.
_JUMP_S: Final = 60.0


def note_offset(transaction: Transaction, offset_s: float, clock: Clock) -> None:
    """Keep the median of the last five measures of server time minus device time, in seconds.

    One slow answer must not move the clock.
    """
    known = control.get(transaction, control.CLOCK) or {}
    samples = [*known.get("samples", []), round(offset_s, 3)][-_SAMPLES:]
    if known and abs(offset_s - known["offset_s"]) > _JUMP_S:
        samples = samples[-1:]  # what was measured before a jump says nothing any more
    now = clock.now()
    # Anchored to the time since boot, because the wall clock may jump at any time.
    anchor = {"at": to_ms(now), "elapsed_ms": clock.elapsed_ms(), "boot": clock.boot()}
    value = {"offset_s": median(samples), "samples": samples, **anchor}
    control.put(transaction, control.CLOCK, value, now=to_ms(now))


def clock_offset(transaction: Transaction) -> float | None:
    """Server time minus device time in seconds, as last measured."""
    known = control.get(transaction, control.CLOCK)
    return None if known is None else float(known["offset_s"])


def offset_of_this_boot(transaction: Transaction, clock: Clock) -> float | None:
    """As `clock_offset`, if measured since the device was started: its clock may have moved while it was off."""
    known = control.get(transaction, control.CLOCK)
    return None if known is None or known.get("boot") != clock.boot() else float(known["offset_s"])


def server_ms(now: datetime, offset_s: float | None) -> int | None:
    """This moment by the server's clock, in epoch milliseconds; None where that was never measured."""
    return None if offset_s is None else to_ms(now + timedelta(seconds=offset_s))


def sure_server_time(transaction: Transaction, clock: Clock) -> datetime | None:
    """What time it is by the server, where that is sure: two answers agreed, and the device has not restarted since.

    Counted on by the time since boot. Where a system does not count sleep there, it may be later than this.
    """
    known = control.get(transaction, control.CLOCK) or {}
    if len(known.get("samples", ())) < _SURE or known.get("boot") != clock.boot():
        return None
    passed_s = (clock.elapsed_ms() - known["elapsed_ms"]) / 1000
    if passed_s < 0:
        return None
    return from_ms(known["at"]) + timedelta(seconds=known["offset_s"] + passed_s)
