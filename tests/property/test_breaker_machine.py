"""P10: the gate of a host is a circuit breaker: closed by trouble after trouble, and tried by one request at a time.

Sixteen workers, answers in any order, restarts and jumps of the clock at any moment.
"""

import json
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync import gate as g
from sync.gate import TROUBLES_TO_CLOSE, Gate, Host, Mode
from sync.hosts import Hosts
from sync.policy import HostNews
from sync.widths import width_of

WORKERS = 16
CAP_S = 120.0
HOLD_CAP_S = 3600.0


class Breaker(RuleBasedStateMachine):
    """`in_flight` holds, for each request on the wire, whether it left after the last change of the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
        self.rng = Random(1)
        self.hosts = Hosts(probe_cap_s=CAP_S, rng=self.rng)
        self.in_flight = 0
        self.in_a_row = 0
        self.quiet_until = self.now

    @property
    def gate(self) -> Gate:
        return self.hosts[Host.API]

    def tell(self, news: HostNews, hold_s: float | None = None) -> None:
        self.in_flight -= 1
        self.hosts.tell(Host.API, news, "server_trouble", self.now, hold_s)

    @rule(idle=st.integers(1, WORKERS))
    def claim(self, idle: int) -> None:
        """As many requests as the gate lets out now, and never more than one where it is not open."""
        before = self.in_flight
        width = width_of(self.hosts, Host.API, self.now, before, min(idle, WORKERS - before))
        if self.gate.mode is not Mode.OPEN:
            assert width <= 1, "one probe"
            assert width == 0 or before == 0, "and nobody beside it"
        if self.now < self.quiet_until:
            assert width == 0, "what was waited for is not over"
        self.in_flight += width

    @precondition(lambda self: self.in_flight > 0)
    @rule()
    def trouble(self) -> None:
        self.in_a_row += 1
        self.tell(HostNews.TROUBLED)
        if self.in_a_row >= TROUBLES_TO_CLOSE:
            assert self.gate.mode is Mode.CLOSED
            assert self.gate.probe_at is not None
            assert timedelta(0) < self.gate.probe_at - self.now <= timedelta(seconds=CAP_S)
            self.quiet_until = max(self.quiet_until, self.gate.probe_at)
        else:
            assert self.gate.mode is not Mode.OPEN

    @precondition(lambda self: self.in_flight > 0)
    @rule()
    def dead_link(self) -> None:
        closed_before = self.gate.mode is Mode.CLOSED and self.now < (self.gate.probe_at or self.now)
        self.tell(HostNews.UNREACHABLE)
        assert self.gate.mode is Mode.CLOSED
        if not closed_before:
            self.in_a_row = self.gate.failures

    @precondition(lambda self: self.in_flight > 0)
    @rule()
    def success(self) -> None:
        """A probe that comes through opens; what was on the wire when the gate closed ends no wait it has earned."""
        stands = self.now < self.quiet_until
        self.tell(HostNews.ANSWERED)
        if stands:
            assert g.waits_until(self.gate, self.now) is not None
        else:
            self.in_a_row = 0

    @precondition(lambda self: self.in_flight > 0)
    @rule(seconds=st.floats(1, HOLD_CAP_S))
    def told_to_wait(self, seconds: float) -> None:
        self.tell(HostNews.HELD, seconds)
        self.quiet_until = max(self.quiet_until, self.now + timedelta(seconds=seconds))

    @precondition(lambda self: self.in_flight > 0)
    @rule()
    def nothing_learned(self) -> None:
        self.tell(HostNews.NONE)

    @rule(seconds=st.floats(0, 300))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(days=st.integers(-800, 800))
    def clock_jumps(self, days: int) -> None:
        """The wall clock and all that is stored of it move together."""
        self.now += timedelta(days=days)
        self.quiet_until += timedelta(days=days)
        self.hosts.shift(days * 86_400.0)

    @rule()
    def restart(self) -> None:
        """The process dies with all that is on the wire; the next one knows what was written down."""
        stored = json.loads(json.dumps(self.gate.to_json()))
        loaded = g.clamped(Gate.from_json(stored), self.now, probe_cap_s=CAP_S, hold_cap_s=HOLD_CAP_S)
        assert loaded == self.gate, "no wait is lost, none grows"
        self.hosts = Hosts(probe_cap_s=CAP_S, rng=self.rng)
        self.hosts._gates[Host.API.value] = loaded
        self.in_flight = 0

    @invariant()
    def never_shut_for_ever(self) -> None:
        until = g.waits_until(self.gate, self.now)
        assert until is None or until - self.now <= timedelta(seconds=HOLD_CAP_S)


TestBreaker = Breaker.TestCase
TestBreaker.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
