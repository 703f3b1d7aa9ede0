"""Which tokens an owner's entries go out with now, and which pairs the server took before.

Tokens may be files that others write while we run, so what is known of them is good for a second. A pair that the
server took once is proven, also after a restart: a 403 is then about the entry that it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from storage import control
from storage.database import Transaction
from sync.clock import Clock
from sync.credentials import Tokens

LOOK_EVERY_S: Final = 1.0
PROVEN: Final = "proven:tokens:"  # + fingerprint of a pair: when the server last took it, in ms
MOST_PROVEN: Final = 200  # a team's pairs of some weeks; the one that served longest ago is forgotten first
_TOLD_EVERY_MS: Final = 86_400_000
# Tokens this close to their end would be refused before the request arrives.
_MARGIN: Final = timedelta(seconds=5)


def looks_ended(
    tokens: Tokens, now: datetime, offset_s: float | None, server_now: datetime | None = None
) -> bool:
    """Whether this pair is over by its own words, by the server's clock (`server_now`) where that is sure.

    Else by both clocks, the device's (`now`) and the one that it takes for the server's: neither is sure then.
    """
    if tokens.expires_at is None:
        return False
    by = server_now or now + timedelta(seconds=min(offset_s or 0.0, 0.0))
    return tokens.expires_at <= by + _MARGIN


class TokenBook:
    """The tokens of one pass. Only for the drain's own thread."""

    def __init__(self, tokens_for: Callable[[str | None], Tokens | None], clock: Clock) -> None:
        self._tokens_for = tokens_for
        self._clock = clock
        self._known: dict[str | None, Tokens | None] = {}
        self._read_s: float | None = None
        self._looked_s: float | None = None
        self._proven: set[str] = set()

    def of(self, owner: str | None) -> Tokens | None:
        """The pair of this owner, or None. It may have ended: see `looks_ended`."""
        if self._is_old(self._read_s):
            self._known.clear()
            self._read_s = self._clock.monotonic_s()
        if owner not in self._known:
            self._known[owner] = self._tokens_for(owner)
        return self._known[owner]

    def look_is_due(self) -> bool:
        """Whether it is time to see whose tokens have changed. True once a second, and after `forget`."""
        if not self._is_old(self._looked_s):
            return False
        self._looked_s = self._clock.monotonic_s()
        return True

    def forget(self) -> None:
        """There are new tokens: read them at once."""
        self._known.clear()
        self._looked_s = None

    def _is_old(self, since_s: float | None) -> bool:
        return since_s is None or not 0 <= self._clock.monotonic_s() - since_s < LOOK_EVERY_S

    def is_proven(self, transaction: Transaction, tokens: Tokens) -> bool:
        """Whether the server ever took this pair."""
        mark = tokens.fingerprint()
        if mark not in self._proven:
            if control.get(transaction, PROVEN + mark) is None:
                return False
            self._proven.add(mark)
        return True

    def prove(self, transaction: Transaction, tokens: Tokens, *, now: int) -> None:
        """The server took this pair. Remembered with the transaction."""
        mark = tokens.fingerprint()
        if mark in self._proven:
            return
        self._proven.add(mark)
        known = control.get(transaction, PROVEN + mark)
        if known is None or abs(now - _when(known)) > _TOLD_EVERY_MS:
            control.put(transaction, PROVEN + mark, now, now=now)
        if known is None:
            _prune(transaction)

    def checkpoint(self) -> tuple[frozenset[str], float | None]:
        """What `restore` takes."""
        return frozenset(self._proven), self._looked_s

    def restore(self, before: tuple[frozenset[str], float | None]) -> None:
        """Back to a checkpoint: a transaction that was not committed has proved nothing, and has lifted no hold."""
        self._proven, self._looked_s = set(before[0]), before[1]


def _prune(transaction: Transaction) -> None:
    marks = control.get_all(transaction, PROVEN)
    for mark in sorted(marks, key=lambda each: _when(marks[each]))[: max(0, len(marks) - MOST_PROVEN)]:
        control.clear(transaction, PROVEN + mark)


def _when(value: object) -> int:
    # Once the value was only `true`.
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
