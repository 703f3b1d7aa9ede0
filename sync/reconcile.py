"""Settles entries in doubt by the configured strategy: hold them for a person, or send the same bytes again.

No strategy shortens the settling time: only when the first request can no longer be carried out is a second harmless
to think about. An entry that the server certainly has is never sent again, by any of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from storage import doubts
from storage.database import Transaction
from sync.clock import Clock
from sync.policy import Limits


class Strategy(StrEnum):
    """What happens to an entry whose request may or may not have arrived."""

    HOLD = "hold"  # park it at once, a person decides
    RESEND = "resend"  # send the same key and bytes again after the settling time; may create twice


HELD_REASON: Final = "arrival_unknown"
CREATED_REASON: Final = "answer_unusable"
# Kept as they are: they say more than that the server has it.
_KEPT_REASONS: Final = frozenset({"conflict", "server_id_taken"})


def settle(
    transaction: Transaction, strategy: Strategy, *, settle_s: float, limits: Limits, clock: Clock
) -> int:
    """Move on what can be moved on now; how many entries were settled."""
    settled = 0
    now_ms, mono_ms, boot = clock.now_ms(), clock.monotonic_ms(), clock.boot()
    for doubt in doubts.in_doubt(transaction):
        if doubt.certainly_created:
            known = doubt.reason in _KEPT_REASONS
            settled += doubts.park(transaction, doubt, reason=(known and doubt.reason) or CREATED_REASON)
        elif strategy is Strategy.HOLD:
            settled += doubts.park(transaction, doubt, reason=HELD_REASON)
        elif doubt.boot != boot or doubt.mono_ms is None:
            # Monotonic time of another boot says nothing: the settling time starts again.
            doubts.restart_clock(transaction, doubt, now=now_ms, mono_ms=mono_ms, boot=boot)
        elif mono_ms - doubt.mono_ms >= settle_s * 1000:
            since = doubt.first_attempt_at
            too_old = since is not None and now_ms - since >= limits.max_age_s * 1000
            if doubt.attempts >= limits.max_attempts or too_old:
                settled += doubts.park(transaction, doubt, reason="attempts_exhausted")
            else:
                settled += doubts.take_for_absent(transaction, doubt)
    return settled


def settles_in_s(transaction: Transaction, *, settle_s: float, clock: Clock) -> float | None:
    """Seconds until the next entry in doubt can be settled; None where none is waiting for that."""
    mono_ms, boot = clock.monotonic_ms(), clock.boot()
    waits = [
        settle_s
        if doubt.boot != boot or doubt.mono_ms is None
        else settle_s - (mono_ms - doubt.mono_ms) / 1000
        for doubt in doubts.in_doubt(transaction)
    ]
    return None if not waits else max(0.0, min(waits))
