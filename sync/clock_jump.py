"""Has the wall clock parted from the time that really went by? Then every stored wait and age moves with it.

Waits are stored as wall instants, because they have to outlive the process. Within one boot monotonic time tells by
how much the wall clock jumped; across a reboot nothing does, and waits that became absurd are only cut to their caps.
"""

from __future__ import annotations

from typing import Any, Final

from storage import control, waits
from storage.database import Transaction
from sync import gate, holds
from sync.clock import Clock
from sync.gate import Gate

# A clock that is slewed or corrected by less changes nothing that matters, and is followed once it adds up.
_JUMP_MS: Final = 5000


def parted_ms(clock: Clock) -> int:
    """Wall clock minus the time since boot, sleep included; constant while the clock only runs."""
    return clock.now_ms() - clock.elapsed_ms()


def jump_ms(base: dict[str, Any] | None, clock: Clock) -> int:
    """By how much the wall clock jumped since `base` was noted in this boot; 0 where that cannot be told."""
    if base is None or base.get("boot") != clock.boot():
        return 0
    by = parted_ms(clock) - int(base["parted_ms"])
    return by if abs(by) > _JUMP_MS else 0


def follow(transaction: Transaction, clock: Clock) -> float:
    """Move all stored waits by the jump since the last look; how far that was, in seconds (0: none).

    To be called before anything in this transaction is compared with, or counted from, the present moment.
    """
    base = control.get(transaction, control.CLOCK_BASE)
    by = jump_ms(base, clock)
    if by:
        _shift(transaction, by, clock)
    if by or base is None or base.get("boot") != clock.boot():
        noted = {"boot": clock.boot(), "parted_ms": parted_ms(clock)}
        control.put(transaction, control.CLOCK_BASE, noted, now=clock.now_ms())
    return by / 1000


def _shift(transaction: Transaction, by_ms: int, clock: Clock) -> None:
    now_ms = clock.now_ms()
    waits.shift_waits(transaction, by_ms=by_ms, now=now_ms)
    for host, note in control.get_all(transaction, control.GATE).items():
        moved = gate.shifted(Gate.from_json(note), by_ms / 1000)
        control.put(transaction, control.GATE + host, moved.to_json(), now=now_ms)
    holds.shift(transaction, by_ms, now=now_ms)
    known = control.get(transaction, control.CLOCK)
    if known is not None:
        control.put(transaction, control.CLOCK, _offset_after(known, by_ms / 1000), now=now_ms)


def _offset_after(known: dict[str, Any], by_s: float) -> dict[str, Any]:
    """The offset to the server's clock that follows from a jump of ours, before any answer has shown it."""
    samples = [round(each - by_s, 3) for each in known.get("samples", [])]
    at = {"at": known["at"] + int(by_s * 1000)} if "at" in known else {}
    return {**known, "offset_s": float(known["offset_s"]) - by_s, "samples": samples, **at}


def present_offset_s(transaction: Transaction, clock: Clock) -> float | None:
    """Server time minus device time in seconds, also right after a jump that no pass has followed yet."""
    known = control.get(transaction, control.CLOCK)
    if known is None:
        return None
    return float(known["offset_s"]) - jump_ms(control.get(transaction, control.CLOCK_BASE), clock) / 1000
