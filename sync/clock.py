"""Time as the device knows it: the wall clock, which may jump, and the monotonic one, which counts within one boot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path


def boot_id() -> str:
    """Names the present run of the operating system: monotonic times of another run mean nothing in it."""
    # Elsewhere: the second at which the monotonic clock began. A clock that jumps looks like a reboot, which makes
    # settling times start again, and that is the safe side.
    return _kernels_boot_id() or f"since-{round(time.time() - time.monotonic())}"


@cache
def _kernels_boot_id() -> str | None:
    # No process outlives a boot, so one look is enough: each capture asks.
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the present moment comes from; tests hand in their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic_s: Callable[[], float] = time.monotonic
    boot: Callable[[], str] = boot_id

    def now_ms(self) -> int:
        return int(self.now().timestamp() * 1000)

    def monotonic_ms(self) -> int:
        return int(self.monotonic_s() * 1000)

    def elapsed_ms(self) -> int:
        """Milliseconds since boot with sleep counted, which the monotonic clock of Linux leaves out."""
        if self.monotonic_s is time.monotonic and hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return self.monotonic_ms()

    def server_now(self, offset_s: float | None) -> datetime | None:
        """The moment by the server's clock, where its offset was ever measured."""
        return None if offset_s is None else self.now() + timedelta(seconds=offset_s)
