"""How a pass begins: take over what dead drainers left, end waits that a person ended, look for the hosts."""

from __future__ import annotations

from storage import claims, owing, waits
from storage.database import Database, Transaction
from sync import clock_jump, holds
from sync.clock import Clock
from sync.connectivity import look
from sync.durable import written
from sync.gate import Host, Mode
from sync.hosts import Hosts
from sync.lookups import Lookups
from sync.operations import is_repeatable
from sync.rules import Ask, Rules


def open_pass(
    database: Database, hosts: Hosts, lookups: Lookups, *, rules: Rules, ask: Ask, clock: Clock
) -> None:
    """Bring the outbox and `hosts` to where claims can begin. Only for the holder of the drain lock."""

    def take_over(transaction: Transaction) -> None:
        now_ms = clock.now_ms()
        clock_jump.follow(transaction, clock)
        claims.rescue(
            transaction,
            repeatable=is_repeatable,
            now=now_ms,
            mono_ms=clock.monotonic_ms(),
            boot=clock.boot(),
        )
        # A wait that the server named stands at its host's gate, so no entry's own is longer than a backoff.
        waits.clamp_waits(transaction, latest=now_ms + int(rules.limits.backoff_cap_s * 1000))
        lookups.settle(transaction)
        hosts.load(transaction, clock.now())
        if ask.forced:
            hosts.forget_waits()
            holds.probe_now(transaction, clock.now())

    written(database, take_over, within_s=rules.exchange_limit_s)
    _look_around(database, hosts, rules, ask, clock)


def _look_around(database: Database, hosts: Hosts, rules: Rules, ask: Ask, clock: Clock) -> None:
    """Before a closed gate is tried with an entry, see whether there is a way to its host at all."""
    now = clock.now()
    with database.read() as transaction:
        # Where the oldest owed signature has to go is the upload host, as far as it is known.
        owed = owing.first_owed_url(transaction, hosts.main_upload_host)
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
