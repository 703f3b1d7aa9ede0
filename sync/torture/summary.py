"""How rounds ended, one by one and together, in the shapes that `torture --json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.torture.deck import Hand
from sync.torture.invariants import Tally
from sync.torture.trial import Violation


@dataclass(frozen=True, slots=True)
class Played:
    """How one round ended."""

    hand: Hand
    tally: Tally
    violations: tuple[Violation, ...]
    struck: tuple[str, ...]
    reasons: Mapping[str, int]  # why entries are not done, and how many each
    duration_s: float

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "round": self.hand.round,
            "seed": self.hand.seed,
            "ok": not self.violations,
            "in_doubt_strategy": self.hand.strategy,
            "faults": list(self.hand.faults),
            **self.tally.to_json(),
            "reasons": dict(self.reasons),
            "violations": [violation_json(self.hand, each) for each in self.violations],
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(slots=True)
class Summary:
    """The whole run, in the shape of the last line of `torture --json`."""

    seed: int
    names: tuple[str, ...]
    rounds: int = 0
    tally: Tally = field(default_factory=Tally)
    violations: list[tuple[Hand, Violation]] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    duration_s: float = 0.0

    @property
    def ok(self) -> bool:
        return self.rounds > 0 and not self.violations

    def add(self, played: Played) -> None:
        self.rounds += 1
        self.tally = self.tally.plus(played.tally)
        self.violations += [(played.hand, each) for each in played.violations]
        self.struck.update(played.struck)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "ok": self.ok,
            "rounds": self.rounds,
            "seed": self.seed,
            **self.tally.to_json(),
            "violations": [violation_json(hand, each) for hand, each in self.violations],
            "faults": {name: self.struck[name] for name in self.names},
            "duration_s": round(self.duration_s, 3),
        }


def violation_json(hand: Hand, violation: Violation) -> dict[str, Any]:
    return {
        "round": hand.round,
        "seed": hand.seed,
        "invariant": violation.invariant,
        "detail": violation.detail,
    }
