"""P2: an entry creates at most one record on the server, unless a person orders a resend.

In the simulator: the product's drain and storage, and a server that ignores idempotency keys, takes its time and shows
late. What it is allowed to take is the promise's own assumption: storing and listing end within settling time plus gap.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from sync.reconcile import Strategy
from sync.rules import Ask
from tests.simulator import wire
from tests.simulator.script import Script
from tests.simulator.wire import Fate
from tests.simulator.world import Violation, World, rules, simulated

TICK_S = 30.0
DELAYS = [(stored, listed) for stored in range(5) for listed in range(5) if stored + listed <= 3]
DOUBTFUL = [fate for fate in wire.SEND_FATES if fate.doubtful and not fate.hangs_at]
LATEST_S = 110.0  # together with the list's own lag just below settling time plus gap

# How a device settles doubt, and whether its server honours keys: `key` and `resend` promise nothing where it does not.
WAYS = [
    pytest.param(Strategy.LOOKUP, False, id="lookup"),
    pytest.param(Strategy.HOLD, False, id="hold"),
    pytest.param(Strategy.KEY, True, id="key"),
    pytest.param(Strategy.RESEND, True, id="resend"),
]


def played(strategy: Strategy, play: Callable[[World, Script], Any], *, honours_keys: bool = False) -> World:
    """One world to its end; whatever is still on its way is carried out. Raises: Violation."""
    script = Script()
    with simulated(script, rules(strategy)) as world:
        world.server.honours_keys = honours_keys
        play(world, script)
        world.comes_to_rest()
        world.passes(1000)
        world.watcher.judge_the_end()
        world.check()
        return world


def records(world: World) -> list[int]:
    """How many records each entry has, in capture order."""
    return [len(world.server.of(id)) for id in world.captured]


def delivered_once_before(world: World) -> None:
    """A record that is listed: what a look-up does not show beside it is not there."""
    world.capture()
    world.run(world.process())
    world.passes(300)


@pytest.mark.parametrize(("stored", "listed"), DELAYS)
def test_p2_slow_server_that_lists_late_gets_one_record(stored: int, listed: int) -> None:
    """The answer is lost in a lift; the server works through its queue, and its list is a minute old."""

    def play(world: World, script: Script) -> None:
        delivered_once_before(world)
        world.server.list_lag_s = listed * TICK_S
        script.sends.append(wire.LOST_ANSWER.later(stored * TICK_S))
        world.capture()
        world.run(world.process())

    assert records(played(Strategy.LOOKUP, play)) == [1, 1]


@pytest.mark.parametrize(("strategy", "honours_keys"), WAYS)
@pytest.mark.parametrize("fate", DOUBTFUL, ids=[fate.name for fate in DOUBTFUL])
@pytest.mark.parametrize("carried_after_s", [0.1, LATEST_S, None], ids=["stored", "late", "never"])
def test_p2_lost_answer_of_any_kind_leads_to_one_record_at_most(
    strategy: Strategy, honours_keys: bool, fate: Fate, carried_after_s: float | None
) -> None:
    """Reset, closed, silent, torn, garbled, 500, 503, 504, a gateway's page: nobody knows, so nobody guesses."""

    def play(world: World, script: Script) -> None:
        delivered_once_before(world)
        script.sends.append(fate.later(carried_after_s))
        world.capture()
        world.run(world.process())

    known, doubted = records(played(strategy, play, honours_keys=honours_keys))
    assert known == 1
    assert doubted <= 1
    if carried_after_s is not None:
        assert doubted == 1


@pytest.mark.parametrize(("strategy", "honours_keys"), WAYS)
@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_p2_process_that_dies_at_any_commit_leaves_one_record(
    strategy: Strategy, honours_keys: bool, point: str
) -> None:
    """The battery is pulled right before and right after each of its writes; the next drain finishes."""
    for number in count(1):
        died: list[bool] = []

        def play(world: World, script: Script, number: int = number, died: list[bool] = died) -> None:
            delivered_once_before(world)
            first = world.process()
            world.capture()
            world.capture()
            script.dies_at(first, point, number)
            first.begin(Ask(looked=True))
            world.until(lambda: not first.busy)
            died.append(first.dead)

        world = played(strategy, play, honours_keys=honours_keys)
        assert all(each <= 1 for each in records(world))
        if died == [False]:
            break
    assert number > 7, "a pass over two entries has seven commits: fewer means that points were missed"


@pytest.mark.parametrize("point", ["connecting", "checked", "sent", "answered", "put-sent", "put-answered"])
def test_p2_process_that_dies_on_the_wire_leaves_one_record(point: str) -> None:
    """Between connecting and the last byte of the image there is no moment at which a kill makes two of one."""

    def play(world: World, script: Script) -> None:
        delivered_once_before(world)
        first = world.process()
        world.capture()
        first.begin(Ask(looked=True))
        script.stops(world, first, point)
        first.ends()

    assert records(played(Strategy.LOOKUP, play)) == [1, 1]


def test_p2_two_lost_requests_in_a_row_still_end_in_one_record() -> None:
    """A bad day: sent, lost, looked up twice, sent again, lost again, looked up twice, delivered."""

    def play(world: World, script: Script) -> None:
        delivered_once_before(world)
        script.sends.extend([wire.LOST_REQUEST, wire.LOST_REQUEST])
        world.capture()
        world.run(world.process())

    world = played(Strategy.LOOKUP, play)
    assert records(world) == [1, 1]
    assert len(world.server.requests) == 4


def test_p2_only_a_persons_word_makes_a_second_record() -> None:
    """She says that it did not arrive, and it had: that is hers to say, and the only way to two."""

    def play(world: World, script: Script) -> None:
        script.sends.append(wire.LOST_ANSWER)
        id = world.capture()
        world.run(world.process())
        assert world.state(id) == "parked"
        world.resyncs(id)
        world.run(world.processes[0])
        assert records(world) == [1]
        assert world.says_not_arrived(id)

    assert records(played(Strategy.HOLD, play)) == [2]


def test_p2_server_outside_the_assumption_is_where_the_promise_ends() -> None:
    """Stored 150 s after the last byte: known, written down, and what `hold` and longer waits are for."""

    def play(world: World, script: Script) -> None:
        delivered_once_before(world)
        script.sends.append(wire.LOST_ANSWER.later(150.0))
        world.capture()
        world.run(world.process())

    with pytest.raises(Violation, match="DUPLICATE"):
        played(Strategy.LOOKUP, play)
    assert records(played(Strategy.HOLD, play)) == [1, 1]
