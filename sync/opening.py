"""How a pass begins: take over what dead drainers left, lift the holds that may be lifted, look for the hosts."""

from __future__ import annotations

from typing import Final

from storage import claims, control, readiness
from storage.database import Database, Transaction
from sync.clock import Clock
from sync.connectivity import look
from sync.durable import written
from sync.gate import Host, Mode
from sync.holds import lift_hold
from sync.hosts import Hosts
from sync.intake import Intake
from sync.lookups import Lookups
from sync.operations import OPERATIONS
from sync.policy import RETRY_AFTER_CAP_S
from sync.rules import Ask, Rules

REPEATABLE: Final = frozenset(operation.kind for operation in OPERATIONS if operation.repeatable)


def open_pass(
    database: Database,
    hosts: Hosts,
    intake: Intake,
    lookups: Lookups,
    *,
    rules: Rules,
    ask: Ask,
    clock: Clock,
) -> None:
    """Bring the outbox and `hosts` to where claims can begin. Only for the holder of the drain lock."""

    def take_over(transaction: Transaction) -> None:
        now_ms = clock.now_ms()
        claims.rescue(
            transaction,
            repeatable_kinds=REPEATABLE,
            now=now_ms,
            mono_ms=clock.monotonic_ms(),
            boot=clock.boot(),
        )
        # A wait that the server named stands at its host's gate, so no entry's own is longer than a backoff.
        readiness.clamp_waits(transaction, latest=now_ms + int(rules.limits.backoff_cap_s * 1000))
        lookups.settle(transaction)
        hosts.load(transaction, clock.now())
        if ask.forced:
            hosts.forget_waits()
        _lift_holds(transaction, intake, now_ms, forced=ask.forced)

    written(database, take_over, within_s=rules.exchange_limit_s)
    _look_around(database, hosts, rules, ask, clock)


def _lift_holds(transaction: Transaction, intake: Intake, now_ms: int, *, forced: bool) -> None:
    for owner, hold in control.paused_owners(transaction).items():
        tokens = intake.tokens_for(owner or None)
        changed = tokens is not None and tokens.fingerprint() != hold.get("tokens")
        # A clock that jumped must not keep an owner waiting for years.
        probe_at = min(int(hold.get("probe_at", 0)), now_ms + int(RETRY_AFTER_CAP_S * 1000))
        if changed or forced or (tokens is not None and probe_at <= now_ms):
            lift_hold(transaction, owner or None, hold, probing=not changed, now=now_ms)
        elif probe_at < int(hold.get("probe_at", 0)):
            control.pause_owner(transaction, owner or None, {**hold, "probe_at": probe_at}, now=now_ms)


def _look_around(database: Database, hosts: Hosts, rules: Rules, ask: Ask, clock: Clock) -> None:
    """Before a closed gate is tried with an entry, see whether there is a way to its host at all."""
    now = clock.now()
    with database.read() as transaction:
        # Where the oldest owed signature has to go is the upload host, as far as it is known.
        owed = readiness.first_owed_url(transaction, hosts.main_upload_host)
        targets = {Host.API: rules.api_url, Host.UPLOAD: owed}
    for host, url in targets.items():
        waits = hosts.waits_until(host, now) is not None
        if hosts[host].mode is not Mode.CLOSED or url is None or (waits and not ask.looked):
            continue
        if look(url):
            hosts.look_succeeded(host, now, spread_s=rules.start_spread_s if ask.spread else 0.0)
        else:
            hosts.look_failed(host, hosts[host].reason or "no_connection", now)
    written(
        database,
        lambda transaction: hosts.store(transaction, clock.now_ms()),
        within_s=rules.exchange_limit_s,
    )
