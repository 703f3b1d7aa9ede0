"""Thousands of stories by chance keep every promise, and the same explorer finds the bugs that are planted for it.

`FIELDSYNC_TEST_SEEDS=20000` plays more of them, `FIELDSYNC_TEST_FIRST_SEED=5000` others. A seed that broke something
is printed with its trace; `python -m tests.simulator.explorer SEED` tells it again.

What the promises are in a story: `tests/simulator/watcher.py`. Not expressed here: power cuts that tear a commit (the
disk is taken to be honest; tests/fault/test_power_cut.py), several devices, and a database that is used twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from tests.simulator.explorer import explore
from tests.simulator.world import Violation

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("FIELDSYNC_TEST_SEEDS", "2000"))
FIRST = int(os.environ.get("FIELDSYNC_TEST_FIRST_SEED", "0"))
PROCESSES = 2

# What is taken out, and after how many seeds it has to be noticed at the latest: several times what it took.
PLANTED = [
    ("doubt_is_a_state_of_its_own", 200),
    ("done_means_that_the_etag_was_compared", 300),
    ("doubt_clock_starts_when_the_sender_can_send_no_more", 200),
    ("last_miss_lies_a_gap_behind_the_settling_time", 200),
    ("taking_a_row_ends_its_lease", 100),
    ("lock_for_the_life_of_the_sender", 500),
    ("a_person_waits_for_a_live_lease", 1500),
    ("a_201_is_one_commit", 2000),
    ("pages_of_a_gateway_are_doubt", 1500),
    ("lock_is_kept_while_a_thread_may_still_send", 2000),
]


def test_every_promise_holds_in_thousands_of_stories() -> None:
    """P1 to P7: two thousand days on which everything goes wrong, each of them told again by its number."""
    share = -(-SEEDS // PROCESSES)
    explorers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulator.explorer", "--from", str(first), "--count", str(share)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for first in range(FIRST, FIRST + share * PROCESSES, share)
    ]
    told = [explorer.communicate()[0] for explorer in explorers]
    assert [explorer.returncode for explorer in explorers] == [0] * PROCESSES, "".join(told)


@pytest.mark.parametrize("seed", range(40))
def test_a_seed_tells_the_same_story_again(seed: int) -> None:
    """Nothing but the seed decides; a failure that cannot be seen again is no help to anybody."""
    first = explore(seed).trace
    explore(seed + 1000)
    assert explore(seed).trace == first


@pytest.mark.parametrize(("rule", "within"), PLANTED, ids=[rule for rule, _ in PLANTED])
def test_explorer_notices_that_a_rule_is_gone(rule: str, within: int) -> None:
    """What finds nothing proves nothing: without each of these rules some story breaks a promise."""
    for seed in count(FIRST):
        assert seed < FIRST + within, f"nobody misses {rule}"
        try:
            explore(seed, without=(rule,))
        except Violation:
            return
