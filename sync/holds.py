"""Holding back without touching an entry: the whole queue, or the sends of one owner whose tokens failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from storage import control
from storage.database import Transaction
from storage.guarded import to_ms
from sync.credentials import Tokens

_AUTH_PROBE_AFTER_S: Final = (300.0, 900.0, 3600.0)
_PROBED: Final = "probed:owner:"  # a hold that was lifted to try the same tokens again


def pause_queue(transaction: Transaction, reason: str, detail: str | None, now: datetime) -> None:
    """Hold the whole queue; no entry changes state."""
    value = {"reason": reason, "since": now.isoformat(), "detail": detail}
    control.put(transaction, control.PAUSE, value, now=to_ms(now))


def hold_owner(
    transaction: Transaction, owner: str | None, tokens: Tokens | None, detail: str, now: datetime
) -> None:
    """Hold the sends of one owner until other tokens come, or until the next probe with these."""
    mark = None if tokens is None else tokens.fingerprint()
    standing = control.paused_owners(transaction).get(owner or "")
    if standing is not None and standing["tokens"] == mark:
        return  # several workers met the same refusal: that is one, not many
    before = standing or control.get(transaction, _PROBED + (owner or "")) or {}
    failures = int(before.get("failures", 0)) + 1 if before.get("tokens") == mark else 1
    wait_s = _AUTH_PROBE_AFTER_S[min(failures, len(_AUTH_PROBE_AFTER_S)) - 1]
    value: dict[str, Any] = {
        "reason": "auth_required",
        "since": before.get("since") or now.isoformat(),
        "detail": detail,
        "failures": failures,
        "probe_at": to_ms(now) + int(wait_s * 1000),
        "tokens": mark,
    }
    control.pause_owner(transaction, owner, value, now=to_ms(now))


def lift_hold(
    transaction: Transaction, owner: str | None, hold: dict[str, Any], *, probing: bool, now: int
) -> None:
    """Let an owner's entries be tried again; a probe that fails goes on where the hold left off."""
    control.resume_owner(transaction, owner)
    if probing:
        control.put(transaction, _PROBED + (owner or ""), hold, now=now)
    else:
        control.clear(transaction, _PROBED + (owner or ""))


def forget_probe(transaction: Transaction, owner: str | None) -> None:
    """The tokens of this owner are good."""
    control.clear(transaction, _PROBED + (owner or ""))
