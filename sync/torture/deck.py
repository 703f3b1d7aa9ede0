"""Which faults happen in which round: a shuffled deck and no dice, so that ten rounds meet every one of them. Pure.

Everything follows from the seed of the run and the number of the round, so that one round can be played again alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import Final

# In so many rounds every fault happens at least once.
ALL_WITHIN_ROUNDS: Final = 10
# So many come together in one round: trouble seldom comes alone.
LEAST_FAULTS: Final = 6


@dataclass(frozen=True, slots=True)
class Hand:
    """What one round meets, in this order. `strategy` is the setting `sync.in_doubt` of its device."""

    seed: int
    round: int
    strategy: str
    faults: tuple[str, ...]

    def rng(self, place: int | str = "") -> Random:
        """The choices inside this round; each place in it has its own, whatever the others drew."""
        return Random(f"{self.seed}:{self.round}:{place}")  # noqa: S311  repeatable on purpose


def deal(seed: int, round: int, faults: Sequence[str], strategies: Sequence[str]) -> Hand:
    """The hand of one round, counted from 1."""
    each = min(len(faults), max(LEAST_FAULTS, ceil(len(faults) / ALL_WITHIN_ROUNDS)))
    first = (round - 1) * each
    dealt = tuple(_card(seed, "faults", faults, place) for place in range(first, first + each))
    return Hand(seed, round, _card(seed, "strategies", strategies, round - 1), dealt)


def _card(seed: int, name: str, cards: Sequence[str], place: int) -> str:
    """The card at this place of decks without end, one shuffled deck after the other."""
    deck, index = divmod(place, len(cards))
    shuffled = sorted(cards)
    Random(f"{seed}:{name}:{deck}").shuffle(shuffled)  # noqa: S311  repeatable on purpose
    return shuffled[index]
