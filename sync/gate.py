"""Is a host worth sending to? Pure: what was seen goes in, the state of that host's gate comes out.

A gate is a hint, never proof. It keeps a dead link from costing every entry a try, a refusing host from being flooded,
and a recovering one from meeting the whole queue at once: after trouble one canary goes first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from random import Random


class Host(StrEnum):
    """The two ends we talk to."""

    API = "api"
    UPLOAD = "upload"


class Mode(StrEnum):
    OPEN = "open"  # goes at full width
    CANARY = "canary"  # one at a time until one succeeds
    CLOSED = "closed"  # nothing goes before the next look


PROBE_FLOOR_S: Final = 5.0
# Trouble that is an answer, not a dead link: so many in a row close the gate.
TROUBLES_TO_CLOSE: Final = 3


class Gate(NamedTuple):
    """One host as last seen. Instants are aware UTC; `failures` counts since the last success."""

    mode: Mode = Mode.CANARY
    reason: str | None = None
    since: datetime | None = None
    probe_at: datetime | None = None
    hold_until: datetime | None = None
    failures: int = 0
    proven_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in self._asdict().items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> Gate:
        """The stored gate; one that cannot be understood is a fresh one."""
        known: dict[str, Any] = {name: (stored or {}).get(name) for name in cls._fields}
        try:
            for name in ("since", "probe_at", "hold_until", "proven_at"):
                known[name] = datetime.fromisoformat(known[name]) if known[name] else None
            return cls(**{**known, "mode": Mode(known["mode"]), "failures": int(known["failures"] or 0)})
        except (TypeError, ValueError):
            return cls()


def answered(gate: Gate, now: datetime) -> Gate:
    """The host did its part: full width, everything forgotten but a wait that is not over.

    A success that was on the wire when the gate closed ends no wait that the host named, nor one that it earned with
    trouble after trouble. It only shows that a link which failed once is not dead: then one may go first.
    """
    if gate.hold_until is not None and gate.hold_until > now:
        return gate._replace(proven_at=now)
    if gate.mode is Mode.CLOSED and gate.probe_at is not None and gate.probe_at > now:
        if gate.failures >= TROUBLES_TO_CLOSE:
            return gate._replace(proven_at=now)
        return Gate(Mode.CANARY, gate.reason, now, proven_at=now)
    if gate.mode is Mode.OPEN and gate.failures == 0 and gate.hold_until is None:
        return gate._replace(proven_at=now)
    return Gate(Mode.OPEN, since=now, proven_at=now)


def unreachable(gate: Gate, reason: str, now: datetime, *, probe_cap_s: float, rng: Random) -> Gate:
    """No way to the host, or somebody else stood in for it: look again after a jittered, growing wait."""
    failures = gate.failures + 1
    since = gate.since if gate.mode is Mode.CLOSED and gate.since else now
    wait_s = _probe_wait_s(failures, probe_cap_s, rng)
    return Gate(
        Mode.CLOSED, reason, since, now + timedelta(seconds=wait_s), gate.hold_until, failures, gate.proven_at
    )


def troubled(gate: Gate, reason: str, now: datetime, *, probe_cap_s: float, rng: Random) -> Gate:
    """The host answered that it cannot or will not: one at a time now, and after a few in a row a wait."""
    failures = gate.failures + 1
    if failures >= TROUBLES_TO_CLOSE:
        return unreachable(gate, reason, now, probe_cap_s=probe_cap_s, rng=rng)
    return gate._replace(mode=Mode.CANARY, reason=reason, since=now, failures=failures)


def held(gate: Gate, reason: str, now: datetime, *, wait_s: float) -> Gate:
    """The server named a wait: nobody goes before it is over, and then one canary."""
    until = now + timedelta(seconds=wait_s)
    if gate.hold_until is not None and gate.hold_until > until:
        until = gate.hold_until
    return gate._replace(mode=Mode.CANARY, reason=reason, since=now, hold_until=until)


def link_is_back(gate: Gate, now: datetime, *, spread_s: float, rng: Random) -> Gate:
    """A look found the host again. A fleet that came back with the same mast spreads itself over `spread_s`."""
    hold = gate.hold_until
    if spread_s > 0:
        spread = now + timedelta(seconds=rng.uniform(0, spread_s))
        hold = spread if hold is None else max(hold, spread)
    return gate._replace(mode=Mode.CANARY, since=now, probe_at=None, hold_until=hold)


def clamped(gate: Gate, now: datetime, *, probe_cap_s: float, hold_cap_s: float) -> Gate:
    """A gate loaded after the clock may have jumped: no wait is longer than its cap."""
    probe_at, hold_until = gate.probe_at, gate.hold_until
    if probe_at is not None:
        probe_at = min(probe_at, now + timedelta(seconds=probe_cap_s))
    if hold_until is not None:
        hold_until = min(hold_until, now + timedelta(seconds=hold_cap_s))
    return gate._replace(probe_at=probe_at, hold_until=hold_until)


def shifted(gate: Gate, by_s: float) -> Gate:
    """The same gate after the wall clock jumped by `by_s`: what it waits for has moved as well."""
    return gate._replace(
        since=_moved(gate.since, by_s),
        probe_at=_moved(gate.probe_at, by_s),
        hold_until=_moved(gate.hold_until, by_s),
        proven_at=_moved(gate.proven_at, by_s),
    )


def _moved(at: datetime | None, by_s: float) -> datetime | None:
    return None if at is None else at + timedelta(seconds=by_s)


def waits_until(gate: Gate, now: datetime) -> datetime | None:
    """When this gate may be passed next; None when it may be now."""
    moments = [gate.hold_until] if gate.hold_until is not None and gate.hold_until > now else []
    if gate.mode is Mode.CLOSED and gate.probe_at is not None and gate.probe_at > now:
        moments.append(gate.probe_at)
    return max(moments, default=None)


def _probe_wait_s(failures: int, cap_s: float, rng: Random) -> float:
    """Between half and all of a wait that doubles from the floor to the cap: no storm, no silence."""
    longest = min(cap_s, PROBE_FLOOR_S * 2 ** min(failures - 1, 16))
    return rng.uniform(longest / 2, longest)
