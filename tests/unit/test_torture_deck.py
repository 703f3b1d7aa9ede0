"""Which faults a round meets follows from seed and number alone, and ten rounds leave none out."""

from __future__ import annotations

from collections import Counter

import pytest

from sync.torture.catalogue import FAULTS
from sync.torture.deck import ALL_WITHIN_ROUNDS, LEAST_FAULTS, deal
from sync.torture.rounds import strategies

NAMES = tuple(FAULTS)


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31])
@pytest.mark.parametrize("first", [1, 2, 5, 38])
def test_any_ten_rounds_from_the_start_of_a_deck_meet_every_fault(seed: int, first: int) -> None:
    rounds = range(1, first + ALL_WITHIN_ROUNDS)
    met = Counter(name for number in rounds for name in deal(seed, number, NAMES, ("hold",)).faults)
    assert set(met) == set(NAMES)
    # A deck, not dice: none is met twice more often than another.
    assert max(met.values()) - min(met.values()) <= 1


def test_same_seed_deals_the_same_round_alone_and_in_a_row() -> None:
    row = [deal(7, number, NAMES, strategies()) for number in range(1, 30)]
    assert [deal(7, number, NAMES, strategies()) for number in reversed(range(1, 30))] == row[::-1]
    assert row != [deal(8, number, NAMES, strategies()) for number in range(1, 30)]


def test_choices_inside_a_round_follow_from_the_seed_and_the_place() -> None:
    hand = deal(7, 3, NAMES, strategies())
    assert hand.rng(0).random() == deal(7, 3, NAMES, strategies()).rng(0).random()
    drawn = {hand.rng(place).random() for place in range(LEAST_FAULTS)}
    assert len(drawn | {deal(7, 4, NAMES, strategies()).rng(0).random()}) == LEAST_FAULTS + 1


def test_few_faults_all_come_in_one_round() -> None:
    assert set(deal(1, 1, NAMES[:3], ("hold",)).faults) == set(NAMES[:3])


def test_most_rounds_play_against_a_server_that_ignores_keys() -> None:
    dealt = Counter(deal(7, number, NAMES, strategies()).strategy for number in range(1, 101))
    assert set(dealt) == {"lookup", "hold", "key", "resend"}
    assert dealt["lookup"] > sum(dealt.values()) / 2
    assert dealt["key"] + dealt["resend"] < sum(dealt.values()) / 4
