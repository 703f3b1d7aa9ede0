"""The rules of a drain, and what is asked of one pass: plain values, handed in by whoever builds or orders it."""

from __future__ import annotations

from dataclasses import dataclass

from sync.looking import ListCall
from sync.policy import Limits
from sync.reconcile import Strategy
from sync.ways_out import NO_WAYS, Ways


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a drain, in seconds where they are times."""

    limits: Limits
    strategy: Strategy
    settle_s: float
    lookup_gap_s: float
    list_call: ListCall
    lease_s: float
    exchange_limit_s: float
    start_spread_s: float
    probe_cap_s: float
    api_url: str
    ways: Ways = NO_WAYS
    conflict_after_s: float | None = None  # None: an update is sent whatever has become of its target


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of one pass. `forced`: a person orders, so gates and waits are forgotten once."""

    forced: bool = False
    looked: bool = False  # a person waits: look for the host now, even where the next look is due later
    spread: bool = False  # nobody waits: come back slowly after the link was away
