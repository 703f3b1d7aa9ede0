"""The gates of both hosts during a pass: loaded, told what was seen, stored again when something changed."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Final

from storage import control
from storage.database import Transaction
from sync import gate as g
from sync.gate import Gate, Host, Mode
from sync.policy import RETRY_AFTER_CAP_S, HostNews

# How often a success that only proves what was known is worth a write.
_PROOF_WRITTEN_S: Final = 150.0


class Hosts:
    """What is known of the API's host and the upload host. One writer: the drain."""

    def __init__(self, *, probe_cap_s: float, rng: Random) -> None:
        self._probe_cap_s = probe_cap_s
        self._rng = rng
        self._gates: dict[Host, Gate] = {}
        self._stored: dict[Host, Gate] = {}

    def load(self, transaction: Transaction, now: datetime) -> None:
        """Read both gates; waits that a clock jump made absurd are cut to their caps."""
        stored = control.get_all(transaction, control.GATE)
        for host in Host:
            known = Gate.from_json(stored.get(host.value))
            if host.value not in stored and host is Host.API:
                known = Gate(Mode.OPEN)  # nothing known: the first sends find out
            self._stored[host] = known
            known = g.clamped(known, now, probe_cap_s=self._probe_cap_s, hold_cap_s=RETRY_AFTER_CAP_S)
            if host is Host.UPLOAD and known.mode is Mode.OPEN:
                # Each pass proves the upload host anew with one canary: every POST mints a URL that may die unused.
                known = Gate(Mode.CANARY, proven_at=known.proven_at)
            self._gates[host] = known

    def store(self, transaction: Transaction, now_ms: int) -> None:
        """Write the gates that changed. A success that proves what was known is not worth a write."""
        for host, gate in self._gates.items():
            before = self._stored.get(host)
            if before is None or _told(gate) != _told(before) or not _same_proof(before, gate):
                control.put(transaction, control.GATE + host.value, gate.to_json(), now=now_ms)
                self._stored[host] = gate

    def __getitem__(self, host: Host) -> Gate:
        return self._gates[host]

    def waits_until(self, host: Host, now: datetime) -> datetime | None:
        return g.waits_until(self._gates[host], now)

    def tell(
        self, host: Host, news: HostNews, reason: str, now: datetime, hold_s: float | None = None
    ) -> None:
        """What a try that went to `host` showed."""
        gate = self._gates[host]
        match news:
            case HostNews.ANSWERED:
                gate = g.answered(gate, now)
            case HostNews.TROUBLED:
                gate = g.troubled(gate, reason, now, probe_cap_s=self._probe_cap_s, rng=self._rng)
            case HostNews.HELD:
                gate = g.held(gate, reason, now, wait_s=hold_s or 0.0)
            case HostNews.UNREACHABLE:
                gate = self._unreachable(gate, reason, now)
            case HostNews.NONE:
                pass
        self._gates[host] = gate

    def _unreachable(self, gate: Gate, reason: str, now: datetime) -> Gate:
        # Several workers meet the same dead link at once: that is one failure, not many.
        if gate.mode is Mode.CLOSED and gate.probe_at is not None and gate.probe_at > now:
            return gate
        return g.unreachable(gate, reason, now, probe_cap_s=self._probe_cap_s, rng=self._rng)

    def look_failed(self, host: Host, reason: str, now: datetime) -> None:
        """A look found no way to the host."""
        self._gates[host] = g.unreachable(
            self._gates[host], reason, now, probe_cap_s=self._probe_cap_s, rng=self._rng
        )

    def look_succeeded(self, host: Host, now: datetime, *, spread_s: float) -> None:
        self._gates[host] = g.link_is_back(self._gates[host], now, spread_s=spread_s, rng=self._rng)

    def snapshot(self) -> tuple[dict[Host, Gate], dict[Host, Gate]]:
        return dict(self._gates), dict(self._stored)

    def restore(self, before: tuple[dict[Host, Gate], dict[Host, Gate]]) -> None:
        self._gates, self._stored = dict(before[0]), dict(before[1])

    def forget_waits(self) -> None:
        """A person orders: closed and held gates let one canary through now."""
        for host, gate in self._gates.items():
            if gate.mode is not Mode.OPEN or gate.hold_until is not None:
                self._gates[host] = Gate(Mode.CANARY, gate.reason, gate.since, proven_at=gate.proven_at)


def _told(gate: Gate) -> tuple[object, ...]:
    return gate.mode, gate.reason, gate.probe_at, gate.hold_until, gate.failures


def _same_proof(before: Gate, gate: Gate) -> bool:
    if gate.proven_at is None or before.proven_at is None:
        return gate.proven_at == before.proven_at
    return abs((gate.proven_at - before.proven_at).total_seconds()) < _PROOF_WRITTEN_S
