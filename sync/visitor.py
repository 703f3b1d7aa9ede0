"""Who asks through the local API or the page, and what they may do there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


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

    @property
    def only(self) -> str | None:
        """Whose entries alone they see, "" for those that are nobody's; None: everybody's."""
        return None if self.everyone else self.owner or ""

    def to_json(self) -> dict[str, Any]:
        return {"scopes": sorted(self.scopes), "owner": self.owner, "everyone": self.everyone}

    @classmethod
    def from_json(cls, document: Any) -> Visitor | None:
        """Who was told by `to_json`; None where it is no such document, or names a scope that there is not."""
        match document:
            case {"scopes": [*scopes], "owner": None | str() as owner, "everyone": bool() as everyone}:
                pass
            case _:
                return None
        try:
            return cls(frozenset(Scope(scope) for scope in scopes), owner, everyone)
        except ValueError:
            return None


OPS: Final = Visitor(frozenset(Scope), everyone=True)


def technician(owner: str | None) -> Visitor:
    """Who captures on this device, and sees what is theirs."""
    return Visitor(frozenset({Scope.CAPTURE, Scope.READ}), owner)
