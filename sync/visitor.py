"""Who asks through the local API or the page, and what they may do there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a visitor was let in for."""

    CAPTURE = "capture"  # record interventions, and correct one's own
    READ = "read"  # see where they stand
    CONTROL = "control"  # resync, settle, discard, pause, import
    AUTH = "auth"  # hand over sign-in tokens; nobody can read them back


@dataclass(frozen=True, slots=True)
class Visitor:
    """`everyone`: the entries of all owners. Otherwise those of `owner` alone (None: that have none)."""

    scopes: frozenset[Scope]
    owner: str | None = None
    everyone: bool = False

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def sees(self, owner: str | None) -> bool:
        """Whether an entry of this owner is any business of theirs."""
        return self.everyone or owner == self.owner
