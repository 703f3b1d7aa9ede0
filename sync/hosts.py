"""The gates of the hosts we talk to during a pass: loaded, told what was seen, stored again when something changed.

The API has one. Each host that a presigned URL led to has one of its own, so that a dead one stops only what is owed
there. The upload host, asked about before anything with a signature is sent, is the one that last took a signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from storage import control, owing
from storage.database import Transaction
from storage.upload_host import upload_host
from sync import gate as g
from sync.gate import Gate, Host, Mode
from sync.policy import RETRY_AFTER_CAP_S, HostNews

# How often a success that only proves what was known is worth a write.
_PROOF_WRITTEN_S: Final = 150.0
_UPLOAD: Final = Host.UPLOAD.value + ":"


def upload_key(url: str | None) -> str:
    """The name of the gate that an upload to `url` has to pass."""
    return _UPLOAD + upload_host(url)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All gates at one moment."""

    gates: dict[str, Gate]
    stored: dict[str, Gate]


class Hosts:
    """What is known of the API's host and of each upload host. One writer: the drain."""

    def __init__(self, *, probe_cap_s: float, rng: Random, hold_spread_s: float = 0.0) -> None:
        self._probe_cap_s = probe_cap_s
        self._hold_spread_s = hold_spread_s
        self._rng = rng
        self._gates: dict[str, Gate] = {Host.API.value: Gate(Mode.OPEN)}
        self._stored: dict[str, Gate] = {}

    def load(self, transaction: Transaction, now: datetime) -> None:
        """Read all gates; waits that a clock jump made absurd are cut to their caps."""
        stored = control.get_all(transaction, control.GATE)
        for key, note in stored.items():
            known = Gate.from_json(note)
            self._stored[key] = known
            hold_cap_s = RETRY_AFTER_CAP_S + self._hold_spread_s
            known = g.clamped(known, now, probe_cap_s=self._probe_cap_s, hold_cap_s=hold_cap_s)
            if key != Host.API.value and known.mode is Mode.OPEN:
                # Each pass proves the upload host anew with one canary: every POST mints a URL that may die unused.
                known = Gate(Mode.CANARY, proven_at=known.proven_at)
            if key != Host.UPLOAD.value:  # that note only repeats what is known of the main one, for people
                self._gates[key] = known
        self._forget_old(transaction)

    def _forget_old(self, transaction: Transaction) -> None:
        """A server that names a new host each day must not fill the outbox with notes."""
        uploads = [key for key in self._gates if key.startswith(_UPLOAD)]
        if len(uploads) < 2:
            return
        owed = {_UPLOAD + host for host in owing.owed_hosts(transaction)}
        main = self._main()
        for key in uploads:
            if key != main and key not in owed and self._gates[key].hold_until is None:
                del self._gates[key]
                self._stored.pop(key, None)
                control.clear(transaction, control.GATE + key)

    def _main(self) -> str | None:
        """The upload host that took a signature last; before any did, the one that was tried last."""
        uploads = [(key, gate) for key, gate in self._gates.items() if key.startswith(_UPLOAD)]
        proven = [(gate.proven_at, key) for key, gate in uploads if gate.proven_at is not None]
        if proven:
            return max(proven)[1]
        return max(
            ((gate.since.timestamp() if gate.since else 0.0, key) for key, gate in uploads), default=(0, None)
        )[1]

    @property
    def main_upload_host(self) -> str:
        """The name of the upload host, as in its URLs; empty where none is known."""
        return (self._main() or _UPLOAD).removeprefix(_UPLOAD)

    def store(self, transaction: Transaction, now_ms: int) -> None:
        """Write the gates that changed. A success that proves what was known is not worth a write."""
        gates = dict(self._gates)
        if self._main() is not None:
            gates[Host.UPLOAD.value] = self[Host.UPLOAD]
        for key, gate in gates.items():
            before = self._stored.get(key)
            if before is None or _told(gate) != _told(before) or not _same_proof(before, gate):
                control.put(transaction, control.GATE + key, gate.to_json(), now=now_ms)
                self._stored[key] = gate

    def __getitem__(self, host: Host | str) -> Gate:
        return self._gates.get(self._key(host), Gate())

    def _key(self, host: Host | str) -> str:
        """`Host.UPLOAD` is the one that stands for all; a name from `upload_key` is that one alone."""
        if host is Host.UPLOAD:
            return self._main() or _UPLOAD
        return str(host)

    def waits_until(self, host: Host | str, now: datetime) -> datetime | None:
        return g.waits_until(self[host], now)

    def tell(
        self, host: Host | str, news: HostNews, reason: str, now: datetime, hold_s: float | None = None
    ) -> None:
        """What a try that went to `host` showed."""
        gate = self[host]
        match news:
            case HostNews.ANSWERED:
                gate = g.answered(gate, now)
            case HostNews.TROUBLED:
                gate = g.troubled(gate, reason, now, probe_cap_s=self._probe_cap_s, rng=self._rng)
            case HostNews.HELD:
                # A date names the same moment to a whole fleet: nobody comes back exactly then.
                wait_s = hold_s or 0.0
                wait_s += self._rng.uniform(0, min(self._hold_spread_s, wait_s))
                gate = g.held(gate, reason, now, wait_s=wait_s)
            case HostNews.UNREACHABLE:
                gate = self._unreachable(gate, reason, now)
            case HostNews.NONE:
                return
        self._gates[self._key(host)] = gate

    def _unreachable(self, gate: Gate, reason: str, now: datetime) -> Gate:
        # Several workers meet the same dead link at once: that is one failure, not many.
        if gate.mode is Mode.CLOSED and gate.probe_at is not None and gate.probe_at > now:
            return gate
        return g.unreachable(gate, reason, now, probe_cap_s=self._probe_cap_s, rng=self._rng)

    def look_failed(self, host: Host, reason: str, now: datetime) -> None:
        """A look found no way to the host."""
        self._gates[self._key(host)] = g.unreachable(
            self[host], reason, now, probe_cap_s=self._probe_cap_s, rng=self._rng
        )

    def look_succeeded(self, host: Host, now: datetime, *, spread_s: float) -> None:
        self._gates[self._key(host)] = g.link_is_back(self[host], now, spread_s=spread_s, rng=self._rng)

    def shift(self, by_s: float) -> None:
        """The wall clock jumped: every gate's wait moves with it."""
        self._gates = {key: g.shifted(gate, by_s) for key, gate in self._gates.items()}
        self._stored = {key: g.shifted(gate, by_s) for key, gate in self._stored.items()}

    def snapshot(self) -> Snapshot:
        return Snapshot(dict(self._gates), dict(self._stored))

    def restore(self, before: Snapshot) -> None:
        self._gates, self._stored = dict(before.gates), dict(before.stored)

    def forget_waits(self) -> None:
        """A person orders: closed and held gates let one canary through now."""
        for key, gate in self._gates.items():
            if gate.mode is not Mode.OPEN or gate.hold_until is not None:
                self._gates[key] = Gate(Mode.CANARY, gate.reason, gate.since, proven_at=gate.proven_at)


def second_opinion_after(owed: int) -> timedelta:
    """How long the upload host must have been shut before `owed` waiting signatures get one more to join them.

    Its own address may be what is dead, so that only another entry's could tell. Doubling, because each costs a URL.
    """
    return timedelta(hours=2 ** max(0, min(owed, 10) - 1))


def _told(gate: Gate) -> tuple[object, ...]:
    return gate.mode, gate.reason, gate.probe_at, gate.hold_until, gate.failures


def _same_proof(before: Gate, gate: Gate) -> bool:
    if gate.proven_at is None or before.proven_at is None:
        return gate.proven_at == before.proven_at
    return abs((gate.proven_at - before.proven_at).total_seconds()) < _PROOF_WRITTEN_S
